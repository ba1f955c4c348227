#include "penstock/control/changes.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "penstock/base/format.h"
#include "penstock/config/difference.h"
#include "penstock/config/read.h"
#include "penstock/rules/compile.h"

namespace penstock {
namespace {

// What one line of the log has room for.
constexpr std::size_t kShown = 12;

std::map<std::string, CertificateFacts> certificates_of(const Snapshot& snapshot) {
  std::map<std::string, CertificateFacts> out;
  for (const BindSpec& bind : snapshot.binds) {
    if (!bind.tls) continue;
    for (const CertificateFacts& facts : bind.tls->certificates()) out[facts.file] = facts;
  }
  return out;
}

bool is_same(const Snapshot& before, const Snapshot& after, const std::string& file) {
  const std::string *was = before.bundle.content(file), *is = after.bundle.content(file);
  return was == nullptr || is == nullptr || *was == *is;
}

void add_certificates(const Snapshot& before, const Snapshot& after, std::vector<std::string>& out) {
  const auto was = certificates_of(before);
  for (const auto& [file, facts] : certificates_of(after)) {
    const auto old = was.find(file);
    if (old == was.end()) {
      out.push_back(format("+certificate {}, which ends on {}", file, date_text(facts.not_after)));
      continue;
    }
    const CertificateFacts& then = old->second;
    const bool same =
        then.not_after == facts.not_after && then.not_before == facts.not_before && then.names == facts.names;
    if (!same || !is_same(before, after, file))
      out.push_back(format("certificate {} is another, which ends on {}", file, date_text(facts.not_after)));
  }
}

// Files of rules and authorities, which a configuration only names.
void add_files(const Snapshot& before, const Snapshot& after, std::vector<std::string>& out) {
  std::set<std::string> files;
  for (const rules::NamedFile& file : rules::collect_files(after.config)) files.insert(file.path);
  const auto add = [&files](const config::Tls& tls) { files.insert({tls.ca_file, tls.ca_verify_file, tls.crl_file}); };
  for (const config::Proxy& proxy : after.config.proxies) {
    for (const config::Bind& bind : proxy.binds) add(bind.tls);
    for (const config::Server& server : proxy.servers) {
      add(server.tls);
      files.insert(server.certificate);
    }
  }
  for (const std::string& file : files) {
    if (!is_same(before, after, file)) out.push_back(format("the text of {}", file));
  }
}

void add_overruled(const ServerOrders& orders, const Snapshot& after, std::vector<std::string>& out) {
  for (const auto& [name, set] : orders) {
    const ServerSpec* server = after.find_server(name.first, name.second);
    if (server == nullptr) continue;
    for (const std::string& value : settle(server->values(), set).overruled)
      out.push_back(format("server {}/{}: {} (set at run time)", name.first, name.second, value));
  }
}

}  // namespace

std::vector<std::string> all_changes_between(const Snapshot& before, const Snapshot& after) {
  std::vector<std::string> all = config::differences(config::dump(before.config), config::dump(after.config));
  add_certificates(before, after, all);
  add_files(before, after, all);
  return all;
}

std::string changes_between(const Snapshot& before, const Snapshot& after, const ServerOrders& orders) {
  std::vector<std::string> all = all_changes_between(before, after);
  add_overruled(orders, after, all);
  if (all.empty()) return "no difference";
  std::string text;
  for (std::size_t i = 0; i < std::min(all.size(), kShown); ++i)
    append_format(text, "{}{}", i == 0 ? "" : "; ", all[i]);
  if (all.size() > kShown) append_format(text, "; and {} more", all.size() - kShown);
  return text;
}

std::string changes_for_next_start(const config::Global& was, const config::Global& is) {
  const std::pair<const char*, bool> words[] = {{"nbthread", was.nbthread != is.nbthread},
                                                {"user", was.user != is.user},
                                                {"uid", was.uid != is.uid},
                                                {"group", was.group != is.group},
                                                {"gid", was.gid != is.gid},
                                                {"chroot", was.chroot != is.chroot},
                                                {"daemon", was.daemon != is.daemon},
                                                {"pidfile", was.pid_file != is.pid_file},
                                                {"master-worker", was.master_worker != is.master_worker}};
  std::string text;
  for (const auto& [word, changed] : words) {
    if (changed) text += (text.empty() ? "" : ", ") + std::string(word);
  }
  return text;
}

namespace {

std::string some_of(const std::vector<std::string>& all) {
  std::string text;
  for (std::size_t i = 0; i < std::min(all.size(), kShown); ++i)
    append_format(text, "{}{}", i == 0 ? "" : ", ", all[i]);
  if (all.size() > kShown) append_format(text, " and {} more", all.size() - kShown);
  return text.empty() ? "none" : text;
}

}  // namespace

std::string portrait_of(const Snapshot& snapshot) {
  std::vector<std::string> addresses, pools;
  for (const BindSpec& bind : snapshot.binds) {
    addresses.push_back(format("{} ({})", bind.bound->address.text(), snapshot.frontend(bind.frontend)->name));
  }
  for (const auto& backend : snapshot.backends) {
    if (!backend->balance.servers.empty())
      pools.push_back(format("{} {}", backend->balance.name, backend->balance.servers.size()));
  }
  return format("clients at {}; servers: {}", some_of(addresses), some_of(pools));
}

}  // namespace penstock
