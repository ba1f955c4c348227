#include "judge.h"

#include <arpa/inet.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "keywords.h"
#include "penstock/config/fixed_text.h"
#include "penstock/config/lint.h"
#include "penstock/config/rule_words.h"

namespace penstock::config {

namespace {

constexpr std::string_view kPredefinedAcls[] = {
    "FALSE",        "HTTP",           "HTTP_1.0",      "HTTP_1.1",   "HTTP_2.0",     "HTTP_CONTENT",
    "HTTP_URL_ABS", "HTTP_URL_SLASH", "HTTP_URL_STAR", "LOCALHOST",  "METH_CONNECT", "METH_DELETE",
    "METH_GET",     "METH_HEAD",      "METH_OPTIONS",  "METH_PATCH", "METH_POST",    "METH_PUT",
    "METH_TRACE",   "RDP_COOKIE",     "REQ_CONTENT",   "TRUE",       "WAIT_END"};

std::string type_of(const Proxy& proxy) {
  if (proxy.is_frontend && proxy.is_backend) return "listen";
  return proxy.is_frontend ? "frontend" : "backend";
}

std::string where(const Config& config, Place place) {
  if (place.line == 0 || place.file >= config.files.size()) return "elsewhere";
  return format("{}:{}", config.files[place.file], place.line);
}

bool stands_before(Place a, Place b) { return a.file != b.file ? a.file < b.file : a.line < b.line; }

// True when the rule applies to everything.
bool is_unconditional(const Rule& rule) {
  const std::size_t at = parts_of(rule).condition;
  if (at == rule.words.size()) return true;
  if (at + 2 != rule.words.size()) return false;
  const bool is_if = rule.words[at].text == "if";
  return rule.words[at + 1].text == (is_if ? "TRUE" : "FALSE");
}

// True when no rule of the same set comes behind this action.
bool is_last_word(const Rule& rule) {
  const std::string& action = rule.words[0].text;
  switch (rule.set) {
    case Rule::Set::UseBackend:
    case Rule::Set::UseServer:
      return true;
    case Rule::Set::TcpConnection:
    case Rule::Set::TcpContent:
    case Rule::Set::TcpSession:
    case Rule::Set::TcpResponse:
      return action == "accept" || action == "reject" || action == "silent-drop" || action == "close";
    case Rule::Set::HttpRequest:
    case Rule::Set::HttpResponse:
      return action == "deny" || action == "redirect" || action == "return" || action == "reject" ||
             action == "silent-drop" || action == "tarpit" || action == "allow" || action == "use-service";
    case Rule::Set::HttpAfterResponse:
      return action == "allow";
    case Rule::Set::MonitorFail:
    case Rule::Set::ForcePersist:
    case Rule::Set::IgnorePersist:
    case Rule::Set::StatsRequest:
    case Rule::Set::StatsAdmin:
    case Rule::Set::Stick:
      return false;
  }
  return false;
}

// True when a request may go on to a server by this action, past the rules behind it.
bool lets_pass(const Rule& rule) { return rule.words[0].text == "accept" || rule.words[0].text == "allow"; }

class Judge {
 public:
  explicit Judge(Reading& reading) : reading_(reading), config_(reading.config), complaints_(reading.diagnostics) {}

  void run() {
    judge_defaults();
    collect_names();
    for (std::size_t i = 0; i < config_.proxies.size(); ++i) judge_proxy(config_.proxies[i], reading_.drafts[i]);
    judge_addresses();
    empty_disabled();
  }

 private:
  void judge_defaults() {
    for (const Draft& defaults : reading_.defaults) {
      if (!defaults.used_by_name || !defaults.used_as_last) continue;
      complaints_.warn(defaults.proxy.place, format("defaults '{}' is used by name and, as the last above a section "
                                                    "without 'from', also by chance: "
                                                    "write 'from {}' there too",
                                                    defaults.proxy.name, defaults.proxy.name));
    }
  }

