#include "penstock/rules/tracked.h"

#include <algorithm>

#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "track.h"

namespace penstock::rules {

const Tracking::Counter* tracked_by(const Subject& subject, std::int64_t number) {
  if (number < 0 || number >= static_cast<std::int64_t>(Tracking::kCounters)) return nullptr;
  const auto at = static_cast<std::size_t>(number);
  if (subject.tracking != nullptr && subject.tracking->counter(at)) return &subject.tracking->counter(at);
  const ConnectionTracking* of_connection = subject.client == nullptr ? nullptr : subject.client->tracking.get();
  if (of_connection != nullptr && of_connection->tracking.counter(at)) return &of_connection->tracking.counter(at);
  return nullptr;
}

const std::shared_ptr<StickTable>* table_at(const Subject& subject, std::int64_t number) {
  return subject.numbers == nullptr ? nullptr : subject.numbers->table(static_cast<int>(number));
}

std::uint64_t now_of(const Subject& subject) { return subject.numbers == nullptr ? 0 : subject.numbers->now_ms(); }

int find_table(Compiling& compiling, const std::string& name, config::Place place, const config::StickTable** line) {
  const std::string wanted = !name.empty() || compiling.proxy == nullptr ? name : compiling.proxy->name;
  std::vector<std::string_view> names;
  if (compiling.config != nullptr) {
    for (const config::Config::TableLine& known : compiling.config->tables()) {
      if (known.name != wanted) {
        names.push_back(known.name);
        continue;
      }
      if (line != nullptr) *line = &known.table;
      return compiling.environment.table_index(wanted);
    }
  }
  compiling.diagnostics.add(place, !name.empty()
                                       ? format("there is no stick-table '{}'{}", name, hint(name, names))
                                       : format("'{}' has no stick-table: name a proxy that has one", wanted));
  return -1;
}

namespace tracked {

namespace {

using Data = config::StickData;

bool tracks(const Subject& subject) {
  return subject.tracking != nullptr || (subject.client != nullptr && subject.client->tracking != nullptr);
}

template <class Visit>
void each_tracked(const Subject& subject, Visit visit) {
  const std::uint64_t now_ms = now_of(subject);
  for (std::size_t number = 0; number < Tracking::kCounters; ++number) {
    const Tracking::Counter* counter = tracked_by(subject, static_cast<std::int64_t>(number));
    if (counter == nullptr) continue;
    StickTable::Hold hold = counter->table->pinned(*counter->entry, now_ms);
    visit(hold);
  }
}

void count(const Subject& subject, Data data) {
  if (tracks(subject)) each_tracked(subject, [data](StickTable::Hold& hold) { hold.count(data); });
}

}  // namespace

void let_in(const ClientFacts& client, std::uint64_t now_ms) {
  if (client.tracking == nullptr) return;
  for (std::size_t number = 0; number < Tracking::kCounters; ++number) {
    const Tracking::Counter& counter = client.tracking->tracking.counter(number);
    if (counter) counter.table->pinned(*counter.entry, now_ms).count(Data::SessCnt);
  }
}

void request_came(const Subject& subject) { count(subject, Data::HttpReqCnt); }
void request_failed(const Subject& subject) { count(subject, Data::HttpErrCnt); }
void answer_failed(const Subject& subject) { count(subject, Data::HttpFailCnt); }

void answer_came(const Subject& subject, int status) {
  if (is_error(status)) request_failed(subject);
  if (is_failure(status)) answer_failed(subject);
}

void count_bytes(const Subject& subject, std::uint64_t in, std::uint64_t out) {
  if (!tracks(subject)) return;
  each_tracked(subject, [in, out](StickTable::Hold& hold) {
    if (in != 0) hold.count(Data::BytesInCnt, in);
    if (out != 0) hold.count(Data::BytesOutCnt, out);
  });
}

void end(Subject& subject) {
  if (subject.tracking != nullptr) subject.tracking->end(now_of(subject));
}

}  // namespace tracked

}  // namespace penstock::rules
