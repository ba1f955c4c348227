#include "finish.h"

#include <algorithm>

#include "keywords.h"
#include "old_words.h"
#include "penstock/config/fixed_text.h"
#include "penstock/config/rule_words.h"
#include "user_lists.h"

namespace penstock::config {

namespace {

constexpr unsigned bit(unsigned version) { return 1u << version; }
// Unless said otherwise, on bind and server lines alike.
constexpr unsigned kOldest = static_cast<unsigned>(TlsVersion::Tls12);
constexpr unsigned kNewest = static_cast<unsigned>(TlsVersion::Tls13);

// Versions below the built-in lowest are spoken by word only: a highest one down there is spoken alone.
void resolve_lowest(Tls& tls, bool is_spoken, Diagnostics& diagnostics) {
  if (tls.min_version != TlsVersion::Unset || tls.max_version == TlsVersion::Unset) return;
  if (static_cast<unsigned>(tls.max_version) >= kOldest) return;
  tls.min_version = tls.max_version;
  if (!is_spoken) return;
  const std::string_view version = version_text(tls.max_version);
  diagnostics.warn(tls.place, format("'ssl-max-ver {}' without 'ssl-min-ver': {} alone is spoken, since unless said "
                                     "otherwise TLSv1.2 is the oldest",
                                     version, version));
}

// `no-tlsv1x` words to a lowest and a highest version. Where they contradict ssl-min-ver and ssl-max-ver those count.
void resolve_versions(Tls& tls, bool is_spoken, Diagnostics& diagnostics) {
  resolve_lowest(tls, is_spoken, diagnostics);
  const unsigned low = tls.min_version == TlsVersion::Unset ? kOldest : static_cast<unsigned>(tls.min_version);
  const unsigned high = tls.max_version == TlsVersion::Unset ? kNewest : static_cast<unsigned>(tls.max_version);
  unsigned first = 0, last = 0;
  bool gap = false;
  for (unsigned version = low; version <= high; ++version) {
    if ((tls.excluded & bit(version)) != 0) continue;
    if (first == 0) first = version;
    gap = gap || (last != 0 && last + 1 != version);
    last = version;
  }
  const unsigned excluded = std::exchange(tls.excluded, 0u);
  const bool has_range = tls.min_version != TlsVersion::Unset || tls.max_version != TlsVersion::Unset;
  if ((first == 0 || gap) && has_range && low <= high) {
    diagnostics.warn(tls.place,
                     "beside ssl-min-ver and ssl-max-ver the no-tlsv words would leave no version, or a gap: "
                     "they have no effect");
    return;
  }
  if (first == 0)
    return diagnostics.add(tls.place, "no TLS version is left: look at ssl-min-ver, ssl-max-ver and the no-tlsv words");
  if ((excluded & ~1u) == 0) return;
  if (first != low) tls.min_version = static_cast<TlsVersion>(first);
  if (last != high) tls.max_version = static_cast<TlsVersion>(last);
}

void resolve_error_files(Reading& reading, Draft& draft) {
  for (const ErrorFilesUse& use : draft.error_files) {
    const auto group = reading.error_groups.find(use.name.text);
    if (group == reading.error_groups.end()) {
      reading.diagnostics.add(use.name.place, format("there is no section 'http-errors {}'", use.name.text));
      continue;
    }
    group->second.used = true;
    for (const ErrorReply& reply : group->second.files) {
      const bool asked =
          use.codes.empty() || std::find(use.codes.begin(), use.codes.end(), reply.status) != use.codes.end();
      if (!asked) continue;
      std::erase_if(draft.proxy.errors, [&](const ErrorReply& other) { return other.status == reply.status; });
      draft.proxy.errors.push_back(reply);
    }
  }
}

// What an answer is by default.
std::string_view usual_status(const Rule& rule) {
  const std::string& action = rule.words[0].text;
  if (action == "return") return "200";
  if (action == "tarpit") return "500";
  return rule.set == Rule::Set::HttpRequest ? "403" : "502";
}

// `deny ... errorfiles <name>` and its like: the file of that status is what stands there.
void resolve_error_files(Reading& reading, Rule& rule) {
  const std::size_t end = std::min(parts_of(rule).condition, rule.words.size());
  const auto words = std::span(rule.words).first(end);
  const auto named = [&](std::string_view name) {
    return std::find_if(words.begin(), words.end(), [&](const Word& word) { return word.text == name; });
  };
  const auto at = named("errorfiles");
  if (at == words.end() || at + 1 == words.end()) return;
  const Word& name = *(at + 1);
  const auto group = reading.error_groups.find(name.text);
  if (group == reading.error_groups.end())
    return reading.diagnostics.add(name.place, format("there is no section 'http-errors {}'", name.text));
  group->second.used = true;
  auto status = named("status");
  if (status == words.end()) status = named("deny_status");
  const std::string_view wanted =
      status == words.end() || status + 1 == words.end() ? usual_status(rule) : std::string_view((status + 1)->text);
  for (const ErrorReply& reply : group->second.files) {
    if (format("{}", reply.status) != wanted) continue;
    at->text = "errorfile";
    (at + 1)->text = reply.file;
    return;
  }
  reading.diagnostics.warn(
      name.place, format("'http-errors {}' has no file for status {}: the usual page is sent", name.text, wanted));
  at->text = "default-errorfiles";
  rule.words.erase(rule.words.begin() + (at - words.begin()) + 1);
}

void resolve_error_files_of_rules(Reading& reading, Draft& draft) {
  for (Rule& rule : draft.proxy.rules) {
    const bool answers = !rule.words.empty() && (rule.words[0].text == "deny" || rule.words[0].text == "return" ||
                                                 rule.words[0].text == "tarpit");
    if (answers) resolve_error_files(reading, rule);
  }
}

// `redirect` lines act behind all http-request rules of their section.
void place_redirects(Draft& draft) {
  std::move(draft.redirects.begin(), draft.redirects.end(), std::back_inserter(draft.proxy.rules));
  draft.redirects.clear();
}

void resolve_logs(const Global& global, Proxy& proxy) {
  if (proxy.log_global) proxy.logs.insert(proxy.logs.begin(), global.logs.begin(), global.logs.end());
}

// What `unix-bind` says holds for unix sockets whose line does not.
void take_unix_bind(const Bind& given, Bind& bind) {
  const bool is_unix = std::any_of(bind.addresses.begin(), bind.addresses.end(),
                                   [](const Address& address) { return address.kind == Address::Kind::Unix; });
  if (!is_unix) return;
  if (!bind.unix_mode) bind.unix_mode = given.unix_mode;
  if (!bind.unix_uid && bind.unix_user.empty()) {
    bind.unix_uid = given.unix_uid;
    bind.unix_user = given.unix_user;
  }
  if (!bind.unix_gid && bind.unix_group.empty()) {
    bind.unix_gid = given.unix_gid;
    bind.unix_group = given.unix_group;
  }
}

// `option http-restrict-req-hdr-names` acts ahead of all rules.
void restrict_names(Draft& draft) {
  if (draft.odd_names == Draft::Names::Any || draft.proxy.mode != Mode::Http) return;
  const bool deletes = draft.odd_names == Draft::Names::Deleted;
  const std::vector<std::string_view> texts =
      deletes ? std::vector<std::string_view>{"del-header", "[^A-Za-z0-9-]", "-m", "reg"}
              : std::vector<std::string_view>{"deny", "if", "{", "req.hdr_names", "-m", "reg", "[^A-Za-z0-9,-]", "}"};
  Rule rule{Rule::Set::HttpRequest, draft.odd_names_place, {}};
  for (const std::string_view text : texts) rule.words.push_back({std::string(text), draft.odd_names_place});
  draft.proxy.rules.insert(draft.proxy.rules.begin(), std::move(rule));
}

void resolve_binds(Reading& reading, Proxy& proxy) {
  for (Bind& bind : proxy.binds) take_unix_bind(reading.unix_bind, bind);
  for (Bind& bind : proxy.binds) finish_bind_tls(bind.tls, proxy.mode == Mode::Http, reading.diagnostics);
}

// What is not spoken must not be offered: the server would choose it.
void leave_out_h2(std::vector<std::string>& alpn, Place place, std::string_view word, Diagnostics& diagnostics) {
  if (std::erase(alpn, "h2") == 0) return;
  diagnostics.warn(place,
                   format("'{}': HTTP/2 to servers is not offered yet: h2 is left out and http/1.1 is spoken", word));
  if (alpn.empty()) alpn = {"http/1.1"};
}

bool checks_over_tls(const Proxy& proxy) {
  return std::any_of(proxy.health.steps.begin(), proxy.health.steps.end(),
                     [](const CheckStep& step) { return step.ssl; });
}

// `ssl` without a word of whom to trust: the system's authorities, and the name that is known. The words are told, which
// are then to be written. Without a name any certificate of any authority would do, which is an error (judge).
void trust_system(Reading& reading, Server& server) {
  using Kind = Address::Kind;
  const bool asks_name =
      !server.verify_host.empty() || (server.tls.enabled ? server.sni.has_value() : !server.check.sni.empty());
  if (!asks_name && server.address.kind != Kind::Name) return;
  if (!asks_name) server.verify_host = server.address.host;
  server.tls.ca_file = "@system-ca";
  server.tls.ca_place = server.place;
  std::string words = "verify required ca-file @system-ca";
  if (!asks_name) words += " verifyhost " + quoted(server.verify_host);
  reading.diagnostics.warn(
      server.place, format("server '{}' speaks TLS and no word says whom to trust: it is the system's authorities "
                           "and the server's name; write '{}' behind it, or 'verify none'",
                           server.name, words));
  const std::string_view line = reading.config.lines[server.place.file][server.place.line - 1];
  const std::size_t begin = line.find_first_not_of(" \t");
  reading.diagnostics.set_instead(format("{} {}", line.substr(begin, end_of_words(line) - begin), words));
}

void resolve_servers(Reading& reading, Draft& draft) {
  const bool script_tls = checks_over_tls(draft.proxy);
  for (Server& server : draft.proxy.servers) {
    if (!server.source) server.source = draft.source;
    const bool speaks_tls = server.tls.enabled || server.check.ssl || (script_tls && server.check.enabled);
    finish_server_tls(reading, server, speaks_tls);
    if (draft.proxy.mode == Mode::Http) {
      leave_out_h2(server.tls.alpn, server.tls.alpn_place, "alpn", reading.diagnostics);
      leave_out_h2(server.check.alpn, server.place, "check-alpn", reading.diagnostics);
    }
  }
}

// `dispatch` and `option transparent` are a server before all others, which alone is chosen. Its name is what the log
// has where there is none.
void place_dispatch(Reading& reading, Draft& draft) {
  Proxy& proxy = draft.proxy;
  if (!draft.dispatch || !proxy.is_backend) return;
  const bool is_transparent = draft.dispatch->kind == Address::Kind::Any && draft.dispatch->port_low == 0;
  if (proxy.balance.kind != Balance::Kind::Unset) {
    if (is_transparent)
      return reading.diagnostics.add(draft.dispatch_place, "'option transparent' and 'balance' do not go together");
    return reading.diagnostics.warn(draft.dispatch_place, "'dispatch' has no effect beside 'balance'");
  }
  Server server;
  server.place = server.tls.place = draft.dispatch_place;
  server.name = kDispatchName;
  server.address = *draft.dispatch;
  server.source = draft.source;
  server.id = kDispatchId;
  proxy.servers.insert(proxy.servers.begin(), std::move(server));
  proxy.balance.kind = Balance::Kind::First;
}

void judge_state_file(Reading& reading, const Proxy& proxy) {
  if (proxy.state_from != Proxy::StateFrom::Global || !reading.config.global.server_state_file.empty()) return;
  reading.diagnostics.warn(
      proxy.state_place,
      "'load-server-state-from-file global' has no effect: there is no 'server-state-file' in global");
}

}  // namespace

void finish_server_tls(Reading& reading, Server& server, bool is_spoken) {
  resolve_versions(server.tls, is_spoken, reading.diagnostics);
  if (!is_spoken || server.tls.verify != Tls::Verify::Unset) return;
  server.tls.verify = reading.config.global.server_verify_none ? Tls::Verify::None : Tls::Verify::Required;
  if (server.tls.verify == Tls::Verify::Required && server.tls.ca_file.empty()) trust_system(reading, server);
}

void finish_bind_tls(Tls& tls, bool is_http, Diagnostics& diagnostics) {
  resolve_versions(tls, tls.enabled, diagnostics);
  if (tls.enabled && tls.verify == Tls::Verify::Unset) tls.verify = Tls::Verify::None;
  if (!is_http || std::erase(tls.alpn, "h2") == 0) return;
  diagnostics.warn(tls.place, "'alpn': HTTP/2 is not offered yet: h2 is left out and clients get http/1.1");
  if (tls.alpn.empty()) tls.alpn = {"http/1.1"};
}

void finish(Reading& reading) {
  Config& config = reading.config;
  resolve_rings(reading);
  settle_resolvers(reading);
  resolve_mailers(reading);
  resolve_caches(reading);
  resolve_peers(reading, config.global.local_peer);
  for (Draft& draft : reading.drafts) {
    resolve_error_files(reading, draft);
    place_old_rules(reading, draft);
    place_redirects(draft);
    restrict_names(draft);
    resolve_error_files_of_rules(reading, draft);
    resolve_logs(config.global, draft.proxy);
    resolve_binds(reading, draft.proxy);
    place_dispatch(reading, draft);
    resolve_servers(reading, draft);
    if (draft.proxy.stick_table) resolve_peers_of(reading, *draft.proxy.stick_table);
    judge_state_file(reading, draft.proxy);
  }
  for (const auto& [name, group] : reading.error_groups) {
    if (!group.used)
      reading.diagnostics.warn(group.place, format("'http-errors {}' has no effect: no 'errorfiles {}' asks for it, "
                                                   "and its files are not read",
                                                   name, name));
  }
  finish_user_lists(reading);
  resolve_versions(config.global.bind_defaults, false, reading.diagnostics);
  resolve_versions(config.global.server_defaults, false, reading.diagnostics);
  config.global.max_head = std::max(config.global.max_head, config.global.buffer_size);
  for (Draft& draft : reading.drafts) config.proxies.push_back(std::move(draft.proxy));
}

}  // namespace penstock::config
