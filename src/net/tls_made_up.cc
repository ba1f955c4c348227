#include "tls_made_up.h"

#include <openssl/asn1.h>
#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "penstock/net/tls_credentials.h"
#include "tls_pem.h"

namespace penstock {
namespace {

constexpr long kDay = 24 * 3600;
constexpr std::size_t kLongestCommonName = 64;  // RFC 5280 appendix A.1, ub-common-name.
constexpr std::size_t kLongestName = 253;       // RFC 1035 section 3.1, as text.

// What a name of a host can be written with; a client may send any bytes.
bool is_host_name(std::string_view name) {
  const auto is_good = [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  return !name.empty() && name.size() <= kLongestName && name.front() != '.' && name.back() != '.' &&
         name.find("..") == std::string_view::npos && std::all_of(name.begin(), name.end(), is_good);
}

// RFC 5280 section 4.1.2.2: positive, and no two alike.
bool set_serial(X509& certificate) {
  std::array<std::uint8_t, 16> bytes{};
  RAND_bytes(bytes.data(), bytes.size());
  bytes[0] = (bytes[0] & 0x7f) | 0x40;
  return ASN1_STRING_set(X509_get_serialNumber(&certificate), bytes.data(), static_cast<int>(bytes.size())) == 1;
}

// A year from yesterday on, for clients whose clock is behind.
bool set_dates(X509& certificate) {
  return X509_gmtime_adj(X509_getm_notBefore(&certificate), -kDay) != nullptr &&
         X509_gmtime_adj(X509_getm_notAfter(&certificate), 365 * kDay) != nullptr;
}

bool set_subject(X509& certificate, const std::string& name) {
  if (name.size() > kLongestCommonName) return true;
  return X509_NAME_add_entry_by_NID(X509_get_subject_name(&certificate), NID_commonName, MBSTRING_ASC,
                                    reinterpret_cast<const std::uint8_t*>(name.data()), static_cast<int>(name.size()),
                                    -1, 0) == 1;
}

bool add_extension(X509& certificate, X509& issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  const bssl::UniquePtr<X509_EXTENSION> extension(X509V3_EXT_nconf_nid(nullptr, &context, nid, value.c_str()));
  return extension != nullptr && X509_add_ext(&certificate, extension.get(), -1) == 1;
}

bool sign(X509& certificate, EVP_PKEY& key) {
  const EVP_MD* digest = EVP_PKEY_id(&key) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
  return X509_sign(&certificate, &key, digest) != 0;
}

bssl::UniquePtr<X509> another(X509& certificate) {
  X509_up_ref(&certificate);
  return bssl::UniquePtr<X509>(&certificate);
}

}  // namespace

MadeUpCertificates::MadeUpCertificates(std::shared_ptr<const TlsCredentials> signer, std::size_t kept)
    : signer_(std::move(signer)), kept_(kept) {}

const std::vector<bssl::UniquePtr<X509>>& MadeUpCertificates::authorities() const { return signer_->inside().chain; }

bssl::UniquePtr<X509> MadeUpCertificates::make(const std::string& name, EVP_PKEY& key) const {
  const Credentials& signer = signer_->inside();
  X509& issuer = *signer.chain.front();
  bssl::UniquePtr<X509> made(X509_new());
  const bool good = X509_set_version(made.get(), X509_VERSION_3) == 1 && set_serial(*made) && set_dates(*made) &&
                    set_subject(*made, name) && X509_set_issuer_name(made.get(), X509_get_subject_name(&issuer)) == 1 &&
                    X509_set_pubkey(made.get(), &key) == 1 &&
                    add_extension(*made, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(*made, issuer, NID_key_usage, "critical,digitalSignature,keyEncipherment") &&
                    add_extension(*made, issuer, NID_ext_key_usage, "serverAuth") &&
                    add_extension(*made, issuer, NID_subject_alt_name, "DNS:" + name) &&
                    add_extension(*made, issuer, NID_authority_key_identifier, "keyid") && sign(*made, *signer.key);
  ERR_clear_error();
  return good ? std::move(made) : nullptr;
}

bssl::UniquePtr<X509> MadeUpCertificates::find_or_make(const std::string& name, EVP_PKEY& key) {
  if (!is_host_name(name)) return nullptr;
  const Key wanted{name, &key};
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = places_.find(wanted); found != places_.end()) {
      latest_.splice(latest_.begin(), latest_, found->second);
      return another(*latest_.front().certificate);
    }
  }
  // Two threads may make the same one; who comes first is kept.
  bssl::UniquePtr<X509> made = make(name, key);
  if (made == nullptr || kept_ == 0) return made;
  const std::lock_guard lock(mutex_);
  if (places_.contains(wanted)) return made;
  latest_.push_front({wanted, another(*made)});
  places_[wanted] = latest_.begin();
  if (latest_.size() > kept_) {
    places_.erase(latest_.back().key);
    latest_.pop_back();
  }
  return made;
}

}  // namespace penstock
