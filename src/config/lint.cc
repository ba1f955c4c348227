#include "penstock/config/lint.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/config/rule_words.h"

namespace penstock::config {

namespace {

enum class Vdir { Owa, Ecp, Ews, Mapi, ActiveSync, Rpc, Oab, Autodiscover, PowerShell };

struct VdirName {
  Vdir vdir;
  std::string_view path;  // In lower case; of kLabels the label.
};

constexpr VdirName kVdirs[] = {{Vdir::Owa, "/owa"},
                               {Vdir::Ecp, "/ecp"},
                               {Vdir::Ews, "/ews"},
                               {Vdir::Mapi, "/mapi"},
                               {Vdir::Rpc, "/rpc"},
                               {Vdir::ActiveSync, "/microsoft-server-activesync"},
                               {Vdir::Oab, "/oab"},
                               {Vdir::Autodiscover, "/autodiscover"},
                               {Vdir::PowerShell, "/powershell"}};

// What users of a published server cannot do without.
constexpr Vdir kNeeded[] = {Vdir::Owa,        Vdir::Ecp, Vdir::Ews,         Vdir::Mapi,
                            Vdir::ActiveSync, Vdir::Oab, Vdir::Autodiscover};

// What clients of Exchange alone ask for, as the first label of a name.
constexpr VdirName kLabels[] = {{Vdir::Autodiscover, "autodiscover"},
                                {Vdir::ActiveSync, "activesync"},
                                {Vdir::ActiveSync, "eas"},
                                {Vdir::Mapi, "mapi"},
                                {Vdir::Owa, "owa"},
                                {Vdir::Ecp, "ecp"},
                                {Vdir::Ews, "ews"},
                                {Vdir::Oab, "oab"}};

constexpr std::uint64_t kMinute = 60'000;
constexpr std::uint64_t kMapiMs = 5 * kMinute;         // NotificationWait is held for so long.
constexpr std::uint64_t kActiveSyncMs = 15 * kMinute;  // A phone's Ping as Exchange presets it.

constexpr std::string_view kNames[] = {
    "buffered-rpc",   "clear-bind",     "clear-check",  "clear-server",   "csp-header",    "denied-ecp",
    "denied-path",    "double-timeout", "h2-ntlm",      "hsts-preload",   "missing-route", "oab-compression",
    "owa-ecp-cookie", "path-case",      "probe-method", "redirect-order", "shared-reuse",  "short-timeout"};

std::string_view path_of(Vdir vdir) {
  for (const VdirName& known : kVdirs) {
    if (known.vdir == vdir) return known.path;
  }
  return {};
}

// The virtual directory that a path, or a pattern for paths, begins with.
const VdirName* vdir_in(std::string_view pattern) {
  while (!pattern.empty() && (pattern[0] == '^' || pattern[0] == '(')) pattern.remove_prefix(1);
  std::string text = lower(pattern);
  if (!text.starts_with('/')) text.insert(0, "/");
  const VdirName* best = nullptr;
  for (const VdirName& known : kVdirs) {
    if (text.starts_with(known.path) && (best == nullptr || known.path.size() > best->path.size())) best = &known;
  }
  return best;
}

const VdirName* vdir_of_label(std::string_view host) {
  const std::string label = lower(host.substr(0, host.find('.')));
  const auto at = std::ranges::find(kLabels, std::string_view(label), &VdirName::path);
  return at == std::end(kLabels) || label.size() == host.size() ? nullptr : &*at;
}

// All of them that a regular expression names, as in "^/(owa|ecp)".
std::vector<const VdirName*> vdirs_in_regex(std::string_view pattern) {
  std::vector<const VdirName*> found;
  const std::string text = lower(pattern);
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; };
  for (const VdirName& known : kVdirs) {
    const std::string_view name = known.path.substr(1);
    const std::size_t at = text.find(name);
    if (at == std::string::npos || (at > 0 && is_letter(text[at - 1]))) continue;
    const std::size_t end = at + name.size();
    if (end == text.size() || !is_letter(text[end])) found.push_back(&known);
  }
  return found;
}

// One test of a condition: a criterion with its flags and patterns.
struct Test {
  const Word* criterion = nullptr;
  bool negated = false;
  bool folds_case = false;
  bool is_regex = false;
  std::string_view source;  // Of a variable that a rule has set from the path: the sample.
  const Word* method = nullptr;
  std::vector<const Word*> patterns;

