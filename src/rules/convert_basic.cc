// Converters of numbers, booleans, addresses, variables and maps (manual section 7.3.1).
#include <time.h>

#include <limits>

#include "expression.h"
#include "map_table.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock::rules {

namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

// The number given, or a variable's; false if there is no such variable.
bool operand(const Call& call, Subject& subject, std::int64_t& out) {
  const Argument& argument = call.arguments[0];
  if (!argument.is_variable) return out = argument.integer, true;
  const Value* value = find_variable(subject, argument.variable);
  if (value == nullptr) return false;
  Value number = *value;
  if (!cast(subject, number, Type::Integer)) return false;
  out = number.integer;
  return true;
}

std::int64_t add_bounded(std::int64_t a, std::int64_t b) {
  std::int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? kLeast : kMost;
}

std::int64_t subtract_bounded(std::int64_t a, std::int64_t b) {
  std::int64_t difference;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return a < 0 ? kLeast : kMost;
}

std::int64_t multiply_bounded(std::int64_t a, std::int64_t b) {
  std::int64_t product;
  if (!__builtin_mul_overflow(a, b, &product)) return product;
  return (a < 0) != (b < 0) ? kLeast : kMost;
}

std::int64_t divide_bounded(std::int64_t a, std::int64_t b) {
  if (b == 0 || (a == kLeast && b == -1)) return kMost;
  return a / b;
}

std::int64_t remainder_of(std::int64_t a, std::int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }
std::int64_t bit_and(std::int64_t a, std::int64_t b) { return a & b; }
std::int64_t bit_or(std::int64_t a, std::int64_t b) { return a | b; }
std::int64_t bit_xor(std::int64_t a, std::int64_t b) { return a ^ b; }

template <std::int64_t (*operation)(std::int64_t, std::int64_t)>
bool convert_by(const Call& call, Subject& subject, Value& value) {
  std::int64_t other;
  if (!operand(call, subject, other)) return false;
  value.set_integer(operation(value.integer, other));
  return true;
}

bool convert_complement(const Call&, Subject&, Value& value) { return value.set_integer(~value.integer), true; }
bool convert_negation(const Call&, Subject&, Value& value) {
  return value.set_integer(subtract_bounded(0, value.integer)), true;
}
bool convert_bool(const Call&, Subject&, Value& value) { return value.set_bool(value.integer != 0), true; }
bool convert_not(const Call&, Subject&, Value& value) { return value.set_bool(value.integer == 0), true; }
bool convert_odd(const Call&, Subject&, Value& value) { return value.set_bool((value.integer & 1) != 0), true; }
bool convert_even(const Call&, Subject&, Value& value) { return value.set_bool((value.integer & 1) == 0), true; }

bool convert_choice(const Call& call, Subject&, Value& value) {
  return value.set_text(call.text(value.integer != 0 ? 0 : 1)), true;
}

bool convert_network_order(const Call&, Subject& subject, Value& value) {
  char* bytes = static_cast<char*>(subject.arena.allocate(4, 1));
  for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(value.integer >> (24 - 8 * i));
  value.set_binary({bytes, 4});
  return true;
}

bool convert_mask(const Call& call, Subject&, Value& value) {
  Ip ip = value.ip.unmapped();
  const std::size_t which = ip.is6 ? 1 : 0;
  if (!call.has(which)) return false;
  const std::size_t size = ip.is6 ? 16 : 4;
  for (std::size_t i = 0; i < size; ++i) ip.bytes[i] &= call.arguments[which].ip.bytes[i];
  value.set_ip(ip);
  return true;
}

// Dates.

bool broken_down(const Call& call, std::int64_t seconds, bool local, tm& out) {
  const time_t moment = static_cast<time_t>(add_bounded(seconds, call.integer(1, 0)));
  return (local ? localtime_r(&moment, &out) : gmtime_r(&moment, &out)) != nullptr;
}

template <bool local>
bool convert_time(const Call& call, Subject& subject, Value& value) {
  tm when;
  if (!broken_down(call, value.integer, local, when)) return false;
  constexpr std::size_t kSpace = 256;
  char* space = static_cast<char*>(subject.arena.allocate(kSpace, 1));
  value.set_text({space, strftime(space, kSpace, call.arguments[0].text.c_str(), &when)});
  return true;
}

// RFC 9110 section 5.6.7, IMF-fixdate. The names are English whatever the locale.
bool convert_http_date(const Call& call, Subject& subject, Value& value) {
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::int64_t per_second = call.text(1) == "us" ? 1000000 : call.text(1) == "ms" ? 1000 : 1;
  const time_t moment = static_cast<time_t>(add_bounded(value.integer, call.integer(0, 0)) / per_second);
  tm when;
  if (gmtime_r(&moment, &when) == nullptr) return false;
  constexpr std::size_t kSpace = 48;
  char* space = static_cast<char*>(subject.arena.allocate(kSpace, 1));
  value.set_text(format_into({space, kSpace}, "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[when.tm_wday],
                             when.tm_mday, kMonths[when.tm_mon], when.tm_year + 1900, when.tm_hour, when.tm_min,
                             when.tm_sec));
  return true;
}

