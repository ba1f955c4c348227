#include "penstock/proxy/statistics.h"

#include <algorithm>

#include "penstock/balance/health_result.h"
#include "penstock/base/format.h"
#include "penstock/config/model.h"

namespace penstock::statistics {
namespace {

std::string_view algorithm_of(const config::Proxy& proxy) {
  using BalanceBy = config::Balance::Kind;
  switch (proxy.balance.kind) {
    case BalanceBy::Unset:
    case BalanceBy::RoundRobin:
      return "roundrobin";
    case BalanceBy::StaticRoundRobin:
      return "static-rr";
    case BalanceBy::LeastConn:
      return "leastconn";
    case BalanceBy::First:
      return "first";
    case BalanceBy::Source:
      return "source";
    case BalanceBy::Uri:
      return "uri";
    case BalanceBy::UrlParam:
      return "url_param";
    case BalanceBy::Header:
      return "hdr";
    case BalanceBy::Random:
      return "random";
    case BalanceBy::Hash:
      return "hash";
    case BalanceBy::RdpCookie:
      return "rdp-cookie";
  }
  return "unknown";
}

// ---- Getters.

template <Entry entry>
Value entry_of(const Object& object) {
  return Value::u64(object.sums.of(entry));
}
template <Time time>
Value mean_of(const Object& object) {
  return Value::u32(object.sums.mean(time));
}
template <Time time>
Value most_of(const Object& object) {
  return Value::u32(object.sums.most(time));
}
Value get_requests(const Object& object) { return Value::u64(object.sums.requests()); }
Value nought(const Object&) { return Value::u64(0); }
Value nought32(const Object&) { return Value::u32(0); }
Value nothing(const Object&) { return Value::none(); }

Value get_proxy(const Object& object) { return Value::of(object.proxy); }
Value get_service(const Object& object) { return Value::of(object.service); }
Value get_proxy_id(const Object& object) { return Value::u32(object.proxy_id); }
Value get_id(const Object& object) { return Value::u32(object.id); }
Value get_process(const Object&) { return Value::u32(1); }
Value get_kind(const Object& object) { return Value::u32(static_cast<std::uint32_t>(object.kind)); }

Value get_queue(const Object& object) {
  const auto& waiting =
      object.kind == Kind::Server ? object.server->state->waiting : object.backend->balance.state->waiting;
  return Value::u32(waiting.load(std::memory_order_relaxed));
}
Value get_most_queue(const Object& object) {
  const Peak& peak =
      object.kind == Kind::Server ? object.server->state->most_waiting : object.backend->balance.state->most_waiting;
  return Value::u32(peak.value());
}

Value get_now(const Object& object) {
  switch (object.kind) {
    case Kind::Frontend:
      return Value::u32(object.frontend->state->connections.load(std::memory_order_relaxed));
    case Kind::Listener:
      return Value::u32(object.bind->bound->state->connections.load(std::memory_order_relaxed));
    case Kind::Backend:
      return Value::u32(object.backend->balance.state->in_use.load(std::memory_order_relaxed));
    case Kind::Server:
      return Value::u32(object.server->state->in_use.load(std::memory_order_relaxed));
  }
  return {};
}
Value get_most_now(const Object& object) {
  switch (object.kind) {
    case Kind::Frontend:
      return Value::u32(object.frontend->state->most_connections.value());
    case Kind::Listener:
      return Value::u32(object.bind->bound->state->most_connections.value());
    case Kind::Backend:
      return Value::u32(object.backend->balance.state->most_in_use.value());
    case Kind::Server:
      return Value::u32(object.server->state->most_in_use.value());
  }
  return {};
}
Value get_limit(const Object& object) {
  const std::uint32_t process = object.process->maxconn.load(std::memory_order_relaxed);
  switch (object.kind) {
    case Kind::Frontend:
      if (const std::int64_t order = object.frontend->state->maxconn_order.load(std::memory_order_relaxed); order >= 0)
        return Value::u32(static_cast<std::uint64_t>(order));
      return Value::u32(object.frontend->maxconn != 0 ? object.frontend->maxconn : process);
    case Kind::Listener:
      return Value::u32(object.bind->maxconn);
    case Kind::Backend:
      return Value::u32(object.fullconn);
    case Kind::Server:
      break;
  }
  const std::uint32_t limit = object.server->state->maxconn.load(std::memory_order_relaxed);
  return limit == 0 ? Value::none() : Value::u32(limit);
}

Value get_rate_limit(const Object& object) { return Value::u32(object.frontend->session_rate); }

std::string_view door_word(FrontendState::Door door) {
  switch (door) {
    case FrontendState::Door::Open:
      return "OPEN";
    case FrontendState::Door::Paused:
      return "PAUSED";
    case FrontendState::Door::Shut:
      break;
  }
  return "STOP";
}

Value get_status(const Object& object) {
  switch (object.kind) {
    case Kind::Frontend:
      return Value::of(door_word(object.frontend->state->door.load(std::memory_order_relaxed)));
    case Kind::Listener: {
      const std::uint32_t now = object.bind->bound->state->connections.load(std::memory_order_relaxed);
      return Value::of(object.bind->maxconn != 0 && now >= object.bind->maxconn ? "FULL" : "OPEN");
    }
    case Kind::Backend:
      return Value::of(object.together.weight != 0 || object.backend->balance.servers.empty() ? "UP" : "DOWN");
    case Kind::Server:
      return Value::of(object.status);
  }
  return {};
}
Value get_weight(const Object& object) {
  return Value::u32(object.kind == Kind::Server ? weight_in_force(*object.server) : object.together.weight);
}
Value get_user_weight(const Object& object) {
  if (object.kind != Kind::Server) return Value::u32(object.together.user_weight);
  return Value::u32(object.server->state->weight.load(std::memory_order_relaxed));
}
Value get_active(const Object& object) {
  return Value::u32(object.kind == Kind::Server ? (object.server->backup ? 0 : 1) : object.together.active);
}
Value get_backup(const Object& object) {
  return Value::u32(object.kind == Kind::Server ? (object.server->backup ? 1 : 0) : object.together.backup);
}
bool is_checked(const Object& object) { return object.server->check.enabled && !object.server->tracked_state; }
Value get_failed_checks(const Object& object) {
  return is_checked(object) ? Value::u64(object.server->state->failed_checks.value()) : Value::none();
}
Value get_downs(const Object& object) {
  if (object.kind == Kind::Backend) return Value::u64(object.backend->balance.state->downs.load());
  return is_checked(object) ? Value::u64(object.server->state->downs.value()) : Value::none();
}
std::uint64_t changed_at(const Object& object) {
  return object.kind == Kind::Server ? object.server->state->changed_at_ms.load(std::memory_order_relaxed)
                                     : object.backend->balance.state->changed_at_ms.load();
}
std::uint64_t since_change_ms(const Object& object) {
  const std::uint64_t changed_ms = changed_at(object);
  return object.now_ms > changed_ms ? object.now_ms - changed_ms : 0;
}
Value get_since_change(const Object& object) { return Value::u32(since_change_ms(object) / 1000); }
Value get_down_time(const Object& object) {
  if (object.kind == Kind::Backend) {
    const BackendState& state = *object.backend->balance.state;
    return Value::u32((state.down_ms.load() + (state.is_down.load() ? since_change_ms(object) : 0)) / 1000);
  }
  if (!is_checked(object)) return Value::none();
  const Server& state = *object.server->state;
  const bool is_down = !state.keeps_traffic();
  return Value::u32((state.down_ms.value() + (is_down ? since_change_ms(object) : 0)) / 1000);
}
Value get_queue_limit(const Object& object) {
  return object.server->maxqueue == 0 ? Value::none() : Value::u32(object.server->maxqueue);
}
Value get_throttle(const Object& object) {
  const std::uint32_t ramp = object.server->state->ramp.load(std::memory_order_relaxed);
  return ramp >= 256 || !object.server->state->keeps_traffic() ? Value::none() : Value::u32(ramp * 100 / 256);
}
Value get_tracked(const Object& object) {
  return object.server->tracked.empty() ? Value::none() : Value::of(object.server->tracked);
}

template <class AnyRate>
Value now_of(const AnyRate& rate, const Object& object) {
  return Value::u32(static_cast<std::uint64_t>(rate.per_second(static_cast<std::int64_t>(object.now_ms))));
}
// Of what came here.
template <class Ask>
Value ask_rate(const Object& object, Ask ask) {
  switch (object.kind) {
    case Kind::Backend:
      return ask(object.backend->balance.state->rate);
    case Kind::Server:
      return ask(object.server->state->rate);
    case Kind::Frontend:
    case Kind::Listener:
      break;
  }
  return ask(object.frontend->state->arrivals);
}
Value get_rate(const Object& object) {
  return ask_rate(object, [&](const auto& rate) { return now_of(rate, object); });
}
Value get_most_rate(const Object& object) {
  return ask_rate(object, [](const auto& rate) { return Value::u32(rate.most()); });
}
Value get_request_rate(const Object& object) { return now_of(object.frontend->state->requests, object); }
Value get_most_request_rate(const Object& object) { return Value::u32(object.frontend->state->requests.most()); }
Value get_connection_rate(const Object& object) { return now_of(object.frontend->state->accepted, object); }
Value get_most_connection_rate(const Object& object) { return Value::u32(object.frontend->state->accepted.most()); }

Value get_check_status(const Object& object) {
  if (!is_checked(object)) return Value::none();
  return Value::of(object.check.begun ? check_status_name(object.check.last_status) : "INI");
}
Value get_check_code(const Object& object) {
  const CheckStatus status = object.check.last_status;
  const bool has_code =
      status == CheckStatus::L7Ok || status == CheckStatus::L7Conditional || status >= CheckStatus::L7Status;
  if (!is_checked(object) || !object.check.begun || !has_code) return Value::none();
  return Value::u32(static_cast<std::uint64_t>(std::max(0, object.check.last_code)));
}
Value get_check_duration(const Object& object) {
  if (object.check.last_status == CheckStatus::Analysis) return Value::none();
  return is_checked(object) && object.check.begun ? Value::u64(object.check.last_duration_ms) : Value::none();
}
Value get_check_text(const Object& object) {
  return is_checked(object) ? Value::of(object.check.last_text) : Value::none();
}
Value get_observed_failures(const Object& object) {
  return is_checked(object) ? Value::u64(object.server->state->failed_by_traffic.value()) : Value::none();
}

bool has_agent(const Object& object) { return object.server->agent && !object.agent.off; }
Value get_agent_status(const Object& object) {
  if (!has_agent(object)) return Value::none();
  return Value::of(object.agent.begun ? check_status_name(object.agent.last_status) : "INI");
}
Value get_agent_code(const Object& object) {
  const CheckStatus status = object.agent.last_status;
  const bool has_code = status == CheckStatus::L7Ok || status == CheckStatus::L7Status;
  if (!has_agent(object) || !object.agent.begun || !has_code) return Value::none();
  return Value::u32(static_cast<std::uint64_t>(std::max(0, object.agent.last_code)));
}
Value get_agent_duration(const Object& object) {
  return has_agent(object) && object.agent.begun ? Value::u64(object.agent.last_duration_ms) : Value::none();
}
Value get_agent_text(const Object& object) {
  return has_agent(object) ? Value::of(object.agent.last_text) : Value::none();
}
Value get_agent_words(const Object& object) {
  if (!has_agent(object)) return Value::none();
  return Value::of(object.agent.begun ? check_status_text(object.agent.last_status) : "Initializing");
}
Value get_agent_line(const Object& object) { return has_agent(object) ? Value::u32(1) : Value::none(); }
Value get_agent_health(const Object& object) {
  if (!has_agent(object)) return Value::none();
  return Value::u32(static_cast<std::uint64_t>(object.agent.begun ? object.agent.health : 1));
}
Value get_check_words(const Object& object) {
  if (!is_checked(object)) return Value::none();
  return Value::of(object.check.begun ? check_status_text(object.check.last_status) : "Initializing");
}
Value get_check_rise(const Object& object) {
  return is_checked(object) ? Value::u32(static_cast<std::uint64_t>(object.server->check.rise)) : Value::none();
}
Value get_check_fall(const Object& object) {
  return is_checked(object) ? Value::u32(static_cast<std::uint64_t>(object.server->check.fall)) : Value::none();
}
Value get_check_health(const Object& object) {
  if (!is_checked(object)) return Value::none();
  return Value::u32(static_cast<std::uint64_t>(object.check.begun ? object.check.health : object.server->check.rise));
}

Value get_last_arrival(const Object& object) {
  const std::uint64_t last_ms = object.sums.last_arrival_ms;
  if (last_ms == 0) return Value::s32(-1);
  return Value::s32(static_cast<std::int64_t>((object.now_ms - std::min(object.now_ms, last_ms)) / 1000));
}
Value get_address(const Object& object) { return object.legends ? Value::of(object.address) : Value::none(); }
Value get_cookie(const Object& object) {
  if (!object.legends) return Value::none();
  const std::string_view cookie =
      object.kind == Kind::Server ? object.server->cookie : std::string_view(object.backend->cookie.line.name);
  return cookie.empty() ? Value::none() : Value::of(cookie);
}
Value get_mode(const Object& object) { return Value::of(object.is_http ? "http" : "tcp"); }
Value get_algorithm(const Object& object) {
  return object.legends ? Value::of(algorithm_of(*object.line)) : Value::none();
}
Value get_used(const Object& object) {
  return Value::u32(object.server->state->in_use.load(std::memory_order_relaxed));
}
Value get_idle(const Object& object) { return Value::u32(idle_of(*object.server)); }
Value get_safe_idle(const Object& object) { return Value::u32(safe_idle_of(*object.server)); }
Value get_unsafe_idle(const Object& object) {
  const std::uint64_t all = idle_of(*object.server), safe = safe_idle_of(*object.server);
  return Value::u32(all > safe ? all - safe : 0);
}
Value get_idle_limit(const Object& object) {
  const std::int32_t most = object.server->pool.max;
  return most < 0 ? Value::none() : Value::u32(static_cast<std::uint64_t>(most));
}
// Of a mode that speaks it: what another column says.
template <Entry of_frontend, Entry of_backend>
Value get_h1(const Object& object) {
  return Value::u64(!object.is_http ? 0 : object.sums.of(object.kind == Kind::Frontend ? of_frontend : of_backend));
}
Value get_h1_streams(const Object& object) {
  if (object.kind == Kind::Frontend) return Value::u64(object.is_http ? object.sums.of(Entry::Streams) : 0);
  return Value::u64(object.is_http ? object.sums.of(Entry::Connects) + object.sums.of(Entry::Reuses) : 0);
}
Value get_open_h1(const Object& object) {
  if (!object.is_http) return Value::u64(0);
  if (object.kind == Kind::Frontend) return Value::u64(static_cast<std::uint64_t>(get_now(object).number));
  return Value::u64(object.together.in_use + object.together.idle);
}
Value get_open_h1_streams(const Object& object) {
  if (!object.is_http) return Value::u64(0);
  return Value::u64(object.kind == Kind::Frontend ? object.sums.of(Entry::Open) : object.together.in_use);
}

template <Count CompressionCounts::*Member>
Value compressed(const Object& object) {
  const Copies<CompressionCounts>& copies =
      object.kind == Kind::Frontend ? object.frontend->state->compressed : object.backend->balance.state->compressed;
  std::uint64_t sum = 0;
  copies.each([&](const CompressionCounts& counts) { sum += (counts.*Member).value(); });
  return Value::u64(sum);
}

// ---- The table.

constexpr unsigned kF = bit(Kind::Frontend), kL = bit(Kind::Listener), kS = bit(Kind::Server), kB = bit(Kind::Backend);
constexpr unsigned kAll = kF | kL | kS | kB;

constexpr Column kColumns[] = {
    {"pxname", "", "Name of the frontend, backend or listen section", Shape::Name, kAll, 0, get_proxy},
    {"svname", "", "FRONTEND, BACKEND, or the name of the server or bind line", Shape::Name, kAll, 0, get_service},
    {"qcur", "current_queue", "Requests waiting now", Shape::Gauge, kS | kB, 0, get_queue},
    {"qmax", "max_queue", "Most requests that ever waited", Shape::Peak, kS | kB, 0, get_most_queue},
    {"scur", "current_sessions", "Sessions now", Shape::Gauge, kAll, 0, get_now},
    {"smax", "max_sessions", "Most sessions there ever were", Shape::Peak, kAll, 0, get_most_now},
    {"slim", "limit_sessions", "Sessions allowed", Shape::Limit, kAll, 0, get_limit},
    {"stot", "sessions_total", "Sessions begun", Shape::Counter, kAll, 0, entry_of<Entry::Arrivals>},
    {"bin", "bytes_in_total", "Bytes that came from clients", Shape::Counter, kAll, 0, entry_of<Entry::BytesIn>},
    {"bout", "bytes_out_total", "Bytes that went to clients", Shape::Counter, kAll, 0, entry_of<Entry::BytesOut>},
    {"dreq", "requests_denied_total", "Requests that rules denied", Shape::Counter, kF | kL | kB, 0,
     entry_of<Entry::DeniedRequests>},
    {"dresp", "responses_denied_total", "Answers that rules denied", Shape::Counter, kAll, 0,
     entry_of<Entry::DeniedAnswers>},
    {"ereq", "request_errors_total", "Requests that could not be read to their end", Shape::Counter, kF | kL, 0,
     entry_of<Entry::FailedRequests>},
    {"econ", "connection_errors_total", "Requests that found no server to connect to", Shape::Counter, kS | kB, 0,
     entry_of<Entry::FailedConnects>},
    {"eresp", "response_errors_total", "Answers that failed", Shape::Counter, kS | kB, 0,
     entry_of<Entry::FailedAnswers>},
    {"wretr", "retry_warnings_total", "Tries more at the same server", Shape::Counter, kS | kB, 0,
     entry_of<Entry::Retries>},
    {"wredis", "redispatch_warnings_total", "Requests that a retry led to another server", Shape::Counter, kS | kB, 0,
     entry_of<Entry::Redispatches>},
    {"status", "status", "State, one series for each with 1 for the one in force", Shape::Status, kAll, 0, get_status},
    {"weight", "weight", "Weight in force", Shape::Mean, kS | kB, 0, get_weight},
    {"act", "active_servers", "Servers that take traffic, backups aside", Shape::StatusOrSum, kS | kB, 0, get_active},
    {"bck", "backup_servers", "Backup servers that could take traffic", Shape::StatusOrSum, kS | kB, 0, get_backup},
    {"chkfail", "check_failures_total", "Checks that failed while the server was up", Shape::Counter, kS, 0,
     get_failed_checks},
    {"chkdown", "check_up_down_total", "Turns from UP to DOWN", Shape::Counter, kS | kB, 0, get_downs},
    {"lastchg", "check_last_change_seconds", "Seconds since the last change of state", Shape::Age, kS | kB, 0,
     get_since_change},
    {"downtime", "downtime_seconds_total", "Seconds spent DOWN", Shape::Counter, kS | kB, 0, get_down_time},
    {"qlimit", "queue_limit", "Requests that may wait", Shape::Limit, kS, 0, get_queue_limit},
    {"pid", "", "Number of the process", Shape::Key, kAll, 0, get_process},
    {"iid", "", "Number of the section", Shape::FixedKey, kAll, 0, get_proxy_id},
    {"sid", "", "Number of the server or bind line within its section", Shape::FixedKey, kAll, 0, get_id},
    {"throttle", "current_throttle", "Percent of its weight that a server in slow start has", Shape::Mean, kS, 0,
     get_throttle},
    {"lbtot", "loadbalanced_total", "Times that balancing chose it", Shape::Counter, kS | kB, 0,
     entry_of<Entry::Balanced>},
    {"tracked", "", "Server whose checks count here", Shape::Label, kS, 0, get_tracked},
    {"type", "", "0 frontend, 1 backend, 2 server, 3 bind line", Shape::Setting, kAll, 0, get_kind},
    {"rate", "", "Sessions in the last second", Shape::RateOrGauge, kF | kS | kB, 0, get_rate},
    {"rate_lim", "limit_session_rate", "Sessions a second allowed", Shape::Limit, kF, 0, get_rate_limit},
    {"rate_max", "max_session_rate", "Most sessions within a second", Shape::PeakOrGauge, kF | kS | kB, 0,
     get_most_rate},
    {"check_status", "check_status", "Result of the last check, one series for each with 1 for the one there was",
     Shape::Output, kS, 0, get_check_status},
    {"check_code", "check_code", "Code that the last check got", Shape::Output, kS, 0, get_check_code},
    {"check_duration", "check_duration_seconds", "Time the last check took", Shape::Duration, kS, 0,
     get_check_duration},
    {"hrsp_1xx", "http_responses_total", "Answers by the first digit of their status", Shape::Counter, kF | kS | kB,
     kF | kS | kB, entry_of<Entry::Status1xx>},
    {"hrsp_2xx", "http_responses_total", "Answers by the first digit of their status", Shape::Counter, kF | kS | kB,
     kF | kS | kB, entry_of<Entry::Status2xx>},
    {"hrsp_3xx", "http_responses_total", "Answers by the first digit of their status", Shape::Counter, kF | kS | kB,
     kF | kS | kB, entry_of<Entry::Status3xx>},
    {"hrsp_4xx", "http_responses_total", "Answers by the first digit of their status", Shape::Counter, kF | kS | kB,
     kF | kS | kB, entry_of<Entry::Status4xx>},
    {"hrsp_5xx", "http_responses_total", "Answers by the first digit of their status", Shape::Counter, kF | kS | kB,
     kF | kS | kB, entry_of<Entry::Status5xx>},
    {"hrsp_other", "http_responses_total", "Answers by the first digit of their status", Shape::Counter, kF | kS | kB,
     kF | kS | kB, entry_of<Entry::StatusOther>},
    {"hanafail", "", "Checks that traffic failed", Shape::Counter, kS, 0, get_observed_failures},
    {"req_rate", "", "Requests in the last second", Shape::Rate, kF, kF, get_request_rate},
    {"req_rate_max", "http_requests_rate_max", "Most requests within a second", Shape::Peak, kF, kF,
     get_most_request_rate},
    {"req_tot", "http_requests_total", "Requests", Shape::Counter, kF | kS | kB, kS | kB, get_requests},
    {"cli_abrt", "client_aborts_total", "Requests that the client gave up", Shape::Counter, kS | kB, 0,
     entry_of<Entry::ClientAborts>},
    {"srv_abrt", "server_aborts_total", "Answers that the server broke off", Shape::Counter, kS | kB, 0,
     entry_of<Entry::ServerAborts>},
    {"comp_in", "http_comp_bytes_in_total", "Bytes given to compression", Shape::Counter, kF | kB, 0,
     compressed<&CompressionCounts::taken>},
    {"comp_out", "http_comp_bytes_out_total", "Bytes that compression gave", Shape::Counter, kF | kB, 0,
     compressed<&CompressionCounts::given>},
    {"comp_byp", "http_comp_bytes_bypassed_total", "Bytes that compression left alone", Shape::Counter, kF | kB, 0,
     compressed<&CompressionCounts::passed_by>},
    {"comp_rsp", "http_comp_responses_total", "Answers compressed", Shape::Counter, kF | kB, 0,
     compressed<&CompressionCounts::answers>},
    {"lastsess", "last_session_seconds", "Seconds since the last session, -1 for none", Shape::Age, kS | kB, 0,
     get_last_arrival},
    {"last_chk", "", "What the last check heard", Shape::Output, kS, 0, get_check_text},
    {"last_agt", "", "What the last agent check heard", Shape::Output, kS, 0, get_agent_text},
    {"qtime", "queue_time_average_seconds", "Mean time in the waiting line", Shape::Mean, kS | kB, 0,
     mean_of<Time::Queue>},
    {"ctime", "connect_time_average_seconds", "Mean time to connect", Shape::Mean, kS | kB, 0, mean_of<Time::Connect>},
    {"rtime", "response_time_average_seconds", "Mean time to the answer's head", Shape::Mean, kS | kB, 0,
     mean_of<Time::Answer>},
    {"ttime", "total_time_average_seconds", "Mean time of all of a request", Shape::Mean, kS | kB, 0,
     mean_of<Time::Total>},
    {"agent_status", "", "Result of the last agent check", Shape::Output, kS, 0, get_agent_status},
    {"agent_code", "", "Code of the last agent check", Shape::Output, kS, 0, get_agent_code},
    {"agent_duration", "", "Time the last agent check took", Shape::Duration, kS, 0, get_agent_duration},
    {"check_desc", "", "The last check's result in words", Shape::Output, kS, 0, get_check_words},
    {"agent_desc", "", "The last agent check's result in words", Shape::Output, kS, 0, get_agent_words},
    {"check_rise", "", "Checks that must pass for UP", Shape::Setting, kS, 0, get_check_rise},
    {"check_fall", "", "Checks that must fail for DOWN", Shape::Setting, kS, 0, get_check_fall},
    {"check_health", "", "Where it stands between the two", Shape::Setting, kS, 0, get_check_health},
    {"agent_rise", "", "The same of agent checks", Shape::Setting, kS, 0, get_agent_line},
    {"agent_fall", "", "The same of agent checks", Shape::Setting, kS, 0, get_agent_line},
    {"agent_health", "", "The same of agent checks", Shape::Setting, kS, 0, get_agent_health},
    {"addr", "", "Address and port", Shape::Setting, kL | kS, 0, get_address},
    {"cookie", "", "Name of the backend's cookie, or the server's value of it", Shape::Label, kS | kB, 0, get_cookie},
    {"mode", "", "http or tcp", Shape::Setting, kAll, 0, get_mode},
    {"algo", "", "How servers are chosen", Shape::Setting, kB, 0, get_algorithm},
    {"conn_rate", "", "Connections in the last second", Shape::Rate, kF, 0, get_connection_rate},
    {"conn_rate_max", "connections_rate_max", "Most connections within a second", Shape::Peak, kF, 0,
     get_most_connection_rate},
    {"conn_tot", "connections_total", "Connections accepted", Shape::Counter, kF, 0, entry_of<Entry::Connections>},
    {"intercepted", "intercepted_requests_total", "Requests answered without a server", Shape::Counter, kF, kF,
     entry_of<Entry::Intercepted>},
    {"dcon", "denied_connections_total", "Connections that rules refused", Shape::Counter, kF | kL, 0,
     entry_of<Entry::DeniedConnections>},
    {"dses", "denied_sessions_total", "Sessions that rules refused", Shape::Counter, kF | kL, 0,
     entry_of<Entry::DeniedArrivals>},
    {"wrew", "failed_header_rewriting_total", "Requests and answers that rules had no room to change", Shape::Counter,
     kAll, 0, entry_of<Entry::FailedRewrites>},
    {"connect", "connection_attempts_total", "New connections tried", Shape::Counter, kS | kB, 0,
     entry_of<Entry::Connects>},
    {"reuse", "connection_reuses_total", "Requests on a connection that was there", Shape::Counter, kS | kB, 0,
     entry_of<Entry::Reuses>},
    {"cache_lookups", "http_cache_lookups_total", "Look-ups in a cache", Shape::Counter, kF | kB, kF | kB,
     entry_of<Entry::CacheLookups>},
    {"cache_hits", "http_cache_hits_total", "Answers from a cache", Shape::Counter, kF | kB, kF | kB,
     entry_of<Entry::CacheHits>},
    {"srv_icur", "idle_connections_current", "Idle connections", Shape::Gauge, kS, 0, get_idle},
    {"src_ilim", "idle_connections_limit", "Idle connections that may be kept", Shape::Limit, kS, 0, get_idle_limit},
    {"qtime_max", "max_queue_time_seconds", "Longest time in the waiting line", Shape::Peak, kS | kB, 0,
     most_of<Time::Queue>},
    {"ctime_max", "max_connect_time_seconds", "Longest time to connect", Shape::Peak, kS | kB, 0,
     most_of<Time::Connect>},
    {"rtime_max", "max_response_time_seconds", "Longest time to the answer's head", Shape::Peak, kS | kB, 0,
     most_of<Time::Answer>},
    {"ttime_max", "max_total_time_seconds", "Longest time of all of a request", Shape::Peak, kS | kB, 0,
     most_of<Time::Total>},
    {"eint", "internal_errors_total", "Failures of our own", Shape::Counter, kAll, 0, entry_of<Entry::InternalErrors>},
    {"idle_conn_cur", "unsafe_idle_connections_current", "Idle connections that have served one request", Shape::Gauge,
     kS, 0, get_unsafe_idle},
    {"safe_conn_cur", "safe_idle_connections_current", "Idle connections that have served more", Shape::Gauge, kS, 0,
     get_safe_idle},
    {"used_conn_cur", "used_connections_current", "Connections in use", Shape::Gauge, kS, 0, get_used},
    {"need_conn_est", "need_connections_current", "Connections that will be needed", Shape::Gauge, kS, 0, get_used},
    {"uweight", "uweight", "Weight as the administrator has it", Shape::Mean, kS | kB, 0, get_user_weight},
    {"agg_server_status", "agg_server_status", "Servers by their state", Shape::Gauge, kB, 0, nought32},
    {"agg_server_check_status", "agg_server_check_status", "Servers by their state; use agg_server_status",
     Shape::Gauge, kB, 0, nought32},
    {"agg_check_status", "agg_check_status", "Servers by the result of their last check", Shape::Gauge, kB, 0,
     nought32},
    {"-", "", "", Shape::Counter, 0, 0, nothing},
    {"ssl_sess", "", "TLS handshakes that resumed nothing", Shape::Counter, kAll, 0, entry_of<Entry::TlsHandshakes>},
    {"ssl_reused_sess", "", "TLS sessions resumed", Shape::Counter, kAll, 0, entry_of<Entry::TlsResumed>},
    {"ssl_failed_handshake", "", "TLS handshakes that failed", Shape::Counter, kAll, 0, entry_of<Entry::TlsFailed>},
    {"h2_headers_rcvd", "", "HTTP/2 is not spoken", Shape::Counter, kF | kB, 0, nought},
    {"h2_data_rcvd", "", "HTTP/2 is not spoken", Shape::Counter, kF | kB, 0, nought},
    {"h2_settings_rcvd", "", "HTTP/2 is not spoken", Shape::Counter, kF | kB, 0, nought},
    {"h2_rst_stream_rcvd", "", "HTTP/2 is not spoken", Shape::Counter, kF | kB, 0, nought},
    {"h2_goaway_rcvd", "", "HTTP/2 is not spoken", Shape::Counter, kF | kB, 0, nought},
    {"h2_detected_conn_protocol_errors", "", "HTTP/2 is not spoken", Shape::Counter, kF | kB, 0, nought},
    {"h2_detected_strm_protocol_errors", "", "HTTP/2 is not spoken", Shape::Counter, kF | kB, 0, nought},
    {"h2_rst_stream_resp", "", "HTTP/2 is not spoken", Shape::Counter, kF | kB, 0, nought},
    {"h2_goaway_resp", "", "HTTP/2 is not spoken", Shape::Counter, kF | kB, 0, nought},
    {"h2_open_connections", "", "HTTP/2 is not spoken", Shape::Gauge, kF | kB, 0, nought},
    {"h2_backend_open_streams", "", "HTTP/2 is not spoken", Shape::Gauge, kF | kB, 0, nought},
    {"h2_total_connections", "", "HTTP/2 is not spoken", Shape::Counter, kF | kB, 0, nought},
    {"h2_backend_total_streams", "", "HTTP/2 is not spoken", Shape::Counter, kF | kB, 0, nought},
    {"h1_open_connections", "", "HTTP/1 connections now", Shape::Gauge, kF | kB, 0, get_open_h1},
    {"h1_open_streams", "", "HTTP/1 requests now", Shape::Gauge, kF | kB, 0, get_open_h1_streams},
    {"h1_total_connections", "", "HTTP/1 connections", Shape::Counter, kF | kB, 0,
     get_h1<Entry::Arrivals, Entry::Connects>},
    {"h1_total_streams", "", "HTTP/1 requests", Shape::Counter, kF | kB, 0, get_h1_streams},
    {"h1_bytes_in", "", "Bytes of HTTP/1 that came", Shape::Counter, kF | kB, 0,
     get_h1<Entry::BytesIn, Entry::BytesOut>},
    {"h1_bytes_out", "", "Bytes of HTTP/1 that went", Shape::Counter, kF | kB, 0,
     get_h1<Entry::BytesOut, Entry::BytesIn>},
    {"h1_spliced_bytes_in", "", "Nothing is spliced", Shape::Counter, kF | kB, 0, nought},
    {"h1_spliced_bytes_out", "", "Nothing is spliced", Shape::Counter, kF | kB, 0, nought},
};

}  // namespace

std::string_view tags_of(Shape shape, Kind kind) {
  switch (shape) {
    case Shape::Name:
      return "KNS";
    case Shape::Label:
      return "CNS";
    case Shape::Key:
      return "KGP";
    case Shape::FixedKey:
      return "KGS";
    case Shape::Setting:
      return "CGS";
    case Shape::Limit:
      return "CLP";
    case Shape::Status:
      return "SGP";
    case Shape::Gauge:
      return "MGP";
    case Shape::Peak:
      return "MMP";
    case Shape::Counter:
      return "MCP";
    case Shape::Rate:
      return "MRP";
    case Shape::Mean:
      return "MaP";
    case Shape::Age:
      return "MAP";
    case Shape::Duration:
      return "MDP";
    case Shape::Output:
      return "MOP";
    case Shape::StatusOrSum:
      return kind == Kind::Backend ? "MGP" : "SGP";
    case Shape::RateOrGauge:
      return kind == Kind::Backend ? "MGP" : "MRP";
    case Shape::PeakOrGauge:
      return kind == Kind::Backend ? "MGP" : "MMP";
  }
  return "MGP";
}

std::uint64_t weight_in_force(const ServerSpec& server) {
  const std::uint64_t weight = server.state->weight.load(std::memory_order_relaxed);
  return (weight * server.state->ramp.load(std::memory_order_relaxed) + 255) / 256;
}

std::uint64_t idle_of(const ServerSpec& server) {
  const std::int64_t pooled = server.state->idle.load(std::memory_order_relaxed);
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, pooled)) + server.state->shelves.idle();
}

std::uint64_t safe_idle_of(const ServerSpec& server) {
  const std::int64_t pooled = server.state->idle_safe.load(std::memory_order_relaxed);
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, pooled)) + server.state->shelves.count_idle().safe;
}

std::span<const Column> columns() { return kColumns; }

Value value_of(const Column& column, const Object& object) {
  if ((column.kinds & bit(object.kind)) == 0 || (!object.is_http && (column.http_only & bit(object.kind)) != 0))
    return Value::none();
  return column.get(object);
}

}  // namespace penstock::statistics