  bool about_path() const {
    if (!source.empty()) return true;
    const std::string_view name = std::string_view(criterion->text).substr(0, criterion->text.find_first_of(",("));
    return name.starts_with("path") || name.starts_with("url_") || name == "url" || name == "base" ||
           name == "base_beg";
  }
  std::vector<const VdirName*> vdirs() const {
    std::vector<const VdirName*> found;
    for (const Word* pattern : patterns) {
      if (is_regex)
        std::ranges::copy(vdirs_in_regex(pattern->text), std::back_inserter(found));
      else if (const VdirName* vdir = vdir_in(pattern->text))
        found.push_back(vdir);
    }
    return found;
  }
  // What the names that it asks for, if it does, say about who is led there.
  std::set<Vdir> named() const {
    std::set<Vdir> found;
    if (negated || about_path()) return found;
    for (const Word* pattern : patterns) {
      if (const VdirName* vdir = vdir_of_label(pattern->text)) found.insert(vdir->vdir);
    }
    return found;
  }
  // What the server would make of it was made of it before the test.
  bool decodes() const { return converts("url_dec"); }
  bool folds() const { return folds_case || converts("lower"); }

 private:
  bool converts(std::string_view converter) const {
    return criterion->text.find(converter) != std::string::npos || source.find(converter) != std::string::npos;
  }
};

Test test_of(std::span<const Word> words) {
  const TestFlags flags = flags_of(words);
  Test test;
  test.criterion = &words[0];
  test.folds_case = flags.folds_case;
  test.method = flags.method;
  test.is_regex = flags.method != nullptr ? flags.method->text == "reg" : words[0].text.ends_with("_reg");
  for (const Word& word : words.subspan(flags.values)) test.patterns.push_back(&word);
  return test;
}

// In mode tcp there may be no more to go by than what the pool is called: "bk_exchange", "exch-2019".
bool is_called_exchange(const Proxy& proxy) {
  const bool https =
      std::ranges::any_of(proxy.servers, [](const Server& server) { return server.address.port_low == 443; });
  if (!proxy.is_backend || proxy.mode != Mode::Tcp || !https) return false;
  const std::string name = lower(proxy.name);
  const std::size_t at = name.find("exch");
  if (at == std::string::npos) return false;
  const auto is_letter = [&](std::size_t i) { return i < name.size() && name[i] >= 'a' && name[i] <= 'z'; };
  return name.substr(at).starts_with("exchange") || (!is_letter(at - 1) && !is_letter(at + 4));
}

// The sample of the path that a rule of the proxy sets the variable from which the criterion asks for.
std::string_view source_of(const Proxy& proxy, std::string_view criterion) {
  if (!criterion.starts_with("var(")) return {};
  const std::string name(criterion.substr(4, criterion.find(')') - 4));
  for (const Rule& rule : proxy.rules) {
    if (rule.words.size() < 2 || rule.words[0].text != "set-var(" + name + ")") continue;
    const std::string_view sample = rule.words[1].text;
    if (sample.starts_with("path") || sample.starts_with("url") || sample.starts_with("base")) return sample;
  }
  return {};
}

// The tests a rule's condition names; what stands on either side of an `or` is in one list.
std::vector<Test> tests_of(const Proxy& proxy, const Rule& rule) {
  std::vector<Test> tests;
  const auto condition = std::span(rule.words).subspan(parts_of(rule).condition);
  const bool unless = !condition.empty() && condition[0].text == "unless";
  for (const ConditionTerm& term : terms_of(condition)) {
    const auto add = [&](std::span<const Word> words) {
      if (words.empty()) return;
      tests.push_back(test_of(words));
      tests.back().negated = term.negated != unless;
      tests.back().source = source_of(proxy, words[0].text);
    };
    add(term.test);
    for (const Acl& acl : proxy.acls) {
      if (acl.name.text == term.name) add(acl.words);
    }
  }
  return tests;
}

// A backend's name that is looked up: "bk_%[path,map_beg(FILE,default)]".
struct NameByMap {
  std::string before, behind;  // What stands around the sample.
  std::string path;
  std::string otherwise;  // The name's middle where no key fits; empty: none.
  bool about_path = false;
  bool is_regex = false;
};

// Where a sample begins in a format: "%%[" is a text.
std::size_t find_sample(std::string_view format) {
  std::size_t at = format.find('%');
  while (at != std::string_view::npos && format.substr(at, 2) != "%[") at = format.find('%', at + 2);
  return at;
}

std::optional<NameByMap> map_in(std::string_view name) {
  const std::size_t begin = find_sample(name), end = name.rfind(']');
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return std::nullopt;
  const std::string_view sample = name.substr(begin + 2, end - begin - 2);
  const std::size_t map = sample.find(",map");
  const std::size_t open = map == std::string_view::npos ? map : sample.find('(', map);
  if (open == std::string_view::npos) return std::nullopt;
  std::string_view arguments = sample.substr(open + 1);
  arguments = arguments.substr(0, arguments.find(')'));
  NameByMap out;
  out.before = name.substr(0, begin);
  out.behind = name.substr(end + 1);
  out.path = cut(arguments, ',');
  out.otherwise = arguments;
  out.about_path = sample.starts_with("path") || sample.starts_with("url") || sample.starts_with("base");
  out.is_regex = sample.substr(map).starts_with(",map_reg");
  return out;
}

bool returns_error(const Rule& rule) {
  for (std::size_t i = 1; i + 1 < rule.words.size(); ++i) {
    if (rule.words[i].text == "status") return rule.words[i + 1].text.starts_with('4');
  }
  return false;
}

// What it names does not get to a server.
bool denies(const Config& config, const Rule& rule) {
  const std::string& action = rule.words[0].text;
  if (rule.set == Rule::Set::UseBackend) {
    const Proxy* backend = config.find_backend(action);
    return backend != nullptr && backend->servers.empty();
  }
  if (rule.set != Rule::Set::HttpRequest && rule.set != Rule::Set::TcpContent) return false;
  return action == "deny" || action == "tarpit" || action == "silent-drop" || action == "reject" ||
         (action == "return" && returns_error(rule));
}

const std::string& health_uri(const Health& health) {
  for (const CheckStep& step : health.steps) {
    if (step.kind == CheckStep::Kind::Send && !step.uri.empty()) return step.uri;
  }
  return health.uri;
}

const std::string& health_method(const Health& health) {
  for (const CheckStep& step : health.steps) {
    if (step.kind == CheckStep::Kind::Send && !step.method.empty()) return step.method;
  }
  return health.method;
}

// The servers that both have are called the same by both cookies.
bool share_cookie(const Proxy& a, const Proxy& b) {
  if (a.cookie.name != b.cookie.name || a.cookie.dynamic != b.cookie.dynamic) return false;
  if (a.cookie.dynamic && a.dynamic_cookie_key != b.dynamic_cookie_key) return false;
  for (const Server& one : a.servers) {
    for (const Server& other : b.servers) {
      if (one.address.host == other.address.host && one.cookie != other.cookie) return false;
    }
  }
  return true;
}

class Linter {
 public:
  Linter(const Config& config, Diagnostics& diagnostics, const FileText& text_of)
      : config_(config), diagnostics_(diagnostics), text_of_(text_of) {}

