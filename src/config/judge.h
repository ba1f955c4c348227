// What no single line shows: complains about what the finished Config says as a whole, and puts
// right what was only warned about.
#pragma once

#include "reading.h"

namespace penstock::config {

void judge(Reading& reading);
// The lines of a section's check, which must come first: those without effect are gone after it.
void judge_check(const Config& config, Proxy& proxy, Diagnostics& complaints);
void judge_server_check(const Config& config, const Proxy& proxy, const Server& server, Diagnostics& complaints);

}  // namespace penstock::config
