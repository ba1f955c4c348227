#include "matcher.h"

#include <limits>
#include <optional>

#include "hex.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock::rules {

namespace {

constexpr std::size_t kComparedOneByOne = 8;

bool equal(std::string_view a, std::string_view b, bool ignore_case) {
  return ignore_case ? equal_nocase(a, b) : a == b;
}

bool begins(std::string_view text, std::string_view pattern, bool ignore_case) {
  return text.size() >= pattern.size() && equal(text.substr(0, pattern.size()), pattern, ignore_case);
}

bool ends(std::string_view text, std::string_view pattern, bool ignore_case) {
  return text.size() >= pattern.size() && equal(text.substr(text.size() - pattern.size()), pattern, ignore_case);
}

bool contains(std::string_view text, std::string_view pattern, bool ignore_case) {
  return (ignore_case ? find_nocase(text, pattern) : text.find(pattern)) != std::string_view::npos;
}

std::optional<std::int64_t> parse_bound(std::string_view text, bool decimal) {
  if (text.starts_with('+')) return std::nullopt;
  if (!decimal) return parse_integer(text);
  std::string_view minor = text;
  const auto major = parse_integer(cut(minor, '.'));
  if (!major) return std::nullopt;
  if (text.find('.') == std::string_view::npos) return *major << 16;
  const auto low = parse_integer(minor);
  if (!low) return std::nullopt;
  return (*major << 16) + *low;
}

}  // namespace

bool has_part(std::string_view text, std::string_view pattern, std::string_view delimiters, bool ignore_case) {
  const auto is_delimiter = [&](char c) { return delimiters.find(c) != std::string_view::npos; };
  while (!pattern.empty() && is_delimiter(pattern.front())) pattern.remove_prefix(1);
  while (!pattern.empty() && is_delimiter(pattern.back())) pattern.remove_suffix(1);
  if (pattern.size() > text.size()) return false;
  for (std::size_t at = 0; at + pattern.size() <= text.size(); ++at) {
    if (at != 0 && !is_delimiter(text[at - 1])) continue;
    const std::size_t behind = at + pattern.size();
    if (behind != text.size() && !is_delimiter(text[behind])) continue;
    if (equal(text.substr(at, pattern.size()), pattern, ignore_case)) return true;
  }
  return false;
}

bool parse_range(std::string_view text, std::int64_t& low, std::int64_t& high, bool decimal) {
  low = std::numeric_limits<std::int64_t>::min();
  high = std::numeric_limits<std::int64_t>::max();
  const std::size_t colon = text.find(':');
  const std::string_view first = text.substr(0, colon);
  const std::string_view second = colon == std::string_view::npos ? first : text.substr(colon + 1);
  if (first.empty() && second.empty()) return false;
  const auto from = parse_bound(first, decimal), to = parse_bound(second, decimal);
  if ((!from && !first.empty()) || (!to && !second.empty())) return false;
  if (from) low = *from;
  if (to) high = *to;
  // "3" of a decimal stands for 3.0 alone, as any integer does for itself.
  return low <= high;
}

std::size_t Matcher::Folding::operator()(std::string_view text) const {
  std::size_t hash = 0xcbf29ce484222325ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(to_lower(c))) * 0x100000001b3ull;
  return hash;
}

bool Matcher::EqualFolded::operator()(std::string_view a, std::string_view b) const { return equal_nocase(a, b); }

Type Matcher::input() const {
  switch (match_) {
    case Match::Found:
      return Type::None;
    case Match::Bool:
      return Type::Bool;
    case Match::Int:
      return Type::Integer;
    case Match::Ip:
      return Type::Address;
    case Match::Bin:
      return Type::Binary;
    case Match::Len:
    case Match::Str:
    case Match::Beg:
    case Match::End:
    case Match::Sub:
    case Match::Dir:
    case Match::Dom:
    case Match::Reg:
      return Type::Text;
  }
  return Type::Text;
}

std::vector<std::string_view> Matcher::texts() const {
  std::vector<std::string_view> all(exact_.begin(), exact_.end());
  all.insert(all.end(), folded_.begin(), folded_.end());
  for (const Text& pattern : texts_) all.push_back(pattern.text);
  return all;
}

