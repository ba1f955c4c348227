// A backend for tests: servers s1, s2, ... with states of their own.
#pragma once

#include <memory>
#include <string>

#include "penstock/balance/server.h"

namespace penstock::test {

inline BackendSpec farm(std::size_t servers) {
  BackendSpec spec;
  spec.name = "farm";
  spec.state = std::make_shared<BackendState>(spec.name);
  for (std::size_t i = 0; i < servers; ++i) {
    ServerSpec server;
    server.name = "s" + std::to_string(i + 1);
    server.state = std::make_shared<Server>(spec.name, server.name);
    spec.servers.push_back(server);
  }
  return spec;
}

inline void set_standing(BackendSpec& spec, std::size_t server, Standing standing) {
  spec.servers[server].state->standing = standing;
  spec.state->version.fetch_add(1);
}

inline void set_operation(BackendSpec& spec, std::size_t server, Operation operation) {
  set_standing(spec, server, {.operation = operation});
}

}  // namespace penstock::test
