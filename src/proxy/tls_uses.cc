#include "penstock/proxy/tls_uses.h"

#include <algorithm>

#include "penstock/config/model.h"
#include "penstock/proxy/snapshot.h"

namespace penstock {
namespace {

template <class Each>
void for_each_bind(const Snapshot& snapshot, Each each) {
  for (const config::Proxy& proxy : snapshot.config.proxies) {
    if (proxy.disabled) continue;
    for (const config::Bind& bind : proxy.binds) {
      if (bind.tls.enabled) each(bind, proxy.mode == config::Mode::Http);
    }
  }
}

std::vector<CertificateUse> uses_of(const Snapshot& snapshot, const config::Bind& bind, bool is_http) {
  config::Diagnostics unheard;
  return uses_of(snapshot.config, snapshot.bundle, snapshot.tls_files(), bind, is_http, unheard);
}

// As a list would name the certificates of a folder.
std::string text_of_folder(const Bundle& bundle, const std::string& path) {
  std::string text;
  for (const PemFile& file : bundle.certificates(path)) text += file.name + "\n";
  return text;
}

bool is_folder(const Bundle& bundle, const std::string& path) {
  const std::vector<PemFile> files = bundle.certificates(path);
  return !files.empty() && files.front().name.starts_with(path + "/");
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
  for_each_bind(snapshot, [&](const config::Bind& bind, bool is_http) {
    add_all(bind.tls);
    for (const CertificateUse& use : uses_of(snapshot, bind, is_http)) {
      if (use.is_own) add_all(use.tls);
    }
  });
  snapshot.for_each_server_line([&](const std::string&, const config::Server& server) { add_all(server.tls); });
  for (const auto& [file, trust] : snapshot.tls_files().trusts) {
    if (trust.revokes == revoking) add(file);
  }
  return all;
}

std::size_t uses_of_certificate(const Snapshot& snapshot, const std::string& file) {
  std::size_t uses = 0;
  for_each_bind(snapshot, [&](const config::Bind& bind, bool is_http) {
    for (const CertificateUse& use : uses_of(snapshot, bind, is_http)) uses += use.file == file ? 1 : 0;
  });
  snapshot.for_each_server_line(
      [&](const std::string&, const config::Server& server) { uses += server.certificate == file ? 1 : 0; });
  return uses;
}

std::size_t uses_of_trust(const Snapshot& snapshot, const std::string& file) {
  std::size_t uses = 0;
  for_each_bind(snapshot, [&](const config::Bind& bind, bool is_http) {
    for (const CertificateUse& use : uses_of(snapshot, bind, is_http)) uses += names(use.tls, file) ? 1 : 0;
  });
  snapshot.for_each_server_line([&](const std::string&, const config::Server& server) {
    uses += server.tls.enabled && names(server.tls, file) ? 1 : 0;
  });
  return uses;
}

std::vector<std::string> lists_of(const Snapshot& snapshot) {
  std::vector<std::string> lists;
  for_each_bind(snapshot, [&](const config::Bind& bind, bool) {
    for (const config::CertificateSource& source : bind.certificates) {
      const bool is_one = source.is_list || is_folder(snapshot.bundle, source.path);
      if (is_one && std::find(lists.begin(), lists.end(), source.path) == lists.end()) lists.push_back(source.path);
    }
  });
  std::sort(lists.begin(), lists.end());
  return lists;
}

std::optional<std::string> list_text(const Snapshot& snapshot, const std::string& path) {
  const std::vector<std::string> lists = lists_of(snapshot);
  if (std::find(lists.begin(), lists.end(), path) == lists.end()) return std::nullopt;
  const auto set = snapshot.tls_files().lists.find(path);
  if (set != snapshot.tls_files().lists.end()) return set->second;
  if (is_folder(snapshot.bundle, path)) return text_of_folder(snapshot.bundle, path);
  const std::string* text = snapshot.bundle.content(path);
  return text == nullptr ? std::string() : *text;
}

}  // namespace penstock
