// What happens to a client, told to the stick table entries that its rules track (`track-sc0` and kin): a connection's
// own ones, and those of one transaction, which come before them where both have a counter of one number. Nothing is
// done where nothing is tracked.
#pragma once

#include <cstdint>

#include "penstock/rules/subject.h"

namespace penstock::rules::tracked {

// What a status says of a client or a server (manual section 4.2, "http_err_cnt", "http_fail_cnt").
constexpr bool is_error(int status) { return status >= 400 && status < 500; }
constexpr bool is_failure(int status) { return status >= 500 && status < 600 && status != 501 && status != 505; }

// `tcp-request` let the connection in.
void let_in(const ClientFacts& client, std::uint64_t now_ms);
void request_came(const Subject& subject);
void request_failed(const Subject& subject);
void answer_came(const Subject& subject, int status);
void answer_failed(const Subject& subject);
void count_bytes(const Subject& subject, std::uint64_t in, std::uint64_t out);
// The transaction is over.
void end(Subject& subject);

}  // namespace penstock::rules::tracked
