// One line for each transaction, or each connection in mode tcp.
#pragma once

#include "penstock/proxy/snapshot.h"
#include "penstock/rules/subject.h"

namespace penstock::access_log {

// Writes the frontend's log format to its targets, unless its options say that this one is not worth it. `heard`: a
// byte of the client had come.
void write(const FrontendPlan& frontend, rules::Subject& subject, bool heard);

// A connection that ended before TLS was agreed on or its PROXY header was read: the manual's error log
// line (section 8.2.5). `message` says why.
void write_refusal(const FrontendPlan& frontend, rules::Subject& subject, std::string_view message);

}  // namespace penstock::access_log
