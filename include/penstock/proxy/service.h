// Who answers a request in place of a server: the page of statistics, the metrics. Asked like one: for a head, then for
// a body of which nobody knows the length beforehand.
#pragma once

#include "penstock/http/body_source.h"
#include "penstock/rules/verdict.h"

namespace penstock {

class Service : public BodySource {
 public:
  virtual ~Service() = default;
  // Without a body. Its texts live as long as the service, or in the arena.
  virtual rules::Reply head(Arena& arena) = 0;
};

}  // namespace penstock
