// The server that a command names as "backend/server".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "command.h"
#include "penstock/proxy/snapshot.h"

namespace penstock {

struct Target {
  std::string backend, name;
  const ServerSpec* spec = nullptr;
  const BackendPlan* plan = nullptr;
};

// By the call's first argument; the call fails if there is none. Both sides may be "#<id>".
std::optional<Target> target_of(const CallRef& call);
// By name, or by "#<id>"; null: there is none.
const BackendPlan* find_backend(const Snapshot& snapshot, std::string_view word);
const FrontendPlan* find_frontend(const Snapshot& snapshot, std::string_view word);

}  // namespace penstock
