// How fast clients may come: `rate-limit sessions`, `maxconnrate`, `maxsessrate`, `maxsslrate`, `maxsslconn`. Who is too
// many waits in the system's queue.
#pragma once

#include <cstdint>

#include "penstock/proxy/kit.h"
#include "penstock/proxy/snapshot.h"

namespace penstock::pace {

// For how long nobody may come in by that bind line; 0: one may now.
std::uint64_t wait_ms(const Kit& kit, const FrontendPlan& frontend, const BindSpec& bind);
// One that `tcp-request connection` has let pass.
void welcomed(Kit& kit, const FrontendPlan& frontend, const BindSpec& bind);

}  // namespace penstock::pace
