// Hashes that the configuration can name. None is for security.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

namespace penstock::rules {

inline std::uint32_t hash_sdbm(std::string_view bytes) {
  std::uint32_t hash = 0;
  for (const char c : bytes) hash = static_cast<unsigned char>(c) + (hash << 6) + (hash << 16) - hash;
  return hash;
}

inline std::uint32_t hash_djb2(std::string_view bytes) {
  std::uint32_t hash = 5381;
  for (const char c : bytes) hash = (hash << 5) + hash + static_cast<unsigned char>(c);
  return hash;
}

// Reflected CRC of 32 bits: polynomial 0xedb88320 for Ethernet and gzip, 0x82f63b78 for CRC32C (RFC 9260).
template <std::uint32_t polynomial>
inline std::uint32_t hash_crc(std::string_view bytes) {
  static constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? (value >> 1) ^ polynomial : value >> 1;
      table[i] = value;
    }
    return table;
  }();
  std::uint32_t crc = 0xffffffff;
  for (const char c : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

// WT6: two halves that turn each other by as much as the last byte made of them.
inline std::uint32_t hash_wt6(std::string_view bytes) {
  std::uint32_t low = 0xa53c965a, high = 0x5ca6953a;
  int turn_high = 6, turn_low = 18;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    const std::uint32_t turned = std::rotl(~(high + byte), turn_high);
    high = std::rotl(~(low ^ byte), turn_low);
    low = turned;
    const std::uint32_t mixed = (low >> 16 ^ high) & 0xffff;
    turn_high = static_cast<int>(mixed & 31);
    turn_low = static_cast<int>(mixed >> 11);
  }
  return low ^ high;
}

// Bob Jenkins' full avalanche of 32 bits, then spread by a multiplication: what `hash(1)` means.
inline std::uint32_t avalanche(std::uint32_t a) {
  a = (a + 0x7ed55d16) + (a << 12);
  a = (a ^ 0xc761c23c) ^ (a >> 19);
  a = (a + 0x165667b1) + (a << 5);
  a = (a + 0xd3a2646c) ^ (a << 9);
  a = (a + 0xfd7046c5) + (a << 3);
  a = (a ^ 0xb55a4f09) ^ (a >> 16);
  return a * 3221225473u;
}

}  // namespace penstock::rules
