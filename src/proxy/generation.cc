#include "penstock/proxy/generation.h"

#include <algorithm>
#include <random>
#include <utility>

namespace penstock {

Generation::Generation(Loop& loop, std::shared_ptr<const Snapshot> snapshot, LineWaker& waker, unsigned worker,
                       Generation* before, const Difference& change)
    : loop_(loop),
      snapshot_(std::move(snapshot)),
      waker_(waker),
      worker_(worker),
      table_(before == nullptr ? make_ref<BackendTable>() : before->table_),
      before_(before) {
  auto& backends = table_->backends;
  if (backends.size() < snapshot_->backend_numbers()) backends.resize(snapshot_->backend_numbers());
  if (before_ == nullptr) return;
  before_->after_ = this;
  for (const int number : change.numbers)
    before_->replaced_.emplace(number, std::exchange(table_->at(number), nullptr));
}

// What it kept is used by those before it that have no other.
Generation::~Generation() {
  if (after_ == nullptr) end_as_present();
  if (before_ != nullptr) {
    for (auto& [number, backend] : replaced_) before_->replaced_.try_emplace(number, std::move(backend));
    before_->after_ = after_;
  }
  if (after_ != nullptr) after_->before_ = before_;
}

// The worker ends: the table is left to the generation before, if there is one, which has plans for some of it only.
void Generation::end_as_present() {
  const auto end = static_cast<int>(table_->backends.size());
  for (int number = 0; number < end; ++number) {
    const bool stays = before_ != nullptr && before_->snapshot_->backend(number) == snapshot_->backend(number);
    if (!stays) table_->at(number) = nullptr;
  }
}

Ref<Backend>& Generation::place_of(int number) {
  for (Generation* at = this; at->after_ != nullptr; at = at->after_) {
    const auto found = at->replaced_.find(number);
    if (found != at->replaced_.end()) return found->second;
  }
  return table_->at(number);
}

Backend& Generation::backend(int number) {
  Ref<Backend>& made = place_of(number);
  if (!made) {
    std::random_device device;
    const std::uint64_t seed = (static_cast<std::uint64_t>(device()) << 32) ^ device() ^ worker_;
    made = make_ref<Backend>(loop_, snapshot_->backend(number)->balance, waker_, seed);
  }
  return *made;
}

Backend* Generation::own(int number) {
  if (after_ == nullptr) return number < static_cast<int>(table_->backends.size()) ? table_->at(number).get() : nullptr;
  const auto found = replaced_.find(number);
  return found == replaced_.end() ? nullptr : found->second.get();
}

Backend* Generation::find(const BackendState& state) {
  Backend* backend = own(state.number);
  return backend != nullptr && backend->spec().state.get() == &state ? backend : nullptr;
}

void Generation::shut_down(const Server& server) {
  const int number = snapshot_->backend_number(server.backend_name);
  Backend* backend = number < 0 ? nullptr : own(number);
  if (backend != nullptr) backend->shut_down(server);
}

Backend* Generation::successor(const BackendSpec& before) {
  const int number = before.state->number;
  return snapshot_->backend(number) == nullptr ? nullptr : &backend(number);
}

void Generation::retire(Generation& next) {
  for (auto& [number, backend] : replaced_) {
    if (!backend || (!backend->has_pools() && backend->line_length() == 0)) continue;
    Backend* successor = next.successor(backend->spec());
    backend->hand_pools_to(successor);
    if (successor != nullptr && backend->line_length() != 0) backend->hand_line_to(*successor);
  }
}

std::string_view Generation::sni_of(const ServerSpec& server, rules::Subject& subject) const {
  const BackendPlan* plan = snapshot_->backend(snapshot_->backend_number(server.state->backend_name));
  if (plan == nullptr) return {};
  // Backends and servers have their numbers in this one.
  const rules::Numbers* of_request = std::exchange(subject.numbers, &numbers());
  const std::string_view name = plan->sni_of(server, subject);
  subject.numbers = of_request;
  return name;
}

const std::shared_ptr<StickTable>* Generation::table(int number) const {
  const auto& tables = snapshot_->tables;
  if (number < 0 || static_cast<std::size_t>(number) >= tables.size()) return nullptr;
  const std::shared_ptr<StickTable>& table = tables[static_cast<std::size_t>(number)].table;
  return table == nullptr ? nullptr : &table;
}

int Generation::server_named(int backend, std::string_view name) const {
  const BackendPlan* plan = snapshot_->backend(backend);
  if (plan == nullptr) return -1;
  for (const ServerSpec& server : plan->balance.servers) {
    if (server.name == name) return server.key;
  }
  return -1;
}

std::int64_t Generation::backend(rules::BackendNumber number, int backend) const {
  const BackendPlan* plan = snapshot_->backend(backend);
  if (plan == nullptr) return -1;
  if (number == rules::BackendNumber::ServerTimeoutMs) return static_cast<std::int64_t>(plan->server_ms);
  if (number == rules::BackendNumber::TunnelTimeoutMs) return static_cast<std::int64_t>(plan->tunnel_ms);
  const BackendSpec& spec = plan->balance;
  std::int64_t in_use = 0, room = 0, places = 0;
  bool unlimited = false, endless = false;
  const std::vector<Candidate> usable = usable_servers(spec);
  for (const ServerSpec& server : spec.servers) in_use += server.state->in_use.load(std::memory_order_relaxed);
  for (const Candidate& candidate : usable) {
    const auto maxconn = static_cast<std::int64_t>(candidate.spec->state->maxconn.load(std::memory_order_relaxed));
    if (maxconn == 0) unlimited = true;
    if (candidate.spec->maxqueue == 0) endless = true;
    places += std::max<std::int64_t>(0, static_cast<std::int64_t>(candidate.spec->maxqueue) -
                                            candidate.spec->state->waiting.load(std::memory_order_relaxed));
    room += std::max<std::int64_t>(0, maxconn - candidate.spec->state->in_use.load(std::memory_order_relaxed));
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
    case rules::BackendNumber::ServerTimeoutMs:
    case rules::BackendNumber::TunnelTimeoutMs:
      break;  // Said above.
    case rules::BackendNumber::SessionRate:
      return spec.state->rate.per_second(static_cast<std::int64_t>(loop_.now()));
  }
  return -1;
}

std::int64_t Generation::frontend(rules::FrontendNumber number, int frontend) const {
  const FrontendPlan* plan = snapshot_->frontend(frontend);
  if (plan == nullptr) return -1;
  const FrontendPlan& spec = *plan;
  const auto now_ms = static_cast<std::int64_t>(loop_.now());
  switch (number) {
    case rules::FrontendNumber::Connections:
      return spec.state->connections.load(std::memory_order_relaxed);
    case rules::FrontendNumber::RequestRate:
      return spec.state->requests.per_second(now_ms);
    case rules::FrontendNumber::SessionRate:
      return spec.state->arrivals.per_second(now_ms);
    case rules::FrontendNumber::ClientTimeoutMs:
      return static_cast<std::int64_t>(spec.client_ms);
  }
  return -1;
}

std::int64_t Generation::server(rules::ServerNumber number, int backend, int server) const {
  const BackendPlan* plan = snapshot_->backend(backend);
  const int place = plan == nullptr ? -1 : plan->balance.place_of(server);
  if (place < 0) return -1;
  const ServerSpec& spec = plan->balance.servers[static_cast<std::size_t>(place)];
  const std::int64_t in_use = spec.state->in_use.load(std::memory_order_relaxed);
  const std::int64_t maxconn = spec.state->maxconn.load(std::memory_order_relaxed);
  const std::int64_t weight = spec.state->weight.load(std::memory_order_relaxed);
  switch (number) {
    case rules::ServerNumber::IsUp:
      return spec.state->keeps_traffic() ? 1 : 0;
    case rules::ServerNumber::Connections:
      return in_use;
    case rules::ServerNumber::FreeConnections:
      return maxconn == 0 ? -1 : std::max<std::int64_t>(0, maxconn - in_use);
    case rules::ServerNumber::Queue:
      return spec.state->waiting.load(std::memory_order_relaxed);
    case rules::ServerNumber::Weight:
      return weight * spec.state->ramp.load(std::memory_order_relaxed) / 256;
    case rules::ServerNumber::InitialWeight:
      return spec.weight;
    case rules::ServerNumber::UserWeight:
      return weight;
    case rules::ServerNumber::SessionRate:
      return spec.state->rate.per_second(static_cast<std::int64_t>(loop_.now()));
  }
  return -1;
}

}  // namespace penstock
