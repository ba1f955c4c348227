// Where something stands in a configuration: apart from the model, since all that complains knows it.
#pragma once

#include <cstdint>
#include <string>

namespace penstock::config {

// Where something stands: an index into Config::files, line and column from 1. line 0: nowhere.
struct Place {
  std::uint32_t file = 0;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  // Where something stands is no part of what it says: values that differ in places alone are equal.
  bool operator==(const Place&) const { return true; }
};

// One word of a line after quotes, escapes and variables were resolved.
struct Word {
  std::string text;
  Place place;
  bool operator==(const Word&) const = default;
};

}  // namespace penstock::config
