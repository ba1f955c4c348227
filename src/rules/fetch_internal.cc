// Samples about ourselves and constants (manual section 7.3.2).
#include "expression.h"
#include "penstock/base/format.h"

namespace penstock::rules {

namespace {

bool fetch_false(const Call&, Subject&, Cursor&, Value& out) { return out.set_bool(false), true; }
bool fetch_true(const Call&, Subject&, Cursor&, Value& out) { return out.set_bool(true), true; }
bool fetch_text(const Call& call, Subject&, Cursor&, Value& out) { return out.set_text(call.text(0)), true; }
bool fetch_integer(const Call& call, Subject&, Cursor&, Value& out) {
  return out.set_integer(call.arguments[0].integer), true;
}
bool fetch_one(const Call&, Subject&, Cursor&, Value& out) { return out.set_integer(1), true; }
bool fetch_bool(const Call& call, Subject&, Cursor&, Value& out) {
  return out.set_bool(call.arguments[0].integer != 0), true;
}
bool fetch_binary(const Call& call, Subject&, Cursor&, Value& out) { return out.set_binary(call.text(0)), true; }
bool fetch_ip(const Call& call, Subject&, Cursor&, Value& out) { return out.set_ip(call.arguments[0].ip), true; }

bool fetch_env(const Call& call, Subject&, Cursor&, Value& out) {
  if (!call.has(0)) return false;
  out.set_text(call.text(0));
  return true;
}

bool fetch_date(const Call& call, Subject& subject, Cursor&, Value& out) {
  const std::int64_t now_us = wall_clock_us(subject);
  const std::string_view unit = call.text(1);
  const std::int64_t now = unit == "us" ? now_us : unit == "ms" ? now_us / 1000 : now_us / 1000000;
  out.set_integer(now + call.integer(0, 0));
  return true;
}

bool fetch_date_us(const Call&, Subject& subject, Cursor&, Value& out) {
  out.set_integer(wall_clock_us(subject) % 1000000);
  return true;
}

bool fetch_random(const Call& call, Subject& subject, Cursor&, Value& out) {
  const std::uint64_t random = next_random(subject) >> 32;
  const std::int64_t range = call.integer(0, std::int64_t{1} << 32);
  out.set_integer(range <= 0 ? 0 : static_cast<std::int64_t>((random * static_cast<std::uint64_t>(range)) >> 32));
  return true;
}

// RFC 9562 section 5.4.
bool fetch_uuid(const Call&, Subject& subject, Cursor&, Value& out) {
  const std::uint64_t high = (next_random(subject) & ~0xf000ull) | 0x4000ull;
  const std::uint64_t low = (next_random(subject) & 0x3fffffffffffffffull) | 0x8000000000000000ull;
  char* space = static_cast<char*>(subject.arena.allocate(36, 1));
  out.set_text(format_into({space, 36}, "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff,
                           high & 0xffff, low >> 48, low & 0xffffffffffffull));
  return true;
}

bool fetch_variable(const Call& call, Subject& subject, Cursor&, Value& out) {
  const Value* value = find_variable(subject, call.arguments[0].variable);
  if (value != nullptr) return out = *value, true;
  if (!call.has(1)) return false;
  out.set_text(call.text(1));
  return true;
}

// What the proxy found wrong, once it has.
bool fetch_reason(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.reason.kind == Reason::Kind::None) return false;
  out.set_text(subject.reason.text);
  return true;
}

bool fetch_unique_id(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.unique_id.data() == nullptr) return false;
  out.set_text(subject.unique_id);
  return true;
}

// -1 of these is an answer: no limit.
bool says_unlimited(BackendNumber number) {
  return number == BackendNumber::FreeConnections || number == BackendNumber::ConnectionSlots;
}

