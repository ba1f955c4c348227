// What is counted of a request or a tunnel: once it is over, from what the log says of it. Only what must be seen while
// it lasts (who is connected, tries at servers) is counted as it happens, here too.
#pragma once

#include "penstock/balance/ledger.h"
#include "penstock/balance/server.h"
#include "penstock/net/connection.h"
#include "penstock/proxy/kit.h"
#include "penstock/proxy/plan.h"
#include "penstock/rules/subject.h"

namespace penstock::counting {

// Where it has led so far, and this worker's ledgers of that.
struct Way {
  BackendState* backend = nullptr;  // Null: no backend was chosen.
  Server* server = nullptr;         // The last one that it was led to.
  Ledger* of_backend = nullptr;
  Ledger* of_server = nullptr;
  bool connects = false;  // To that server a connection was made for it.

  // Of that server.
  void at_server(Entry entry) const {
    of_backend->add(entry);
    of_server->add(entry);
  }
  // Whether that server's connection was made for it, or was there.
  void on_connection(bool is_new) {
    connects = is_new;
    at_server(is_new ? Entry::Connects : Entry::Reuses);
  }
  void answered(int status) const { of_server->add(entry_of_status(status)); }
};

// A request is waited for (`heard`: its first bytes are there), and has gone.
// `ledger`: of its frontend.
void request_begun(Ledger& ledger, bool heard);
inline void request_gone(Ledger& ledger) { ledger.take_back(Entry::Open); }

// A request that is over. Its facts for the log are complete.
void request_ended(Kit& kit, const FrontendPlan& frontend, Ledger& ledger, const Way& way,
                   const rules::Subject& subject);
// The same of a client in mode tcp.
void tunnel_ended(Kit& kit, const FrontendPlan& frontend, const Way& way, const rules::Subject& subject);

// A client at the door: accepted, turned away by `tcp-request connection` or `session`, let in; a TLS handshake done or
// failed. All of the frontend, its bind line and the process.
void accepted(Kit& kit, const FrontendPlan& frontend, const Entrance& entrance);
void let_in(Kit& kit, const FrontendPlan& frontend, const Entrance& entrance);
void at_door(Kit& kit, const FrontendPlan& frontend, const Entrance& entrance, Entry entry);

// A request or tunnel is led to a backend, and leaves it in the end; is led to a server of it, by balancing or because
// it belongs there.
void lead_to(Kit& kit, BackendState& backend, Way& way);
void leave(Way& way);
// A new connection on that way is ready, or lost before it was: what of it was TLS's.
void handshake_ended(const Way& way, const Connection& connection);
void lead_to(Kit& kit, Server& server, bool balanced, Way& way);

}  // namespace penstock::counting
