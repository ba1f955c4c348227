// Files of certificates, authorities and revocations that the configuration at work was made with.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "command.h"
#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "penstock/control/crew.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;

// What a line of TLS names, of bind and of server lines.
template <class Each>
void for_each_tls(const config::Config& config, Each each) {
  for (const config::Proxy& proxy : config.proxies) {
    if (proxy.disabled) continue;
    for (const config::Bind& bind : proxy.binds) each(bind.tls);
    for (const config::Server& server : proxy.servers) each(server.tls);
  }
}

std::size_t count_of(std::string_view text, std::string_view label) {
  std::size_t count = 0;
  for (std::size_t at = text.find(label); at != std::string_view::npos; at = text.find(label, at + label.size()))
    ++count;
  return count;
}

// Their texts have gone with the private keys that stand in the same files: only the names are left.
void show_certificates(const CallRef& call) {
  if (!call->argument(0).empty())
    return call->fail("Files are only listed: their texts leave memory with the private keys in them.\n");
  const Snapshot& snapshot = *call->realm().crew().snapshot();
  std::set<std::string> names;
  for (const config::Proxy& proxy : snapshot.config.proxies) {
    if (proxy.disabled) continue;
    for (const config::Bind& bind : proxy.binds) {
      for (const config::CertificateSource& source : bind.certificates) {
        for (const PemFile& file : snapshot.bundle.certificates(source.path)) names.insert(file.name);
      }
    }
    for (const config::Server& server : proxy.servers) {
      if (!server.certificate.empty()) names.insert(server.certificate);
    }
  }
  std::string text = "# filename\n";
  for (const std::string& name : names) append_format(text, "{}\n", name);
  call->answer(std::move(text));
}

void list_counted(const CallRef& call, const std::set<std::string>& names, std::string_view label,
                  std::string_view what) {
  if (!call->argument(0).empty()) return call->fail("Files are only listed: look into them for more.\n");
  std::string text = "# filename\n";
  for (const std::string& name : names) {
    const std::string* content = call->realm().crew().snapshot()->bundle.content(name);
    append_format(text, "{} - {} {}\n", name, content == nullptr ? 0 : count_of(*content, label), what);
  }
  call->answer(std::move(text));
}

void show_authorities(const CallRef& call) {
  std::set<std::string> names;
  for_each_tls(call->realm().crew().snapshot()->config, [&names](const config::Tls& tls) {
    for (const std::string* name : {&tls.ca_file, &tls.ca_verify_file}) {
      if (!name->empty()) names.insert(*name);
    }
  });
  list_counted(call, names, "-----BEGIN CERTIFICATE-----", "certificate(s)");
}

void show_revocations(const CallRef& call) {
  std::set<std::string> names;
  for_each_tls(call->realm().crew().snapshot()->config, [&names](const config::Tls& tls) {
    if (!tls.crl_file.empty()) names.insert(tls.crl_file);
  });
  list_counted(call, names, "-----BEGIN X509 CRL-----", "CRL(s)");
}

constexpr Command kCommands[] = {
    {"show ssl ca-file", "", AccessLevel::Operator, "files of authorities in use", show_authorities},
    {"show ssl cert", "", AccessLevel::Operator, "files of certificates in use", show_certificates},
    {"show ssl crl-file", "", AccessLevel::Operator, "files of revocations in use", show_revocations},
};

}  // namespace

std::span<const Command> tls_commands() { return kCommands; }

}  // namespace penstock
