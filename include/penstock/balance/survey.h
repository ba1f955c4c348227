// Many servers, each checked once: what an administrator wants to see before a configuration goes live.
#pragma once

#include <cstddef>
#include <vector>

#include "penstock/balance/health.h"

namespace penstock {

// One result for each target, in their order. Runs the loop until the last has come; each takes as long as its
// server's check may, and at most `at_once` are under way.
std::vector<CheckResult> check_once(Loop& loop, const std::vector<Checks::Target>& targets, std::size_t at_once = 256);

}  // namespace penstock
