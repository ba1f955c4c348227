// What TLS is made of, by the names of files: certificates of ours as they are in force, and texts of authorities and
// revocations that were set while the process runs, in place of those that the bundle has. Immutable; a part of a
// snapshot.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "penstock/config/diagnostics.h"
#include "penstock/config/model.h"

namespace penstock {

class Bundle;
class TicketKeys;
class TlsCredentials;

struct TlsFiles {
  struct Trust {
    std::shared_ptr<const std::string> pem;  // Null: there is none of that name.
    bool revokes = false;                    // It holds revocation lists, not authorities.
  };

  std::map<std::string, std::shared_ptr<const TlsCredentials>> certificates;
  std::map<std::string, Trust> trusts;       // Set at run time.
  std::map<std::string, std::string> lists;  // Texts of crt-lists, and of folders, that were changed at run time.
  // Keys of `tls-ticket-keys`, in the order of the file.
  std::vector<std::pair<std::string, std::shared_ptr<TicketKeys>>> ticket_keys;
  // Chains of issuers-chain-path, by their files.
  std::map<std::string, std::shared_ptr<const TlsCredentials>> issuers;

  // Null: it is not here.
  std::shared_ptr<const TlsCredentials> certificate(const std::string& file) const;
  const std::string* trust(const std::string& file) const;
};

// One certificate of a bind line.
struct CertificateUse {
  std::string file;
  config::Place place;
  config::Tls tls;      // As the line has it, or one of its lists for this certificate.
  bool is_own = false;  // The latter.
  std::vector<std::string> filters;
};
// In their order. Complaints are about lists.
std::vector<CertificateUse> uses_of(const config::Config& config, const Bundle& bundle, const TlsFiles& files,
                                    const config::Bind& bind, bool is_http, config::Diagnostics& diagnostics);
// Whether one of them is this certificate.
bool shows(const std::vector<CertificateUse>& uses, const std::string& file);
// Whether it is made with these authorities or revocations.
bool names(const config::Tls& tls, const std::string& file);

}  // namespace penstock