  void collect_names() {
    for (std::size_t i = 0; i < config_.proxies.size(); ++i) {
      const Proxy& proxy = config_.proxies[i];
      const Place place = reading_.drafts[i].name_place;
      if (proxy.name.empty()) continue;
      if (proxy.is_frontend) add_name(frontends_, proxy, place);
      if (proxy.is_backend) add_name(backends_, proxy, place);
      if (proxy.id == 0) continue;
      const auto [at, is_new] = ids_.try_emplace(proxy.id, &proxy);
      if (!is_new)
        complaints_.add(proxy.place,
                        format("id {} is that of {} '{}' already", proxy.id, type_of(*at->second), at->second->name));
    }
  }

  using Names = std::unordered_map<std::string_view, const Proxy*>;
  void add_name(Names& names, const Proxy& proxy, Place place) {
    const auto [at, is_new] = names.try_emplace(proxy.name, &proxy);
    // A `listen` would be complained about twice.
    if (is_new || at->second == said_twice_) return;
    if (proxy.is_frontend && proxy.is_backend) said_twice_ = at->second;
    complaints_.add(place, format("{} '{}' has the name of the {} at {}", type_of(proxy), proxy.name,
                                  type_of(*at->second), where(config_, at->second->place)));
  }

  void judge_proxy(Proxy& proxy, const Draft& draft) {
    judge_check(config_, proxy, complaints_);  // First: servers are judged by the steps that are left.
    judge_servers(proxy);
    judge_conditions(proxy);
    judge_order(proxy);
    judge_reach(proxy);
    judge_backends(proxy);
    judge_mode(proxy);
    judge_cookies(proxy);
    judge_logs(proxy);
    if (!draft.broken) judge_timeouts(proxy);
    for (const Bind& bind : proxy.binds) judge_bind(bind);
    if (proxy.is_frontend && proxy.binds.empty() && !draft.broken) {
      complaints_.warn(proxy.place,
                       format("{} '{}' has no 'bind' line: no client reaches it", type_of(proxy), proxy.name));
    }
    if (!draft.broken) judge_purpose(proxy, draft);
  }

  // Servers.

  void judge_servers(const Proxy& proxy) {
    std::unordered_map<std::string_view, const Server*> names;
    std::unordered_map<std::uint32_t, const Server*> ids;
    for (const Server& server : proxy.servers) {
      const auto [at, is_new] = names.try_emplace(server.name, &server);
      if (!is_new)
        complaints_.add(server.place, format("there is a server '{}' in {} '{}' already, at {}", server.name,
                                             type_of(proxy), proxy.name, where(config_, at->second->place)));
      if (server.id != 0) {
        const auto [other, first] = ids.try_emplace(server.id, &server);
        if (!first)
          complaints_.add(server.place, format("id {} is that of server '{}' already", server.id, other->second->name));
      }
      judge_server(proxy, server);
    }
    for (const Rule& rule : proxy.rules) {
      if (rule.set == Rule::Set::UseServer) judge_use_server(proxy, rule, names);
    }
  }

  void judge_use_server(const Proxy& proxy, const Rule& rule,
                        const std::unordered_map<std::string_view, const Server*>& servers) {
    const Word& name = rule.words[0];
    if (name.text.find('%') != std::string::npos || servers.contains(name.text)) return;
    std::vector<std::string_view> names;
    names.reserve(servers.size());
    for (const auto& [known, server] : servers) names.push_back(known);
    std::sort(names.begin(), names.end());
    complaints_.add(name.place, format("{} '{}' has no server '{}'{}", type_of(proxy), proxy.name, name.text,
                                       did_you_mean(name.text, names)));
  }

