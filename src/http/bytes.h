// Which bytes may stand where: one table, one bit for each class (RFC 9110 section 5.6, RFC 3986).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock {

constexpr std::uint8_t kTokenByte = 1;   // tchar: methods, field names, chunk extensions.
constexpr std::uint8_t kTargetByte = 2;  // VCHAR but '#': clients do not escape all that they should.
constexpr std::uint8_t kDigitByte = 4;
constexpr std::uint8_t kHexByte = 8;
constexpr std::uint8_t kHostByte = 16;  // unreserved and sub-delims, but no comma.
constexpr std::uint8_t kLineByte = 32;  // What may stand inside a line: no control but HTAB.

constexpr std::array<std::uint8_t, 256> make_byte_classes() {
  std::array<std::uint8_t, 256> classes{};
  const auto add = [&classes](std::string_view bytes, std::uint8_t bits) {
    for (char c : bytes) classes[static_cast<unsigned char>(c)] |= bits;
  };
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  add(kLetters, kTokenByte | kHostByte);
  add("0123456789", kTokenByte | kHostByte | kDigitByte | kHexByte);
  add("abcdefABCDEF", kHexByte);
  add("!#$%&'*+-.^_`|~", kTokenByte);
  add("-._~!$&'()*+;=", kHostByte);
  for (std::size_t c = 0x21; c < 0x7f; ++c) classes[c] |= c == '#' ? 0 : kTargetByte;
  for (std::size_t c = 0x20; c < 256; ++c) classes[c] |= c == 0x7f ? 0 : kLineByte;
  add("\t", kLineByte);
  return classes;
}

inline constexpr std::array<std::uint8_t, 256> kByteClasses = make_byte_classes();

inline bool is_byte(char c, std::uint8_t wanted) { return (kByteClasses[static_cast<unsigned char>(c)] & wanted) != 0; }

// True for an empty text, too.
inline bool all_bytes(std::string_view text, std::uint8_t wanted) {
  std::uint8_t common = wanted;
  for (char c : text) common &= kByteClasses[static_cast<unsigned char>(c)];
  return (common & wanted) != 0;
}

}  // namespace penstock
