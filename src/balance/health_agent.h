// What an agent's line says (configuration manual section 5.2, "agent-check"). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "penstock/balance/server.h"

namespace penstock {

struct AgentSays {
  ServerChange change;
  std::optional<bool> up;
  // Of the check: "via agent : down (disk full)", or what could not be understood.
  std::string text;
};
// `fixed_weights`: those of the backend's balancing can be 0 and what the file says only.
AgentSays read_agent_line(std::string_view line, const ServerSpec& server, bool fixed_weights);

}  // namespace penstock
