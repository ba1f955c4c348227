// A Config and its Bundle compiled: immutable, shared by all workers. Building does no I/O.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "penstock/balance/server.h"
#include "penstock/balance/stick_table.h"
#include "penstock/config/diagnostics.h"
#include "penstock/config/settings.h"
#include "penstock/http/h1_back.h"
#include "penstock/http/h1_front.h"
#include "penstock/net/tls_context.h"
#include "penstock/proxy/bundle.h"
#include "penstock/proxy/counters.h"
#include "penstock/proxy/log_output.h"
#include "penstock/proxy/persistence.h"
#include "penstock/rules/compile.h"

namespace penstock {

// A date of a certificate, Unix time, as the administrator is told it.
std::string date_text(std::int64_t unix_time);

// What a client has come in by. A reload may take the bind line away while the client is there.
struct Entrance : rules::BindFacts {
  std::string trust;  // verify, CA, CRL: a client trusted under another leaves.
  std::shared_ptr<FrontendState> frontend;
  std::shared_ptr<ConnectionCount> connections;  // Of the address.
};

// One address of one bind line.
struct BindSpec {
  std::string key;  // Stays over reloads while the address does.
  std::shared_ptr<const Entrance> entrance;
  std::size_t frontend = 0;  // Index in Snapshot::frontends.
  std::shared_ptr<const BoundAddress> bound;
  std::shared_ptr<const TlsContext> tls;
  bool accept_proxy = false;
  bool defer_accept = false;
  std::uint32_t maxconn = 0;  // Of this address alone; 0: none.
  SocketOptions accepted;     // Of the connections that come.
};

struct FrontendSpec {
  std::string name;
  int index = 0;  // In Snapshot::frontends.
  std::uint32_t id = 0;
  config::Mode mode = config::Mode::Http;
  std::uint32_t maxconn = 0;  // 0: the process's.
  rules::FrontendRules rules;
  H1FrontOptions http;
  std::uint64_t tunnel_ms = 0, client_ms = 0, client_fin_ms = 0, tarpit_ms = 0;
  config::HttpMode http_mode = config::HttpMode::KeepAlive;
  config::ForwardFor forward_for;
  std::string monitor_uri;
  std::string unique_id_header;
  bool ignore_probes = false;  // Who says nothing is told nothing, and not logged.
  bool dont_log_null = false, dont_log_normal = false, log_separate_errors = false, log_asap = false;
  bool buffer_request = false;
  std::uint64_t body_ms = 0;  // For a body that is waited for: timeout http-request.
  std::vector<LogOutput*> logs;
  std::shared_ptr<FrontendState> state;
};

// `retry-on`: after what a request goes out once more.
struct RetryOn {
  bool connect_failure = true, empty = false, junk = false, late = false;
  std::vector<std::uint16_t> statuses;
};

struct BackendRuntimeSpec {
  BackendSpec balance;
  std::uint32_t id = 0;
  config::Mode mode = config::Mode::Http;
  rules::BackendRules rules;
  H1BackOptions http;
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
  config::HttpMode http_mode = config::HttpMode::KeepAlive;
  config::ForwardFor forward_for;
  std::vector<LogOutput*> logs;  // Health of its servers.

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

class Snapshot {
 public:
  struct Sources {
    ServerRegistry& servers;
    StickTableRegistry& tables;
    TicketKeys& tickets;
    std::map<std::string, std::shared_ptr<FrontendState>>& frontend_states;
    std::map<std::string, std::shared_ptr<LogOutput>>& log_outputs;
    ProcessState& process;
    LogDescriptors* log_descriptors = nullptr;
    // Null: log targets are within reach.
    LogReach* log_reach = nullptr;
    // penstock -c: log targets are not opened.
    bool check_only = false;
  };
  // Null after complaints.
  static std::shared_ptr<const Snapshot> build(config::Config config, Bundle bundle, const Sources& sources,
                                               config::Diagnostics& diagnostics);

  const config::Config& config;
  Bundle bundle;
  std::vector<FrontendSpec> frontends;
  std::vector<BackendRuntimeSpec> backends;
  std::vector<BindSpec> binds;
  std::vector<std::shared_ptr<StickTable>> tables;  // Of config.tables(), in their order.
  std::vector<LogOutput*> logs;                     // Global ones: for what concerns no proxy.
  std::vector<std::shared_ptr<LogOutput>> outputs;

  int backend_index(const std::string& name) const {
    const auto found = backend_by_name_.find(name);
    return found == backend_by_name_.end() ? -1 : found->second;
  }
  // The server is still there, at the same address.
  bool uses(const Server& server) const;

  Snapshot(std::shared_ptr<const config::Config> made_from, Bundle bundle);
  Snapshot(const Snapshot&) = delete;

 private:
  friend class SnapshotBuilder;
  std::shared_ptr<const config::Config> config_;  // Apart: who knows a snapshot need not know the model.
  std::unordered_map<std::string, int> backend_by_name_;
};

}  // namespace penstock
