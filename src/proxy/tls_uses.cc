// Who uses the files of TLS in a snapshot.
#include <algorithm>

#include "penstock/config/model.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/proxy/tls_files.h"

namespace penstock {
namespace {

bool names(const config::Tls& tls, const std::string& file) {
  return tls.ca_file == file || tls.ca_verify_file == file || tls.crl_file == file;
}

template <class Each>
void for_each_bind(const Snapshot& snapshot, Each each) {
  for (const config::Proxy& proxy : snapshot.config.proxies) {
    if (proxy.disabled) continue;
    for (const config::Bind& bind : proxy.binds) {
      if (bind.tls.enabled) each(bind);
    }
  }
}

}  // namespace

const std::string* trust_text(const Snapshot& snapshot, const std::string& file) {
  const std::string* set = snapshot.tls_files().trust(file);
  return set != nullptr ? set : snapshot.bundle.content(file);
}

std::map<std::string, const std::string*> trusts_of(const Snapshot& snapshot, bool revoking) {
  std::map<std::string, const std::string*> all;
  const auto add = [&](const std::string& file) {
    if (!file.empty()) all[file] = trust_text(snapshot, file);
  };
  const auto add_all = [&](const config::Tls& tls) {
    if (revoking) return add(tls.crl_file);
    add(tls.ca_file);
    add(tls.ca_verify_file);
  };
  for_each_bind(snapshot, [&](const config::Bind& bind) { add_all(bind.tls); });
  snapshot.for_each_server_line([&](const std::string&, const config::Server& server) { add_all(server.tls); });
  for (const auto& [file, trust] : snapshot.tls_files().trusts) {
    if (trust.revokes == revoking) add(file);
  }
  return all;
}

std::size_t uses_of_certificate(const Snapshot& snapshot, const std::string& file) {
  std::size_t uses = 0;
  for_each_bind(snapshot, [&](const config::Bind& bind) {
    for (const config::CertificateSource& source : bind.certificates) {
      const std::vector<PemFile> files = snapshot.bundle.certificates(source.path);
      uses += static_cast<std::size_t>(
          std::count_if(files.begin(), files.end(), [&](const PemFile& one) { return one.name == file; }));
    }
  });
  snapshot.for_each_server_line(
      [&](const std::string&, const config::Server& server) { uses += server.certificate == file ? 1 : 0; });
  return uses;
}

std::size_t uses_of_trust(const Snapshot& snapshot, const std::string& file) {
  std::size_t uses = 0;
  for_each_bind(snapshot, [&](const config::Bind& bind) {
    if (!names(bind.tls, file)) return;
    for (const config::CertificateSource& source : bind.certificates)
      uses += snapshot.bundle.certificates(source.path).size();
  });
  snapshot.for_each_server_line([&](const std::string&, const config::Server& server) {
    uses += server.tls.enabled && names(server.tls, file) ? 1 : 0;
  });
  return uses;
}

}  // namespace penstock
