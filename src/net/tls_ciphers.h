// Lists of ciphers and curves as administrators write them, for OpenSSL, in words this library knows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/base/result.h"

namespace penstock {

enum class TlsPeer : std::uint8_t { Client, Server };

// Curves unless said otherwise.
constexpr std::string_view kDefaultCurves = "X25519:P-256:P-384:P-521";

// The list without what the library does not have. Each word left out is named in `warnings`; none
// that excludes ("!aNULL"), since what is not there is excluded. Error: nothing remains. An empty list is
// that of the defaults for such a peer. 3DES must be asked for by name.
Result<std::string> known_ciphers(std::string_view list, TlsPeer peer, std::vector<std::string>& warnings);

// The list in the library's names. An unknown curve is an error, as it is for HAProxy.
Result<std::string> known_curves(std::string_view list);

}  // namespace penstock