  // A backend's server by the words behind `track`; null after a complaint.
  const Server* tracked_by(const Server& server, const Proxy*& backend) {
    std::string_view name = server.track->text;
    if (const std::size_t slash = name.find('/'); slash != std::string_view::npos) {
      const std::string other(name.substr(0, slash));
      name.remove_prefix(slash + 1);
      backend = config_.find_backend(other);
      if (backend == nullptr) {
        complaints_.add(server.track->place, format("there is no backend '{}' to track a server of", other));
        return nullptr;
      }
    }
    std::vector<std::string_view> names;
    for (const Server& known : backend->servers) {
      if (known.name == name) return &known;
      names.push_back(known.name);
    }
    complaints_.add(server.track->place, format("{} '{}' has no server '{}'{}", type_of(*backend), backend->name, name,
                                                did_you_mean(name, names)));
    return nullptr;
  }

  void judge_tracking(const Proxy& proxy, const Server& server) {
    const Place place = server.track->place;
    if (server.check.enabled)
      return complaints_.add(place,
                             "a server that tracks another has no check of its own: leave 'check' or 'track' out");
    if (server.slowstart_ms != 0) complaints_.warn(place, "'slowstart' has no effect beside 'track'");
    const Proxy* backend = &proxy;
    const Server* at = &server;
    std::unordered_set<const Server*> seen;
    while (at->track) {
      if (!seen.insert(at).second) return complaints_.add(place, "'track' leads back to where it began");
      at = tracked_by(*at, backend);
      if (at == nullptr) return;
    }
    if (!at->check.enabled)
      complaints_.add(place,
                      format("server '{}/{}' is not checked: there is nothing to track", backend->name, at->name));
  }

  void judge_server(const Proxy& proxy, const Server& server) {
    if (server.track) judge_tracking(proxy, server);
    const Tls& tls = server.tls;
    const bool speaks_tls = tls.enabled || server.check.ssl || (server.check.enabled && has_tls_step(proxy));
    if (speaks_tls && tls.verify == Tls::Verify::Required && tls.ca_file.empty()) {
      const std::string_view line = config_.lines[server.place.file][server.place.line - 1];
      const std::string_view words = trim(line.substr(0, end_of_words(line)));
      complaints_.add(tls.place,
                      format("server '{}' is to be verified, which is the default, and no 'ca-file' says by "
                             "whom: write '{} {}ca-file FILE' with the authority of its certificate "
                             "('@system-ca' for public ones), or '{} verify none' to trust any server",
                             server.name, words,
                             words.find(" verify ") == std::string_view::npos ? "verify required " : "", words));
    }
    if (!speaks_tls && !tls.ca_file.empty())
      complaints_.warn(server.place,
                       format("server '{}' has a 'ca-file' and no 'ssl': traffic is in clear text", server.name));
    if (!tls.enabled && !server.certificate.empty())
      complaints_.warn(server.place,
                       format("server '{}' has a 'crt' and no 'ssl': traffic is in clear text", server.name));
    if (!tls.enabled && server.sni)
      complaints_.warn(server.sni->place, format("'sni' of server '{}' has no effect without 'ssl'", server.name));
    if (!server.verify_host.empty() && (!speaks_tls || tls.verify != Tls::Verify::Required)) {
      complaints_.warn(
          server.place,
          format("'verifyhost' of server '{}' has no effect without 'ssl' and 'verify required'", server.name));
    }
    if (server.minconn > server.maxconn && server.maxconn != 0) {
      complaints_.warn(server.place, format("server '{}': minconn {} is more than maxconn {}", server.name,
                                            server.minconn, server.maxconn));
    }
    judge_address(server);
    judge_send_proxy(server);
    judge_server_check(config_, proxy, server, complaints_);
  }

  void judge_address(const Server& server) {
    const bool is_any =
        server.address.kind == Address::Kind::Any || server.address.host == "0.0.0.0" || server.address.host == "::";
    if (is_any && server.check.enabled && !server.check.address)
      complaints_.warn(server.place, format("server '{}' goes where the client wanted to go: a check does not know "
                                            "where that is without 'addr'",
                                            server.name));
  }

