// What `normalize-uri` makes of a path with its query (RFC 3986 section 6.2.2). Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "penstock/base/arena.h"

namespace penstock::rules {

enum class Normalizer : std::uint8_t {
  FragmentEncode,
  FragmentStrip,
  MergeSlashes,
  StripDot,
  StripDotDot,      // What leads above the root stays,
  StripDotDotFull,  // or goes.
  DecodeUnreserved,
  UpperCase,
  SortQuery,
};

// `path_and_query` normalized, itself or in the arena. Nothing: it is `strict`, and what stands behind a '%' are not two
// hexadecimal digits.
std::optional<std::string_view> normalize(Normalizer normalizer, std::string_view path_and_query, bool strict,
                                          Arena& arena);

}  // namespace penstock::rules
