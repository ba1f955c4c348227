// The hashes of the xxHash family, as HAProxy uses them: XXH64 for its dynamic cookies, all of them as converters. Not
// for security.
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock {

std::uint32_t xxh32(std::string_view bytes, std::uint32_t seed = 0);
std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed = 0);
// XXH3, 64 bits.
std::uint64_t xxh3(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace penstock
