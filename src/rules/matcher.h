// Patterns of an ACL and the ways of matching a sample against them (manual section 7.1).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pattern_index.h"
#include "penstock/rules/pattern_set.h"
#include "penstock/rules/subject.h"
#include "penstock/rules/value.h"

namespace penstock::rules {

class Matcher {
 public:
  explicit Matcher(Match match) : match_(match) {}
  Match match() const { return match_; }
  // One more set of patterns, by what it is asked.
  void add(std::shared_ptr<PatternSet> set, const PatternIndex& index) {
    sets_.push_back(std::move(set));
    indexes_.push_back(&index);
  }
  bool empty() const;
  const std::vector<std::shared_ptr<PatternSet>>& sets() const { return sets_; }
  // The type a sample must be cast to before it is matched.
  Type input() const { return input_of(match_); }
  bool matches(Subject& subject, const Value& value) const;

 private:
  Match match_;
  std::vector<const PatternIndex*> indexes_;
  std::vector<std::shared_ptr<PatternSet>> sets_;
};

}  // namespace penstock::rules