  // The ports of Exchange's receive connectors.
  void judge_send_proxy(const Server& server) {
    constexpr std::uint16_t kMail[] = {25, 465, 587, 717, 2525};
    if (!server.send_proxy && !server.send_proxy_v2) return;
    if (std::find(std::begin(kMail), std::end(kMail), server.address.port_low) == std::end(kMail)) return;
    complaints_.warn(server.place, format("server '{}': Exchange's receive connectors do not know the PROXY "
                                          "protocol and close the connection; leave 'send-proxy' out unless a "
                                          "relay that knows it stands there",
                                          server.name));
  }

  static bool has_tls_step(const Proxy& proxy) {
    return std::any_of(proxy.health.steps.begin(), proxy.health.steps.end(),
                       [](const CheckStep& step) { return step.ssl; });
  }

  // Conditions and the names in them.

  void judge_conditions(const Proxy& proxy) {
    std::unordered_map<std::string_view, Place> acls;
    for (const Acl& acl : proxy.acls) acls.try_emplace(acl.name.text, acl.name.place);
    for (const Rule& rule : proxy.rules) {
      const std::size_t at = parts_of(rule).condition;
      const bool has_no_condition =
          rule.words.size() > 1 && at != 1 && (rule.set == Rule::Set::UseBackend || rule.set == Rule::Set::UseServer);
      if (rule.set == Rule::Set::UseServer && rule.words.size() == 1) {
        complaints_.add(behind(rule.words[0]), "'use-server' expects 'if' or 'unless' and a condition");
        continue;
      }
      if (has_no_condition) {
        complaints_.add(rule.words[1].place, format("'{} {}' expects 'if' or 'unless' and a condition, not '{}'",
                                                    name_of(rule.set), rule.words[0].text, rule.words[1].text));
        continue;
      }
      for (const ConditionTerm& term : terms_of(std::span(rule.words).subspan(at))) {
        if (!term.name.empty()) judge_acl_name(proxy, acls, term.name, term.word->place);
      }
    }
  }

  void judge_acl_name(const Proxy& proxy, const std::unordered_map<std::string_view, Place>& acls,
                      std::string_view name, Place place) {
    const auto at = acls.find(name);
    if (at != acls.end()) {
      if (!stands_before(place, at->second)) return;
      return complaints_.add(place, format("acl '{}' is defined below, at {}: it must stand before its use", name,
                                           where(config_, at->second)));
    }
    if (std::find(std::begin(kPredefinedAcls), std::end(kPredefinedAcls), name) != std::end(kPredefinedAcls)) return;
    std::vector<std::string_view> names(std::begin(kPredefinedAcls), std::end(kPredefinedAcls));
    for (const Acl& acl : proxy.acls) names.push_back(acl.name.text);
    std::string text =
        format("there is no acl '{}' in {} '{}'{}", name, type_of(proxy), proxy.name, did_you_mean(name, names));
    if (name == "and" || name == "AND" || name == "&&")
      text = format("'{}' is no operator: tests that stand side by side must all hold", name);
    complaints_.add(place, std::move(text));
  }

  // Rules that another rule above always ends.

  void judge_order(const Proxy& proxy) {
    std::map<Rule::Set, const Rule*> ended;
    std::set<Rule::Set> said, let_pass;
    for (const Rule& rule : proxy.rules) {
      const auto end = ended.find(rule.set);
      // No `allow` leads past a `redirect` line, which begins with that word.
      const bool goes_on = rule.words[0].text == "redirect" && rule.words[0].place.column == rule.place.column;
      if (end != ended.end() && !(goes_on && end->second->words[0].text == "allow")) {
        if (said.insert(rule.set).second) {
          complaints_.warn(rule.words[0].place,
                           format("this '{}' rule can never be reached: the one at {} always ends the matter",
                                  name_of(rule.set), where(config_, end->second->place)));
        }
        continue;
      }
      if (lets_pass(rule)) let_pass.insert(rule.set);
      if (is_last_word(rule) && is_unconditional(rule)) ended.emplace(rule.set, &rule);
    }
    ended_by_rules_ = ends_all(ended, let_pass, proxy);
    const auto use = ended.find(Rule::Set::UseBackend);
    // A computed name that no backend has leads to the default.
    if (use != ended.end() && use->second->words[0].text.find('%') == std::string::npos && proxy.default_backend &&
        !stands_before(proxy.default_backend->place, proxy.place)) {
      complaints_.warn(proxy.default_backend->place,
                       format("this 'default_backend' can never be reached: the use_backend at {} has no condition",
                              where(config_, use->second->place)));
    }
  }

