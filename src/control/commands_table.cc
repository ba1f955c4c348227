// Stick tables: what the process remembers of clients.
#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "command.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/stick_names.h"
#include "penstock/control/crew.h"
#include "penstock/tables/stick_table.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;
using Key = config::StickTable::Key;
using Data = config::StickData;

// Places of a table that are looked through at once, while workers cannot.
constexpr std::size_t kPlacesInPiece = 1024;
// Entries of a shard that are over, of which some go before the rest is counted.
constexpr std::size_t kDroppedAtOnce = 1024;

std::uint32_t number_of(std::string_view bytes) {
  std::uint32_t number = 0;
  std::memcpy(&number, bytes.data(), std::min(bytes.size(), sizeof(number)));
  return number;
}

// Escaped as HAProxy does, so that a key is one word of one line.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' || c == '=' || c == '\\')
      (out += '\\') += c;
    else if (c > ' ' && c < 0x7f)
      out += c;
    else if (c == '\t')
      out += "\\t";
    else
      append_format(out, "\\x{:02x}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string ip_text_of(std::string_view bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), text, sizeof(text));
  return text;
}

std::string key_text(Key type, std::string_view key) {
  switch (type) {
    case Key::Ip:
    case Key::Ip6:
      return ip_text_of(key);
    case Key::Integer:
      return format("{}", number_of(key));
    case Key::String:
      return escaped(key);
    case Key::Binary:
      break;
  }
  std::string out;
  for (const char c : key) append_format(out, "{:02X}", static_cast<unsigned char>(c));
  return out;
}

// The key that a text means; nothing if it is none of that type.
std::optional<std::string> key_of(const config::StickTable& line, const std::string& text) {
  switch (line.key) {
    case Key::Ip:
    case Key::Ip6: {
      unsigned char bytes[16];
      const bool is6 = line.key == Key::Ip6;
      if (::inet_pton(is6 ? AF_INET6 : AF_INET, text.c_str(), bytes) != 1) return std::nullopt;
      return std::string(reinterpret_cast<const char*>(bytes), is6 ? 16 : 4);
    }
    case Key::Integer: {
      const auto value = parse_unsigned(text);
      if (!value || *value > UINT32_MAX) return std::nullopt;
      const auto number = static_cast<std::uint32_t>(*value);
      return std::string(reinterpret_cast<const char*>(&number), sizeof(number));
    }
    case Key::String:
      return text.substr(0, line.length);
    case Key::Binary:
      break;
  }
  return std::nullopt;
}

std::string head_of(const TablePlan& plan, std::uint64_t now_ms) {
  return format("# table: {}, type: {}, size:{}, used:{}\n", plan.proxy, config::stick_key_name(plan.line.key),
                plan.line.size, plan.table->size(now_ms, kDroppedAtOnce));
}

// What an entry is shown with, in order: what is stored, and what is known of servers where `stick` lines keep that.
std::vector<config::StickTable::Stored> shown_of(const TablePlan& plan) {
  std::vector<config::StickTable::Stored> shown = plan.line.store;
  const auto add = [&](Data data) {
    const auto same = [&](const auto& stored) { return stored.data == data; };
    if (std::none_of(shown.begin(), shown.end(), same)) shown.push_back({data});
  };
  if (plan.of_servers) {
    add(Data::ServerId);
    add(Data::ServerKey);
  }
  std::sort(shown.begin(), shown.end(), [](const auto& a, const auto& b) { return a.data < b.data; });
  return shown;
}

void append_data(std::string& to, const config::StickTable::Stored& stored, const StickTable::Hold& hold) {
  if (stored.data == Data::ServerKey) {
    const StickTable::Mark* mark = hold.mark();
    append_format(to, " server_key={}", mark == nullptr || mark->key.empty() ? "-" : mark->key);
    return;
  }
  for (std::uint32_t i = 0; i < stored.count; ++i) {
    const std::uint64_t value = hold.value(stored.data, i).value_or(0);
    std::string_view name = config::stick_data_name(stored.data);
    const std::string_view behind = config::is_rate(stored.data) ? "_rate" : "";
    name.remove_suffix(behind.size());
    append_format(to, " {}", name);
    if (config::is_array(stored.data)) append_format(to, "{}", i);
    to += behind;
    if (config::is_rate(stored.data)) append_format(to, "({})", stored.period_ms);
    append_format(to, "={}", value);
  }
}

// The table and what belongs to it, for as long as an answer takes.
struct Shown {
  std::shared_ptr<StickTable> table;
  Key type;
  std::vector<config::StickTable::Stored> data;
};

void append_entry(std::string& to, const Shown& shown, const StickTable::Hold& hold) {
  append_format(to, "0x{:x}: key={} use={} exp={}", hold.id(), key_text(shown.type, hold.key()), hold.trackers(),
                hold.left_ms());
  for (const auto& stored : shown.data) append_data(to, stored, hold);
  to += '\n';
}

