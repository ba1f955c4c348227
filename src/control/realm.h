// What commands of the runtime socket work on: the process, as its master has it.
#pragma once

#include <string>

#include "penstock/base/log.h"

namespace penstock {

class Crew;
class Desk;
class Loop;
struct Options;

class Realm {
 public:
  virtual Loop& loop() = 0;
  virtual Crew& crew() = 0;
  virtual const Desk& desk() const = 0;
  virtual const Options& options() const = 0;
  // What was complained about when the process started or took its last configuration.
  virtual const std::string& complaints() const = 0;
  virtual void log(Level level, const std::string& line) = 0;

 protected:
  ~Realm() = default;
};

}  // namespace penstock
