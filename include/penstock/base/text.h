// Text as the field writes it: case-blind compare, numbers, durations, sizes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace penstock {

// ASCII only: what HTTP and the .cfg compare without case is ASCII.
inline char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
inline char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; }
bool equal_nocase(const char* a, const char* b, std::size_t size);
inline bool equal_nocase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && equal_nocase(a.data(), b.data(), a.size());
}
// Bytes in a word, each of the letters small.
template <class Word>
Word lower_word(const char* text) {
  constexpr Word kEach = static_cast<Word>(0x0101010101010101);
  Word letters;
  std::memcpy(&letters, text, sizeof(letters));
  const Word low = letters & (0x7f * kEach);
  // The high bit of a byte: it is at least 'A'; it is above 'Z'.
  const Word from_a = low + (0x80 - 'A') * kEach, above_z = low + (0x7f - 'Z') * kEach;
  const Word upper = (from_a ^ above_z) & ~letters & (0x80 * kEach);
  return letters | upper >> 2;
}
// Names of fields are compared more than anything else: with one that is written here, in a few instructions.
template <std::size_t N>
bool equal_nocase(std::string_view text, const char (&name)[N]) {
  constexpr std::size_t kSize = N - 1;
  if (text.size() != kSize) return false;
  if constexpr (kSize < 4 || kSize > 16) {
    return equal_nocase(text.data(), name, kSize);
  } else {
    using Word = std::conditional_t<(kSize < 8), std::uint32_t, std::uint64_t>;
    constexpr std::size_t kLast = kSize - sizeof(Word);
    return lower_word<Word>(text.data()) == lower_word<Word>(name) &&
           lower_word<Word>(text.data() + kLast) == lower_word<Word>(name + kLast);
  }
}
bool starts_with_nocase(std::string_view text, std::string_view prefix);
bool ends_with_nocase(std::string_view text, std::string_view suffix);
// Position of `part` in `text` or npos.
std::size_t find_nocase(std::string_view text, std::string_view part);
std::string lower(std::string_view text);
// Without spaces and tabs at either end.
std::string_view trim(std::string_view text);
// Cuts `text` at its first `separator`: returns what stands before, leaves what stands behind.
std::string_view cut(std::string_view& text, char separator);

// The whole text must be the number.
std::optional<std::int64_t> parse_integer(std::string_view text);
std::optional<std::uint64_t> parse_unsigned(std::string_view text);

// Configuration manual, "Time format": digits and us, ms, s, m, h, d; a bare number is in `unit`s.
// Result in microseconds.
enum class TimeUnit : std::uint64_t { Microsecond = 1, Millisecond = 1000, Second = 1000000 };
std::optional<std::uint64_t> parse_duration_us(std::string_view text, TimeUnit unit = TimeUnit::Millisecond);
// The same in milliseconds, rounded up, so that no time given becomes none.
std::optional<std::uint64_t> parse_duration_ms(std::string_view text, TimeUnit unit = TimeUnit::Millisecond);
// Digits and k, m, g (powers of 1024, either case).
std::optional<std::uint64_t> parse_size(std::string_view text);
// The shortest exact text for a time: "10s", "1500ms", "2h", "0".
std::string duration_text(std::uint64_t ms);

// Two digits a byte, either case.
std::optional<std::string> parse_hexadecimal(std::string_view digits);

// The candidate nearest to `word` by edit distance, or empty when none is near enough to be meant.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace penstock
