// What is under way on a worker at a moment, for administrators: a request, a tunnel, or a client that keeps server
// connections of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

struct Running {
  enum class Kind : std::uint8_t { Request, Tunnel, Idle };  // Idle: a pinned client between requests.
  std::uint64_t id = 0;                                      // Of the client, while it is there.
  Kind kind = Kind::Idle;
  bool pinned = false;
  bool is_unix = false, is_ip6 = false;
  std::string_view phase;  // "queue", "connect", ...
  std::uint64_t began_ms = 0;
  std::int64_t accepted_us = 0;
  std::uint32_t retries = 0;
  std::string source, destination, server_address;
  std::string frontend, backend, server;  // Empty: none yet.
  std::vector<std::string> own;           // Servers with an idle connection of this client's own: "backend/server".
};

}  // namespace penstock
