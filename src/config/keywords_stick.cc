// `stick` and `stick-table` (configuration manual section 4.2).
#include <algorithm>
#include <iterator>

#include "keywords.h"
#include "penstock/config/stick_names.h"
#include "stick_length.h"

namespace penstock::config {

namespace {

constexpr std::string_view kKeys[] = {"ip", "ipv6", "integer", "string", "binary"};
constexpr std::string_view kData[] = {
    "server_id",     "gpt0",           "gpc0",          "gpc0_rate",    "conn_cnt",
    "conn_rate",     "conn_cur",       "sess_cnt",      "sess_rate",    "http_req_cnt",
    "http_req_rate", "http_err_cnt",   "http_err_rate", "bytes_in_cnt", "bytes_in_rate",
    "bytes_out_cnt", "bytes_out_rate", "gpc1",          "gpc1_rate",    "server_key",
    "http_fail_cnt", "http_fail_rate", "gpt",           "gpc",          "gpc_rate"};
static_assert(std::size(kData) == kStickDataCount);
constexpr std::string_view kKinds[] = {"match", "on", "store-request", "store-response"};

void parse_expire(Line& line, StickTable& table) { table.expire_ms = line.take_ms("a time such as 30m"); }
void parse_no_purge(Line&, StickTable& table) { table.no_purge = true; }
void parse_size(Line& line, StickTable& table) {
  constexpr std::uint64_t kMost = 2147483647;
  const Place place = line.more() ? line.peek().place : line.place;
  table.size = line.take_size("a number of entries such as 200k");
  if (line.failed() || (table.size > 0 && table.size <= kMost)) return;
  line.complain(place,
                format("'{}' expects a number of entries from 1 to {}, not {}", line.subject, kMost, table.size));
}

void parse_type(Line& line, StickTable& table) {
  const auto key = line.take_choice(kKeys);
  if (!key) return;
  table.key = static_cast<StickTable::Key>(*key);
  table.length = usual_length(table.key);
  const bool has_length = table.key == StickTable::Key::String || table.key == StickTable::Key::Binary;
  if (has_length && line.accept("len"))
    table.length = static_cast<std::uint32_t>(line.take_number("a length", 1, 65535));
}

void parse_peers(Line& line, StickTable& table) {
  const Word* word = line.take_filled("the name of a section 'peers'");
  if (word == nullptr) return;
  table.peers = word->text;
  table.peers_place = word->place;
}

void parse_server_key(Line& line, StickTable& table) {
  constexpr std::string_view kWays[] = {"addr", "name"};
  table.server_by_address = line.take_choice(kWays) == std::size_t{0};
}

constexpr std::uint64_t kMostElements = 100;

// What stands in parentheses behind the name of what is stored: "(30s)", "(3)", "(3,30s)". False after a complaint.
bool take_measures(Line& line, std::string_view text, std::string_view inside, Place place,
                   StickTable::Stored& stored) {
  const auto complain = [&](std::string what) {
    line.complain(place, std::move(what));
    return false;
  };
  const std::size_t closed = inside.find(')');
  if (closed == std::string_view::npos) return complain(format("the parenthesis of '{}' is not closed", text));
  if (const std::string_view more = inside.substr(closed + 1); !more.empty())
    return complain(format("'{}' is not understood behind '{}'", more, text.substr(0, text.size() - more.size())));
  inside.remove_suffix(1);
  if (is_array(stored.data)) {
    const auto count = parse_unsigned(cut(inside, ','));
    if (!count || *count == 0 || *count > kMostElements)
      return complain(format("'{}' does not say a number of elements from 1 to {}", text, kMostElements));
    stored.count = static_cast<std::uint32_t>(*count);
  }
  if (!is_rate(stored.data)) return inside.empty() || complain(format("'{}' takes no period", text));
  const auto ms = parse_duration_ms(inside);
  if (!ms || *ms == 0 || *ms > 2147483647) return complain(format("'{}' does not say a time such as 30s", text));
  stored.period_ms = *ms;
  return true;
}

const char* example_of(StickData data) {
  if (!is_array(data)) return "(30s)";
  return is_rate(data) ? "(2,30s)" : "(2)";
}

// An array takes the place of the single counters of its kind.
std::optional<StickData> array_of(StickData data) {
  switch (data) {
    case StickData::Gpt0:
      return StickData::Gpt;
    case StickData::Gpc0:
    case StickData::Gpc1:
      return StickData::Gpc;
    case StickData::Gpc0Rate:
    case StickData::Gpc1Rate:
      return StickData::GpcRate;
    default:
      return std::nullopt;
  }
}

// One word of the list behind `store`: "conn_cnt", "conn_rate(30s)", "gpc(3)".
void take_stored(Line& line, std::string_view text, Place place, StickTable& table) {
  std::string_view inside = text;
  const std::string_view name = cut(inside, '(');
  const auto* const row = std::find(std::begin(kData), std::end(kData), name);
  if (row == std::end(kData)) {
    const std::string_view near = nearest(name, kData);
    return line.complain(place, format("'{}' is nothing that a table can store{}", name,
                                       near.empty() ? "" : format("; did you mean '{}'?", near)));
  }
  StickTable::Stored stored{static_cast<StickData>(row - kData)};
  const bool measured = is_rate(stored.data) || is_array(stored.data);
  if (measured != (name.size() != text.size())) {
    return line.complain(
        place, measured ? format("'{}' needs {}: {}{}", name,
                                 is_array(stored.data) ? "its number of elements" : "the time that it looks back", name,
                                 example_of(stored.data))
                        : format("'{}' takes no parentheses", name));
  }
  if (measured && !take_measures(line, text, inside, place, stored)) return;
  for (const StickTable::Stored& other : table.store) {
    if (other.data == stored.data) return line.warn(place, format("'{}' is stored already: no effect", name));
    if (array_of(other.data) == stored.data || array_of(stored.data) == other.data)
      return line.complain(
          place, format("'{}' and '{}' are the same counters: store one of them", name, stick_data_name(other.data)));
  }
  table.store.push_back(stored);
}

// Up to the next comma that stands in no parentheses.
std::string_view cut_item(std::string_view& rest) {
  std::size_t end = 0;
  for (bool inside = false; end < rest.size() && (inside || rest[end] != ','); ++end) {
    if (rest[end] == '(') inside = true;
    if (rest[end] == ')') inside = false;
  }
  const std::string_view item = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return item;
}

void parse_store(Line& line, StickTable& table) {
  const Word* word = line.take("what to store, for example http_req_rate(10s)");
  if (word == nullptr) return;
  for (std::string_view rest = word->text; !rest.empty() && !line.failed();) {
    take_stored(line, cut_item(rest), word->place, table);
  }
}

using TableKeyword = Keyword<StickTable>;

constexpr TableKeyword kTableKeywords[] = {
    {"expire", parse_expire, "Time without use after which an entry is forgotten, none unless said otherwise."},
    {"nopurge", parse_no_purge, "A full table learns nothing new; else the oldest makes room."},
    {"peers", parse_peers, "Those of that section 'peers' have this table too: <name>."},
    {"size", parse_size, "Most entries: 200k."},
    {"srvkey", parse_server_key, "How servers are known: 'addr' or 'name', which is usual."},
    {"store", parse_store,
     "What entries hold, with commas between: counts, rates over a period, arrays: "
     "conn_cur,http_req_rate(10s),gpc(2)."},
    {"type", parse_type,
     "What an entry is found by: ip, ipv6, integer, string, binary [len <n>]; 31 bytes of a string and 32 of binary "
     "count unless said otherwise."},
};
static_assert(is_sorted(kTableKeywords));

}  // namespace

std::span<const Keyword<StickTable>> stick_table_keywords() { return kTableKeywords; }
std::string_view stick_key_name(StickTable::Key key) { return kKeys[static_cast<std::size_t>(key)]; }
std::string_view stick_data_name(StickData data) { return kData[static_cast<std::size_t>(data)]; }

std::optional<StickTable> take_stick_table(Line& line, std::string_view what) {
  StickTable table;
  table.place = line.place;
  bool typed = false;
  while (line.more()) {
    typed = typed || line.peek_text() == "type";
    parse_with(line, stick_table_keywords(), table, what);
  }
  if (!line.failed() && (!typed || table.size == 0))
    line.complain(table.place, format("'{}' lacks its '{}'", what, typed ? "size" : "type"));
  return line.failed() ? std::nullopt : std::optional(std::move(table));
}

void parse_stick_table(Line& line, Draft& draft) {
  if (!draft.given.insert(line.subject).second)
    return line.complain("a section has one 'stick-table', and this one has it already");
  if (auto table = take_stick_table(line, "stick-table")) draft.proxy.stick_table = std::move(table);
}

void parse_stick(Line& line, Draft& draft) {
  Word kind{{}, line.more() ? line.peek().place : line.place};
  const auto choice = line.take_choice(kKinds);
  if (!choice) return;
  if (!line.more()) {
    line.take("a sample such as src");
    return;
  }
  kind.text = kKinds[*choice];
  std::vector<Word> words = {kind};
  for (Word& word : line.take_rest()) words.push_back(std::move(word));
  draft.proxy.rules.push_back({Rule::Set::Stick, line.place, std::move(words)});
}

}  // namespace penstock::config
