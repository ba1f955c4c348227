// Why a request or a connection was refused or failed: said to the administrator in the process's log and
// by the sample txn.reason.
#pragma once

#include <cstddef>
#include <string_view>

#include "penstock/http/stream.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/rules/subject.h"

namespace penstock::reason {

// Notes that the rule at `place` refused, or that rules could not be asked (Subject::trouble).
void note_rule(const Snapshot& snapshot, const rules::RulePlace* place, rules::Subject& subject);
void note_trouble(const Snapshot& snapshot, rules::Subject& subject);
// What was wrong with the request. That a client went away, or never said anything, is no fault of anybody's. `seen`:
// of a head that could not be read; if it is all there, its last byte says nothing.
void note_request(const Failure& failure, std::string_view seen, rules::Subject& subject);
// What came and could not be read, for `show errors`.
void keep_unread(const Failure& failure, bool is_answer, const rules::Subject& subject, ProcessState& process);
// What stood in the way of an answer, unless something is noted already.
void note_failure(const Failure& failure, rules::Subject& subject);
// Notes what stood in the way. `more`, if there is any, stands in brackets behind it.
void note(rules::Reason::Kind kind, std::string_view text, std::string_view more, rules::Subject& subject);

// What was noted, in the process's log: an example of each kind at most once in ten seconds for each frontend,
// with the number of those since the last.
void tell(const Snapshot& snapshot, const FrontendPlan& frontend, const rules::Subject& subject);

}  // namespace penstock::reason
