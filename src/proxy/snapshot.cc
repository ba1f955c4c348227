#include "penstock/proxy/snapshot.h"

#include <algorithm>
#include <ctime>
#include <set>
#include <utility>

#include "penstock/balance/policy.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/base/xxhash.h"
#include "penstock/config/model.h"
#include "penstock/proxy/checks_of.h"

namespace penstock {
namespace {

constexpr std::int64_t kNearEndSeconds = 14 * 86400;
// What a frontend is taken to admit where nothing says how many.
constexpr std::uint32_t kUsualMaxconn = 2000;

std::uint16_t wire_version(config::TlsVersion version) {
  switch (version) {
    case config::TlsVersion::Unset:
      return 0;
    case config::TlsVersion::Tls10:
      return 0x0301;
    case config::TlsVersion::Tls11:
      return 0x0302;
    case config::TlsVersion::Tls12:
      return 0x0303;
    case config::TlsVersion::Tls13:
      return 0x0304;
  }
  return 0;
}

BalanceKind balance_kind(config::Balance::Kind kind) {
  using Kind = config::Balance::Kind;
  switch (kind) {
    case Kind::Unset:
    case Kind::RoundRobin:
    case Kind::StaticRoundRobin:
      return BalanceKind::RoundRobin;
    case Kind::LeastConn:
      return BalanceKind::LeastConn;
    case Kind::First:
      return BalanceKind::First;
    case Kind::Source:
      return BalanceKind::Source;
    case Kind::Random:
      return BalanceKind::Random;
    case Kind::Uri:
    case Kind::UrlParam:
    case Kind::Header:
    case Kind::Hash:
      return BalanceKind::Hash;
  }
  return BalanceKind::RoundRobin;
}

ReuseMode reuse_mode(config::Reuse reuse) {
  switch (reuse) {
    case config::Reuse::Never:
      return ReuseMode::Never;
    case config::Reuse::Safe:
      return ReuseMode::Safe;
    case config::Reuse::Aggressive:
      return ReuseMode::Aggressive;
    case config::Reuse::Always:
      return ReuseMode::Always;
  }
  return ReuseMode::Safe;
}

// Of servers that track servers; a longer one goes in a circle, which was complained about.
constexpr std::size_t kLongestChain = 10000;

}  // namespace

std::string date_text(std::int64_t unix_time) {
  const std::time_t time = unix_time;
  std::tm parts{};
  gmtime_r(&time, &parts);
  char space[32];
  std::strftime(space, sizeof(space), "%Y-%m-%d %H:%M UTC", &parts);
  return space;
}

class SnapshotBuilder final : private rules::Environment {
 public:
  SnapshotBuilder(Snapshot& snapshot, const Snapshot::Sources& sources, config::Diagnostics& diagnostics)
      : snapshot_(snapshot),
        config_(snapshot.config),
        bundle_(snapshot.bundle),
        sources_(sources),
        diagnostics_(diagnostics) {}

  void run() {
    number_proxies();
    for (const config::Proxy& proxy : config_.proxies) {
      if (proxy.disabled) continue;
      if (proxy.is_frontend) frontend_proxies_.push_back(&proxy);
      if (!proxy.is_backend) continue;
      snapshot_.backend_by_name_[proxy.name] = static_cast<int>(backend_proxies_.size());
      backend_proxies_.push_back(&proxy);
    }
    for (std::size_t i = 0; i < frontend_proxies_.size(); ++i)
      frontend_by_name_[frontend_proxies_[i]->name] = static_cast<int>(i);
    snapshot_.logs = logs_of(config_.global.logs, config_.global.log_tag);
    for (const config::Proxy* proxy : config_.tables())
      snapshot_.tables.push_back(sources_.tables.table(proxy->name, *proxy->stick_table));
    for (const config::Proxy* proxy : backend_proxies_) build_backend(*proxy);
    for (std::size_t i = 0; i < backend_proxies_.size(); ++i) lead_trackers(i);
    for (const config::Proxy* proxy : frontend_proxies_) build_frontend(*proxy);
  }

 private:
  // Whoever has no `id` gets the lowest number that is free, in the order of the file.
  class Numbering {
   public:
    void take(std::uint32_t id) { taken_.insert(id); }
    std::uint32_t next() {
      while (taken_.count(next_) != 0) ++next_;
      return next_++;
    }

