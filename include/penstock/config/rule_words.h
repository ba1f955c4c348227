// How the words of a rule fall apart: what its action takes, which of that are names of files, and
// where its condition begins. This is the only reader of it, for whoever judges rules and whoever
// compiles them: a value may be any word, so "if" or "file" may be the value of a header field.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "penstock/config/settings.h"

namespace penstock::config {

// What a rule of that set begins with, as it is written: "http-request", "use_backend".
std::string_view name_of(Rule::Set set);

// Where a word that is missing behind `word` would stand.
inline Place behind(const Word& word) {
  return {word.place.file, word.place.line, word.place.column + static_cast<std::uint32_t>(word.text.size())};
}

struct RuleParts {
  std::size_t condition = 0;       // Of `if` or `unless`; the number of words if there is none.
  std::vector<const Word*> files;  // Names of files among the action's words.
};
RuleParts parts_of(const Rule& rule);

// The files named by the words of an answer, as `http-error` has them behind its status.
std::vector<const Word*> files_of_reply(std::span<const Word> words);

// One term of a condition: the name of an acl, or a test between braces.
struct ConditionTerm {
  bool negated = false;
  const Word* word = nullptr;  // The name as it stands, or the brace.
  std::string_view name;       // Without '!'; empty for a test.
  std::span<const Word> test;  // What stands between the braces.
};
// The terms behind `if` or `unless`, which is the first of `words`; operators are left out.
std::vector<ConditionTerm> terms_of(std::span<const Word> words);

// Flags of a test: `<criterion> [flags] [operator] <value>...`.
struct TestFlags {
  bool folds_case = false;
  bool no_names = false;         // `-n`: names are not looked up.
  const Word* method = nullptr;  // Behind `-m`.
  std::vector<const Word*> files;
  std::size_t values = 0;  // Where the values begin.
};
TestFlags flags_of(std::span<const Word> test);

}  // namespace penstock::config
