// Config back to canonical text: sections in order, settings that differ from their defaults, each
// on a line of its own. What `defaults` preset stands in each proxy. read() makes the same Config
// of it.
#include "dump_resolvers.h"
#include "dump_sections.h"
#include "dump_stats.h"
#include "dump_users.h"
#include "dump_words.h"
#include "keywords.h"
#include "lexer.h"
#include "penstock/config/read.h"
#include "penstock/config/rule_words.h"
#include "penstock/config/stick_names.h"
#include "stick_length.h"

namespace penstock::config {

namespace {

class Writer {
 public:
  explicit Writer(const Config& config) : config_(config) {}

  std::string run() {
    write_global(config_.global);
    for (const Ring& ring : config_.rings)
      text_ += (text_.empty() ? "" : "\n") + ring_lines(ring, config_.global.server_defaults);
    for (const Mailers& section : config_.mailers) text_ += (text_.empty() ? "" : "\n") + mailers_lines(section);
    for (const Cache& cache : config_.caches) text_ += (text_.empty() ? "" : "\n") + cache_lines(cache);
    for (const UserList& list : config_.global.user_lists) text_ += user_list_text(list);
    for (const Resolvers& section : config_.resolvers) text_ += (text_.empty() ? "" : "\n") + resolvers_lines(section);
    for (const PeerSection& section : config_.peers) write_peers(section);
    for (const Proxy& proxy : config_.proxies) write_proxy(proxy);
    return std::move(text_);
  }

 private:
  // Lines.

  template <class... Arguments>
  void line(fmt::format_string<Arguments...> pattern, Arguments&&... arguments) {
    text_ += "    ";
    append_format(text_, pattern, std::forward<Arguments>(arguments)...);
    text_ += '\n';
  }
  void line_of(std::string_view keyword, const std::vector<Word>& words) {
    text_ += "    ";
    text_ += keyword;
    for (const Word& word : words) append_format(text_, " {}", quoted(word.text));
    text_ += '\n';
  }
  void name_line(std::string_view keyword, std::string_view value) {
    if (!value.empty()) line("{} {}", keyword, quoted(value));
  }
  void number_line(std::string_view keyword, std::uint64_t value, std::uint64_t standard) {
    if (value != standard) line("{} {}", keyword, value);
  }
  void time_line(std::string_view keyword, std::uint64_t ms, std::uint64_t standard = 0) {
    if (ms != standard) line("{} {}", keyword, duration_text(ms));
  }
  void flag_line(std::string_view keyword, bool on) {
    if (on) line("{}", keyword);
  }

  // Global.

