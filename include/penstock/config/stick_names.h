// What a line calls the keys and data of stick tables.
#pragma once

#include <string_view>

#include "penstock/config/settings.h"

namespace penstock::config {

std::string_view stick_key_name(StickTable::Key key);
std::string_view stick_data_name(StickData data);

}  // namespace penstock::config