// Variables and captures.

bool convert_set_variable(const Call& call, Subject& subject, Value& value) {
  return set_variable(subject, call.arguments[0].variable, value, static_cast<unsigned>(call.integer(1, 0)));
}

bool convert_unset_variable(const Call& call, Subject& subject, Value&) {
  unset_variable(subject, call.arguments[0].variable);
  return true;
}

bool variable_text(const Call& call, std::size_t index, Subject& subject, std::string_view& out, Type as = Type::Text) {
  if (!call.has(index)) return false;
  const Value* found = find_variable(subject, call.arguments[index].variable);
  if (found == nullptr) return false;
  Value value = *found;
  if (!cast(subject, value, as)) return false;
  out = value.text;
  return true;
}

bool convert_compare(const Call& call, Subject& subject, Value& value) {
  std::string_view other;
  if (!variable_text(call, 0, subject, other)) return false;
  const std::string_view text = value.text;
  const int order = text.substr(0, other.size()).compare(other.substr(0, text.size()));
  value.set_integer(order != 0 ? order : (text.size() > other.size()) - (text.size() < other.size()));
  return true;
}

// Takes as long for texts that differ early as for equal ones.
bool convert_secure_compare(const Call& call, Subject& subject, Value& value) {
  std::string_view other;
  if (!variable_text(call, 0, subject, other, Type::Binary)) return false;
  unsigned difference = value.text.size() == other.size() ? 0 : 1;
  for (std::size_t i = 0; i < value.text.size() && i < other.size(); ++i) {
    difference |=
        static_cast<unsigned>(static_cast<unsigned char>(value.text[i]) ^ static_cast<unsigned char>(other[i]));
  }
  value.set_bool(difference == 0);
  return true;
}

bool set_joined(Subject& subject, std::initializer_list<std::string_view> parts, Value& value) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  if (!subject.has_room(size)) return false;
  value.set_text(subject.arena.concat(parts));
  return true;
}

bool convert_concat(const Call& call, Subject& subject, Value& value) {
  std::string_view middle;
  variable_text(call, 1, subject, middle);
  return set_joined(subject, {value.text, call.text(0), middle, call.text(2)}, value);
}

bool convert_add_item(const Call& call, Subject& subject, Value& value) {
  std::string_view middle;
  variable_text(call, 1, subject, middle);
  const std::string_view end = call.text(2);
  const bool delimited = !value.text.empty() && (!middle.empty() || !end.empty());
  return set_joined(subject, {value.text, delimited ? call.text(0) : std::string_view(), middle, end}, value);
}

bool convert_capture_request(const Call& call, Subject& subject, Value& value) {
  return keep_capture(subject, false, static_cast<std::size_t>(call.arguments[0].integer), value.text);
}

bool convert_capture_response(const Call& call, Subject& subject, Value& value) {
  return keep_capture(subject, true, static_cast<std::size_t>(call.arguments[0].integer), value.text);
}

// Numbers of the proxy's, by names that are known when they are asked for.

bool convert_usable_servers(const Call&, Subject& subject, Value& value) {
  if (subject.numbers == nullptr) return false;
  const int backend = subject.numbers->backend_named(value.text);
  const std::int64_t usable = backend < 0 ? -1 : subject.numbers->backend(BackendNumber::UsableServers, backend);
  return usable >= 0 && (value.set_integer(usable), true);
}

// Without a backend the server is one of the backend at work.
bool convert_server_queue(const Call&, Subject& subject, Value& value) {
  if (subject.numbers == nullptr) return false;
  std::string_view server = value.text;
  int backend = subject.backend_index;
  if (const std::size_t slash = server.find('/'); slash != std::string_view::npos) {
    backend = subject.numbers->backend_named(server.substr(0, slash));
    server.remove_prefix(slash + 1);
  }
  const int number = backend < 0 ? -1 : subject.numbers->server_named(backend, server);
  const std::int64_t waiting = number < 0 ? -1 : subject.numbers->server(ServerNumber::Queue, backend, number);
  return waiting >= 0 && (value.set_integer(waiting), true);
}

bool convert_nothing(const Call&, Subject&, Value&) { return true; }

// Maps. A map whose file could not be read has been complained about; it never runs.

template <Type in>
bool convert_map(const Call& call, Subject& subject, Value& value) {
  const Argument& map = call.arguments[0];
  if (map.map->look_up(subject, value, value)) return true;
  if (!call.has(1) || subject.trouble != Trouble::None) return false;
  const Argument& fallback = call.arguments[1];
  return value_of(fallback.text, map.map->output(), value);
}