  void write_global(const Global& global) {
    const std::size_t start = text_.size();
    if (global.kept_env) {
      std::string names;
      for (const std::string& name : *global.kept_env) names += " " + quoted(name);
      line("resetenv{}", names);
    }
    for (const auto& [name, value] : global.set_env) {
      if (value)
        line("setenv {} {}", quoted(name), quoted(*value));
      else
        line("unsetenv {}", quoted(name));
    }
    flag_line("daemon", global.daemon);
    flag_line("master-worker", global.master_worker);
    flag_line("quiet", global.quiet);
    name_line("pidfile", global.pid_file);
    name_line("chroot", global.chroot);
    flag_line("external-check", global.external_check);
    flag_line("insecure-fork-wanted", global.insecure_fork);
    name_line("user", global.user);
    name_line("group", global.group);
    if (global.uid) line("uid {}", *global.uid);
    if (global.gid) line("gid {}", *global.gid);
    name_line("localpeer", global.local_peer);
    name_line("node", global.node);
    name_line("description", global.description);
    write_base("ca-base", global.ca_base);
    write_base("crt-base", global.crt_base);
    number_line("maxconn", global.maxconn, 0);
    number_line("maxconnrate", global.maxconnrate, 0);
    number_line("maxsessrate", global.maxsessrate, 0);
    number_line("maxsslconn", global.maxsslconn, 0);
    number_line("maxsslrate", global.maxsslrate, 0);
    number_line("nbthread", global.nbthread, 0);
    number_line("ulimit-n", global.ulimit_n, 0);
    time_line("hard-stop-after", global.hard_stop_after_ms);
    time_line("grace", global.grace_ms);
    for (const StatsSocket& socket : global.stats_sockets) write_stats_socket(socket);
    time_line("stats timeout", global.stats_timeout_ms, 10000);
    number_line("stats maxconn", global.stats_maxconn, 10);
    for (const LogTarget& target : global.logs) line("log {}", log_text(target));
    if (global.log_tag != "penstock") name_line("log-tag", global.log_tag);
    if (global.log_send_hostname_on)
      line("log-send-hostname{}", global.log_send_hostname.empty() ? "" : " " + quoted(global.log_send_hostname));
    for (const std::string& name : global.lint_off) name_line("lint-off", name);
    write_tls_defaults(global);
    name_line("server-state-base", global.server_state_base);
    name_line("server-state-file", global.server_state_file);
    for (const ProcessVariable& variable : global.variables)
      line("set-var{} {} {}", variable.formatted ? "-fmt" : "", quoted(variable.name.text),
           quoted(variable.value.text));
    number_line("spread-checks", global.spread_checks, 0);
    time_line("max-spread-checks", global.max_spread_checks_ms);
    write_tuning(global);
    if (text_.size() != start) text_.insert(start, "global\n");
  }

  // A path that got its base is absolute if the base is. A relative base would be put before it
  // once more, so it is left out: it has done its work.
  void write_base(std::string_view keyword, std::string_view base) {
    if (base.starts_with('/')) name_line(keyword, base);
  }

  void write_tls_defaults(const Global& global) {
    const auto options = [](const Tls& tls) {
      std::string words;
      if (tls.min_version != TlsVersion::Unset) append_format(words, " ssl-min-ver {}", version_text(tls.min_version));
      if (tls.max_version != TlsVersion::Unset) append_format(words, " ssl-max-ver {}", version_text(tls.max_version));
      if (!tls.tickets) words += " no-tls-tickets";
      if (!tls.ca_names) words += " no-ca-names";
      if (!tls.resume) words += " no-ssl-reuse";
      return words;
    };
    std::string bind = options(global.bind_defaults);
    if (global.bind_prefer_client_ciphers) bind += " prefer-client-ciphers";
    if (global.bind_strict_sni) bind += " strict-sni";
    if (!bind.empty()) line("ssl-default-bind-options{}", bind);
    name_line("ssl-default-bind-ciphers", global.bind_defaults.ciphers);
    name_line("ssl-default-bind-ciphersuites", global.bind_defaults.ciphersuites);
    name_line("ssl-default-bind-curves", global.bind_defaults.curves);
    const std::string server = options(global.server_defaults);
    if (!server.empty()) line("ssl-default-server-options{}", server);
    name_line("ssl-default-server-ciphers", global.server_defaults.ciphers);
    name_line("ssl-default-server-ciphersuites", global.server_defaults.ciphersuites);
    if (global.server_verify_none) line("ssl-server-verify none");
    write_extra_files(global);
  }

  void write_extra_files(const Global& global) {
    const std::pair<const char*, bool> files[] = {{"bundle", global.load_bundles},
                                                  {"sctl", global.load_sctl},
                                                  {"ocsp", global.load_ocsp},
                                                  {"issuer", global.load_issuer},
                                                  {"key", global.load_keys}};
    std::string words;
    std::size_t count = 0;
    for (const auto& [word, is_loaded] : files) {
      if (!is_loaded) continue;
      append_format(words, " {}", word);
      ++count;
    }
    if (count < std::size(files)) line("ssl-load-extra-files{}", count == 0 ? std::string(" none") : words);
    if (global.load_without_extension) line("ssl-load-extra-del-ext");
    if (global.skip_self_issued_ca) line("ssl-skip-self-issued-ca");
    name_line("issuers-chain-path", global.issuers_chain_path);
  }

