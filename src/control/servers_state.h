// Servers in HAProxy's format of their states: what `show servers state` prints, and state files hold.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/balance/server.h"
#include "penstock/control/legacy.h"
#include "penstock/control/names.h"
#include "penstock/proxy/snapshot.h"
#include "servers_seen.h"

namespace penstock {

constexpr std::string_view kServersStateHead =
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port\n";

struct Where {
  std::string host;
  unsigned port = 0;
};
// Of a server, as it is in force; "-" if it has no address of IP.
Where where_is(const ServerSpec& server);

void append_server_state(std::string& to, const Snapshot& snapshot, const BackendPlan& plan, const ServerSpec& server,
                         const ServersSeen& seen, const Names& names);

// For a file: what was set about a server and the format has no room for, as comments, which HAProxy passes over:
// "# order be s1 maxconn 5 in place of 0".
void append_server_orders(std::string& to, const ServerSpec& server, const ServersSeen& seen);

// What a text in this format says of servers, by names of backend and server; of two lines about one the first counts.
struct ServersState {
  ServerNotes notes;
  std::map<std::string, SocketAddress> addresses;  // Last ones of host names, without a port.
  std::vector<std::string> complaints;             // "line 3: ...": such a line counts for nothing.
};
// `now_ms`: on the clock of the states of servers.
ServersState read_servers_state(std::string_view text, std::uint64_t now_ms);

}  // namespace penstock
