#include "penstock/net/digest_names.h"

#include "penstock/base/text.h"

namespace penstock {
namespace {

struct DigestName {
  std::string_view name;
  Digest digest;
};
constexpr DigestName kDigests[] = {
    {"md5", Digest::Md5},
    {"ssl3-md5", Digest::Md5},
    {"sha1", Digest::Sha1},
    {"sha-1", Digest::Sha1},
    {"sha1-2", Digest::Sha1},
    {"ssl3-sha1", Digest::Sha1},
    {"sha224", Digest::Sha224},
    {"sha-224", Digest::Sha224},
    {"sha2-224", Digest::Sha224},
    {"sha256", Digest::Sha256},
    {"sha-256", Digest::Sha256},
    {"sha2-256", Digest::Sha256},
    {"sha384", Digest::Sha384},
    {"sha-384", Digest::Sha384},
    {"sha2-384", Digest::Sha384},
    {"sha512", Digest::Sha512},
    {"sha-512", Digest::Sha512},
    {"sha2-512", Digest::Sha512},
    {"md5-sha1", Digest::Md5AndSha1},
    {"sha512-256", Digest::Sha512Of256},
    {"sha-512/256", Digest::Sha512Of256},
    {"sha2-512/256", Digest::Sha512Of256},
};

}  // namespace

std::optional<Digest> digest_named(std::string_view name) {
  constexpr std::string_view kOfSignatures = "rsa-";
  if (starts_with_nocase(name, kOfSignatures)) name.remove_prefix(kOfSignatures.size());
  for (const DigestName& known : kDigests) {
    if (equal_nocase(known.name, name)) return known.digest;
  }
  return std::nullopt;
}

}  // namespace penstock
