// Texts with values in them: the one door to fmt. Apart from text.h, since it is slow to compile.
#pragma once

#include <fmt/core.h>

#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace penstock {

template <class... Arguments>
std::string format(fmt::format_string<Arguments...> pattern, Arguments&&... arguments) {
  return fmt::format(pattern, std::forward<Arguments>(arguments)...);
}

template <class... Arguments>
void append_format(std::string& to, fmt::format_string<Arguments...> pattern, Arguments&&... arguments) {
  fmt::format_to(std::back_inserter(to), pattern, std::forward<Arguments>(arguments)...);
}

// Writes into `space`, never past its end; returns what was written (cut if it did not fit).
template <class... Arguments>
std::string_view format_into(std::span<char> space, fmt::format_string<Arguments...> pattern,
                             Arguments&&... arguments) {
  auto written = fmt::format_to_n(space.data(), space.size(), pattern, std::forward<Arguments>(arguments)...);
  return {space.data(), written.size < space.size() ? written.size : space.size()};
}

}  // namespace penstock
