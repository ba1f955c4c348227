// The last step of a reading: where inherited and written settings become a Config.
#pragma once

#include "reading.h"

namespace penstock::config {

// Moves the drafts into the Config, every name and default in its place. The drafts' other members
// stay for judge().
void finish(Reading& reading);

}  // namespace penstock::config
