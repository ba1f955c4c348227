// Hashes that the configuration can name. None is for security.
#pragma once

#include <array>
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
