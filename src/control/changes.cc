#include "penstock/control/changes.h"

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "penstock/base/text.h"
#include "penstock/config/read.h"

namespace penstock {
namespace {

constexpr std::size_t kNamesShown = 5;

std::map<std::string, std::string> servers_of(const Snapshot& snapshot) {
  std::map<std::string, std::string> out;
  for (const BackendRuntimeSpec& backend : snapshot.backends) {
    for (const ServerSpec& server : backend.balance.servers) {
      out[backend.balance.name + "/" + server.name] =
          format("{} {} {} {} {}", server.address.text(), server.weight, server.maxconn, server.backup, server.check.enabled);
    }
  }
  return out;
}

std::map<std::string, std::string> binds_of(const Snapshot& snapshot) {
  std::map<std::string, std::string> out;
  for (const BindSpec& bind : snapshot.binds) out[bind.key] = bind.entrance->trust;
  return out;
}

std::map<std::string, std::string> rules_of(const Snapshot& snapshot) {
  std::map<std::string, std::string> out;
  for (const config::Proxy& proxy : snapshot.config.proxies) {
    std::string& text = out[proxy.name];
    for (const config::Acl& acl : proxy.acls) {
      text += acl.name.text;
      for (const config::Word& word : acl.words) text += " " + word.text;
      text += "\n";
    }
    for (const config::Rule& rule : proxy.rules) {
      text += format("{}", static_cast<int>(rule.set));
      for (const config::Word& word : rule.words) text += " " + word.text;
      text += "\n";
    }
    if (proxy.default_backend) text += proxy.default_backend->text;
  }
  return out;
}

struct Difference {
  std::vector<std::string> added, gone, changed;
  bool none() const { return added.empty() && gone.empty() && changed.empty(); }
};

Difference compare(const std::map<std::string, std::string>& before, const std::map<std::string, std::string>& after) {
  Difference out;
  for (const auto& [name, text] : after) {
    const auto found = before.find(name);
    if (found == before.end()) {
      out.added.push_back(name);
    } else if (found->second != text) {
      out.changed.push_back(name);
    }
  }
  for (const auto& [name, text] : before) {
    if (!after.contains(name)) out.gone.push_back(name);
  }
  return out;
}

void name_some(std::string& text, const char* sign, const std::vector<std::string>& names, std::size_t& shown) {
  for (const std::string& name : names) {
    if (shown++ < kNamesShown) text += format("{}{}{}", shown == 1 ? "" : ", ", sign, name);
  }
}

std::string describe(const char* what, const Difference& difference) {
  std::string text = format("{} +{} -{} ~{}", what, difference.added.size(), difference.gone.size(), difference.changed.size());
  if (difference.none()) return text;
  std::string names;
  std::size_t shown = 0;
  name_some(names, "+", difference.added, shown);
  name_some(names, "-", difference.gone, shown);
  name_some(names, "~", difference.changed, shown);
  if (shown > kNamesShown) names += ", ...";
  return text + " (" + names + ")";
}

}  // namespace

std::string changes_between(const Snapshot& before, const Snapshot& after) {
  return format("{}, {}, {}", describe("servers", compare(servers_of(before), servers_of(after))),
                describe("binds", compare(binds_of(before), binds_of(after))),
                describe("rules", compare(rules_of(before), rules_of(after))));
}

std::string changes_for_next_start(const Snapshot& before, const Snapshot& after) {
  const config::Global &was = before.config.global, &is = after.config.global;
  const std::pair<const char*, bool> words[] = {
      {"nbthread", was.nbthread != is.nbthread}, {"user", was.user != is.user},
      {"uid", was.uid != is.uid},                {"group", was.group != is.group},
      {"gid", was.gid != is.gid},                {"chroot", was.chroot != is.chroot},
      {"daemon", was.daemon != is.daemon},       {"pidfile", was.pid_file != is.pid_file},
      {"master-worker", was.master_worker != is.master_worker}};
  std::string text;
  for (const auto& [word, changed] : words) {
    if (changed) text += (text.empty() ? "" : ", ") + std::string(word);
  }
  return text;
}

}  // namespace penstock
