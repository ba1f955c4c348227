// Rules that could not be asked, told to the administrator.
#pragma once

#include "penstock/proxy/snapshot.h"
#include "penstock/rules/subject.h"

namespace penstock::trouble {

// In the process's log, at most once in ten seconds for each frontend and kind of trouble.
void tell(const Snapshot& snapshot, const FrontendSpec& frontend, const rules::Subject& subject);

}  // namespace penstock::trouble
