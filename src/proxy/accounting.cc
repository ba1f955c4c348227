#include "penstock/proxy/accounting.h"

#include "penstock/proxy/access_log.h"
#include "penstock/proxy/counting.h"
#include "penstock/proxy/reason.h"

namespace penstock {

Accounting::Accounting(Kit& kit, FrontStream& front, const FrontendPlan& frontend, rules::Subject& subject)
    : kit_(kit),
      front_(front),
      frontend_(frontend),
      ledger_(frontend.state->ledgers.of(kit.worker)),
      subject_(subject) {
  const Tally tally = front.tally();
  counting::request_begun(ledger_, tally.begun_at != 0);
  start_ms_ = tally.begun_at != 0 ? tally.begun_at : tally.waiting_since;
  log().request_counter = kit.process.requests.fetch_add(1, std::memory_order_relaxed);
  log().pid = kit.process.pid;
  log().accept_us = subject.client->accepted_us;
  log().th = subject.first_request ? static_cast<std::int64_t>(tally.handshake_ms) : 0;
  log().ti = static_cast<std::int64_t>(start_ms_ - tally.waiting_since);
  log().request_us = Loop::wall_us() - static_cast<std::int64_t>(spent_ms()) * 1000;
}

void Accounting::request_came() {
  log().t_request = static_cast<std::int64_t>(spent_ms());
  log().tq = log().th + log().ti + log().t_request;
}

void Accounting::request_never_came() { log().t_request = log().tq = -1; }

void Accounting::answer_came(Approach& approach, std::uint16_t status) {
  approach.way().answered(status);
  if (status < 200 && status != 101) return;
  log().t_response = static_cast<std::int64_t>(kit_.loop.now() - connected_ms_);
  log().status = status;
}

void Accounting::ended(Cause cause, Phase phase) {
  if (has_ended()) return;
  log().termination[0] = static_cast<char>(cause);
  log().termination[1] = static_cast<char>(phase);
}

void Accounting::note_connections(Approach& approach, Back* back) {
  if (log().actconn != 0) return;
  log().actconn = kit_.process.connections.load(std::memory_order_relaxed);
  log().feconn = frontend_.state->connections.load(std::memory_order_relaxed);
  approach.note_facts();
  if (back != nullptr && frontend_.rules.asks_back_address()) {
    back_source_ = back->connection().local();
    log().back_source = &back_source_;
  }
}

void Accounting::sum_up(bool lost) {
  log().bytes_read = lost ? front_.tally().bytes_written - front_.tally().bytes_unsent : front_.bytes_written();
  log().bytes_read = static_cast<std::uint64_t>(static_cast<std::int64_t>(log().bytes_read) + saved_);
  log().ta = static_cast<std::int64_t>(spent_ms());
}

void Accounting::write(const Snapshot& snapshot, bool lost) {
  reason::tell(snapshot, frontend_, subject_);
  if (hushed_ || frontend_.logs.empty()) return;
  sum_up(lost);
  log().tt = log().ta + log().th + log().ti;
  log().tu = log().ta + log().th;
  if (log().t_response >= 0) log().td = log().ta - log().t_request - log().tw - log().tc - log().t_response;
  access_log::write(frontend_, subject_, subject_.request != nullptr || front_.tally().heard);
}

void Accounting::count(const Approach& approach, bool lost) {
  sum_up(lost);
  counting::request_ended(kit_, frontend_, ledger_, approach.way(), subject_);
}

void Accounting::gone() { counting::request_gone(ledger_); }

}  // namespace penstock