  void run() {
    for (const Proxy& proxy : config_.proxies) learn(proxy);
    const std::map<const Proxy*, Vdirs> known_by_rules = vdirs_;
    for (const Proxy& proxy : config_.proxies) learn_default(proxy, known_by_rules);
    if (vdirs_.empty()) return;
    for (const Proxy& proxy : config_.proxies) {
      if (proxy.disabled) continue;
      if (proxy.is_frontend && vdirs_.contains(&proxy)) look_at_frontend(proxy);
      if (proxy.is_backend && vdirs_.contains(&proxy)) look_at_backend(proxy);
    }
  }

 private:
  using Vdirs = std::set<Vdir>;

  void warn(std::string_view name, Place place, std::string text) {
    warn_by_name(config_, diagnostics_, name, place, text);
  }

  // Which virtual directories a proxy serves: by the tests that lead to it, and by what its check
  // asks.
  void learn(const Proxy& proxy) {
    if (proxy.is_backend && proxy.health.kind == Health::Kind::Http) {
      if (const VdirName* vdir = vdir_in(health_uri(proxy.health))) vdirs_[&proxy].insert(vdir->vdir);
    }
    if (is_called_exchange(proxy)) vdirs_[&proxy].insert(Vdir::Autodiscover);
    for (const Rule& rule : proxy.rules) {
      if (rule.set != Rule::Set::UseBackend) continue;
      if (const auto map = map_in(rule.words[0].text)) learn_map(proxy, *map);
      const Proxy* backend = config_.find_backend(rule.words[0].text);
      bool by_path = false;
      Vdirs named;
      for (const Test& test : tests_of(proxy, rule)) {
        named.merge(test.named());
        if (!test.about_path() || test.negated) continue;
        by_path = true;
        for (const VdirName* vdir : test.vdirs()) {
          vdirs_[&proxy].insert(vdir->vdir);
          if (backend != nullptr) vdirs_[backend].insert(vdir->vdir);
        }
      }
      // Reached by a name or an address, with whatever path.
      if (backend == nullptr || by_path) continue;
      reached_whole_.insert({&proxy, backend});
      if (!named.empty()) vdirs_[backend].merge(named);
    }
  }

