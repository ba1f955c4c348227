// Hexadecimal digits, either case.
#pragma once

#include <string>
#include <string_view>

#include "penstock/base/text.h"

namespace penstock::rules {

// 0 to 15, or -1 for what is no digit.
inline int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// An even number of digits; false for anything else.
inline bool decode_hex(std::string_view text, std::string& out) {
  if (text.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out += static_cast<char>(high * 16 + low);
  }
  return true;
}

}  // namespace penstock::rules
