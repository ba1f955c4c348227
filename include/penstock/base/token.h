// Tokens of HTTP: names of fields, methods (RFC 9110 section 5.6.2).
#pragma once

#include <string_view>

namespace penstock {

inline bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  for (const char c : text) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!is_letter && !(c >= '0' && c <= '9') && kMarks.find(c) == std::string_view::npos) return false;
  }
  return !text.empty();
}

}  // namespace penstock
