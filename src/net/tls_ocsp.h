// Answers of an OCSP responder (RFC 6960), as far as it must be known whose certificate one is about and until when it
// is good. Signatures are the client's to verify.
#pragma once

#include <openssl/base.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "penstock/base/result.h"

namespace penstock {

struct OcspAnswer {
  std::string id;                                     // The DER of its CertID.
  std::string name_hash, key_hash, serial;            // In hexadecimal digits.
  std::string produced_at, this_update, next_update;  // "20261127180537Z"; the last may be empty.
  enum class Status : std::uint8_t { Good, Revoked, Unknown } status = Status::Unknown;
};

// An answer about one certificate; else why it is none.
Result<OcspAnswer> read_ocsp(std::string_view der);
// What an answer about `leaf` calls it, with the digest that is common; empty if that cannot be said.
std::string ocsp_id_of(X509& leaf, X509& issuer);

}  // namespace penstock
