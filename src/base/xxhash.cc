#include "penstock/base/xxhash.h"

#include <bit>
#include <cstddef>

namespace penstock {
namespace {

// The constants and the order of steps are those of the algorithm's description (xxHash, version
// 0.1.1).
constexpr std::uint64_t kPrime1 = 0x9E3779B185EBCA87, kPrime2 = 0xC2B2AE3D27D4EB4F, kPrime3 = 0x165667B19E3779F9,
                        kPrime4 = 0x85EBCA77C2B2AE63, kPrime5 = 0x27D4EB2F165667C5;

// Little-endian, wherever we run.
template <class T>
std::uint64_t take(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  bytes.remove_prefix(sizeof(T));
  return value;
}

std::uint64_t round_of(std::uint64_t lane, std::uint64_t input) {
  return std::rotl(lane + input * kPrime2, 31) * kPrime1;
}

// Four lanes of eight bytes, while there are enough of them.
std::uint64_t stripes(std::string_view& bytes, std::uint64_t seed) {
  std::uint64_t lanes[] = {seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1};
  while (bytes.size() >= 32) {
    for (std::uint64_t& lane : lanes) lane = round_of(lane, take<std::uint64_t>(bytes));
  }
  std::uint64_t hash =
      std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
  for (const std::uint64_t lane : lanes) hash = (hash ^ round_of(0, lane)) * kPrime1 + kPrime4;
  return hash;
}

}  // namespace

std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed) {
  const std::size_t size = bytes.size();
  std::uint64_t hash = size >= 32 ? stripes(bytes, seed) : seed + kPrime5;
  hash += size;
  while (bytes.size() >= 8) hash = std::rotl(hash ^ round_of(0, take<std::uint64_t>(bytes)), 27) * kPrime1 + kPrime4;
  if (bytes.size() >= 4) hash = std::rotl(hash ^ take<std::uint32_t>(bytes) * kPrime1, 23) * kPrime2 + kPrime3;
  while (!bytes.empty()) hash = std::rotl(hash ^ take<std::uint8_t>(bytes) * kPrime5, 11) * kPrime1;
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

std::uint32_t xxh32(std::string_view bytes, std::uint32_t seed) {
  constexpr std::uint32_t kOne = 0x9E3779B1, kTwo = 0x85EBCA77, kThree = 0xC2B2AE3D, kFour = 0x27D4EB2F,
                          kFive = 0x165667B1;
  const auto word = [&bytes] { return static_cast<std::uint32_t>(take<std::uint32_t>(bytes)); };
  const auto size = static_cast<std::uint32_t>(bytes.size());
  std::uint32_t hash = seed + kFive;
  if (bytes.size() >= 16) {
    std::uint32_t lanes[] = {seed + kOne + kTwo, seed + kTwo, seed, seed - kOne};
    while (bytes.size() >= 16) {
      for (std::uint32_t& lane : lanes) lane = std::rotl(lane + word() * kTwo, 13) * kOne;
    }
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
  }
  hash += size;
  while (bytes.size() >= 4) hash = std::rotl(hash + word() * kThree, 17) * kFour;
  for (const char byte : bytes) hash = std::rotl(hash + static_cast<unsigned char>(byte) * kFive, 11) * kOne;
  hash = (hash ^ hash >> 15) * kTwo;
  hash = (hash ^ hash >> 13) * kThree;
  return hash ^ hash >> 16;
}

}  // namespace penstock
