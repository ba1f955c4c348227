#include "penstock/proxy/statistics_walk.h"

#include <algorithm>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/config/model.h"

namespace penstock::statistics {
namespace {

// ---- Servers as the whole of a backend, and their states in words.

Together together_of(const BackendSpec& backend) {
  Together all;
  std::uint64_t spare = 0, spare_user = 0, first_spare = 0, first_user = 0;
  for (const ServerSpec& server : backend.servers) {
    all.in_use += server.state->in_use.load(std::memory_order_relaxed);
    all.idle += idle_of(server);
    const std::uint64_t user = server.state->weight.load(std::memory_order_relaxed);
    if (!server.state->takes_traffic() || user == 0) continue;
    const std::uint64_t weight = weight_in_force(server);
    if (!server.backup) {
      ++all.active;
      all.weight += weight;
      all.user_weight += user;
      continue;
    }
    if (all.backup++ == 0) {
      first_spare = weight;
      first_user = user;
    }
    spare += weight;
    spare_user += user;
  }
  if (all.active != 0) return all;
  all.weight = backend.all_backups ? spare : first_spare;
  all.user_weight = backend.all_backups ? spare_user : first_user;
  return all;
}

// Whose checks are this one's too, over as many as track each other.
const ServerSpec& checked_of(const Snapshot& snapshot, const ServerSpec& server) {
  const ServerSpec* at = &server;
  for (std::size_t left = 64; at->tracked_state && left != 0; --left) {
    const ServerSpec* leader = snapshot.spec_of(*at->tracked_state);
    if (leader == nullptr) break;
    at = leader;
  }
  return *at;
}

std::string status_of(const Object& object) {
  const ServerSpec& server = *object.server;
  const Standing standing = server.state->standing.load(std::memory_order_relaxed);
  if (!standing.in_service()) {
    const Server* leader = server.tracked_state.get();
    const bool via = leader != nullptr && !leader->standing.load(std::memory_order_relaxed).in_service();
    if (!via && standing.by_name) return "MAINT (resolution)";
    return via ? format("MAINT (via {})", server.tracked) : "MAINT";
  }
  const CheckSpec& spec = object.checked->check;
  const int rise = std::max(1, spec.rise), fall = std::max(1, spec.fall), health = object.check.health;
  const bool has_agent = server.agent && !object.agent.off;
  const std::string drain = has_agent ? "DRAIN (agent)" : "DRAIN";
  if (!spec.enabled && standing.operation == Operation::Up)
    return standing.administration == Administration::Drain ? drain : "no check";
  const bool is_falling = spec.enabled && object.check.begun && health >= rise && health < rise + fall - 1;
  const std::string steps = is_falling ? format(" {}/{}", health - rise + 1, fall) : std::string();
  switch (standing.operation) {
    case Operation::Down:
      if (has_agent && object.agent.begun && object.agent.health == 0 && (!spec.enabled || health >= rise))
        return "DOWN (agent)";
      return health > 0 && object.check.begun ? format("DOWN {}/{}", health, rise) : "DOWN";
    case Operation::Drain:
      return "NOLB" + steps;
    case Operation::Up:
      break;
  }
  return (standing.administration == Administration::Drain ? drain : "UP") + steps;
}

std::string shown_address(const SocketAddress& address) {
  if (address.empty()) return {};
  return address.is_unix() ? "unix" : address.text();
}

}  // namespace

unsigned kinds_of(std::int64_t type) {
  if (type < 0) return ~0u;
  unsigned kinds = 0;
  if ((type & 1) != 0) kinds |= bit(Kind::Frontend);
  if ((type & 2) != 0) kinds |= bit(Kind::Backend);
  if ((type & 4) != 0) kinds |= bit(Kind::Server);
  if ((type & 8) != 0) kinds |= bit(Kind::Listener);
  return kinds;
}

Walk::Walk(std::shared_ptr<const Snapshot> snapshot, const ProcessState& process, std::uint64_t now_ms, Filter filter)
    : snapshot_(std::move(snapshot)), process_(process), now_ms_(now_ms), filter_(std::move(filter)) {
  for (const BindSpec& bind : snapshot_->binds) {
    const auto number = static_cast<std::size_t>(bind.frontend);
    if (listeners_.size() <= number) listeners_.resize(number + 1);
    listeners_[number].push_back(&bind);
  }
}

const Object* Walk::next() {
  while (step()) {
    if (is_wanted()) return &object_;
  }
  return nullptr;
}

// To the next object there is.
bool Walk::step() {
  for (;; next_proxy()) {
    if (proxy_ >= snapshot_->config.proxies.size()) return false;
    if (!begun_) {
      begun_ = true;
      const config::Proxy& line = snapshot_->config.proxies[proxy_];
      const auto& frontends = snapshot_->frontends;
      const auto& backends = snapshot_->backends;
      const bool enters = line.is_frontend && !line.disabled && frontends_ < frontends.size();
      const bool serves = line.is_backend && !line.disabled && backends_ < backends.size();
      frontend_ = enters ? frontends[frontends_++].get() : nullptr;
      backend_ = serves ? backends[backends_++].get() : nullptr;
      stage_ = Stage::Listeners;
      if (frontend_ != nullptr) return make_frontend(), true;
    }
    if (stage_ == Stage::Listeners && next_listener()) return true;
    if (stage_ == Stage::Servers && next_server()) return true;
    if (stage_ != Stage::Backend) continue;
    stage_ = Stage::Frontend;
    if (backend_ != nullptr) return make_backend(), true;
  }
}

bool Walk::next_listener() {
  const auto number = frontend_ == nullptr ? listeners_.size() : static_cast<std::size_t>(frontend_->number);
  if (number < listeners_.size() && frontend_->socket_stats && at_ < listeners_[number].size()) {
    make_listener(*listeners_[number][at_++]);
    return true;
  }
  at_ = 0;
  stage_ = Stage::Servers;
  return false;
}

bool Walk::next_server() {
  if (backend_ != nullptr && at_ < backend_->balance.servers.size()) {
    make_server(backend_->balance.servers[at_++]);
    return true;
  }
  at_ = 0;
  stage_ = Stage::Backend;
  return false;
}

void Walk::next_proxy() {
  ++proxy_;
  begun_ = false;
}

bool Walk::is_wanted() const {
  if ((filter_.kinds & bit(object_.kind)) == 0) return false;
  if (filter_.proxy_id >= 0 && object_.proxy_id != static_cast<std::uint64_t>(filter_.proxy_id)) return false;
  if (!filter_.proxy.empty() && object_.proxy != filter_.proxy) return false;
  if (filter_.scope && std::find(filter_.scope->begin(), filter_.scope->end(), object_.proxy) == filter_.scope->end())
    return false;
  // A number is one of a server or a bind line.
  const bool is_whole = object_.kind == Kind::Frontend || object_.kind == Kind::Backend;
  if (!is_whole && filter_.id >= 0 && object_.id != static_cast<std::uint64_t>(filter_.id)) return false;
  if (object_.kind != Kind::Server) return true;
  const Server& state = *object_.server->state;
  if (filter_.up_only && !state.keeps_traffic()) return false;
  return !filter_.no_maint || state.standing.load(std::memory_order_relaxed).in_service();
}

void Walk::begin(Kind kind) {
  object_ = {};
  object_.kind = kind;
  object_.snapshot = snapshot_.get();
  object_.line = &snapshot_->config.proxies[proxy_];
  object_.process = &process_;
  object_.now_ms = now_ms_;
  object_.legends = filter_.legends;
  if (kind == Kind::Frontend || kind == Kind::Listener) {
    object_.frontend = frontend_;
    object_.proxy = frontend_->name;
    object_.proxy_id = snapshot_->frontend_id(frontend_->number);
    object_.is_http = frontend_->mode == config::Mode::Http;
    return;
  }
  object_.backend = backend_;
  object_.proxy = backend_->balance.name;
  object_.proxy_id = snapshot_->backend_id(backend_->number());
  object_.is_http = backend_->mode == config::Mode::Http;
}

void Walk::make_frontend() {
  begin(Kind::Frontend);
  object_.service = "FRONTEND";
  object_.sums = Sums(frontend_->state->ledgers);
}

void Walk::make_listener(const BindSpec& bind) {
  begin(Kind::Listener);
  object_.bind = &bind;
  object_.id = bind.entrance->id;
  object_.sums = Sums(bind.bound->state->ledgers);
  object_.address = shown_address(bind.bound->address);
  object_.made_service = bind.entrance->name.empty() ? format("sock-{}", bind.entrance->id) : bind.entrance->name;
  object_.service = object_.made_service;
}

void Walk::make_server(const ServerSpec& server) {
  begin(Kind::Server);
  object_.server = &server;
  object_.id = server.id;
  object_.service = server.name;
  object_.checked = &checked_of(*snapshot_, server);
  object_.check = object_.checked->state->check_seen();
  object_.agent = server.agent ? server.state->agent_seen() : Server::CheckMemory();
  object_.sums = Sums(server.state->ledgers);
  times_.join_times(object_.sums);
  object_.status = status_of(object_);
  const auto moved = server.state->moved();
  const bool is_moved = moved && moved->file == server.values().address;
  object_.address = shown_address(is_moved ? moved->to.address : server.address);
}

void Walk::make_backend() {
  begin(Kind::Backend);
  object_.service = "BACKEND";
  object_.sums = Sums(backend_->balance.state->ledgers);
  object_.sums.join_times(std::exchange(times_, {}));
  object_.together = together_of(backend_->balance);
  object_.fullconn = backend_->balance.fullconn;
}

namespace {

class Clearing {
 public:
  Clearing(unsigned worker, bool all) : worker_(worker), all_(all) {}
  void clear(const Copies<Ledger>& ledgers) const {
    Ledger* ledger = ledgers.find(worker_);
    if (ledger == nullptr) return;
    if (all_) return ledger->clear();
    ledger->times.clear_most();
  }
  void clear(const Copies<Durations>& all) const {
    Durations* durations = all.find(worker_);
    if (all_ && durations != nullptr) durations->clear();
  }
  void clear(const Copies<CompressionCounts>& all) const {
    CompressionCounts* counts = all.find(worker_);
    if (!all_ || counts == nullptr) return;
    for (Count* count : {&counts->answers, &counts->taken, &counts->given, &counts->passed_by}) count->clear();
  }
  // Those of the whole process: one does it for all.
  void clear(Peak& peak) const {
    if (worker_ == 0) peak.clear();
  }
  void clear(Rate& rate) const {
    if (worker_ == 0) rate.clear_most();
  }
  void clear(RequestRate& rate) const {
    if (worker_ == 0) rate.clear_most();
  }
  // Of what only the keeper of a server counts.
  void clear_checks(Server& server, unsigned workers) const {
    if (!all_ || server.keeper(workers) != worker_) return;
    server.failed_checks.clear();
    server.downs.clear();
  }
  bool does_all() const { return all_ && worker_ == 0; }