  void write_tuning(const Global& global) {
    const Global standard;
    number_line("tune.bufsize", global.buffer_size, standard.buffer_size);
    number_line("tune.http.maxhead", global.max_head, standard.max_head);
    number_line("tune.http.maxhdr", global.max_headers, standard.max_headers);
    number_line("tune.http.cookielen", global.cookie_length, standard.cookie_length);
    number_line("tune.http.logurilen", global.log_uri_length, standard.log_uri_length);
    number_line("maxcomprate", global.max_comp_rate, 0);
    number_line("maxcompcpuusage", global.max_comp_cpu, 100);
    number_line("maxzlibmem", global.max_zlib_memory, 0);
    number_line("tune.comp.maxlevel", global.comp_level, standard.comp_level);
    number_line("tune.zlib.memlevel", global.zlib_memory_level, standard.zlib_memory_level);
    number_line("tune.zlib.windowsize", global.zlib_window, standard.zlib_window);
    number_line("tune.gulp-budget", global.gulp_budget, standard.gulp_budget);
    if (!global.idle_pool_shared) line("tune.idle-pool.shared off");
    number_line("tune.ssl.capture-buffer-size", global.hello_capture, standard.hello_capture);
    number_line("tune.ssl.ssl-ctx-cache-size", global.made_up_kept, standard.made_up_kept);
    number_line("tune.ssl.lifetime", global.ssl_lifetime_s, standard.ssl_lifetime_s);
    number_line("tune.txn.memory", global.txn_memory, standard.txn_memory);
    number_line("tune.sndbuf.client", global.sndbuf_client, 0);
    number_line("tune.sndbuf.server", global.sndbuf_server, 0);
    number_line("tune.rcvbuf.client", global.rcvbuf_client, 0);
    number_line("tune.rcvbuf.server", global.rcvbuf_server, 0);
  }

  static std::string log_text(const LogTarget& target) {
    std::string text;
    const LogTarget standard;
    switch (target.kind) {
      case LogTarget::Kind::Udp:
      case LogTarget::Kind::Unix:
        text = quoted(address_text(target.address, AddressUse::Log));
        break;
      case LogTarget::Kind::Fd:
        text = format("fd@{}", target.fd);
        break;
      case LogTarget::Kind::Stdout:
        text = "stdout";
        break;
      case LogTarget::Kind::Stderr:
        text = "stderr";
        break;
      case LogTarget::Kind::Ring:
        text = "ring@" + quoted(target.ring);
        break;
    }
    if (target.length != standard.length) append_format(text, " len {}", target.length);
    if (target.format && target.kind != LogTarget::Kind::Ring)
      append_format(text, " format {}", log_formats()[static_cast<std::size_t>(*target.format)]);
    append_format(text, " {}", log_facilities()[static_cast<std::size_t>(target.facility)]);
    const bool has_min = target.min_level != standard.min_level;
    if (target.level != standard.level || has_min)
      append_format(text, " {}", log_levels()[static_cast<std::size_t>(target.level)]);
    if (has_min) append_format(text, " {}", log_levels()[static_cast<std::size_t>(target.min_level)]);
    return text;
  }

  void write_peers(const PeerSection& section) {
    append_format(text_, "{}peers {}\n", text_.empty() ? "" : "\n", section.name);
    flag_line("disabled", section.disabled);
    if (section.bind) write_bind(*section.bind);
    for (const Peer& peer : section.peers)
      line("{} {}{}", section.bind ? "server" : "peer", quoted(peer.name),
           peer.address ? " " + quoted(address_text(*peer.address, AddressUse::Server)) : "");
    for (const NamedTable& named : section.tables)
      line("table {} {}", named.name.substr(section.name.size() + 1), stick_table_words(named.table, ""));
  }

