#include "penstock/proxy/counting.h"

#include <utility>

#include "penstock/rules/tracked.h"

namespace penstock::counting {
namespace {

// Those whose business something was; null where there is none.
struct Books {
  Ledger& frontend;
  Ledger* listener;
  Ledger* backend;
  Ledger* server;

  void add(Entry entry) const {
    add_before(entry);
    add_behind(entry);
  }
  // Those towards servers.
  void add_behind(Entry entry) const {
    if (backend != nullptr) backend->add(entry);
    if (server != nullptr) server->add(entry);
  }
  void add_before(Entry entry) const {
    frontend.add(entry);
    if (listener != nullptr) listener->add(entry);
  }
};

Books books_of(Kit& kit, const FrontendPlan& frontend, Ledger& ledger, const Way& way, const rules::Subject& subject) {
  Ledger* listener = nullptr;
  if (frontend.socket_stats)
    listener = &static_cast<const Entrance*>(subject.client->bind)->listener->ledgers.of(kit.worker);
  return {ledger, listener, way.of_backend, way.of_server};
}

void add_bytes(Ledger& ledger, const rules::LogFacts& log) {
  ledger.add(Entry::BytesIn, log.bytes_uploaded);
  ledger.add(Entry::BytesOut, log.bytes_read);
}

void count_denied(const Books& books, Phase phase, rules::Reason::Kind reason) {
  const bool by_rule = reason == rules::Reason::Kind::Rule;
  if (phase == Phase::Headers)
    return by_rule ? books.add(Entry::DeniedAnswers) : books.add_behind(Entry::FailedAnswers);
  if (!by_rule) return books.add_before(Entry::FailedRequests);
  books.add_before(Entry::DeniedRequests);
  if (books.backend != nullptr) books.backend->add(Entry::DeniedRequests);
}

// What stood in its way, by the two letters that the log has of it.
[[gnu::noinline]] void count_end(const Books& books, const rules::Subject& subject) {
  if (subject.reason.kind == rules::Reason::Kind::Memory) {
    books.add(Entry::FailedRewrites);
    return books.add(Entry::InternalErrors);
  }
  const auto phase = static_cast<Phase>(subject.log.termination[1]);
  switch (static_cast<Cause>(subject.log.termination[0])) {
    case Cause::None:
    case Cause::Killed:
      return;
    case Cause::Local:
      return books.frontend.add(Entry::Intercepted);
    case Cause::Denied:
      return count_denied(books, phase, subject.reason.kind);
    case Cause::ClientClosed:
    case Cause::ClientTimeout:
      return phase == Phase::Request ? books.add_before(Entry::FailedRequests) : books.add(Entry::ClientAborts);
    case Cause::ServerClosed:
    case Cause::ServerTimeout:
    case Cause::Down:
      if (phase == Phase::Queue || phase == Phase::Connect) return books.add_behind(Entry::FailedConnects);
      books.add_behind(Entry::FailedAnswers);
      if (phase != Phase::Headers) books.add(Entry::ServerAborts);
      return;
    case Cause::Exhausted:
    case Cause::Internal:
      return books.add(Entry::InternalErrors);
  }
}

// Of a backend's: how long it took to get there.
Durations& count_steps(const Kit& kit, const Way& way, const rules::LogFacts& log) {
  Durations& durations = way.backend->durations.of(kit.worker);
  if (log.tw > 0) durations.queue.add(log.tw);
  if (way.connects && log.tc >= 0) durations.connect.add(log.tc);
  if (log.t_response >= 0) durations.answer.add(log.t_response);
  return durations;
}

void count_all(const Books& books, const rules::Subject& subject) {
  const rules::LogFacts& log = subject.log;
  rules::tracked::count_bytes(subject, log.bytes_uploaded, log.bytes_read);
  add_bytes(books.frontend, log);
  if (books.listener != nullptr) add_bytes(*books.listener, log);
  if (books.backend != nullptr) add_bytes(*books.backend, log);
  if (books.server != nullptr) add_bytes(*books.server, log);
  if (books.server != nullptr && log.tc >= 0) books.server->times.add({log.tw, log.tc, log.t_response, log.ta});
  if (log.termination[0] != static_cast<char>(Cause::None)) count_end(books, subject);
}

}  // namespace

void request_begun(Ledger& ledger, bool heard) {
  if (heard) ledger.add(Entry::Streams);
  ledger.add(Entry::Open);
}

void request_ended(Kit& kit, const FrontendPlan& frontend, Ledger& ledger, const Way& way,
                   const rules::Subject& subject) {
  const Books books = books_of(kit, frontend, ledger, way, subject);
  count_all(books, subject);
  if (subject.request == nullptr && subject.log.status <= 0) return;
  const Entry status = entry_of_status(subject.log.status);
  books.frontend.add(status);
  if (books.backend == nullptr) return;
  books.backend->add(status);
  count_steps(kit, way, subject.log).answered(subject.log.status).add(subject.log.ta);
}

void tunnel_ended(Kit& kit, const FrontendPlan& frontend, const Way& way, const rules::Subject& subject) {
  count_all(books_of(kit, frontend, frontend.state->ledgers.of(kit.worker), way, subject), subject);
  if (way.backend != nullptr) count_steps(kit, way, subject.log);
}

void accepted(Kit& kit, const FrontendPlan& frontend, const Entrance& entrance) {
  const auto now_ms = static_cast<std::int64_t>(kit.loop.now());
  frontend.state->accepted.count(now_ms);
  kit.process.accepted.count(now_ms);
  at_door(kit, frontend, entrance, Entry::Connections);
}

void let_in(Kit& kit, const FrontendPlan& frontend, const Entrance& entrance) {
  const auto now_ms = static_cast<std::int64_t>(kit.loop.now());
  frontend.state->arrivals.count(now_ms);
  kit.process.arrivals.count(now_ms);
  at_door(kit, frontend, entrance, Entry::Arrivals);
}

void at_door(Kit& kit, const FrontendPlan& frontend, const Entrance& entrance, Entry entry) {
  frontend.state->ledgers.of(kit.worker).add(entry);
  entrance.listener->ledgers.of(kit.worker).add(entry);
}

void handshake_ended(const Way& way, const Connection& connection) {
  if (!connection.is_tls()) return;
  if (!connection.ready()) return way.at_server(Entry::TlsFailed);
  way.at_server(connection.tls().resumed() ? Entry::TlsResumed : Entry::TlsHandshakes);
}

void lead_to(Kit& kit, BackendState& backend, Way& way) {
  way.backend = &backend;
  way.of_backend = &backend.ledgers.of(kit.worker);
  way.of_backend->add(Entry::Arrivals);
  backend.most_in_use.note(backend.in_use.fetch_add(1, std::memory_order_relaxed) + 1);
  backend.rate.count(*way.of_backend, static_cast<std::int64_t>(kit.loop.now()));
}

void leave(Way& way) {
  BackendState* backend = std::exchange(way.backend, nullptr);
  if (backend != nullptr) backend->in_use.fetch_sub(1, std::memory_order_relaxed);
}

void lead_to(Kit& kit, Server& server, bool balanced, Way& way) {
  // After a try that failed: its server has one retry more, or has lost the request to another.
  if (way.server != nullptr) way.at_server(way.server == &server ? Entry::Retries : Entry::Redispatches);
  way.server = &server;
  way.of_server = &server.ledgers.of(kit.worker);
  const std::uint64_t now_ms = kit.loop.now();
  server.rate.count(*way.of_server, static_cast<std::int64_t>(now_ms));
  way.of_server->add(Entry::Arrivals);
  way.of_server->note_arrival(now_ms);
  way.of_backend->note_arrival(now_ms);
  if (balanced) way.at_server(Entry::Balanced);
}

}  // namespace penstock::counting