 private:
  const unsigned worker_;
  const bool all_;
};

}  // namespace

void clear(const Snapshot& snapshot, ProcessState& process, unsigned worker, bool all) {
  const Clearing clearing(worker, all);
  clearing.clear(process.most_connections);
  for (Rate* rate :
       {&process.accepted, &process.arrivals, &process.handshakes, &process.tls.front_keys, &process.tls.back_keys})
    clearing.clear(*rate);
  for (const auto& plan : snapshot.frontends) {
    FrontendState& state = *plan->state;
    clearing.clear(state.ledgers);
    clearing.clear(state.compressed);
    clearing.clear(state.most_connections);
    for (Rate* rate : {&state.accepted, &state.arrivals}) clearing.clear(*rate);
    clearing.clear(state.requests);
  }
  for (const BindSpec& bind : snapshot.binds) {
    clearing.clear(bind.bound->state->ledgers);
    clearing.clear(bind.bound->state->most_connections);
  }
  for (const auto& plan : snapshot.backends) {
    BackendState& state = *plan->balance.state;
    clearing.clear(state.ledgers);
    clearing.clear(state.durations);
    clearing.clear(state.compressed);
    for (Peak* peak : {&state.most_in_use, &state.most_waiting}) clearing.clear(*peak);
    clearing.clear(state.rate);
    if (clearing.does_all()) state.downs = 0;
    for (const ServerSpec& spec : plan->balance.servers) {
      Server& server = *spec.state;
      clearing.clear(server.ledgers);
      for (Peak* peak : {&server.most_in_use, &server.most_waiting}) clearing.clear(*peak);
      clearing.clear(server.rate);
      clearing.clear_checks(server, process.workers);
    }
  }
}

}  // namespace penstock::statistics