enum class Operator : std::uint8_t { Equal, Unequal, Least, Most, Below, Above };
constexpr std::string_view kOperators[] = {"eq", "ne", "ge", "le", "lt", "gt"};

struct Compare {
  Data data = Data::ServerId;
  Operator by = Operator::Equal;
  std::int64_t number = 0;

  bool holds(const StickTable::Hold& hold) const {
    const auto value = static_cast<std::int64_t>(hold.value(data).value_or(0));
    switch (by) {
      case Operator::Equal:
        return value == number;
      case Operator::Unequal:
        return value != number;
      case Operator::Least:
        return value >= number;
      case Operator::Most:
        return value <= number;
      case Operator::Below:
        return value < number;
      case Operator::Above:
        return value > number;
    }
    return false;
  }
};

// What narrows: a key, or what all data must be.
struct Filter {
  std::optional<std::string> key;
  std::vector<Compare> compares;

  bool fits(const StickTable::Hold& hold) const {
    return std::all_of(compares.begin(), compares.end(), [&](const Compare& compare) { return compare.holds(hold); });
  }
};

// The table that the call names; null after it has failed.
const TablePlan* table_of(const CallRef& call) {
  for (const TablePlan& plan : call->realm().crew().snapshot()->tables) {
    if (plan.table && plan.proxy == call->argument(0)) return &plan;
  }
  call->fail("No such table\n");
  return nullptr;
}

std::optional<Data> data_named(std::string_view name) {
  for (std::size_t i = 0; i < config::kStickDataCount; ++i) {
    if (config::stick_data_name(static_cast<Data>(i)) == name) return static_cast<Data>(i);
  }
  return std::nullopt;
}

bool is_shown(const TablePlan& plan, Data data) {
  const auto shown = shown_of(plan);
  return std::any_of(shown.begin(), shown.end(), [&](const auto& stored) { return stored.data == data; });
}

// "data.<type> <operator> <number>", the `number`th of the call's filters; nothing after the call has failed.
std::optional<Compare> compare_of(const CallRef& call, const TablePlan& plan, std::size_t at, std::size_t number) {
  const auto fail = [&](const char* why) {
    call->fail(format("Filter entry #{}: {}\n", number, why));
    return std::nullopt;
  };
  Compare compare;
  std::string_view name = call->argument(at);
  if (name.starts_with("data.")) {
    const auto data = data_named(name.substr(5));
    if (!data) return fail("Unknown data type");
    if (!is_shown(plan, *data)) return fail("Data type not stored in this table");
    compare.data = *data;
  }
  const auto* by = std::find(std::begin(kOperators), std::end(kOperators), call->argument(at + 1));
  if (by == std::end(kOperators))
    return fail("Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\"");
  compare.by = static_cast<Operator>(by - std::begin(kOperators));
  const auto value = parse_integer(call->argument(at + 2));
  if (!value) return fail("Require a valid integer value to compare against");
  compare.number = *value;
  return compare;
}

// The key that the call names; nothing after it has failed.
std::optional<std::string> key_named(const CallRef& call, const TablePlan& plan, std::string_view doing) {
  const std::string text(call->argument(2));
  const char* why = nullptr;
  std::string said;
  if (text.empty())
    why = "Key value expected\n";
  else if (plan.line.key == Key::Binary)
    said = format("{} keys {} tables of type other than ip, ipv6, string and integer is not supported\n", doing,
                  doing == "Inserting" ? "into" : "from");
  auto key = key_of(plan.line, text);
  if (why == nullptr && said.empty() && !key) why = "Invalid key\n";
  if (why != nullptr) said = why;
  if (said.empty()) return key;
  call->fail(std::move(said));
  return std::nullopt;
}

// Behind the table's name; nothing after the call has failed. `usage`: what is said of other words.
std::optional<Filter> filter_of(const CallRef& call, const TablePlan& plan, std::string_view doing, const char* usage) {
  constexpr std::size_t kMostCompares = 4;
  Filter filter;
  const std::string_view word = call->argument(1);
  if (word.empty()) return filter;
  if (word == "key") {
    filter.key = key_named(call, plan, doing);
    return filter.key ? std::optional(filter) : std::nullopt;
  }
  if (!word.starts_with("data.")) {
    call->fail(usage);
    return std::nullopt;
  }
  std::size_t at = 1;
  for (; !call->argument(at).empty() && filter.compares.size() < kMostCompares; at += 3) {
    const auto compare = compare_of(call, plan, at, filter.compares.size() + 1);
    if (!compare) return std::nullopt;
    filter.compares.push_back(*compare);
  }
  if (call->argument(at).empty()) return filter;
  call->fail(format("Detected extra data in filter, {}th word of input, after '{}'\n", at + 3, call->argument(at - 1)));
  return std::nullopt;
}