bool Matcher::add_integer(std::string_view pattern, std::string_view comparison, std::string& error) {
  Range range;
  if (!parse_range(pattern, range.low, range.high, decimal_)) {
    error = format("'{}' is no number or range such as 5, 1:10 or 10:", pattern);
    return false;
  }
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  if (!comparison.empty() && comparison != "eq") {
    if (range.low != range.high) return error = format("a range cannot be compared by '{}'", comparison), false;
    const std::int64_t bound = range.low;
    if (comparison == "ge")
      range = {bound, kMost};
    else if (comparison == "gt")
      range = bound == kMost ? Range{1, 0} : Range{bound + 1, kMost};
    else if (comparison == "le")
      range = {kLeast, bound};
    else
      range = bound == kLeast ? Range{1, 0} : Range{kLeast, bound - 1};
  }
  ranges_.push_back(range);
  return true;
}

bool Matcher::add(std::string_view pattern, bool ignore_case, std::string_view comparison, std::string& error) {
  ++count_;
  switch (match_) {
    case Match::Found:
    case Match::Bool:
      return true;
    case Match::Int:
    case Match::Len:
      return add_integer(pattern, comparison, error);
    case Match::Ip:
      if (addresses_.add(pattern)) return true;
      error = format("'{}' is no IP address or network such as 10.0.0.0/8 or 2001:db8::/32", pattern);
      return false;
    case Match::Bin: {
      std::string bytes;
      if (!decode_hex(pattern, bytes))
        return error = format("'{}' is no even number of hexadecimal digits", pattern), false;
      texts_.push_back({std::move(bytes), false});
      return true;
    }
    case Match::Reg: {
      std::unique_ptr<Regex> regex = Regex::compile(pattern, ignore_case, error);
      if (regex == nullptr) return error = format("'{}' is no regular expression: {}", pattern, error), false;
      regexes_.push_back(std::move(regex));
      return true;
    }
    case Match::Str:
      if (texts_.size() >= kComparedOneByOne) {
        if (ignore_case)
          folded_.emplace(pattern);
        else
          exact_.emplace(pattern);
        return true;
      }
      texts_.push_back({std::string(pattern), ignore_case});
      return true;
    case Match::Beg:
    case Match::End:
    case Match::Sub:
    case Match::Dir:
    case Match::Dom:
      texts_.push_back({std::string(pattern), ignore_case});
      return true;
  }
  return false;
}

bool Matcher::matches_integer(std::int64_t number) const {
  for (const Range& range : ranges_) {
    if (number >= range.low && number <= range.high) return true;
  }
  return false;
}

bool Matcher::matches_exactly(std::string_view text) const {
  for (const Text& pattern : texts_) {
    if (equal(text, pattern.text, pattern.ignore_case)) return true;
  }
  return (!exact_.empty() && exact_.contains(text)) || (!folded_.empty() && folded_.contains(text));
}

bool Matcher::matches_text(std::string_view text) const {
  for (const Text& pattern : texts_) {
    bool found = false;
    switch (match_) {
      case Match::Beg:
        found = begins(text, pattern.text, pattern.ignore_case);
        break;
      case Match::End:
        found = ends(text, pattern.text, pattern.ignore_case);
        break;
      case Match::Sub:
        found = contains(text, pattern.text, pattern.ignore_case);
        break;
      case Match::Dir:
        found = has_part(text, pattern.text, kDirDelimiters, pattern.ignore_case);
        break;
      case Match::Dom:
        found = has_part(text, pattern.text, kDomDelimiters, pattern.ignore_case);
        break;
      case Match::Found:
      case Match::Bool:
      case Match::Int:
      case Match::Ip:
      case Match::Bin:
      case Match::Len:
      case Match::Str:
      case Match::Reg:
        break;
    }
    if (found) return true;
  }
  return false;
}

bool Matcher::matches(Subject& subject, const Value& value) const {
  switch (match_) {
    case Match::Found:
      return true;
    case Match::Bool:
      return value.integer != 0;
    case Match::Int:
      return matches_integer(value.integer);
    case Match::Len:
      return matches_integer(static_cast<std::int64_t>(value.text.size()));
    case Match::Ip:
      return addresses_.contains(value.ip);
    case Match::Bin:
    case Match::Str:
      return matches_exactly(value.text);
    case Match::Reg:
      for (const auto& regex : regexes_) {
        if (regex->matches(subject, value.text)) return true;
        if (subject.trouble != Trouble::None) return false;
      }
      return false;
    case Match::Beg:
    case Match::End:
    case Match::Sub:
    case Match::Dir:
    case Match::Dom:
      return matches_text(value.text);
  }
  return false;
}

}  // namespace penstock::rules