   private:
    std::set<std::uint32_t> taken_;
    std::uint32_t next_ = 1;
  };

  void number_proxies() {
    Numbering numbers;
    for (const config::Proxy& proxy : config_.proxies) numbers.take(proxy.id);
    for (const config::Proxy& proxy : config_.proxies) proxy_ids_[&proxy] = proxy.id != 0 ? proxy.id : numbers.next();
  }

  const std::string* content(const std::string& path) const override { return bundle_.content(path); }
  int frontend_index(const std::string& name) const override {
    const auto found = frontend_by_name_.find(name);
    return found == frontend_by_name_.end() ? -1 : found->second;
  }
  int backend_index(const std::string& name) const override { return snapshot_.backend_index(name); }
  int server_index(int backend, const std::string& name) const override {
    const auto& servers = backend_proxies_[static_cast<std::size_t>(backend)]->servers;
    const auto found =
        std::find_if(servers.begin(), servers.end(), [&](const auto& server) { return server.name == name; });
    return found == servers.end() ? -1 : static_cast<int>(found - servers.begin());
  }
  std::string_view hostname() const override { return sources_.process.hostname; }
  std::optional<std::string> address_of(const std::string& name) const override {
    config::Address address;
    address.kind = config::Address::Kind::Name;
    address.host = name;
    address.family = 4;
    const SocketAddress found = bundle_.resolved(address);
    return found.empty() ? std::nullopt : std::optional(found.ip_text());
  }

  std::vector<LogOutput*> logs_of(const std::vector<config::LogTarget>& targets, const std::string& tag) {
    std::vector<LogOutput*> out;
    for (const config::LogTarget& target : targets) {
      LogOutput* output = log_output(target, tag);
      if (output != nullptr) out.push_back(output);
    }
    return out;
  }

  // One output for each distinct `log` line, kept over reloads.
  LogOutput* log_output(const config::LogTarget& target, const std::string& tag) {
    using Kind = config::LogTarget::Kind;
    if (sources_.check_only) return nullptr;
    if (sources_.process.in_background && (target.kind == Kind::Stdout || target.kind == Kind::Stderr)) {
      diagnostics_.warn(target.place, "in the background nobody reads stdout and stderr: nothing is logged there");
      return nullptr;
    }
    SocketAddress address = bundle_.resolved(target.address);
    if (!address.empty() && address.port() == 0) address.set_port(514);
    const config::Global& global = config_.global;
    config::LogTarget wanted = target;
    LogIdentity identity{tag, sources_.process.pid, {}};
    if (global.log_send_hostname_on) {
      identity.hostname = global.log_send_hostname.empty() ? sources_.process.hostname : global.log_send_hostname;
      if (!wanted.format) wanted.format = config::LogTarget::Format::Rfc3164;
    }
    const int wanted_format = wanted.format ? static_cast<int>(*wanted.format) : -1;
    const std::string key =
        format("{} {} {} {} {} {} {} {} {} {} {}", static_cast<int>(target.kind), address.text(), target.address.host,
               target.fd, target.length, wanted_format, target.facility, static_cast<int>(target.level),
               static_cast<int>(target.min_level), tag, identity.hostname);
    for (const auto& output : snapshot_.outputs) {
      if (output == sources_.log_outputs[key]) return output.get();
    }
    std::shared_ptr<LogOutput>& known = sources_.log_outputs[key];
    if (!known) {
      Result<std::unique_ptr<LogOutput>> opened = LogOutput::open(wanted, identity, address, sources_.log_descriptors);
      if (!opened) {
        diagnostics_.add(target.place, opened.error().text);
        sources_.log_outputs.erase(key);
        return nullptr;
      }
      known = std::move(*opened);
      if (sources_.log_reach != nullptr) known->reach_by(*sources_.log_reach, bundle_.log_socket(known->socket_name()));
    }
    snapshot_.outputs.push_back(known);
    return known.get();
  }

  static VerifyErrors errors_of(std::string_view list) {
    VerifyErrors errors;
    if (list == "all") return errors.set();
    while (!list.empty()) errors.set(static_cast<std::size_t>(*parse_unsigned(cut(list, ','))));
    return errors;
  }