  // The keys of a map are paths or names, its values are the names of pools.
  void learn_map(const Proxy& proxy, const NameByMap& map) {
    const std::string* text = text_of_ ? text_of_(map.path) : nullptr;
    if (text == nullptr) return;
    const Proxy* otherwise =
        map.otherwise.empty() ? nullptr : config_.find_backend(map.before + map.otherwise + map.behind);
    if (otherwise != nullptr) reached_whole_.insert({&proxy, otherwise});
    std::string_view rest = *text;
    while (!rest.empty()) {
      std::string_view line = trim(cut(rest, '\n'));
      if (line.empty() || line.starts_with('#')) continue;
      const std::string_view key = line.substr(0, line.find_first_of(" \t"));
      const std::string_view value = trim(line.substr(key.size()));
      const Proxy* backend = config_.find_backend(format("{}{}{}", map.before, value, map.behind));
      if (backend == nullptr) continue;
      if (!map.about_path) {
        reached_whole_.insert({&proxy, backend});
        if (const VdirName* vdir = vdir_of_label(key)) vdirs_[backend].insert(vdir->vdir);
        continue;
      }
      const VdirName* one = map.is_regex ? nullptr : vdir_in(key);
      for (const VdirName* vdir :
           map.is_regex ? vdirs_in_regex(key) : std::vector<const VdirName*>(one != nullptr ? 1 : 0, one)) {
        vdirs_[&proxy].insert(vdir->vdir);
        vdirs_[backend].insert(vdir->vdir);
      }
    }
  }

  // Where a frontend's requests go that no rule leads elsewhere.
  const Proxy* default_of(const Proxy& proxy) const {
    if (!proxy.is_frontend) return nullptr;
    if (proxy.default_backend) return config_.find_backend(proxy.default_backend->text);
    return proxy.is_backend ? &proxy : nullptr;
  }

