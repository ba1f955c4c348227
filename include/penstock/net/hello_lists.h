// Lists of a TLS client's first message, where the configuration has them kept.
#pragma once

#include <cstdint>
#include <string>

namespace penstock {

// As on the wire; cut where there was no more room for them.
struct HelloLists {
  std::uint16_t version = 0;
  std::uint64_t suites_hash = 0;  // XXH64 of all of them.
  std::string suites, extensions, groups, point_formats;
};

// As OpenSSL calls it; of one that nobody knows "UNKNOWN(1234)".
std::string tls_suite_name(std::uint16_t suite);

}  // namespace penstock
