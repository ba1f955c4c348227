// Where what was compiled stood in the configuration, for what is said about it later.
#pragma once

#include <cstdint>

#include "penstock/config/place.h"

namespace penstock::rules {

// A place, and the section whose rules hold it. Rules may outlive the text that they were compiled from, since a
// reload keeps those of sections that stay: who keeps them knows where the section stands now.
struct RulePlace : config::Place {
  std::int32_t part = -1;  // As below; -1: of no section.
};

// A number for one side of a section, made of its number in Environment. That of a backend is odd.
constexpr std::int32_t part_of_frontend(int number) { return number * 2; }
constexpr std::int32_t part_of_backend(int number) { return number * 2 + 1; }

}  // namespace penstock::rules
