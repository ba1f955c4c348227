#include "penstock/proxy/transaction.h"

#include <utility>

#include "penstock/config/model.h"
#include "penstock/http/cookies.h"
#include "penstock/proxy/forwarding.h"
#include "penstock/proxy/own_answer.h"
#include "penstock/proxy/reason.h"
#include "penstock/proxy/reply.h"
#include "penstock/rules/tracked.h"

namespace penstock {

Transaction::Transaction(const TransactionSide& client, Ref<Generation> generation, const FrontendPlan& frontend,
                         TransactionOwner& owner)
    : Living(client.kit.loop),
      owner_(owner),
      kit_(client.kit),
      front_(client.front),
      generation_(std::move(generation)),
      frontend_(frontend),
      subject_(front_.arena()),
      pins_(client.pins),
      approach_(kit_, *generation_, subject_, &pins_, *this),
      lease_(pins_, approach_),
      accounting_(kit_, front_, frontend_, equipped(client)) {}

// Its facts are there before the account of it begins.
rules::Subject& Transaction::equipped(const TransactionSide& client) {
  kit_.equip(subject_, *generation_, frontend_);
  subject_.client = &client.facts;
  subject_.first_request = front_.tally().number <= 1;
  return subject_;
}

Transaction::~Transaction() = default;

void Transaction::on_close() {
  ListNode<LaterTag>::unlink();
  ListNode<PutOffTag>::unlink();
  ListNode<rules::AnswerTag>::unlink();
  rules::tracked::end(subject_);
  approach_.leave();
  approach_.leave_backend();
  lease_.forget();
  accounting_.gone();
}

// ---- The steps, in the order of a request's life. What most requests never meet is in files of its own: what goes wrong in
// transaction_failure.cc, bodies, and what else rules wait for, in transaction_body.cc, what answers in place of a server in
// transaction_own.cc.

void Transaction::on_request_head(Head& head) {
  accounting_.request_came();
  accounting_.count_request();
  accounting_.body_came(front_.hop().wire_size);
  subject_.request = &head;
  rules::tracked::request_came(subject_);
  frontend_.rules.begin(subject_, generation_->snapshot().config.global.log_uri_length);
  forwarding::drop_hop_fields(head, front_.hop().upgrade);
  // Rules that lead upgrades to servers of their own ask for it; prepare_request() takes it away again.
  if (front_.hop().upgrade) head.fields.push_back(front_.arena(), {"Connection", "Upgrade"});
  if (asks_monitor(frontend_, head.target)) {
    accounting_.hush();
    return reply(rules::Reply::of(frontend_.rules.monitor_fails(subject_) ? 503 : 200), Cause::Local, Phase::Request);
  }
  if (!waits_for_body(false)) apply_request_rules();
}

// `option http-buffer-request`: the body, or as much as a buffer takes, comes first.
bool Transaction::waits_for_body(bool of_backend) {
  const bool wanted = of_backend ? backend_spec_->buffer_request : frontend_.buffer_request;
  const std::uint64_t limit_ms = of_backend && backend_spec_->body_ms != 0 ? backend_spec_->body_ms : frontend_.body_ms;
  return wanted && waits_for_body(of_backend ? Step::BackendBody : Step::Body, limit_ms);
}

void Transaction::apply_request_rules() {
  const bool has_id = !frontend_.unique_id_header.empty() || !frontend_.rules.unique_id.empty();
  if (has_id && waiting_ == nullptr) frontend_.rules.make_unique_id(subject_);
  const rules::FrontendRules& rules = frontend_.rules;
  const auto run = [this](const rules::Program& program) {
    return run_rules(program, Phase::Request, frontend_.tarpit_ms);
  };
  if (run(rules.tcp_content) && run(rules.http_request)) request_rules_passed();
}

void Transaction::request_rules_passed() {
  if (frontend_.stats && shows_statistics(*frontend_.stats, frontend_.rules.stats)) return;
  choose_backend();
}

bool Transaction::ask_rules(const rules::Program& program, Phase phase, std::uint64_t tarpit_ms) {
  if (waiting_ != nullptr && waiting_ != &program) return true;
  const bool goes_on = std::exchange(waiting_, nullptr) != nullptr;
  rules::Verdict verdict = goes_on ? program.resume(subject_, go_on_) : program.run(subject_);
  while ((verdict.kind == rules::Verdict::Kind::Body && !waits_for_body(verdict.wait, program)) ||
         (verdict.kind == rules::Verdict::Kind::Name && !waits_for_name(verdict.wait, program)) ||
         (verdict.kind == rules::Verdict::Kind::Cache && !gives_kept_answer()))
    verdict = program.resume(subject_, verdict.wait);
  if (!subject_.early_hints.empty()) send_early_hints();
  if (verdict.kind == rules::Verdict::Kind::Password) {
    waiting_ = &program;
    go_on_ = verdict.wait;
    waits_for_password(backend_spec_ == nullptr ? Again::Rules : Again::BackendRules);
  }
  return obey(verdict, phase, tarpit_ms);
}

// Apart, as most requests meet few rules.
[[gnu::noinline]] bool Transaction::obey(const rules::Verdict& verdict, Phase phase, std::uint64_t tarpit_ms) {
  using Kind = rules::Verdict::Kind;
  const bool of_answer = phase == Phase::Headers;
  switch (verdict.kind) {
    case Kind::Continue:
    case Kind::Wait:
    case Kind::SwitchToHttp:
      return true;
    case Kind::Body:
    case Kind::Cache:
    case Kind::Password:
    case Kind::Name:
      return false;
    case Kind::Trouble:
      gave_up(phase);
      return false;
    case Kind::Serve:
      serve_metrics();
      return false;
    case Kind::Tarpit:
      if (of_answer) return true;
      reason::note_rule(generation_->snapshot(), verdict.place, subject_);
      begin_tarpit(verdict.reply, tarpit_ms);
      return false;
    case Kind::Deny:
    case Kind::Reply:
    case Kind::Error:
      if (of_answer) drop_answer();
      if (verdict.kind == Kind::Deny && !of_answer) rules::tracked::request_failed(subject_);
      if (verdict.kind != Kind::Reply) reason::note_rule(generation_->snapshot(), verdict.place, subject_);
      reply(verdict.kind == Kind::Error ? rules::Reply::of(500) : verdict.reply,
            verdict.kind == Kind::Reply ? Cause::Local : Cause::Denied, phase);
      return false;
    case Kind::SilentDrop:
      vanish_ = true;
      if (of_answer) accounting_.answer_is_ours();
      break;
    case Kind::Close:
    case Kind::Reject:
      if (!of_answer) break;
      fail(Failure::of(Cause::Denied, phase, 502, "denied by a rule"));
      return false;
  }
  if (!of_answer) {
    reason::note_rule(generation_->snapshot(), verdict.place, subject_);
    accounting_.request_never_came();
  }
  cut(Cause::Denied, phase);
  return false;
}

void Transaction::choose_backend() {
  const int index = frontend_.rules.choose_backend(subject_);
  if (waits_for_password(Again::BackendChoice) || gave_up(Phase::Request)) return;
  if (index < 0) {
    reason::note(rules::Reason::Kind::Room, "no backend is chosen for it", {}, subject_);
    return reply(rules::Reply::of(503), Cause::ServerClosed, Phase::Connect);
  }
  backend_spec_ = generation_->snapshot().backend(index);
  is_listen_ = backend_spec_->balance.name == frontend_.name;
  approach_.begin(index);
  if (!waits_for_body(true)) apply_backend_rules();
}

void Transaction::apply_backend_rules() {
  if (!is_listen_) {
    const rules::BackendRules& rules = *backend_spec_->rules;
    const std::uint64_t tarpit_ms = backend_spec_->tarpit_ms;
    if (!run_rules(rules.tcp_content, Phase::Request, tarpit_ms)) return;
    if (!run_rules(rules.http_request, Phase::Request, tarpit_ms)) return;
  }
  backend_rules_passed();
}

void Transaction::backend_rules_passed() {
  const bool has_own = !is_listen_ && backend_spec_->stats;
  if (has_own && shows_statistics(*backend_spec_->stats, backend_spec_->rules->stats)) return;
  prepare_request();
}

// What the server gets beyond what the client said and the rules made of it.
void Transaction::prepare_request() {
  // Before a server is chosen: who it is must not be said where others have been or will be.
  pins_.look_at_request(*subject_.request);
  compression_.look_at_request(frontend_, backend_spec_, *subject_.request);
  forwarding::prepare(frontend_, *backend_spec_, front_.hop().upgrade, subject_);
  if (forwarding::closes_client(frontend_, *backend_spec_)) front_.close_after_answer();
  if (subject_.effects.timeout_client_ms > 0) {
    front_.set_client_ms(static_cast<std::uint64_t>(subject_.effects.timeout_client_ms));
  }
  front_.set_abort_on_close(backend_spec_->abort_on_close);
  approach_.begin_wait(loop().now());
  choose_server();
}

void Transaction::choose_server() {
  approach_.ask_persistence();
  if (waits_for_password(Again::Choice) || gave_up(Phase::Request)) return;
  follow(approach_.choose());
}

// Where the way to a server has led.
void Transaction::follow(Approach::Step step) {
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
  if (waits_for_password(Again::Choice) || gave_up(Phase::Request)) return;
  if (!approach_.lost_identity()) return fail(approach_.failure());
  subject_.log.status = 502;
  cut(Cause::ServerClosed, Phase::Connect);
}

// An idle connection where one may be used, else a new one.
void Transaction::connect() {
  step_ = Step::Connect;
  const std::string_view tls_name = approach_.tls_name();
  if (waits_for_password(Again::Connect) || gave_up(Phase::Request)) return;
  if (lease_.borrow(*backend_spec_, tls_name, subject_.first_request, *this)) return on_back_ready(*lease_.back());
  if (lease_.connect(loop(), *backend_spec_, tls_name, *this)) return;
  connect_failed(Failure::not_connected(Cause::ServerClosed, "no address"));
}

void Transaction::on_back_ready(Back&) {
  lease_.count_handshake();
  accounting_.connected();
  approach_.connected();
  send_request();
}

void Transaction::send_request() {
  step_ = Step::Headers;
  Head& head = *subject_.request;
  const Ask ask{.to_head = head.method == "HEAD",
                .to_connect = head.method == "CONNECT",
                .upgrade = front_.hop().upgrade,
                .last = forwarding::closes_server(frontend_, *backend_spec_, pins_.pinned())};
  if (!backend_spec_->name_header.empty())
    forwarding::name_server(*backend_spec_, head, approach_.slot()->spec.name, front_.arena());
  lease_.open(from_server_, front_.arena(), ask);
  lease_->send_head(head);
  const std::int64_t by_rule = subject_.effects.timeout_server_ms;
  lease_->set_server_ms(by_rule >= 0 ? static_cast<std::uint64_t>(by_rule) : backend_spec_->server_ms);
  subject_.body = {};
  if (held_.send_to(*lease_, request_ended_)) front_.set_reading(true);
}

void Transaction::on_response_head(Head& head) {
  if (head.status < 200 && head.status != 101) {
    accounting_.answer_came(approach_, head.status);
    forwarding::drop_hop_fields(head, false);
    return front_.send_head(head);
  }
  if (Tries::asked_for(backend_spec_->retry_on, head.status) && may_repeat()) {
    return repeat(Failure::of(Cause::ServerClosed, Phase::Headers, head.status, "a status to retry on"));
  }
  if (head.status == 101 && !forwarding::is_what_was_asked(*subject_.request, head)) {
    return fail(Failure::of(Cause::Denied, Phase::Headers, 502, "upgraded to another protocol than was asked for"));
  }
  step_ = Step::Data;
  accounting_.answer_came(approach_, head.status);
  approach_.observe_status(head.status);
  rules::tracked::answer_came(subject_, head.status);
  subject_.response = &head;
  subject_.back = &lease_.back()->connection();
  approach_.note_server();
  pins_.look_at_answer(head);
  if (pins_.pinned() && !lease_->hop().keep_alive) front_.close_after_answer();
  note_last_server(head.status == 401 || head.status == 407);
  if (backend_spec_->rules->sticks()) approach_.remember_answer();
  // Unless something was upgraded, what is said of it was said to us.
  forwarding::drop_hop_fields(head, head.status == 101 && lease_->hop().upgrade);
  frontend_.rules.capture_response(subject_);
  if (!run_response_rules()) return;
  if (backend_spec_->check_cache && cookies::may_be_cached(*subject_.request, head)) return refuse_cookie();
  send_response(head);
}

// Few clients are to come back to the server that served them: nobody keeps it for the others.
void Transaction::note_last_server(bool must_stay) {
  if (must_stay || backend_spec_->balance.prefer_last_server) {
    pins_.set_last(approach_.slot()->spec.state, must_stay);
  } else {
    pins_.forget_last();
  }
}

// Those of the backend first; a `listen` has but one set.
bool Transaction::run_response_rules() {
  const rules::BackendRules& rules = *backend_spec_->rules;
  return run_rules(rules.tcp_response, Phase::Headers, 0) &&
         (is_listen_ || run_rules(rules.http_response, Phase::Headers, 0)) &&
         run_rules(frontend_.rules.http_response, Phase::Headers, 0);
}

void Transaction::send_response(Head& head) {
  if (backend_spec_->cookie.in_use()) approach_.write_cookie(head);
  run_after_response_rules(frontend_, backend_spec_, subject_);
  subject_.back = nullptr;
  if (gave_up(Phase::Headers)) return;
  if (!may_answer(head)) {
    lease_.close({});
    return reply(rules::Reply::of(500), Cause::Denied, Phase::Headers);
  }
  const auto came = static_cast<std::uint16_t>(std::exchange(subject_.log.status, head.status));
  head_answered_ = true;
  // A server that closes takes no more; so much is not read for nobody.
  if (!request_ended_ && !lease_->hop().keep_alive && front_.body_left() > FrontStream::kServedDrainLimit)
    front_.close_after_answer();
  // What can be made smaller depends on the status that the server said, whatever rules made of it.
  const std::uint16_t status = std::exchange(head.status, came);
  const BodyLength body = head.body;
  begin_compression(head);
  if (subject_.caching != nullptr) begin_keeping(body, came);
  head.status = status;
  front_.send_head(head);
  if (head.body.kind == BodyLength::Kind::Tunnel) start_tunnel();
  if (frontend_.log_asap) {
    subject_.log.asap = true;
    write_log();
    accounting_.hush();
  }
  if (!held_.empty() || response_ended_) send_held_answer();
}

void Transaction::start_tunnel() {
  tunnel_ = true;
  const std::uint64_t tunnel_ms = forwarding::tunnel_ms(frontend_, *backend_spec_, subject_);
  if (tunnel_ms == 0) return;
  // What moves either way passes the front: its time is that of both.
  lease_->set_server_ms(0);
  front_.set_client_ms(tunnel_ms);
}

// The client has ended its half of a tunnel.
void Transaction::wait_for_server_alone() {
  const std::uint64_t tunnel_ms = forwarding::tunnel_ms(frontend_, *backend_spec_, subject_);
  const std::uint64_t ms = backend_spec_->server_fin_ms != 0 ? backend_spec_->server_fin_ms : tunnel_ms;
  if (ms != 0) lease_->set_server_ms(ms);
}

void Transaction::on_response_body(Slice bytes) {
  if (step_ == Step::AnswerBody) return hold_answer(std::move(bytes));
  if (!to_client().send_body(std::move(bytes)) && lease_) lease_->set_reading(false);
}

void Transaction::on_response_end(const Trailers& trailers) {
  response_ended_ = true;
  if (step_ == Step::AnswerBody) {
    held_.add(trailers, front_.arena());
    return answer_came();
  }
  if (tunnel_) lease_->set_server_ms(0);
  to_client().send_end(trailers);
  answer_ended();
}

void Transaction::answer_ended() {
  if (request_ended_) return finish();
  // What the client still sends goes on to the server, if that takes it.
  if (!tunnel_ && !lease_->takes_more()) drop_rest_of_request(Cause::ServerClosed);
}

// The answer is whole, and of the request the server takes no more.
void Transaction::drop_rest_of_request(Cause cause) {
  accounting_.ended(cause, Phase::Data);
  lease_.close({});
  front_.drop_rest(FrontStream::Rest::OfServersAnswer);
  finish();
}

// All was said. The server is free for others; a slow client may still be reading.
void Transaction::finish() {
  if (step_ == Step::Last || step_ == Step::Done) return;
  if (request_failed_) return end();
  accounting_.note_connections(approach_, lease_.back());
  if (lease_) lease_.end(*backend_spec_, response_ended_);
  approach_.leave();
  step_ = Step::Last;
  loop().later(*this);
}

void Transaction::end() {
  if (step_ == Step::Done) return;
  write_log();
  accounting_.count(approach_, request_failed_);
  compression_.count(kit_.worker, *frontend_.state,
                     backend_spec_ == nullptr ? nullptr : backend_spec_->balance.state.get());
  rules::tracked::end(subject_);
  step_ = Step::Done;
  if (lease_) lease_.end(*backend_spec_, response_ended_);
  approach_.leave();
  if (tunnel_) front_.abandon({});
  if (vanish_) front_.vanish();
  front_.detach();
  owner_.on_transaction_done(*this);
}

// ---- What comes in between.

void Transaction::on_request_body(Slice bytes) {
  accounting_.body_came(bytes.size());
  if (lease_.opened()) {
    if (!lease_->send_body(std::move(bytes))) front_.set_reading(false);
    return;
  }
  if (step_ == Step::Done || response_ended_) return;
  if (in_body()) return hold(std::move(bytes));
  held_.add(std::move(bytes));
  subject_.body = held_.view();
  subject_.held_body = held_.size();
  front_.set_reading(false);
}

void Transaction::on_request_end(const Trailers& trailers) {
  request_ended_ = true;
  if (!lease_.opened()) held_.add(trailers, front_.arena());
  if (in_body()) return body_came();
  if (lease_.opened()) {
    lease_->send_end(trailers);
    if (tunnel_) wait_for_server_alone();
  }
  if (response_ended_) finish();
}

void Transaction::on_client_writable() {
  compression_.note_writable();
  if (step_ == Step::Last) return run_later();
  if (own_body_ != nullptr) return send_own_body();
  if (lease_.opened()) lease_->set_reading(true);
}

void Transaction::run_later() {
  if (step_ == Step::Last && front_.all_sent()) return end();
  if (step_ == Step::Data && own_body_ != nullptr) send_own_body();
}

std::string_view Transaction::step_word() const {
  constexpr std::string_view kWords[] = {"request", "body",    "body",    "body",   "body",   "rules", "tarpit",
                                         "queue",   "connect", "headers", "answer", "answer", "last",  "done"};
  return kWords[static_cast<std::size_t>(step_)];
}

void Transaction::tell(Running& running) const {
  running.kind = tunnel_ ? Running::Kind::Tunnel : Running::Kind::Request;
  running.phase = step_word();
  running.began_ms = accounting_.start_ms();
  running.retries = subject_.log.retries;
  running.frontend = frontend_.name;
  if (backend_spec_ != nullptr) running.backend = backend_spec_->balance.name;
  if (const ServerSlot* slot = approach_.slot()) {
    running.server = slot->spec.name;
    running.server_address = approach_.address().text();
  }
}

void Transaction::begin_compression(Head& answer) {
  compression_.look_at_answer(kit_, frontend_, backend_spec_, answer, front_.arena(), front_);
  subject_.log.compressed_by = compression_.name();
}

void Transaction::reply(const rules::Reply& reply, Cause cause, Phase phase) {
  accounting_.ended(cause, phase);
  clear_deadline();
  subject_.back = nullptr;
  const OwnAnswer answer(reply, service_.get(), generation_->snapshot(), frontend_, backend_spec_, subject_);
  if (answer.is_silent()) return cut(cause, phase);
  if (request_failed_) front_.close_after_answer();
  head_answered_ = true;
  if (!request_ended_) front_.drop_rest(FrontStream::Rest::OfOwnAnswer);
  if (service_ != nullptr) begin_compression(*subject_.response);
  front_.send_head(*subject_.response);
  own_body_ = answer.body(front_.arena());
  step_ = Step::Data;
  send_own_body();
}

void Transaction::write_log() {
  accounting_.note_connections(approach_, lease_.back());
  accounting_.note_saved(compression_.saved());
  accounting_.write(generation_->snapshot(), request_failed_);
}

}  // namespace penstock