  // A backend that is Exchange and is reached by default, or by a name alone, gets whatever no rule
  // leads elsewhere.
  void learn_default(const Proxy& proxy, const std::map<const Proxy*, Vdirs>& known_by_rules) {
    if (const Proxy* backend = default_of(proxy)) learn_whole(proxy, *backend, known_by_rules);
    for (const auto& [from, backend] : reached_whole_) {
      if (from == &proxy) learn_whole(proxy, *backend, known_by_rules);
    }
  }
  void learn_whole(const Proxy& proxy, const Proxy& backend, const std::map<const Proxy*, Vdirs>& known_by_rules) {
    const auto vdirs_of = [&](const Proxy& of) {
      const auto at = known_by_rules.find(&of);
      return at == known_by_rules.end() ? Vdirs() : at->second;
    };
    if (backend.servers.empty() || vdirs_of(backend).empty()) return;
    Vdirs led = vdirs_of(proxy);
    for (const Rule& rule : proxy.rules) {
      const Proxy* other = rule.set == Rule::Set::UseBackend ? config_.find_backend(rule.words[0].text) : nullptr;
      if (other != nullptr && other != &backend) led.merge(vdirs_of(*other));
    }
    for (const VdirName& known : kVdirs) {
      vdirs_[&proxy].insert(known.vdir);
      if (!led.contains(known.vdir)) vdirs_[&backend].insert(known.vdir);
    }
  }

  bool serves(const Proxy& proxy, Vdir vdir) const {
    const auto at = vdirs_.find(&proxy);
    return at != vdirs_.end() && at->second.contains(vdir);
  }

  static bool sets_timeout(const Proxy& proxy, std::string_view side) {
    return std::any_of(proxy.rules.begin(), proxy.rules.end(), [&](const Rule& rule) {
      return rule.set == Rule::Set::HttpRequest && rule.words.size() > 1 && rule.words[0].text == "set-timeout" &&
             rule.words[1].text == side;
    });
  }

  void look_at_frontend(const Proxy& proxy) {
    if (!sets_timeout(proxy, "client") && !ends_in_tunnels(proxy))
      look_at_timeout(proxy, "client", proxy.timeout.client, proxy.timeout.client_place);
    if (proxy.mode != Mode::Http) return;
    look_at_case(proxy);
    look_at_routes(proxy);
    look_at_denials(proxy);
    look_at_order(proxy);
    look_at_headers(proxy);
    if (proxy.http_buffer_request && serves(proxy, Vdir::Rpc)) complain_of_buffering(proxy);
    for (const Bind& bind : proxy.binds) {
      if (std::find(bind.tls.alpn.begin(), bind.tls.alpn.end(), "h2") == bind.tls.alpn.end()) continue;
      warn("h2-ntlm", bind.place,
           "NTLM and Negotiate log in a connection, which the streams of HTTP/2 share: write 'alpn "
           "http/1.1'");
    }
  }

  void look_at_backend(const Proxy& proxy) {
    look_at_probe(proxy);
    if (serves(proxy, Vdir::Ecp) && !serves(proxy, Vdir::Owa)) look_at_cookie(proxy);
    for (const Server& server : proxy.servers) look_at_server(proxy, server);
    const bool by_rule = std::any_of(config_.proxies.begin(), config_.proxies.end(),
                                     [](const Proxy& any) { return sets_timeout(any, "server"); });
    const Timeouts& timeout = proxy.timeout;
    if (has_tunnel(proxy))
      look_at_timeout(proxy, "tunnel", timeout.tunnel, timeout.tunnel_place);
    else if (!by_rule)
      look_at_timeout(proxy, "server", timeout.server, timeout.server_place);
    if (proxy.mode != Mode::Http) return;
    look_at_headers(proxy);
    if (!proxy.compression.algorithms.empty() && serves(proxy, Vdir::Oab)) {
      warn("oab-compression", proxy.place,
           format("the address book is fetched in ranges and is compressed already: write no "
                  "'compression' in '{}'",
                  proxy.name));
    }
    if (proxy.http_buffer_request && serves(proxy, Vdir::Rpc) && !proxy.is_frontend) complain_of_buffering(proxy);
    if (proxy.reuse == Reuse::Aggressive || proxy.reuse == Reuse::Always) {
      warn("shared-reuse", proxy.place,
           format("'http-reuse {}' in '{}' shares server connections between users; penstock keeps "
                  "those that NTLM or "
                  "Negotiate logged in apart, other proxies show one user another's mail: write "
                  "'http-reuse never'",
                  proxy.reuse == Reuse::Always ? "always" : "aggressive", proxy.name));
    }
  }

