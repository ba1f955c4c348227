// Transaction, of what goes wrong: who says so, what is tried again, and how it ends. Every failure of any step comes to
// fail(), at the end.
#include <algorithm>

#include "penstock/config/model.h"
#include "penstock/proxy/outcome.h"
#include "penstock/proxy/reason.h"
#include "penstock/proxy/transaction.h"
#include "penstock/rules/tracked.h"

namespace penstock {

void Transaction::on_client_failure(const Failure& failure) {
  if (step_ == Step::Done) return;
  // It was answered by ourselves, or cut short, whoever hears of it.
  if (step_ == Step::Last && accounting_.has_ended()) return end();
  // The answer is whole; if it has gone out too, nothing failed but the rest of the request.
  if (response_ended_ && (!request_ended_ || front_.tally().bytes_unsent == 0)) {
    if (!request_ended_ && step_ != Step::Last) accounting_.ended(failure.cause, Phase::Data);
    return end();
  }
  request_failed_ = true;
  if (frontend_.ignore_probes && subject_.request == nullptr && front_.tally().begun_at == 0) {
    accounting_.hush();
    return cut(failure.cause, Phase::Request);
  }
  note_bad_request(failure);
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
  reason::keep_unread(failure, false, subject_, kit_.process);
  reason::note_request(failure, subject_.request == nullptr ? front_.raw_head() : std::string_view(), subject_);
  fail(here);
}

// For who is tracked: it cannot be read, or was never whole. One that is late is a request all the same.
void Transaction::note_bad_request(const Failure& failure) {
  const bool never_came = subject_.request == nullptr;
  if (never_came) rules::tracked::request_came(subject_);
  if (failure.cause == Cause::Denied || (never_came && failure.cause != Cause::ClientTimeout))
    rules::tracked::request_failed(subject_);
}

void Transaction::on_server_failure(const Failure& failure) {
  reason::keep_unread(failure, true, subject_, kit_.process);
  if (step_ == Step::Done) return;
  if (response_ended_) return drop_rest_of_request(failure.cause);
  if (step_ == Step::AnswerBody) return cut_answer(failure);
  if (failure.retry_safe && !head_answered_ && !lease_.is_new()) {
    if (retry_on_new_connection()) return;
    if (repeats_after(failure)) return repeat(failure);
    // The request may have been acted upon, and must not be sent twice. A client that was served on
    // this connection before knows how to treat its sudden end (RFC 9112 section 9.3.1).
    if (!subject_.first_request) {
      subject_.log.status = 502;
      return cut(Cause::ServerClosed, Phase::Headers);
    }
  }
  if (repeats_after(failure)) return repeat(failure);
  if (step_ == Step::Headers) {
    rules::tracked::answer_failed(subject_);
    approach_.observe_failure(failure);
  }
  fail(failure);
}

// The server's answer is not the one that the client gets.
void Transaction::drop_answer() {
  accounting_.answer_is_ours();
  accounting_.note_connections(approach_, lease_.back());
  lease_.close({});
  held_.clear();
  response_ended_ = answer_cut_ = false;
}

void Transaction::refuse_cookie() {
  drop_answer();
  reason::note(rules::Reason::Kind::Rule, "the answer sets a cookie that caches may keep", {}, subject_);
  reply(rules::Reply::of(502), Cause::Denied, Phase::Headers);
}

bool Transaction::retry_on_new_connection() {
  if (pins_.pinned() || lease_.new_only() || !request_ended_ || !Tries::changes_nothing(*subject_.request))
    return false;
  lease_.forget();
  lease_.take_new_only();
  connect();
  return true;
}

void Transaction::on_deadline() {
  switch (step_) {
    case Step::Approach:
      return follow(approach_.late());
    case Step::Body:
    case Step::BackendBody:
    case Step::PageBody:
    case Step::RuleBody:
      front_.close_after_answer();
      accounting_.request_never_came();
      return fail(Failure::of(Cause::ClientTimeout, Phase::Request, 408, "the body did not arrive in time"));
    case Step::AnswerBody:
      return fail(Failure::of(Cause::ServerTimeout, Phase::Headers, 504, "the answer's body did not arrive in time"));
    case Step::Tarpit:
      approach_.note_wait();
      return reply(tarpit_reply_, Cause::Denied, Phase::Tarpit);
    default:
      return;
  }
}

void Transaction::on_back_lost(Back&, const Failure& failure, std::string_view why) {
  if (step_ == Step::Connect) {
    reason::note(rules::Reason::Kind::Connect, failure.detail, why, subject_);
    lease_.count_handshake();
  }
  lease_.forget();
  if (step_ == Step::Connect) connect_failed(failure);
}

// A private client's request never goes out once more: on another connection it would be somebody else's.
bool Transaction::may_repeat() const {
  return request_ended_ && !pins_.pinned() && !head_answered_ && Tries::may_repeat(*subject_.request) &&
         !front_.hop().upgrade && !subject_.effects.no_l7_retry && subject_.log.retries < backend_spec_->retries;
}

void Transaction::repeat(const Failure& failure) {
  lease_.close({});
  follow(approach_.try_again(failure, Approach::Again::Request));
}

void Transaction::begin_tarpit(const rules::Reply& reply, std::uint64_t wait_ms) {
  rules::tracked::request_failed(subject_);
  step_ = Step::Tarpit;
  approach_.begin_wait(loop().now());
  accounting_.request_never_came();  // Its time is that of waiting, as for a request not read yet.
  tarpit_reply_ = reply;
  set_deadline(std::max<std::uint64_t>(1, wait_ms));
}

[[gnu::noinline]] bool Transaction::give_up(Phase phase) {
  reason::note_trouble(generation_->snapshot(), subject_);
  const Failure failure = outcome::of_trouble(subject_.trouble, phase);
  subject_.recover();
  fail(failure);
  return true;
}

Phase Transaction::phase_now() const {
  constexpr Phase kPhases[] = {Phase::Request, Phase::Request, Phase::Request, Phase::Request, Phase::Request,
                               Phase::Request, Phase::Tarpit,  Phase::Connect, Phase::Connect, Phase::Headers,
                               Phase::Headers, Phase::Data,    Phase::Last,    Phase::None};
  if (step_ == Step::Approach) return approach_.phase();
  if (step_ == Step::Data && response_ended_) return Phase::Last;
  return kPhases[static_cast<std::size_t>(step_)];
}

void Transaction::kill() { fail(Failure::of(Cause::Killed, phase_now(), 503, "an administrator has ended it")); }

// Every failure of any step ends here: the client is told, or cut off.
void Transaction::fail(Failure failure) {
  if (step_ == Step::Done) return;
  clear_deadline();
  reason::note_failure(failure, subject_);
  accounting_.note_connections(approach_, lease_.back());
  lease_.close(failure);
  approach_.leave();
  // A server that breaks the protocol costs the client its connection too: who knows what it read.
  if (failure.cause == Cause::Denied) front_.close_after_answer();
  if (!head_answered_ && failure.cause != Cause::ClientClosed) {
    return reply(rules::Reply::of(outcome::status_of(failure)), failure.cause, failure.phase);
  }
  // Who leaves in the middle of its body was not waiting for an answer.
  const bool was_in_body = failure.phase == Phase::Data || in_body();
  if (!head_answered_ && !was_in_body) subject_.log.status = outcome::status_of(failure);
  cut(failure.cause, failure.phase);
}

// Ends without a word to the client.
void Transaction::cut(Cause cause, Phase phase) {
  accounting_.ended(cause, phase);
  if (!vanish_) front_.abandon({});
  end();
}

}  // namespace penstock
