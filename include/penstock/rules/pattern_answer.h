// What a set of patterns says of a key, as an administrator asks it.
#pragma once

#include <string_view>
#include <vector>

#include "penstock/rules/pattern_set.h"

namespace penstock::rules {

std::vector<PatternSet::Answer> ask(const PatternSet& set, std::string_view key);

}  // namespace penstock::rules
