#include "penstock/balance/health.h"

#include <algorithm>
#include <utility>

#include "health_probe.h"
#include "health_tally.h"
#include "penstock/balance/health_count.h"
#include "penstock/base/require.h"

namespace penstock {

// The checks of one server, one after the other, and its slow start.
class Check final : public Living, public ListNode<Checks::WaitingTag>, private ProbeOwner {
 public:
  Check(Loop& loop, Checks& checks, const Checks::Target& target, BackendTally& tally);
  // The first check of a server not known before is due in `after_ms`.
  void begin(std::uint64_t after_ms);
  void start(Probe& probe);
  // Until the next check, in this state.
  std::uint64_t interval_ms() const;

 private:
  void on_deadline() override;
  void on_close() override;
  void on_probe_done(Probe& probe, const CheckResult& result) override;

  const CheckSpec& spec() const { return server_.check; }
  Server& state() { return *server_.state; }
  Server::CheckMemory& memory() { return server_.state->check; }
  bool is_waiting() const { return ListNode<Checks::WaitingTag>::linked(); }
  void wait();
  void judge(const CheckResult& result);
  void remember(const CheckResult& result, int health);
  void move_to(ServerStatus status, const CheckResult& result);
  void log_change(BackendTally& tally, const ServerSpec& server, ServerStatus before, const std::string& reason);
  void lead(const Follower& follower, bool aloud);
  void ramp();