  TlsOptions tls_options(const config::Tls& tls) {
    TlsOptions options;
    if (tls.min_version != config::TlsVersion::Unset) options.min_version = wire_version(tls.min_version);
    if (tls.max_version != config::TlsVersion::Unset) options.max_version = wire_version(tls.max_version);
    options.ciphers = tls.ciphers;
    options.curves = tls.curves;
    options.alpn = tls.alpn;
    options.tickets = tls.tickets;
    options.lifetime_s = config_.global.ssl_lifetime_s;
    if (tls.verify == config::Tls::Verify::Optional) options.check = TlsPeerCheck::Optional;
    if (tls.verify == config::Tls::Verify::Required) options.check = TlsPeerCheck::Required;
    options.ca_name = tls.ca_file;
    options.crl_name = tls.crl_file;
    options.system_ca = tls.ca_file == kSystemCa;
    if (const std::string* text = bundle_.content(tls.ca_file)) options.ca_pem = *text;
    if (const std::string* text = bundle_.content(tls.crl_file)) options.crl_pem = *text;
    options.extra_ca_name = tls.ca_verify_file;
    if (const std::string* text = bundle_.content(tls.ca_verify_file)) options.extra_ca_pem = *text;
    options.ca_errors_ignored = errors_of(tls.ca_ignore_err);
    options.leaf_errors_ignored = errors_of(tls.crt_ignore_err);
    return options;
  }

  static std::string key_of(const config::Tls& tls) {
    std::string key = format("{} {} {} {} {} {} {} {} {}", static_cast<int>(tls.min_version),
                             static_cast<int>(tls.max_version), tls.ciphers, tls.curves, tls.tickets,
                             static_cast<int>(tls.verify), tls.ca_file, tls.crl_file, tls.alpn.size());
    key += format(" {} {} {}", tls.ca_verify_file, tls.ca_ignore_err, tls.crt_ignore_err);
    for (const std::string& protocol : tls.alpn) key += " " + protocol;
    return key;
  }

  std::shared_ptr<const TlsContext> tls_for_bind(const config::Bind& bind) {
    std::string key =
        key_of(bind.tls) + (bind.strict_sni ? " strict" : "") + (bind.prefer_client_ciphers ? " client" : "");
    for (const config::CertificateSource& source : bind.certificates) key += "\n" + source.path;
    auto& known = bind_contexts_[key];
    if (known) return known;
    std::vector<PemFile> certificates;
    for (const config::CertificateSource& source : bind.certificates) {
      for (PemFile& file : bundle_.certificates(source.path)) {
        if (judge_certificate(file, source.place)) certificates.push_back(std::move(file));
      }
    }
    if (certificates.empty() || diagnostics_.failed()) return nullptr;
    TlsOptions options = tls_options(bind.tls);
    options.prefer_client_ciphers = bind.prefer_client_ciphers;
    auto made = TlsContext::for_clients(options, certificates, bind.strict_sni, sources_.tickets);
    if (!made) {
      diagnostics_.add(bind.tls.place, made.error().text);
      return nullptr;
    }
    for (const std::string& text : (*made)->warnings()) diagnostics_.warn(bind.tls.place, text);
    return known = *made;
  }

  // A certificate that cannot be used is an error; one that soon cannot, a warning.
  bool judge_certificate(const PemFile& file, config::Place place) {
    const auto inspected = TlsContext::inspect(file, true);
    if (!inspected) {
      if (judged_.insert(file.name).second) diagnostics_.add(place, inspected.error().text);
      return false;
    }
    if (!judged_.insert(file.name).second) return true;
    const std::int64_t now = std::time(nullptr);
    for (const CertificateFacts& facts : *inspected) {
      const std::string who = facts.names.empty() ? file.name : format("{} ({})", file.name, facts.names.front());
      if (facts.not_after <= now) {
        diagnostics_.warn(
            place, format("the certificate {} ended on {}: clients will refuse it", who, date_text(facts.not_after)));
      } else if (facts.not_after - now < kNearEndSeconds) {
        diagnostics_.warn(place, format("the certificate {} ends on {}", who, date_text(facts.not_after)));
      } else if (facts.not_before > now) {
        diagnostics_.warn(place, format("the certificate {} is not valid before {}", who, date_text(facts.not_before)));
      }
    }
    return true;
  }