constexpr auto kMapText = convert_map<Type::Text>;
constexpr auto kMapInteger = convert_map<Type::Integer>;
constexpr auto kMapAddress = convert_map<Type::Address>;

constexpr Converter kConverters[] = {
    {"add", Type::Integer, Type::Integer, "n", convert_by<add_bounded>},
    {"add_item", Type::Text, Type::Text, "t|vt", convert_add_item},
    {"and", Type::Integer, Type::Integer, "n", convert_by<bit_and>},
    {"bool", Type::Integer, Type::Bool, "", convert_bool},
    {"capture-req", Type::Text, Type::Text, "i", convert_capture_request},
    {"capture-res", Type::Text, Type::Text, "i", convert_capture_response},
    {"concat", Type::Text, Type::Text, "|tvt", convert_concat},
    {"cpl", Type::Integer, Type::Integer, "", convert_complement},
    {"debug", Type::None, Type::None, "|tt", convert_nothing},
    {"div", Type::Integer, Type::Integer, "n", convert_by<divide_bounded>},
    {"even", Type::Integer, Type::Bool, "", convert_even},
    {"htonl", Type::Integer, Type::Binary, "", convert_network_order},
    {"http_date", Type::Integer, Type::Text, "|iu", convert_http_date},
    {"iif", Type::Bool, Type::Text, "tt", convert_choice},
    {"ipmask", Type::Address, Type::Address, "m|m", convert_mask},
    {"ltime", Type::Integer, Type::Text, "t|i", convert_time<true>},
    {"map", Type::Text, Type::Text, "t|t", kMapText},
    {"map_beg", Type::Text, Type::Text, "t|t", kMapText},
    {"map_beg_int", Type::Text, Type::Integer, "t|t", kMapText},
    {"map_beg_ip", Type::Text, Type::Address, "t|t", kMapText},
    {"map_dir", Type::Text, Type::Text, "t|t", kMapText},
    {"map_dir_int", Type::Text, Type::Integer, "t|t", kMapText},
    {"map_dir_ip", Type::Text, Type::Address, "t|t", kMapText},
    {"map_dom", Type::Text, Type::Text, "t|t", kMapText},
    {"map_dom_int", Type::Text, Type::Integer, "t|t", kMapText},
    {"map_dom_ip", Type::Text, Type::Address, "t|t", kMapText},
    {"map_end", Type::Text, Type::Text, "t|t", kMapText},
    {"map_end_int", Type::Text, Type::Integer, "t|t", kMapText},
    {"map_end_ip", Type::Text, Type::Address, "t|t", kMapText},
    {"map_int", Type::Integer, Type::Text, "t|t", kMapInteger},
    {"map_int_int", Type::Integer, Type::Integer, "t|t", kMapInteger},
    {"map_int_ip", Type::Integer, Type::Address, "t|t", kMapInteger},
    {"map_ip", Type::Address, Type::Text, "t|t", kMapAddress},
    {"map_ip_int", Type::Address, Type::Integer, "t|t", kMapAddress},
    {"map_ip_ip", Type::Address, Type::Address, "t|t", kMapAddress},
    {"map_reg", Type::Text, Type::Text, "t|t", kMapText},
    {"map_reg_int", Type::Text, Type::Integer, "t|t", kMapText},
    {"map_reg_ip", Type::Text, Type::Address, "t|t", kMapText},
    {"map_regm", Type::Text, Type::Text, "t|t", kMapText},
    {"map_str", Type::Text, Type::Text, "t|t", kMapText},
    {"map_str_int", Type::Text, Type::Integer, "t|t", kMapText},
    {"map_str_ip", Type::Text, Type::Address, "t|t", kMapText},
    {"map_sub", Type::Text, Type::Text, "t|t", kMapText},
    {"map_sub_int", Type::Text, Type::Integer, "t|t", kMapText},
    {"map_sub_ip", Type::Text, Type::Address, "t|t", kMapText},
    {"mod", Type::Integer, Type::Integer, "n", convert_by<remainder_of>},
    {"mul", Type::Integer, Type::Integer, "n", convert_by<multiply_bounded>},
    {"nbsrv", Type::Text, Type::Integer, "", convert_usable_servers},
    {"neg", Type::Integer, Type::Integer, "", convert_negation},
    {"not", Type::Integer, Type::Bool, "", convert_not},
    {"odd", Type::Integer, Type::Bool, "", convert_odd},
    {"or", Type::Integer, Type::Integer, "n", convert_by<bit_or>},
    {"secure_memcmp", Type::Binary, Type::Bool, "v", convert_secure_compare},
    {"set-var", Type::None, Type::None, "v|tttt", convert_set_variable},
    {"srv_queue", Type::Text, Type::Integer, "", convert_server_queue},
    {"strcmp", Type::Text, Type::Integer, "v", convert_compare},
    {"sub", Type::Integer, Type::Integer, "n", convert_by<subtract_bounded>},
    {"unset-var", Type::None, Type::None, "v", convert_unset_variable},
    {"utime", Type::Integer, Type::Text, "t|i", convert_time<false>},
    {"xor", Type::Integer, Type::Integer, "n", convert_by<bit_xor>},
};

