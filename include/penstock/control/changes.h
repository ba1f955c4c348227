// What a reload changed, in one line for the log.
#pragma once

#include <string>

#include "penstock/proxy/snapshot.h"

namespace penstock {

// "servers +1 -0 ~2 (bk_owa/ex03), binds +0 -0, rules changed in ft_exchange", or "nothing changed but
// files may have been read anew".
std::string changes_between(const Snapshot& before, const Snapshot& after);

// "user, pidfile": words of `global` that changed and that a process takes up once, when it starts.
std::string changes_for_next_start(const Snapshot& before, const Snapshot& after);

}  // namespace penstock
