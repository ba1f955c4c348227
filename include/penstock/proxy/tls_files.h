// What TLS is made of, by the names of files: certificates of ours as they are in force, and texts of authorities and
// revocations that were set while the process runs, in place of those that the bundle has. Immutable; a part of a
// snapshot.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "penstock/net/tls_credentials.h"

namespace penstock {

class Snapshot;

struct TlsFiles {
  struct Trust {
    std::shared_ptr<const std::string> pem;  // Null: there is none of that name.
    bool revokes = false;                    // It holds revocation lists, not authorities.
  };

  std::map<std::string, std::shared_ptr<const TlsCredentials>> certificates;
  std::map<std::string, Trust> trusts;  // Set at run time.

  // Null: it is not here.
  std::shared_ptr<const TlsCredentials> certificate(const std::string& file) const;
  const std::string* trust(const std::string& file) const;
};

// The text in force; null: there is none.
const std::string* trust_text(const Snapshot& snapshot, const std::string& file);
// Authorities, or revocation lists, that the configuration names or that were made at run time, with their texts.
std::map<std::string, const std::string*> trusts_of(const Snapshot& snapshot, bool revoking);
// How many contexts of bind and server lines are made with this certificate, or with this file of authorities or
// revocations.
std::size_t uses_of_certificate(const Snapshot& snapshot, const std::string& file);
std::size_t uses_of_trust(const Snapshot& snapshot, const std::string& file);

}  // namespace penstock