  static std::string server_tls_key(const config::Server& server, const config::Tls& tls) {
    return key_of(tls) + "\n" + server.certificate;
  }

  std::shared_ptr<const TlsContext> tls_for_server(const config::Server& server, const config::Tls& tls) {
    // That a CA is lacking was said where the line was judged.
    if (tls.verify == config::Tls::Verify::Required && tls.ca_file.empty()) return nullptr;
    auto& known = server_contexts_[server_tls_key(server, tls)];
    if (known) return known;
    auto made = TlsContext::for_servers(tls_options(tls), bundle_.credentials(server.certificate));
    if (!made) {
      diagnostics_.add(server.tls.place.line != 0 ? server.tls.place : server.place, made.error().text);
      return nullptr;
    }
    for (const std::string& text : (*made)->warnings()) diagnostics_.warn(server.tls.place, text);
    return known = *made;
  }

  void build_backend(const config::Proxy& proxy) {
    BackendRuntimeSpec& spec = snapshot_.backends.emplace_back();
    BackendSpec& balance = spec.balance;
    balance.name = proxy.name;
    balance.balance = balance_kind(proxy.balance.kind);
    balance.random_draws = proxy.balance.random_draws;
    balance.consistent = proxy.balance.consistent;
    balance.fixed_turns = proxy.balance.kind == config::Balance::Kind::StaticRoundRobin;
    balance.fullconn = fullconn_of(proxy);
    balance.reuse = reuse_mode(proxy.reuse);
    balance.all_backups = proxy.all_backups;
    balance.prefer_last_server = proxy.prefer_last_server;
    balance.state = sources_.servers.backend(proxy.name);
    spec.id = proxy_ids_[&proxy];
    spec.mode = proxy.mode;
    spec.rules = rules::compile_backend(config_, proxy, *this, diagnostics_);
    spec.http.limits = head_limits();
    spec.http.connect_ms = spec.connect_ms = proxy.timeout.connect;
    spec.server_ms = proxy.timeout.server;
    spec.queue_ms = proxy.timeout.queue.value_or(proxy.timeout.connect);
    spec.tunnel_ms = proxy.timeout.tunnel;
    spec.server_fin_ms = proxy.timeout.server_fin;
    spec.tarpit_ms = proxy.timeout.tarpit != 0 ? proxy.timeout.tarpit : proxy.timeout.connect;
    spec.retries = proxy.retries;
    spec.cookie = persistence::compile(proxy.cookie);
    spec.persist = proxy.persist;
    spec.redispatch = proxy.redispatch;
    spec.redispatch_interval = proxy.redispatch_interval;
    spec.abort_on_close = proxy.abort_on_close;
    spec.buffer_request = proxy.http_buffer_request;
    spec.body_ms = proxy.timeout.http_request.value_or(0);
    spec.retry_on = retry_on_of(proxy);
    spec.http_mode = proxy.http_mode;
    spec.forward_for = proxy.forward_for;
    spec.logs = logs_of(proxy.logs, log_tag(proxy));
    balance.servers.reserve(proxy.servers.size());
    server_numbers_ = {};
    for (const config::Server& server : proxy.servers) server_numbers_.take(server.id);
    for (std::size_t i = 0; i < proxy.servers.size(); ++i) build_server(proxy, proxy.servers[i], i, spec);
  }

  const std::string& log_tag(const config::Proxy& proxy) const {
    return proxy.log_tag.empty() ? config_.global.log_tag : proxy.log_tag;
  }