  // The rule that answers every request itself, if there is one: none above it lets anything pass.
  static const Rule* ends_all(const std::map<Rule::Set, const Rule*>& ended, const std::set<Rule::Set>& let_pass,
                              const Proxy& proxy) {
    for (const Rule::Set set :
         {Rule::Set::HttpRequest, Rule::Set::TcpConnection, Rule::Set::TcpSession, Rule::Set::TcpContent}) {
      if (set == Rule::Set::HttpRequest && proxy.mode != Mode::Http) continue;
      const auto end = ended.find(set);
      if (end != ended.end() && !let_pass.contains(set)) return end->second;
    }
    return nullptr;
  }

  void judge_reach(const Proxy& proxy) {
    if (ended_by_rules_ == nullptr) return;
    for (const Rule& rule : proxy.rules) {
      if (rule.set != Rule::Set::UseBackend) continue;
      return complaints_.warn(
          rule.words[0].place,
          format("this 'use_backend' rule can never be reached: the one at {} always ends the matter",
                 where(config_, ended_by_rules_->place)));
    }
    if (proxy.default_backend && !stands_before(proxy.default_backend->place, proxy.place)) {
      complaints_.warn(proxy.default_backend->place,
                       format("this 'default_backend' can never be reached: the rule at {} always ends the matter",
                              where(config_, ended_by_rules_->place)));
    }
  }

  // Backends by their names.

  void judge_backends(Proxy& proxy) {
    if (!proxy.is_frontend) return;
    for (const Rule& rule : proxy.rules) {
      if (rule.set == Rule::Set::UseBackend && rule.words[0].text.find('%') == std::string::npos)
        judge_backend(proxy, rule.words[0]);
    }
    if (proxy.default_backend && proxy.default_backend->text.find('%') == std::string::npos)
      judge_backend(proxy, *proxy.default_backend);
  }

  // Who is led to a backend that is disabled finds no server there; one by a name that is made then may be any.
  void empty_disabled() {
    std::unordered_set<std::string_view> named;
    bool any = false;
    for (const Proxy& proxy : config_.proxies) {
      if (!proxy.is_frontend || proxy.disabled) continue;
      const auto add = [&](const std::string& name) {
        named.insert(name);
        any = any || name.find('%') != std::string::npos;
      };
      for (const Rule& rule : proxy.rules) {
        if (rule.set == Rule::Set::UseBackend) add(rule.words[0].text);
      }
      if (proxy.default_backend) add(proxy.default_backend->text);
    }
    for (Proxy& proxy : config_.proxies) {
      if (!proxy.is_backend || !proxy.disabled || (!any && !named.contains(proxy.name))) continue;
      proxy.stands_empty = true;
      proxy.servers.clear();
      proxy.rules.clear();
    }
  }

  void judge_backend(const Proxy& proxy, const Word& name) {
    const auto at = backends_.find(name.text);
    if (at == backends_.end()) {
      std::vector<std::string_view> names;
      for (const auto& [known, backend] : backends_) names.push_back(known);
      std::sort(names.begin(), names.end());
      const bool is_frontend = frontends_.contains(name.text);
      return complaints_.add(
          name.place, is_frontend ? format("'{}' is a frontend: a backend is needed here", name.text)
                                  : format("there is no backend '{}'{}", name.text, did_you_mean(name.text, names)));
    }
    const Proxy& backend = *at->second;
    if (backend.mode == proxy.mode) return;
    const auto mode = [](const Proxy& p) { return p.mode == Mode::Http ? "http" : "tcp"; };
    complaints_.add(name.place, format("{} '{}' is in mode {}, backend '{}' in mode {}: give both the same mode",
                                       type_of(proxy), proxy.name, mode(proxy), backend.name, mode(backend)));
  }

