#include "penstock/net/digest.h"

#include <openssl/digest.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>

#include "penstock/base/require.h"

namespace penstock {
namespace {

constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kForUrls = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

char* write_base64(std::string_view bytes, Base64 form, char* to) {
  const std::string_view letters = form == Base64::Plain ? kPlain : kForUrls;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view part = bytes.substr(i, 3);
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k)
      three = (three << 8) | (k < part.size() ? static_cast<unsigned char>(part[k]) : 0u);
    for (std::size_t k = 0; k <= part.size(); ++k) *to++ = letters[(three >> (18 - 6 * k)) & 63];
    for (std::size_t k = part.size(); k < 3 && form == Base64::Plain; ++k) *to++ = '=';
  }
  return to;
}

std::string base64_of(std::string_view bytes, Base64 form) {
  std::string out(base64_space(bytes.size()), '\0');
  out.resize(static_cast<std::size_t>(write_base64(bytes, form, out.data()) - out.data()));
  return out;
}

bool is_same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

MacKey::MacKey() { RAND_bytes(bytes_.data(), bytes_.size()); }

MacKey::~MacKey() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

std::string MacKey::sign(std::string_view text) const {
  std::uint8_t mac[32];
  unsigned size = 0;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  require(HMAC(EVP_sha256(), bytes_.data(), bytes_.size(), bytes, text.size(), mac, &size) != nullptr);
  return base64_of({reinterpret_cast<const char*>(mac), size}, Base64::ForUrls);
}

}  // namespace penstock
