// Patterns of an ACL and the ways of matching a sample against them (manual section 7.1).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "penstock/rules/address_set.h"
#include "penstock/rules/subject.h"
#include "penstock/rules/value.h"
#include "regex.h"

namespace penstock::rules {

enum class Match : std::uint8_t { Found, Bool, Int, Ip, Bin, Len, Str, Beg, End, Sub, Dir, Dom, Reg };

constexpr std::string_view kDirDelimiters = "/?";
constexpr std::string_view kDomDelimiters = "/?.:";

// True if `pattern`, without delimiters at its ends, stands in `text` between delimiters or the ends.
bool has_part(std::string_view text, std::string_view pattern, std::string_view delimiters, bool ignore_case);
// "5", "1:10", ":10", "10:"; with `decimal` also "3.1", which is 3 * 65536 + 1.
bool parse_range(std::string_view text, std::int64_t& low, std::int64_t& high, bool decimal = false);

class Matcher {
 public:
  explicit Matcher(Match match, bool decimal = false) : match_(match), decimal_(decimal) {}
  Match match() const { return match_; }
  bool empty() const { return count_ == 0; }
  // Patterns of Match::Str, Beg and their kin.
  std::vector<std::string_view> texts() const;
  // The type a sample must be cast to before it is matched.
  Type input() const;
  // One pattern. `comparison` is "eq", "ge", ... for integers. False with the reason in `error`.
  bool add(std::string_view pattern, bool ignore_case, std::string_view comparison, std::string& error);
  // After the last pattern.
  void finish() { addresses_.finish(); }
  bool matches(Subject& subject, const Value& value) const;

 private:
  struct Text {
    std::string text;
    bool ignore_case;
  };
  struct Range {
    std::int64_t low, high;
  };
  struct Folding {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const;
  };
  struct EqualFolded {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const;
  };
  struct Hashing {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  bool add_integer(std::string_view pattern, std::string_view comparison, std::string& error);
  bool matches_integer(std::int64_t number) const;
  bool matches_text(std::string_view text) const;
  bool matches_exactly(std::string_view text) const;

  Match match_;
  bool decimal_;
  std::size_t count_ = 0;
  std::vector<Range> ranges_;
  std::vector<Text> texts_;
  // Long lists of exact texts are hashed; the few of a usual ACL are compared one by one.
  std::unordered_set<std::string, Hashing, std::equal_to<>> exact_;
  std::unordered_set<std::string, Folding, EqualFolded> folded_;
  std::vector<std::unique_ptr<Regex>> regexes_;
  AddressSet addresses_;
};

}  // namespace penstock::rules
