// The `len` of a stick table that gives none.
#pragma once

#include <cstdint>

#include "penstock/config/settings.h"

namespace penstock::config {

// HAProxy keeps a byte of a text for itself.
constexpr std::uint32_t usual_length(StickTable::Key key) { return key == StickTable::Key::String ? 31 : 32; }

}  // namespace penstock::config
