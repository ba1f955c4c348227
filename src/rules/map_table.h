// A map as a converter asks it (manual section 7.3.1, "map"): keys matched in one of the ways of ACLs, and a value for each.
#pragma once

#include <memory>

#include "pattern_index.h"
#include "penstock/rules/pattern_set.h"
#include "penstock/rules/subject.h"
#include "penstock/rules/value.h"

namespace penstock::rules {

class MapTable {
 public:
  // `expands`: what a regular expression caught stands in the value (map_regm).
  MapTable(std::shared_ptr<PatternSet> set, const PatternIndex& index, bool expands)
      : set_(std::move(set)), index_(index), expands_(expands) {}
  Type output() const { return index_.way().output; }
  // The value as the map's output type; false: no key matches. `key` has the type the match takes.
  bool look_up(Subject& subject, const Value& key, Value& out) const;

 private:
  std::shared_ptr<PatternSet> set_;
  const PatternIndex& index_;
  const bool expands_;
};

}  // namespace penstock::rules
