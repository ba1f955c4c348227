#include "matcher.h"

#include <algorithm>

namespace penstock::rules {

bool Matcher::empty() const {
  return std::all_of(indexes_.begin(), indexes_.end(), [](const PatternIndex* index) { return index->empty(); });
}

bool Matcher::matches(Subject& subject, const Value& value) const {
  if (match_ == Match::Found) return true;
  if (match_ == Match::Bool) return value.integer != 0;
  for (const PatternIndex* index : indexes_) {
    if (index->find(subject, value) != nullptr) return true;
    if (subject.trouble != Trouble::None) return false;
  }
  return false;
}

}  // namespace penstock::rules
