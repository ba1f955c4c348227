#include "penstock/proxy/counting.h"

#include <initializer_list>

namespace penstock::counting {
namespace {

// Those whose business something was; null where there is none.
struct Books {
  Ledger* frontend = nullptr;
  Ledger* listener = nullptr;
  Ledger* backend = nullptr;
  Ledger* server = nullptr;

  void add(Entry entry, std::uint64_t more = 1) const {
    for (Ledger* ledger : {frontend, listener, backend, server}) {
      if (ledger != nullptr) ledger->add(entry, more);
    }
  }
  // Those towards servers.
  void add_behind(Entry entry) const {
    if (backend != nullptr) backend->add(entry);
    if (server != nullptr) server->add(entry);
  }
  void add_before(Entry entry) const {
    frontend->add(entry);
    listener->add(entry);
  }
};

Books books_of(Kit& kit, const FrontendPlan& frontend, const Way& way, const rules::Subject& subject) {
  const auto& entrance = *static_cast<const Entrance*>(subject.client->bind);
  Books books{&frontend.state->ledgers.of(kit.worker), &entrance.listener->ledgers.of(kit.worker)};
  if (way.backend != nullptr) books.backend = &way.backend->balance.state->ledgers.of(kit.worker);
  if (way.server != nullptr) books.server = &way.server->ledgers.of(kit.worker);
  return books;
}

void count_times(Ledger& ledger, const rules::LogFacts& log) {
  const auto sample = [](Mean& mean, std::int64_t ms) {
    if (ms >= 0) mean.add(static_cast<std::uint64_t>(ms));
  };
  sample(ledger.queue, log.tw);
  sample(ledger.connect, log.tc);
  sample(ledger.answer, log.t_response);
  sample(ledger.total, log.ta);
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
void count_end(const Books& books, const rules::Subject& subject) {
  const auto phase = static_cast<Phase>(subject.log.termination[1]);
  switch (static_cast<Cause>(subject.log.termination[0])) {
    case Cause::None:
    case Cause::Killed:
      return;
    case Cause::Local:
      return books.frontend->add(Entry::Intercepted);
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

void count_all(const Books& books, const rules::Subject& subject) {
  books.add(Entry::BytesIn, subject.log.bytes_uploaded);
  books.add(Entry::BytesOut, subject.log.bytes_read);
  count_end(books, subject);
  if (subject.log.tc < 0) return;
  for (Ledger* ledger : {books.backend, books.server}) {
    if (ledger != nullptr) count_times(*ledger, subject.log);
  }
}

}  // namespace

void request_ended(Kit& kit, const FrontendPlan& frontend, const Way& way, const rules::Subject& subject) {
  const Books books = books_of(kit, frontend, way, subject);
  count_all(books, subject);
  if (subject.request == nullptr && subject.log.status <= 0) return;
  books.frontend->add(Entry::Requests);
  books.frontend->add_status(subject.log.status);
  if (books.backend == nullptr) return;
  books.backend->add(Entry::Requests);
  books.backend->add_status(subject.log.status);
}

void tunnel_ended(Kit& kit, const FrontendPlan& frontend, const Way& way, const rules::Subject& subject) {
  count_all(books_of(kit, frontend, way, subject), subject);
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

void led_to(Kit& kit, BackendState& backend) {
  backend.most_in_use.note(backend.in_use.fetch_add(1, std::memory_order_relaxed) + 1);
  backend.rate.count(static_cast<std::int64_t>(kit.loop.now()));
  backend.ledgers.of(kit.worker).add(Entry::Arrivals);
}

void left(BackendState& backend) { backend.in_use.fetch_sub(1, std::memory_order_relaxed); }

void led_to(Kit& kit, BackendState& backend, Server& server, bool balanced) {
  const std::uint64_t now_ms = kit.loop.now();
  server.rate.count(static_cast<std::int64_t>(now_ms));
  Ledger& ledger = server.ledgers.of(kit.worker);
  Ledger& of_backend = backend.ledgers.of(kit.worker);
  ledger.add(Entry::Arrivals);
  ledger.note_arrival(now_ms);
  of_backend.note_arrival(now_ms);
  if (!balanced) return;
  ledger.add(Entry::Balanced);
  of_backend.add(Entry::Balanced);
}

void at_server(Kit& kit, BackendState& backend, Server& server, Entry entry) {
  backend.ledgers.of(kit.worker).add(entry);
  server.ledgers.of(kit.worker).add(entry);
}

void answered(Kit& kit, Server& server, int status) {
  Ledger& ledger = server.ledgers.of(kit.worker);
  ledger.add(Entry::Requests);
  ledger.add_status(status);
}

}  // namespace penstock::counting