  // A tunnel's time takes the place of both sides'.
  static bool has_tunnel(const Proxy& backend) { return backend.mode == Mode::Tcp && backend.timeout.tunnel != 0; }

  // Whoever comes to this frontend for Exchange.
  bool ends_in_tunnels(const Proxy& proxy) const {
    std::vector<const Proxy*> pools;
    if (const Proxy* backend = default_of(proxy)) pools.push_back(backend);
    for (const auto& [from, backend] : reached_whole_) {
      if (from == &proxy) pools.push_back(backend);
    }
    std::erase_if(pools, [&](const Proxy* pool) { return !vdirs_.contains(pool); });
    return !pools.empty() && std::ranges::all_of(pools, [](const Proxy* pool) { return has_tunnel(*pool); });
  }

  void look_at_timeout(const Proxy& proxy, std::string_view side, std::uint64_t ms, Place place) {
    if (ms == 0) return;
    const bool phones = serves(proxy, Vdir::ActiveSync);
    const std::uint64_t least = phones ? kActiveSyncMs : serves(proxy, Vdir::Mapi) ? kMapiMs : 0;
    if (ms >= least) return;
    warn("short-timeout", place.line != 0 ? place : proxy.place,
         format("'timeout {}' of '{}' is {} s: {}, and would be cut off; write 'timeout {} {}m'", side, proxy.name,
                ms / 1000,
                phones ? "a phone's Ping waits in silence for 15 minutes and more"
                       : "Outlook's NotificationWait is held for 5 minutes",
                side, phones ? 65 : 20));
  }

  void look_at_case(const Proxy& proxy) {
    for (const Rule& rule : proxy.rules) {
      for (const Test& test : tests_of(proxy, rule)) {
        if (!test.about_path() || test.folds()) continue;
        const auto at = std::find_if(test.patterns.begin(), test.patterns.end(),
                                     [](const Word* pattern) { return vdir_in(pattern->text) != nullptr; });
        if (at == test.patterns.end() || !said_.insert((*at)->place.line).second) continue;
        warn("path-case", (*at)->place,
             format("IIS takes '{}' in any case and clients write it in several: write '{} -i{} {}'", (*at)->text,
                    test.criterion->text, test.method == nullptr ? std::string() : " -m " + test.method->text,
                    (*at)->text));
      }
    }
  }

  void look_at_routes(const Proxy& proxy) {
    if (proxy.default_backend) {
      const Proxy* backend = config_.find_backend(proxy.default_backend->text);
      if (backend == nullptr || !backend->servers.empty()) return;
    }
    // One or two directories alone are meant so.
    if (vdirs_[&proxy].size() < 3 || serves_some_names(proxy)) return;
    std::string missing;
    for (const Vdir vdir : kNeeded) {
      if (!is_served(proxy, vdir)) append_format(missing, "{}{}", missing.empty() ? "" : ", ", path_of(vdir));
    }
    if (missing.empty()) return;
    warn("missing-route", proxy.place,
         format("no rule of '{}' leads {} anywhere, and Outlook, OWA or phones need it: write a 'use_backend' line for "
                "it, or a 'default_backend' that has servers",
                proxy.name, missing));
  }

  // Where a backend's name is computed, or rules ask for names too, the paths alone do not tell.
  bool serves_some_names(const Proxy& proxy) const {
    return std::any_of(proxy.rules.begin(), proxy.rules.end(), [&](const Rule& rule) {
      if (rule.set != Rule::Set::UseBackend) return false;
      if (rule.words[0].text.find('%') != std::string::npos) return true;
      const std::vector<Test> tests = tests_of(proxy, rule);
      return std::any_of(tests.begin(), tests.end(), [](const Test& test) {
        return !test.negated && test.criterion->text.find("host") != std::string::npos;
      });
    });
  }
  // By this frontend, or by another that serves a part as it does: each may have an address of its
  // own.
  bool is_served(const Proxy& proxy, Vdir vdir) const {
    return std::any_of(config_.proxies.begin(), config_.proxies.end(), [&](const Proxy& other) {
      if (!other.is_frontend || other.disabled || !serves(other, vdir)) return false;
      const bool is_whole =
          std::all_of(std::begin(kNeeded), std::end(kNeeded), [&](Vdir needed) { return serves(other, needed); });
      return &other == &proxy || !is_whole;
    });
  }

