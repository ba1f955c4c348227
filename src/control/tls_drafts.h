// What administrators have begun to set of TLS and not committed yet: one certificate, one file of authorities and one
// of revocations at most, as with HAProxy.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "penstock/net/tls_credentials.h"

namespace penstock {

struct TlsDrafts {
  struct CertificateDraft {
    std::string file;
    std::shared_ptr<const TlsCredentials> credentials;
  };
  struct TrustDraft {
    std::string file;
    std::shared_ptr<const std::string> pem;
  };

  std::optional<CertificateDraft> certificate;
  std::optional<TrustDraft> authorities, revocations;
};

}  // namespace penstock
