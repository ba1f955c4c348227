// Under what conditions a variable is set.
#pragma once

#include "penstock/rules/value.h"

namespace penstock::rules {

// Conditions of set-var (manual section 7.3.1, "set-var").
enum SetVarIf : unsigned {
  kIfExists = 1,
  kIfNotExists = 2,
  kIfEmpty = 4,
  kIfNotEmpty = 8,
  kIfSet = 16,
  kIfNotSet = 32,
  kIfGreater = 64,
  kIfLess = 128
};

// Whether `value` may take the place of what was there (null: nothing ever was).
inline bool may_set(const Value* old, const Value& value, unsigned conditions) {
  const bool exists = old != nullptr;
  const bool is_set = exists && old->type != Type::None;
  const bool is_empty = value.is_text() && value.text.empty();
  if ((conditions & kIfExists) != 0 && !exists) return false;
  if ((conditions & kIfNotExists) != 0 && exists) return false;
  if ((conditions & kIfEmpty) != 0 && !is_empty) return false;
  if ((conditions & kIfNotEmpty) != 0 && is_empty) return false;
  if ((conditions & kIfSet) != 0 && !is_set) return false;
  if ((conditions & kIfNotSet) != 0 && is_set) return false;
  const bool comparable = is_set && old->type == Type::Integer && value.type == Type::Integer;
  if ((conditions & kIfGreater) != 0 && comparable && !(old->integer > value.integer)) return false;
  if ((conditions & kIfLess) != 0 && comparable && !(old->integer < value.integer)) return false;
  return true;
}

}  // namespace penstock::rules
