#include "penstock/net/signature.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/digest.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <utility>

#include "digest_method.h"
#include "penstock/net/hashing.h"

namespace penstock {

struct PublicKey::Key {
  bssl::UniquePtr<EVP_PKEY> key;
};

namespace {

const std::uint8_t* octets(std::string_view bytes) { return reinterpret_cast<const std::uint8_t*>(bytes.data()); }

bssl::UniquePtr<BIO> reader_of(std::string_view text) {
  return bssl::UniquePtr<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

bool verifies_ecdsa(EVP_PKEY* key, Digest digest, std::string_view message, std::string_view signature) {
  const EC_KEY* curve_key = EVP_PKEY_get0_EC_KEY(key);
  if (curve_key == nullptr) return false;
  const std::size_t size = (EC_GROUP_order_bits(EC_KEY_get0_group(curve_key)) + 7) / 8;
  if (signature.size() != 2 * size) return false;
  bssl::UniquePtr<ECDSA_SIG> pair(ECDSA_SIG_new());
  bssl::UniquePtr<BIGNUM> r(BN_bin2bn(octets(signature), size, nullptr));
  bssl::UniquePtr<BIGNUM> s(BN_bin2bn(octets(signature) + size, size, nullptr));
  if (pair == nullptr || r == nullptr || s == nullptr || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1)
    return false;
  r.release();
  s.release();
  char space[kMostDigest];
  const std::string_view summary = digest_of(digest, message, space);
  return ECDSA_do_verify(octets(summary), summary.size(), pair.get(), curve_key) == 1;
}

bool verifies_rsa(EVP_PKEY* key, int padding, Digest digest, std::string_view message, std::string_view signature) {
  if (EVP_PKEY_id(key) != EVP_PKEY_RSA) return false;
  bssl::ScopedEVP_MD_CTX verifier;
  EVP_PKEY_CTX* way = nullptr;
  constexpr int kSaltAsDigest = -1;
  return EVP_DigestVerifyInit(verifier.get(), &way, method_of(digest), nullptr, key) == 1 &&
         EVP_PKEY_CTX_set_rsa_padding(way, padding) == 1 &&
         (padding != RSA_PKCS1_PSS_PADDING || EVP_PKEY_CTX_set_rsa_pss_saltlen(way, kSaltAsDigest) == 1) &&
         EVP_DigestVerify(verifier.get(), octets(signature), signature.size(), octets(message), message.size()) == 1;
}

}  // namespace

PublicKey::PublicKey(std::unique_ptr<Key> key) : key_(std::move(key)) {}
PublicKey::~PublicKey() = default;

std::shared_ptr<const PublicKey> PublicKey::of_pem(std::string_view text) {
  bssl::UniquePtr<BIO> reader = reader_of(text);
  bssl::UniquePtr<EVP_PKEY> key(PEM_read_bio_PUBKEY(reader.get(), nullptr, nullptr, nullptr));
  if (key == nullptr) {
    reader = reader_of(text);
    const bssl::UniquePtr<X509> certificate(PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
    if (certificate != nullptr) key.reset(X509_get_pubkey(certificate.get()));
  }
  ERR_clear_error();
  if (key == nullptr) return nullptr;
  return std::shared_ptr<const PublicKey>(new PublicKey(std::make_unique<Key>(Key{std::move(key)})));
}

bool PublicKey::verifies(Scheme scheme, Digest digest, std::string_view message, std::string_view signature) const {
  EVP_PKEY* const key = key_->key.get();
  const bool holds = scheme == Scheme::Ecdsa
                         ? verifies_ecdsa(key, digest, message, signature)
                         : verifies_rsa(key, scheme == Scheme::Pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING, digest,
                                        message, signature);
  // What failed here is no error of the session that asks next on this thread.
  ERR_clear_error();
  return holds;
}

}  // namespace penstock
