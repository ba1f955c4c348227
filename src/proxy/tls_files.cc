#include "penstock/proxy/tls_files.h"

#include <algorithm>

#include "penstock/config/crt_list.h"
#include "penstock/proxy/bundle.h"

namespace penstock {

std::shared_ptr<const TlsCredentials> TlsFiles::certificate(const std::string& file) const {
  const auto found = certificates.find(file);
  return found == certificates.end() ? nullptr : found->second;
}

const std::string* TlsFiles::trust(const std::string& file) const {
  const auto found = trusts.find(file);
  return found == trusts.end() ? nullptr : found->second.pem.get();
}

std::vector<CertificateUse> uses_of(const config::Config& config, const Bundle& bundle, const TlsFiles& files,
                                    const config::Bind& bind, bool is_http, config::Diagnostics& diagnostics) {
  std::vector<CertificateUse> uses;
  for (const config::CertificateSource& source : bind.certificates) {
    const auto set = files.lists.find(source.path);
    if (!source.is_list && set == files.lists.end()) {
      for (const PemFile& file : bundle.certificates(source.path))
        uses.push_back({file.name, source.place, bind.tls, false, {}});
      continue;
    }
    const std::string* text = set != files.lists.end() ? &set->second : bundle.content(source.path);
    if (text == nullptr) continue;
    for (config::CrtListLine& line : config::read_crt_list(source.path, *text, config, bind, is_http, diagnostics)) {
      const std::vector<PemFile> named = bundle.certificates(line.certificate);
      std::vector<std::string> names;
      for (const PemFile& file : named) names.push_back(file.name);
      // One that was made at run time.
      if (names.empty()) names.push_back(line.certificate);
      for (const std::string& name : names)
        uses.push_back({name, source.place, line.tls, !line.words.empty(), line.filters});
    }
  }
  return uses;
}

bool shows(const std::vector<CertificateUse>& uses, const std::string& file) {
  return std::any_of(uses.begin(), uses.end(), [&](const CertificateUse& use) { return use.file == file; });
}

bool names(const config::Tls& tls, const std::string& file) {
  return tls.ca_file == file || tls.ca_verify_file == file || tls.crl_file == file;
}

}  // namespace penstock
