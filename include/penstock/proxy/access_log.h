// One line for each exchange, or each connection in mode tcp.
#pragma once

#include "penstock/proxy/snapshot.h"
#include "penstock/rules/subject.h"

namespace penstock::access_log {

// Writes the frontend's log format to its targets, unless its options say that this one is not worth it.
void write(const FrontendSpec& frontend, rules::Subject& subject);

}  // namespace penstock::access_log
