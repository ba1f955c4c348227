// The processes of the program, as `show proc` lists them.
#pragma once

#include <cstdint>
#include <string>

namespace penstock {

struct Processes {
  int parent = 0;
  int serving = 0;       // 0: none is, now.
  unsigned reloads = 0;  // Tried, since the program began;
  unsigned failed = 0;   // of these in vain, since one went well.
  std::uint64_t parent_age_ms = 0;
  std::uint64_t serving_age_ms = 0;
};

// HAProxy's table. One process alone is in both places.
std::string processes_text(const Processes& processes);

// "Success=1", and what there was to say.
std::string reload_text(bool success, const std::string& said);

}  // namespace penstock
