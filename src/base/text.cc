#include "penstock/base/text.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <vector>

#include "penstock/base/format.h"

namespace penstock {
bool equal_nocase(const char* a, const char* b, std::size_t size) {
  if (size < sizeof(std::uint64_t)) {
    for (std::size_t i = 0; i < size; ++i) {
      if (to_lower(a[i]) != to_lower(b[i])) return false;
    }
    return true;
  }
  const std::size_t last = size - sizeof(std::uint64_t);
  for (std::size_t i = 0; i < last; i += sizeof(std::uint64_t)) {
    if (lower_word<std::uint64_t>(a + i) != lower_word<std::uint64_t>(b + i)) return false;
  }
  return lower_word<std::uint64_t>(a + last) == lower_word<std::uint64_t>(b + last);
}

bool starts_with_nocase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equal_nocase(text.substr(0, prefix.size()), prefix);
}

bool ends_with_nocase(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && equal_nocase(text.substr(text.size() - suffix.size()), suffix);
}

std::size_t find_nocase(std::string_view text, std::string_view part) {
  if (part.size() > text.size()) return std::string_view::npos;
  for (std::size_t i = 0; i + part.size() <= text.size(); ++i) {
    if (equal_nocase(text.substr(i, part.size()), part)) return i;
  }
  return std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), to_lower);
  return out;
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view cut(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  std::string_view before = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return before;
}

namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

struct Scaled {
  std::uint64_t number;
  std::string_view unit;
};

std::optional<Scaled> split_number(std::string_view text) {
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
  const auto number = parse_number<std::uint64_t>(text.substr(0, digits));
  if (!number) return std::nullopt;
  return Scaled{*number, text.substr(digits)};
}

std::optional<std::uint64_t> scale(std::uint64_t number, std::uint64_t factor) {
  if (number > std::numeric_limits<std::uint64_t>::max() / 2 / factor) return std::nullopt;
  return number * factor;
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  return parse_number<std::int64_t>(text);
}

std::optional<std::uint64_t> parse_unsigned(std::string_view text) { return parse_number<std::uint64_t>(text); }

std::optional<std::uint64_t> parse_duration_us(std::string_view text, TimeUnit unit) {
  const auto split = split_number(text);
  if (!split) return std::nullopt;
  if (split->unit.empty()) return scale(split->number, static_cast<std::uint64_t>(unit));
  if (split->unit == "us") return split->number;
  if (split->unit == "ms") return scale(split->number, 1000);
  if (split->unit == "s") return scale(split->number, 1000000);
  if (split->unit == "m") return scale(split->number, 60 * 1000000ull);
  if (split->unit == "h") return scale(split->number, 3600 * 1000000ull);
  if (split->unit == "d") return scale(split->number, 86400 * 1000000ull);
  return std::nullopt;
}

std::optional<std::uint64_t> parse_duration_ms(std::string_view text, TimeUnit unit) {
  const auto us = parse_duration_us(text, unit);
  if (!us) return std::nullopt;
  return (*us + 999) / 1000;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto split = split_number(text);
  if (!split) return std::nullopt;
  if (split->unit.empty()) return split->number;
  if (equal_nocase(split->unit, "k")) return scale(split->number, 1024);
  if (equal_nocase(split->unit, "m")) return scale(split->number, 1024 * 1024);
  if (equal_nocase(split->unit, "g")) return scale(split->number, 1024 * 1024 * 1024);
  return std::nullopt;
}

std::string duration_text(std::uint64_t ms) {
  struct Unit {
    std::uint64_t ms;
    const char* name;
  };
  constexpr Unit kUnits[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}};
  if (ms == 0) return "0";
  for (const Unit& unit : kUnits) {
    if (ms % unit.ms == 0) return format("{}{}", ms / unit.ms, unit.name);
  }
  return format("{}ms", ms);
}

namespace {

// Damerau-Levenshtein restricted to adjacent swaps: the slips people make when typing.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = last[j - 1] + (to_lower(a[i - 1]) == to_lower(b[j - 1]) ? 0 : 1);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string> parse_hexadecimal(std::string_view digits) {
  const auto value = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  if (digits.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const int high = value(digits[i]), low = value(digits[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace penstock
