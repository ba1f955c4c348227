#include "penstock/proxy/station.h"

#include <utility>

namespace penstock {

Station::Station(Loop& loop, unsigned worker, ProcessState& process, StationOwner& owner)
    : kit_(loop, worker, process), owner_(owner) {
  kit_.changes = &owner_;
  kit_.names = &owner_;
}

Station::~Station() { close(); }

void Station::adopt(std::shared_ptr<const Snapshot> snapshot, const Difference& change) {
  const Ref<Generation> before = kit_.generation;
  kit_.generation = make_ref<Generation>(kit_.loop, snapshot, owner_, kit_.worker, before.get(), change);
  generations_.push_back(*kit_.generation);
  std::map<std::string, std::unique_ptr<Frontend>> left = std::move(frontends_);
  frontends_.clear();
  std::erase_if(closing_, [](const auto& frontend) { return frontend->empty(); });
  for (const BindSpec& bind : snapshot->binds) {
    auto found = left.find(bind.key);
    if (found != left.end()) {
      found->second->adopt(bind, !before || !snapshot->is_amendment_of(before->snapshot()));
      frontends_[bind.key] = std::move(found->second);
      left.erase(found);
    } else {
      frontends_[bind.key] = std::make_unique<Frontend>(*this, bind);
    }
  }
  for (auto& [key, frontend] : left) {
    frontend->close(before);
    if (!frontend->empty()) closing_.push_back(std::move(frontend));
  }
  if (before) before->retire(*kit_.generation);
}

bool Station::admit(const FrontendPlan& frontend, const BindSpec& bind) {
  const std::uint32_t limit = kit_.process.maxconn.load(std::memory_order_relaxed);
  const std::uint32_t all = kit_.process.connections.fetch_add(1);
  const std::uint32_t here = frontend.state->connections.fetch_add(1);
  const std::uint32_t this_way = bind.bound->state->connections.fetch_add(1);
  // Two for each client: its own and the one to its server.
  const bool room = kit_.process.descriptors.load(std::memory_order_relaxed) + 2 <=
                    kit_.process.descriptor_limit.load(std::memory_order_relaxed);
  const auto below = [](std::uint32_t count, std::uint32_t most) { return most == 0 || count < most; };
  const std::int64_t order = frontend.state->maxconn_order.load(std::memory_order_relaxed);
  const bool room_here = order < 0 ? below(here, frontend.maxconn) : here < order;
  if (below(all, limit) && room_here && below(this_way, bind.maxconn) && room) {
    ++clients_;
    kit_.process.most_connections.note(all + 1);
    frontend.state->most_connections.note(here + 1);
    bind.bound->state->most_connections.note(this_way + 1);
    return true;
  }
  kit_.process.connections.fetch_sub(1);
  frontend.state->connections.fetch_sub(1);
  bind.bound->state->connections.fetch_sub(1);
  // Whoever leaves after this wakes us; whoever left before it made room that a second look finds.
  if (kit_.process.paused.exchange(1) != 0) return false;
  return admit(frontend, bind);
}

void Station::dismiss(const Entrance& entrance) {
  --clients_;
  kit_.process.connections.fetch_sub(1);
  entrance.frontend->connections.fetch_sub(1);
  entrance.listener->connections.fetch_sub(1);
  if (kit_.process.paused.load() != 0 && kit_.process.paused.exchange(0) != 0) owner_.wake_listeners();
  if (draining_ && clients_ == 0) owner_.on_station_empty(kit_.worker);
}

void Station::resume_listeners() {
  for (auto& [key, frontend] : frontends_) frontend->resume();
}

void Station::obey_door(int frontend) {
  for (auto& [key, each] : frontends_) {
    if (each->number() == frontend) each->obey_door();
  }
}

void Station::drain() {
  if (std::exchange(draining_, true)) return;
  for (Generation& generation : generations_) generation.note_stopping();
  // One more until all are closed: what leaves meanwhile is not the last.
  ++clients_;
  for (auto& [key, frontend] : frontends_) frontend->close(kit_.generation);
  if (--clients_ == 0) owner_.on_station_empty(kit_.worker);
}

void Station::close() {
  draining_ = false;
  frontends_.clear();
  closing_.clear();
  kit_.generation = nullptr;
}

void Station::serve_lines(BackendState& state) {
  for (Generation& generation : generations_) {
    Backend* backend = generation.find(state);
    if (backend == nullptr) continue;
    backend->look_again();
    backend->serve_line();
  }
}

std::vector<Running> Station::running() {
  std::vector<Running> all;
  for (auto& [key, frontend] : frontends_) frontend->tell(all);
  for (auto& frontend : closing_) frontend->tell(all);
  return all;
}

bool Station::kill(std::uint64_t id) {
  for (auto& [key, frontend] : frontends_) {
    if (frontend->kill(id)) return true;
  }
  for (auto& frontend : closing_) {
    if (frontend->kill(id)) return true;
  }
  return false;
}

void Station::shut_down_sessions(const Server& server) {
  for (Generation& generation : generations_) generation.shut_down(server);
  for (auto& [key, frontend] : frontends_) frontend->shut_down(server);
  for (auto& frontend : closing_) frontend->shut_down(server);
}

}  // namespace penstock
