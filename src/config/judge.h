// What no single line shows: complains about what the finished Config says as a whole, and puts
// right what was only warned about.
#pragma once

#include "reading.h"

namespace penstock::config {

void judge(Reading& reading);

}  // namespace penstock::config
