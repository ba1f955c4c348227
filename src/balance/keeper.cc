#include "penstock/balance/keeper.h"

#include <utility>

#include "health_tally.h"
#include "penstock/balance/health_count.h"
#include "penstock/base/format.h"

namespace penstock {
namespace {

constexpr std::uint32_t kWholeWeight = 256;

// Whose name has not been asked yet is where it was at first.
Settled settled_of(const ServerSpec& server, const Orders& orders) {
  Settled settled = settle(server.values(), orders);
  if (server.named == 0 || server.first.empty() || settled.orders.address) return settled;
  ServerAddress first = settled.values.address;
  first.address = server.first;
  settled.orders.address = {first, settled.values.address};
  settled.values.address = first;
  return settled;
}

// What is wanted of a server whose values are settled.
Standing standing_of(const ServerSpec& server, const Settled& settled) {
  const Standing before = server.state->standing.load(std::memory_order_relaxed);
  Standing to = before;
  to.administration = settled.values.administration;
  to.by_order = settled.orders.administration.has_value();
  to.by_leader = false;
  if (server.tracked_state) {
    const Standing leader = server.tracked_state->standing.load(std::memory_order_relaxed);
    if (leader.administration > to.administration) {
      to.administration = leader.administration;
      to.by_order = false;
      to.by_leader = true;
    }
    to.operation = leader.operation;
  }
  to.by_name = settled.values.address.is_unknown();
  if (to.by_name) {
    to.administration = Administration::Maintenance;
    to.by_order = false;
  }
  if (server.tracked_state) return to;
  if (!server.check.enabled || (!before.in_service() && to.in_service())) {
    // Whoever was away is taken for well until a check says otherwise.
    if (!before.in_service()) server.state->told.reset();
    to.operation = server.state->told.value_or(Operation::Up);
    if (server.state->is_down_by_agent()) to.operation = Operation::Down;
  }
  return to;
}

// True if one of them is another now.
bool publish(Server& state, const ServerValues& values) {
  const std::uint32_t weight = state.weight.exchange(values.weight, std::memory_order_relaxed);
  const std::uint32_t maxconn = state.maxconn.exchange(values.maxconn, std::memory_order_relaxed);
  return weight != values.weight || maxconn != values.maxconn;
}

std::uint64_t where_of(const ServerSpec& server, const Orders& orders) {
  return orders.address ? digest_of(orders.address->value) : server.where;
}

void publish_address(Server& state) {
  const auto& order = state.orders().address;
  if (!order) return state.move(nullptr);
  state.move(std::make_shared<const Moved>(Moved{order->value, order->file, digest_of(order->value)}));
}

// As this configuration has it or not.
void know_agent(const ServerSpec& server) {
  Server& state = *server.state;
  if (!server.agent)
    state.agent.reset();
  else if (!state.agent)
    state.agent = std::make_unique<Server::AgentMemory>();
}

KeeperEvents::Turn turn_of(Standing before, Standing now) {
  if (before.keeps_traffic() == now.keeps_traffic()) return KeeperEvents::Turn::Other;
  return now.keeps_traffic() ? KeeperEvents::Turn::Up : KeeperEvents::Turn::Down;
}

}  // namespace

// The slow start of one server.
class Keeper::Ramp final : public Living {
 public:
  Ramp(Loop& loop, Keeper& keeper, const BackendSpec& backend, const ServerSpec& server)
      : Living(loop), backend(backend), server(server), keeper_(keeper) {
    set_deadline(1);
  }
  using Living::set_deadline;

  const BackendSpec& backend;
  const ServerSpec& server;

