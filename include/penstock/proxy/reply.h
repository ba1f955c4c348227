// Answers we give ourselves: error pages, redirects, returns.
#pragma once

#include <cstdint>

#include "penstock/base/arena.h"
#include "penstock/http/head.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/rules/program.h"

namespace penstock::reply {

// The page of a status nobody configured one for: short, complete, not to be cached.
rules::Reply built_in(std::uint16_t status);
// What stands for an answer of that status: configured in the backend (null: none was chosen), else in the frontend,
// else built in.
rules::Reply page_of(std::uint16_t status, const FrontendPlan& frontend, const BackendPlan* backend,
                     rules::Subject& subject);
// 100: the client may send its body.
Head* go_on(Arena& arena);
// The head of an answer, Content-Length included, in the arena.
Head* head_of(const rules::Reply& reply, Arena& arena);
// The same of a body whose length is not known.
Head* open_head_of(const rules::Reply& reply, Arena& arena);

}  // namespace penstock::reply
