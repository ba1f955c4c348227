#include "penstock/net/tls_credentials.h"

#include <openssl/asn1.h>
#include <openssl/base64.h>
#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/obj.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/net/certificate.h"
#include "tls_choice.h"
#include "tls_library.h"
#include "tls_ocsp.h"
#include "tls_pem.h"

namespace penstock {
namespace {

using Pointer = std::shared_ptr<const TlsCredentials>;

std::string hex_of(const std::uint8_t* bytes, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) append_format(text, "{:02X}", bytes[i]);
  return text;
}

// As OpenSSL's i2a_ASN1_INTEGER writes it.
std::string serial_of(const ASN1_INTEGER* serial) {
  const std::string digits =
      hex_of(ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial)));
  return (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? "-" : "") + (digits.empty() ? std::string("00") : digits);
}

std::string date_of(const ASN1_TIME* time) {
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  if (time == nullptr || ASN1_TIME_print(bio.get(), time) != 1) {
    ERR_clear_error();
    return {};
  }
  const std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(bio.get(), &bytes, &size);
  return {reinterpret_cast<const char*>(bytes), size};
}

// "/CN=a.example/O=Pen"
std::string name_text(const X509_NAME* name) {
  std::string text;
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    const int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry));
    std::array<char, 80> number{};
    if (nid == NID_undef)
      OBJ_obj2txt(number.data(), static_cast<int>(number.size()), X509_NAME_ENTRY_get_object(entry), 1);
    const ASN1_STRING* value = X509_NAME_ENTRY_get_data(entry);
    text.append("/").append(nid == NID_undef ? number.data() : OBJ_nid2sn(nid)).append("=");
    text.append(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                static_cast<std::size_t>(ASN1_STRING_length(value)));
  }
  return text;
}

// Of other kinds nothing is written, as HAProxy has it.
std::string alternative_name(const GENERAL_NAME& name) {
  if (name.type != GEN_DNS) return {};
  const ASN1_STRING* value = name.d.dNSName;
  return "DNS:" + std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                              static_cast<std::size_t>(ASN1_STRING_length(value)));
}

std::string alternative_names(X509& certificate) {
  bssl::UniquePtr<GENERAL_NAMES> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  std::string text;
  for (std::size_t i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i)
    text += (i == 0 ? "" : ", ") + alternative_name(*sk_GENERAL_NAME_value(names.get(), i));
  return text;
}

std::string algorithm_of(X509& certificate) {
  bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(&certificate));
  ERR_clear_error();
  if (key == nullptr) return {};
  switch (EVP_PKEY_id(key.get())) {
    case EVP_PKEY_RSA:
      return format("RSA{}", EVP_PKEY_bits(key.get()));
    case EVP_PKEY_EC:
      return format("EC{}", EVP_PKEY_bits(key.get()));
    case EVP_PKEY_DSA:
      return format("DSA{}", EVP_PKEY_bits(key.get()));
    case EVP_PKEY_ED25519:
      return "ED25519";
    default:
      return {};
  }
}

CertificateDetails details_of(X509& certificate) {
  CertificateDetails details;
  details.serial = serial_of(X509_get0_serialNumber(&certificate));
  details.not_before = date_of(X509_get0_notBefore(&certificate));
  details.not_after = date_of(X509_get0_notAfter(&certificate));
  details.names = alternative_names(certificate);
  details.algorithm = algorithm_of(certificate);
  std::array<std::uint8_t, SHA_DIGEST_LENGTH> digest{};
  unsigned size = 0;
  X509_digest(&certificate, EVP_sha1(), digest.data(), &size);
  details.sha1 = hex_of(digest.data(), size);
  details.subject = name_text(X509_get_subject_name(&certificate));
  details.issuer = name_text(X509_get_issuer_name(&certificate));
  return details;
}

RevocationDetails details_of(X509_CRL& list) {
  RevocationDetails details;
  details.version = static_cast<int>(X509_CRL_get_version(&list)) + 1;
  if (const char* name = OBJ_nid2ln(X509_CRL_get_signature_nid(&list)); name != nullptr) details.algorithm = name;
  details.issuer = name_text(X509_CRL_get_issuer(&list));
  details.last_update = date_of(X509_CRL_get0_lastUpdate(&list));
  details.next_update = date_of(X509_CRL_get0_nextUpdate(&list));
  const STACK_OF(X509_REVOKED)* revoked = X509_CRL_get_REVOKED(&list);
  for (std::size_t i = 0; revoked != nullptr && i < sk_X509_REVOKED_num(revoked); ++i) {
    const X509_REVOKED* one = sk_X509_REVOKED_value(revoked, i);
    details.revoked.push_back(
        {serial_of(X509_REVOKED_get0_serialNumber(one)), date_of(X509_REVOKED_get0_revocationDate(one))});
  }
  return details;
}

