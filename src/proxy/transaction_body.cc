// Transaction, of bodies that are waited for, a request's before there is a server and an answer's: by whom, and what goes
// on then.
#include <algorithm>
#include <utility>

#include "penstock/config/model.h"
#include "penstock/proxy/reply.h"
#include "penstock/proxy/transaction.h"

namespace penstock {

bool Transaction::waits_for_body(Step step, std::uint64_t limit_ms) {
  const std::uint64_t room = generation_->snapshot().config.global.buffer_size;
  // It was waited for before, or has come while something else was.
  if (body_wanted_ != 0 || held_.size() >= room || !begin_waiting_for_body(step)) return false;
  body_wanted_ = room;
  const std::uint64_t spent_ms = accounting_.spent_ms();
  if (limit_ms != 0) set_deadline(limit_ms > spent_ms ? limit_ms - spent_ms : 1);
  return true;
}

bool Transaction::begin_waiting_for_body(Step step) {
  Head& head = *subject_.request;
  if (request_ended_ || front_.hop().upgrade) return false;
  if (head.body.kind != BodyLength::Kind::Counted && head.body.kind != BodyLength::Kind::Chunked) return false;
  step_ = step;
  if (head.find("expect") != nullptr) {
    // We ask for it ourselves; the server then need not.
    front_.send_head(*reply::go_on(front_.arena()));
    head.drop("expect");
  }
  front_.set_reading(true);
  return true;
}

void Transaction::hold(Slice bytes) {
  held_.add(std::move(bytes));
  subject_.body = held_.view();
  if (held_.size() < body_wanted_) return;
  front_.set_reading(false);
  body_came();
}

void Transaction::body_came() {
  clear_deadline();
  accounting_.request_came();
  subject_.held_body = held_.size();
  const Step came = std::exchange(step_, Step::Request);
  if (came == Step::PageBody) return show_page();
  const bool of_backend = came == Step::BackendBody || (came == Step::RuleBody && backend_spec_ != nullptr);
  of_backend ? apply_backend_rules() : apply_request_rules();
}

// `wait-for-body`: false if there is nothing to wait for.
bool Transaction::waits_for_body(const rules::Verdict::Wait& wait, const rules::Program& program) {
  const std::uint64_t room = generation_->snapshot().config.global.buffer_size;
  if (subject_.response != nullptr) return waits_for_answer(wait, program);
  const std::uint64_t wanted = wait.at_least != 0 ? std::min(wait.at_least, room) : room;
  if (held_.size() >= wanted || !begin_waiting_for_body(Step::RuleBody)) return false;
  body_wanted_ = wanted;
  go_on_ = wait;
  waiting_ = &program;
  set_deadline(wait.limit_ms);
  return true;
}

bool Transaction::waits_for_answer(const rules::Verdict::Wait& wait, const rules::Program& program) {
  const std::uint64_t room = generation_->snapshot().config.global.buffer_size;
  const std::uint64_t wanted = wait.at_least != 0 ? std::min(wait.at_least, room) : room;
  const BodyLength::Kind kind = subject_.response->body.kind;
  const bool comes = kind != BodyLength::Kind::None && kind != BodyLength::Kind::Tunnel;
  if (!comes || response_ended_ || answer_cut_ || !lease_.opened() || held_.size() >= wanted) return false;
  step_ = Step::AnswerBody;
  body_wanted_ = wanted;
  go_on_ = wait;
  waiting_ = &program;
  set_deadline(wait.limit_ms);
  return true;
}

void Transaction::hold_answer(Slice bytes) {
  held_.add(std::move(bytes));
  if (held_.size() >= body_wanted_) answer_came();
}

// As much of it as was waited for, or will ever be.
void Transaction::answer_came() {
  clear_deadline();
  // What came at once may be more than a buffer; rules see as much as that.
  subject_.body = held_.view().substr(0, generation_->snapshot().config.global.buffer_size);
  step_ = Step::Data;
  if (run_response_rules()) send_response(*subject_.response);
}

void Transaction::send_held_answer() {
  subject_.body = {};
  const bool whole = response_ended_;
  if (!held_.send_to(to_client(), whole) && lease_) lease_->set_reading(false);
  if (whole) answer_ended();
}

// What had come goes to the client before it hears of the end, unless it is told something else: that this is no HTTP, or
// that the server was too slow.
void Transaction::cut_answer(const Failure& failure) {
  Failure here = failure;
  here.phase = Phase::Headers;
  if (failure.cause != Cause::ServerClosed) return fail(here);
  answer_cut_ = true;
  answer_came();
  if (head_answered_ && own_body_ == nullptr && step_ == Step::Data) fail(failure);
}

void Transaction::show_page() {
  const bool of_backend = backend_spec_ != nullptr;
  show_statistics(of_backend ? *backend_spec_->stats : *frontend_.stats,
                  of_backend ? backend_spec_->rules->stats : frontend_.rules.stats);
}

[[gnu::cold]] bool Transaction::wait_for_password(Again again) {
  subject_.recover();
  const rules::ShownPassword& shown = subject_.password;
  if (!kit_.passwords->find_out(shown.password, shown.hash, subject_.source(), *this)) {
    fail(Failure::of(Cause::Exhausted, Phase::Request, 503, "too many passwords are being checked"));
    return true;
  }
  again_ = again;
  step_ = Step::Answer;
  return true;
}

[[gnu::cold]] bool Transaction::waits_for_name(const rules::Verdict::Wait& wait, const rules::Program& program) {
  if (!kit_.find_name(subject_, *this)) return false;
  waiting_ = &program;
  go_on_ = wait;
  again_ = backend_spec_ == nullptr ? Again::Rules : Again::BackendRules;
  step_ = Step::Answer;
  return true;
}

void Transaction::on_answer_known() {
  if (step_ != Step::Answer) return;
  step_ = Step::Request;
  switch (again_) {
    case Again::Rules:
      return apply_request_rules();
    case Again::BackendChoice:
      return choose_backend();
    case Again::BackendRules:
      return apply_backend_rules();
    case Again::Page:
      return show_page();
    case Again::Choice:
      return choose_server();
    case Again::Connect:
      return connect();
  }
}

// What `early-hint` rules say, in one interim answer.
void Transaction::send_early_hints() {
  Head* hints = front_.arena().make<Head>();
  hints->status = 103;
  hints->reason = rules::reason_of(103);
  for (std::size_t i = 0; i < subject_.early_hints.size(); ++i)
    hints->fields.push_back(front_.arena(), subject_.early_hints[i]);
  subject_.early_hints.clear();
  front_.send_head(*hints);
}

}  // namespace penstock
