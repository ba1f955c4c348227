// What a snapshot stands on: the configuration, what it needs from outside, and what is neither frontend nor backend.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "penstock/config/settings.h"
#include "penstock/proxy/bundle.h"
#include "penstock/proxy/log_output.h"
#include "penstock/proxy/plan.h"
#include "penstock/tables/cache.h"
#include "penstock/tables/stick_table.h"

namespace penstock {

// An output of the log, and a line that asks for it.
struct LogUse {
  std::shared_ptr<LogOutput> output;
  config::Place place;
};

// A stick table, and how its line has it; no table: none has that number.
struct TablePlan {
  std::string proxy;
  std::shared_ptr<StickTable> table;
  config::StickTable line;
  bool of_servers = false;  // `stick` lines use it.
};

// A set of patterns as the runtime socket names it. One place may stand for several sets, where sections share it.
struct PatternPlan {
  std::uint32_t id = 0;
  std::string file;  // Empty: values of the configuration.
  std::string description;
  bool by_acl = false, by_map = false;  // Who asks it.
  bool two_columns = false;
  bool secret = false;  // What is compared with it, or found in it, may be a credential.
  std::vector<std::shared_ptr<rules::PatternSet>> sets;
};

// A server that gets what is written to a ring.
struct RingServerPlan {
  std::string name;
  SocketAddress address;
  bool octet_count = false;
  std::uint64_t connect_ms = 0, server_ms = 0;  // 0: no limit.
  std::shared_ptr<const TlsContext> tls;        // Null: in clear text.
  std::string tls_name, verify_name;
  std::uint64_t wire = 0;  // A digest of what TLS is made of.

  // The same lines by the same wire.
  bool is_like(const RingServerPlan& other) const {
    return name == other.name && address == other.address && octet_count == other.octet_count && wire == other.wire &&
           connect_ms == other.connect_ms && server_ms == other.server_ms;
  }
};

struct RingPlan {
  std::string name, description;
  std::shared_ptr<Ring> ring;  // Null: nobody writes there.
  std::vector<RingServerPlan> servers;
};

// Answers that are kept, and how their section has it.
struct CachePlan {
  std::shared_ptr<Cache> cache;
  config::Cache line;
};

struct MailerPlan {
  std::string name;
  SocketAddress address;
  bool operator==(const MailerPlan&) const = default;
};

// Mails about the servers of a backend.
struct MailPlan {
  std::string backend;
  std::string host, from, to;  // Host: as which we speak.
  Level level = Level::Alert;  // What is less severe is not sent.
  std::uint64_t timeout_ms = 0;
  std::vector<MailerPlan> mailers;
};

// Another process with which stick tables are shared.
struct PeerPlan {
  std::string name;
  SocketAddress address;  // Empty: it may come, and is not called.
  bool operator==(const PeerPlan&) const = default;
};

// A section `peers`. Whose tables are shared say their lines.
struct PeersPlan {
  std::string name, local;
  bool disabled = false;
  SocketAddress address;                      // Of our own,
  std::shared_ptr<const BoundAddress> bound;  // where others come to; null: nowhere.
  std::vector<PeerPlan> peers;                // All others.
};

// All of a snapshot but its plans: what no amendment touches.
struct SnapshotGround {
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };
  // The side of a section in the configuration, and its number.
  struct Named {
    std::size_t proxy = 0;  // In Config::proxies.
    int number = -1;
  };
  using Names = std::unordered_map<std::string, Named, NameHash, std::equal_to<>>;
  // Of one side of a section, by its number.
  struct Side {
    std::size_t proxy = 0;                           // In Config::proxies.
    std::uint32_t id = 0;                            // As `id` says, or counted.
    std::shared_ptr<const std::vector<Line>> lines;  // Where Making::lines are now. Null: where they were.
  };

  SnapshotGround(std::shared_ptr<const config::Config> config, Bundle bundle);
  ~SnapshotGround();
  // The backend of that name or number, as the file has it; null: there is none.
  const config::Proxy* backend(const std::string& name) const;
  const config::Proxy* backend(int number) const;

  std::shared_ptr<const config::Config> config;
  Bundle bundle;
  std::vector<TablePlan> tables;  // By the number that rules have for them.
  std::vector<LogOutput*> logs;   // Global ones: for what concerns no proxy.
  std::vector<LogUse> outputs;
  std::vector<PatternPlan> patterns;  // In the order of their numbers.
  std::vector<RingPlan> rings;        // The built-in one first.
  std::vector<PeersPlan> peers;
  std::vector<MailPlan> mails;
  std::vector<CachePlan> caches;
  Names frontends, backends;
  std::vector<Side> frontend_sides, backend_sides;
};

}  // namespace penstock
