// The text form of Prometheus (version 0.0.4), piece by piece.
#pragma once

#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "penstock/base/format.h"

namespace penstock::metrics_line {

inline void write_heading(std::string_view name, std::string_view help, std::string_view type, std::string& out) {
  append_format(out, "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

// name="value"
inline void append_label(std::string_view name, std::string_view value, std::string& out) {
  append_format(out, "{}=\"", name);
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  out += '"';
}

// There are many lines: a format takes its time.
inline void append(std::initializer_list<std::string_view> parts, std::string& out) {
  for (const std::string_view part : parts) out += part;
}

inline void append_number(std::int64_t number, std::string& out) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof(digits), number).ptr);
}

}  // namespace penstock::metrics_line
