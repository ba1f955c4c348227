#include "penstock/net/hashing.h"

#include <openssl/cipher.h>
#include <openssl/digest.h>
#include <openssl/hmac.h>

#include <cstring>

#include "digest_method.h"
#include "penstock/base/require.h"

namespace penstock {
namespace {

const EVP_CIPHER* aes_gcm_of(unsigned bits) {
  return bits == 128 ? EVP_aes_128_gcm() : bits == 192 ? EVP_aes_192_gcm() : EVP_aes_256_gcm();
}

const std::uint8_t* octets(std::string_view bytes) { return reinterpret_cast<const std::uint8_t*>(bytes.data()); }

constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kForUrls = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

std::string_view digest_of(Digest digest, std::string_view bytes, char* space) {
  unsigned size = 0;
  auto* const out = reinterpret_cast<std::uint8_t*>(space);
  require(EVP_Digest(bytes.data(), bytes.size(), out, &size, method_of(digest), nullptr) == 1);
  return {space, size};
}

std::string_view keyed_digest_of(Digest digest, std::string_view key, std::string_view bytes, char* space) {
  unsigned size = 0;
  auto* const out = reinterpret_cast<std::uint8_t*>(space);
  require(HMAC(method_of(digest), key.data(), key.size(), octets(bytes), bytes.size(), out, &size) != nullptr);
  return {space, size};
}

bool open_aes_gcm(unsigned bits, std::string_view nonce, std::string_view key, std::string_view tag,
                  std::string_view encrypted, char* out) {
  constexpr std::size_t kLeastTag = 12, kMostTag = 16;
  if (key.size() < bits / 8 || nonce.empty() || tag.size() < kLeastTag || tag.size() > kMostTag) return false;
  bssl::ScopedEVP_CIPHER_CTX cipher;
  std::uint8_t wanted[kMostTag];
  std::memcpy(wanted, tag.data(), tag.size());
  auto* const to = reinterpret_cast<std::uint8_t*>(out);
  int size = 0;
  return EVP_DecryptInit_ex(cipher.get(), aes_gcm_of(bits), nullptr, nullptr, nullptr) == 1 &&
         EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(nonce.size()), nullptr) == 1 &&
         EVP_DecryptInit_ex(cipher.get(), nullptr, nullptr, octets(key), octets(nonce)) == 1 &&
         EVP_DecryptUpdate(cipher.get(), to, &size, octets(encrypted), static_cast<int>(encrypted.size())) == 1 &&
         EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), wanted) == 1 &&
         EVP_DecryptFinal_ex(cipher.get(), to + size, &size) == 1;
}

std::optional<std::size_t> read_base64(std::string_view text, char* to, Base64 form) {
  const std::string_view letters = form == Base64::Plain ? kPlain : kForUrls;
  if (form == Base64::Plain && text.size() % 4 != 0) return std::nullopt;
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  char* at = to;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const std::size_t six = letters.find(c);
    if (six == std::string_view::npos) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(six);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    *at++ = static_cast<char>(bits >> held);
  }
  return static_cast<std::size_t>(at - to);
}

}  // namespace penstock