  // Unless given, a tenth of what the frontends that may lead here admit (manual, "fullconn").
  // Asked only by servers whose maxconn grows from a minconn: to find who leads here means looking at every rule.
  std::uint32_t fullconn_of(const config::Proxy& proxy) const {
    if (proxy.fullconn != 0) return proxy.fullconn;
    const auto grows = [](const config::Server& server) { return server.minconn != 0; };
    if (std::none_of(proxy.servers.begin(), proxy.servers.end(), grows)) return 1;
    std::uint64_t sum = 0;
    for (const config::Proxy* frontend : frontend_proxies_) {
      const auto leads_here = [&](const std::string& name) {
        return name == proxy.name || name.find('%') != std::string::npos;
      };
      bool may = frontend == &proxy || (frontend->default_backend && leads_here(frontend->default_backend->text));
      for (const config::Rule& rule : frontend->rules) {
        may = may || (rule.set == config::Rule::Set::UseBackend && leads_here(rule.words[0].text));
      }
      if (may) sum += frontend->maxconn != 0 ? frontend->maxconn : std::max(config_.global.maxconn, kUsualMaxconn);
    }
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(sum / 10, 1, UINT32_MAX));
  }

  static RetryOn retry_on_of(const config::Proxy& proxy) {
    RetryOn out;
    if (proxy.retry_on.empty()) return out;
    out.connect_failure = false;
    for (const config::Word& word : proxy.retry_on) {
      const bool all = word.text == "all-retryable-errors";
      out.connect_failure = out.connect_failure || all || word.text == "conn-failure";
      out.empty = out.empty || all || word.text == "empty-response";
      out.junk = out.junk || all || word.text == "junk-response";
      out.late = out.late || all || word.text == "response-timeout";
      if (all) out.statuses.insert(out.statuses.end(), {500, 502, 503, 504});
      if (const auto status = parse_unsigned(word.text)) out.statuses.push_back(static_cast<std::uint16_t>(*status));
    }
    return out;
  }

  // The kernel counts in seconds, up to its own limit.
  static void set_probes(bool on, const config::KeepAliveProbes& probes, SocketOptions& options) {
    const auto seconds = [](std::uint64_t ms) {
      return static_cast<int>(std::min<std::uint64_t>((ms + 999) / 1000, 32767));
    };
    options.keep_alive = on;
    options.keep_alive_idle_s = seconds(probes.idle_ms);
    options.keep_alive_interval_s = seconds(probes.interval_ms);
    options.keep_alive_probes = static_cast<int>(probes.count);
  }

  static ProxyWishes proxy_wishes(unsigned options) {
    const auto has = [&](config::ProxyV2Option option) { return (options & option) != 0; };
    return {has(config::kProxySsl),       has(config::kProxySslCipher), has(config::kProxyCertCn),
            has(config::kProxyAuthority), has(config::kProxyCrc32c),    has(config::kProxyUniqueId)};
  }

  void build_server(const config::Proxy& proxy, const config::Server& server, std::size_t index,
                    BackendRuntimeSpec& backend) {
    ServerSpec spec;
    spec.name = server.name;
    spec.address = bundle_.resolved(server.address);
    spec.port_from_client = server.address.port_is_offset || (server.address.port_low == 0 && !spec.address.is_unix());
    spec.port_offset = server.address.port_offset;
    set_probes(proxy.tcp_ka_server, proxy.server_probes, spec.socket);
    spec.socket.user_timeout_ms = static_cast<unsigned>(server.tcp_ut_ms);
    spec.socket.send_buffer = static_cast<int>(config_.global.sndbuf_server);
    spec.socket.receive_buffer = static_cast<int>(config_.global.rcvbuf_server);
    if (server.source) {
      spec.socket.source = bundle_.resolved(*server.source);
      spec.socket.source_ports = static_cast<std::uint16_t>(server.source->port_high - server.source->port_low);
    }
    if (server.tls.enabled) spec.tls = tls_for_server(server, server.tls);
    if (server.sni && backend.rules.server_sni.size() > index && backend.rules.server_sni[index]) {
      spec.sni_sample = static_cast<int>(index);
    }
    spec.verify_name = server.verify_host;
    spec.weight = server.weight;
    spec.maxconn = std::max(server.maxconn, server.minconn);
    spec.minconn = server.minconn;
    spec.maxqueue = server.maxqueue;
    spec.id = server.id != 0 ? server.id : server_numbers_.next();
    spec.cookie = server.cookie;
    if (spec.cookie.empty() && proxy.cookie.dynamic) {
      spec.cookie = persistence::dynamic_value(proxy.dynamic_cookie_key, spec.address);
    }
    spec.backup = server.backup;
    spec.slowstart_ms = server.slowstart_ms;
    spec.shutdown_when_down = server.shutdown_sessions_when_down;
    spec.shutdown_backups_when_up = server.shutdown_backup_sessions_when_up;
    spec.pool = {server.pool_max_conn, server.pool_low_conn, server.pool_purge_delay_ms, server.max_reuse,
                 config_.global.idle_pool_shared && config_.global.nbthread != 1};
    spec.non_stick = server.non_stick;
    if (server.send_proxy) spec.send_proxy = ProxyVersion::One;
    if (server.send_proxy_v2) spec.send_proxy = ProxyVersion::Two;
    spec.proxy_wishes = proxy_wishes(server.proxy_v2_options);
    const std::string address = spec.address.text();
    spec.state = sources_.servers.server(proxy.name, server.name, address);
    spec.identity = identity_of(spec, server, address);
    spec.disabled = server.disabled;
    if (server.check.enabled) {
      spec.check = checks_of(proxy, server, spec, bundle_, *this, diagnostics_);
      if (wants_tls_check(server, proxy.health)) {
        config::Tls tls = server.tls;
        if (!server.check.alpn.empty()) tls.alpn = server.check.alpn;
        if (proxy.health.kind == config::Health::Kind::TlsHello && !tls.enabled) tls.verify = config::Tls::Verify::None;
        spec.check.tls = tls_for_server(server, tls);
      }
    }
    backend.balance.servers.push_back(std::move(spec));
  }