  Checks& checks_;
  const BackendSpec& backend_;
  const ServerSpec& server_;
  const std::vector<Follower> followers_;
  BackendTally& tally_;
  const HealthCount count_;
  Probe* probe_ = nullptr;  // While a check is under way.
  TlsTicket ticket_;
  std::uint64_t ramp_due_ms_ = 0;  // 0: no slow start.
};

Check::Check(Loop& loop, Checks& checks, const Checks::Target& target, BackendTally& tally)
    : Living(loop),
      checks_(checks),
      backend_(*target.backend),
      server_(*target.server),
      followers_(target.followers),
      tally_(tally),
      count_(spec().rise, spec().fall) {
  for (const CheckStepSpec& step : spec().steps) {
    const bool by_regex =
        step.match == CheckStepSpec::Match::StatusRegex || step.match == CheckStepSpec::Match::StringRegex;
    require(step.kind != CheckStepSpec::Kind::Expect || !by_regex || step.regex != nullptr);
  }
  Server::CheckMemory& memory = this->memory();
  const bool was_up = state().status.load(std::memory_order_relaxed) != ServerStatus::Down;
  memory.health = memory.begun ? count_.adopted(memory.health, was_up) : count_.initial();
  for (const Follower& follower : followers_) lead(follower, false);
}

std::uint64_t Check::interval_ms() const {
  const Server::CheckMemory& memory = server_.state->check;
  return check_interval_ms(spec(), memory.health, memory.begun);
}

void Check::begin(std::uint64_t after_ms) {
  Server::CheckMemory& memory = this->memory();
  const std::uint64_t now = loop().now();
  // A timer taken over may stem from a longer interval; what another process knew has none.
  const bool is_timed = memory.begun && memory.next_ms != 0;
  memory.next_ms = is_timed ? std::min(memory.next_ms, now + interval_ms()) : now + after_ms;
  if (state().ramp.load(std::memory_order_relaxed) < 256) ramp_due_ms_ = now;
  wait();
}

// One deadline serves the next check and the next step of the ramp.
void Check::wait() {
  std::uint64_t due = UINT64_MAX;
  if (probe_ == nullptr && !is_waiting()) due = memory().next_ms;
  if (ramp_due_ms_ != 0) due = std::min(due, ramp_due_ms_);
  if (due == UINT64_MAX) return clear_deadline();
  const std::uint64_t now = loop().now();
  set_deadline(due > now ? due - now : 1);
}

void Check::on_deadline() {
  const std::uint64_t now = loop().now();
  if (ramp_due_ms_ != 0 && now >= ramp_due_ms_) ramp();
  if (probe_ == nullptr && !is_waiting() && now >= memory().next_ms) {
    if (state().status.load(std::memory_order_relaxed) == ServerStatus::Maintenance) {
      memory().next_ms = now + interval_ms();
    } else {
      checks_.want_probe(*this);
    }
  }
  wait();
}

void Check::on_close() {
  ListNode<Checks::WaitingTag>::unlink();
  if (probe_ != nullptr) checks_.give_back(*std::exchange(probe_, nullptr));
}

void Check::start(Probe& probe) {
  probe_ = &probe;
  // Whoever takes over while it is under way begins it anew at once.
  memory().next_ms = loop().now();
  probe.start(server_, std::move(ticket_), *this);
}

void Check::on_probe_done(Probe& probe, const CheckResult& result) {
  ticket_ = probe.take_ticket();
  checks_.give_back(*std::exchange(probe_, nullptr));
  judge(result);
  const std::uint64_t interval = interval_ms();
  const std::uint64_t noise = interval * checks_.options_.spread_percent / 100;
  memory().next_ms = loop().now() + std::max<std::uint64_t>(1, interval - noise + checks_.chance(2 * noise));
  wait();
}

void Check::judge(const CheckResult& result) {
  const ServerStatus before = state().status.load(std::memory_order_relaxed);
  const int health = memory().health;
  switch (check_verdict(result.status)) {
    case CheckVerdict::Failed:
      remember(result, count_.after_failure(health));
      if (before != ServerStatus::Down && !count_.up(memory().health)) move_to(ServerStatus::Down, result);
      return;
    case CheckVerdict::Passed:
      remember(result, count_.after_success(health));
      if (before != ServerStatus::Up && count_.up(memory().health)) move_to(ServerStatus::Up, result);
      return;
    case CheckVerdict::Conditional:
      // A server that is DOWN stays so: what it asks for is to get less, not more.
      remember(result, before == ServerStatus::Down ? health : count_.after_success(health));
      if (before == ServerStatus::Up) move_to(ServerStatus::Drain, result);
      return;
  }
}

void Check::remember(const CheckResult& result, int health) {
  Server::CheckMemory& memory = this->memory();
  const bool news = !memory.begun || memory.last_status != result.status || memory.health != health;
  memory.begun = true;
  memory.health = health;
  memory.last_status = result.status;
  memory.last_code = result.code;
  memory.last_duration_ms = result.duration_ms;
  memory.last_text = result.info;
  if (!spec().log_all || !news) return;
  checks_.log_.write(backend_, Level::Notice, check_line(backend_, server_, result, count_.text(health)));
}

void Check::move_to(ServerStatus status, const CheckResult& result) {
  const ServerStatus before = state().status.load(std::memory_order_relaxed);
  // Of an administrator who took the server away meanwhile, the word counts.
  if (before == ServerStatus::Maintenance) return;
  const std::uint64_t now = loop().now();
  if (status == ServerStatus::Up && before == ServerStatus::Down && server_.slowstart_ms != 0) {
    memory().up_since_ms = now;
    ramp_due_ms_ = now + slow_start_step_ms(server_.slowstart_ms);
    state().ramp.store(slow_start_ramp(0, server_.slowstart_ms), std::memory_order_relaxed);
  }
  if (status == ServerStatus::Down) {
    ramp_due_ms_ = 0;
    state().ramp.store(256, std::memory_order_relaxed);
  }
  state().changed_at_ms.store(now, std::memory_order_relaxed);
  state().status.store(status, std::memory_order_relaxed);
  tally_.changed(server_, before);
  // The check's own line has just said why.
  log_change(tally_, server_, before, spec().log_all ? std::string() : check_reason(result));
  checks_.events_.on_server_changed(backend_, server_, status != ServerStatus::Down);
  for (const Follower& follower : followers_) lead(follower, true);
}

// Makes a server that tracks this one what this one is.
void Check::lead(const Follower& follower, bool aloud) {
  Server& led = *follower.server->state;
  const ServerStatus before = led.status.load(std::memory_order_relaxed);
  const ServerStatus status = state().status.load(std::memory_order_relaxed);
  if (before == status || before == ServerStatus::Maintenance || status == ServerStatus::Maintenance) return;
  BackendTally& tally = checks_.tally_of(*follower.backend);  // Counts what is, the first time.
  led.changed_at_ms.store(loop().now(), std::memory_order_relaxed);
  led.status.store(status, std::memory_order_relaxed);
  tally.changed(*follower.server, before);
  if (aloud) log_change(tally, *follower.server, before, {});
  checks_.events_.on_server_changed(*follower.backend, *follower.server, status != ServerStatus::Down);
}

void Check::log_change(BackendTally& tally, const ServerSpec& server, ServerStatus before, const std::string& reason) {
  HealthLog& log = checks_.log_;
  switch (server.state->status.load(std::memory_order_relaxed)) {
    case ServerStatus::Down:
      log.write(tally.spec, before == ServerStatus::Drain ? Level::Notice : Level::Alert,
                down_line(tally, server, reason));
      break;
    case ServerStatus::Up:
      log.write(tally.spec, Level::Notice, up_line(tally, server, "UP", reason));
      break;
    case ServerStatus::Drain:
      log.write(tally.spec, Level::Notice, up_line(tally, server, "stopping", reason));
      break;
    case ServerStatus::Maintenance:
      break;
  }
  const bool took_traffic = before == ServerStatus::Up && server.weight != 0;
  if (took_traffic && tally.none()) log.write(tally.spec, Level::Emerg, no_server_line(tally.spec));
}

void Check::ramp() {
  const std::uint64_t now = loop().now();
  const std::uint32_t ramp = slow_start_ramp(now - memory().up_since_ms, server_.slowstart_ms);
  state().ramp.store(ramp, std::memory_order_relaxed);
  tally_.ramped();
  ramp_due_ms_ = ramp < 256 ? now + slow_start_step_ms(server_.slowstart_ms) : 0;
}

Checks::Checks(Loop& loop, const ChecksOptions& options, HealthEvents& events, HealthLog& log)
    : loop_(loop), options_(options), events_(events), log_(log), random_(loop.now() * 2 + 1) {}

void Checks::add(const std::vector<Target>& targets) {
  std::vector<Check*> added;
  std::uint64_t shortest_ms = UINT64_MAX;
  for (const Target& target : targets) {
    added.push_back(new Check(loop_, *this, target, tally_of(*target.backend)));
    checks_[target.backend].emplace_back(added.back());
    shortest_ms = std::min(shortest_ms, added.back()->interval_ms());
  }
  const std::uint64_t count = targets.size() * options_.workers;
  for (std::size_t i = 0; i < added.size(); ++i) {
    const std::uint64_t position = i * options_.workers + options_.worker;
    added[i]->begin(first_check_after_ms(shortest_ms, options_.spread_limit_ms, position, count));
  }
}

void Checks::drop(const BackendSpec& backend) {
  checks_.erase(&backend);
  tallies_.erase(&backend);
}

Checks::~Checks() {
  checks_.clear();
  Later::unlink();
}

BackendTally& Checks::tally_of(const BackendSpec& backend) {
  std::unique_ptr<BackendTally>& tally = tallies_[&backend];
  if (!tally) tally = std::make_unique<BackendTally>(backend);
  return *tally;
}

void Checks::want_probe(Check& check) {
  waiting_.push_back(check);
  start_waiting();
}

void Checks::start_waiting() {
  while (!waiting_.empty()) {
    if (idle_probes_.empty()) {
      if (probes_.size() >= std::max<std::size_t>(1, options_.in_flight)) return;
      probes_.push_back(std::make_unique<Probe>(loop_));
      idle_probes_.push_back(probes_.back().get());
    }
    Probe& probe = *idle_probes_.back();
    idle_probes_.pop_back();
    waiting_.pop_front().start(probe);
  }
}

// Not started anew at once: its connection may be on the call stack.
void Checks::give_back(Probe& probe) {
  probe.stop();
  idle_probes_.push_back(&probe);
  if (!waiting_.empty()) loop_.later(*this);
}

std::uint64_t Checks::chance(std::uint64_t limit) {
  if (limit == 0) return 0;
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return random_ % (limit + 1);
}

void Checks::forget(const BackendSpec& backend, const ServerSpec& server) {
  Server& state = *server.state;
  state.check = {};
  if (server.tracked_state) return;
  ServerStatus before = state.status.load(std::memory_order_relaxed);
  if (before == ServerStatus::Maintenance) return;
  state.ramp.store(256, std::memory_order_relaxed);
  state.status.store(ServerStatus::Up, std::memory_order_relaxed);
  if (before != ServerStatus::Up) backend.state->version.fetch_add(1, std::memory_order_acq_rel);
}

HealthNote Checks::note_of(const Server& state) {
  const ServerStatus status = state.status.load(std::memory_order_relaxed);
  if (status == ServerStatus::Maintenance) return {};
  const bool is_ramping = state.ramp.load(std::memory_order_relaxed) < 256;
  return {status, is_ramping ? state.changed_at_ms.load(std::memory_order_relaxed) : 0};
}

// Its health is the best or the worst that its status allows: the Check makes it so.
void Checks::restore(const ServerSpec& server, const HealthNote& note) {
  Server& state = *server.state;
  state.status.store(note.status, std::memory_order_relaxed);
  state.check.begun = true;
  if (server.slowstart_ms == 0 || note.up_since_ms == 0) return;
  state.check.up_since_ms = note.up_since_ms;
  state.changed_at_ms.store(note.up_since_ms, std::memory_order_relaxed);
  state.ramp.store(1, std::memory_order_relaxed);  // Until the Check looks at the clock.
}

}  // namespace penstock