 private:
  void on_deadline() override { keeper_.step(*this); }
  Keeper& keeper_;
};

Keeper::Keeper(Loop& loop, const ChecksOptions& options, KeeperEvents& events, HealthLog& log)
    : loop_(loop), events_(events), log_(log), checks_(loop, options, *this, log) {}

Keeper::~Keeper() = default;

void Keeper::adopt(const std::vector<Target>& targets) {
  std::vector<Target> checked;
  for (const Target& target : targets) {
    const ServerSpec& server = *target.server;
    know_agent(server);
    renew(*target.backend, server, server.state->orders(), false, {});
    if (server.check.enabled || server.agent) checked.push_back(target);
    if (server.state->ramp.load(std::memory_order_relaxed) < kWholeWeight) begin_ramp(*target.backend, server);
  }
  checks_.add(checked);
}

void Keeper::drop(const BackendSpec& backend) {
  checks_.drop(backend);
  tallies_.erase(&backend);
  std::erase_if(ramps_, [&](const auto& ramp) { return &ramp.second->backend == &backend; });
}

void Keeper::apply(const BackendSpec& backend, const ServerSpec& server, const ServerChange& change) {
  if (change.operation) take_for(backend, server, *change.operation);
  if (change.check_host) server.state->check_host = *change.check_host;
  if (change.check_port) server.state->check_port = *change.check_port;
  if (change.checks) turn_checks(backend, server, *change.checks);
  if (server.agent) set_agent(backend, server, change);
  if (change.errors) checks_.count_errors(backend, server, *change.errors);
  renew(backend, server, with_change(server.state->orders(), server.values(), change), true, change);
}

// Until checks find otherwise, if there are any.
void Keeper::take_for(const BackendSpec& backend, const ServerSpec& server, Operation operation) {
  Server& state = *server.state;
  const HealthCount count(server.check.rise, server.check.fall);
  state.check.health = operation == Operation::Down ? 0 : count.best();
  state.show_check();
  if (!server.check.enabled) state.told = operation;
  const Standing before = state.standing.load(std::memory_order_relaxed);
  Standing to = before;
  to.operation = operation;
  if (before == to || !before.in_service()) return;
  if (turn_of(before, to) == KeeperEvents::Turn::Up) start_slowly(backend, server);
  move(backend, server, to);
  log_move(backend, server, before, std::string(kByCommand));
  events_.on_server_changed(backend, server, turn_of(before, to));
}

void Keeper::set_agent(const BackendSpec& backend, const ServerSpec& server, const ServerChange& change) {
  Server& state = *server.state;
  if (change.agent_host) state.agent->host = *change.agent_host;
  if (change.agent_port) state.agent->port = *change.agent_port;
  if (change.agent_send) state.agent->send = *change.agent_send;
  if (change.agent && state.agent->memory.off == *change.agent) {
    state.agent->memory.off = !*change.agent;
    state.show_agent();
    checks_.look_at_agent_again(backend, server);
  }
  if (!change.agent_says) return;
  const bool up = *change.agent_says != Operation::Down;
  state.agent->memory.health = up ? 1 : 0;
  state.show_agent();
  take_agent_for(backend, server, up, std::string(kByCommand));
}

void Keeper::on_agent(const BackendSpec& backend, const ServerSpec& server, const ServerChange& change,
                      std::optional<bool> up, const CheckResult& result) {
  const ServerValues now = settle(server.values(), server.state->orders()).values;
  ServerChange news;
  if (change.administration && *change.administration != now.administration)
    news.administration = change.administration;
  if (change.weight && *change.weight != now.weight) news.weight = change.weight;
  if (change.maxconn && *change.maxconn != now.maxconn) news.maxconn = change.maxconn;
  if (news.administration || news.weight || news.maxconn)
    renew(backend, server, with_change(server.state->orders(), server.values(), news), true, news);
  if (up) take_agent_for(backend, server, *up, server.agent->log_all ? std::string() : check_reason(result));
}

// Down by either is down; up needs both.
void Keeper::take_agent_for(const BackendSpec& backend, const ServerSpec& server, bool up, const std::string& reason) {
  Server& state = *server.state;
  state.agent->says_down = !up;
  if (up) state.told.reset();
  const Standing before = state.standing.load(std::memory_order_relaxed);
  const HealthCount count(server.check.rise, server.check.fall);
  const bool is_well = !server.check.enabled || state.check.off || count.up(state.check.health);
  if (!before.in_service() || server.tracked_state || (before.operation == Operation::Down) == !up || (up && !is_well))
    return;
  Standing to = before;
  to.operation = up ? Operation::Up : Operation::Down;
  if (turn_of(before, to) == KeeperEvents::Turn::Up) start_slowly(backend, server);
  move(backend, server, to);
  log_move(backend, server, before, reason);
  events_.on_server_changed(backend, server, turn_of(before, to));
}

void Keeper::turn_checks(const BackendSpec& backend, const ServerSpec& server, bool on) {
  if (server.state->check.off == !on) return;
  server.state->check.off = !on;
  checks_.look_again(backend, server);
}

void Keeper::follow(const BackendSpec& backend, const ServerSpec& server) {
  renew(backend, server, server.state->orders(), true, {});
}

// Makes of a server what its file, its orders and the one that it tracks have it be.
void Keeper::renew(const BackendSpec& backend, const ServerSpec& server, const Orders& orders, bool aloud,
                   const ServerChange& change) {
  Server& state = *server.state;
  const Standing before = state.standing.load(std::memory_order_relaxed);
  const Settled settled = settled_of(server, orders);
  const std::uint64_t where = where_of(server, settled.orders);
  const bool moved = state.where != 0 && state.where != where;
  Standing to = standing_of(server, settled);
  if (moved && !server.tracked_state) to.operation = Operation::Up;
  const auto address_before = state.orders().address;
  if (aloud) log_address(backend, server, settled.values.address, change);
  state.set_orders(settled.orders);
  if (address_before != settled.orders.address) publish_address(state);
  state.where = where;
  const bool amended = publish(state, settled.values);
  if (amended || moved) tally_of(backend).weighed();
  if (aloud && turn_of(before, to) == KeeperEvents::Turn::Up) start_slowly(backend, server);
  if (before != to) move(backend, server, to);
  const bool is_checked = server.check.enabled || server.tracked_state;
  // Who is not checked is as well as can be until it was away, as a state file of HAProxy's has it.
  if (before.in_service() && !to.in_service() && !server.tracked_state) state.check.health = 0;
  if (before.in_service() != to.in_service() || moved || !is_checked) forget(backend, server);
  if (before != to && aloud) log_move(backend, server, before, moved ? "its address is another" : "", change);
  if (before != to || amended || moved)
    events_.on_server_changed(backend, server, aloud ? turn_of(before, to) : KeeperEvents::Turn::Other);
}

void Keeper::on_found(const BackendSpec& backend, const ServerSpec& server, Operation operation,
                      const CheckResult& result) {
  const Standing before = server.state->standing.load(std::memory_order_relaxed);
  if (operation != Operation::Down && server.state->is_down_by_agent()) return;
  Standing to = before;
  to.operation = operation;
  if (turn_of(before, to) == KeeperEvents::Turn::Up) start_slowly(backend, server);
  move(backend, server, to);
  // The check's own line has just said why.
  log_move(backend, server, before, server.check.log_all ? std::string() : check_reason(result));
  events_.on_server_changed(backend, server, turn_of(before, to));
}

void Keeper::forget(const BackendSpec& backend, const ServerSpec& server) {
  Server& state = *server.state;
  state.check.begun = false;
  state.check.next_ms = 0;
  state.show_check();
  checks_.begin_anew(backend, server);
}

void Keeper::move(const BackendSpec& backend, const ServerSpec& server, Standing to) {
  Server& state = *server.state;
  const Standing before = state.standing.load(std::memory_order_relaxed);
  BackendTally& tally = tally_of(backend);  // Counts what is, the first time.
  if (!to.keeps_traffic()) end_ramp(server);
  const std::uint64_t since_ms = state.changed_at_ms.exchange(loop_.now(), std::memory_order_relaxed);
  if (!before.keeps_traffic()) state.down_ms.add(loop_.now() - since_ms);
  if (before.keeps_traffic() && !to.keeps_traffic()) state.downs.add();
  state.standing.store(to, std::memory_order_relaxed);
  tally.changed(server, before);
  backend.state->note_down(tally.none(), loop_.now());
}

void Keeper::start_slowly(const BackendSpec& backend, const ServerSpec& server) {
  if (server.slowstart_ms == 0) return;
  server.state->up_since_ms.store(loop_.now(), std::memory_order_relaxed);
  server.state->ramp.store(slow_start_ramp(0, server.slowstart_ms), std::memory_order_relaxed);
  begin_ramp(backend, server).set_deadline(slow_start_step_ms(server.slowstart_ms));
}

Keeper::Ramp& Keeper::begin_ramp(const BackendSpec& backend, const ServerSpec& server) {
  return *ramps_.insert_or_assign(&server, Owned<Ramp>(new Ramp(loop_, *this, backend, server))).first->second;
}

void Keeper::end_ramp(const ServerSpec& server) {
  ramps_.erase(&server);
  server.state->ramp.store(kWholeWeight, std::memory_order_relaxed);
}

void Keeper::step(Ramp& ramp) {
  Server& state = *ramp.server.state;
  const std::uint64_t age_ms = loop_.now() - state.up_since_ms.load(std::memory_order_relaxed);
  const std::uint32_t now = slow_start_ramp(age_ms, ramp.server.slowstart_ms);
  state.ramp.store(now, std::memory_order_relaxed);
  tally_of(ramp.backend).ramped();
  if (now < kWholeWeight) return ramp.set_deadline(slow_start_step_ms(ramp.server.slowstart_ms));
  ramps_.erase(&ramp.server);
}

// That the name of a server has another address.
void Keeper::log_address(const BackendSpec& backend, const ServerSpec& server, const ServerAddress& now,
                         const ServerChange& change) {
  if (change.by.empty() || now.is_unknown()) return;
  const auto& order = server.state->orders().address;
  const SocketAddress before = order ? order->value.address : SocketAddress();
  if (!before.empty() && before.ip_bytes() == now.address.ip_bytes()) return;
  log_.write(backend, Level::Notice,
             format("{}/{} changed its IP from {} to {} by {}.", backend.name, server.name,
                    before.empty() ? "(none)" : before.ip_text(), now.address.ip_text(), change.by));
}

void Keeper::log_move(const BackendSpec& backend, const ServerSpec& server, Standing before, const std::string& reason,
                      const ServerChange& change) {
  const BackendTally& tally = tally_of(backend);
  const Standing now = server.state->standing.load(std::memory_order_relaxed);
  if (before.administration != now.administration) log_administration(tally, server, before, change);
  if (before.operation != now.operation && before.in_service() && now.in_service())
    log_operation(tally, server, before.operation, reason);
  const bool weighs = server.state->weight.load(std::memory_order_relaxed) != 0;
  if (before.takes_traffic() && weighs && tally.none()) log_.write(backend, Level::Emerg, no_server_line(backend));
}

// Who gets mails is told, too.
void Keeper::tell(const BackendSpec& backend, Level level, std::string_view line) {
  log_.write(backend, level, line);
  log_.mail(backend, level, line);
}

void Keeper::log_operation(const BackendTally& tally, const ServerSpec& server, Operation before,
                           const std::string& reason) {
  switch (server.state->standing.load(std::memory_order_relaxed).operation) {
    case Operation::Down:
      return tell(tally.spec, before == Operation::Drain ? Level::Notice : Level::Alert,
                  down_line(tally, server, {"is DOWN", true, reason}));
    case Operation::Up:
      return tell(tally.spec, Level::Notice, up_line(tally, server, {"is UP", true, reason}));
    case Operation::Drain:
      return log_.write(tally.spec, Level::Notice, up_line(tally, server, {"is stopping", true, reason}));
  }
}

void Keeper::log_administration(const BackendTally& tally, const ServerSpec& server, Standing before,
                                const ServerChange& change) {
  const Standing now = server.state->standing.load(std::memory_order_relaxed);
  const std::string_view health = now.operation == Operation::Down ? "DOWN" : "UP";
  if (!now.in_service()) {
    const std::string why = change.why.empty() ? std::string() : format(" ({})", change.why);
    const std::string what = "is going DOWN for maintenance" + why;
    return log_.write(tally.spec, why.empty() ? Level::Notice : Level::Alert,
                      down_line(tally, server, {what, now.by_leader, {}}));
  }
  if (before.by_name) {
    log_.write(tally.spec, Level::Notice,
               format("Server {}/{} ('{}') is UP/READY (resolves again).", tally.spec.name, server.name, change.host));
    return log_.write(
        tally.spec, Level::Notice,
        format("Server {}/{} administratively READY thanks to valid DNS answer.", tally.spec.name, server.name));
  }
  if (!before.in_service()) {
    const std::string_view wanted = now.administration == Administration::Drain ? "DRAIN" : "READY";
    return log_.write(
        tally.spec, Level::Notice,
        change_line(tally, server,
                    format("is {}/{} (leaving {}maintenance)", health, wanted, before.by_leader ? "" : "forced ")));
  }
  if (now.administration == Administration::Drain)
    return tell(tally.spec, Level::Notice, up_line(tally, server, {"enters drain state", now.by_leader, {}}));
  log_.write(tally.spec, Level::Notice, change_line(tally, server, format("is {} (leaving forced drain)", health)));
}

BackendTally& Keeper::tally_of(const BackendSpec& backend) {
  std::unique_ptr<BackendTally>& tally = tallies_[&backend];
  if (!tally) tally = std::make_unique<BackendTally>(backend);
  return *tally;
}

ServerNote Keeper::note_of(const Server& state, const Orders& orders) {
  const Standing now = state.standing.load(std::memory_order_relaxed);
  ServerNote note;
  note.orders = orders;
  if (!now.in_service()) return note;
  const bool is_ramping = state.ramp.load(std::memory_order_relaxed) < kWholeWeight;
  note.operation = now.operation;
  note.up_since_ms = is_ramping ? state.up_since_ms.load(std::memory_order_relaxed) : 0;
  return note;
}

void Keeper::begin(const ServerSpec& server, const ServerNote* note) {
  Server& state = *server.state;
  const Settled settled = settled_of(server, note == nullptr ? Orders() : note->orders);
  state.set_orders(settled.orders);
  state.where = where_of(server, settled.orders);
  publish(state, settled.values);
  if (settled.orders.address) publish_address(state);
  Standing standing = standing_of(server, settled);
  const bool is_checked = server.check.enabled || server.tracked_state;
  if (note != nullptr && is_checked && standing.in_service()) {
    standing.operation = note->operation;
    // Its health is the best or the worst that this allows: the Check makes it so.
    state.check.begun = true;
    if (server.slowstart_ms != 0 && note->up_since_ms != 0) {
      state.up_since_ms.store(note->up_since_ms, std::memory_order_relaxed);
      state.ramp.store(1, std::memory_order_relaxed);  // Until the keeper looks at the clock.
    }
  }
  if (note != nullptr) state.check.last_status = note->status;
  if (!server.check.enabled && standing.in_service()) {
    // Nobody finds out otherwise.
    if (note != nullptr && !is_checked && note->operation != Operation::Up)
      standing.operation = *(state.told = note->operation);
    state.check.health = standing.operation == Operation::Down ? 0 : server.check.rise;
  }
  state.standing.store(standing, std::memory_order_relaxed);
}

bool Keeper::begin_to_follow(const ServerSpec& server) {
  const Standing to = standing_of(server, settled_of(server, server.state->orders()));
  return server.state->standing.exchange(to, std::memory_order_relaxed) != to;
}

}  // namespace penstock
