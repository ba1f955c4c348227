// What is wanted of servers. An answer comes when the server's keeper has done it and every worker knows.
#include <algorithm>
#include <optional>

#include "command.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/control/crew.h"
#include "penstock/control/names.h"
#include "realm.h"
#include "target.h"

namespace penstock {
namespace {

using config::AccessLevel;

void change(const CallRef& call, const Target& target, const ServerChange& change, std::string answer = {}) {
  const bool known = call->realm().crew().change(target.backend, target.name, change, [call, answer] {
    if (answer.empty()) return call->done();
    call->say(Level::Info, answer);
  });
  if (!known) call->fail("No such server.\n");
}

void set_state(const CallRef& call, const Target& target) {
  ServerChange wanted;
  const std::string_view state = call->argument(2);
  if (state == "ready")
    wanted.administration = Administration::Ready;
  else if (state == "drain")
    wanted.administration = Administration::Drain;
  else if (state == "maint")
    wanted.administration = Administration::Maintenance;
  else
    return call->fail("'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n");
  change(call, target, wanted);
}

// How a text begins, if it is with a number, as C reads it; `rest` is what stands behind.
std::optional<std::int64_t> leading_number(std::string_view text, std::string_view& rest) {
  const std::size_t sign = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  const std::size_t end = std::min(text.find_first_not_of("0123456789", sign), text.size());
  rest = text.substr(end);
  if (end == sign) return std::nullopt;
  const auto number = parse_integer(text.substr(text.starts_with('+') ? 1 : 0, end - (text.starts_with('+') ? 1 : 0)));
  return number ? number : INT64_MAX;
}

// A number, or a percentage of what the file says.
void change_weight(const CallRef& call, const Target& target, std::string_view text) {
  if (text.empty()) return call->fail("Require <weight> or <weight%>.\n");
  std::string_view rest;
  const auto number = leading_number(text, rest);
  if (!number) return call->fail("Empty weight string empty or preceded by garbage");
  std::int64_t weight = *number;
  if (rest == "%") {
    if (weight < 0) return call->fail("Relative weight must be positive.\n");
    const std::int64_t whole = std::min<std::int64_t>(weight, 25600);
    weight = std::min<std::int64_t>(target.spec->weight * whole / 100, 256);
  } else if (!rest.empty()) {
    return call->fail("Trailing garbage in weight string");
  } else if (weight < 0 || weight > 256) {
    return call->fail("Absolute weight can only be between 0 and 256 inclusive.\n");
  }
  if (target.plan->balance.has_fixed_weights() && weight != 0 && weight != target.spec->weight)
    return call->fail("Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.\n");
  ServerChange wanted;
  wanted.weight = static_cast<std::uint32_t>(weight);
  change(call, target, wanted);
}

void change_maxconn(const CallRef& call, const Target& target, std::string_view text) {
  if (text.empty()) return call->fail("Require <maxconn>.\n");
  std::string_view rest;
  const auto number = leading_number(text, rest);
  if (!number) return call->fail("maxconn string empty or preceded by garbage");
  if (!rest.empty()) return call->fail("Trailing garbage in maxconn string");
  if (*number < 0 || *number > INT32_MAX) return call->fail("Value out of range.\n");
  ServerChange wanted;
  wanted.maxconn = static_cast<std::uint32_t>(*number);
  change(call, target, wanted);
}

// "IP changed from 'a' to 'b', port changed from 'x' to 'y' by 'stats socket command'"
std::string moved_text(const SocketAddress& from, const SocketAddress& to, bool with_port) {
  std::string text = "no need to change the addr";
  const std::string before = from.empty() ? "(none)" : from.ip_text();
  if (before != to.ip_text()) text = format("IP changed from '{}' to '{}'", before, to.ip_text());
  if (with_port && from.port() == to.port()) text += ", no need to change the port";
  if (from.port() != to.port()) append_format(text, ", port changed from '{}' to '{}'", from.port(), to.port());
  return text + " by 'stats socket command'\n";
}

void set_address(const CallRef& call, const Target& target) {
  if (call->argument(2).empty())
    return call->fail("set server <b>/<s> addr requires an address and optionally a port.\n");
  const auto moved = target.spec->state->moved();
  ServerAddress wanted = moved ? moved->to : target.spec->values().address;
  const SocketAddress before = wanted.address;
  SocketAddress to;
  const std::uint16_t port = before.empty() ? target.spec->named_port : before.port();
  if (!SocketAddress::from_ip(call->argument(2), port, to) || call->argument(2) == "*")
    return call->fail(format("Invalid addr '{}' by 'stats socket command'\n", call->argument(2)));
  if (call->argument(3) == "port") {
    const auto port = parse_unsigned(call->argument(4));
    if (!port || *port > 65535) {
      return call->fail(
          format("no need to change the addr, problem converting port '{}' to an int by 'stats socket command'\n",
                 call->argument(4)));
    }
    to.set_port(static_cast<std::uint16_t>(*port));
    wanted.port_from_client = false;
    wanted.port_offset = 0;
  }
  wanted.address = to;
  ServerChange change_wanted;
  change_wanted.address = wanted;
  if (const auto asked = call->realm().names().asked(target.backend, target.name)) change_wanted.host = asked->name;
  change(call, target, change_wanted, moved_text(before, to, call->argument(3) == "port"));
}

void set_health(const CallRef& call, const Target& target) {
  if (target.spec->tracked_state) return call->fail("cannot change health on a tracking server.\n");
  ServerChange wanted;
  const std::string_view health = call->argument(2);
  if (health == "up")
    wanted.operation = Operation::Up;
  else if (health == "stopping")
    wanted.operation = Operation::Drain;
  else if (health == "down")
    wanted.operation = Operation::Down;
  else
    return call->fail("'set server <srv> health' expects 'up', 'stopping', or 'down'.\n");
  change(call, target, wanted);
}

// Until the next reload; what it is called then, and what takes it back.
void change_for_now(const CallRef& call, const Target& target, const ServerChange& wanted, std::string_view what,
                    const ServerChange& back) {
  Crew& crew = call->realm().crew();
  crew.keep_until_reload(
      format("{} of {}/{}", what, target.backend, target.name),
      [&crew, backend = target.backend, server = target.name, back] { crew.change(backend, server, back, [] {}); },
      call->again());
  change(call, target, wanted);
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 253 || text.find("..") != std::string_view::npos || text.front() == '.')
    return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

// Until the next reload.
void set_name(const CallRef& call, const Target& target) {
  const std::string name(call->argument(2));
  if (name.empty()) return call->fail("set server <b>/<s> fqdn requires a FQDN.\n");
  Names& names = call->realm().names();
  const auto asked = names.asked(target.backend, target.name);
  if (!asked) return call->fail("set server <b>/<s> fqdn failed because no resolution is configured.\n");
  if (!asked->record.empty())
    return call->fail("set server <b>/<s> fqdn failed because SRV resolution is configured.\n");
  const std::string who = format("{}/{}", target.backend, target.name);
  if (!is_name(name)) return call->fail(format("could not update {} FQDN by 'stats socket command'\n", who));
  if (asked->name == name) return call->say(Level::Info, "no need to change the FDQN by 'stats socket command'\n");
  names.rename(target.backend, target.name, name);
  call->realm().crew().keep_until_reload(
      format("name of {}", who),
      [&names, backend = target.backend, server = target.name] { names.rename(backend, server, {}); }, call->again());
  const std::string line =
      format("{} changed its FQDN from {} to {} by 'stats socket command'", who, asked->name, name);
  call->realm().log(Level::Notice, line);
  call->say(Level::Info, line + "\n");
}

std::string disabled_checks(const Target& target) {
  return format("disabled checks of {}/{}", target.backend, target.name);
}

bool is_checked(const CallRef& call, const Target& target) {
  return target.spec->check.enabled && !call->realm().crew().keeps_until_reload(disabled_checks(target));
}

// No number: the call has failed.
std::optional<std::uint16_t> check_port(const CallRef& call, std::string_view text) {
  const auto port = parse_integer(text);
  if (port && *port >= 0 && *port <= 65535) return static_cast<std::uint16_t>(*port);
  call->fail(port ? "provided port is invalid" : "provided port is not an integer");
  return std::nullopt;
}

void set_check_address(const CallRef& call, const Target& target) {
  if (call->argument(2).empty())
    return call->fail("set server <b>/<s> check-addr requires an address and optionally a port.\n");
  if (!is_checked(call, target)) return call->fail("health checks are not enabled on this server");
  ServerChange wanted, back;
  SocketAddress to;
  if (!SocketAddress::from_ip(call->argument(2), 0, to) || call->argument(2) == "*")
    return call->fail(format("invalid addr '{}'", call->argument(2)));
  wanted.check_host = to;
  back.check_host = SocketAddress();
  if (call->argument(3) == "port") {
    wanted.check_port = check_port(call, call->argument(4));
    if (!wanted.check_port) return;
    back.check_port = 0;
  }
  change_for_now(call, target, wanted, "check-addr", back);
}

void set_check_port(const CallRef& call, const Target& target) {
  if (call->argument(2).empty()) return call->fail("set server <b>/<s> check-port requires a port.\n");
  if (!is_checked(call, target)) return call->fail("health checks are not enabled on this server");
  ServerChange wanted, back;
  wanted.check_port = check_port(call, call->argument(2));
  if (!wanted.check_port) return;
  back.check_port = 0;
  change_for_now(call, target, wanted, "check-port", back);
}

template <bool On>
void turn_checks(const CallRef& call) {
  const auto target = target_of(call);
  if (!target) return;
  ServerChange wanted, back;
  wanted.checks = On;
  back.checks = true;
  if (!target->spec->check.enabled)
    return On ? call->fail("Health check was not configured on this server, cannot enable.\n") : call->done();
  if constexpr (On) {
    Crew& crew = call->realm().crew();
    crew.forget_until_reload(disabled_checks(*target));
    // One that was added begins unchecked.
    crew.keep_also(added_server(target->backend, target->name), call->again());
    return change(call, *target, wanted);
  }
  change_for_now(call, *target, wanted, "disabled checks", back);
}

std::string disabled_agent(const Target& target) {
  return format("disabled agent of {}/{}", target.backend, target.name);
}

bool has_agent(const CallRef& call, const Target& target) {
  return target.spec->agent && !call->realm().crew().keeps_until_reload(disabled_agent(target));
}

constexpr const char* kNoAgent = "agent checks are not enabled on this server";

void set_agent(const CallRef& call, const Target& target) {
  if (!has_agent(call, target)) return call->fail(format("{}.\n", kNoAgent));
  const std::string_view wanted = call->argument(2);
  if (wanted != "up" && wanted != "down") return call->fail("'set server <srv> agent' expects 'up' or 'down'.\n");
  ServerChange change_wanted;
  change_wanted.agent_says = wanted == "up" ? Operation::Up : Operation::Down;
  change(call, target, change_wanted);
}

void set_agent_address(const CallRef& call, const Target& target) {
  if (call->argument(2).empty())
    return call->fail("set server <b>/<s> agent-addr requires an address and optionally a port.\n");
  if (!has_agent(call, target)) return call->fail(kNoAgent);
  ServerChange wanted, back;
  SocketAddress to;
  if (!SocketAddress::from_ip(call->argument(2), 0, to) || call->argument(2) == "*")
    return call->fail(format("invalid addr '{}'", call->argument(2)));
  wanted.agent_host = to;
  back.agent_host = SocketAddress();
  if (call->argument(3) == "port") {
    wanted.agent_port = check_port(call, call->argument(4));
    if (!wanted.agent_port) return;
    back.agent_port = 0;
  }
  change_for_now(call, target, wanted, "agent-addr", back);
}

void set_agent_port(const CallRef& call, const Target& target) {
  if (call->argument(2).empty()) return call->fail("set server <b>/<s> agent-port requires a port.\n");
  if (!has_agent(call, target)) return call->fail(kNoAgent);
  ServerChange wanted, back;
  wanted.agent_port = check_port(call, call->argument(2));
  if (!wanted.agent_port) return;
  back.agent_port = 0;
  change_for_now(call, target, wanted, "agent-port", back);
}

void set_agent_text(const CallRef& call, const Target& target) {
  if (!has_agent(call, target)) return call->fail(format("{}.\n", kNoAgent));
  ServerChange wanted, back;
  wanted.agent_send = std::string(call->argument(2));
  back.agent_send = std::optional<std::string>();
  change_for_now(call, target, wanted, "agent-send", back);
}

template <bool On>
void turn_agent(const CallRef& call) {
  const auto target = target_of(call);
  if (!target) return;
  if (!target->spec->agent)
    return On ? call->fail("Agent was not configured on this server, cannot enable.\n") : call->done();
  ServerChange wanted, back;
  wanted.agent = On;
  back.agent = true;
  if constexpr (On) {
    call->realm().crew().forget_until_reload(disabled_agent(*target));
    return change(call, *target, wanted);
  }
  change_for_now(call, *target, wanted, "disabled agent", back);
}

// Until the next reload.
void set_tls(const CallRef& call, const Target& target) {
  const std::string_view wanted = call->argument(2);
  if (wanted != "on" && wanted != "off") return call->fail("'set server <srv> ssl' expects 'on' or 'off'.\n");
  bool may_be = false;
  call->realm().crew().snapshot()->for_each_server_line([&](const std::string& backend, const config::Server& server) {
    if (backend == target.backend && server.name == target.name)
      may_be = server.tls.enabled || server.check.ssl || server.tls.verify != config::Tls::Verify::Unset;
  });
  if (!may_be) return call->fail("'set server <srv> ssl' cannot be set.  default-server should define ssl settings\n");
  SetServerTls change{target.backend, target.name, wanted == "on"};
  call->realm().amend(change, [call, change](const std::string& why) {
    if (!why.empty()) return call->fail(why + "\n");
    call->realm().crew().keep_until_reload(
        format("TLS of server {}/{}", change.backend, change.server), [] {}, call->again());
    call->say(Level::Info, "server ssl setting updated.\n");
  });
}

void set_server(const CallRef& call) {
  const auto target = target_of(call);
  if (!target) return;
  const std::string_view what = call->argument(1);
  if (what == "state") return set_state(call, *target);
  if (what == "weight") return change_weight(call, *target, call->argument(2));
  if (what == "addr") return set_address(call, *target);
  if (what == "health") return set_health(call, *target);
  if (what == "check-addr") return set_check_address(call, *target);
  if (what == "check-port") return set_check_port(call, *target);
  if (what == "ssl") return set_tls(call, *target);
  if (what == "agent") return set_agent(call, *target);
  if (what == "agent-addr") return set_agent_address(call, *target);
  if (what == "agent-port") return set_agent_port(call, *target);
  if (what == "agent-send") return set_agent_text(call, *target);
  if (what == "fqdn") return set_name(call, *target);
  call->fail(
      "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | "
      "check-port | fqdn | health | ssl | state | weight\n");
}

void set_weight(const CallRef& call) {
  if (const auto target = target_of(call)) change_weight(call, *target, call->argument(1));
}

void get_weight(const CallRef& call) {
  const auto target = target_of(call);
  if (!target) return;
  call->answer(
      format("{} (initial {})\n", target->spec->state->weight.load(std::memory_order_relaxed), target->spec->weight));
}

void set_maxconn_server(const CallRef& call) {
  if (const auto target = target_of(call)) change_maxconn(call, *target, call->argument(1));
}

template <Administration Wanted>
void set_administration(const CallRef& call) {
  const auto target = target_of(call);
  if (!target) return;
  ServerChange wanted;
  wanted.administration = Wanted;
  change(call, *target, wanted);
}

void shut_down_sessions(const CallRef& call) {
  const auto target = target_of(call);
  if (!target) return;
  call->realm().crew().shut_down_sessions(target->spec->state, [call] { call->done(); });
}

constexpr Command kCommands[] = {
    {"disable server", "(DEPRECATED)", AccessLevel::Admin, "maintenance for <bk>/<srv>; now 'set server ... state'",
     set_administration<Administration::Maintenance>},
    {"disable agent", "", AccessLevel::Admin, "the agent of <bk>/<srv> is not asked", turn_agent<false>},
    {"disable health", "", AccessLevel::Admin, "checks of <bk>/<srv> pause", turn_checks<false>},
    {"enable agent", "", AccessLevel::Admin, "the agent of <bk>/<srv> is asked again", turn_agent<true>},
    {"enable health", "", AccessLevel::Admin, "checks of <bk>/<srv> go on", turn_checks<true>},
    {"enable server", " (DEPRECATED)", AccessLevel::Admin, "<bk>/<srv> serves again; now 'set server ... state'",
     set_administration<Administration::Ready>},
    {"get weight", "<bk>/<srv>", AccessLevel::User, "the weight of a server, now and in the file", get_weight},
    {"set maxconn server", "<bk>/<srv>", AccessLevel::Admin, "most connections to a server", set_maxconn_server},
    {"set server", "<bk>/<srv> [opts]", AccessLevel::Admin, "state, weight, address or health of a server", set_server},
    {"set weight", "<bk>/<srv>  (DEPRECATED)", AccessLevel::Admin, "now 'set server ... weight'", set_weight},
    {"shutdown sessions server", "<bk>/<srv>", AccessLevel::Admin, "end what runs through a server",
     shut_down_sessions},
};

}  // namespace

std::span<const Command> server_commands() { return kCommands; }

}  // namespace penstock
