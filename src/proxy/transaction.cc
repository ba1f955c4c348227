#include "penstock/proxy/transaction.h"

#include <algorithm>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/base/require.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/proxy/access_log.h"
#include "penstock/proxy/forwarding.h"
#include "penstock/proxy/outcome.h"
#include "penstock/proxy/reason.h"
#include "penstock/proxy/reply.h"

namespace penstock {
namespace {

// RFC 9110 section 9.2.1, as far as the issue of repeating goes: no mail is sent twice.
bool is_repeatable(const Head& head) {
  if (head.body.kind != BodyLength::Kind::None || head.upgrade) return false;
  return head.method == "GET" || head.method == "HEAD" || head.method == "OPTIONS";
}

}  // namespace

Owned<Transaction> Transaction::make(const TransactionSide& client, Ref<Generation> generation,
                                     const FrontendSpec& frontend, TransactionOwner& owner) {
  return Owned<Transaction>(new Transaction(client, std::move(generation), frontend, owner));
}

Transaction::Transaction(const TransactionSide& client, Ref<Generation> generation, const FrontendSpec& frontend,
                         TransactionOwner& owner)
    : Living(client.kit.loop),
      owner_(owner),
      kit_(client.kit),
      front_(client.front),
      generation_(std::move(generation)),
      frontend_(frontend),
      subject_(front_.arena()),
      pins_(client.pins),
      approach_(kit_, *generation_, subject_, &pins_, *this) {
  kit_.equip(subject_, *generation_, frontend);
  subject_.client = &client.facts;
  subject_.first_request = front_.requests() <= 1;
  subject_.log.request_counter = kit_.process.requests.fetch_add(1, std::memory_order_relaxed);
  subject_.log.pid = kit_.process.pid;
  subject_.log.accept_us = subject_.client->accepted_us;
  start_ms_ = front_.begun_at() != 0 ? front_.begun_at() : front_.waiting_since();
  subject_.log.th = subject_.first_request ? static_cast<std::int64_t>(front_.handshake_ms()) : 0;
  subject_.log.ti = static_cast<std::int64_t>(start_ms_ - front_.waiting_since());
  subject_.log.request_us = Loop::wall_us() - static_cast<std::int64_t>(loop().now() - start_ms_) * 1000;
}

Transaction::~Transaction() = default;

void Transaction::on_close() {
  Later::unlink();
  approach_.leave();
  back_.reset();
}

// ---- The steps, in the order of a request's life.

void Transaction::on_request_head(Head& head) {
  rules::LogFacts& log = subject_.log;
  note_request_time();
  frontend_.state->requests.count(static_cast<std::int64_t>(loop().now()));
  log.bytes_uploaded = head.wire_size;
  subject_.request = &head;
  frontend_.rules.begin(subject_, generation_->snapshot().config.global.log_uri_length);
  forwarding::drop_hop_fields(head);
  // Rules that lead upgrades to servers of their own ask for it; prepare_request() takes it away again.
  if (head.upgrade) head.fields.push_back(front_.arena(), {"Connection", "Upgrade"});
  if (!frontend_.monitor_uri.empty() && is_monitor(head.target)) {
    no_log_ = true;
    return reply_with_status(frontend_.rules.monitor_fails(subject_) ? 503 : 200, Cause::Local, Phase::Request);
  }
  if (!waits_for_body(false)) apply_request_rules(head);
}

void Transaction::note_request_time() {
  rules::LogFacts& log = subject_.log;
  log.t_request = static_cast<std::int64_t>(loop().now() - start_ms_);
  log.tq = log.th + log.ti + log.t_request;
}

// Of an absolute target the authority says nothing about what is asked for.
bool Transaction::is_monitor(std::string_view target) const {
  return target == frontend_.monitor_uri || rules::split_target(target).path_and_query == frontend_.monitor_uri;
}

// `option http-buffer-request`: the body, or as much as a buffer takes, comes first.
bool Transaction::waits_for_body(bool of_backend) {
  const bool wanted = of_backend ? backend_spec_->buffer_request : frontend_.buffer_request;
  Head& head = *subject_.request;
  if (!wanted || request_ended_ || !held_body_.empty() || head.upgrade) return false;
  if (head.body.kind != BodyLength::Kind::Counted && head.body.kind != BodyLength::Kind::Chunked) return false;
  step_ = of_backend ? Step::BackendBody : Step::Body;
  const std::uint64_t limit_ms = of_backend && backend_spec_->body_ms != 0 ? backend_spec_->body_ms : frontend_.body_ms;
  const std::uint64_t spent_ms = loop().now() - start_ms_;
  if (limit_ms != 0) set_deadline(limit_ms > spent_ms ? limit_ms - spent_ms : 1);
  if (head.find("expect") != nullptr) {
    // We ask for it ourselves; the server then need not.
    rules::Reply go_on;
    go_on.status = 100;
    front_.send_head(*reply::head_of(go_on, front_.arena()));
    head.drop("expect");
  }
  front_.set_reading(true);
  return true;
}

void Transaction::hold(Slice bytes) {
  held_body_ = held_body_.empty() ? std::move(bytes) : Slice::copy(std::string(held_body_.view()).append(bytes.view()));
  if (held_body_.size() < generation_->snapshot().config.global.buffer_size) return;
  front_.set_reading(false);
  body_came();
}

void Transaction::hold(const Trailers& trailers) {
  Arena& arena = front_.arena();
  for (const Field& field : trailers.fields)
    held_trailers_.fields.push_back(arena, Field{arena.copy(field.name), arena.copy(field.value)});
}

void Transaction::body_came() {
  clear_deadline();
  note_request_time();
  subject_.held_body = held_body_.size();
  const bool of_backend = step_ == Step::BackendBody;
  step_ = Step::Request;
  if (of_backend) return apply_backend_rules();
  apply_request_rules(*subject_.request);
}

void Transaction::apply_request_rules(Head&) {
  if (!frontend_.unique_id_header.empty() || !frontend_.rules.unique_id.empty())
    frontend_.rules.make_unique_id(subject_);
  const rules::FrontendRules& rules = frontend_.rules;
  if (subject_.first_request && !run_rules(rules.tcp_session, false)) return;
  if (!run_rules(rules.tcp_content, false) || !run_rules(rules.http_request, false)) return;
  choose_backend();
}

void Transaction::note_rule(const rules::Verdict& verdict) {
  reason::note_rule(generation_->snapshot(), verdict.place, subject_);
}

// True if the transaction goes on to its next step; else the rules have answered.
bool Transaction::run_rules(const rules::Program& program, bool of_backend) {
  if (program.empty()) return true;
  const rules::Verdict verdict = program.run(subject_);
  switch (verdict.kind) {
    case rules::Verdict::Kind::Continue:
    case rules::Verdict::Kind::Wait:
    case rules::Verdict::Kind::SwitchToHttp:
      return true;
    case rules::Verdict::Kind::Deny:
      note_rule(verdict);
      reply(verdict.reply, Cause::Denied, Phase::Request);
      return false;
    case rules::Verdict::Kind::Reply:
      reply(verdict.reply, Cause::Local, Phase::Request);
      return false;
    case rules::Verdict::Kind::Error:
      note_rule(verdict);
      reply_with_status(500, Cause::Denied, Phase::Request);
      return false;
    case rules::Verdict::Kind::Tarpit: {
      note_rule(verdict);
      step_ = Step::Tarpit;
      approach_.begin_wait(loop().now());
      subject_.log.t_request = subject_.log.tq = -1;  // Its time is that of waiting, as for a request not read yet.
      tarpit_reply_ = verdict.reply;
      const std::uint64_t wait_ms = of_backend ? backend_spec_->tarpit_ms : frontend_.tarpit_ms;
      set_deadline(std::max<std::uint64_t>(1, wait_ms));
      return false;
    }
    case rules::Verdict::Kind::SilentDrop:
      vanish_ = true;
      [[fallthrough]];
    case rules::Verdict::Kind::Close:
    case rules::Verdict::Kind::Reject:
      note_rule(verdict);
      subject_.log.t_request = subject_.log.tq = -1;
      cut(Cause::Denied, Phase::Request);
      return false;
    case rules::Verdict::Kind::Trouble:
      gave_up(Phase::Request);
      return false;
  }
  return true;
}

// A rule could not be asked. What it would have said is not known, so nothing passes.
bool Transaction::gave_up(Phase phase) {
  if (!subject_.in_trouble()) return false;
  reason::note_trouble(generation_->snapshot(), subject_);
  const bool of_memory = subject_.trouble == rules::Trouble::Memory;
  const std::uint16_t status = of_memory ? 500 : phase == Phase::Request ? 400 : 502;
  subject_.recover();
  fail(Failure{of_memory ? Cause::Exhausted : Cause::Denied, phase, false, status, 0, "a rule could not be asked"});
  return true;
}

// Ends without a word to the client.
void Transaction::cut(Cause cause, Phase phase) {
  end_with(cause, phase);
  if (!vanish_) front_.abandon({});
  end();
}

void Transaction::end_with(Cause cause, Phase phase) {
  if (subject_.log.termination[0] != static_cast<char>(Cause::None)) return;  // What ended it first stays the reason.
  subject_.log.termination[0] = static_cast<char>(cause);
  subject_.log.termination[1] = static_cast<char>(phase);
}

bool Transaction::is_listen() const { return subject_.backend == subject_.frontend; }

void Transaction::choose_backend() {
  const int index = frontend_.rules.choose_backend(subject_);
  if (gave_up(Phase::Request)) return;
  if (index < 0) {
    reason::note(rules::Reason::Kind::Room, "no backend is chosen for it", {}, subject_);
    return reply_with_status(503, Cause::ServerClosed, Phase::Connect);
  }
  backend_spec_ = &generation_->snapshot().backends[static_cast<std::size_t>(index)];
  approach_.begin(index);
  if (!waits_for_body(true)) apply_backend_rules();
}

void Transaction::apply_backend_rules() {
  if (!is_listen()) {
    const rules::BackendRules& rules = backend_spec_->rules;
    if (!run_rules(rules.tcp_content, true) || !run_rules(rules.http_request, true)) return;
  }
  prepare_request();
}

// What the server gets beyond what the client said and the rules made of it.
void Transaction::prepare_request() {
  Head& head = *subject_.request;
  // Before a server is chosen: who it is must not be said where others have been or will be.
  pins_.look_at_request(head);
  forwarding::add_fields(frontend_, *backend_spec_, subject_);
  if (head.upgrade) head.drop("connection");
  forwarding::raise_version(head);
  const bool keep =
      backend_spec_->http_mode == config::HttpMode::KeepAlive && frontend_.http_mode == config::HttpMode::KeepAlive;
  const bool close =
      backend_spec_->http_mode == config::HttpMode::Close || frontend_.http_mode == config::HttpMode::Close;
  // `option http-server-close` would end with the connection what the client said on it.
  head.keep_alive = keep || (pins_.pinned() && !close);
  if (close) front_.close_after_answer();
  if (subject_.effects.timeout_client_ms > 0) {
    front_.set_client_ms(static_cast<std::uint64_t>(subject_.effects.timeout_client_ms));
  }
  front_.set_abort_on_close(backend_spec_->abort_on_close);
  approach_.ask_persistence();
  if (gave_up(Phase::Request)) return;
  approach_.begin_wait(loop().now());
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
  if (gave_up(Phase::Request)) return;
  if (!approach_.lost_identity()) return fail(approach_.failure());
  subject_.log.status = 502;
  cut(Cause::ServerClosed, Phase::Connect);
}

bool Transaction::must_be_private() const {
  // A PROXY header says whose connection it is, for as long as it lasts.
  const ServerSlot* slot = approach_.slot();
  const bool is_named = slot != nullptr && slot->spec.send_proxy != ProxyVersion::None;
  // "*:+0": where it leads depends on where the client came to.
  const bool is_led = slot != nullptr && slot->spec.port_from_client;
  return is_named || is_led || pins_.pinned() || backend_spec_->balance.reuse == ReuseMode::Never;
}

// An idle connection where one may be used, else a new one.
void Transaction::connect() {
  step_ = Step::Connect;
  ServerSlot& slot = *approach_.slot();
  const ServerSpec& spec = slot.spec;
  const std::string_view sni = approach_.tls_name();
  if (gave_up(Phase::Request)) return;
  if (!fresh_only_) {
    Owned<H1Back> idle = pins_.lend(*spec.state, sni);
    const ReuseMode reuse = backend_spec_->balance.reuse;
    const bool first = front_.requests() <= 1;
    if (!idle && !must_be_private() && !(first && reuse == ReuseMode::Safe)) {
      idle = slot.pool().lend(sni, first && reuse == ReuseMode::Aggressive, backend_spec_->http);
    }
    if (idle) return use_back(std::move(idle), false);
  }
  const SocketAddress address = approach_.address();
  if (address.empty()) return connect_failed(Failure{Cause::ServerClosed, Phase::Connect, true, 503, 0, "no address"});
  pins_.make_room();
  const std::string greeting = approach_.greeting();
  const TlsTarget tls{spec.tls.get(), sni, spec.verify_name, greeting};
  back_ = H1Back::connect(loop(), address, spec.socket, tls, slot.pool().take_ticket(sni), backend_spec_->http, *this);
}

void Transaction::on_back_ready(H1Back&) { use_back(std::move(back_), true); }

void Transaction::use_back(Owned<H1Back> back, bool fresh) {
  back_ = std::move(back);
  back_->set_owner(*this);
  fresh_ = fresh;
  connected_ms_ = loop().now();
  approach_.connected();
  send_request();
}

void Transaction::send_request() {
  step_ = Step::Headers;
  Head& head = *subject_.request;
  back_->begin(from_server_, front_.arena(), head.method == "HEAD", head.method == "CONNECT");
  back_->send_head(head);
  request_sent_ = true;
  const std::int64_t by_rule = subject_.effects.timeout_server_ms;
  back_->set_server_ms(by_rule >= 0 ? static_cast<std::uint64_t>(by_rule) : backend_spec_->server_ms);
  send_held_body();
}

void Transaction::send_held_body() {
  bool room = true;
  if (!held_body_.empty()) room = back_->send_body(std::move(held_body_));
  held_body_.clear();
  if (request_ended_) back_->send_end(held_trailers_);
  if (room) front_.set_reading(true);
}

void Transaction::on_response_head(Head& head) {
  // Nothing was upgraded: what is said of it was said to us.
  if (head.status != 101) head.upgrade = false;
  if (head.status < 200 && head.status != 101) {
    forwarding::drop_hop_fields(head);
    return front_.send_head(head);
  }
  const auto& retried = backend_spec_->retry_on.statuses;
  if (std::find(retried.begin(), retried.end(), head.status) != retried.end() && may_repeat()) {
    return repeat(Failure{Cause::ServerClosed, Phase::Headers, false, head.status, 0, "a status to retry on"});
  }
  if (head.status == 101 && !forwarding::is_what_was_asked(*subject_.request, head)) {
    return fail(
        Failure{Cause::Denied, Phase::Headers, false, 502, 0, "upgraded to another protocol than was asked for"});
  }
  step_ = Step::Data;
  subject_.log.t_response = static_cast<std::int64_t>(loop().now() - connected_ms_);
  subject_.log.status = head.status;
  subject_.response = &head;
  approach_.note_server();
  pins_.look_at_answer(head);
  if (pins_.pinned() && !head.keep_alive) front_.close_after_answer();
  pins_.set_last(approach_.slot()->spec.state, head.status == 401 || head.status == 407);
  if (backend_spec_->rules.sticks()) approach_.remember_answer();
  forwarding::drop_hop_fields(head);
  frontend_.rules.capture_response(subject_);
  if (!run_response_rules(head)) return;
  send_response(head);
}

// Those of the backend first; a `listen` has but one set.
bool Transaction::run_response_rules(Head&) {
  for (const rules::Program* program :
       {&backend_spec_->rules.tcp_response, &backend_spec_->rules.http_response, &frontend_.rules.http_response}) {
    if (program->empty() || (is_listen() && program == &backend_spec_->rules.http_response)) continue;
    const rules::Verdict verdict = program->run(subject_);
    switch (verdict.kind) {
      case rules::Verdict::Kind::Continue:
      case rules::Verdict::Kind::Wait:
      case rules::Verdict::Kind::SwitchToHttp:
      case rules::Verdict::Kind::Tarpit:
        break;
      case rules::Verdict::Kind::Deny:
      case rules::Verdict::Kind::Reply:
      case rules::Verdict::Kind::Error:
        subject_.log.t_response = -1;  // The answer is ours.
        note_connections();
        drop_back({});
        if (verdict.kind != rules::Verdict::Kind::Reply) note_rule(verdict);
        if (verdict.kind == rules::Verdict::Kind::Error) {
          reply_with_status(500, Cause::Denied, Phase::Headers);
        } else {
          reply(verdict.reply, verdict.kind == rules::Verdict::Kind::Deny ? Cause::Denied : Cause::Local,
                Phase::Headers);
        }
        return false;
      case rules::Verdict::Kind::SilentDrop:
        vanish_ = true;
        subject_.log.t_response = -1;
        cut(Cause::Denied, Phase::Headers);
        return false;
      case rules::Verdict::Kind::Reject:
      case rules::Verdict::Kind::Close:
        fail(Failure{Cause::Denied, Phase::Headers, false, 502, 0, "denied by a rule"});
        return false;
      case rules::Verdict::Kind::Trouble:
        gave_up(Phase::Headers);
        return false;
    }
  }
  return true;
}

void Transaction::send_response(Head& head) {
  if (backend_spec_->cookie.in_use()) approach_.write_cookie(head);
  if (!is_listen()) backend_spec_->rules.http_after_response.run(subject_);
  frontend_.rules.http_after_response.run(subject_);
  if (gave_up(Phase::Headers)) return;
  if (status_cannot_answer(head)) {
    drop_back({});
    return reply_with_status(500, Cause::Denied, Phase::Headers);
  }
  subject_.log.status = head.status;
  head_answered_ = true;
  // A server that closes takes no more; so much is not read for nobody.
  if (!request_ended_ && !head.keep_alive && front_.body_left() > H1Front::kServedDrainLimit)
    front_.close_after_answer();
  front_.send_head(head);
  if (head.body.kind == BodyLength::Kind::Tunnel) start_tunnel();
  if (frontend_.log_asap) {
    subject_.log.asap = true;
    log();
    no_log_ = true;
  }
}

// Rules may set any status, but an interim one ends nothing, and nobody switches protocols for the word of it.
bool Transaction::status_cannot_answer(const Head& head) const {
  return head.status < 200 && !(head.status == 101 && head.body.kind == BodyLength::Kind::Tunnel);
}

void Transaction::start_tunnel() {
  tunnel_ = true;
  const std::int64_t by_rule = subject_.effects.timeout_tunnel_ms;
  const std::uint64_t tunnel_ms = by_rule >= 0                    ? static_cast<std::uint64_t>(by_rule)
                                  : backend_spec_->tunnel_ms != 0 ? backend_spec_->tunnel_ms
                                                                  : frontend_.tunnel_ms;
  back_->set_server_fin_ms(backend_spec_->server_fin_ms);
  if (tunnel_ms == 0) return;
  // What moves either way passes the front: its time is that of both.
  back_->set_server_ms(0);
  front_.set_client_ms(tunnel_ms);
}

void Transaction::on_response_body(Slice bytes) {
  if (!front_.send_body(std::move(bytes)) && back_) back_->set_reading(false);
}

void Transaction::on_response_end(const Trailers& trailers) {
  response_ended_ = true;
  front_.send_end(trailers);
  if (request_ended_) return finish();
  // What the client still sends goes on to the server, if that takes it.
  if (!tunnel_ && !back_->takes_more()) drop_rest_of_request(Cause::ServerClosed);
}

// The answer is whole, and of the request the server takes no more.
void Transaction::drop_rest_of_request(Cause cause) {
  end_with(cause, Phase::Data);
  drop_back({});
  front_.drop_rest(H1Front::Rest::OfServersAnswer);
  finish();
}

// All was said. The server is free for others; a slow client may still be reading.
void Transaction::finish() {
  if (step_ == Step::Last || step_ == Step::Done) return;
  if (request_failed_) return end();
  note_connections();
  part_with_back();
  approach_.leave();
  step_ = Step::Last;
  loop().later(*this);
}

void Transaction::end() {
  if (step_ == Step::Done) return;
  log();
  step_ = Step::Done;
  part_with_back();
  approach_.leave();
  if (tunnel_) front_.abandon({});
  if (vanish_) front_.vanish();
  front_.detach();
  owner_.on_transaction_done();
}

// ---- What comes in between.

void Transaction::on_request_body(Slice bytes) {
  subject_.log.bytes_uploaded += bytes.size();
  if (back_ && request_sent_) {
    if (!back_->send_body(std::move(bytes))) front_.set_reading(false);
    return;
  }
  if (step_ == Step::Done || response_ended_) return;
  if (step_ == Step::Body || step_ == Step::BackendBody) return hold(std::move(bytes));
  held_body_ = std::move(bytes);
  front_.set_reading(false);
}

void Transaction::on_request_end(const Trailers& trailers) {
  request_ended_ = true;
  if (!request_sent_) hold(trailers);
  if (step_ == Step::Body || step_ == Step::BackendBody) return body_came();
  if (back_ && request_sent_) back_->send_end(trailers);
  if (response_ended_) finish();
}

void Transaction::on_client_writable() {
  if (step_ == Step::Last) return run_later();
  if (back_) back_->set_reading(true);
}

void Transaction::on_server_writable() { front_.set_reading(true); }

Phase Transaction::phase_now() const {
  switch (step_) {
    case Step::Request:
    case Step::Body:
    case Step::BackendBody:
      return Phase::Request;
    case Step::Tarpit:
      return Phase::Tarpit;
    case Step::Approach:
      return approach_.phase();
    case Step::Connect:
      return Phase::Connect;
    case Step::Headers:
      return Phase::Headers;
    case Step::Data:
      return response_ended_ ? Phase::Last : Phase::Data;
    case Step::Last:
      return Phase::Last;
    case Step::Done:
      return Phase::None;
  }
  return Phase::None;
}

void Transaction::on_client_failure(const Failure& failure) {
  if (step_ == Step::Done) return;
  // It was answered by ourselves, or cut short, whoever hears of it.
  if (step_ == Step::Last && subject_.log.termination[0] != static_cast<char>(Cause::None)) return end();
  // The answer is whole; if it has gone out too, nothing failed but the rest of the request.
  if (response_ended_ && (!request_ended_ || front_.bytes_never_sent() == 0)) {
    if (!request_ended_ && step_ != Step::Last) end_with(failure.cause, Phase::Data);
    return end();
  }
  request_failed_ = true;
  if (frontend_.ignore_probes && subject_.request == nullptr && front_.begun_at() == 0) {
    no_log_ = true;
    return cut(failure.cause, Phase::Request);
  }
  // Tarpitted it was, whether it waited for the end or not.
  if (step_ == Step::Tarpit) {
    approach_.note_wait();
    subject_.log.status = tarpit_reply_.status;
    return cut(Cause::Denied, Phase::Tarpit);
  }
  Failure here = failure;
  if (step_ != Step::Request) here.phase = phase_now();
  // Still sending its body it was not waiting for an answer.
  if (step_ == Step::Headers && !request_ended_ && failure.cause == Cause::ClientClosed) here.phase = Phase::Data;
  reason::note_request(failure, subject_.request == nullptr ? front_.raw_head().size() : 0, subject_);
  fail(here);
}

void Transaction::on_server_failure(const Failure& failure) {
  if (step_ == Step::Done) return;
  if (response_ended_) return drop_rest_of_request(failure.cause);
  if (failure.retry_safe && !head_answered_ && !fresh_) {
    if (retry_on_fresh_connection(failure)) return;
    if (repeats_after(failure)) return repeat(failure);
    // The request may have been acted upon, and must not be sent twice. A client that was served on
    // this connection before knows how to treat its sudden end (RFC 9112 section 9.3.1).
    if (front_.requests() > 1) {
      subject_.log.status = 502;
      return cut(Cause::ServerClosed, Phase::Headers);
    }
  }
  if (repeats_after(failure)) return repeat(failure);
  fail(failure);
}

bool Transaction::retry_on_fresh_connection(const Failure&) {
  if (pins_.pinned() || fresh_only_ || !request_ended_ || !is_repeatable(*subject_.request)) return false;
  fresh_only_ = true;
  request_sent_ = false;
  back_.reset();
  connect();
  return true;
}

void Transaction::run_later() {
  if (step_ == Step::Last && front_.all_sent()) end();
}

void Transaction::on_deadline() {
  switch (step_) {
    case Step::Approach:
      return follow(approach_.late());
    case Step::Body:
    case Step::BackendBody:
      front_.close_after_answer();
      subject_.log.t_request = subject_.log.tq = -1;
      return fail(Failure{Cause::ClientTimeout, Phase::Request, false, 408, 0, "the body did not arrive in time"});
    case Step::Tarpit:
      approach_.note_wait();
      return reply(tarpit_reply_, Cause::Denied, Phase::Tarpit);
    case Step::Request:
    case Step::Connect:
    case Step::Headers:
    case Step::Data:
    case Step::Last:
    case Step::Done:
      return;
  }
}

void Transaction::on_server_down() { fail(Failure{Cause::Down, phase_now(), false, 503, 0, "server went down"}); }

void Transaction::on_back_lost(H1Back&, const Failure& failure, std::string_view why) {
  if (step_ == Step::Connect) reason::note(rules::Reason::Kind::Connect, failure.detail, why, subject_);
  back_.reset();
  if (step_ == Step::Connect) connect_failed(failure);
}

void Transaction::connect_failed(const Failure& failure) {
  follow(approach_.try_again(failure, Approach::Again::Connecting));
}

// `retry-on`: what was sent once may go out once more. A request with a body never does: no mail is
// sent twice. Nor does one of a private client: on another connection it would be somebody else's.
bool Transaction::may_repeat() const {
  return request_ended_ && !pins_.pinned() && !head_answered_ &&
         subject_.request->body.kind == BodyLength::Kind::None && !subject_.request->upgrade &&
         !subject_.effects.no_l7_retry && subject_.log.retries < backend_spec_->retries;
}

bool Transaction::repeats_after(const Failure& failure) const {
  const RetryOn& on = backend_spec_->retry_on;
  const bool asked = (on.empty && failure.empty) || (on.junk && failure.cause == Cause::Denied) ||
                     (on.late && failure.cause == Cause::ServerTimeout);
  return asked && step_ == Step::Headers && may_repeat();
}

void Transaction::repeat(const Failure& failure) {
  request_sent_ = false;
  back_->abandon({});
  back_.reset();
  follow(approach_.try_again(failure, Approach::Again::Request));
}

// Every failure of any step ends here: the client is told, or cut off.
void Transaction::fail(Failure failure) {
  if (step_ == Step::Done) return;
  clear_deadline();
  reason::note_failure(failure, subject_);
  note_connections();
  drop_back(failure);
  approach_.leave();
  // A server that breaks the protocol costs the client its connection too: who knows what it read.
  if (failure.cause == Cause::Denied) front_.close_after_answer();
  if (!head_answered_ && failure.cause != Cause::ClientClosed) {
    return reply_with_status(outcome::status_of(failure), failure.cause, failure.phase);
  }
  // Who leaves in the middle of its body was not waiting for an answer.
  const bool in_body = failure.phase == Phase::Data || step_ == Step::Body || step_ == Step::BackendBody;
  if (!head_answered_ && !in_body) subject_.log.status = outcome::status_of(failure);
  cut(failure.cause, failure.phase);
}

void Transaction::reply_with_status(std::uint16_t status, Cause cause, Phase phase) {
  rules::Reply standard;
  standard.status = status;
  standard.standard = true;
  reply(standard, cause, phase);
}

// Our own answer: as the rules made it, or configured for its status, or built in.
void Transaction::reply(const rules::Reply& reply, Cause cause, Phase phase) {
  if (!reply.standard) return reply_as(reply, cause, phase);
  const rules::ReplyTemplate* configured =
      backend_spec_ != nullptr ? backend_spec_->rules.error(reply.status) : nullptr;
  if (configured == nullptr) configured = frontend_.rules.error(reply.status);
  subject_.response = nullptr;  // The server's, if there was one, went with its connection.
  reply_as(configured != nullptr ? configured->expand(subject_) : reply::built_in(reply.status), cause, phase);
}

void Transaction::reply_as(const rules::Reply& reply, Cause cause, Phase phase) {
  end_with(cause, phase);
  clear_deadline();
  subject_.log.status = reply.status;
  if (reply.silent) return cut(cause, phase);
  if (request_failed_) front_.close_after_answer();
  Head* head = reply::head_of(reply, front_.arena());
  subject_.response = head;
  subject_.memory = {};  // What ACLs said was about another answer, or none.
  if (backend_spec_ != nullptr && !is_listen()) backend_spec_->rules.http_after_response.run(subject_);
  frontend_.rules.http_after_response.run(subject_);
  if (!subject_.in_trouble() && !status_cannot_answer(*head)) return send_reply(reply, *head);
  // The rules about it could not be asked, or made it no answer: nothing of it is said.
  if (subject_.in_trouble()) reason::note_trouble(generation_->snapshot(), subject_);
  const rules::Reply bare = reply::built_in(500);
  subject_.log.status = bare.status;
  subject_.response = reply::head_of(bare, front_.arena());
  send_reply(bare, *subject_.response);
}

void Transaction::send_reply(const rules::Reply& reply, Head& head) {
  head_answered_ = true;
  if (!request_ended_) front_.drop_rest(H1Front::Rest::OfOwnAnswer);
  front_.send_head(head);
  // To a HEAD it says nothing of it; what rules made of the method does not matter.
  if (!reply.body.empty()) front_.send_body(Slice::copy(reply.body));
  front_.send_end(Trailers());
  finish();
}

// It serves nobody any more. A private client's connection ends with its own.
void Transaction::drop_back(const Failure& failure) {
  if (!back_) return;
  if (request_sent_ && pins_.pinned()) pins_.lose();
  back_->abandon(failure);
  back_.reset();
}

// Home to the pool, to the client whose own it is, or nowhere.
void Transaction::part_with_back() {
  if (!back_) return;
  ServerSlot* slot = approach_.slot();
  if (slot != nullptr && slot->spec.tls) slot->pool().keep_ticket(back_->tls_name(), back_->connection().take_ticket());
  if (!response_ended_ || slot == nullptr || !back_->reusable()) return drop_back({});
  Owned<H1Back> back = std::move(back_);
  // A client's own stays with it over reloads: the server knows it by this connection.
  if (must_be_private()) return pins_.keep(slot->spec.state, std::move(back));
  slot->pool().give_home(std::move(back));
}

void Transaction::log() {
  reason::tell(generation_->snapshot(), frontend_, subject_);
  if (no_log_ || frontend_.logs.empty()) return;
  rules::LogFacts& log = subject_.log;
  const std::uint64_t now = loop().now();
  log.bytes_read = front_.bytes_written() - (request_failed_ ? front_.bytes_never_sent() : 0);
  log.ta = static_cast<std::int64_t>(now - start_ms_);
  log.tt = log.ta + log.th + log.ti;
  log.tu = log.ta + log.th;
  if (log.t_response >= 0) log.td = log.ta - log.t_request - log.tw - log.tc - log.t_response;
  note_connections();
  access_log::write(frontend_, subject_);
}

// What is known of connections while this transaction still has them.
void Transaction::note_connections() {
  rules::LogFacts& log = subject_.log;
  if (log.actconn != 0) return;
  const ProcessState& process = kit_.process;
  log.actconn = process.connections.load(std::memory_order_relaxed);
  log.feconn = frontend_.state->connections.load(std::memory_order_relaxed);
  approach_.note_facts();
  if (back_ && frontend_.rules.log.asks_back_address()) {
    log.back_source = front_.arena().make<SocketAddress>(back_->connection().local());
  }
}

}  // namespace penstock
