// Samples about stick tables: counters that are tracked (sc_*, sc0_* and kin), the entry of the client's address
// (src_*), and tables themselves (manual section 7.3.3).
#include <array>
#include <cstddef>

#include "expression.h"
#include "penstock/rules/stick.h"
#include "track.h"

namespace penstock::rules {

namespace {

using Data = config::StickData;

// What is asked of an entry.
enum class Ask : std::uint8_t { Value, Kilobytes, Clear, Increment, CountConnection, IsTracked, Trackers };

struct What {
  std::string_view name;
  Data data;
  Ask ask = Ask::Value;
  bool indexed = false;  // An element of the array is named.
};

constexpr What kWhats[] = {
    {"bytes_in_rate", Data::BytesInRate},
    {"bytes_out_rate", Data::BytesOutRate},
    {"clr_gpc", Data::Gpc, Ask::Clear, true},
    {"clr_gpc0", Data::Gpc0, Ask::Clear},
    {"clr_gpc1", Data::Gpc1, Ask::Clear},
    {"conn_cnt", Data::ConnCnt},
    {"conn_cur", Data::ConnCur},
    {"conn_rate", Data::ConnRate},
    {"get_gpc", Data::Gpc, Ask::Value, true},
    {"get_gpc0", Data::Gpc0},
    {"get_gpc1", Data::Gpc1},
    {"get_gpt", Data::Gpt, Ask::Value, true},
    {"get_gpt0", Data::Gpt0},
    {"gpc0_rate", Data::Gpc0Rate},
    {"gpc1_rate", Data::Gpc1Rate},
    {"gpc_rate", Data::GpcRate, Ask::Value, true},
    {"http_err_cnt", Data::HttpErrCnt},
    {"http_err_rate", Data::HttpErrRate},
    {"http_fail_cnt", Data::HttpFailCnt},
    {"http_fail_rate", Data::HttpFailRate},
    {"http_req_cnt", Data::HttpReqCnt},
    {"http_req_rate", Data::HttpReqRate},
    {"inc_gpc", Data::Gpc, Ask::Increment, true},
    {"inc_gpc0", Data::Gpc0, Ask::Increment},
    {"inc_gpc1", Data::Gpc1, Ask::Increment},
    {"kbytes_in", Data::BytesInCnt, Ask::Kilobytes},
    {"kbytes_out", Data::BytesOutCnt, Ask::Kilobytes},
    {"sess_cnt", Data::SessCnt},
    {"sess_rate", Data::SessRate},
    {"tracked", Data::ConnCnt, Ask::IsTracked},
    {"trackers", Data::ConnCnt, Ask::Trackers},
    {"updt_conn_cnt", Data::ConnCnt, Ask::CountConnection},
};

// Whose entry: of a counter whose number is said, of one that the name says, of the client's address.
enum class Whose : std::uint8_t { Said, Counter0, Counter1, Counter2, Source };
constexpr std::string_view kWhose[] = {"sc_", "sc0_", "sc1_", "sc2_", "src_"};
constexpr std::size_t kAll = std::size(kWhose) * std::size(kWhats);

// HAProxy has no sc0_get_gpc and the like, but for one.
constexpr bool exists(Whose whose, const What& what) {
  switch (what.ask) {
    case Ask::IsTracked:
    case Ask::Trackers:
      return whose != Whose::Source;
    case Ask::CountConnection:
      return whose == Whose::Source;
    default:
      break;
  }
  if (!what.indexed || whose == Whose::Said || whose == Whose::Source) return true;
  return whose == Whose::Counter1 && what.ask == Ask::Clear;
}

// Makes what is not there.
bool makes(Ask ask) { return ask == Ask::Clear || ask == Ask::Increment || ask == Ask::CountConnection; }

Data rate_behind(Data count) { return static_cast<Data>(static_cast<std::uint8_t>(count) + 1); }

// False: that is not stored. An entry that is not there has done nothing yet.
bool answer(const What& what, std::uint32_t element, StickTable::Hold& hold, Value& out) {
  if (what.ask == Ask::Trackers) return out.set_integer(hold ? hold.trackers() : 0), true;
  out.set_integer(0);
  if (!hold) return true;
  std::optional<std::uint64_t> value;
  switch (what.ask) {
    case Ask::Clear:
      value = hold.value(what.data, element);
      hold.set(what.data, 0, element);
      break;
    case Ask::Increment:
      hold.count(what.data, 1, element);
      value = hold.value(what.data, element);
      // Where the rate alone is stored.
      if (!value) value = hold.value(rate_behind(what.data), element);
      break;
    case Ask::CountConnection:
      // The count alone, not its rate.
      value = hold.value(what.data);
      if (value) hold.set(what.data, ++*value);
      break;
    default:
      value = hold.value(what.data, element);
      break;
  }
  if (!value) return false;
  out.set_integer(static_cast<std::int64_t>(what.ask == Ask::Kilobytes ? *value >> 10 : *value));
  return true;
}

StickTable::Hold entry_of(StickTable& table, std::string_view key, Ask ask, std::uint64_t now_ms) {
  return makes(ask) ? table.make(key, now_ms) : table.look(key, now_ms);
}

bool fetch_of_source(const Call& call, const What& what, Subject& subject, Value& out) {
  const std::size_t at = what.indexed ? 1 : 0;
  const auto* table = table_at(subject, call.arguments[at].integer);
  Value source;
  std::string_view key;
  if (table == nullptr || subject.client == nullptr || !Ip::of(subject.source(), source.ip)) return false;
  source.type = Type::Address;
  if (!make_key((*table)->line(), subject, source, key)) return false;
  const auto element = static_cast<std::uint32_t>(what.indexed ? call.integer(0, 0) : 0);
  StickTable::Hold hold = entry_of(**table, key, what.ask, now_of(subject));
  return answer(what, element, hold, out);
}

// The same key in another table than the one where it is tracked; it is not made there.
bool fetch_elsewhere(const What& what, std::uint32_t element, const Tracking::Counter& counter, StickTable& table,
                     Subject& subject, Value& out) {
  const std::uint64_t now_ms = now_of(subject);
  const std::string_view key = subject.arena.copy(counter.table->pinned(*counter.entry, now_ms).key());
  StickTable::Hold hold;
  if (table.line().key == counter.table->line().key) hold = table.look(key, now_ms);
  return answer(what, element, hold, out);
}

std::size_t row_of(const Call& call);

bool fetch_counter(const Call& call, Subject& subject, Cursor&, Value& out) {
  const std::size_t row = row_of(call);
  const What& what = kWhats[row % std::size(kWhats)];
  const auto whose = static_cast<Whose>(row / std::size(kWhats));
  if (whose == Whose::Source) return fetch_of_source(call, what, subject, out);
  // <element>, <counter>, <table>, as far as the name leaves them open.
  std::size_t at = 0;
  const auto element = static_cast<std::uint32_t>(what.indexed ? call.integer(at++, 0) : 0);
  const std::int64_t number = whose == Whose::Said ? call.integer(at++, 0) : static_cast<std::int64_t>(whose) - 1;
  const Tracking::Counter* counter = tracked_by(subject, number);
  if (what.ask == Ask::IsTracked) return out.set_bool(counter != nullptr), true;
  if (counter == nullptr) return false;
  if (call.has(at)) {
    const auto* table = table_at(subject, call.arguments[at].integer);
    if (table == nullptr) return false;
    if (table->get() != counter->table) return fetch_elsewhere(what, element, *counter, **table, subject, out);
  }
  StickTable::Hold hold = counter->table->pinned(*counter->entry, now_of(subject));
  return answer(what, element, hold, out);
}

template <bool free>
bool fetch_table_size(const Call& call, Subject& subject, Cursor&, Value& out) {
  const auto* table = table_at(subject, call.arguments[0].integer);
  if (table == nullptr) return false;
  constexpr std::size_t kDropped = 16;
  const std::uint64_t used = (*table)->size(now_of(subject), kDropped);
  const std::uint64_t most = (*table)->most();
  out.set_integer(static_cast<std::int64_t>(!free ? used : most - std::min(most, used)));
  return true;
}

constexpr std::string_view arguments_of(Whose whose, const What& what) {
  switch (whose) {
    case Whose::Said:
      return what.indexed ? "ic|o" : "c|o";
    case Whose::Source:
      return what.indexed ? "iT" : "|T";
    case Whose::Counter0:
    case Whose::Counter1:
    case Whose::Counter2:
      break;
  }
  return what.indexed ? "i|o" : "|o";
}

struct Names {
  static constexpr std::size_t kLongest = 24;
  char text[kAll][kLongest] = {};
  std::size_t size[kAll] = {};
};

constexpr Names make_names() {
  Names names;
  for (std::size_t row = 0; row < kAll; ++row) {
    for (const std::string_view part : {kWhose[row / std::size(kWhats)], kWhats[row % std::size(kWhats)].name}) {
      for (const char c : part) names.text[row][names.size[row]++] = c;
    }
  }
  return names;
}
constexpr Names kNames = make_names();

// A row for each beginning and each ending; those that do not exist have no name.
constexpr std::array<Fetch, kAll> make_rows() {
  std::array<Fetch, kAll> rows{};
  for (std::size_t row = 0; row < kAll; ++row) {
    const auto whose = static_cast<Whose>(row / std::size(kWhats));
    const What& what = kWhats[row % std::size(kWhats)];
    const Type type = what.ask == Ask::IsTracked ? Type::Bool : Type::Integer;
    const std::string_view name =
        exists(whose, what) ? std::string_view(kNames.text[row], kNames.size[row]) : std::string_view();
    rows[row] = {name, type, arguments_of(whose, what), kNeedsClient, kOnMoment, fetch_counter};
  }
  return rows;
}
constexpr std::array<Fetch, kAll> kRows = make_rows();

std::size_t row_of(const Call& call) { return static_cast<std::size_t>(call.fetch - kRows.data()); }

constexpr Fetch kTables[] = {
    {"table_avl", Type::Integer, "|T", kNeedsNothing, kOnMoment, fetch_table_size<true>},
    {"table_cnt", Type::Integer, "|T", kNeedsNothing, kOnMoment, fetch_table_size<false>},
};

}  // namespace

std::span<const Fetch> counter_fetches() { return kRows; }
std::span<const Fetch> table_fetches() { return kTables; }

}  // namespace penstock::rules
