// What an old regular expression, which looked at each line of a head as it came, says of one field or of the target.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace penstock::config {

// "^Name: value": fields of that name. Without a colon, those whose names begin so.
struct FieldPattern {
  std::string name;
  bool is_whole_name = false;
  std::string value;  // What the value matches, from its beginning; blanks before it say nothing.
  // The pattern looks at no other line, and blanks before the value count for nothing.
  bool is_certain = false;
};
std::optional<FieldPattern> field_pattern(std::string_view regex);

// A replacement of the whole line "Name: text": its text as a format. Nothing if it makes another field.
std::optional<std::string> field_replacement(const std::string& name, std::string_view replacement);

// "^([^ :]*) /path(.*)" with "\1 /other\2": what to match in the target, and what it becomes.
struct TargetChange {
  std::string regex;
  std::string replacement;
  bool is_certain = false;
};
std::optional<TargetChange> target_change(std::string_view regex, std::string_view replacement);

// What of a pattern is about the target, where it is written for a whole request line.
std::string target_pattern(std::string_view regex);

bool has_letters(std::string_view text);

}  // namespace penstock::config
