// What is known of frontends, bind lines, backends and servers at a moment, by the columns of HAProxy's statistics
// (management manual, section 9.1). One table of columns, which every form walks: CSV, typed, JSON, HTML, metrics. Any
// thread may read: atomics, and a server's lock for the words of its last check.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "penstock/balance/ledger.h"
#include "penstock/proxy/counters.h"
#include "penstock/proxy/snapshot.h"

namespace penstock::config {
struct Proxy;
}

namespace penstock::statistics {

// As the column "type" has them.
enum class Kind : std::uint8_t { Frontend = 0, Backend = 1, Server = 2, Listener = 3 };
constexpr unsigned bit(Kind kind) { return 1u << static_cast<unsigned>(kind); }

struct Value {
  enum class Type : std::uint8_t { None, U32, U64, S32, Text };
  static Value none() { return {}; }
  static Value u32(std::uint64_t number) { return {Type::U32, static_cast<std::int64_t>(number), {}}; }
  static Value u64(std::uint64_t number) { return {Type::U64, static_cast<std::int64_t>(number), {}}; }
  static Value s32(std::int64_t number) { return {Type::S32, number, {}}; }
  static Value of(std::string_view text) { return {Type::Text, 0, text}; }
  bool is_none() const { return type == Type::None; }

  Type type = Type::None;
  std::int64_t number = 0;
  std::string_view text;  // Lives as long as the object.
};

// What a column is: three letters of the typed form (origin, nature, scope).
enum class Shape : std::uint8_t {
  Name,         // KNS
  Label,        // CNS
  Key,          // KGP
  FixedKey,     // KGS
  Setting,      // CGS
  Limit,        // CLP
  Status,       // SGP
  Gauge,        // MGP
  Peak,         // MMP
  Counter,      // MCP
  Rate,         // MRP
  Mean,         // MaP
  Age,          // MAP
  Duration,     // MDP
  Output,       // MOP
  StatusOrSum,  // SGP of a server, MGP of a backend.
  RateOrGauge,  // MRP, of a backend MGP.
  PeakOrGauge,  // MMP, of a backend MGP.
};
std::string_view tags_of(Shape shape, Kind kind);

// Of a backend: what its servers make together.
struct Together {
  std::uint32_t active = 0, backup = 0;  // That take traffic.
  std::uint64_t weight = 0, user_weight = 0;
  std::uint64_t in_use = 0, idle = 0;  // Connections to them.
};

// One of them. Its texts lie here.
struct Object {
  Kind kind = Kind::Frontend;
  const Snapshot* snapshot = nullptr;
  const config::Proxy* line = nullptr;  // Of the configuration.
  const ProcessState* process = nullptr;
  std::uint64_t now_ms = 0;
  bool legends = true;                     // Addresses, cookies and the like are shown.
  const FrontendPlan* frontend = nullptr;  // Of a frontend or listener.
  const BindSpec* bind = nullptr;          // Of a listener.
  const BackendPlan* backend = nullptr;    // Of a backend or server.
  const ServerSpec* server = nullptr;      // Of a server,
  const ServerSpec* checked = nullptr;     // and the one whose checks are its own: itself or whom it tracks.
  std::string_view proxy, service;         // pxname, svname
  std::uint32_t proxy_id = 0, id = 0;      // iid, sid
  bool is_http = false;
  Sums sums;
  Together together;
  std::uint64_t fullconn = 0;  // Of a backend.
  Server::CheckMemory check;   // Of `checked`.
  Server::CheckMemory agent;   // Of `server`, if it has one.
  std::string status, address, made_service;
};

// Column of a table that walks from left to right.
struct Column {
  std::string_view name;    // As CSV and the others have it.
  std::string_view metric;  // Behind "haproxy_server_" and the like; empty: none.
  std::string_view help;
  Shape shape = Shape::Counter;
  unsigned kinds = 0;      // Bits of those that have it.
  unsigned http_only = 0;  // Bits of those that have it in mode http only.
  // How copies join is what the getter says: sums of ledgers, means of them, the process's one count or its peak.
  Value (*get)(const Object& object) = nullptr;
};
std::span<const Column> columns();
// None: the object has no such thing.
Value value_of(const Column& column, const Object& object);

// What is left of its weight by slow start.
std::uint64_t weight_in_force(const ServerSpec& server);
// Idle connections to it.
std::uint64_t idle_of(const ServerSpec& server);
// Those of them that have served more than one request.
std::uint64_t safe_idle_of(const ServerSpec& server);

}  // namespace penstock::statistics
