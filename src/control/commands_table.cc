// Stick tables: what the process remembers of clients.
#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "command.h"
#include "penstock/balance/stick_table.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/control/crew.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;
using Key = config::StickTable::Key;

// Places of a table that are looked through at once, while workers cannot.
constexpr std::size_t kPlacesInPiece = 1024;

const char* type_name(Key key) {
  switch (key) {
    case Key::Ip:
      return "ip";
    case Key::Ip6:
      return "ipv6";
    case Key::Integer:
      return "integer";
    case Key::String:
      return "string";
    case Key::Binary:
      return "binary";
  }
  return "";
}

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

std::string head_of(const TablePlan& plan) {
  return format("# table: {}, type: {}, size:{}, used:{}\n", plan.proxy, type_name(plan.line.key), plan.line.size,
                plan.table->size());
}

void append_entry(std::string& to, Key type, const StickTable::Seen& seen) {
  append_format(to, "0x{:x}: key={} use=0 exp={} server_id={} server_key={}\n", seen.id, key_text(type, seen.key),
                seen.left_ms, seen.mark.id, seen.mark.server.empty() ? "-" : seen.mark.server);
}

// What narrows: a key, or what is said of the server.
struct Filter {
  std::optional<std::string> key;
  std::string compare;  // eq, ne, le, ge, lt, gt; empty: all.
  std::uint32_t number = 0;

  bool fits(Key type, const StickTable::Seen& seen) const {
    if (key && key_text(type, seen.key) != *key) return false;
    if (compare.empty()) return true;
    const std::uint32_t id = seen.mark.id;
    return compare == "eq"   ? id == number
           : compare == "ne" ? id != number
           : compare == "le" ? id <= number
           : compare == "ge" ? id >= number
           : compare == "lt" ? id < number
                             : id > number;
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

// Behind the table's name; nothing after the call has failed.
std::optional<Filter> filter_of(const CallRef& call) {
  Filter filter;
  const std::string_view word = call->argument(1);
  if (word.empty()) return filter;
  if (word == "key") {
    filter.key = call->argument(2);
    if (!filter.key->empty()) return filter;
    call->fail("Key value expected\n");
    return std::nullopt;
  }
  if (!word.starts_with("data.")) {
    call->fail("Optional argument only supports \"data.<store_data_type>\" <operator> <value> and key <key>\n");
    return std::nullopt;
  }
  constexpr std::string_view kOperators[] = {"eq", "ne", "le", "ge", "lt", "gt"};
  const auto number = parse_unsigned(call->argument(3));
  filter.compare = call->argument(2);
  const char* why = nullptr;
  if (word != "data.server_id")
    why = "Filter entry #1: Data type not stored in this table\n";
  else if (std::find(std::begin(kOperators), std::end(kOperators), filter.compare) == std::end(kOperators))
    why = "Filter entry #1: Require and operator among \"eq\", \"ne\", \"le\", \"ge\", \"lt\", \"gt\"\n";
  else if (!number || *number > UINT32_MAX)
    why = "Filter entry #1: Require a valid integer value to compare against\n";
  if (why != nullptr) {
    call->fail(why);
    return std::nullopt;
  }
  filter.number = static_cast<std::uint32_t>(*number);
  return filter;
}

void list_tables(const CallRef& call) {
  std::string text;
  const auto& tables = call->realm().crew().snapshot()->tables;
  // HAProxy's list begins with the last one.
  for (auto plan = tables.rbegin(); plan != tables.rend(); ++plan) {
    if (plan->table) text += head_of(*plan);
  }
  call->answer(std::move(text));
}

void show_table(const CallRef& call) {
  if (call->argument(0).empty()) return list_tables(call);
  const TablePlan* plan = table_of(call);
  if (plan == nullptr) return;
  const auto filter = filter_of(call);
  if (!filter) return;
  Crew& crew = call->realm().crew();
  call->answer_by([table = plan->table, type = plan->line.key, filter = *filter, head = head_of(*plan), &crew,
                   place = std::size_t{0}](std::string& to) mutable {
    // A key that is not there has no head either.
    if (!filter.key) to += std::exchange(head, {});
    const auto seen = table->look(place, kPlacesInPiece, crew.now_ms());
    for (const StickTable::Seen& each : seen) {
      if (!filter.fits(type, each)) continue;
      to += std::exchange(head, {});
      append_entry(to, type, each);
    }
    place += kPlacesInPiece;
    return place < table->places();
  });
}

void clear_table(const CallRef& call) {
  if (call->argument(0).empty()) {
    return call->fail(
        "Required arguments: <table> \"data.<store_data_type>\" <operator> <value> or <table> key <key>\n");
  }
  const TablePlan* plan = table_of(call);
  if (plan == nullptr) return;
  const auto filter = filter_of(call);
  if (!filter) return;
  const auto table = plan->table;
  for (std::size_t place = 0; place < table->places(); place += kPlacesInPiece) {
    for (const StickTable::Seen& each : table->look(place, kPlacesInPiece, call->realm().crew().now_ms())) {
      if (filter->fits(plan->line.key, each)) table->forget(each.key);
    }
  }
  call->done();
}

constexpr Command kCommands[] = {
    {"clear table", "<table> [<filter>]*", AccessLevel::User, "forget what a stick table knows, or some of it",
     clear_table},
    {"show table", "<table> [<filter>]*", AccessLevel::User, "stick tables, or what one of them knows", show_table},
};

}  // namespace

std::span<const Command> table_commands() { return kCommands; }

}  // namespace penstock
