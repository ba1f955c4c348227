#include "penstock/proxy/tls_files.h"

namespace penstock {

std::shared_ptr<const TlsCredentials> TlsFiles::certificate(const std::string& file) const {
  const auto found = certificates.find(file);
  return found == certificates.end() ? nullptr : found->second;
}

const std::string* TlsFiles::trust(const std::string& file) const {
  const auto found = trusts.find(file);
  return found == trusts.end() ? nullptr : found->second.pem.get();
}

}  // namespace penstock
