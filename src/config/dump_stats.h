// The `stats` lines of a section in canonical text.
#pragma once

#include <string>

#include "penstock/config/settings.h"

namespace penstock::config {

std::string stats_lines(const StatsPage& page);

}  // namespace penstock::config