  // A digest of what stands in the files that TLS to the server uses. Many servers have the same.
  std::uint64_t files_of(const config::Server& server) {
    const config::Tls& tls = server.tls;
    auto [at, is_new] = file_digests_.try_emplace(tls.ca_file + "\n" + tls.crl_file + "\n" + tls.ca_verify_file + "\n" +
                                                  server.certificate);
    if (is_new) {
      for (const std::string& path : {tls.ca_file, tls.crl_file, tls.ca_verify_file}) {
        if (const std::string* text = bundle_.content(path)) at->second = xxh64(*text, at->second + 1);
      }
      at->second = xxh64(bundle_.credentials(server.certificate).text.view(), at->second);
    }
    return at->second;
  }

  // The start line counts as a field in the configuration.
  H1Limits head_limits() const { return {config_.global.max_head, config_.global.max_headers - 1}; }

  std::uint64_t identity_of(const ServerSpec& spec, const config::Server& server, const std::string& address) {
    const SocketOptions& socket = spec.socket;
    std::string all = address;
    all.append({'\n', static_cast<char>(spec.port_from_client), static_cast<char>(socket.keep_alive)});
    for (const std::uint64_t number :
         {std::uint64_t(spec.port_offset), std::uint64_t(spec.send_proxy), std::uint64_t(server.proxy_v2_options),
          std::uint64_t(socket.keep_alive_idle_s), std::uint64_t(socket.keep_alive_interval_s),
          std::uint64_t(socket.keep_alive_probes), std::uint64_t(socket.user_timeout_ms),
          std::uint64_t(socket.send_buffer), std::uint64_t(socket.receive_buffer), std::uint64_t(socket.source_ports),
          config_.global.buffer_size, std::uint64_t(config_.global.max_headers)})
      all.append(reinterpret_cast<const char*>(&number), sizeof number);
    if (!socket.source.empty()) all.append("\nsource ").append(socket.source.text());
    if (spec.tls) {
      all.append("\ntls ").append(server_tls_key(server, server.tls)).append("\n").append(spec.verify_name);
      const std::uint64_t files = files_of(server);
      all.append(reinterpret_cast<const char*>(&files), sizeof files);
    }
    return xxh64(all);
  }

