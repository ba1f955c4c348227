#include "tls_ocsp.h"

#include <openssl/bytestring.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <array>

#include "penstock/base/format.h"

namespace penstock {
namespace {

constexpr unsigned kExplicit0 = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 0;
constexpr unsigned kExplicit1 = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED | 1;
constexpr unsigned kGood = CBS_ASN1_CONTEXT_SPECIFIC | 0;
constexpr unsigned kUnknown = CBS_ASN1_CONTEXT_SPECIFIC | 2;
constexpr std::uint8_t kBasic[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01};
// AlgorithmIdentifier of SHA-1, as responders write it.
constexpr std::uint8_t kSha1[] = {0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00};

std::string text_of(const CBS& bytes) { return {reinterpret_cast<const char*>(CBS_data(&bytes)), CBS_len(&bytes)}; }

std::string hex_of(const CBS& bytes) {
  std::string text;
  for (std::size_t i = 0; i < CBS_len(&bytes); ++i) append_format(text, "{:02X}", CBS_data(&bytes)[i]);
  return text;
}

// ResponseData of a basic response, unpacked from all that is around it.
bool open_answer(CBS der, CBS& data) {
  CBS response, status, outer, bytes, kind, inner, basic;
  if (CBS_get_asn1(&der, &response, CBS_ASN1_SEQUENCE) != 1 || CBS_len(&der) != 0) return false;
  if (CBS_get_asn1(&response, &status, CBS_ASN1_ENUMERATED) != 1 || CBS_len(&status) != 1 || CBS_data(&status)[0] != 0)
    return false;
  if (CBS_get_asn1(&response, &outer, kExplicit0) != 1 || CBS_get_asn1(&outer, &bytes, CBS_ASN1_SEQUENCE) != 1)
    return false;
  if (CBS_get_asn1(&bytes, &kind, CBS_ASN1_OBJECT) != 1 || CBS_mem_equal(&kind, kBasic, sizeof(kBasic)) != 1)
    return false;
  return CBS_get_asn1(&bytes, &inner, CBS_ASN1_OCTETSTRING) == 1 &&
         CBS_get_asn1(&inner, &basic, CBS_ASN1_SEQUENCE) == 1 && CBS_get_asn1(&basic, &data, CBS_ASN1_SEQUENCE) == 1;
}

bool read_single(CBS single, OcspAnswer& out) {
  CBS id, id_inside, algorithm, name_hash, key_hash, serial, status, time, next;
  unsigned tag = 0;
  if (CBS_get_asn1_element(&single, &id, CBS_ASN1_SEQUENCE) != 1) return false;
  out.id = text_of(id);
  if (CBS_get_asn1(&id, &id_inside, CBS_ASN1_SEQUENCE) != 1 ||
      CBS_get_asn1(&id_inside, &algorithm, CBS_ASN1_SEQUENCE) != 1 ||
      CBS_get_asn1(&id_inside, &name_hash, CBS_ASN1_OCTETSTRING) != 1 ||
      CBS_get_asn1(&id_inside, &key_hash, CBS_ASN1_OCTETSTRING) != 1 ||
      CBS_get_asn1(&id_inside, &serial, CBS_ASN1_INTEGER) != 1 || CBS_get_any_asn1(&single, &status, &tag) != 1 ||
      CBS_get_asn1(&single, &time, CBS_ASN1_GENERALIZEDTIME) != 1)
    return false;
  out.name_hash = hex_of(name_hash);
  out.key_hash = hex_of(key_hash);
  out.serial = hex_of(serial);
  out.status = tag == kGood      ? OcspAnswer::Status::Good
               : tag == kUnknown ? OcspAnswer::Status::Unknown
                                 : OcspAnswer::Status::Revoked;
  out.this_update = text_of(time);
  if (CBS_peek_asn1_tag(&single, kExplicit0) != 1) return true;
  if (CBS_get_asn1(&single, &next, kExplicit0) != 1 || CBS_get_asn1(&next, &time, CBS_ASN1_GENERALIZEDTIME) != 1)
    return false;
  out.next_update = text_of(time);
  return true;
}

}  // namespace

Result<OcspAnswer> read_ocsp(std::string_view der) {
  CBS all, data, part, time, list, single;
  CBS_init(&all, reinterpret_cast<const std::uint8_t*>(der.data()), der.size());
  if (!open_answer(all, data)) return Error{"it is no answer of an OCSP responder that tells something"};
  unsigned tag = 0;
  if (CBS_peek_asn1_tag(&data, kExplicit0) == 1) CBS_get_asn1(&data, &part, kExplicit0);
  if (CBS_get_any_asn1(&data, &part, &tag) != 1 || (tag != kExplicit1 && tag != kExplicit1 + 1) ||
      CBS_get_asn1(&data, &time, CBS_ASN1_GENERALIZEDTIME) != 1 || CBS_get_asn1(&data, &list, CBS_ASN1_SEQUENCE) != 1 ||
      CBS_get_asn1(&list, &single, CBS_ASN1_SEQUENCE) != 1)
    return Error{"it cannot be read"};
  if (CBS_len(&list) != 0) return Error{"it is about several certificates"};
  OcspAnswer answer;
  answer.produced_at = text_of(time);
  if (!read_single(single, answer)) return Error{"it cannot be read"};
  return answer;
}

std::string ocsp_id_of(X509& leaf, X509& issuer) {
  std::array<std::uint8_t, SHA_DIGEST_LENGTH> name{}, key{};
  unsigned size = 0;
  const ASN1_BIT_STRING* bits = X509_get0_pubkey_bitstr(&issuer);
  const bool named = X509_NAME_digest(X509_get_subject_name(&issuer), EVP_sha1(), name.data(), &size) == 1;
  if (!named || bits == nullptr) return {};
  SHA1(ASN1_STRING_get0_data(bits), static_cast<std::size_t>(ASN1_STRING_length(bits)), key.data());
  std::uint8_t* serial = nullptr;
  const int serial_size = i2d_ASN1_INTEGER(const_cast<ASN1_INTEGER*>(X509_get0_serialNumber(&leaf)), &serial);
  if (serial_size <= 0) return {};
  bssl::UniquePtr<std::uint8_t> owned(serial);
  bssl::ScopedCBB out;
  CBB id, hash;
  std::uint8_t* bytes = nullptr;
  std::size_t length = 0;
  const auto add_hash = [&](const std::array<std::uint8_t, SHA_DIGEST_LENGTH>& digest) {
    return CBB_add_asn1(&id, &hash, CBS_ASN1_OCTETSTRING) == 1 &&
           CBB_add_bytes(&hash, digest.data(), digest.size()) == 1 && CBB_flush(&id) == 1;
  };
  const bool good = CBB_init(out.get(), 128) == 1 && CBB_add_asn1(out.get(), &id, CBS_ASN1_SEQUENCE) == 1 &&
                    CBB_add_bytes(&id, kSha1, sizeof(kSha1)) == 1 && add_hash(name) && add_hash(key) &&
                    CBB_add_bytes(&id, serial, static_cast<std::size_t>(serial_size)) == 1 &&
                    CBB_finish(out.get(), &bytes, &length) == 1;
  ERR_clear_error();
  if (!good) return {};
  const bssl::UniquePtr<std::uint8_t> all(bytes);
  return {reinterpret_cast<const char*>(bytes), length};
}

}  // namespace penstock
