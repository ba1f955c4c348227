#include "penstock/rules/pattern_answer.h"

#include "expression.h"

namespace penstock::rules {

std::vector<PatternSet::Answer> ask(const PatternSet& set, std::string_view key) { return set.ask(key, cast); }

}  // namespace penstock::rules