Credentials copy_of(const Credentials& from) {
  Credentials copy;
  for (const auto& certificate : from.chain) copy.chain.push_back(bssl::UpRef(certificate.get()));
  if (from.key) copy.key = bssl::UpRef(from.key.get());
  if (from.issuer) copy.issuer = bssl::UpRef(from.issuer.get());
  copy.ocsp = from.ocsp;
  copy.timestamps = from.timestamps;
  copy.chain_file = from.chain_file;
  return copy;
}

Pointer made(Credentials inside) { return std::make_shared<const TlsCredentials>(std::move(inside)); }

// As certificates write it: "20261127180537Z".
std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof(text), "%Y%m%d%H%M%SZ", &parts)};
}

std::string generalized_date(const std::string& text) {
  bssl::UniquePtr<ASN1_TIME> time(ASN1_GENERALIZEDTIME_new());
  if (text.empty() || ASN1_GENERALIZEDTIME_set_string(time.get(), text.c_str()) != 1) {
    ERR_clear_error();
    return {};
  }
  return date_of(time.get());
}

// RFC 6962 section 3.3: a list of texts, each behind its length.
bool is_timestamp_list(std::string_view bytes) {
  CBS all, list, one;
  CBS_init(&all, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (CBS_get_u16_length_prefixed(&all, &list) != 1 || CBS_len(&all) != 0 || CBS_len(&list) == 0) return false;
  while (CBS_len(&list) != 0) {
    if (CBS_get_u16_length_prefixed(&list, &one) != 1 || CBS_len(&one) == 0) return false;
  }
  return true;
}

}  // namespace

TlsCredentials::TlsCredentials(Credentials inside) : inside_(std::make_unique<const Credentials>(std::move(inside))) {}
TlsCredentials::~TlsCredentials() = default;

Pointer TlsCredentials::empty() { return made({}); }

Result<Pointer> TlsCredentials::read(const PemFile& file) {
  Result<Credentials> inside = read_credentials(file);
  if (!inside) return inside.error();
  if (!inside->timestamps.empty() && !is_timestamp_list(inside->timestamps))
    return Error{format("{}.sctl: it is no list of timestamps", file.name)};
  Pointer credentials = made(std::move(*inside));
  const std::string trouble = credentials->trouble();
  if (!trouble.empty()) return Error{format("{}: {}", file.name, trouble)};
  return credentials;
}

Result<Pointer> TlsCredentials::with(Part part, std::string_view text) const {
  Credentials next = copy_of(*inside_);
  switch (part) {
    case Part::All: {
      Result<Credentials> read = read_loose_credentials({"", text, {}, {}, {}, {}});
      if (!read) return read.error();
      next.chain = std::move(read->chain);
      next.chain_file.clear();
      next.key = std::move(read->key);
      break;
    }
    case Part::Key: {
      Result<bssl::UniquePtr<EVP_PKEY>> key = read_key({"", text, {}, {}, {}, {}});
      if (!key) return key.error();
      next.key = std::move(*key);
      break;
    }
    case Part::Issuer: {
      Result<std::vector<bssl::UniquePtr<X509>>> issuer = read_certificates("", text, nullptr);
      if (!issuer) return issuer.error();
      next.issuer = std::move(issuer->front());
      break;
    }
    case Part::Ocsp: {
      Result<std::string> bytes = from_base64(text);
      if (!bytes) return bytes.error();
      auto answer = read_ocsp(*bytes);
      if (!answer) return answer.error();
      next.ocsp = std::move(*bytes);
      break;
    }
    case Part::Timestamps: {
      Result<std::string> bytes = from_base64(text);
      if (!bytes) return bytes.error();
      if (!is_timestamp_list(*bytes)) return Error{"it is no list of timestamps"};
      next.timestamps = std::move(*bytes);
      break;
    }
  }
  return made(std::move(next));
}

bool TlsCredentials::has_certificate() const { return !inside_->chain.empty(); }
bool TlsCredentials::has_key() const { return inside_->key != nullptr; }

bool TlsCredentials::fits() const {
  const bool fits = X509_check_private_key(inside_->chain.front().get(), inside_->key.get()) == 1;
  ERR_clear_error();
  return fits;
}

std::string TlsCredentials::trouble() const {
  if (!has_certificate()) return "no certificate in it";
  if (!has_key()) return "no private key in it";
  if (!fits()) return "the key does not belong to the certificate";
  KeyNeeds needs;
  if (!needs_of(*inside_->key, needs))
    return "TLS has no use for its kind of key (RSA, P-256, P-384, P-521 or Ed25519 are needed)";
  return {};
}

std::vector<CertificateFacts> TlsCredentials::facts(const std::string& file) const {
  std::vector<CertificateFacts> all;
  for (const auto& certificate : inside_->chain) all.push_back(facts_of(file, *certificate));
  return all;
}

