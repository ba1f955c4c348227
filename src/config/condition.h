// Conditions of `.if` and `-cc` (configuration manual section 2.4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lexer.h"

namespace penstock::config {

struct ConditionError {
  std::size_t offset = 0;  // Into the text given.
  std::string text;
};

// The value of `text`, whose quotes and variables were resolved once already, or nothing after
// filling `error`. An empty text is false.
std::optional<bool> judge_condition(std::string_view text, const Environment& environment, ConditionError& error);

}  // namespace penstock::config
