#include "penstock/balance/health.h"

#include <algorithm>
#include <utility>

#include "health_agent.h"
#include "health_probe.h"
#include "health_tally.h"
#include "penstock/balance/health_count.h"
#include "penstock/base/require.h"

namespace penstock {
namespace {

// Other workers may have nothing to check: the first check of all does not wait long for theirs.
constexpr std::uint64_t kLongestForOthersMs = 1000;

}  // namespace

// The checks of one server, one after the other, or what its agent is asked.
class Check final : public Living, public ListNode<Checks::WaitingTag>, private ProbeOwner {
 public:
  Check(Loop& loop, Checks& checks, const Checks::Target& target, bool agent);
  // The first check of a server not known before is due in `after_ms`.
  void begin(std::uint64_t after_ms);
  void start(Probe& probe);
  void begin_anew();
  void look_again();
  void count_errors(const std::string& errors);
  const ServerSpec& server() const { return server_; }
  bool is_agent() const { return is_agent_; }
  // An agent may end the maintenance that it asked for.
  bool in_service() const { return is_agent_ || server_.state->standing.load(std::memory_order_relaxed).in_service(); }
  // Until the next check, in this state.
  std::uint64_t interval_ms() const;

 private:
  void on_deadline() override;
  void on_close() override;
  void on_probe_done(Probe& probe, const CheckResult& result) override;

