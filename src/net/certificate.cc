#include "penstock/net/certificate.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/obj.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <array>

#include "penstock/base/text.h"
#include "tls_library.h"

namespace penstock {

struct Certificate::State {
  bssl::UniquePtr<X509> x509;
};

namespace {

std::string_view bytes_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// "CN", or numbers where there is no short name.
std::string label_of(const ASN1_OBJECT* object) {
  const int nid = OBJ_obj2nid(object);
  if (nid != NID_undef) return OBJ_nid2sn(nid);
  std::array<char, 80> space{};
  OBJ_obj2txt(space.data(), static_cast<int>(space.size()), object, 1);
  return space.data();
}

X509_NAME* name_of(X509* certificate, Certificate::Name which) {
  return which == Certificate::Name::Subject ? X509_get_subject_name(certificate) : X509_get_issuer_name(certificate);
}

std::string_view algorithm_name(int nid) {
  const char* name = OBJ_nid2sn(nid);
  return name == nullptr ? std::string_view() : std::string_view(name);
}

}  // namespace

Certificate::Certificate(std::string_view der) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(der.data());
  bssl::UniquePtr<X509> x509(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (x509 != nullptr) certificate_ = std::make_unique<State>(State{std::move(x509)});
}

Certificate::~Certificate() = default;

std::string Certificate::name(Name which, bool rfc2253) const {
  X509_NAME* name = name_of(certificate_->x509.get(), which);
  std::string text;
  if (rfc2253) {
    bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
    const std::uint8_t* bytes = nullptr;
    std::size_t size = 0;
    BIO_mem_contents(bio.get(), &bytes, &size);
    text.assign(reinterpret_cast<const char*>(bytes), size);
    ERR_clear_error();
    return text;
  }
  for (int i = 0; i < X509_NAME_entry_count(name); ++i) {
    X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, i);
    text.append("/").append(label_of(X509_NAME_ENTRY_get_object(entry))).append("=");
    text.append(bytes_of(X509_NAME_ENTRY_get_data(entry)));
  }
  return text;
}

std::string Certificate::name_entry(Name which, std::string_view wanted, std::int64_t nth) const {
  X509_NAME* name = name_of(certificate_->x509.get(), which);
  const int count = X509_NAME_entry_count(name);
  std::int64_t left = nth == 0 ? 1 : nth < 0 ? -nth : nth;
  for (int i = 0; i < count; ++i) {
    X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, nth < 0 ? count - 1 - i : i);
    if (!equal_nocase(label_of(X509_NAME_ENTRY_get_object(entry)), wanted) || --left != 0) continue;
    return std::string(bytes_of(X509_NAME_ENTRY_get_data(entry)));
  }
  return {};
}

std::string Certificate::date(Date which) const {
  const X509* x509 = certificate_->x509.get();
  const ASN1_TIME* time = which == Date::NotBefore ? X509_get0_notBefore(x509) : X509_get0_notAfter(x509);
  std::string_view text = bytes_of(time);
  if (ASN1_STRING_type(time) == V_ASN1_GENERALIZEDTIME) {
    if (!text.starts_with("20")) return {};
    text.remove_prefix(2);
  }
  return std::string(text);
}

std::string Certificate::serial() const {
  return std::string(bytes_of(X509_get0_serialNumber(certificate_->x509.get())));
}

std::string Certificate::sha1() const {
  std::string digest(SHA_DIGEST_LENGTH, '\0');
  unsigned size = 0;
  X509_digest(certificate_->x509.get(), EVP_sha1(), reinterpret_cast<std::uint8_t*>(digest.data()), &size);
  return digest;
}

int Certificate::version() const { return static_cast<int>(X509_get_version(certificate_->x509.get())) + 1; }

std::string_view Certificate::signature_algorithm() const {
  return algorithm_name(X509_get_signature_nid(certificate_->x509.get()));
}

std::string_view Certificate::key_algorithm() const {
  const X509_PUBKEY* key = X509_get_X509_PUBKEY(certificate_->x509.get());
  ASN1_OBJECT* algorithm = nullptr;
  if (X509_PUBKEY_get0_param(&algorithm, nullptr, nullptr, nullptr, const_cast<X509_PUBKEY*>(key)) != 1) return {};
  return algorithm_name(OBJ_obj2nid(algorithm));
}

}  // namespace penstock
