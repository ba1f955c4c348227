// Regular expressions: PCRE2, compiled once with JIT, matched under limits. The one door to pcre2.h
// together with regex.cc.
//
// PCRE2 counts the steps from each place where a match may begin, each of which may look at all of
// the text: its limits bound short texts only. What is longer, or exceeds them, is matched by a
// second compilation that calls us before each item of the pattern, so that the time can be looked
// at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "penstock/rules/subject.h"
#include "text_builder.h"

namespace penstock::rules {

// What a match covered: group 0 is the whole. Valid until the subject's next match.
struct RegexGroups {
  const std::size_t* offsets = nullptr;
  std::size_t count = 0;

  std::string_view group(std::string_view text, std::size_t number) const {
    if (number >= count || offsets[2 * number] == static_cast<std::size_t>(-1)) return {};
    return text.substr(offsets[2 * number], offsets[2 * number + 1] - offsets[2 * number]);
  }
};

class Regex {
 public:
  // Null, with the library's words and the offset in `error`, if `pattern` is none.
  static std::unique_ptr<Regex> compile(std::string_view pattern, bool ignore_case, std::string& error);
  ~Regex();
  Regex(const Regex&) = delete;
  Regex& operator=(const Regex&) = delete;

  // Looks for a match from `from` on. One that is given up (a pattern that backtracks without end
  // on hostile input) is reported as none, and as Trouble::Match.
  bool find(Subject& subject, std::string_view text, std::size_t from, RegexGroups& groups) const;
  bool matches(Subject& subject, std::string_view text) const {
    RegexGroups groups;
    return find(subject, text, 0, groups);
  }

 private:
  Regex() = default;
  void* code_ = nullptr;
  void* watched_ = nullptr;  // Null for a pattern that has no choice to make.
};

// Time for matching many texts one after the other: 5 ms and 500 ns for each byte of them all.
constexpr std::int64_t matching_ns(std::size_t size) { return 5'000'000 + 500 * static_cast<std::int64_t>(size); }

// `replacement` with \0 .. \9 replaced by the groups, "\\" by one backslash. False if it did not
// fit.
bool put_groups(TextBuilder& to, std::string_view replacement, std::string_view text, const RegexGroups& groups);
// The same, in the arena.
std::string_view expand_groups(Subject& subject, std::string_view replacement, std::string_view text,
                               const RegexGroups& groups);

}  // namespace penstock::rules