  void write_proxy(const Proxy& proxy) {
    const char* type = proxy.is_frontend && proxy.is_backend ? "listen" : proxy.is_frontend ? "frontend" : "backend";
    append_format(text_, "{}{} {}\n", text_.empty() ? "" : "\n", type, proxy.name);
    line("mode {}", proxy.mode == Mode::Http ? "http" : "tcp");
    number_line("id", proxy.id, 0);
    name_line("description", proxy.description);
    flag_line("disabled", proxy.disabled);
    if (proxy.is_frontend) write_front(proxy);
    write_logs(proxy);
    write_timeouts(proxy);
    write_http_options(proxy);
    for (const ErrorReply& reply : proxy.errors) {
      if (!reply.location.empty())
        line("errorloc{} {} {}", reply.location_status, reply.status, quoted(reply.location));
      else if (!reply.file.empty())
        line("errorfile {} {}", reply.status, quoted(reply.file));
      else
        line_of(format("http-error status {}", reply.status), reply.words);
    }
    if (proxy.stick_table) line("stick-table {}", stick_table_words(*proxy.stick_table, proxy.stick_table->peers));
    if (proxy.is_backend) write_back(proxy);
    time_line("tcp-request inspect-delay", proxy.tcp_request_inspect_delay_ms);
    if (proxy.is_backend) time_line("tcp-response inspect-delay", proxy.tcp_response_inspect_delay_ms);
    for (const Acl& acl : proxy.acls) line_of(format("acl {}", acl.name.text), acl.words);
    for (const Rule& rule : proxy.rules) write_rule(rule);
    if (proxy.is_frontend && proxy.default_backend) name_line("default_backend", proxy.default_backend->text);
    if (proxy.is_backend) write_servers(proxy);
  }

  void write_front(const Proxy& proxy) {
    number_line("maxconn", proxy.maxconn, 0);
    number_line("backlog", proxy.backlog, 0);
    number_line("rate-limit sessions", proxy.session_rate, 0);
    number_line("max-session-srv-conns", proxy.most_own, 16);
    for (const Bind& bind : proxy.binds) write_bind(bind);
    for (const Capture& capture : proxy.captures) {
      const char* side = capture.side == Capture::Side::Request ? "request" : "response";
      if (capture.header.empty())
        line("declare capture {} len {}", side, capture.length);
      else
        line("capture {} header {} len {}", side, quoted(capture.header), capture.length);
    }
    if (proxy.cookie_capture) {
      const Capture& capture = *proxy.cookie_capture;
      line("capture cookie {} len {}", quoted(capture.header), capture.length);
    }
    if (proxy.monitor_uri) name_line("monitor-uri", *proxy.monitor_uri);
    if (proxy.stats) text_ += stats_lines(*proxy.stats);
    if (proxy.unique_id_format) name_line("unique-id-format", proxy.unique_id_format->text);
    name_line("unique-id-header", proxy.unique_id_header);
    write_probes("cli", proxy.tcp_ka_client, proxy.client_probes);
  }

  void write_probes(std::string_view side, bool on, const KeepAliveProbes& probes) {
    flag_line(format("option {}tcpka", side), on);
    time_line(format("{}tcpka-idle", side), probes.idle_ms);
    time_line(format("{}tcpka-intvl", side), probes.interval_ms);
    number_line(format("{}tcpka-cnt", side), probes.count, 0);
  }

