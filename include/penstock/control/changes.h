// What a reload changed, in one line for the log.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "penstock/proxy/snapshot.h"

namespace penstock::config {
struct Global;
}

namespace penstock {

// By names of backend and server.
using ServerOrders = std::map<std::pair<std::string, std::string>, Orders>;

// One for each difference: see the next.
std::vector<std::string> all_changes_between(const Snapshot& before, const Snapshot& after);

// Each difference of the configurations, each certificate that is another with its end, each file
// with another text: "backend owa: server ex01: +disabled; certificate /c.pem is another, which
// ends on ..."; "no difference" if there is none. Secrets are not shown. Of `orders`, which changes have set since, those
// that give way to another value of the file: "server owa/ex01: weight 20 in place of 5 (set at run time)".
std::string changes_between(const Snapshot& before, const Snapshot& after, const ServerOrders& orders);

// "user, pidfile": words of `global` that are not those the process started with, and that it takes
// up once, when it starts.
std::string changes_for_next_start(const config::Global& started, const config::Global& after);

// "clients at *:443 (fe), [::]:25 (smtp); servers: owa 2, ews 2": what a process that starts
// serves.
std::string portrait_of(const Snapshot& snapshot);

}  // namespace penstock
