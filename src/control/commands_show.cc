// What there is: backends, servers and their connections.
#include <algorithm>
#include <chrono>
#include <memory>
#include <unordered_map>

#include "command.h"
#include "penstock/balance/health_count.h"
#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "penstock/control/crew.h"
#include "penstock/proxy/station.h"
#include "realm.h"
#include "servers_seen.h"
#include "target.h"

namespace penstock {
namespace {

using config::AccessLevel;
using Seen = std::shared_ptr<const ServersSeen>;

// Lines of that many servers are made at once.
constexpr std::size_t kServersInPiece = 64;

void show_backend(const CallRef& call) {
  const auto snapshot = call->realm().crew().snapshot();
  call->answer_by([snapshot, at = std::size_t{0}](std::string& to) mutable {
    if (at == 0) to += "# name\n";
    const std::size_t end = std::min(snapshot->backends.size(), at + kServersInPiece);
    for (; at < end; ++at) append_format(to, "{}\n", snapshot->backends[at]->balance.name);
    return at < snapshot->backends.size();
  });
}

// The servers of one backend, or of all; the call fails if there is no such backend.
std::optional<std::vector<const BackendPlan*>> wanted_backends(const CallRef& call) {
  const Snapshot& snapshot = *call->realm().crew().snapshot();
  std::vector<const BackendPlan*> plans;
  if (call->argument(0).empty()) {
    for (const auto& plan : snapshot.backends) plans.push_back(plan.get());
    return plans;
  }
  if (const BackendPlan* plan = find_backend(snapshot, call->argument(0))) return std::vector{plan};
  call->fail("Can't find backend.\n");
  return std::nullopt;
}

int operation_number(const ServerSpec& server) {
  const Standing standing = server.state->standing.load(std::memory_order_relaxed);
  if (!standing.in_service()) return 0;
  switch (standing.operation) {
    case Operation::Down:
      return 0;
    case Operation::Up:
      return server.state->ramp.load(std::memory_order_relaxed) < 256 ? 1 : 2;
    case Operation::Drain:
      return 3;
  }
  return 0;
}

// Bits of HAProxy: wanted by command, by the server that it tracks, by the file.
int administration_bits(const ServerSpec& server, const ServerSeen& seen, bool in_file) {
  int bits = server.disabled && in_file ? 0x04 : 0;
  switch (settle(server.values(), seen.said ? seen.said->orders : Orders()).values.administration) {
    case Administration::Ready:
      break;
    case Administration::Drain:
      bits |= 0x08;
      break;
    case Administration::Maintenance:
      bits |= 0x01;
      break;
  }
  if (!server.tracked_state) return bits;
  switch (server.tracked_state->standing.load(std::memory_order_relaxed).administration) {
    case Administration::Ready:
      return bits;
    case Administration::Drain:
      return bits | 0x10;
    case Administration::Maintenance:
      return bits | 0x02;
  }
  return bits;
}

// Of the enumeration that state files have.
int status_number(CheckStatus status) {
  switch (status) {
    case CheckStatus::Unknown:
      return 1;
    case CheckStatus::SocketError:
      return 5;
    case CheckStatus::L4Ok:
      return 6;
    case CheckStatus::L4Timeout:
      return 7;
    case CheckStatus::L4Connect:
      return 8;
    case CheckStatus::L6Ok:
      return 9;
    case CheckStatus::L6Timeout:
      return 10;
    case CheckStatus::L6Response:
      return 11;
    case CheckStatus::L7Timeout:
      return 12;
    case CheckStatus::L7Response:
      return 13;
    case CheckStatus::L7Ok:
      return 15;
    case CheckStatus::L7Conditional:
      return 16;
    case CheckStatus::L7Status:
      return 17;
  }
  return 0;
}

int result_number(CheckStatus status) {
  if (status == CheckStatus::Unknown) return 0;
  switch (check_verdict(status)) {
    case CheckVerdict::Failed:
      return 2;
    case CheckVerdict::Passed:
      return 3;
    case CheckVerdict::Conditional:
      return 4;
  }
  return 0;
}

int check_state_number(const ServerSpec& server, const ServerSeen& seen, bool in_file) {
  const bool away = !server.state->standing.load(std::memory_order_relaxed).in_service();
  if (!server.check.enabled) return server.disabled && in_file ? 8 : 0;
  // One that was added counts as paused when its checks were turned on before it was.
  return 2 | (seen.checks_off ? 0 : 4) | (away && in_file ? 8 : 0);
}

int health_number(const ServerSpec& server, const ServerSeen& seen) {
  const Standing standing = server.state->standing.load(std::memory_order_relaxed);
  return server.check.enabled && !standing.in_service() ? 0 : seen.health;
}

// As the file names it; a server that was added has a number.
const config::Server* line_of(const config::Config& config, const BackendSpec& backend, const ServerSpec& server) {
  const config::Proxy* proxy = config.find_backend(backend.name);
  if (proxy == nullptr) return nullptr;
  const auto found = std::find_if(proxy->servers.begin(), proxy->servers.end(),
                                  [&](const config::Server& each) { return each.name == server.name; });
  return found == proxy->servers.end() ? nullptr : &*found;
}

struct Where {
  std::string host;
  unsigned port = 0;
};
Where where_is(const ServerSpec& server) {
  const auto moved = server.state->moved();
  const SocketAddress& address = moved ? moved->to.address : server.address;
  if (address.empty() || address.is_unix()) return {"-", 0};
  return {address.ip_text(), address.port()};
}

void append_state(std::string& to, const Snapshot& snapshot, const BackendPlan& plan, const ServerSpec& server,
                  const ServersSeen& seen) {
  const ServerSeen& one = seen.of(server);
  const config::Proxy* proxy = snapshot.config.find_backend(plan.balance.name);
  const config::Server* line = line_of(snapshot.config, plan.balance, server);
  const bool named = line != nullptr && line->address.kind == config::Address::Kind::Name;
  const unsigned file_port = server.check.own_port ? server.check.address.port() : 0;
  const unsigned check_port = one.said && one.said->check_port != 0 ? one.said->check_port : file_port;
  const SocketAddress file_host = server.check.own_host ? server.check.address : SocketAddress();
  const SocketAddress check_host = one.said && !one.said->check_host.empty() ? one.said->check_host : file_host;
  const Where where = where_is(server);
  append_format(to, "{} {} {} {} {} {} {} {} {} {} {} {} {} {} 0 {} {} {} {} - {} {} {} - {}\n",
                snapshot.backend_id(plan.number()), plan.balance.name, server.id, server.name, where.host,
                operation_number(server), administration_bits(server, one, line != nullptr),
                server.state->weight.load(std::memory_order_relaxed), server.weight, seen.seconds_since_change(server),
                status_number(one.status), result_number(one.status), health_number(server, one),
                check_state_number(server, one, line != nullptr), proxy != nullptr && proxy->id != 0 ? 1 : 0,
                line != nullptr && line->id != 0 ? 1 : 0, named ? line->address.host : "-", where.port,
                server.tls ? 1 : 0, check_port, check_host.empty() ? "-" : check_host.ip_text(), file_port);
}

void append_connections(std::string& to, const Snapshot& snapshot, const BackendPlan& plan, const ServerSpec& server,
                        const ServersSeen& seen) {
  const ServerSeen& one = seen.of(server);
  const Where where = where_is(server);
  const std::size_t idle = one.idle_total() + server.state->shelves.idle();
  append_format(to, "{}/{} {}/{} {} {} - {} {} {} {} {} {} {} {}", plan.balance.name, server.name,
                snapshot.backend_id(plan.number()), server.id, where.host, where.port, server.pool.purge_ms, one.used,
                one.most_used, one.most_used, 0, idle, server.pool.max, idle);
  for (std::size_t worker = 0; worker < seen.workers(); ++worker)
    append_format(to, " {}", one.idle.empty() ? 0 : one.idle[worker]);
  to += '\n';
}

using Append = void (*)(std::string&, const Snapshot&, const BackendPlan&, const ServerSpec&, const ServersSeen&);

// A line for each server of the backends wanted, when their keepers have told of them.
void list_servers(const CallRef& call, std::string head, Append append) {
  const auto plans = wanted_backends(call);
  if (!plans) return;
  const auto snapshot = call->realm().crew().snapshot();
  look_at_servers(call->realm().crew(), *plans, [=, plans = *plans](const Seen& seen) {
    call->answer_by([=, plan = std::size_t{0}, at = std::size_t{0}, told = false](std::string& to) mutable {
      if (!std::exchange(told, true)) to += head;
      for (std::size_t left = kServersInPiece; left > 0 && plan < plans.size(); --left) {
        const auto& servers = plans[plan]->balance.servers;
        if (at < servers.size()) append(to, *snapshot, *plans[plan], servers[at++], *seen);
        if (at < servers.size()) continue;
        ++plan;
        at = 0;
      }
      return plan < plans.size();
    });
  });
}

void show_servers_state(const CallRef& call) {
  list_servers(call,
               "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
               "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state "
               "srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port "
               "srv_check_addr srv_agent_addr srv_agent_port\n",
               append_state);
}

void show_servers_conn(const CallRef& call) {
  list_servers(call,
               format("# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb "
                      "idle_lim idle_cur idle_per_thr[{}]\n",
                      call->realm().crew().workers()),
               append_connections);
}

constexpr Command kCommands[] = {
    {"show backend", "", AccessLevel::User, "the backends at work", show_backend},
    {"show servers conn", "[<backend>]", AccessLevel::User, "connections to servers", show_servers_conn},
    {"show servers state", "[<backend>]", AccessLevel::User, "servers as a state file has them", show_servers_state},
};

}  // namespace

std::span<const Command> show_commands() { return kCommands; }

}  // namespace penstock