  void write_logs(const Proxy& proxy) {
    std::size_t from = 0;
    if (proxy.log_global) {
      line("log global");
      from = config_.global.logs.size();
    }
    for (std::size_t i = from; i < proxy.logs.size(); ++i) line("log {}", log_text(proxy.logs[i]));
    name_line("log-tag", proxy.log_tag);
    if (!proxy.is_frontend) return;
    switch (proxy.log_style) {
      case Proxy::LogStyle::None:
      case Proxy::LogStyle::Default:
        break;
      case Proxy::LogStyle::Tcp:
        line("option tcplog");
        break;
      case Proxy::LogStyle::Http:
        line("option httplog");
        break;
      case Proxy::LogStyle::Https:
        line("option httpslog");
        break;
      case Proxy::LogStyle::Clf:
        line("option httplog clf");
        break;
      case Proxy::LogStyle::Json:
        line("option httplog-json");
        break;
    }
    if (proxy.log_format) name_line("log-format", proxy.log_format->text);
    if (proxy.error_log_format) name_line("error-log-format", proxy.error_log_format->text);
    if (proxy.log_format_sd) name_line("log-format-sd", proxy.log_format_sd->text);
    flag_line("option dontlognull", proxy.dont_log_null);
    flag_line("option http-ignore-probes", proxy.ignore_probes);
    flag_line("option http-use-proxy-header", proxy.use_proxy_header);
    flag_line("option dontlog-normal", proxy.dont_log_normal);
    flag_line("option logasap", proxy.log_asap);
    flag_line("option log-separate-errors", proxy.log_separate_errors);
    flag_line("option socket-stats", proxy.socket_stats);
  }

  void write_compression(const Compression& compression) {
    static constexpr std::string_view kAlgorithms[] = {"identity", "gzip", "deflate", "raw-deflate"};
    std::string words;
    for (const Compression::Algorithm algorithm : compression.algorithms)
      append_format(words, " {}", kAlgorithms[static_cast<std::size_t>(algorithm)]);
    if (!words.empty()) line("compression algo{}", words);
    words.clear();
    for (const std::string& type : compression.types) append_format(words, " {}", quoted(type));
    if (!words.empty()) line("compression type{}", words);
    flag_line("compression offload", compression.offload);
  }

  void write_timeouts(const Proxy& proxy) {
    const Timeouts& timeout = proxy.timeout;
    if (proxy.is_frontend) {
      time_line("timeout client", timeout.client);
      time_line("timeout client-fin", timeout.client_fin);
      if (timeout.http_keep_alive) line("timeout http-keep-alive {}", duration_text(*timeout.http_keep_alive));
    }
    if (timeout.http_request) line("timeout http-request {}", duration_text(*timeout.http_request));
    time_line("timeout tarpit", timeout.tarpit);
    if (!proxy.is_backend) return;
    time_line("timeout connect", timeout.connect);
    if (timeout.queue) line("timeout queue {}", duration_text(*timeout.queue));
    time_line("timeout server", timeout.server);
    time_line("timeout server-fin", timeout.server_fin);
    time_line("timeout tunnel", timeout.tunnel);
    time_line("timeout check", timeout.check);
  }

  void write_http_options(const Proxy& proxy) {
    write_compression(proxy.compression);
    switch (proxy.http_mode) {
      case HttpMode::KeepAlive:
        break;
      case HttpMode::ServerClose:
        line("option http-server-close");
        break;
      case HttpMode::Close:
        line("option httpclose");
        break;
    }
    flag_line("option http-buffer-request", proxy.http_buffer_request);
    const Proxy standard;
    if (proxy.forward_for.enabled)
      line("option forwardfor{}", forward_words(proxy.forward_for, standard.forward_for.header));
    if (proxy.original_to.enabled)
      line("option originalto{}", forward_words(proxy.original_to, standard.original_to.header));
    name_line("http-send-name-header", proxy.name_header);
    flag_line("option checkcache", proxy.check_cache);
  }

