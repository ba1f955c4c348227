// What differs between two configurations, in words for the log. Values of secret words are never
// shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace penstock::config {

// Of two canonical dumps, in the order of the second: "+frontend f", "-backend b", "backend b:
// server s1: +disabled", "frontend f: timeout client: 5s -> 10s". Empty: there is none.
std::vector<std::string> differences(std::string_view before, std::string_view after);

}  // namespace penstock::config
