// XXH64, the hash of HAProxy's dynamic cookies. Not for security.
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock {

std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace penstock
