// What PEM files hold: a certificate with its chain and key, the certificates of authorities,
// revocation lists. Every error names the file and what is wrong in it.
#pragma once

#include <openssl/base.h>

#include <string>
#include <string_view>
#include <vector>

#include "penstock/base/result.h"
#include "penstock/net/tls_options.h"

namespace penstock {

// A certificate, leaf first, its key, and what is shown beside.
struct Credentials {
  std::vector<bssl::UniquePtr<X509>> chain;
  bssl::UniquePtr<EVP_PKEY> key;
  bssl::UniquePtr<X509> issuer;  // From a file of its own; null: none.
  std::string ocsp, timestamps;  // DER of what is stapled; empty: nothing.
  std::string chain_file;        // Where the chain comes from, if from another file.
};

// Ready to be shown: the key belongs to the leaf.
Result<Credentials> read_credentials(const PemFile& file);
// The same with a key of another certificate, or none.
Result<Credentials> read_loose_credentials(const PemFile& file);
// The first key in the text.
Result<bssl::UniquePtr<EVP_PKEY>> read_key(const PemFile& file);

// At least one certificate. What else stands in the file (keys, text) is passed over. One that cannot
// be read is an error, or, where `skipped` is given, a line there: a system's bundle may well hold
// one that this library finds odd.
Result<std::vector<bssl::UniquePtr<X509>>> read_certificates(std::string_view name, std::string_view text,
                                                             std::vector<std::string>* skipped);

// At least one revocation list.
Result<std::vector<bssl::UniquePtr<X509_CRL>>> read_revocations(std::string_view name, std::string_view text);

// Whom it is for: its DNS names, or its common names if it has none.
std::vector<std::string> names_of(X509& certificate);
CertificateFacts facts_of(const std::string& file, X509& certificate);

}  // namespace penstock
