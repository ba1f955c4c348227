#include "penstock/proxy/tunnel.h"

#include <utility>

#include "penstock/net/unread.h"
#include "penstock/proxy/access_log.h"
#include "penstock/proxy/counting.h"
#include "penstock/proxy/reason.h"
#include "penstock/rules/tracked.h"

namespace penstock {
namespace {

// More is not waited for: rules then decide by what there is.
constexpr std::size_t kInspectLimit = 16 * 1024;

}  // namespace

Owned<Tunnel> Tunnel::make(Kit& kit, Ref<Generation> generation, const FrontendPlan& frontend,
                           const rules::ClientFacts& client, TunnelOwner& owner) {
  return Owned<Tunnel>(new Tunnel(kit, std::move(generation), frontend, client, owner));
}

Tunnel::Tunnel(Kit& kit, Ref<Generation> generation, const FrontendPlan& frontend, const rules::ClientFacts& client,
               TunnelOwner& owner)
    : Living(kit.loop),
      kit_(kit),
      owner_(owner),
      generation_(std::move(generation)),
      frontend_(frontend),
      subject_(arena_),
      approach_(kit, *generation_, subject_, nullptr, *this) {
  kit.equip(subject_, *generation_, frontend);
  subject_.client = &client;
  subject_.log.request_counter = kit.process.requests.fetch_add(1, std::memory_order_relaxed);
  subject_.log.pid = kit.process.pid;
}

Tunnel::~Tunnel() = default;

void Tunnel::on_close() {
  Later::unlink();
  AnswerWaiter::unlink();
  rules::tracked::end(subject_);
  keep_ticket();
  approach_.leave();
  back_.reset();
  front_.reset();
}

void Tunnel::start(Owned<Connection> front, std::uint64_t since_ms) {
  front_ = std::move(front);
  front_->set_events(client_);
  start_ms_ = since_ms;
  // What the client says waits for a server to say it to.
  front_->set_reading(false);
  loop().later(*this);
}

void Tunnel::run_later() {
  if (step_ == Step::Welcome) welcome();
}

void Tunnel::welcome() {
  subject_.log.th = static_cast<std::int64_t>(loop().now() - start_ms_);
  approach_.begin_wait(start_ms_);  // All before a server is chosen counts as waiting, inspection too.
  subject_.log.accept_us = subject_.client->accepted_us;
  subject_.log.request_us = subject_.log.accept_us;
  frontend_.rules.begin(subject_);
  step_ = Step::Inspect;
  inspect();
}

bool Tunnel::refused(const rules::Verdict& verdict) {
  if (verdict.kind == rules::Verdict::Kind::Reject) reason::note_rule(generation_->snapshot(), verdict.place, subject_);
  if (verdict.kind == rules::Verdict::Kind::SilentDrop) front_->vanish();
  return verdict.kind == rules::Verdict::Kind::Reject || verdict.kind == rules::Verdict::Kind::SilentDrop ||
         verdict.kind == rules::Verdict::Kind::Trouble;
}

// By a rule, or because one could not be asked.
void Tunnel::refuse(Phase phase) {
  if (subject_.in_trouble()) reason::note_trouble(generation_->snapshot(), subject_);
  end(subject_.trouble == rules::Trouble::Memory ? Cause::Exhausted : Cause::Denied, phase);
}

// The content rules of the frontend, then those of the backend it chose; they may wait for more bytes.
void Tunnel::inspect() {
  if (backend_spec_ == nullptr) {
    if (!look_into(frontend_.rules.tcp_content, frontend_.rules.inspect_delay_ms)) return;
    const bool found = choose_backend();
    if (subject_.in_trouble()) return refuse(Phase::Request);
    if (!found) return end(Cause::ServerClosed, Phase::Connect);
  }
  if (backend_spec_->balance.name != frontend_.name &&
      !look_into(backend_spec_->rules->tcp_content, backend_spec_->rules->inspect_delay_ms)) {
    return;
  }
  clear_deadline();
  approach_.ask_persistence();
  if (subject_.in_trouble()) return refuse(Phase::Request);
  read_early();
  follow(approach_.choose());
}

// True if these rules let the connection pass; false if they wait, or have ended it.
bool Tunnel::look_into(const rules::Program& program, std::uint64_t delay_ms) {
  const rules::Verdict verdict = judge_early(program, start_ms_, delay_ms, client_.ended());
  if (verdict.kind == rules::Verdict::Kind::Wait) {
    front_->set_reading(true);
    return false;
  }
  if (verdict.kind == rules::Verdict::Kind::Name) {
    read_early();
    return false;
  }
  if (!refused(verdict)) return true;
  refuse(Phase::Request);
  return false;
}

// What content rules make of the bytes held back. If they wait for more, the delay bounds it.
rules::Verdict Tunnel::judge_early(const rules::Program& program, std::uint64_t since_ms, std::uint64_t delay_ms,
                                   bool ended) {
  const std::uint64_t waited_ms = loop().now() - since_ms;
  subject_.buffer = early_;
  subject_.buffer_final = waited_ms >= delay_ms || ended || early_.size() >= kInspectLimit;
  rules::Verdict verdict = subject_.names == nullptr ? program.run(subject_) : go_on(program);
  if (verdict.kind == rules::Verdict::Kind::Name) wait_for_name(program, verdict);
  subject_.buffer_final = true;
  if (verdict.kind == rules::Verdict::Kind::Wait) set_deadline(delay_ms - waited_ms);
  return verdict;
}

// While a name is asked for no rule is; when it is known they go on where they waited for it.
[[gnu::cold]] rules::Verdict Tunnel::go_on(const rules::Program& program) {
  rules::NameAsked& asked = *subject_.names;
  rules::Verdict verdict;
  verdict.kind = rules::Verdict::Kind::Name;
  if (asked.state != rules::NameAsked::State::Known) return verdict;
  if (!std::exchange(asked.goes_on, false)) return program.run(subject_);
  verdict.wait.next = asked.next;
  verdict.wait.strict = asked.strict;
  verdict.wait.judged = true;
  return program.resume(subject_, verdict.wait);
}

[[gnu::cold]] void Tunnel::wait_for_name(const rules::Program& program, rules::Verdict& verdict) {
  while (verdict.kind == rules::Verdict::Kind::Name && subject_.names->state == rules::NameAsked::State::Wanted) {
    if (!kit_.find_name(subject_, *this)) {
      verdict = program.resume(subject_, verdict.wait);
      continue;
    }
    rules::NameAsked& asked = *subject_.names;
    asked.goes_on = true;
    asked.next = verdict.wait.next;
    asked.strict = verdict.wait.strict;
  }
}

void Tunnel::on_answer_known() {
  if (step_ == Step::Inspect) inspect();
}

bool Tunnel::choose_backend() {
  const int index = frontend_.rules.choose_backend(subject_);
  if (index < 0) return false;
  backend_spec_ = generation_->snapshot().backend(index);
  approach_.begin(index);
  return true;
}

// Where the way to a server has led.
void Tunnel::follow(Approach::Step step) {
  step_ = Step::Approach;
  switch (step) {
    case Approach::Step::Server:
      clear_deadline();
      return connect();
    case Approach::Step::Waiting:
      return set_deadline(approach_.limit_ms());
    case Approach::Step::None:
      break;
  }
  if (subject_.in_trouble()) return refuse(Phase::Request);
  end(approach_.failure().cause, approach_.failure().phase);
}

void Tunnel::connect() {
  step_ = Step::Connect;
  ServerSlot& slot = *approach_.slot();
  const ServerSpec& spec = slot.spec;
  const SocketAddress address = approach_.address();
  if (address.empty()) return connect_failed(Cause::ServerClosed, "no address");
  tls_name_ = approach_.tls_name();
  if (subject_.in_trouble()) return refuse(Phase::Request);
  if (spec.proxy_wishes.unique_id) frontend_.rules.make_unique_id(subject_);
  approach_.on_connection(true);
  const std::string greeting = approach_.greeting();
  const TlsTarget tls{spec.tls.get(), tls_name_, spec.verify_name, greeting};
  back_ = Connection::connect(loop(), address, spec.socket, tls, approach_.pool()->take_ticket(tls_name_), server_);
  back_->set_deadline(backend_spec_->connect_ms);
}

void Tunnel::connect_failed(Cause cause, const char* detail) {
  back_.reset();
  follow(approach_.try_again({cause, Phase::Connect, true, 503, 0, detail}, Approach::Again::Connecting));
}

void Tunnel::joined() {
  step_ = Step::Relay;
  joined_ms_ = loop().now();
  counting::handshake_ended(approach_.way(), *back_);
  approach_.connected();
  approach_.remember_server();
  if (!early_.empty()) back_->send(early_);
  subject_.buffer = {};
  early_ = std::string();
  front_->set_reading(true);
  if (client_.ended()) back_->finish_sending();
  touch();
  const rules::BackendRules& rules = *backend_spec_->rules;
  answer_passes_ = rules.tcp_response.empty() && rules.stick_response.empty();
  if (!rules.tcp_response.empty() && rules.response_inspect_delay_ms != 0) judge_answer();
}

void Tunnel::touch() {
  // A tunnel begins when rules no longer wait for more of the answer.
  const std::uint64_t tunnel_ms = has_deadline() ? 0 : backend_spec_->tunnel_ms;
  const std::uint64_t client_fin = server_.ended() ? frontend_.client_fin_ms : 0;
  const std::uint64_t server_fin = client_.ended() ? backend_spec_->server_fin_ms : 0;
  std::uint64_t client_ms = client_fin != 0 ? client_fin : tunnel_ms != 0 ? tunnel_ms : frontend_.client_ms;
  std::uint64_t server_ms = server_fin != 0 ? server_fin : tunnel_ms != 0 ? tunnel_ms : backend_spec_->server_ms;
  // Who has ended, or is not read from while the other takes nothing, is waited for only to take what it is sent.
  if (client_.rests() && front_->all_sent()) client_ms = 0;
  if (server_.rests() && back_->all_sent()) server_ms = 0;
  // They run together: the shorter one decides, and of equals the client's.
  const bool client_first = client_ms != 0 && (server_ms == 0 || client_ms <= server_ms);
  front_->set_deadline(client_first ? client_ms : 0);
  back_->set_deadline(client_first ? 0 : server_ms);
}

void Tunnel::on_side_bytes(bool of_client, Slice bytes) {
  (of_client ? subject_.log.bytes_uploaded : subject_.log.bytes_read) += bytes.size();
  if (step_ != Step::Relay) {
    // There is no server yet to send it to.
    early_ += bytes.view();
    subject_.buffer = early_;
    if (step_ == Step::Inspect) return inspect();
    return read_early();
  }
  if (!of_client && !answer_passes_) {
    touch();
    early_ += bytes.view();
    return judge_answer();
  }
  Connection& to = other(of_client);
  to.send(std::move(bytes));
  if (to.congested()) pause(of_client);
  touch();
}

// Who sends faster than the other takes.
void Tunnel::pause(bool of_client) {
  if (side(of_client).ended()) return;
  side(of_client).flow = Side::Flow::Paused;
  (of_client ? *front_ : *back_).set_reading(false);
}

// A client that waits for its server is read from within bounds: so long its end is seen.
void Tunnel::read_early() { front_->set_reading(early_.size() < kInspectLimit); }

// `tcp-response content` and `stick store-response`, with what the server has said so far: its first bytes, or
// those of inspect-delay.
void Tunnel::judge_answer() {
  const rules::BackendRules& rules = *backend_spec_->rules;
  const rules::Verdict verdict =
      judge_early(rules.tcp_response, joined_ms_, rules.response_inspect_delay_ms, server_.ended());
  if (verdict.kind != rules::Verdict::Kind::Wait && !refused(verdict) && !rules.stick_response.empty()) {
    approach_.remember_answer();
  }
  subject_.buffer = {};
  if (subject_.in_trouble()) return refuse(Phase::Data);
  if (verdict.kind == rules::Verdict::Kind::Wait) return touch();
  if (refused(verdict)) return refuse(Phase::Data);
  clear_deadline();
  touch();
  answer_passes_ = true;
  if (!early_.empty()) front_->send(std::exchange(early_, {}));
  if (verdict.kind == rules::Verdict::Kind::Close) return close_server();
  if (front_->congested()) pause(false);
}

// The client gets what the server has said so far, and that is all.
void Tunnel::close_server() {
  client_.flow = server_.flow = Side::Flow::Ended;
  back_->set_reading(false);
  back_->reset_on_close();
  front_->finish_sending();
  touch();
  end_when_sent();
}

void Tunnel::on_side_sent(bool of_client) {
  if (step_ != Step::Relay) return;
  Side& from = side(!of_client);
  if (!from.ended()) from.flow = Side::Flow::Open;
  touch();
  end_when_sent();
  if (step_ == Step::Relay && !from.ended()) other(of_client).set_reading(true);
}

void Tunnel::on_side_end(bool of_client) {
  side(of_client).flow = Side::Flow::Ended;
  if (step_ != Step::Relay) {
    if (!of_client) return;
    if (step_ == Step::Inspect) return inspect();
    if (backend_spec_ != nullptr && backend_spec_->abort_on_close) end(Cause::ClientClosed, phase_now());
    return;
  }
  if (!of_client && !answer_passes_) judge_answer();
  if (step_ == Step::Done) return;
  other(of_client).finish_sending();
  touch();
  end_when_sent();
}

// Both have ended; what they said last may still wait for a slow reader.
void Tunnel::end_when_sent() {
  if (!client_.ended() || !server_.ended()) return;
  if (front_->all_sent() && back_->all_sent()) end(Cause::None, Phase::None);
}

Phase Tunnel::phase_now() const {
  switch (step_) {
    case Step::Welcome:
    case Step::Inspect:
      return Phase::Request;
    case Step::Approach:
      return approach_.phase();
    case Step::Connect:
      return Phase::Connect;
    case Step::Relay:
    case Step::Done:
      return Phase::Data;
  }
  return Phase::Data;
}

void Tunnel::on_side_lost(bool of_client, const Loss& loss) {
  if (!of_client && step_ == Step::Connect && loss.kind != Loss::Kind::Broken) {
    reason::note(rules::Reason::Kind::Connect,
                 loss.kind == Loss::Kind::Connect ? "connect failed" : "TLS handshake failed", loss.text, subject_);
    counting::handshake_ended(approach_.way(), *back_);
    return connect_failed(Cause::ServerClosed, "connect failed");
  }
  end(of_client ? Cause::ClientClosed : Cause::ServerClosed, phase_now());
}

void Tunnel::on_side_time_out(bool of_client) {
  if (!of_client && step_ == Step::Connect) {
    reason::note(rules::Reason::Kind::Connect, "connect timed out", {}, subject_);
    return connect_failed(Cause::ServerTimeout, "connect timed out");
  }
  if (of_client && phase_now() != Phase::Data && phase_now() != Phase::Request) return;
  end(of_client ? Cause::ClientTimeout : Cause::ServerTimeout, phase_now());
}

void Tunnel::on_deadline() {
  if (step_ == Step::Inspect) return inspect();
  if (step_ == Step::Approach) return follow(approach_.late());
  if (step_ == Step::Relay) judge_answer();
}

void Tunnel::on_server_down() { end(Cause::Down, phase_now()); }

std::string_view Tunnel::step_word() const {
  switch (step_) {
    case Step::Welcome:
    case Step::Inspect:
      return "request";
    case Step::Approach:
      return "queue";
    case Step::Connect:
      return "connect";
    case Step::Relay:
      return "tunnel";
    case Step::Done:
      break;
  }
  return "done";
}

void Tunnel::tell(Running& running) const {
  running.kind = Running::Kind::Tunnel;
  running.phase = step_word();
  running.began_ms = start_ms_;
  running.retries = subject_.log.retries;
  running.frontend = frontend_.name;
  if (backend_spec_ != nullptr) running.backend = backend_spec_->balance.name;
  if (const ServerSlot* slot = approach_.slot()) {
    running.server = slot->spec.name;
    running.server_address = approach_.address().text();
  }
}

void Tunnel::keep_ticket() {
  if (back_ && back_->is_tls() && approach_.slot() != nullptr)
    approach_.pool()->keep_ticket(tls_name_, back_->take_ticket());
}

void Tunnel::end(Cause cause, Phase phase) {
  if (step_ == Step::Done) return;
  const bool has_reason = subject_.reason.kind != rules::Reason::Kind::None;
  if (!has_reason && cause != Cause::ClientClosed && (phase == Phase::Queue || phase == Phase::Connect)) {
    reason::note(rules::Reason::Kind::Room,
                 phase == Phase::Queue ? "no server had room in time" : "no server is available", {}, subject_);
  }
  reason::tell(generation_->snapshot(), frontend_, subject_);
  rules::LogFacts& log = subject_.log;
  log.termination[0] = static_cast<char>(cause);
  log.termination[1] = static_cast<char>(phase);
  log.tt = log.ta = static_cast<std::int64_t>(loop().now() - start_ms_);
  const ProcessState& process = kit_.process;
  log.actconn = process.connections.load(std::memory_order_relaxed);
  log.feconn = frontend_.state->connections.load(std::memory_order_relaxed);
  approach_.note_facts();
  if (back_ && frontend_.rules.asks_back_address()) log.back_source = &back_->local();
  counting::tunnel_ended(kit_, frontend_, approach_.way(), subject_);
  if (!frontend_.logs.empty()) access_log::write(frontend_, subject_, log.bytes_uploaded != 0);
  rules::tracked::end(subject_);
  // What a client did not end in order no server must take for the whole.
  if (cause == Cause::ClientClosed && step_ == Step::Relay && !server_.ended()) back_->reset_on_close();
  if (step_ == Step::Approach || step_ == Step::Connect) forget_unread(front_->descriptor());
  step_ = Step::Done;
  owner_.on_tunnel_done();
}

}  // namespace penstock