  void write_back(const Proxy& proxy) {
    if (proxy.state_from != Proxy::StateFrom::None)
      line("load-server-state-from-file {}", proxy.state_from == Proxy::StateFrom::Global ? "global" : "local");
    name_line("server-state-file-name", proxy.state_file);
    number_line("fullconn", proxy.fullconn, 0);
    if (const std::string text = hash_type_text(proxy.balance); !text.empty()) line("hash-type {}", text);
    number_line("hash-balance-factor", proxy.balance.factor, 0);
    const bool dispatches = !proxy.servers.empty() && proxy.servers[0].name == kDispatchName;
    if (const std::string text = balance_text(proxy.balance); !text.empty() && !dispatches) line("balance {}", text);
    static constexpr const char* kReuse[] = {"never", "safe", "aggressive", "always"};
    if (proxy.reuse != Reuse::Safe) line("http-reuse {}", kReuse[static_cast<std::size_t>(proxy.reuse)]);
    number_line("retries", proxy.retries, 3);
    if (!proxy.retry_on.empty()) line_of("retry-on", proxy.retry_on);
    if (proxy.redispatch)
      line("option redispatch{}", proxy.redispatch_interval == -1 ? "" : format(" {}", proxy.redispatch_interval));
    flag_line("option prefer-last-server", proxy.prefer_last_server);
    flag_line("option persist", proxy.persist);
    if (!proxy.rdp_cookie.text.empty()) line("persist {}", quoted(format("rdp-cookie({})", proxy.rdp_cookie.text)));
    if (!proxy.cookie.name.empty()) line("cookie {}", cookie_text(proxy.cookie));
    name_line("dynamic-cookie-key", proxy.dynamic_cookie_key);
    flag_line("option allbackups", proxy.all_backups);
    flag_line("option log-health-checks", proxy.log_health_checks);
    text_ += email_alert_lines(proxy.email_alert);
    flag_line("option abortonclose", proxy.abort_on_close);
    write_probes("srv", proxy.tcp_ka_server, proxy.server_probes);
    write_health(proxy);
  }

  std::string stick_table_words(const StickTable& table, std::string_view peers) {
    std::string words = format("type {}", stick_key_name(table.key));
    const bool has_length = table.key == StickTable::Key::String || table.key == StickTable::Key::Binary;
    if (has_length) add_number(words, "len", table.length, usual_length(table.key));
    append_format(words, " size {}", table.size);
    add_time(words, "expire", table.expire_ms);
    add_flag(words, "nopurge", table.no_purge);
    if (!peers.empty()) append_format(words, " peers {}", quoted(peers));
    if (table.server_by_address) words += " srvkey addr";
    for (std::size_t i = 0; i < table.store.size(); ++i) {
      const StickTable::Stored& stored = table.store[i];
      append_format(words, "{}{}", i == 0 ? " store " : ",", stick_data_name(stored.data));
      std::string measures = is_array(stored.data) ? format("{}", stored.count) : "";
      if (is_rate(stored.data)) measures += (measures.empty() ? "" : ",") + duration_text(stored.period_ms);
      if (!measures.empty()) append_format(words, "({})", measures);
    }
    return words;
  }

  void write_health(const Proxy& proxy) {
    const Health& health = proxy.health;
    if (const std::string option = check_option(health); !option.empty()) line("option {}", option);
    if (!proxy.external_command.empty()) line("external-check command {}", quoted(proxy.external_command));
    if (!proxy.external_path.empty()) line("external-check path {}", quoted(proxy.external_path));
    flag_line("http-check disable-on-404", health.disable_on_404);
    flag_line("http-check send-state", health.send_state);
    const bool http = health.kind != Health::Kind::TcpScript;
    for (const CheckStep& step : health.steps) write_step(http ? "http-check" : "tcp-check", http, step);
  }

  void write_step(std::string_view keyword, bool http, const CheckStep& step) {
    if (step.kind == CheckStep::Kind::Comment) return line("{} comment {}", keyword, quoted(step.comment));
    line("{} {}", keyword, step_words(http, step));
  }

  void write_rule(const Rule& rule) { line_of(config::name_of(rule.set), rule.words); }

  // bind and server lines.