  // A server that tracks one that tracks another follows the last of them, which is checked.
  void lead_trackers(std::size_t backend) {
    const std::vector<config::Server>& lines = backend_proxies_[backend]->servers;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const config::Server& server = lines[i];
      if (!server.track) continue;
      std::size_t at = backend, place = i;
      std::string first;
      bool disabled = server.disabled;
      for (std::size_t steps = 0; backend_proxies_[at]->servers[place].track; ++steps) {
        std::string_view name = backend_proxies_[at]->servers[place].track->text;
        if (const std::size_t slash = name.find('/'); slash != std::string_view::npos) {
          const int other = backend_index(std::string(name.substr(0, slash)));
          if (other < 0) return;  // Disabled, or complained about.
          at = static_cast<std::size_t>(other);
          name.remove_prefix(slash + 1);
        }
        const int found = server_index(static_cast<int>(at), std::string(name));
        if (found < 0 || steps > kLongestChain) return;  // As above.
        place = static_cast<std::size_t>(found);
        if (first.empty()) first = format("{}/{}", backend_proxies_[at]->name, name);
        disabled = disabled || backend_proxies_[at]->servers[place].disabled;
      }
      ServerSpec& leader = snapshot_.backends[at].balance.servers[place];
      BackendSpec& balance = snapshot_.backends[backend].balance;
      balance.servers[i].tracked = first;
      balance.servers[i].tracked_state = leader.state;
      balance.servers[i].disabled = disabled;
      leader.followers.push_back({&balance, &balance.servers[i]});
    }
  }

  void build_frontend(const config::Proxy& proxy) {
    FrontendSpec& spec = snapshot_.frontends.emplace_back();
    spec.name = proxy.name;
    spec.index = static_cast<int>(snapshot_.frontends.size()) - 1;
    spec.id = proxy_ids_[&proxy];
    spec.mode = proxy.mode;
    spec.maxconn = proxy.maxconn;
    spec.rules = rules::compile_frontend(config_, proxy, *this, diagnostics_);
    const config::Timeouts& timeout = proxy.timeout;
    spec.http.limits = head_limits();
    spec.http.head_ms = timeout.http_request.value_or(timeout.client);
    spec.http.keep_alive_ms = timeout.http_keep_alive.value_or(timeout.http_request.value_or(timeout.client));
    spec.http.client_ms = spec.client_ms = timeout.client;
    spec.body_ms = timeout.http_request.value_or(0);
    spec.http.client_fin_ms = spec.client_fin_ms = timeout.client_fin;
    spec.tunnel_ms = timeout.tunnel;
    spec.tarpit_ms = timeout.tarpit != 0 ? timeout.tarpit : timeout.connect;
    spec.http_mode = proxy.http_mode;
    spec.forward_for = proxy.forward_for;
    spec.monitor_uri = proxy.monitor_uri.value_or("");
    spec.unique_id_header = proxy.unique_id_header;
    spec.ignore_probes = proxy.ignore_probes;
    spec.dont_log_null = proxy.dont_log_null;
    spec.dont_log_normal = proxy.dont_log_normal;
    spec.log_separate_errors = proxy.log_separate_errors;
    spec.log_asap = proxy.log_asap;
    spec.buffer_request = proxy.http_buffer_request;
    spec.logs = logs_of(proxy.logs, log_tag(proxy));
    auto& state = sources_.frontend_states[proxy.name];
    if (!state) state = std::make_shared<FrontendState>(proxy.name);
    spec.state = state;
    bind_numbers_ = {};
    for (const config::Bind& bind : proxy.binds) bind_numbers_.take(bind.id);
    for (const config::Bind& bind : proxy.binds) build_bind(proxy, bind, static_cast<std::size_t>(spec.index));
  }

  void build_bind(const config::Proxy& proxy, const config::Bind& bind, std::size_t frontend) {
    std::shared_ptr<const TlsContext> tls;
    if (bind.tls.enabled) tls = tls_for_bind(bind);
    for (const config::Address& address : bind.addresses) {
      for (int port = address.port_low; port <= std::max<int>(address.port_low, address.port_high); ++port) {
        const std::uint32_t id = bind.id != 0 ? bind.id : bind_numbers_.next();
        BindSpec spec;
        spec.bound = bundle_.bound(bind, address, port);
        if (!spec.bound) continue;
        spec.key = spec.bound->key;
        if (!bound_.insert(spec.key).second) continue;
        spec.frontend = frontend;
        spec.tls = tls;
        auto entrance = std::make_shared<Entrance>();
        entrance->name = bind.name;
        entrance->id = id;
        entrance->frontend = snapshot_.frontends[frontend].state;
        entrance->connections = spec.bound->connections;
        entrance->trust = format("{} {} {} {} {} {}", static_cast<int>(bind.tls.verify), hash_of(bind.tls.ca_file),
                                 hash_of(bind.tls.crl_file), hash_of(bind.tls.ca_verify_file), bind.tls.ca_ignore_err,
                                 bind.tls.crt_ignore_err);
        spec.entrance = std::move(entrance);
        spec.accept_proxy = bind.accept_proxy;
        spec.defer_accept = bind.defer_accept;
        spec.maxconn = bind.maxconn;
        set_probes(proxy.tcp_ka_client, proxy.client_probes, spec.accepted);
        spec.accepted.user_timeout_ms = static_cast<unsigned>(bind.tcp_ut_ms);
        spec.accepted.send_buffer = static_cast<int>(config_.global.sndbuf_client);
        spec.accepted.receive_buffer = static_cast<int>(config_.global.rcvbuf_client);
        snapshot_.binds.push_back(std::move(spec));
      }
    }
  }

  // Files are told apart by what is in them: a CA file written anew is another trust.
  std::size_t hash_of(const std::string& path) const {
    const std::string* text = bundle_.content(path);
    return text == nullptr ? 0 : std::hash<std::string>()(*text);
  }

  Snapshot& snapshot_;
  const config::Config& config_;
  const Bundle& bundle_;
  const Snapshot::Sources& sources_;
  config::Diagnostics& diagnostics_;
  std::vector<const config::Proxy*> frontend_proxies_, backend_proxies_;
  std::map<std::string, int> frontend_by_name_;
  std::map<const config::Proxy*, std::uint32_t> proxy_ids_;
  Numbering server_numbers_, bind_numbers_;
  std::map<std::string, std::shared_ptr<const TlsContext>> bind_contexts_, server_contexts_;
  std::map<std::string, std::uint64_t> file_digests_;
  std::set<std::string> judged_, bound_;
};

