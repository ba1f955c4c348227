#include "unit/net/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/curve25519.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstring>
#include <ctime>

#include "penstock/base/require.h"

namespace penstock::test {

namespace {

bssl::UniquePtr<EVP_PKEY> new_ec_key(int curve) {
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(curve));
  require(EC_KEY_generate_key(ec.get()) == 1);
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  require(EVP_PKEY_set1_EC_KEY(key.get(), ec.get()) == 1);
  return key;
}

// RSA keys take long to make, so that all certificates share two of them in turn.
bssl::UniquePtr<EVP_PKEY> new_rsa_key() {
  static std::vector<bssl::UniquePtr<EVP_PKEY>> made;
  static std::size_t next = 0;
  if (made.size() < 2) {
    bssl::UniquePtr<BIGNUM> exponent(BN_new());
    BN_set_word(exponent.get(), RSA_F4);
    bssl::UniquePtr<RSA> rsa(RSA_new());
    require(RSA_generate_key_ex(rsa.get(), 2048, exponent.get(), nullptr) == 1);
    bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
    require(EVP_PKEY_set1_RSA(key.get(), rsa.get()) == 1);
    made.push_back(std::move(key));
  }
  return bssl::UpRef(made[next++ % made.size()]);
}

bssl::UniquePtr<EVP_PKEY> new_ed25519_key() {
  std::uint8_t seed[32];
  RAND_bytes(seed, sizeof(seed));
  return bssl::UniquePtr<EVP_PKEY>(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed, sizeof(seed)));
}

bssl::UniquePtr<EVP_PKEY> new_key(KeyType type) {
  switch (type) {
    case KeyType::P256:
      return new_ec_key(NID_X9_62_prime256v1);
    case KeyType::P384:
      return new_ec_key(NID_secp384r1);
    case KeyType::P521:
      return new_ec_key(NID_secp521r1);
    case KeyType::Rsa2048:
      return new_rsa_key();
    case KeyType::Ed25519:
      return new_ed25519_key();
  }
  return nullptr;
}

