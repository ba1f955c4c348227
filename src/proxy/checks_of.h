// The health check of a server line: `check` and its parameters, `option httpchk`, `http-check`,
// `tcp-check` and the timeouts, as the plan that balance carries out (manual sections 4.2, 5.2).
#pragma once

#include <memory>

#include "outside.h"
#include "penstock/balance/server.h"
#include "penstock/config/diagnostics.h"

namespace penstock::config {
struct Proxy;
struct Server;
struct Health;
}  // namespace penstock::config

namespace penstock {

// `check-ssl`, or implied by `ssl` unless the check goes to another address or port, or asked by a step.
bool wants_tls_check(const config::Server& server, const config::Health& health);
// Everything but the TLS context.
CheckSpec check_of(const config::Proxy& proxy, const config::Server& server, const ServerSpec& spec,
                   const Outside& outside, config::Diagnostics& diagnostics);
// What its agent is asked, one line for an answer. Never null.
std::shared_ptr<const CheckSpec> agent_of(const config::Proxy& proxy, const config::Server& server,
                                          const ServerSpec& spec, const Outside& outside);

}  // namespace penstock
