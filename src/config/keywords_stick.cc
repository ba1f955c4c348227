// `stick` and `stick-table` (configuration manual section 4.2).
#include <algorithm>
#include <iterator>

#include "keywords.h"
#include "stick_length.h"

namespace penstock::config {

namespace {

constexpr std::string_view kKeys[] = {"ip", "ipv6", "integer", "string", "binary"};
constexpr std::string_view kData[] = {
    "server_id",      "conn_cur",     "gpt0",          "conn_cnt",      "conn_rate",      "sess_cnt",
    "sess_rate",      "http_req_cnt", "http_req_rate", "http_err_cnt",  "http_err_rate",  "http_fail_cnt",
    "http_fail_rate", "bytes_in_cnt", "bytes_in_rate", "bytes_out_cnt", "bytes_out_rate", "gpc0",
    "gpc0_rate",      "gpc1",         "gpc1_rate"};
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

void parse_server_key(Line& line, StickTable&) {
  constexpr std::string_view kWays[] = {"addr", "name"};
  const Place place = line.more() ? line.peek().place : line.place;
  if (line.take_choice(kWays) == std::size_t{0})
    line.warn(place, "'srvkey addr' has no effect: servers are known by their names");
}

// One word of the list behind `store`: "conn_cnt", "conn_rate(30s)".
void take_stored(Line& line, std::string_view text, Place place, StickTable& table) {
  std::string_view period = text;
  const std::string_view name = cut(period, '(');
  const auto* const row = std::find(std::begin(kData), std::end(kData), name);
  if (row == std::end(kData)) {
    if (name == "gpc" || name == "gpc_rate" || name == "gpt" || name == "server_key") {
      return line.warn(place, format("'store {}' is not offered yet and has no effect", name));
    }
    const std::string_view near = nearest(name, kData);
    return line.complain(place, format("'{}' is nothing that a table can store{}", name,
                                       near.empty() ? "" : format("; did you mean '{}'?", near)));
  }
  StickTable::Stored stored{static_cast<StickData>(row - kData), 0};
  if (is_rate(stored.data) != (name.size() != text.size())) {
    return line.complain(place, is_rate(stored.data)
                                    ? format("'{}' needs the time that it looks back: {}(30s)", name, name)
                                    : format("'{}' takes no parentheses", name));
  }
  if (is_rate(stored.data)) {
    const auto ms = period.ends_with(')') ? parse_duration_ms(period.substr(0, period.size() - 1)) : std::nullopt;
    if (!ms || *ms == 0 || *ms > 2147483647)
      return line.complain(place, format("'{}' does not say a time such as 30s", text));
    stored.period_ms = *ms;
  }
  const auto same = [&](const StickTable::Stored& other) { return other.data == stored.data; };
  if (std::any_of(table.store.begin(), table.store.end(), same))
    return line.complain(place, format("'{}' is stored already", name));
  if (stored.data == StickData::ServerId) return;
  line.warn(place, format("'store {}' has no effect: tables remember servers and count nothing yet", name));
  table.store.push_back(stored);
}

void parse_store(Line& line, StickTable& table) {
  const Word* word = line.take("what to store, for example http_req_rate(10s)");
  if (word == nullptr) return;
  for (std::string_view rest = word->text; !rest.empty() && !line.failed();) {
    take_stored(line, cut(rest, ','), word->place, table);
  }
}

using TableKeyword = Keyword<StickTable>;

constexpr TableKeyword kTableKeywords[] = {
    {"expire", parse_expire, "Time without use after which an entry is forgotten, none unless said otherwise."},
    {"nopurge", parse_no_purge, "A full table learns nothing new; else the oldest makes room."},
    {"peers", no_effect_parameter<StickTable, 1>, "Tables are not exchanged between peers."},
    {"size", parse_size, "Most entries: 200k."},
    {"srvkey", parse_server_key, "Servers are known by 'name'."},
    {"store", parse_store, "What entries hold, with commas between: 'server_id'. Counts and rates have no effect yet."},
    {"type", parse_type,
     "What an entry is found by: ip, ipv6, integer, string, binary [len <n>]; 31 bytes of a string and 32 of binary "
     "count unless said otherwise."},
};
static_assert(is_sorted(kTableKeywords));

}  // namespace

std::span<const Keyword<StickTable>> stick_table_keywords() { return kTableKeywords; }
std::string_view stick_key_name(StickTable::Key key) { return kKeys[static_cast<std::size_t>(key)]; }
std::string_view stick_data_name(StickData data) { return kData[static_cast<std::size_t>(data)]; }

void parse_stick_table(Line& line, Draft& draft) {
  if (!draft.given.insert(line.subject).second)
    return line.complain("a section has one 'stick-table', and this one has it already");
  StickTable table;
  table.place = line.place;
  bool typed = false;
  while (line.more()) {
    typed = typed || line.peek_text() == "type";
    parse_with(line, stick_table_keywords(), table, "stick-table");
  }
  if (line.failed()) return;
  if (!typed || table.size == 0) {
    return line.complain(table.place, format("'stick-table' lacks its '{}'", typed ? "size" : "type"));
  }
  draft.proxy.stick_table = std::move(table);
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