  // Where a line stands, or, if it came from `defaults`, where the section begins.
  static Place inside(const Proxy& proxy, Place place) {
    return place.file == proxy.place.file && place.line > proxy.place.line ? place : proxy.place;
  }

  // What mode tcp has no use for.

  void judge_mode(Proxy& proxy) {
    if (proxy.mode == Mode::Http) {
      if (!proxy.rdp_cookie.text.empty() && proxy.is_backend)
        complaints_.warn(inside(proxy, proxy.rdp_cookie.place),
                         "'persist rdp-cookie' needs mode tcp and has no effect");
      return void(proxy.rdp_cookie = Word());
    }
    judge_balance(proxy);
    std::map<std::string_view, Place> idle;
    // Each kind of line is told once.
    const auto add = [&](std::string_view name, Place place) { idle.try_emplace(name, inside(proxy, place)); };
    std::erase_if(proxy.rules, [&](const Rule& rule) {
      const bool is_http = rule.set == Rule::Set::HttpRequest || rule.set == Rule::Set::HttpResponse ||
                           rule.set == Rule::Set::HttpAfterResponse || rule.set == Rule::Set::StatsRequest ||
                           rule.set == Rule::Set::StatsAdmin;
      if (is_http) add(name_of(rule.set), rule.place);
      return is_http;
    });
    if (proxy.forward_for.enabled) add("option forwardfor", proxy.forward_for.place);
    if (proxy.original_to.enabled) add("option originalto", proxy.original_to.place);
    if (!proxy.captures.empty()) add("capture", proxy.captures.front().place);
    if (proxy.cookie_capture) add("capture", proxy.cookie_capture->place);
    if (!proxy.cookie.name.empty()) add("cookie", proxy.cookie.place);
    if (proxy.monitor_uri) add("monitor-uri", proxy.monitor_uri_place);
    if (proxy.stats) add("stats", proxy.stats->place);
    for (const auto& [name, place] : idle) {
      complaints_.warn(place, format("'{}' needs mode http and has no effect: {} '{}' is in mode tcp", name,
                                     type_of(proxy), proxy.name));
    }
    proxy.forward_for = ForwardFor();
    proxy.original_to = Proxy().original_to;
    proxy.name_header.clear();
    proxy.check_cache = false;
    proxy.captures.clear();
    proxy.cookie_capture.reset();
    proxy.cookie = Cookie();
    proxy.monitor_uri.reset();
    proxy.stats.reset();
  }

  void judge_balance(Proxy& proxy) {
    using Kind = Balance::Kind;
    Balance& balance = proxy.balance;
    if (balance.kind != Kind::Uri && balance.kind != Kind::UrlParam && balance.kind != Kind::Header) return;
    const std::string_view name = balance.kind == Kind::Uri        ? "uri"
                                  : balance.kind == Kind::UrlParam ? "url_param"
                                                                   : "hdr";
    if (proxy.is_backend)
      complaints_.warn(balance.place,
                       format("'balance {}' needs mode http: in mode tcp servers take turns instead", name));
    balance.kind = Kind::RoundRobin;
    balance.arguments.clear();
  }

  void judge_cookies(Proxy& proxy) {
    const Cookie& cookie = proxy.cookie;
    if (proxy.is_backend && cookie.dynamic && proxy.dynamic_cookie_key.empty()) {
      complaints_.warn(cookie.place, "'dynamic' makes no values without a secret: write 'dynamic-cookie-key'");
    }
    const std::uint32_t most = config_.global.cookie_length;
    if (!proxy.cookie_capture || proxy.cookie_capture->length <= most) return;
    complaints_.warn(proxy.cookie_capture->place,
                     format("a captured cookie is cut at {} characters ('tune.http.cookielen')", most));
  }

