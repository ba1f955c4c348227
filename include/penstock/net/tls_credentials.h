// A certificate of ours with all that is shown beside it: chain, key, staples. Immutable, and shared by all contexts
// that show it, so that the key is kept once. And what may be told of certificates and revocation lists in a listing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/base/result.h"
#include "penstock/net/tls_options.h"

namespace penstock {

struct Credentials;

// One certificate in words, as HAProxy's listings have them.
struct CertificateDetails {
  std::string serial, not_before, not_after;
  std::string names;      // "DNS:a.example, DNS:b.example"
  std::string algorithm;  // "RSA2048"
  std::string sha1, subject, issuer;
};

// A revocation list likewise.
struct RevocationDetails {
  struct Revoked {
    std::string serial, date;
  };
  int version = 1;
  std::string algorithm, issuer, last_update, next_update;
  std::vector<Revoked> revoked;
};

// An answer of an OCSP responder likewise.
struct OcspDetails {
  std::string key;  // The DER of the certificate's ID, in hexadecimal digits.
  std::string name_hash, key_hash, serial;
  std::string status, produced_at, this_update, next_update;
};
// Of one in DER; else why it is none.
Result<OcspDetails> ocsp_details(std::string_view der);
// The bytes that are written so; an error says that it is no such text.
Result<std::string> from_base64(std::string_view text);

class TlsCredentials {
 public:
  // What one text gives.
  enum class Part : std::uint8_t { All, Key, Issuer, Ocsp, Timestamps };

  explicit TlsCredentials(Credentials inside);
  ~TlsCredentials();
  TlsCredentials(const TlsCredentials&) = delete;
  TlsCredentials& operator=(const TlsCredentials&) = delete;

  // With nothing in them yet.
  static std::shared_ptr<const TlsCredentials> empty();
  // Errors name the file and the cause ("no private key in it", "the key does not belong to the certificate").
  static Result<std::shared_ptr<const TlsCredentials>> read(const PemFile& file);
  // The same with one part of it from `text` instead: PEM, or base64 for what is stapled. `All` is certificate, chain
  // and key. An error says why the text is no such part.
  Result<std::shared_ptr<const TlsCredentials>> with(Part part, std::string_view text) const;

  bool has_certificate() const;
  bool has_key() const;
  // The key belongs to the certificate.
  bool fits() const;
  // Why it cannot be shown; empty: it can.
  std::string trouble() const;
  // Of the chain, leaf first.
  std::vector<CertificateFacts> facts(const std::string& file) const;
  std::vector<CertificateDetails> details() const;
  // What is stapled about it, in words; nothing if nothing is.
  std::optional<OcspDetails> ocsp() const;
  // Why what is to be stapled is not good now; empty: it is, or there is nothing.
  std::string ocsp_trouble() const;
  // What an answer of its responder calls it, in DER; empty: its issuer is not known.
  std::string ocsp_id() const;
  std::shared_ptr<const TlsCredentials> without_ocsp() const;
  // With the chain of `issuers`, from `file`, if there is none yet and the first of them is its issuer; else null.
  std::shared_ptr<const TlsCredentials> completed_by(const TlsCredentials& issuers, const std::string& file) const;
  // Where its chain comes from, if from another file.
  const std::string& chain_file() const;

  const Credentials& inside() const { return *inside_; }

 private:
  std::unique_ptr<const Credentials> inside_;
};

// Of all certificates in a PEM text; `name` is for errors. At least one, or an error.
Result<std::vector<CertificateDetails>> certificate_details(std::string_view name, std::string_view pem);
Result<std::vector<RevocationDetails>> revocation_details(std::string_view name, std::string_view pem);

}  // namespace penstock
