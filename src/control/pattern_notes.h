// What of maps and ACLs was changed by command, told so that a process that comes after this one can have it again.
// What is told adds up to the difference from the configuration: see KeptEntries.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>

#include "command.h"
#include "penstock/proxy/ground.h"

namespace penstock {

struct PatternNotes {
  // Digests of the keys that the configuration gave, and that were not taken out since. Nothing: too many to know.
  using Given = std::optional<std::unordered_set<std::uint64_t>>;
  std::map<std::string, Given> given;  // Of each that was changed.
};

// One command's change of the patterns of `plan`; to be made before it.
class PatternNote {
 public:
  PatternNote(const CallRef& call, const PatternPlan& plan);
  void added(std::string_view key, std::string_view value) const;
  void set(std::string_view key, std::string_view value) const;
  void removed(std::string_view key) const;
  void cleared() const;
  // All is another now.
  void replaced() const;
  // The key of an entry, if it is the only one of that key.
  std::optional<std::string> only_key_of(std::uint64_t id) const;
  // Something was changed that cannot be told.
  void changed() const;

 private:
  void keep(std::string_view key, std::vector<std::string> words, bool of_file = false) const;
  PatternNotes::Given& given() const;

  const CallRef& call_;
  const PatternPlan& plan_;
  const std::string file_;  // As a command names it.
  const std::string what_;  // As the line of a reload does.
};

}  // namespace penstock