  void judge_logs(Proxy& proxy) {
    if (!proxy.is_frontend) return;
    if (!proxy.unique_id_header.empty() && !proxy.unique_id_format) {
      complaints_.warn(
          inside(proxy, proxy.unique_id_place),
          format("'unique-id-header' of {} '{}' has no effect without 'unique-id-format'", type_of(proxy), proxy.name));
      proxy.unique_id_header.clear();
    }
    const bool http_style = proxy.log_style == Proxy::LogStyle::Http || proxy.log_style == Proxy::LogStyle::Https ||
                            proxy.log_style == Proxy::LogStyle::Clf || proxy.log_style == Proxy::LogStyle::Json;
    if (proxy.mode == Mode::Tcp && http_style && !proxy.log_format) {
      complaints_.warn(
          inside(proxy, proxy.log_style_place),
          format("'option httplog' becomes 'option tcplog': {} '{}' is in mode tcp", type_of(proxy), proxy.name));
      proxy.log_style = Proxy::LogStyle::Tcp;
    }
    const bool has_format = proxy.log_format || proxy.log_style == Proxy::LogStyle::Tcp || http_style;
    if (proxy.log_format_sd && !has_format) {
      complaints_.warn(proxy.log_format_sd->place,
                       format("'log-format-sd' has no effect: {} '{}' has no log format for it to go with, write "
                              "'option httplog'",
                              type_of(proxy), proxy.name));
    }
    if (has_format && proxy.logs.empty()) {
      complaints_.warn(proxy.place,
                       format("{} '{}' has a log format and no 'log' line with a target: nothing is logged",
                              type_of(proxy), proxy.name));
    }
  }

  void judge_timeouts(const Proxy& proxy) {
    if (proxy.disabled) return;
    std::string missing;
    const auto add = [&](std::string_view name) { missing += (missing.empty() ? "" : ", ") + std::string(name); };
    const bool has_servers = proxy.is_backend && !proxy.servers.empty();
    if (has_servers && proxy.timeout.connect == 0) add("'timeout connect'");
    if (proxy.is_frontend && !proxy.binds.empty() && proxy.timeout.client == 0) add("'timeout client'");
    if (has_servers && proxy.timeout.server == 0) add("'timeout server'");
    if (missing.empty()) return;
    complaints_.warn(proxy.place, format("{} '{}' lacks {}: who falls silent keeps its connection for ever",
                                         type_of(proxy), proxy.name, missing));
  }

  void judge_bind(const Bind& bind) {
    if (bind.tls.enabled && bind.certificates.empty()) {
      complaints_.add(bind.tls.place, "'ssl' needs a certificate: write 'crt' and a PEM file or a folder of them");
    }
    if (!bind.tls.enabled && !bind.certificates.empty()) {
      warn_by_name(config_, complaints_, "clear-bind", bind.certificates[0].place,
                   "'crt' without 'ssl': clients are spoken to in clear text; write 'ssl' too");
    }
    const bool asks = bind.tls.verify == Tls::Verify::Optional || bind.tls.verify == Tls::Verify::Required;
    if (asks && bind.tls.ca_file.empty()) {
      complaints_.add(bind.tls.place, "'verify' needs a 'ca-file' with the authorities of the clients' certificates");
    }
    if (asks && !bind.tls.enabled) complaints_.warn(bind.place, "'verify' without 'ssl' has no effect");
  }

  void judge_purpose(const Proxy& proxy, const Draft& draft) {
    if (proxy.is_frontend && !proxy.is_backend) {
      const bool routes =
          proxy.default_backend || std::any_of(proxy.rules.begin(), proxy.rules.end(),
                                               [](const Rule& rule) { return rule.set == Rule::Set::UseBackend; });
      const bool answers = ended_by_rules_ != nullptr || proxy.monitor_uri || proxy.stats;
      if (!routes && !answers)
        complaints_.warn(proxy.place,
                         format("frontend '{}' has no 'default_backend' and no 'use_backend': {}", proxy.name,
                                proxy.mode == Mode::Http ? "it answers 503" : "it closes every connection"));
    }
    if (!proxy.is_frontend && proxy.servers.empty() && ended_by_rules_ == nullptr && !proxy.stats && !proxy.disabled &&
        !proxy.stick_table) {
      const bool has_rules = std::any_of(proxy.rules.begin(), proxy.rules.end(),
                                         [](const Rule& rule) { return rule.set == Rule::Set::HttpRequest; });
      if (!has_rules) complaints_.warn(proxy.place, format("backend '{}' has no server", proxy.name));
    }
  }