std::uint32_t BackendRuntimeSpec::key_of(rules::Subject& subject) const {
  if (balance.balance == BalanceKind::Source) return address_hash(subject.client->source().ip_bytes());
  if (balance.balance != BalanceKind::Hash) return 0;
  const auto key = rules.hash_key.bytes(subject);
  // Without a key the turn goes round, as the manual has it; an empty one names nothing.
  return key && !key->empty() ? sdbm_hash(*key) : balance.state->turn.fetch_add(1, std::memory_order_relaxed);
}

std::string_view BackendRuntimeSpec::sni_of(const ServerSpec& server, rules::Subject& subject) const {
  if (!server.tls || server.sni_sample < 0) return {};
  const auto name = rules.server_sni[static_cast<std::size_t>(server.sni_sample)].text(subject);
  if (!name) return {};
  // Of "name:port" the name; a number is no server name (RFC 6066 section 3).
  std::string_view host = *name;
  if (host.starts_with('[')) return {};
  host = host.substr(0, host.find(':'));
  SocketAddress number;
  return SocketAddress::from_ip(host, 0, number) ? std::string_view() : host;
}

bool Snapshot::uses(const Server& server) const {
  const int index = backend_index(server.backend_name);
  if (index < 0) return false;
  const std::vector<ServerSpec>& servers = backends[static_cast<std::size_t>(index)].balance.servers;
  return std::any_of(servers.begin(), servers.end(),
                     [&](const ServerSpec& spec) { return spec.state.get() == &server; });
}

Snapshot::Snapshot(std::shared_ptr<const config::Config> made_from, Bundle bundle)
    : config(*made_from), bundle(std::move(bundle)), config_(std::move(made_from)) {}

std::shared_ptr<const Snapshot> Snapshot::build(config::Config config, Bundle bundle, const Sources& sources,
                                                config::Diagnostics& diagnostics) {
  auto snapshot =
      std::make_shared<Snapshot>(std::make_shared<const config::Config>(std::move(config)), std::move(bundle));
  diagnostics.set_source(&snapshot->config);  // Where it is now.
  SnapshotBuilder(*snapshot, sources, diagnostics).run();
  diagnostics.set_source(nullptr);
  if (diagnostics.failed()) return nullptr;
  snapshot->bundle.forget_keys();
  return snapshot;
}

}  // namespace penstock
