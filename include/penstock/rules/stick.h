// `stick` lines (manual section 4.2): what of a request or an answer names the client in a table.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "penstock/config/settings.h"
#include "penstock/rules/condition.h"
#include "penstock/rules/sample.h"
#include "penstock/rules/subject.h"

namespace penstock::rules {

// The value as keys of the table are: of one type, and of its length. False if it cannot be one.
// The bytes lie where the value's do, or in the subject's arena.
bool make_key(const config::StickTable& table, Subject& subject, Value& value, std::string_view& out);

Type type_of_keys(const config::StickTable& table);

struct StickRule {
  bool matches = false;  // The entry chooses the server.
  bool stores = false;   // The server that serves goes into the entry.
  int table = -1;        // Its number in Environment.
  config::StickTable line;
  Sample sample;
  Condition condition;

  // Nothing if the rule does not hold, or there is nothing of the kind.
  std::optional<std::string_view> key(Subject& subject) const;
  // Of a rule that holds; `value` is the sample before it became a key.
  std::optional<std::string_view> key(Subject& subject, Value& value) const;
};

}  // namespace penstock::rules
