// Lines rewritten whose complaint shows words that do the same (penstock -c --fix).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "penstock/config/diagnostics.h"

namespace penstock::config {

// Where the words of a line end, and its comment or the blanks before that begin.
std::size_t end_of_words(std::string_view line);

// The text of a file with those lines rewritten; comments and layout stay.
std::string fixed_text(std::string_view text, std::uint32_t file, const Diagnostics& diagnostics);

}  // namespace penstock::config