  const CheckSpec& spec() const { return is_agent_ ? *server_.agent : server_.check; }
  Operation operation() const { return server_.state->standing.load(std::memory_order_relaxed).operation; }
  Server::CheckMemory& memory() const { return is_agent_ ? server_.state->agent->memory : server_.state->check; }
  bool is_waiting() const { return ListNode<Checks::WaitingTag>::linked(); }
  void wait();
  void judge(const CheckResult& result);
  void judge_agent(CheckResult result);
  void remember(const CheckResult& result, int health);
  void conclude(Operation operation, const CheckResult& result);
  Checks& checks_;
  const BackendSpec& backend_;
  const ServerSpec& server_;
  const bool is_agent_;
  const HealthCount count_;
  Probe* probe_ = nullptr;  // While a check is under way.
  TlsTicket ticket_;
};

Check::Check(Loop& loop, Checks& checks, const Checks::Target& target, bool agent)
    : Living(loop),
      checks_(checks),
      backend_(*target.backend),
      server_(*target.server),
      is_agent_(agent),
      count_(spec().rise, spec().fall) {
  for (const CheckStepSpec& step : spec().steps) {
    const bool by_regex =
        step.match == CheckStepSpec::Match::StatusRegex || step.match == CheckStepSpec::Match::StringRegex;
    require(step.kind != CheckStepSpec::Kind::Expect || !by_regex || step.regex != nullptr);
  }
  Server::CheckMemory& memory = this->memory();
  const bool was_up = agent ? !server_.state->agent->says_down : operation() != Operation::Down;
  memory.health = memory.begun ? count_.adopted(memory.health, was_up) : count_.initial();
}

std::uint64_t Check::interval_ms() const {
  const Server::CheckMemory& memory = this->memory();
  return check_interval_ms(spec(), memory.health, memory.begun);
}

void Check::begin(std::uint64_t after_ms) {
  Server::CheckMemory& memory = this->memory();
  const std::uint64_t now = loop().now();
  // A timer taken over may stem from a longer interval; what another process knew has none.
  const bool is_timed = memory.begun && memory.next_ms != 0;
  memory.next_ms = is_timed ? std::min(memory.next_ms, now + interval_ms()) : now + after_ms;
  wait();
}

void Check::look_again() {
  memory().next_ms = loop().now();
  if (memory().off) on_close();
  wait();
}

void Check::begin_anew() {
  on_close();
  memory().begun = false;
  memory().health = count_.initial();
  memory().next_ms = loop().now();
  wait();
}

void Check::wait() {
  if (probe_ != nullptr || is_waiting() || !in_service() || memory().off) return clear_deadline();
  const std::uint64_t now = loop().now(), due = memory().next_ms;
  set_deadline(due > now ? due - now : 1);
}

void Check::on_deadline() {
  if (loop().now() < memory().next_ms) return wait();
  checks_.want_probe(*this);
}

void Check::on_close() {
  ListNode<Checks::WaitingTag>::unlink();
  if (probe_ != nullptr) checks_.give_back(*std::exchange(probe_, nullptr));
}

void Check::start(Probe& probe) {
  probe_ = &probe;
  // Whoever takes over while it is under way begins it anew at once.
  memory().next_ms = loop().now();
  probe.start(backend_, server_, spec(), std::move(ticket_), *this);
}

void Check::on_probe_done(Probe& probe, const CheckResult& result) {
  ticket_ = probe.take_ticket();
  checks_.give_back(*std::exchange(probe_, nullptr));
  is_agent_ ? judge_agent(result) : judge(result);
  const std::uint64_t interval = interval_ms();
  const std::uint64_t noise = interval * checks_.options_.spread_percent / 100;
  memory().next_ms = loop().now() + std::max<std::uint64_t>(1, interval - noise + checks_.chance(2 * noise));
  wait();
}

void Check::judge(const CheckResult& result) {
  const Operation before = operation();
  const int health = memory().health;
  switch (check_verdict(result.status)) {
    case CheckVerdict::Failed:
      remember(result, count_.after_failure(health));
      if (before != Operation::Down && !count_.up(memory().health)) conclude(Operation::Down, result);
      return;
    case CheckVerdict::Passed:
      remember(result, count_.after_success(health));
      if (before != Operation::Up && count_.up(memory().health)) conclude(Operation::Up, result);
      return;
    case CheckVerdict::Conditional:
      // A server that is DOWN stays so: what it asks for is to get less, not more.
      remember(result, before == Operation::Down ? health : count_.after_success(health));
      if (before == Operation::Up) conclude(Operation::Drain, result);
      return;
    case CheckVerdict::Neutral:
      return remember(result, health);
  }
}

// That it cannot be asked, or says nothing that we understand, changes nothing.
void Check::judge_agent(CheckResult result) {
  if (result.status != CheckStatus::L7Ok) return remember(result, memory().health);
  const bool fixed = backend_.has_fixed_weights();
  const AgentSays says = read_agent_line(result.info, server_, fixed);
  result.info = says.text;
  result.status = !says.up ? CheckStatus::Unchanged : *says.up ? CheckStatus::L7Ok : CheckStatus::L7Status;
  if (!says.up) result.code = -1;
  remember(result, !says.up ? memory().health : *says.up ? count_.best() : 0);
  checks_.owner_.on_agent(backend_, server_, says.change, says.up, result);
}

void Check::count_errors(const std::string& errors) {
  if (!in_service() || memory().off) return;
  server_.state->failed_by_traffic.add();
  const CheckResult result{CheckStatus::Analysis, -1, errors, 0};
  switch (server_.on_error) {
    case OnError::FastInter:
      break;
    case OnError::SuddenDeath:
      memory().health = std::min(memory().health, count_.initial() + 1);
      judge(result);
      break;
    case OnError::FailCheck:
      judge(result);
      break;
    case OnError::MarkDown:
      memory().health = std::min(memory().health, count_.initial());
      judge(result);
      break;
  }
  memory().next_ms = std::min(memory().next_ms, loop().now() + spec().fastinter_ms);
  wait();
}

void Check::remember(const CheckResult& result, int health) {
  Server::CheckMemory& memory = this->memory();
  const bool is_neutral = check_verdict(result.status) == CheckVerdict::Neutral;
  const bool news = !is_neutral && (!memory.begun || memory.last_status != result.status || memory.health != health);
  if (!is_agent_ && count_.up(memory.health) && health < memory.health) server_.state->failed_checks.add();
  if (backend_.state && result.status != CheckStatus::Analysis)
    backend_.state->durations.of(checks_.options_.worker).checks.add(static_cast<std::int64_t>(result.duration_ms));
  memory.begun = true;
  memory.health = health;
  memory.last_status = result.status;
  memory.last_code = result.code;
  memory.last_duration_ms = result.duration_ms;
  memory.last_text = shown_info(result.info);
  is_agent_ ? server_.state->show_agent() : server_.state->show_check();
  if (spec().log_all && news) {
    const std::string line = check_line(backend_, server_, result, count_.text(health), is_agent_);
    checks_.log_.write(backend_, Level::Notice, line);
    checks_.log_.mail(backend_, Level::Info, line);
  }
  if (is_agent_) return;
  std::vector<Server::CheckRecord>& records = server_.state->records;
  if (records.size() == Server::kMostRecords) records.erase(records.begin());
  records.push_back({Loop::wall_us(), result.status, result.code, result.duration_ms, memory.last_text});
}

void Check::conclude(Operation operation, const CheckResult& result) {
  checks_.owner_.on_found(backend_, server_, operation, result);
}

Checks::Checks(Loop& loop, const ChecksOptions& options, CheckOwner& owner, HealthLog& log)
    : loop_(loop), options_(options), owner_(owner), log_(log), random_(loop.now() * 2 + 1) {}

void Checks::add(const std::vector<Target>& targets) {
  std::vector<Check*> added;
  std::uint64_t shortest_ms = UINT64_MAX;
  for (const Target& target : targets) {
    for (const bool agent : {false, true}) {
      if (agent ? target.server->agent == nullptr : !target.server->check.enabled) continue;
      auto* check = new Check(loop_, *this, target, agent);
      checks_[target.backend].emplace_back(check);
      if (!check->in_service()) continue;
      added.push_back(check);
      shortest_ms = std::min(shortest_ms, check->interval_ms());
    }
  }
  const std::uint64_t limit_ms = options_.spread_limit_ms, count = added.size();
  const std::uint64_t others_ms = std::min(
      kLongestForOthersMs, first_check_after_ms(shortest_ms, limit_ms, options_.worker, count * options_.workers));
  for (std::size_t i = 0; i < count; ++i)
    added[i]->begin(others_ms + first_check_after_ms(shortest_ms, limit_ms, i, count));
}

void Checks::drop(const BackendSpec& backend) { checks_.erase(&backend); }

void Checks::begin_anew(const BackendSpec& backend, const ServerSpec& server) {
  if (Check* check = find(backend, server)) check->begin_anew();
}

void Checks::look_again(const BackendSpec& backend, const ServerSpec& server) {
  if (Check* check = find(backend, server)) check->look_again();
}

void Checks::look_at_agent_again(const BackendSpec& backend, const ServerSpec& server) {
  if (Check* check = find(backend, server, true)) check->look_again();
}

void Checks::count_errors(const BackendSpec& backend, const ServerSpec& server, const std::string& errors) {
  if (Check* check = find(backend, server)) check->count_errors(errors);
}

Check* Checks::find(const BackendSpec& backend, const ServerSpec& server, bool agent) {
  const auto checks = checks_.find(&backend);
  if (checks == checks_.end()) return nullptr;
  for (auto& check : checks->second) {
    if (&check->server() == &server && check->is_agent() == agent) return check.get();
  }
  return nullptr;
}

Checks::~Checks() {
  checks_.clear();
  Later::unlink();
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

}  // namespace penstock