  static std::string proxy_v2_text(unsigned options) {
    std::vector<std::string> words;
    for (const ProxyV2Word& word : config::proxy_v2_words()) {
      if ((options & word.option) != 0) words.emplace_back(word.name);
    }
    return joined(words);
  }
  // What differs from the ssl-default-*-options, which the reader finds in `global`.
  void write_stats_socket(const StatsSocket& socket) {
    static constexpr const char* kLevels[] = {"user", "operator", "admin"};
    static constexpr const char* kSeverities[] = {"none", "number", "string"};
    std::string words = bind_words(socket.bind, socket.bind.tls);
    if (socket.level != AccessLevel::Operator)
      append_format(words, " level {}", kLevels[static_cast<std::size_t>(socket.level)]);
    if (socket.severity != SeverityOutput::None)
      append_format(words, " severity-output {}", kSeverities[static_cast<std::size_t>(socket.severity)]);
    line("stats socket {}", words);
  }

  void write_bind(const Bind& bind) { line("bind {}", bind_words(bind, config_.global.bind_defaults)); }

  std::string bind_words(const Bind& bind, const Tls& tls_defaults) {
    std::string words;
    for (const Address& address : bind.addresses)
      words += (words.empty() ? "" : ",") + address_text(address, AddressUse::Bind);
    words = quoted(words);
    add_word(words, "name", bind.name);
    add_number(words, "id", bind.id);
    add_tls(words, bind.tls, tls_defaults, true);
    for (const CertificateSource& certificate : bind.certificates)
      add_word(words, certificate.is_list ? "crt-list" : "crt", certificate.path);
    add_word(words, "password-file", bind.password_file);
    add_word(words, "tls-ticket-keys", bind.ticket_keys);
    add_word(words, "ca-sign-file", bind.ca_sign_file);
    add_word(words, "ca-sign-pass", bind.ca_sign_pass);
    add_number(words, "maxconn", bind.maxconn);
    add_number(words, "backlog", bind.backlog);
    const std::pair<std::string_view, bool> flags[] = {{"generate-certificates", bind.generate_certificates},
                                                       {"strict-sni", bind.strict_sni},
                                                       {"accept-proxy", bind.accept_proxy},
                                                       {"prefer-client-ciphers", bind.prefer_client_ciphers},
                                                       {"v6only", bind.v6_only},
                                                       {"v4v6", bind.v4v6},
                                                       {"transparent", bind.transparent},
                                                       {"defer-accept", bind.defer_accept},
                                                       {"tfo", bind.tfo}};
    for (const auto& [word, is_set] : flags) add_flag(words, word, is_set);
    add_time(words, "tcp-ut", bind.tcp_ut_ms);
    add_word(words, "interface", bind.interface);
    if (bind.unix_mode) append_format(words, " mode {:o}", *bind.unix_mode);
    if (bind.unix_uid) append_format(words, " uid {}", *bind.unix_uid);
    if (bind.unix_gid) append_format(words, " gid {}", *bind.unix_gid);
    add_word(words, "user", bind.unix_user);
    add_word(words, "group", bind.unix_group);
    return words;
  }

  void write_servers(const Proxy& proxy) {
    for (const Server& server : proxy.servers) {
      if (server.name != kDispatchName)
        write_server(server);
      else if (server.address == Address())
        line("option transparent");
      else
        line("dispatch {}", quoted(address_text(server.address, AddressUse::Server)));
    }
  }

