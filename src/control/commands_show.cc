// What there is: backends, servers and their connections.
#include <algorithm>
#include <chrono>
#include <memory>
#include <unordered_map>

#include "command.h"
#include "penstock/base/format.h"
#include "penstock/control/crew.h"
#include "penstock/proxy/station.h"
#include "realm.h"
#include "servers_seen.h"
#include "servers_state.h"
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

void append_connections(std::string& to, const Snapshot& snapshot, const BackendPlan& plan, const ServerSpec& server,
                        const ServersSeen& seen, const Names&) {
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

using Append = void (*)(std::string&, const Snapshot&, const BackendPlan&, const ServerSpec&, const ServersSeen&,
                        const Names&);

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
        if (at < servers.size()) append(to, *snapshot, *plans[plan], servers[at++], *seen, call->realm().names());
        if (at < servers.size()) continue;
        ++plan;
        at = 0;
      }
      return plan < plans.size();
    });
  });
}

void show_servers_state(const CallRef& call) {
  list_servers(call, std::string(kServersStateHead), append_server_state);
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