void list_tables(const CallRef& call) {
  std::string text;
  Crew& crew = call->realm().crew();
  const auto& tables = crew.snapshot()->tables;
  // HAProxy's list begins with the last one.
  for (auto plan = tables.rbegin(); plan != tables.rend(); ++plan) {
    if (plan->table) text += head_of(*plan, crew.now_ms());
  }
  call->answer(std::move(text));
}

void show_table(const CallRef& call) {
  if (call->argument(0).empty()) return list_tables(call);
  const TablePlan* plan = table_of(call);
  if (plan == nullptr) return;
  const auto filter =
      filter_of(call, *plan, "Showing",
                "Optional argument only supports \"data.<store_data_type>\" <operator> <value> and key <key>\n");
  if (!filter) return;
  Crew& crew = call->realm().crew();
  const Shown shown{plan->table, plan->line.key, shown_of(*plan)};
  std::string head = head_of(*plan, crew.now_ms());
  if (filter->key) {
    std::string text;
    if (const StickTable::Hold hold = plan->table->look(*filter->key, crew.now_ms())) {
      text = std::move(head);
      append_entry(text, shown, hold);
    }
    return call->answer(std::move(text));
  }
  call->answer_by(
      [shown, filter = *filter, head = std::move(head), &crew, place = std::size_t{0}](std::string& to) mutable {
        to += std::exchange(head, {});
        shown.table->each(place, kPlacesInPiece, crew.now_ms(), [&](const StickTable::Hold& hold) {
          if (filter.fits(hold)) append_entry(to, shown, hold);
        });
        place += kPlacesInPiece;
        return place < shown.table->places();
      });
}

void clear_table(const CallRef& call) {
  constexpr const char* kUsage =
      "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key>\n";
  if (call->argument(0).empty()) return call->fail(kUsage);
  const TablePlan* plan = table_of(call);
  if (plan == nullptr) return;
  const auto filter = filter_of(call, *plan, "Removing", kUsage);
  if (!filter) return;
  const auto table = plan->table;
  if (filter->key) {
    if (!table->forget(*filter->key)) return call->fail("Entry currently in use, cannot remove\n");
    return call->done();
  }
  for (std::size_t place = 0; place < table->places(); place += kPlacesInPiece) {
    std::vector<std::string> keys;
    table->each(place, kPlacesInPiece, call->realm().crew().now_ms(), [&](const StickTable::Hold& hold) {
      if (filter->fits(hold)) keys.emplace_back(hold.key());
    });
    for (const std::string& key : keys) table->forget(key);
  }
  call->done();
}

// What `set table` sets.
struct Wanted {
  Data data;
  std::uint64_t value = 0;
};

std::optional<std::vector<Wanted>> wanted_of(const CallRef& call, const TablePlan& plan) {
  std::vector<Wanted> all;
  const auto fail = [&](const char* why) {
    call->fail(why);
    return std::nullopt;
  };
  for (std::size_t at = 3; !call->argument(at).empty(); at += 2) {
    const std::string_view name = call->argument(at);
    if (!name.starts_with("data.")) return fail("\"data.<type>\" followed by a value expected\n");
    const auto data = data_named(name.substr(5));
    if (!data) return fail("Unknown data type\n");
    if (!is_shown(plan, *data) || *data == Data::ServerKey) return fail("Data type not stored in this table\n");
    const auto value = parse_integer(call->argument(at + 1));
    if (!value) return fail("Require a valid integer value to store\n");
    all.push_back({*data, static_cast<std::uint64_t>(*value)});
  }
  return all;
}

void set_table(const CallRef& call) {
  if (call->argument(0).empty())
    return call->fail("Required arguments: <table> key <key> [data.<store_data_type> <value>]*\n");
  const TablePlan* plan = table_of(call);
  if (plan == nullptr) return;
  if (call->argument(1) != "key")
    return call->fail("Required arguments: <table> key <key> [data.<store_data_type> <value>]*\n");
  const auto key = key_named(call, *plan, "Inserting");
  if (!key) return;
  const auto wanted = wanted_of(call, *plan);
  if (!wanted) return;
  StickTable::Hold hold = plan->table->make(*key, call->realm().crew().now_ms());
  if (!hold) return call->fail("Unable to allocate a new entry\n");
  for (const Wanted& each : *wanted) {
    if (each.data == Data::ServerId)
      hold.set_mark({{}, {}, {}, static_cast<std::uint32_t>(each.value)});
    else
      hold.set(each.data, each.value);
  }
  call->done();
}

constexpr Command kCommands[] = {
    {"clear table", "<table> [<filter>]*", AccessLevel::User, "forget what a stick table knows, or some of it",
     clear_table},
    {"set table", "<table> key <key> [data.<type> <value>]*", AccessLevel::Operator,
     "make or change an entry of a stick table", set_table},
    {"show table", "<table> [<filter>]*", AccessLevel::User, "stick tables, or what one of them knows", show_table},
};

}  // namespace

std::span<const Command> table_commands() { return kCommands; }

}  // namespace penstock
