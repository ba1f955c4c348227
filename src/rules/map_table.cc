#include "map_table.h"

namespace penstock::rules {

bool MapTable::look_up(Subject& subject, const Value& key, Value& out) const {
  const std::string_view text = key.text;  // `out` may be `key`.
  const PatternItem* found = index_.find(subject, key);
  if (found == nullptr) return false;
  if (expands_) {
    RegexGroups groups;
    if (!found->regex->find(subject, text, 0, groups)) return false;
    out.set_text(expand_groups(subject, found->raw, text, groups));
    return true;
  }
  out = found->value;
  // The entry may go while the transaction lasts.
  if (out.is_text()) out.set_text(subject.arena.copy(found->raw));
  return true;
}

}  // namespace penstock::rules
