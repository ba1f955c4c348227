// A backend's `cookie`: which server the cookie of a request names, and with what cookie the client
// goes home (manual section 4.2). The letters are those of the log's termination state
// (section 8.5).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "penstock/balance/server.h"
#include "penstock/base/arena.h"
#include "penstock/config/settings.h"
#include "penstock/http/head.h"

namespace penstock::persistence {

// The `cookie` line with what it always appends.
struct CookieSpec {
  config::Cookie line;
  std::string attributes;  // "; domain=contoso.com; HttpOnly"
  bool in_use() const { return !line.name.empty(); }
};
CookieSpec compile(const config::Cookie& line);

// The value of a server that has none, from its address; the same as HAProxy's. Empty for a unix
// address.
std::string dynamic_value(std::string_view key, const SocketAddress& address);

// May a cookie choose the server? Anyhow: even one that is down.
enum class Power : std::uint8_t { Usual, Anyhow, None };

// What a request said.
struct Claim {
  char letter = 'N';
  int server = -1;  // In the backend; -1: none that may be had.
  std::int64_t last_s = 0,
               first_s = 0;  // When the cookie was last renewed and first given; 0: unknown.
};

// Reads the request's cookies, and takes out of them what the server must not see.
Claim read(Head& request, const CookieSpec& spec, std::span<const ServerSpec> servers, Power power, std::int64_t now_s,
           Arena& arena);

// How the request came to its server.
struct Visit {
  const Head& request;
  const ServerSpec& server;
  const Claim& claim;
  bool direct = false;   // By the cookie, or by a rule: not by balancing.
  bool ignored = false;  // `ignore-persist`
  std::int64_t now_s = 0;
};

// Gives the answer the cookie that it must have, and takes away what it must not. Returns the
// letter.
char write(Head& response, const CookieSpec& spec, const Visit& visit, Arena& arena);

}  // namespace penstock::persistence