  void look_at_denials(const Proxy& proxy) {
    const bool guards = std::any_of(proxy.rules.begin(), proxy.rules.end(), [&](const Rule& rule) {
      if (!denies(config_, rule)) return rule.words[0].text == "normalize-uri";
      const std::vector<Test> tests = tests_of(proxy, rule);
      return std::any_of(tests.begin(), tests.end(), [](const Test& test) {
        return std::any_of(test.patterns.begin(), test.patterns.end(),
                           [](const Word* pattern) { return pattern->text.find("..") != std::string::npos; });
      });
    });
    bool said = false;
    for (const Rule& rule : proxy.rules) {
      if (!denies(config_, rule)) continue;
      const std::vector<Test> tests = tests_of(proxy, rule);
      for (const Test& test : tests) {
        if (!test.about_path() || test.patterns.empty()) continue;
        const VdirName* vdir = vdir_in(test.patterns[0]->text);
        if (vdir == nullptr) continue;
        if (test.negated) {
          if (!said && !guards) complain_of_allowed_path(rule, *vdir);
          said = true;
          continue;
        }
        if (vdir->vdir == Vdir::Ecp && tests.size() == 1) {
          warn("denied-ecp", rule.place,
               "users set inbox rules and automatic replies through /ecp: deny it to strangers "
               "alone, "
               "'... if is_ecp !internal', or deny the administration, '{ path_beg -i "
               "/ecp/default.aspx }'");
        }
        if (said || (test.decodes() && guards)) continue;
        said = true;
        warn("denied-path", rule.place,
             format("paths are matched as they came, and IIS decodes them afterwards: '{0}' is "
                    "also reached as "
                    "'/%{1:02x}{2}' or '/x/..{0}'. Write 'path,url_dec -m beg -i {0}', and above "
                    "it 'http-request deny "
                    "if {{ path,url_dec -m sub /.. \\\\ }} || {{ path,url_dec -m beg // }}'",
                    vdir->path, static_cast<int>(vdir->path[1]), vdir->path.substr(2)));
      }
    }
  }

  void complain_of_allowed_path(const Rule& rule, const VdirName& vdir) {
    warn("denied-path", rule.place,
         format("paths are matched as they came, and IIS resolves them afterwards: '{}/..%2fpowershell' is let "
                "pass and reaches /powershell. Write above it 'http-request deny if {{ path,url_dec -m sub /.. "
                "\\\\ }} || {{ path,url_dec -m beg // }}'",
                vdir.path));
  }

  void look_at_order(const Proxy& proxy) {
    const Rule* use = nullptr;
    for (const Rule& rule : proxy.rules) {
      if (rule.set == Rule::Set::UseBackend && use == nullptr) use = &rule;
      if (rule.set != Rule::Set::HttpRequest || rule.words[0].text != "redirect" || use == nullptr) continue;
      if (rule.place.file != use->place.file || rule.place.line < use->place.line) continue;
      return warn("redirect-order", rule.place,
                  "redirects are looked at before every 'use_backend' line, wherever they stand: "
                  "write this one above them");
    }
  }

  void look_at_headers(const Proxy& proxy) {
    for (const Rule& rule : proxy.rules) {
      const bool sets = rule.set == Rule::Set::HttpResponse || rule.set == Rule::Set::HttpAfterResponse;
      if (!sets || rule.words.size() < 3 || !rule.words[0].text.ends_with("-header")) continue;
      const std::string& name = rule.words[1].text;
      if (rule.words[0].text.starts_with("set") || rule.words[0].text.starts_with("add")) {
        if (equal_nocase(name, "Content-Security-Policy")) {
          warn("csp-header", rule.place,
               "a Content-Security-Policy from a template breaks OWA, whose pages run their own "
               "scripts: leave the line out");
        }
        if (equal_nocase(name, "Strict-Transport-Security") &&
            lower(rule.words[2].text).find("preload") != std::string::npos) {
          warn("hsts-preload", rule.place,
               "'preload' asks browsers to refuse clear text for the whole domain for years: write "
               "'max-age=31536000' alone");
        }
      }
    }
  }