template <class Write>
std::string pem_of(Write write) {
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  require(write(bio.get()) == 1);
  const std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  require(BIO_mem_contents(bio.get(), &bytes, &size) == 1);
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

bssl::UniquePtr<EVP_PKEY> key_in(const std::string& pem) {
  bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return bssl::UniquePtr<EVP_PKEY>(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

void add_extension(X509* certificate, int nid, const std::string& value) {
  bssl::UniquePtr<X509_EXTENSION> extension(X509V3_EXT_nconf_nid(nullptr, nullptr, nid, value.c_str()));
  require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

std::string alternatives_of(const CertificateRequest& request) {
  std::string text;
  for (const std::string& name : request.names) text += (text.empty() ? "DNS:" : ",DNS:") + name;
  for (const std::string& address : request.addresses) text += (text.empty() ? "IP:" : ",IP:") + address;
  return text;
}

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> last{1000};
  return ++last;
}

// Ed25519 takes no digest.
const EVP_MD* digest_for(const EVP_PKEY* key) { return EVP_PKEY_id(key) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256(); }

struct Made {
  bssl::UniquePtr<X509> certificate;
  bssl::UniquePtr<EVP_PKEY> key;
  IssuedCertificate text;
};

// `issuer` null: signed by itself.
Made make(const CertificateRequest& request, X509* issuer, EVP_PKEY* issuer_key) {
  Made made;
  made.key = new_key(request.key);
  made.certificate.reset(X509_new());
  X509* certificate = made.certificate.get();
  made.text.serial = next_serial();
  require(X509_set_version(certificate, 2) == 1);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), made.text.serial);
  const std::time_t now = std::time(nullptr);
  bssl::UniquePtr<ASN1_TIME> from(ASN1_TIME_set(nullptr, now + request.valid_from));
  bssl::UniquePtr<ASN1_TIME> to(ASN1_TIME_set(nullptr, now + request.valid_to));
  X509_set1_notBefore(certificate, from.get());
  X509_set1_notAfter(certificate, to.get());
  X509_NAME* subject = X509_get_subject_name(certificate);
  if (!request.common_name.empty()) {
    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
                               reinterpret_cast<const std::uint8_t*>(request.common_name.data()),
                               static_cast<int>(request.common_name.size()), -1, 0);
  }
  X509_set_issuer_name(certificate, issuer == nullptr ? subject : X509_get_subject_name(issuer));
  X509_set_pubkey(certificate, made.key.get());
  add_extension(certificate, NID_basic_constraints, request.authority ? "critical,CA:TRUE" : "CA:FALSE");
  if (request.authority) add_extension(certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  const std::string alternatives = alternatives_of(request);
  if (!alternatives.empty()) add_extension(certificate, NID_subject_alt_name, alternatives);
  EVP_PKEY* signer = issuer_key == nullptr ? made.key.get() : issuer_key;
  require(X509_sign(certificate, signer, digest_for(signer)) != 0);
  made.text.certificate = pem_of([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
  made.text.key = pem_of([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, made.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return made;
}

CertificateRequest authority_request(const std::string& common_name, KeyType key) {
  CertificateRequest request;
  request.common_name = common_name;
  request.key = key;
  request.authority = true;
  return request;
}

}  // namespace

struct TestAuthority::Parts {
  bssl::UniquePtr<X509> certificate;
  bssl::UniquePtr<EVP_PKEY> key;
};

TestAuthority::TestAuthority(const std::string& common_name, KeyType key) : parts_(std::make_unique<Parts>()) {
  Made made = make(authority_request(common_name, key), nullptr, nullptr);
  parts_->certificate = std::move(made.certificate);
  parts_->key = std::move(made.key);
  own_ = std::move(made.text);
}

TestAuthority::TestAuthority(std::unique_ptr<Parts> parts, IssuedCertificate own)
    : parts_(std::move(parts)), own_(std::move(own)) {}
TestAuthority::TestAuthority(TestAuthority&&) noexcept = default;
TestAuthority::~TestAuthority() = default;

IssuedCertificate TestAuthority::issue(const CertificateRequest& request) const {
  return make(request, parts_->certificate.get(), parts_->key.get()).text;
}

TestAuthority TestAuthority::issue_authority(const std::string& common_name) const {
  Made made = make(authority_request(common_name, KeyType::P256), parts_->certificate.get(), parts_->key.get());
  auto parts = std::make_unique<Parts>();
  parts->certificate = std::move(made.certificate);
  parts->key = std::move(made.key);
  return TestAuthority(std::move(parts), std::move(made.text));
}

std::string TestAuthority::revocation_list(const std::vector<IssuedCertificate>& revoked) const {
  bssl::UniquePtr<X509_CRL> list(X509_CRL_new());
  const std::time_t now = std::time(nullptr);
  bssl::UniquePtr<ASN1_TIME> last(ASN1_TIME_set(nullptr, now - 3600));
  bssl::UniquePtr<ASN1_TIME> next(ASN1_TIME_set(nullptr, now + 86400));
  X509_CRL_set_version(list.get(), 1);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(parts_->certificate.get()));
  X509_CRL_set1_lastUpdate(list.get(), last.get());
  X509_CRL_set1_nextUpdate(list.get(), next.get());
  for (const IssuedCertificate& issued : revoked) {
    bssl::UniquePtr<X509_REVOKED> entry(X509_REVOKED_new());
    bssl::UniquePtr<ASN1_INTEGER> serial(ASN1_INTEGER_new());
    ASN1_INTEGER_set_uint64(serial.get(), issued.serial);
    X509_REVOKED_set_serialNumber(entry.get(), serial.get());
    X509_REVOKED_set_revocationDate(entry.get(), last.get());
    X509_CRL_add0_revoked(list.get(), entry.release());
  }
  require(X509_CRL_sign(list.get(), parts_->key.get(), digest_for(parts_->key.get())) != 0);
  return pem_of([&](BIO* bio) { return PEM_write_bio_X509_CRL(bio, list.get()); });
}

IssuedCertificate self_signed(const CertificateRequest& request) { return make(request, nullptr, nullptr).text; }

std::string traditional_key(const IssuedCertificate& issued) {
  const bssl::UniquePtr<EVP_PKEY> key = key_in(issued.key);
  if (EVP_PKEY_id(key.get()) == EVP_PKEY_RSA) {
    return pem_of([&](BIO* bio) {
      return PEM_write_bio_RSAPrivateKey(bio, EVP_PKEY_get0_RSA(key.get()), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }
  return pem_of([&](BIO* bio) {
    return PEM_write_bio_ECPrivateKey(bio, EVP_PKEY_get0_EC_KEY(key.get()), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

std::string encrypted_key(const IssuedCertificate& issued, const std::string& password) {
  const bssl::UniquePtr<EVP_PKEY> key = key_in(issued.key);
  std::string secret = password;  // Some snapshots take it as not const.
  return pem_of([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), EVP_aes_256_cbc(), secret.data(),
                                         static_cast<int>(secret.size()), nullptr, nullptr);
  });
}

TlsOffer offer_of(const std::string& file, const IssuedCertificate& issued) {
  auto credentials = TlsCredentials::read({file, issued.both()});
  require(static_cast<bool>(credentials));
  return {file, *credentials, {}, nullptr};
}

}  // namespace penstock::test