template <BackendNumber number>
bool fetch_backend(const Call& call, Subject& subject, Cursor&, Value& out) {
  if (subject.numbers == nullptr) return false;
  // Without an argument the one chosen at that moment, in a frontend too.
  const auto named = static_cast<int>(call.arguments[0].integer);
  const int backend = call.has(0) || subject.backend_index < 0 ? named : subject.backend_index;
  if (backend < 0) return false;
  const std::int64_t value = subject.numbers->backend(number, backend);
  if (value < 0 && !says_unlimited(number)) return false;
  out.set_integer(value);
  return true;
}

template <FrontendNumber number>
bool fetch_frontend(const Call& call, Subject& subject, Cursor&, Value& out) {
  const auto named = static_cast<int>(call.arguments[0].integer);
  const int frontend = call.has(0) || subject.frontend_index < 0 ? named : subject.frontend_index;
  if (subject.numbers == nullptr || frontend < 0) return false;
  const std::int64_t value = subject.numbers->frontend(number, frontend);
  if (value < 0) return false;
  out.set_integer(value);
  return true;
}

template <ServerNumber number>
bool fetch_server(const Call& call, Subject& subject, Cursor&, Value& out) {
  if (subject.numbers == nullptr) return false;
  const Argument& server = call.arguments[0];
  const std::int64_t value =
      subject.numbers->server(number, static_cast<int>(server.integer), static_cast<int>(server.second));
  if (value < 0 && number != ServerNumber::FreeConnections) return false;
  out.set_integer(value);
  return true;
}

bool fetch_server_is_up(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  if (!fetch_server<ServerNumber::IsUp>(call, subject, cursor, out)) return false;
  out.set_bool(out.integer != 0);
  return true;
}

bool fetch_stopping(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.numbers == nullptr) return false;
  out.set_bool(subject.numbers->stopping());
  return true;
}

bool some_text(std::string_view text, Value& out) {
  if (text.empty()) return false;
  out.set_text(text);
  return true;
}

bool fetch_frontend_name(const Call&, Subject& subject, Cursor&, Value& out) {
  return some_text(subject.frontend, out);
}
bool fetch_backend_name(const Call&, Subject& subject, Cursor&, Value& out) {
  return some_text(subject.backend.empty() ? subject.frontend : subject.backend, out);
}
bool fetch_server_name(const Call&, Subject& subject, Cursor&, Value& out) { return some_text(subject.server, out); }
bool fetch_frontend_id(const Call&, Subject& subject, Cursor&, Value& out) {
  return out.set_integer(subject.frontend_id), true;
}
bool fetch_backend_id(const Call&, Subject& subject, Cursor&, Value& out) {
  return out.set_integer(subject.backend_index < 0 ? subject.frontend_id : subject.backend_id), true;
}

bool fetch_server_id(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.server_index < 0) return false;
  out.set_integer(subject.server_id);
  return true;
}

// Of the backend at work; where none is chosen yet there is none.
template <BackendNumber number>
bool fetch_own_backend(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.numbers == nullptr || subject.backend_index < 0) return false;
  const std::int64_t value = subject.numbers->backend(number, subject.backend_index);
  return value >= 0 && (out.set_integer(value), true);
}

// A rule that set another one for this transaction has the last word.
template <BackendNumber number, std::int64_t Effects::*set>
bool fetch_timeout_at_work(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  if (subject.effects.*set >= 0) return out.set_integer(subject.effects.*set), true;
  return fetch_own_backend<number>(call, subject, cursor, out);
}

bool fetch_client_timeout(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.numbers == nullptr || subject.frontend_index < 0) return false;
  const std::int64_t value = subject.numbers->frontend(FrontendNumber::ClientTimeoutMs, subject.frontend_index);
  return value >= 0 && (out.set_integer(value), true);
}

bool fetch_default_backend(const Call&, Subject& subject, Cursor&, Value& out) {
  return subject.numbers != nullptr && some_text(subject.numbers->default_backend(subject.frontend_index), out);
}

// Of the rule that ended its set.
std::pair<std::string_view, std::uint32_t> last_rule_of(const Subject& subject) {
  if (subject.numbers == nullptr || subject.last_rule == nullptr) return {};
  return subject.numbers->place_of(*subject.last_rule);
}