// Finishing what the parser read.

// "map_dir_int": what stands between; "map" alone is a text.
std::optional<Match> match_of(std::string_view name, Type output) {
  if (output == Type::Integer) name.remove_suffix(4);
  if (output == Type::Address) name.remove_suffix(3);
  if (name == "map") return Match::Str;
  name.remove_prefix(4);
  return name == "regm" ? Match::Reg : match_named(name);
}

bool finish_map(Compiling& compiling, Call& call, config::Place place) {
  const std::string& path = call.arguments[0].text;
  const std::string* content = compiling.environment.content(path);
  if (content == nullptr) {
    compiling.diagnostics.add(place, format("the map '{}' could not be read", path));
    return false;
  }
  const auto set = patterns_of_file(compiling, path, *content, true);
  if (set == nullptr) {
    compiling.diagnostics.add(place, format("the map '{}' is read with one column by an ACL: write '-M' there", path));
    return false;
  }
  const Type output = call.converter->out;
  std::string error;
  const PatternIndex* index = set->asked_by({*match_of(call.converter->name, output), false, false, output}, error);
  if (index == nullptr) {
    compiling.diagnostics.add(place, format("the map '{}', line {}", path, error));
    return false;
  }
  call.arguments[0].map = std::make_unique<MapTable>(set, *index, call.converter->name == "map_regm");
  PatternUse use{set, {}, 0, -1, false, {}};
  static_cast<config::Place&>(use.place) = place;
  use.place.part = compiling.part();
  compiling.environment.note_patterns(use);
  Value value;
  if (!call.has(1) || value_of(call.arguments[1].text, output, value)) return true;
  compiling.diagnostics.add(place, format("the default '{}' of '{}' is no {}", call.arguments[1].text,
                                          call.converter->name, output == Type::Integer ? "number" : "IP address"));
  return false;
}

bool finish_mask(Compiling& compiling, Argument& argument, bool is6, config::Place place) {
  if (!argument.given) return true;
  const auto bits = parse_unsigned(argument.text);
  const unsigned most = is6 ? 128 : 32;
  if (bits && *bits <= most) {
    argument.ip.is6 = is6;
    for (unsigned i = 0; i < *bits; ++i) argument.ip.bytes[i / 8] |= static_cast<unsigned char>(0x80u >> (i % 8));
    return true;
  }
  if (!bits && Ip::parse(argument.text, argument.ip) && argument.ip.is6 == is6) return true;
  compiling.diagnostics.add(place, format("'{}' is no IPv{} mask", argument.text, is6 ? 6 : 4));
  return false;
}

}  // namespace

std::span<const Converter> basic_converters() { return kConverters; }

bool finish_converter(Compiling& compiling, Call& call, config::Place place) {
  const std::string_view name = call.converter->name;
  if (name.starts_with("map")) return finish_map(compiling, call, place);
  if (name == "debug") {
    const std::string_view to = call.text(1);
    if (!to.empty() && to != "buf0" && to != "stdout" && to != "stderr") {
      compiling.diagnostics.add(place, format("there is no '{}' to write to: buf0, stdout or stderr was expected", to));
      return false;
    }
    compiling.diagnostics.warn(place,
                               "'debug' passes values on and writes nothing: 'set-var' and %[var(...)] of a "
                               "log-format show them");
    return true;
  }
  if (name == "ipmask") {
    for (std::size_t i = 0; i < call.arguments.size(); ++i) {
      if (!finish_mask(compiling, call.arguments[i], i == 1, place)) return false;
    }
    return true;
  }
  if (name == "set-var") {
    unsigned conditions = 0;
    for (std::size_t i = 1; i < call.arguments.size(); ++i) {
      const unsigned condition = parse_set_var_condition(compiling, call.arguments[i].text, place);
      if (condition == 0) return false;
      conditions |= condition;
    }
    if (call.arguments.size() > 1) call.arguments[1].integer = conditions;
    return true;
  }
  return finish_text_converter(compiling, call, place) && finish_digest_converter(compiling, call, place) &&
         finish_json_converter(compiling, call, place) && finish_wire_converter(compiling, call, place) &&
         finish_mqtt_converter(compiling, call, place);
}

}  // namespace penstock::rules
