#include "plan_maker.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "checks_of.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/base/xxhash.h"
#include "penstock/config/model.h"

namespace penstock {
namespace {

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
    case Kind::RdpCookie:
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

RetryOn retry_on_of(const config::Proxy& proxy) {
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
void set_probes(bool on, const config::KeepAliveProbes& probes, SocketOptions& options) {
  const auto seconds = [](std::uint64_t ms) {
    return static_cast<int>(std::min<std::uint64_t>((ms + 999) / 1000, 32767));
  };
  options.keep_alive = on;
  options.keep_alive_idle_s = seconds(probes.idle_ms);
  options.keep_alive_interval_s = seconds(probes.interval_ms);
  options.keep_alive_probes = static_cast<int>(probes.count);
}

ProxyWishes proxy_wishes(unsigned options) {
  const auto has = [&](config::ProxyV2Option option) { return (options & option) != 0; };
  return {has(config::kProxySsl),       has(config::kProxySslCipher), has(config::kProxyCertCn),
          has(config::kProxyAuthority), has(config::kProxyCrc32c),    has(config::kProxyUniqueId)};
}

// Nothing to observe costs nothing.
void observe(const config::Check& check, ServerSpec& spec) {
  switch (check.observe) {
    case config::Check::Observe::None:
      return;
    case config::Check::Observe::Layer4:
      spec.observe = Observe::Layer4;
      break;
    case config::Check::Observe::Layer7:
      spec.observe = Observe::Layer7;
      break;
  }
  spec.error_limit = check.error_limit;
  switch (check.on_error) {
    case config::Check::OnError::FailCheck:
      spec.on_error = OnError::FailCheck;
      break;
    case config::Check::OnError::FastInter:
      spec.on_error = OnError::FastInter;
      break;
    case config::Check::OnError::SuddenDeath:
      spec.on_error = OnError::SuddenDeath;
      break;
    case config::Check::OnError::MarkDown:
      spec.on_error = OnError::MarkDown;
      break;
  }
}

}  // namespace

// The start line counts as a field in the configuration.
HeadLimits PlanMaker::head_limits() const { return {config_.global.max_head, config_.global.max_headers - 1}; }

const std::string& PlanMaker::tag_of(const config::Proxy& proxy) const {
  return proxy.log_tag.empty() ? config_.global.log_tag : proxy.log_tag;
}

std::shared_ptr<FrontendPlan> PlanMaker::frontend(const config::Proxy& proxy) {
  auto plan = std::make_shared<FrontendPlan>();
  FrontendPlan& spec = *plan;
  spec.name = proxy.name;
  spec.mode = proxy.mode;
  spec.maxconn = proxy.maxconn;
  spec.session_rate = proxy.session_rate;
  spec.most_own = proxy.most_own;
  spec.rules = rules::compile_frontend(config_, proxy, outside_, diagnostics_);
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
  spec.original_to = proxy.original_to;
  spec.monitor_uri = proxy.monitor_uri.value_or("");
  spec.unique_id_header = proxy.unique_id_header;
  spec.ignore_probes = proxy.ignore_probes;
  spec.dont_log_null = proxy.dont_log_null;
  spec.dont_log_normal = proxy.dont_log_normal;
  spec.log_separate_errors = proxy.log_separate_errors;
  spec.log_asap = proxy.log_asap;
  spec.buffer_request = proxy.http_buffer_request;
  spec.socket_stats = proxy.socket_stats;
  spec.stats = proxy.stats;
  spec.compression = proxy.compression;
  spec.logs = logs_.of(proxy.logs, tag_of(proxy));
  spec.state = sources_.frontend_states[proxy.name];
  spec.number = spec.state->number;
  return plan;
}

void PlanMaker::binds(const config::Proxy& proxy, std::vector<BindSpec>& out) {
  outside_.keep_in(nullptr);
  bind_numbers_ = {};
  for (const config::Bind& bind : proxy.binds) bind_numbers_.take(bind.id);
  for (const config::Bind& bind : proxy.binds) build_bind(proxy, bind, out);
}

void PlanMaker::build_bind(const config::Proxy& proxy, const config::Bind& bind, std::vector<BindSpec>& out) {
  const std::shared_ptr<FrontendState>& frontend = sources_.frontend_states[proxy.name];
  std::shared_ptr<const TlsContext> tls;
  if (bind.tls.enabled) tls = tls_.for_bind(bind, proxy.mode == config::Mode::Http);
  for (const config::Address& address : bind.addresses) {
    for (int port = address.port_low; port <= std::max<int>(address.port_low, address.port_high); ++port) {
      const std::uint32_t id = bind_numbers_.number(bind.id);
      BindSpec spec;
      spec.bound = bundle_.bound(bind, address, port);
      if (!spec.bound) continue;
      spec.key = spec.bound->key;
      if (!bound_.insert(spec.key).second) continue;
      spec.frontend = frontend->number;
      spec.place = bind.place;
      spec.tls = tls;
      auto entrance = std::make_shared<Entrance>();
      entrance->name = bind.name;
      entrance->id = id;
      entrance->tls = tls != nullptr;
      entrance->frontend = frontend;
      entrance->listener = spec.bound->state;
      entrance->clients = &entrance->listener->connections;
      entrance->trust =
          format("{} {} {} {} {} {}", static_cast<int>(bind.tls.verify), outside_.digest_of(bind.tls.ca_file),
                 outside_.digest_of(bind.tls.crl_file), outside_.digest_of(bind.tls.ca_verify_file),
                 bind.tls.ca_ignore_err, bind.tls.crt_ignore_err);
      spec.entrance = std::move(entrance);
      spec.accept_proxy = bind.accept_proxy;
      spec.defer_accept = bind.defer_accept;
      spec.maxconn = bind.maxconn;
      set_probes(proxy.tcp_ka_client, proxy.client_probes, spec.accepted);
      spec.accepted.user_timeout_ms = static_cast<unsigned>(bind.tcp_ut_ms);
      spec.accepted.send_buffer = static_cast<int>(config_.global.sndbuf_client);
      spec.accepted.receive_buffer = static_cast<int>(config_.global.rcvbuf_client);
      out.push_back(std::move(spec));
    }
  }
}

std::shared_ptr<BackendPlan> PlanMaker::backend(const config::Proxy& proxy) {
  auto plan = std::make_shared<BackendPlan>();
  BackendPlan& spec = *plan;
  BackendSpec& balance = spec.balance;
  if (!proxy.is_frontend) spec.stats = proxy.stats;
  spec.compression = proxy.compression;
  balance.name = proxy.name;
  balance.balance = balance_kind(proxy.balance.kind);
  balance.random_draws = proxy.balance.random_draws;
  balance.consistent = proxy.balance.consistent;
  balance.factor = proxy.balance.factor;
  balance.fixed_turns = proxy.balance.kind == config::Balance::Kind::StaticRoundRobin;
  balance.fullconn = static_cast<std::uint32_t>(outside_.fullconn(proxy));
  balance.reuse = reuse_mode(proxy.reuse);
  balance.all_backups = proxy.all_backups;
  balance.prefer_last_server = proxy.prefer_last_server;
  balance.state = sources_.servers.backend(proxy.name);
  spec.mode = proxy.mode;
  spec.rules =
      std::make_shared<const rules::BackendRules>(rules::compile_backend(config_, proxy, outside_, diagnostics_));
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
  const bool looks_at_body =
      proxy.balance.kind == config::Balance::Kind::UrlParam && proxy.balance.arguments.size() > 1;  // check_post
  spec.buffer_request = proxy.http_buffer_request || looks_at_body;
  spec.body_ms = proxy.timeout.http_request.value_or(0);
  spec.retry_on = retry_on_of(proxy);
  spec.http_mode = proxy.http_mode;
  spec.forward_for = proxy.forward_for;
  spec.original_to = proxy.original_to;
  spec.name_header = proxy.name_header;
  spec.check_cache = proxy.check_cache;
  spec.logs = logs_.of(proxy.logs, tag_of(proxy));
  balance.servers.reserve(proxy.servers.size());
  server_numbers_ = {};
  for (const config::Server& server : proxy.servers) server_numbers_.take(server.id);
  const std::vector<int>& keys = outside_.keys_of(proxy);
  for (std::size_t i = 0; i < proxy.servers.size(); ++i) {
    balance.servers.push_back(build_server(proxy, proxy.servers[i], keys[i]));
  }
  return plan;
}

ServerSpec PlanMaker::server(const config::Proxy& proxy, const BackendPlan& backend, const config::Server& server) {
  server_numbers_ = {};
  int key = 0;
  for (const ServerSpec& other : backend.balance.servers) {
    server_numbers_.take(other.id);
    key = std::max(key, other.key + 1);
  }
  return build_server(proxy, server, key);
}

ServerSpec PlanMaker::build_server(const config::Proxy& proxy, const config::Server& server, int key) {
  ServerSpec spec;
  spec.name = server.name;
  spec.key = key;
  spec.address = outside_.resolved(server.address);
  // Where the client wanted to go, at its port too.
  if (server.address.kind == config::Address::Kind::Any && spec.address.empty())
    SocketAddress::from_ip("", 0, spec.address);
  set_name(server, spec);
  spec.port_from_client = server.address.port_is_offset || (server.address.port_low == 0 && !spec.address.is_unix());
  spec.port_offset = server.address.port_offset;
  spec.is_of_client = spec.port_from_client || spec.address.is_any();
  set_probes(proxy.tcp_ka_server, proxy.server_probes, spec.socket);
  spec.socket.user_timeout_ms = static_cast<unsigned>(server.tcp_ut_ms);
  spec.socket.send_buffer = static_cast<int>(config_.global.sndbuf_server);
  spec.socket.receive_buffer = static_cast<int>(config_.global.rcvbuf_server);
  if (server.source) {
    spec.socket.source = outside_.resolved(*server.source);
    spec.socket.source_ports = static_cast<std::uint16_t>(server.source->port_high - server.source->port_low);
  }
  if (server.sni) {
    rules::Sample sni = rules::compile_sni(config_, proxy, *server.sni, outside_, diagnostics_);
    if (sni) spec.sni = std::make_shared<const rules::Sample>(std::move(sni));
  }
  spec.verify_name = server.verify_host;
  spec.weight = server.weight;
  spec.maxconn = std::max(server.maxconn, server.minconn);
  spec.minconn = server.minconn;
  spec.maxqueue = server.maxqueue;
  spec.id = server_numbers_.number(server.id);
  spec.cookie = server.cookie;
  if (spec.cookie.empty() && proxy.cookie.dynamic) {
    spec.cookie = persistence::dynamic_value(proxy.dynamic_cookie_key, spec.named != 0 ? spec.first : spec.address);
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
  spec.where = digest_of(spec.values().address);
  spec.state = sources_.servers.server(proxy.name, server.name);
  spec.disabled = server.disabled;
  if (server.check.enabled) spec.check = check_of(proxy, server, spec, outside_, diagnostics_);
  if (server.check.enabled) observe(server.check, spec);
  if (server.agent.enabled) spec.agent = agent_of(proxy, server, spec, outside_);
  spec.check.send_state = server.check.enabled && proxy.health.send_state;
  if (spec.check.send_state) introduce(spec.check);
  set_tls(proxy, server, spec);
  if (const std::optional<Leader> leader = outside_.leader_of(proxy, server)) {
    spec.tracked = leader->name;
    spec.tracked_state = leader->state;
  }
  return spec;
}

// A name that is asked while we serve, or that had no address and may have none.
void PlanMaker::set_name(const config::Server& server, ServerSpec& spec) {
  if (server.address.kind != config::Address::Kind::Name) return;
  spec.named_port = server.address.port_low;
  SocketAddress first = config::asks_system(server) ? spec.address : SocketAddress();
  for (const config::InitAddr& way : server.init_addr) {
    if (!first.empty() || way.way == config::InitAddr::Way::None) break;
    if (way.way == config::InitAddr::Way::Ip) SocketAddress::from_ip(way.ip, spec.named_port, first);
  }
  if (!server.is_resolved() && !first.empty()) return void(spec.address = first);
  spec.named = digest_of_name(server.address.host, spec.named_port);
  spec.first = first;
  spec.address = SocketAddress();
}

// What checks tell of us.
void PlanMaker::introduce(CheckSpec& check) const {
  const std::string& node = config_.global.node;
  for (CheckStepSpec& step : check.steps) {
    if (step.kind == CheckStepSpec::Kind::Send) step.pattern = node.empty() ? sources_.process.hostname : node;
  }
}

void PlanMaker::set_tls(const config::Proxy& proxy, const config::Server& server, ServerSpec& spec) {
  spec.tls = server.tls.enabled ? tls_.for_server(server, server.tls) : nullptr;
  if (server.check.enabled && wants_tls_check(server, proxy.health)) {
    config::Tls tls = server.tls;
    if (!server.check.alpn.empty()) tls.alpn = server.check.alpn;
    if (proxy.health.kind == config::Health::Kind::TlsHello && !tls.enabled) tls.verify = config::Tls::Verify::None;
    spec.check.tls = tls_.for_server(server, tls);
  }
  spec.wire = wire_of(spec, server);
}

RingServerPlan PlanMaker::ring_server(const config::Ring& ring, const config::RingServer& server) {
  constexpr std::uint64_t kUsualConnectMs = 5000;
  const config::Server& line = server.line;
  RingServerPlan plan;
  plan.name = line.name;
  plan.address = outside_.resolved(line.address);
  plan.octet_count = server.octet_count;
  plan.connect_ms = ring.connect_ms != 0 ? ring.connect_ms : kUsualConnectMs;
  plan.server_ms = ring.server_ms;
  if (!line.tls.enabled) return plan;
  plan.tls = tls_.for_server(line, line.tls);
  plan.tls_name = server.tls_name;
  plan.verify_name = line.verify_host;
  plan.wire = xxh64(
      format("{}\n{}\n{}\n{}", TlsPlans::key_of(line, line.tls), plan.tls_name, plan.verify_name, files_of(line)));
  return plan;
}

// A digest of what stands in the files that TLS to the server uses. Many servers have the same.
std::uint64_t PlanMaker::files_of(const config::Server& server) {
  const config::Tls& tls = server.tls;
  auto [at, is_new] = file_digests_.try_emplace(tls.ca_file + "\n" + tls.crl_file + "\n" + tls.ca_verify_file + "\n" +
                                                server.certificate);
  if (is_new) {
    for (const std::string& path : {tls.ca_file, tls.crl_file, tls.ca_verify_file}) {
      if (const std::string* text = outside_.content(path)) at->second = xxh64(*text, at->second + 1);
    }
    at->second = xxh64(tls_.identity_of(server.certificate), at->second);
  }
  return at->second;
}

std::uint64_t PlanMaker::wire_of(const ServerSpec& spec, const config::Server& server) {
  const SocketOptions& socket = spec.socket;
  std::string all;
  for (const std::uint64_t number :
       {std::uint64_t(socket.keep_alive), std::uint64_t(spec.send_proxy), std::uint64_t(server.proxy_v2_options),
        std::uint64_t(socket.keep_alive_idle_s), std::uint64_t(socket.keep_alive_interval_s),
        std::uint64_t(socket.keep_alive_probes), std::uint64_t(socket.user_timeout_ms),
        std::uint64_t(socket.send_buffer), std::uint64_t(socket.receive_buffer), std::uint64_t(socket.source_ports),
        config_.global.buffer_size, std::uint64_t(config_.global.max_headers)})
    all.append(reinterpret_cast<const char*>(&number), sizeof number);
  if (!socket.source.empty()) all.append("\nsource ").append(socket.source.text());
  if (spec.tls) {
    all.append("\ntls ").append(TlsPlans::key_of(server, server.tls)).append("\n").append(spec.verify_name);
    const std::uint64_t files = files_of(server);
    all.append(reinterpret_cast<const char*>(&files), sizeof files);
  }
  return xxh64(all);
}

}  // namespace penstock
