#include "penstock/proxy/station.h"

#include <algorithm>
#include <random>
#include <utility>

namespace penstock {

Station::Station(Loop& loop, unsigned worker, ProcessState& process, StationOwner& owner)
    : loop_(loop), worker_(worker), process_(process), owner_(owner) {
  std::random_device device;
  // The whole process has so many.
  drains_.most = std::max<std::size_t>(1, drains_.most / process.workers);
  random_ = ((static_cast<std::uint64_t>(device()) << 32) ^ device()) | 1;
}

Station::~Station() { close(); }

void Station::adopt(std::shared_ptr<const Snapshot> snapshot) {
  Ref<Generation> before = std::exchange(generation_, make_ref<Generation>(loop_, snapshot, owner_, worker_));
  generations_.push_back(*generation_);
  std::map<std::string, std::unique_ptr<Frontend>> left = std::move(frontends_);
  frontends_.clear();
  std::erase_if(closing_, [](const auto& frontend) { return frontend->empty(); });
  for (const BindSpec& bind : snapshot->binds) {
    auto found = left.find(bind.key);
    if (found != left.end()) {
      found->second->adopt(bind);
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
  if (before) before->retire(*generation_);
}

bool Station::admit(const FrontendSpec& frontend, const BindSpec& bind) {
  const std::uint32_t limit = process_.maxconn.load(std::memory_order_relaxed);
  const std::uint32_t all = process_.connections.fetch_add(1);
  const std::uint32_t here = frontend.state->connections.fetch_add(1);
  const std::uint32_t this_way = bind.bound->connections->fetch_add(1);
  // Two for each client: its own and the one to its server.
  const bool room = process_.descriptors.load(std::memory_order_relaxed) + 2 <=
                    process_.descriptor_limit.load(std::memory_order_relaxed);
  const auto below = [](std::uint32_t count, std::uint32_t most) { return most == 0 || count < most; };
  if (below(all, limit) && below(here, frontend.maxconn) && below(this_way, bind.maxconn) && room) {
    ++clients_;
    return true;
  }
  process_.connections.fetch_sub(1);
  frontend.state->connections.fetch_sub(1);
  bind.bound->connections->fetch_sub(1);
  // Whoever leaves after this wakes us; whoever left before it made room that a second look finds.
  if (process_.paused.exchange(1) != 0) return false;
  return admit(frontend, bind);
}

void Station::dismiss(FrontendState& frontend, ConnectionCount& bind) {
  --clients_;
  process_.connections.fetch_sub(1);
  frontend.connections.fetch_sub(1);
  bind.fetch_sub(1);
  if (process_.paused.load() != 0 && process_.paused.exchange(0) != 0) owner_.wake_listeners();
  if (draining_ && clients_ == 0) owner_.on_station_empty(worker_);
}

void Station::resume_listeners() {
  for (auto& [key, frontend] : frontends_) frontend->resume();
}

void Station::drain() {
  if (std::exchange(draining_, true)) return;
  for (Generation& generation : generations_) generation.note_stopping();
  // One more until all are closed: what leaves meanwhile is not the last.
  ++clients_;
  for (auto& [key, frontend] : frontends_) frontend->close(generation_);
  if (--clients_ == 0) owner_.on_station_empty(worker_);
}

void Station::close() {
  draining_ = false;
  frontends_.clear();
  closing_.clear();
  generation_ = nullptr;
}

void Station::serve_lines(BackendState& state) {
  for (Generation& generation : generations_) {
    if (Backend* backend = generation.find(state)) backend->serve_line();
  }
}

void Station::shut_down_sessions(const Server& server) {
  for (Generation& generation : generations_) generation.shut_down(server);
  for (auto& [key, frontend] : frontends_) frontend->shut_down(server);
  for (auto& frontend : closing_) frontend->shut_down(server);
}

}  // namespace penstock
