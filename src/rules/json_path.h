// A value looked for in a JSON text: '$.a.b[2]', without a tree and without allocations.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::rules {

struct JsonStep {
  std::string name;           // Empty: an element of a list.
  std::uint32_t element = 0;  // The first is 0.
};
using JsonPath = std::vector<JsonStep>;

// '$', then '.name' or '[number]' as often as one likes; a backslash makes a letter of a name what it is. Nothing: it is
// no such path.
std::optional<JsonPath> parse_json_path(std::string_view text);

struct JsonFound {
  enum class Kind : std::uint8_t { None, Number, Text, True, False };
  Kind kind = Kind::None;
  std::string_view text;  // Of a number as it is written; of a text what stands between its quotes.
};

// The first that the path leads to. What stands behind it in the text is not looked at; lists, objects and null are none.
JsonFound find_json(std::string_view text, const JsonPath& path);
// The escapes of a text resolved, into `to`, which holds as much as it has bytes. Nothing: one of them is none.
std::optional<std::size_t> unescape_json(std::string_view text, char* to);

}  // namespace penstock::rules