  // Addresses. For each host the port ranges taken, none overlapping.

  struct Taken {
    std::uint32_t high;
    const Proxy* proxy;
    Place place;
  };
  using Ranges = std::map<std::uint32_t, Taken>;

  static std::string host_key(const Address& address) {
    switch (address.kind) {
      case Address::Kind::Any:
        return "0.0.0.0";
      case Address::Kind::Ip4:
      case Address::Kind::Name:
        return lower(address.host);
      case Address::Kind::Ip6: {
        in6_addr bytes;
        if (inet_pton(AF_INET6, address.host.c_str(), &bytes) != 1) return address.host;
        return std::string(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
      }
      case Address::Kind::Unix:
        return "unix@" + address.host;
      case Address::Kind::Abstract:
        return "abns@" + address.host;
      case Address::Kind::Fd:
        return format("fd@{}", address.fd);
    }
    return {};
  }

  void judge_addresses() {
    for (Proxy& proxy : config_.proxies) {
      if (proxy.disabled) continue;
      for (Bind& bind : proxy.binds) {
        std::erase_if(bind.addresses, [&](const Address& address) { return is_taken(proxy, bind, address); });
      }
      std::erase_if(proxy.binds, [](const Bind& bind) { return bind.addresses.empty(); });
    }
  }

  // True when the proxy itself bound the address already: then this one is left out.
  bool is_taken(const Proxy& proxy, const Bind& bind, const Address& address) {
    const bool has_port = address.kind != Address::Kind::Unix && address.kind != Address::Kind::Abstract &&
                          address.kind != Address::Kind::Fd;
    // Port 0 is a new port each time. An address behind an interface is one of that interface.
    if (has_port && address.port_low == 0) return false;
    const std::uint32_t low = address.port_low, high = address.port_high;
    Ranges& ranges = ranges_[host_key(address) + "%" + bind.interface];
    auto at = ranges.upper_bound(high);
    if (at == ranges.begin() || std::prev(at)->second.high < low) {
      ranges.emplace(low, Taken{high, &proxy, bind.place});
      return false;
    }
    const Taken& taken = std::prev(at)->second;
    const std::string text = address_text(address, AddressUse::Bind);
    if (taken.proxy != &proxy) {
      complaints_.add(bind.place, format("address {} is bound by {} '{}' already, at {}", text, type_of(*taken.proxy),
                                         taken.proxy->name, where(config_, taken.place)));
      return false;
    }
    if (std::prev(at)->first != low || taken.high != high) {
      complaints_.add(bind.place,
                      format("address {} overlaps with the one bound at {}", text, where(config_, taken.place)));
      return false;
    }
    complaints_.warn(bind.place,
                     format("address {} is bound at {} already: it is one listener, with the words of that line", text,
                            where(config_, taken.place)));
    return true;
  }

  static std::string did_you_mean(std::string_view word, std::span<const std::string_view> names) {
    const std::string_view near = nearest(word, names);
    return near.empty() ? std::string() : format("; did you mean '{}'?", near);
  }

  Reading& reading_;
  Config& config_;
  Diagnostics& complaints_;
  Names frontends_, backends_;
  std::unordered_map<std::uint32_t, const Proxy*> ids_;
  std::unordered_map<std::string, Ranges> ranges_;
  const Proxy* said_twice_ = nullptr;
  const Rule* ended_by_rules_ = nullptr;  // Of the proxy that is being judged.
};

}  // namespace

void judge(Reading& reading) { Judge(reading).run(); }

}  // namespace penstock::config