  void complain_of_buffering(const Proxy& proxy) {
    warn("buffered-rpc", proxy.place,
         format("'option http-buffer-request' of '{}' waits for a body that RPC_IN_DATA never ends: write 'no option "
                "http-buffer-request'",
                proxy.name));
  }

  void look_at_probe(const Proxy& proxy) {
    const Health& health = proxy.health;
    if (health.kind != Health::Kind::Http || !lower(health_uri(health)).ends_with("/healthcheck.htm")) return;
    const std::string& method = health_method(health);
    if (method == "GET") return;
    warn("probe-method", health.place.line != 0 ? health.place : proxy.place,
         format("Exchange answers {} of healthcheck.htm without asking the health of '{}': write "
                "'option httpchk GET {}'",
                method, path_of(*vdirs_[&proxy].begin()), health_uri(health)));
  }

  // Of a pool for /ecp alone.
  void look_at_cookie(const Proxy& ecp) {
    if (ecp.mode != Mode::Http) return;
    for (const Proxy& owa : config_.proxies) {
      const bool is_other = &owa != &ecp && owa.is_backend && owa.mode == Mode::Http && !owa.disabled;
      if (!is_other || !serves(owa, Vdir::Owa) || share_cookie(owa, ecp)) continue;
      const Proxy& by_cookie = owa.cookie.name.empty() ? ecp : owa;
      return warn("owa-ecp-cookie", ecp.cookie.name.empty() ? ecp.place : ecp.cookie.place,
                  format("OWA opens pages of /ecp with the same login, so a client of '{0}' must "
                         "come to the same server in '{1}': write the same 'cookie {2}' line in "
                         "both, and the same 'cookie' values on their servers",
                         owa.name, ecp.name, by_cookie.cookie.name));
    }
  }

  void look_at_server(const Proxy& proxy, const Server& server) {
    if (server.address.port_low != 443) return;
    if (proxy.mode == Mode::Http && !server.tls.enabled) {
      return warn("clear-server", server.place,
                  format("server '{}' is spoken to in clear text on port 443, where Exchange "
                         "expects TLS: write 'ssl "
                         "verify required ca-file FILE', or port 80 for offloading",
                         server.name));
    }
    const bool tls_step = std::any_of(proxy.health.steps.begin(), proxy.health.steps.end(),
                                      [](const CheckStep& step) { return step.ssl; });
    const bool other_port = server.check.port != 0 && server.check.port != 443;
    const bool checked = server.check.enabled && proxy.health.kind == Health::Kind::Http && !other_port;
    if (proxy.mode == Mode::Tcp && checked && !server.tls.enabled && !server.check.ssl && !tls_step) {
      warn("clear-check", server.place,
           format("the check of server '{}' speaks clear HTTP to port 443: write 'check check-ssl "
                  "verify none'",
                  server.name));
    }
  }

  const Config& config_;
  Diagnostics& diagnostics_;
  const FileText& text_of_;
  std::map<const Proxy*, Vdirs> vdirs_;
  std::set<std::pair<const Proxy*, const Proxy*>> reached_whole_;  // A frontend, and a backend.
  std::set<std::uint32_t> said_;
};

}  // namespace

void warn_by_name(const Config& config, Diagnostics& diagnostics, std::string_view name, Place place,
                  std::string_view text) {
  const auto& off = config.global.lint_off;
  if (std::find(off.begin(), off.end(), name) != off.end()) return;
  diagnostics.warn(place, format("{}: {} ('lint-off {}' in 'global' silences this)", name, text, name));
}

void lint(const Config& config, Diagnostics& diagnostics, const FileText& text_of) {
  Linter(config, diagnostics, text_of).run();
}

std::span<const std::string_view> lint_names() { return kNames; }

}  // namespace penstock::config
