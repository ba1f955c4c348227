#include "old_patterns.h"

#include <algorithm>

#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock::config {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_name_char(char c) { return is_digit(c) || is_letter(c) || c == '-' || c == '_'; }

// Blanks were written with a backslash, which says nothing in a regular expression.
std::string plain_blanks(std::string_view regex) {
  std::string out;
  for (std::size_t i = 0; i < regex.size(); ++i) {
    if (regex[i] == '\\' && i + 1 < regex.size() && regex[i + 1] == ' ') continue;
    out += regex[i];
    if (regex[i] == '\\' && i + 1 < regex.size()) out += regex[++i];
  }
  return out;
}

// Whether the expression has alternatives that its beginning does not hold for.
bool has_alternatives(std::string_view regex) {
  int depth = 0;
  for (std::size_t i = 0; i < regex.size(); ++i) {
    if (regex[i] == '\\')
      ++i;
    else if (regex[i] == '(')
      ++depth;
    else if (regex[i] == ')')
      --depth;
    else if (regex[i] == '|' && depth == 0)
      return true;
  }
  return false;
}

// Takes what matches blanks off the beginning; false if blanks are wanted, or none, in a certain number.
bool take_blanks(std::string_view& value) {
  bool taken = false;
  for (const std::string_view blanks : {"\\s*", "\\s+", "[ ]*", "[ ]+", " *", " +", " "}) {
    if (!value.starts_with(blanks)) continue;
    value.remove_prefix(blanks.size());
    taken = true;
    break;
  }
  if (value.starts_with(' ')) return false;
  return taken || value.empty() || value.starts_with(".*") || value.starts_with("(.*)");
}

// Log-format of a replacement, whose only escapes are those of groups; nothing if there are others.
std::optional<std::string> as_format(std::string_view replacement) {
  std::string out;
  for (std::size_t i = 0; i < replacement.size(); ++i) {
    if (replacement[i] == '\\' && (i + 1 == replacement.size() || !is_digit(replacement[i + 1]))) return std::nullopt;
    out += replacement[i];
    if (replacement[i] == '%') out += '%';
  }
  return out;
}

// Groups have a number less when that of the method is gone; nothing if it is used.
std::optional<std::string> renumbered(std::string_view replacement) {
  std::string out;
  for (std::size_t i = 0; i < replacement.size(); ++i) {
    out += replacement[i];
    if (replacement[i] != '\\' || i + 1 == replacement.size()) continue;
    const char digit = replacement[++i];
    if (digit == '0' || digit == '1') return std::nullopt;
    out += is_digit(digit) ? static_cast<char>(digit - 1) : digit;
  }
  return out;
}

// True if what stands before the last "(.*)" can match nothing beyond the target: plain characters, groups of them.
bool stays_in_target(std::string_view regex) {
  constexpr std::string_view kPlain = "/_-~%=&,;@!()|";
  for (std::size_t i = 0; i < regex.size(); ++i) {
    const char c = regex[i];
    const char next = i + 1 < regex.size() ? regex[i + 1] : '\0';
    if (is_letter(c) || is_digit(c) || kPlain.find(c) != std::string_view::npos) continue;
    // "HTTP/1.1" stands behind the target, after a blank that a dot would match.
    if (c == '.' && (is_letter(next) || is_digit(next)) && next != 'h' && next != 'H') continue;
    if (c == '?' && i > 0 && regex[i - 1] != '(') continue;
    if (c == '\\' && std::string_view(".?/+-*$[]{}").find(next) != std::string_view::npos && next != '\0') {
      ++i;
      continue;
    }
    return false;
  }
  return true;
}

}  // namespace

bool has_letters(std::string_view text) { return std::any_of(text.begin(), text.end(), is_letter); }

std::optional<FieldPattern> field_pattern(std::string_view regex) {
  const std::string plain = plain_blanks(regex);
  std::string_view rest = plain;
  if (!rest.starts_with('^')) return std::nullopt;
  rest.remove_prefix(1);
  FieldPattern pattern;
  while (!rest.empty() && is_name_char(rest[0])) {
    pattern.name += rest[0];
    rest.remove_prefix(1);
  }
  if (pattern.name.empty()) return std::nullopt;
  pattern.is_certain = !has_alternatives(plain);
  if (rest.empty()) return pattern;
  if (rest[0] != ':') return std::nullopt;
  rest.remove_prefix(1);
  pattern.is_whole_name = true;
  pattern.is_certain = take_blanks(rest) && pattern.is_certain;
  pattern.value = std::string(trim(rest));
  return pattern;
}

std::optional<std::string> field_replacement(const std::string& name, std::string_view replacement) {
  const std::string plain = plain_blanks(replacement);
  std::string_view rest = plain;
  const std::string_view its_name = cut(rest, ':');
  if (!equal_nocase(its_name, name) || trim(rest).empty()) return std::nullopt;
  return as_format(trim(rest));
}

std::optional<TargetChange> target_change(std::string_view regex, std::string_view replacement) {
  const std::string plain = plain_blanks(regex);
  const std::string becomes = plain_blanks(replacement);
  const std::size_t method_end = plain.find(") ");
  if (!plain.starts_with("^(") || method_end == std::string::npos || !becomes.starts_with("\\1 ")) return std::nullopt;
  const std::string_view method = std::string_view(plain).substr(2, method_end - 2);
  const std::string_view target = std::string_view(plain).substr(method_end + 2);
  const auto text = renumbered(std::string_view(becomes).substr(3));
  const auto format = text ? as_format(*text) : std::nullopt;
  if (!format || target.empty()) return std::nullopt;
  TargetChange change{penstock::format("^{}", target), *format, false};
  // No field begins so: before its colon there is no blank.
  const bool is_request_line = method == "[^ :]*" || method == "[^ :]+";
  std::string_view before = target;
  if (before.ends_with('$')) before.remove_suffix(1);
  if (!is_request_line || !before.ends_with("(.*)")) return change;
  before.remove_suffix(4);
  const auto groups = std::count(before.begin(), before.end(), '(');
  change.is_certain = before.starts_with('/') && stays_in_target(before) && !has_alternatives(before) &&
                      format->ends_with(penstock::format("\\{}", groups + 1)) && format->find(' ') == std::string::npos;
  return change;
}

std::string target_pattern(std::string_view regex) {
  const std::string plain = plain_blanks(regex);
  std::size_t end = 0;
  for (bool in_class = false; end < plain.size() && (in_class || plain[end] != ' '); ++end) {
    if (plain[end] == '[') in_class = true;
    if (plain[end] == ']') in_class = false;
  }
  return plain.starts_with('^') && end < plain.size() ? "^" + plain.substr(end + 1) : plain;
}

}  // namespace penstock::config
