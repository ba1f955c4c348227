// Sections `userlist`.
#pragma once

#include "reading.h"

namespace penstock::config {

void begin_user_list(Line& line, Reading& reading);
// Groups and their members, once all are known.
void finish_user_lists(Reading& reading);

}  // namespace penstock::config
