// Words of one rule to a Step: its action, found in the tables of action_row.h, and its condition.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "action_row.h"

namespace penstock::rules {

// Samples that rules of this set may use.
unsigned available_to(config::Rule::Set set, config::Mode mode);

// Nothing after a complaint, and nothing without one for a rule that has no effect (it was warned about).
std::optional<Step> compile_rule(Compiling& compiling, const config::Rule& rule, const Slots& slots);
// True for an action that makes a slot of its own (`capture ... len`).
bool makes_slot(const config::Rule& rule);
std::uint32_t length_of_slot(const config::Rule& rule);
// Files that a rule's words name.
void collect_rule_files(const config::Rule& rule, std::vector<NamedFile>& files);

}  // namespace penstock::rules
