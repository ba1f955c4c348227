// All that has a line in the statistics, one after the other, as it is at that moment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "penstock/proxy/statistics.h"

namespace penstock::statistics {

// Which are wanted.
struct Filter {
  std::int64_t proxy_id = -1;                     // -1: all.
  std::string proxy;                              // By name; empty: all.
  std::optional<std::vector<std::string>> scope;  // Names of proxies that may be shown.
  unsigned kinds = ~0u;                           // Bits.
  std::int64_t id = -1;
  bool up_only = false;   // Of servers.
  bool no_maint = false;  // The same.
  bool legends = true;
};

// From `show stat <iid> <type> <sid>`: 1 frontends, 2 backends, 4 servers, 8 listeners, -1 all.
unsigned kinds_of(std::int64_t type);

// One after the other: in the order of the file a frontend, its listeners (`option socket-stats`), servers, a backend.
class Walk {
 public:
  Walk(std::shared_ptr<const Snapshot> snapshot, const ProcessState& process, std::uint64_t now_ms, Filter filter);
  // Null: that was all. What it gave before is no longer.
  const Object* next();

 private:
  enum class Stage : std::uint8_t { Frontend, Listeners, Servers, Backend };
  bool step();
  bool is_wanted() const;
  void begin(Kind kind);
  void make_frontend();
  void make_listener(const BindSpec& bind);
  void make_server(const ServerSpec& server);
  void make_backend();
  bool next_listener();
  bool next_server();
  void next_proxy();

  std::shared_ptr<const Snapshot> snapshot_;
  const ProcessState& process_;
  const std::uint64_t now_ms_;
  const Filter filter_;
  std::size_t proxy_ = 0;  // In Config::proxies.
  std::size_t frontends_ = 0, backends_ = 0, at_ = 0;
  const FrontendPlan* frontend_ = nullptr;
  const BackendPlan* backend_ = nullptr;
  std::vector<std::vector<const BindSpec*>> listeners_;  // By number of the frontend.
  Stage stage_ = Stage::Frontend;
  bool begun_ = false;
  Sums times_;  // Of the servers of the backend that comes.
  Object object_;
};

// `clear counters`: peaks, and with `all` whatever else was counted. For each worker on its own thread.
void clear(const Snapshot& snapshot, ProcessState& process, unsigned worker, bool all);

}  // namespace penstock::statistics
