// What a section of the configuration is compiled to: a plan for each frontend, each backend, each bind address.
// Immutable, and shared by all workers and by all snapshots in which the section says the same. A plan names other
// sections by their numbers, which stay with a name as long as the process knows it, and points to none of their plans.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/balance/server.h"
#include "penstock/config/settings.h"
#include "penstock/http/back.h"
#include "penstock/http/front.h"
#include "penstock/net/tls_context.h"
#include "penstock/proxy/bundle.h"
#include "penstock/proxy/counters.h"
#include "penstock/proxy/log_output.h"
#include "penstock/proxy/persistence.h"
#include "penstock/rules/compile.h"
#include "penstock/rules/pattern_set.h"

namespace penstock {

// A date of a certificate, Unix time, as the administrator is told it.
std::string date_text(std::int64_t unix_time);

// Something that a plan was told while it was made, beside what its section says: the text of a file, the address of a
// name, the number of another section. Whoever would use it again asks again.
struct Question {
  enum class Kind : std::uint8_t {
    Text,
    Credentials,
    Address,
    Host,
    Frontend,
    Backend,
    Server,
    Table,
    Fullconn,
    Leader
  };
  Kind kind = Kind::Text;
  std::string about;
  std::uint64_t answer = 0;  // Or a digest of it.
};

// A line of the configuration.
struct Line {
  std::uint32_t file = 0, line = 0;
  auto operator<=>(const Line&) const = default;
};

// Of what a plan was made.
struct Making {
  std::vector<Question> questions;
  // Sets of patterns that its rules ask.
  std::vector<rules::PatternUse> patterns;
  // Those of its rules, in the order of config::Proxy, as they were when it was made.
  std::vector<Line> lines;
  // Nothing was complained about: what is used again would be silent where the administrator must be told once more.
  bool quiet = true;
  // Not as the file has it any more.
  bool amended = false;
};

// What a client has come in by. A reload may take the bind line away while the client is there.
struct Entrance : rules::BindFacts {
  std::string trust;  // verify, CA, CRL: a client trusted under another leaves.
  std::shared_ptr<FrontendState> frontend;
  std::shared_ptr<ListenerState> listener;
};

// One address of one bind line.
struct BindSpec {
  std::string key;  // Stays over reloads while the address does.
  std::shared_ptr<const Entrance> entrance;
  int frontend = -1;  // Its number.
  config::Place place;
  std::shared_ptr<const BoundAddress> bound;
  std::shared_ptr<const TlsContext> tls;
  bool accept_proxy = false;
  bool defer_accept = false;
  std::uint32_t maxconn = 0;  // Of this address alone; 0: none.
  SocketOptions accepted;     // Of the connections that come.
};

struct FrontendPlan {
  std::string name;
  int number = -1;
  config::Mode mode = config::Mode::Http;
  std::uint32_t maxconn = 0;       // 0: the process's.
  std::uint32_t session_rate = 0;  // Clients a second; 0: no limit.
  std::uint32_t most_own = 0;      // Idle server connections that a client keeps to itself.
  rules::FrontendRules rules;
  FrontOptions http;
  std::uint64_t tunnel_ms = 0, client_ms = 0, client_fin_ms = 0, tarpit_ms = 0;
  config::HttpMode http_mode = config::HttpMode::KeepAlive;
  config::ForwardFor forward_for, original_to;
  std::string monitor_uri;
  std::string unique_id_header;
  bool ignore_probes = false;  // Who says nothing is told nothing, and not logged.
  bool dont_log_null = false, dont_log_normal = false, log_separate_errors = false, log_asap = false;
  bool buffer_request = false;
  bool socket_stats = false;
  std::optional<config::StatsPage> stats;
  config::Compression compression;
  std::uint64_t body_ms = 0;  // For a body that is waited for: timeout http-request.
  std::vector<LogOutput*> logs;
  std::shared_ptr<FrontendState> state;
  Making making;
};

// `retry-on`: after what a request goes out once more.
struct RetryOn {
  bool connect_failure = true, empty = false, junk = false, late = false;
  std::vector<std::uint16_t> statuses;
};

struct BackendPlan {
  BackendSpec balance;
  config::Mode mode = config::Mode::Http;
  std::shared_ptr<const rules::BackendRules> rules;  // Shared with the plan that this one is an amendment of.
  BackOptions http;
  std::uint64_t connect_ms = 0, server_ms = 0, queue_ms = 0, tunnel_ms = 0, server_fin_ms = 0, tarpit_ms = 0;
  std::uint32_t retries = 3;
  persistence::CookieSpec cookie;
  bool persist = false;  // A server's clients stay with it while it is down.
  bool redispatch = false;
  std::int32_t redispatch_interval = -1;
  bool abort_on_close = false;
  bool buffer_request = false;
  std::uint64_t body_ms = 0;  // For its body to come: timeout http-request.
  RetryOn retry_on;
  std::optional<config::StatsPage> stats;
  config::Compression compression;
  config::HttpMode http_mode = config::HttpMode::KeepAlive;
  config::ForwardFor forward_for, original_to;
  std::string name_header;       // In which servers are told their names; empty: they are not.
  bool check_cache = false;      // Answers with a cookie that caches may keep are refused.
  std::vector<LogOutput*> logs;  // Health of its servers.
  Making making;

  int number() const { return balance.state->number; }
  // By which balancing that hashes chooses; 0 for all other.
  std::uint32_t key_of(rules::Subject& subject) const;
  // The name that TLS towards `server` asks for; empty: none.
  std::string_view sni_of(const ServerSpec& server, rules::Subject& subject) const;
  // Before a server that refused is tried again (manual, "retries").
  std::uint64_t retry_pause_ms() const { return connect_ms == 0 ? 1000 : std::min<std::uint64_t>(connect_ms, 1000); }
  // `option redispatch <interval>`: whether the retry of this number may leave the server a client belongs to.
  // Every so many; -1 is the last one, -2 the one before it; 0 is none.
  bool redispatch_due(std::uint32_t retry) const {
    if (redispatch_interval == 0) return false;
    const std::int64_t every =
        redispatch_interval > 0 ? redispatch_interval : std::int64_t{retries} + 1 + redispatch_interval;
    return retry % std::max<std::int64_t>(every, 1) == 0;
  }
};

}  // namespace penstock