bool fetch_last_rule_file(const Call&, Subject& subject, Cursor&, Value& out) {
  return some_text(last_rule_of(subject).first, out);
}

bool fetch_last_rule_line(const Call&, Subject& subject, Cursor&, Value& out) {
  const auto [file, line] = last_rule_of(subject);
  return !file.empty() && (out.set_integer(line), true);
}

template <std::int32_t Effects::*part>
bool fetch_priority(const Call&, Subject& subject, Cursor&, Value& out) {
  return out.set_integer(subject.effects.*part), true;
}

bool fetch_worker(const Call&, Subject& subject, Cursor&, Value& out) { return out.set_integer(subject.worker), true; }

constexpr Fetch kFetches[] = {
    {"always_false", Type::Bool, "", kNeedsNothing, kOnNothing, fetch_false},
    {"always_true", Type::Bool, "", kNeedsNothing, kOnNothing, fetch_true},
    {"avg_queue", Type::Integer, "|b", kNeedsNothing, kOnMoment, fetch_backend<BackendNumber::AverageQueue>},
    {"be_conn", Type::Integer, "|b", kNeedsNothing, kOnMoment, fetch_backend<BackendNumber::Connections>},
    {"be_conn_free", Type::Integer, "|b", kNeedsNothing, kOnMoment, fetch_backend<BackendNumber::FreeConnections>},
    {"be_id", Type::Integer, "", kNeedsNothing, kOnMoment, fetch_backend_id},
    {"be_name", Type::Text, "", kNeedsNothing, kOnMoment, fetch_backend_name},
    {"be_server_timeout", Type::Integer, "", kNeedsNothing, kOnMoment,
     fetch_own_backend<BackendNumber::ServerTimeoutMs>},
    {"be_sess_rate", Type::Integer, "|b", kNeedsNothing, kOnMoment, fetch_backend<BackendNumber::SessionRate>},
    {"be_tunnel_timeout", Type::Integer, "", kNeedsNothing, kOnMoment,
     fetch_own_backend<BackendNumber::TunnelTimeoutMs>},
    {"bin", Type::Binary, "t", kNeedsNothing, kOnNothing, fetch_binary},
    {"bool", Type::Bool, "t", kNeedsNothing, kOnNothing, fetch_bool},
    {"connslots", Type::Integer, "|b", kNeedsNothing, kOnMoment, fetch_backend<BackendNumber::ConnectionSlots>},
    {"cur_server_timeout", Type::Integer, "", kNeedsNothing, kOnMoment,
     fetch_timeout_at_work<BackendNumber::ServerTimeoutMs, &Effects::timeout_server_ms>},
    {"cur_tunnel_timeout", Type::Integer, "", kNeedsNothing, kOnMoment,
     fetch_timeout_at_work<BackendNumber::TunnelTimeoutMs, &Effects::timeout_tunnel_ms>},
    {"date", Type::Integer, "|iu", kNeedsNothing, kOnMoment, fetch_date},
    {"date_us", Type::Integer, "", kNeedsNothing, kOnMoment, fetch_date_us},
    {"env", Type::Text, "t", kNeedsNothing, kOnNothing, fetch_env},
    {"fe_client_timeout", Type::Integer, "", kNeedsNothing, kOnNothing, fetch_client_timeout},
    {"fe_conn", Type::Integer, "|f", kNeedsNothing, kOnMoment, fetch_frontend<FrontendNumber::Connections>},
    {"fe_defbe", Type::Text, "", kNeedsNothing, kOnNothing, fetch_default_backend},
    {"fe_id", Type::Integer, "", kNeedsNothing, kOnNothing, fetch_frontend_id},
    {"fe_name", Type::Text, "", kNeedsNothing, kOnNothing, fetch_frontend_name},
    {"fe_req_rate", Type::Integer, "|f", kNeedsNothing, kOnMoment, fetch_frontend<FrontendNumber::RequestRate>},
    {"fe_sess_rate", Type::Integer, "|f", kNeedsNothing, kOnMoment, fetch_frontend<FrontendNumber::SessionRate>},
    {"hostname", Type::Text, "", kNeedsNothing, kOnNothing, fetch_text},
    {"int", Type::Integer, "i", kNeedsNothing, kOnNothing, fetch_integer},
    {"ipv4", Type::Address, "t", kNeedsNothing, kOnNothing, fetch_ip},
    {"ipv6", Type::Address, "t", kNeedsNothing, kOnNothing, fetch_ip},
    {"last_rule_file", Type::Text, "", kNeedsNothing, kOnMoment, fetch_last_rule_file},
    {"last_rule_line", Type::Integer, "", kNeedsNothing, kOnMoment, fetch_last_rule_line},
    {"meth", Type::Text, "t", kNeedsNothing, kOnNothing, fetch_text},
    {"nbproc", Type::Integer, "", kNeedsNothing, kOnNothing, fetch_one},
    {"nbsrv", Type::Integer, "|b", kNeedsNothing, kOnMoment, fetch_backend<BackendNumber::UsableServers>},
    {"prio_class", Type::Integer, "", kNeedsNothing, kOnMoment, fetch_priority<&Effects::priority_class>},
    {"prio_offset", Type::Integer, "", kNeedsNothing, kOnMoment, fetch_priority<&Effects::priority_offset>},
    {"proc", Type::Integer, "", kNeedsNothing, kOnNothing, fetch_one},
    {"queue", Type::Integer, "|b", kNeedsNothing, kOnMoment, fetch_backend<BackendNumber::Queue>},
    {"rand", Type::Integer, "|i", kNeedsNothing, kOnMoment, fetch_random},
    {"srv_conn", Type::Integer, "s", kNeedsNothing, kOnMoment, fetch_server<ServerNumber::Connections>},
    {"srv_conn_free", Type::Integer, "s", kNeedsNothing, kOnMoment, fetch_server<ServerNumber::FreeConnections>},
    {"srv_id", Type::Integer, "", kNeedsNothing, kOnMoment, fetch_server_id},
    {"srv_is_up", Type::Bool, "s", kNeedsNothing, kOnMoment, fetch_server_is_up},
    {"srv_iweight", Type::Integer, "s", kNeedsNothing, kOnMoment, fetch_server<ServerNumber::InitialWeight>},
    {"srv_name", Type::Text, "", kNeedsNothing, kOnMoment, fetch_server_name},
    {"srv_queue", Type::Integer, "s", kNeedsNothing, kOnMoment, fetch_server<ServerNumber::Queue>},
    {"srv_sess_rate", Type::Integer, "s", kNeedsNothing, kOnMoment, fetch_server<ServerNumber::SessionRate>},
    {"srv_uweight", Type::Integer, "s", kNeedsNothing, kOnMoment, fetch_server<ServerNumber::UserWeight>},
    {"srv_weight", Type::Integer, "s", kNeedsNothing, kOnMoment, fetch_server<ServerNumber::Weight>},
    {"stopping", Type::Bool, "", kNeedsNothing, kOnMoment, fetch_stopping},
    {"str", Type::Text, "|t", kNeedsNothing, kOnNothing, fetch_text},
    {"thread", Type::Integer, "", kNeedsNothing, kOnNothing, fetch_worker},
    {"txn.reason", Type::Text, "", kNeedsNothing, kOnMoment, fetch_reason},
    {"unique-id", Type::Text, "", kNeedsKeptRequest, kOnMoment, fetch_unique_id},
    {"uuid", Type::Text, "|i", kNeedsNothing, kOnMoment, fetch_uuid},
    {"var", Type::None, "v|t", kNeedsNothing, kOnVariables, fetch_variable},
};

}  // namespace

std::span<const Fetch> internal_fetches() { return kFetches; }

}  // namespace penstock::rules
