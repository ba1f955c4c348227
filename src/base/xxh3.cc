// XXH3, 64 bits, as xxHash 0.8 defines it: texts of four ranges of sizes are hashed in four ways.
#include <array>
#include <bit>
#include <cstddef>
#include <utility>

#include "penstock/base/xxhash.h"

namespace penstock {
namespace {

using Word = std::uint64_t;
__extension__ using Wide = unsigned __int128;

constexpr std::size_t kSecretWords = 24, kStripe = 64, kStripesOfBlock = 16;
using Secret = std::array<Word, kSecretWords>;
// The secret of the algorithm's description, as words of little-endian bytes.
constexpr Secret kSecret = {0xbe4ba423396cfeb8, 0x1cad21f72c81017c, 0xdb979083e96dd4de, 0x1f67b3b7a4a44072,
                            0x78e5c0cc4ee679cb, 0x2172ffcc7dd05a82, 0x8e2443f7744608b8, 0x4c263a81e69035e0,
                            0xcb00c391bb52283c, 0xa32e531b8b65d088, 0x4ef90da297486471, 0xd8acdea946ef1938,
                            0x3f349ce33f76faa8, 0x1d4f0bc7c7bbdcf9, 0x3159b4cd4be0518a, 0x647378d9c97e9fc8,
                            0xc3ebd33483acc5ea, 0xeb6313faffa081c5, 0x49daf0b751dd0d17, 0x9e68d429265516d3,
                            0xfca1477d58be162b, 0xce31d07ad1b8f88f, 0x280416958f3acb45, 0x7e404bbbcafbd7af};

constexpr Word kPrime1 = 0x9E3779B185EBCA87, kPrime2 = 0xC2B2AE3D27D4EB4F, kPrime3 = 0x165667B19E3779F9,
               kPrime4 = 0x85EBCA77C2B2AE63, kPrime5 = 0x27D4EB2F165667C5;
constexpr Word kSmallPrime1 = 0x9E3779B1, kSmallPrime2 = 0x85EBCA77, kSmallPrime3 = 0xC2B2AE3D;

// Of the secret, which any byte of it may begin.
Word secret_at(const Secret& secret, std::size_t at) {
  const std::size_t word = at / 8, shift = at % 8 * 8;
  return shift == 0 ? secret[word] : secret[word] >> shift | secret[word + 1] << (64 - shift);
}

Word read(std::string_view bytes, std::size_t at, std::size_t size = 8) {
  Word word = 0;
  for (std::size_t i = 0; i < size; ++i) word |= Word{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return word;
}

Word fold(Word a, Word b) {
  const Wide product = Wide{a} * b;
  return static_cast<Word>(product) ^ static_cast<Word>(product >> 64);
}

Word swapped(Word word) { return __builtin_bswap64(word); }

Word spread(Word hash) {
  hash = (hash ^ hash >> 37) * 0x165667919E3779F9;
  return hash ^ hash >> 32;
}

// As XXH64 ends.
Word spread_well(Word hash) {
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

Word of_up_to_16(std::string_view bytes, Word seed) {
  const std::size_t size = bytes.size();
  if (size > 8) {
    const Word low = read(bytes, 0) ^ ((kSecret[3] ^ kSecret[4]) + seed);
    const Word high = read(bytes, size - 8) ^ ((kSecret[5] ^ kSecret[6]) - seed);
    return spread(size + swapped(low) + high + fold(low, high));
  }
  if (size >= 4) {
    seed ^= Word{__builtin_bswap32(static_cast<std::uint32_t>(seed))} << 32;
    Word hash = (read(bytes, size - 4, 4) + (read(bytes, 0, 4) << 32)) ^ ((kSecret[1] ^ kSecret[2]) - seed);
    hash = (hash ^ std::rotl(hash, 49) ^ std::rotl(hash, 24)) * 0x9FB21C651E98DF25;
    hash = (hash ^ ((hash >> 35) + size)) * 0x9FB21C651E98DF25;
    return hash ^ hash >> 28;
  }
  if (size == 0) return spread_well(seed ^ kSecret[7] ^ kSecret[8]);
  const Word all =
      read(bytes, 0, 1) << 16 | read(bytes, size >> 1, 1) << 24 | read(bytes, size - 1, 1) | Word{size} << 8;
  return spread_well(all ^ (((kSecret[0] & 0xffffffff) ^ kSecret[0] >> 32) + seed));
}

Word mix(std::string_view bytes, std::size_t at, std::size_t secret, Word seed) {
  return fold(read(bytes, at) ^ (secret_at(kSecret, secret) + seed),
              read(bytes, at + 8) ^ (secret_at(kSecret, secret + 8) - seed));
}

// From both ends towards the middle.
Word of_up_to_128(std::string_view bytes, Word seed) {
  Word hash = bytes.size() * kPrime1;
  for (std::size_t pair = (bytes.size() - 1) / 32 + 1; pair-- > 0;) {
    hash += mix(bytes, 16 * pair, 32 * pair, seed);
    hash += mix(bytes, bytes.size() - 16 * (pair + 1), 32 * pair + 16, seed);
  }
  return spread(hash);
}

Word of_up_to_240(std::string_view bytes, Word seed) {
  Word hash = bytes.size() * kPrime1;
  for (std::size_t i = 0; i < 8; ++i) hash += mix(bytes, 16 * i, 16 * i, seed);
  hash = spread(hash);
  for (std::size_t i = 8; i < bytes.size() / 16; ++i) hash += mix(bytes, 16 * i, 16 * (i - 8) + 3, seed);
  return spread(hash + mix(bytes, bytes.size() - 16, 136 - 17, seed));
}

using Lanes = std::array<Word, 8>;

void accumulate(Lanes& lanes, const Secret& secret, std::size_t at, std::string_view bytes, std::size_t from) {
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const Word value = read(bytes, from + 8 * i), key = value ^ secret_at(secret, at + 8 * i);
    lanes[i ^ 1] += value;
    lanes[i] += (key & 0xffffffff) * (key >> 32);
  }
}

// Blocks of sixteen stripes, each stripe with another part of the secret.
Word of_long(std::string_view bytes, Word seed) {
  Secret secret = kSecret;
  for (std::size_t i = 0; i < secret.size(); i += 2) secret[i] += seed, secret[i + 1] -= seed;
  Lanes lanes = {kSmallPrime3, kPrime1, kPrime2, kPrime3, kPrime4, kSmallPrime2, kPrime5, kSmallPrime1};
  const std::size_t stripes = (bytes.size() - 1) / kStripe;
  for (std::size_t i = 0; i < stripes; ++i) {
    accumulate(lanes, secret, i % kStripesOfBlock * 8, bytes, i * kStripe);
    if (i % kStripesOfBlock != kStripesOfBlock - 1) continue;
    for (std::size_t k = 0; k < lanes.size(); ++k)
      lanes[k] = (lanes[k] ^ lanes[k] >> 47 ^ secret[kSecretWords - 8 + k]) * kSmallPrime1;
  }
  accumulate(lanes, secret, 8 * kSecretWords - kStripe - 7, bytes, bytes.size() - kStripe);
  Word hash = bytes.size() * kPrime1;
  for (std::size_t i = 0; i < 4; ++i)
    hash += fold(lanes[2 * i] ^ secret_at(secret, 11 + 16 * i), lanes[2 * i + 1] ^ secret_at(secret, 19 + 16 * i));
  return spread(hash);
}

}  // namespace

std::uint64_t xxh3(std::string_view bytes, std::uint64_t seed) {
  if (bytes.size() <= 16) return of_up_to_16(bytes, seed);
  if (bytes.size() <= 128) return of_up_to_128(bytes, seed);
  return bytes.size() <= 240 ? of_up_to_240(bytes, seed) : of_long(bytes, seed);
}

}  // namespace penstock
