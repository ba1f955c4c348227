#include "servers_seen.h"

#include <numeric>
#include <utility>

#include "penstock/control/crew.h"
#include "penstock/proxy/station.h"

namespace penstock {

std::size_t ServerSeen::idle_total() const { return std::accumulate(idle.begin(), idle.end(), std::size_t{0}); }

const ServerSeen& ServersSeen::of(const ServerSpec& server) const {
  const auto found = servers_.find(server.state.get());
  return found == servers_.end() ? nothing_ : found->second;
}

std::uint64_t ServersSeen::seconds_since_change(const ServerSpec& server) const {
  const std::uint64_t changed = server.state->changed_at_ms.load(std::memory_order_relaxed);
  const std::uint64_t since = changed == 0 ? started_ms_ : changed;
  return now_ms_ > since ? (now_ms_ - since) / 1000 : 0;
}

// What one worker has seen lies in a place of its own until all have looked.
class Look {
 public:
  Look(Crew& crew, std::vector<const BackendPlan*> plans)
      : snapshot_(crew.snapshot()), plans_(std::move(plans)), workers_(crew.workers()), by_worker_(workers_) {}

  void at(unsigned worker, Station& station) {
    for (const BackendPlan* plan : plans_) {
      Backend* backend = station.generation() ? station.generation()->find(*plan->balance.state) : nullptr;
      for (const ServerSpec& server : plan->balance.servers) {
        if (server.state->keeper(workers_) == worker) remember(worker, server);
        ServerSlot* slot = backend == nullptr ? nullptr : backend->find(*server.state);
        Pool* pool = slot == nullptr ? nullptr : slot->pool_if_made();
        if (pool != nullptr) count(worker, server, *pool);
      }
    }
  }

  std::shared_ptr<const ServersSeen> together(std::uint64_t now_ms, std::uint64_t started_ms) {
    auto all = std::make_shared<ServersSeen>(workers_, now_ms, started_ms);
    for (const BackendPlan* plan : plans_) {
      for (const ServerSpec& server : plan->balance.servers) join(all->servers_[server.state.get()], server);
    }
    return all;
  }

 private:
  void remember(unsigned worker, const ServerSpec& server) {
    ServerSeen& seen = by_worker_[worker][server.state.get()];
    seen.status = server.state->check.last_status;
    seen.checks_off = server.state->check.off;
    seen.health = server.state->check.health;
    ServerSaid said{server.state->orders(), server.state->check_host, server.state->check_port, {}, 0};
    if (const auto& agent = server.state->agent) {
      seen.agent_off = agent->memory.off;
      said.agent_host = agent->host;
      said.agent_port = agent->port;
    }
    const bool is_asked_elsewhere = !said.agent_host.empty() || said.agent_port != 0;
    if (!said.orders.empty() || !said.check_host.empty() || said.check_port != 0 || is_asked_elsewhere)
      seen.said = std::make_unique<const ServerSaid>(std::move(said));
  }

  void count(unsigned worker, const ServerSpec& server, const Pool& pool) {
    ServerSeen& seen = by_worker_[worker][server.state.get()];
    seen.used = static_cast<std::uint32_t>(pool.in_use());
    seen.most_used = static_cast<std::uint32_t>(pool.peak());
    seen.idle = {static_cast<std::uint32_t>(pool.idle())};
  }

  void join(ServerSeen& to, const ServerSpec& server) {
    for (unsigned worker = 0; worker < workers_; ++worker) {
      const auto found = by_worker_[worker].find(server.state.get());
      if (found == by_worker_[worker].end()) continue;
      ServerSeen& part = found->second;
      to.used += part.used;
      to.most_used += part.most_used;
      if (!part.idle.empty() && part.idle.front() != 0) {
        to.idle.resize(workers_);
        to.idle[worker] = part.idle.front();
      }
      if (server.state->keeper(workers_) != worker) continue;
      to.status = part.status;
      to.health = part.health;
      to.checks_off = part.checks_off;
      to.agent_off = part.agent_off;
      to.said = std::move(part.said);
    }
  }

  const std::shared_ptr<const Snapshot> snapshot_;  // Keeps the plans.
  const std::vector<const BackendPlan*> plans_;
  const unsigned workers_;
  std::vector<std::unordered_map<const Server*, ServerSeen>> by_worker_;
};

void look_at_servers(Crew& crew, std::vector<const BackendPlan*> plans,
                     std::function<void(const std::shared_ptr<const ServersSeen>&)> done) {
  const auto look = std::make_shared<Look>(crew, std::move(plans));
  crew.ask([look](unsigned worker, Station& station) { look->at(worker, station); },
           [look, &crew, done = std::move(done)] { done(look->together(crew.now_ms(), crew.started_ms())); });
}

}  // namespace penstock