  void write_server(const Server& server) {
    const Server standard;
    std::string words = quoted(address_text(server.address, AddressUse::Server));
    add_number(words, "id", server.id);
    add_check(words, server.check, standard.check);
    add_agent(words, server.agent);
    add_server_tls(words, server, config_.global.server_defaults);
    add_word(words, "cookie", server.cookie);
    add_number(words, "weight", server.weight, standard.weight);
    add_number(words, "maxconn", server.maxconn);
    add_number(words, "minconn", server.minconn);
    add_number(words, "maxqueue", server.maxqueue);
    add_flag(words, "backup", server.backup);
    add_flag(words, "send-proxy", server.send_proxy);
    add_flag(words, "send-proxy-v2", server.send_proxy_v2);
    add_word(words, "proxy-v2-options", proxy_v2_text(server.proxy_v2_options));
    add_flag(words, "check-send-proxy", server.check.send_proxy);
    add_flag(words, "disabled", server.disabled);
    if (server.track) add_word(words, "track", server.track->text);
    add_time(words, "slowstart", server.slowstart_ms);
    add_flag(words, "on-marked-down shutdown-sessions", server.shutdown_sessions_when_down);
    add_flag(words, "on-marked-up shutdown-backup-sessions", server.shutdown_backup_sessions_when_up);
    add_number(words, "pool-max-conn", server.pool_max_conn, standard.pool_max_conn);
    add_number(words, "pool-low-conn", server.pool_low_conn);
    add_time(words, "pool-purge-delay", server.pool_purge_delay_ms, standard.pool_purge_delay_ms);
    add_number(words, "max-reuse", server.max_reuse, standard.max_reuse);
    add_time(words, "tcp-ut", server.tcp_ut_ms);
    add_flag(words, "non-stick", server.non_stick);
    if (server.source) add_word(words, "source", address_text(*server.source, AddressUse::Source));
    if (server.init_addr != standard.init_addr) add_word(words, "init-addr", init_addr_text(server));
    if (!server.resolvers.text.empty()) add_word(words, "resolvers", server.resolvers.text);
    add_flag(words, "resolve-prefer ipv4", server.prefer_ip4);
    if (!server.resolve_net.empty()) add_word(words, "resolve-net", joined(server.resolve_net));
    add_flag(words, "resolve-opts allow-dup-ip", server.allow_dup_ip);
    add_flag(words, "resolve-opts ignore-weight", server.ignore_weight);
    line("server {} {}", server.name, words);
  }

  static void add_check(std::string& words, const Check& check, const Check& standard) {
    add_flag(words, "check", check.enabled);
    add_time(words, "inter", check.inter_ms, standard.inter_ms);
    add_time(words, "fastinter", check.fastinter_ms);
    add_time(words, "downinter", check.downinter_ms);
    add_number(words, "rise", check.rise, standard.rise);
    add_number(words, "fall", check.fall, standard.fall);
    if (check.address) add_word(words, "addr", address_text(*check.address, AddressUse::Plain));
    add_number(words, "port", check.port);
    add_flag(words, "check-ssl", check.ssl);
    add_flag(words, "no-check-ssl", check.no_ssl);
    add_word(words, "check-sni", check.sni);
    add_word(words, "check-alpn", joined(check.alpn));
    constexpr std::string_view kObserve[] = {"none", "layer4", "layer7"};
    constexpr std::string_view kOnError[] = {"fail-check", "fastinter", "sudden-death", "mark-down"};
    if (check.observe != standard.observe)
      add_word(words, "observe", std::string(kObserve[static_cast<std::size_t>(check.observe)]));
    add_number(words, "error-limit", check.error_limit, standard.error_limit);
    if (check.on_error != standard.on_error)
      add_word(words, "on-error", std::string(kOnError[static_cast<std::size_t>(check.on_error)]));
  }

  static void add_agent(std::string& words, const Agent& agent) {
    add_flag(words, "agent-check", agent.enabled);
    if (agent.address) add_word(words, "agent-addr", address_text(*agent.address, AddressUse::Plain));
    add_number(words, "agent-port", agent.port);
    add_time(words, "agent-inter", agent.inter_ms, Agent().inter_ms);
    add_word(words, "agent-send", agent.send);
  }

  const Config& config_;
  std::string text_;
};

}  // namespace

std::string dump(const Config& config) { return Writer(config).run(); }

}  // namespace penstock::config
