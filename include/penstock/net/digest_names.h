// Digests that can be named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock {

enum class Digest : std::uint8_t { Md5, Sha1, Md5AndSha1, Sha224, Sha256, Sha384, Sha512, Sha512Of256 };
constexpr std::size_t kMostDigest = 64;
// By any of the names that OpenSSL has for it, in either case: "sha256", "SHA2-256", "RSA-SHA256".
std::optional<Digest> digest_named(std::string_view name);

}  // namespace penstock
