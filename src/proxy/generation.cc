#include "penstock/proxy/generation.h"

#include <algorithm>
#include <random>
#include <utility>

namespace penstock {

Generation::Generation(Loop& loop, std::shared_ptr<const Snapshot> snapshot, LineWaker& waker, unsigned worker)
    : loop_(loop), snapshot_(std::move(snapshot)), waker_(waker), worker_(worker) {
  backends_.resize(snapshot_->backends.size());
}

Generation::~Generation() = default;

Backend& Generation::backend(int index) {
  auto& made = backends_[static_cast<std::size_t>(index)];
  if (!made) {
    std::random_device device;
    const std::uint64_t seed = (static_cast<std::uint64_t>(device()) << 32) ^ device() ^ worker_;
    made = std::make_unique<Backend>(loop_, snapshot_->backends[static_cast<std::size_t>(index)].balance, waker_, seed);
  }
  return *made;
}

Backend* Generation::find(const BackendState& state) {
  for (auto& backend : backends_) {
    if (backend && backend->spec().state.get() == &state) return backend.get();
  }
  return nullptr;
}

void Generation::shut_down(const Server& server) {
  for (auto& backend : backends_) {
    if (backend && backend->spec().name == server.backend_name) backend->shut_down(server);
  }
}

Backend* Generation::successor(const BackendSpec& before) {
  const int index = snapshot_->backend_index(before.name);
  return index < 0 ? nullptr : &backend(index);
}

void Generation::retire(Generation& next) {
  for (auto& backend : backends_) {
    if (!backend || (!backend->has_pools() && backend->line_length() == 0)) continue;
    Backend* successor = next.successor(backend->spec());
    backend->hand_pools_to(successor);
    if (successor != nullptr && backend->line_length() != 0) backend->hand_line_to(*successor);
  }
}

std::string_view Generation::sni_of(const ServerSpec& server, rules::Subject& subject) const {
  const int index = snapshot_->backend_index(server.state->backend_name);
  if (index < 0) return {};
  // Backends and servers have their numbers in this one.
  const rules::Numbers* of_request = std::exchange(subject.numbers, &numbers());
  const std::string_view name = snapshot_->backends[static_cast<std::size_t>(index)].sni_of(server, subject);
  subject.numbers = of_request;
  return name;
}

std::int64_t Generation::backend(rules::BackendNumber number, int backend) const {
  const BackendSpec& spec = snapshot_->backends[static_cast<std::size_t>(backend)].balance;
  std::int64_t in_use = 0, room = 0, places = 0;
  bool unlimited = false, endless = false;
  const std::vector<Candidate> usable = usable_servers(spec);
  for (const ServerSpec& server : spec.servers) in_use += server.state->in_use.load(std::memory_order_relaxed);
  for (const Candidate& candidate : usable) {
    if (candidate.spec->maxconn == 0) unlimited = true;
    if (candidate.spec->maxqueue == 0) endless = true;
    places += std::max<std::int64_t>(0, static_cast<std::int64_t>(candidate.spec->maxqueue) -
                                            candidate.spec->state->waiting.load(std::memory_order_relaxed));
    room += std::max<std::int64_t>(0, static_cast<std::int64_t>(candidate.spec->maxconn) -
                                          candidate.spec->state->in_use.load(std::memory_order_relaxed));
  }
  const std::int64_t waiting = spec.state->waiting.load(std::memory_order_relaxed);
  switch (number) {
    case rules::BackendNumber::UsableServers:
      return static_cast<std::int64_t>(usable.size());
    case rules::BackendNumber::Connections:
      return in_use;
    case rules::BackendNumber::Queue:
      return waiting;
    case rules::BackendNumber::FreeConnections:
      return unlimited ? -1 : room;
    case rules::BackendNumber::ConnectionSlots:
      return unlimited || endless ? -1 : room + places;
    case rules::BackendNumber::AverageQueue:
      return usable.empty()
                 ? waiting
                 : (waiting + static_cast<std::int64_t>(usable.size()) - 1) / static_cast<std::int64_t>(usable.size());
    case rules::BackendNumber::SessionRate:
      return spec.state->rate.per_second(static_cast<std::int64_t>(loop_.now()));
  }
  return -1;
}

std::int64_t Generation::frontend(rules::FrontendNumber number, int frontend) const {
  const FrontendSpec& spec = snapshot_->frontends[static_cast<std::size_t>(frontend)];
  const auto now_ms = static_cast<std::int64_t>(loop_.now());
  switch (number) {
    case rules::FrontendNumber::Connections:
      return spec.state->connections.load(std::memory_order_relaxed);
    case rules::FrontendNumber::RequestRate:
      return spec.state->requests.per_second(now_ms);
    case rules::FrontendNumber::SessionRate:
      return spec.state->arrivals.per_second(now_ms);
  }
  return -1;
}

std::int64_t Generation::server(rules::ServerNumber number, int backend, int server) const {
  const ServerSpec& spec =
      snapshot_->backends[static_cast<std::size_t>(backend)].balance.servers[static_cast<std::size_t>(server)];
  const std::int64_t in_use = spec.state->in_use.load(std::memory_order_relaxed);
  switch (number) {
    case rules::ServerNumber::IsUp:
      return spec.state->takes_traffic() ? 1 : 0;
    case rules::ServerNumber::Connections:
      return in_use;
    case rules::ServerNumber::FreeConnections:
      return spec.maxconn == 0 ? -1 : std::max<std::int64_t>(0, static_cast<std::int64_t>(spec.maxconn) - in_use);
    case rules::ServerNumber::Queue:
      return spec.state->waiting.load(std::memory_order_relaxed);
    case rules::ServerNumber::Weight:
      return spec.weight * spec.state->ramp.load(std::memory_order_relaxed) / 256;
    case rules::ServerNumber::InitialWeight:
    case rules::ServerNumber::UserWeight:
      return spec.weight;
    case rules::ServerNumber::SessionRate:
      return spec.state->rate.per_second(static_cast<std::int64_t>(loop_.now()));
  }
  return -1;
}

}  // namespace penstock