std::vector<CertificateDetails> TlsCredentials::details() const {
  std::vector<CertificateDetails> all;
  for (const auto& certificate : inside_->chain) all.push_back(details_of(*certificate));
  return all;
}

std::optional<OcspDetails> TlsCredentials::ocsp() const {
  if (inside_->ocsp.empty()) return std::nullopt;
  Result<OcspDetails> details = ocsp_details(inside_->ocsp);
  return details ? std::optional(std::move(*details)) : std::nullopt;
}

std::string TlsCredentials::ocsp_id() const {
  if (!has_certificate()) return {};
  X509& leaf = *inside_->chain.front();
  const auto is_issuer = [&](X509* other) {
    const bool is = other != nullptr && X509_check_issued(other, &leaf) == X509_V_OK;
    ERR_clear_error();
    return is;
  };
  if (is_issuer(inside_->issuer.get())) return ocsp_id_of(leaf, *inside_->issuer);
  for (const auto& other : inside_->chain) {
    if (is_issuer(other.get())) return ocsp_id_of(leaf, *other);
  }
  return {};
}

std::string TlsCredentials::ocsp_trouble() const {
  if (inside_->ocsp.empty()) return {};
  auto answer = read_ocsp(inside_->ocsp);
  if (!answer) return answer.error().text;
  const std::string id = ocsp_id();
  if (id.empty()) return "the certificate's issuer is not known";
  if (id != answer->id) return "it is about another certificate";
  if (answer->status != OcspAnswer::Status::Good) return "it does not say that the certificate is good";
  const std::string now = utc_now();
  if (answer->this_update > now) return "it is not good yet";
  return answer->next_update.empty() || answer->next_update > now ? "" : "it is too old";
}

Pointer TlsCredentials::without_ocsp() const {
  Credentials next = copy_of(*inside_);
  next.ocsp.clear();
  return made(std::move(next));
}

Pointer TlsCredentials::completed_by(const TlsCredentials& issuers, const std::string& file) const {
  if (inside_->chain.size() != 1 || !issuers.has_certificate()) return nullptr;
  X509* leaf = inside_->chain.front().get();
  const bool fits = X509_check_issued(issuers.inside_->chain.front().get(), leaf) == X509_V_OK;
  ERR_clear_error();
  if (!fits) return nullptr;
  Credentials next = copy_of(*inside_);
  for (const auto& certificate : issuers.inside_->chain) next.chain.push_back(bssl::UpRef(certificate.get()));
  next.chain_file = file;
  return made(std::move(next));
}

const std::string& TlsCredentials::chain_file() const { return inside_->chain_file; }

Result<OcspDetails> ocsp_details(std::string_view der) {
  auto answer = read_ocsp(der);
  if (!answer) return answer.error();
  static constexpr const char* kStatuses[] = {"good", "revoked", "unknown"};
  OcspDetails details;
  for (const char c : answer->id) append_format(details.key, "{:02x}", static_cast<unsigned char>(c));
  details.name_hash = answer->name_hash;
  details.key_hash = answer->key_hash;
  details.serial = answer->serial;
  details.status = kStatuses[static_cast<std::size_t>(answer->status)];
  details.produced_at = generalized_date(answer->produced_at);
  details.this_update = generalized_date(answer->this_update);
  details.next_update = generalized_date(answer->next_update);
  return details;
}

Result<std::string> from_base64(std::string_view text) {
  std::string packed;
  for (const char c : text) {
    if (c != '\n' && c != '\r' && c != ' ') packed += c;
  }
  std::string bytes(packed.size(), '\0');
  std::size_t size = 0;
  const bool good =
      !packed.empty() && EVP_DecodeBase64(reinterpret_cast<std::uint8_t*>(bytes.data()), &size, bytes.size(),
                                          reinterpret_cast<const std::uint8_t*>(packed.data()), packed.size()) == 1;
  ERR_clear_error();
  if (!good) return Error{"it is not base64"};
  bytes.resize(size);
  return bytes;
}

Result<std::vector<CertificateDetails>> certificate_details(std::string_view name, std::string_view pem) {
  std::vector<std::string> skipped;
  Result<std::vector<bssl::UniquePtr<X509>>> certificates = read_certificates(name, pem, &skipped);
  if (!certificates) return certificates.error();
  std::vector<CertificateDetails> all;
  for (const auto& certificate : *certificates) all.push_back(details_of(*certificate));
  return all;
}

Result<std::vector<RevocationDetails>> revocation_details(std::string_view name, std::string_view pem) {
  Result<std::vector<bssl::UniquePtr<X509_CRL>>> lists = read_revocations(name, pem);
  if (!lists) return lists.error();
  std::vector<RevocationDetails> all;
  for (const auto& list : *lists) all.push_back(details_of(*list));
  return all;
}

}  // namespace penstock
