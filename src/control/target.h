// The server that a command names as "backend/server".
#pragma once

#include <optional>
#include <string>

#include "command.h"
#include "penstock/proxy/snapshot.h"

namespace penstock {

struct Target {
  std::string backend, name;
  const ServerSpec* spec = nullptr;
  const BackendPlan* plan = nullptr;
};

// By the call's first argument; the call fails if there is none.
std::optional<Target> target_of(const CallRef& call);

}  // namespace penstock
