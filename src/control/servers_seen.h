// What only workers know of servers, gathered from all of them: their keepers' memory of checks and orders, and
// connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "penstock/balance/server.h"
#include "penstock/proxy/snapshot.h"

namespace penstock {

class Crew;

// What few servers have.
struct ServerSaid {
  Orders orders;
  SocketAddress check_host;
  std::uint16_t check_port = 0;
  SocketAddress agent_host;
  std::uint16_t agent_port = 0;
};

struct ServerSeen {
  CheckStatus status = CheckStatus::Unknown;
  bool checks_off = false;
  bool agent_off = false;
  int health = 0;
  std::unique_ptr<const ServerSaid> said;  // Null: nothing.
  std::uint32_t used = 0, most_used = 0;
  std::vector<std::uint32_t> idle;  // By worker; empty: none anywhere.
  std::size_t idle_total() const;
};

class ServersSeen {
 public:
  ServersSeen(unsigned workers, std::uint64_t now_ms, std::uint64_t started_ms)
      : workers_(workers), now_ms_(now_ms), started_ms_(started_ms) {}
  unsigned workers() const { return workers_; }
  const ServerSeen& of(const ServerSpec& server) const;
  // Of its standing, since the start of the process at most.
  std::uint64_t seconds_since_change(const ServerSpec& server) const;

 private:
  friend class Look;
  const unsigned workers_;
  std::uint64_t now_ms_, started_ms_;
  std::unordered_map<const Server*, ServerSeen> servers_;
  const ServerSeen nothing_;  // Of one that nobody looked at.
};

// `done` is called on the crew's loop, never from within. `plans` are of the crew's snapshot.
void look_at_servers(Crew& crew, std::vector<const BackendPlan*> plans,
                     std::function<void(const std::shared_ptr<const ServersSeen>&)> done);

}  // namespace penstock
