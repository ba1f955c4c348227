// Compiles log-format strings.
#pragma once

#include <optional>
#include <string_view>

#include "expression.h"
#include "format_node.h"
#include "penstock/rules/format.h"

namespace penstock::rules {

// Never fails silently: nothing after a complaint. `available` (Needs) is what the place offers.
std::optional<Format> compile_format(Compiling& compiling, std::string_view text, config::Place place, FormatUse use,
                                     unsigned available);
// A text without any format in it.
Format plain_format(std::string_view text);

}  // namespace penstock::rules
