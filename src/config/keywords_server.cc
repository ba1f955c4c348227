// `server`, `default-server` and `server-template` lines (configuration manual section 5.2).
#include "keywords.h"

namespace penstock::config {

namespace {

using ServerKeyword = Keyword<Server>;

constexpr ProxyV2Word kProxyV2Words[] = {
    {"ssl", kProxySsl},          {"cert-cn", kProxyCertCn},     {"ssl-cipher", kProxySslCipher},
    {"cert-sig", kProxyCertSig}, {"cert-key", kProxyCertKey},   {"authority", kProxyAuthority},
    {"crc32c", kProxyCrc32c},    {"unique-id", kProxyUniqueId},
};

constexpr std::uint64_t kMost = 2147483647;

std::uint32_t take_count(Line& line, std::uint64_t low = 0) {
  return static_cast<std::uint32_t>(line.take_number("a number", low, kMost));
}

void parse_addr(Line& line, Server& server) {
  if (auto address = take_address(line, AddressUse::Plain)) server.check.address = std::move(*address);
}
void parse_alpn(Line& line, Server& server) {
  server.tls.alpn_place = line.place;
  server.tls.alpn = take_alpn(line);
}
void parse_send_proxy(Line&, Server& server) {
  server.send_proxy = true;
  server.send_proxy_v2 = false;
}
void parse_send_proxy_v2(Line&, Server& server) {
  server.send_proxy_v2 = true;
  server.send_proxy = false;
}
void parse_no_send_proxy(Line&, Server& server) { server.send_proxy = server.send_proxy_v2 = false; }
void parse_send_proxy_v2_ssl(Line& line, Server& server) {
  parse_send_proxy_v2(line, server);
  server.proxy_v2_options |= kProxySsl;
}
void parse_send_proxy_v2_ssl_cn(Line& line, Server& server) {
  parse_send_proxy_v2_ssl(line, server);
  server.proxy_v2_options |= kProxyCertCn;
}
void parse_no_send_proxy_v2_ssl(Line& line, Server& server) {
  parse_no_send_proxy(line, server);
  server.proxy_v2_options &= ~(kProxySsl | kProxyCertCn);
}
void parse_no_send_proxy_v2_ssl_cn(Line&, Server& server) { server.proxy_v2_options &= ~kProxyCertCn; }
void parse_proxy_v2_options(Line& line, Server& server) {
  const Word* word = line.take("options such as ssl,authority");
  if (word == nullptr) return;
  std::vector<std::string_view> names;
  for (const ProxyV2Word& option : proxy_v2_words()) names.push_back(option.name);
  std::string_view list = word->text;
  while (!list.empty()) {
    const std::string_view name = cut(list, ',');
    const auto option = std::find(names.begin(), names.end(), name);
    if (option == names.end())
      return complain_unknown(line, {std::string(name), word->place}, "'proxy-v2-options'", names);
    server.proxy_v2_options |= proxy_v2_words()[static_cast<std::size_t>(option - names.begin())].option;
    if (name.starts_with("cert-") && name != "cert-cn")
      line.warn(word->place, format("'{}' has no effect: servers are not told about our certificate", name));
  }
}
void parse_check_send_proxy(Line&, Server& server) { server.check.send_proxy = true; }
void parse_no_check_send_proxy(Line&, Server& server) { server.check.send_proxy = false; }
void parse_backup(Line&, Server& server) { server.backup = true; }
void parse_no_backup(Line&, Server& server) { server.backup = false; }
void parse_ca_file(Line& line, Server& server) {
  take_based(line, line.reading.config.global.ca_base, "a file", server.tls.ca_file, server.tls.ca_place);
}
void parse_check(Line&, Server& server) { server.check.enabled = true; }
void parse_no_check(Line&, Server& server) { server.check.enabled = false; }
void parse_check_alpn(Line& line, Server& server) { server.check.alpn = take_alpn(line); }
void parse_check_proto(Line& line, Server&) {
  const Word* word = line.take("a protocol");
  if (word != nullptr && word->text != "h1" && word->text != "none") {
    line.complain(word->place, format("'check-proto' expects 'h1', not '{}': checks speak HTTP/1", word->text));
  }
}
void parse_check_sni(Line& line, Server& server) { server.check.sni = line.take_text("a host name"); }
void parse_check_ssl(Line&, Server& server) {
  server.check.ssl = true;
  server.check.no_ssl = false;
}
void parse_no_check_ssl(Line&, Server& server) {
  server.check.ssl = false;
  server.check.no_ssl = true;
}
void parse_ciphers(Line& line, Server& server) { server.tls.ciphers = line.take_text("a list of ciphers"); }
void parse_ciphersuites(Line& line, Server& server) {
  server.tls.ciphersuites = line.take_text("a list of cipher suites");
  warn_ciphersuites(line);
}
void parse_cookie(Line& line, Server& server) {
  const Place place = line.more() ? line.peek().place : line.place;
  server.cookie = line.take_text("a value");
  if (!line.failed() && !is_cookie_text(server.cookie))
    line.complain(place, format("'{}' is no value for a cookie", server.cookie));
}
void parse_crl_file(Line& line, Server& server) {
  take_based(line, line.reading.config.global.ca_base, "a file", server.tls.crl_file, server.tls.crl_place);
}
void parse_password_file(Line& line, Server& server) {
  take_based(line, line.reading.config.global.crt_base, "a file", server.password_file, server.password_place);
}
void parse_no_ssl_reuse(Line&, Server& server) { server.tls.resume = false; }
void parse_ssl_reuse(Line&, Server& server) { server.tls.resume = true; }
void parse_crt(Line& line, Server& server) {
  take_based(line, line.reading.config.global.crt_base, "a PEM file", server.certificate, server.certificate_place);
}
void parse_disabled(Line&, Server& server) { server.disabled = true; }
void parse_enabled(Line&, Server& server) { server.disabled = false; }
void parse_fall(Line& line, Server& server) { server.check.fall = take_count(line, 1); }
void parse_rise(Line& line, Server& server) { server.check.rise = take_count(line, 1); }

void take_interval(Line& line, std::uint64_t& ms) {
  const Place place = line.more() ? line.peek().place : line.place;
  ms = line.take_ms();
  if (!line.failed() && ms == 0) line.complain(place, format("'{}' must not be 0", line.subject));
}
void parse_inter(Line& line, Server& server) { take_interval(line, server.check.inter_ms); }
void parse_fastinter(Line& line, Server& server) { take_interval(line, server.check.fastinter_ms); }
void parse_downinter(Line& line, Server& server) { take_interval(line, server.check.downinter_ms); }

template <TlsVersion Version>
void parse_force(Line& line, Server& server) {
  force_version(line, server.tls, Version);
}
template <TlsVersion Version>
void parse_exclude(Line& line, Server& server) {
  exclude_version(line, server.tls, Version);
}
void parse_id(Line& line, Server& server) { server.id = take_count(line, 1); }

void parse_maxconn(Line& line, Server& server) { server.maxconn = take_count(line); }
void parse_maxqueue(Line& line, Server& server) { server.maxqueue = take_count(line); }
void parse_minconn(Line& line, Server& server) { server.minconn = take_count(line); }
void parse_max_reuse(Line& line, Server& server) {
  if (line.accept("-1"))
    server.max_reuse = -1;
  else
    server.max_reuse = static_cast<std::int32_t>(take_count(line));
}
void parse_on_error(Line& line, Server& server) {
  constexpr std::string_view kChoices[] = {"fastinter", "fail-check", "sudden-death", "mark-down"};
  constexpr Check::OnError kActs[] = {Check::OnError::FastInter, Check::OnError::FailCheck, Check::OnError::SuddenDeath,
                                      Check::OnError::MarkDown};
  if (const auto choice = line.take_choice(kChoices)) server.check.on_error = kActs[*choice];
}
void parse_observe(Line& line, Server& server) {
  constexpr std::string_view kChoices[] = {"none", "layer4", "layer7"};
  constexpr Check::Observe kWhat[] = {Check::Observe::None, Check::Observe::Layer4, Check::Observe::Layer7};
  if (const auto choice = line.take_choice(kChoices)) server.check.observe = kWhat[*choice];
}
void parse_error_limit(Line& line, Server& server) { server.check.error_limit = take_count(line, 1); }
void parse_agent_addr(Line& line, Server& server) {
  if (auto address = take_address(line, AddressUse::Plain)) server.agent.address = std::move(*address);
}
void parse_agent_check(Line&, Server& server) { server.agent.enabled = true; }
void parse_no_agent_check(Line&, Server& server) { server.agent.enabled = false; }
void parse_agent_inter(Line& line, Server& server) { take_interval(line, server.agent.inter_ms); }
void parse_agent_port(Line& line, Server& server) {
  server.agent.port = static_cast<std::uint16_t>(line.take_number("a port", 1, 65535));
}
void parse_agent_send(Line& line, Server& server) { server.agent.send = line.take_text("a text"); }
void parse_on_marked_down(Line& line, Server& server) {
  constexpr std::string_view kChoices[] = {"shutdown-sessions"};
  if (line.take_choice(kChoices)) server.shutdown_sessions_when_down = true;
}
void parse_on_marked_up(Line& line, Server& server) {
  constexpr std::string_view kChoices[] = {"shutdown-backup-sessions"};
  if (line.take_choice(kChoices)) server.shutdown_backup_sessions_when_up = true;
}
void parse_pool_low_conn(Line& line, Server& server) { server.pool_low_conn = take_count(line); }
void parse_pool_max_conn(Line& line, Server& server) {
  if (line.accept("-1"))
    server.pool_max_conn = -1;
  else
    server.pool_max_conn = static_cast<std::int32_t>(take_count(line));
}
void parse_tcp_ut(Line& line, Server& server) { server.tcp_ut_ms = line.take_ms(); }
void parse_pool_purge_delay(Line& line, Server& server) { server.pool_purge_delay_ms = line.take_ms(); }
void parse_port(Line& line, Server& server) {
  server.check.port = static_cast<std::uint16_t>(line.take_number("a port", 1, 65535));
}
void parse_proto(Line& line, Server&) {
  const Word* word = line.take("a protocol");
  if (word == nullptr || word->text == "h1" || word->text == "none") return;
  line.complain(word->place, format("'proto' expects 'h1', not '{}': servers are spoken to in HTTP/1", word->text));
}
void parse_slowstart(Line& line, Server& server) { server.slowstart_ms = line.take_ms(); }
void parse_sni(Line& line, Server& server) {
  const Word* word = line.take("an expression such as req.hdr(Host) or str(mail.example.com)");
  if (word != nullptr) server.sni = *word;
}

void parse_track(Line& line, Server& server) {
  const Word* word = line.take("a server, as [<backend>/]<server>");
  if (word != nullptr) server.track = *word;
}

void parse_source(Line& line, Server& server) { server.source = take_source(line, true); }

void parse_ssl(Line& line, Server& server) {
  server.tls.enabled = true;
  server.tls.place = line.place;
}
void parse_no_ssl(Line&, Server& server) { server.tls.enabled = false; }
void parse_max_version(Line& line, Server& server) { take_max_version(line, server.tls); }
void parse_min_version(Line& line, Server& server) { take_min_version(line, server.tls); }
void parse_tickets(Line&, Server& server) { server.tls.tickets = true; }
void parse_no_tickets(Line&, Server& server) { server.tls.tickets = false; }
void parse_verify(Line& line, Server& server) {
  constexpr std::string_view kChoices[] = {"none", "required"};
  constexpr Tls::Verify kVerify[] = {Tls::Verify::None, Tls::Verify::Required};
  if (const auto choice = line.take_choice(kChoices)) server.tls.verify = kVerify[*choice];
}
void parse_verifyhost(Line& line, Server& server) { server.verify_host = line.take_text("a host name"); }
void parse_no_verifyhost(Line&, Server& server) { server.verify_host.clear(); }
void parse_weight(Line& line, Server& server) {
  server.weight = static_cast<std::uint32_t>(line.take_number("a weight", 0, 256));
}
void parse_ws(Line& line, Server&) {
  constexpr std::string_view kChoices[] = {"auto", "h1", "h2"};
  const auto choice = line.take_choice(kChoices);
  if (choice == std::size_t{2}) line.complain("'ws h2' is not offered: WebSocket goes to servers over HTTP/1");
}
// Words that say what holds anyway.
void parse_non_stick(Line&, Server& server) { server.non_stick = true; }
void parse_stick(Line&, Server& server) { server.non_stick = false; }
void parse_nothing(Line&, Server&) {}

constexpr ServerKeyword kServerKeywords[] = {
    {"addr", parse_addr, "Address that checks connect to, instead of the server's."},
    {"agent-addr", parse_agent_addr, "Address of the server's agent, instead of the server's."},
    {"agent-check", parse_agent_check,
     "Ask an agent, which may say up, down, ready, drain, maint, a weight in percent of the file's and a maxconn."},
    {"agent-inter", parse_agent_inter, "Time between questions to the agent, 2s unless said otherwise."},
    {"agent-port", parse_agent_port, "Port of the server's agent."},
    {"agent-send", parse_agent_send, "Text that the agent is sent before it answers."},
    {"allow-0rtt", no_effect_parameter<Server, 0>, "Early data of TLS 1.3 is never sent."},
    {"alpn", parse_alpn, "Protocols offered to the server; http/1.1 is what is spoken."},
    {"backup", parse_backup, "Use the server only when all others are down."},
    {"ca-file", parse_ca_file,
     "PEM file, or folder of such files, of the authorities that the server's certificate must "
     "come from, or @system-ca; "
     "ca-base applies."},
    {"check", parse_check, "Check the server's health."},
    {"check-alpn", parse_check_alpn, "Protocols offered by checks over TLS."},
    {"check-proto", parse_check_proto, "Protocol of checks: 'h1'."},
    {"check-send-proxy", parse_check_send_proxy,
     "Checks begin with a header of the PROXY protocol, also with 'addr' or 'port'."},
    {"check-sni", parse_check_sni, "Server name that checks over TLS ask for."},
    {"check-ssl", parse_check_ssl, "Check over TLS, also where traffic is not."},
    {"check-via-socks4", refused<Server>, "SOCKS proxies are not spoken to."},
    {"ciphers", parse_ciphers,
     "Ciphers for TLS 1.2 and older, in OpenSSL's syntax. Unless said otherwise ECDHE, AES-GCM and ChaCha20 before "
     "CBC, then static RSA."},
    {"ciphersuites", parse_ciphersuites, "Cipher suites of TLS 1.3. Has no effect: BoringSSL chooses them itself."},
    {"cookie", parse_cookie, "Value of the backend's 'cookie' that means this server."},
    {"crl-file", parse_crl_file, "PEM file of revoked server certificates; ca-base applies."},
    {"crt", parse_crt, "PEM file with the certificate and key that we show to the server; crt-base applies."},
    {"disabled", parse_disabled, "The server takes no traffic until it is enabled."},
    {"downinter", parse_downinter, "Time between checks of a server that is down; 'inter' if not given."},
    {"enabled", parse_enabled, "Undoes 'disabled' of a default-server line."},
    {"error-limit", parse_error_limit,
     "Failures in a row of observed traffic after which 'on-error' says what follows, 10 unless said otherwise."},
    {"fall", parse_fall, "Failed checks in a row after which a server is down, 3 unless said otherwise."},
    {"fastinter", parse_fastinter, "Time between checks while a server changes its state; 'inter' if not given."},
    {"force-sslv3", obsolete<Server>, "SSLv3 is never spoken; write 'ssl-min-ver TLSv1.2'."},
    {"force-tlsv10", parse_force<TlsVersion::Tls10>, "Speak TLSv1.0 only."},
    {"force-tlsv11", parse_force<TlsVersion::Tls11>, "Speak TLSv1.1 only."},
    {"force-tlsv12", parse_force<TlsVersion::Tls12>, "Speak TLSv1.2 only."},
    {"force-tlsv13", parse_force<TlsVersion::Tls13>, "Speak TLSv1.3 only."},
    {"id", parse_id, "The server's number in statistics."},
    {"init-addr", parse_init_addr,
     "How a host name becomes an address at start: last, libc, none, an IP address, in the order to try; last,libc "
     "unless said otherwise."},
    {"inter", parse_inter, "Time between checks, 2s unless said otherwise."},
    {"log-proto", no_effect_parameter<Server, 1>, "It concerns servers of rings."},
    {"max-reuse", parse_max_reuse,
     "Requests that one server connection carries at most; -1, the default, means no limit."},
    {"maxconn", parse_maxconn,
     "Most connections to the server at one time; what is beyond waits in line. 0, the default, means no limit."},
    {"maxqueue", parse_maxqueue,
     "Most requests waiting for the server; beyond, another is tried. 0, the default, means no limit."},
    {"minconn", parse_minconn, "With 'maxconn' and 'fullconn': the limit grows from this with the backend's load."},
    {"namespace", refused<Server>, "Start penstock inside the network namespace instead."},
    {"no-agent-check", parse_no_agent_check, "Undoes 'agent-check' of a default-server line."},
    {"no-backup", parse_no_backup, "Undoes 'backup' of a default-server line."},
    {"no-check", parse_no_check, "Undoes 'check' of a default-server line."},
    {"no-check-send-proxy", parse_no_check_send_proxy, "Undoes 'check-send-proxy'."},
    {"no-check-ssl", parse_no_check_ssl, "Check in clear text, even if traffic is TLS."},
    {"no-send-proxy", parse_no_send_proxy, "Undoes 'send-proxy' and 'send-proxy-v2'."},
    {"no-send-proxy-v2", parse_no_send_proxy, "Undoes 'send-proxy' and 'send-proxy-v2'."},
    {"no-send-proxy-v2-ssl", parse_no_send_proxy_v2_ssl, "Undoes 'send-proxy-v2-ssl'."},
    {"no-send-proxy-v2-ssl-cn", parse_no_send_proxy_v2_ssl_cn,
     "Undoes what 'send-proxy-v2-ssl-cn' adds to 'send-proxy-v2-ssl'."},
    {"no-ssl", parse_no_ssl, "Undoes 'ssl' of a default-server line."},
    {"no-ssl-reuse", parse_no_ssl_reuse, "TLS sessions are never resumed: each connection costs a whole handshake."},
    {"no-sslv3", parse_exclude<TlsVersion::Unset>, "Accepted for the sake of old files: SSLv3 is never spoken."},
    {"no-tfo", parse_nothing, "TCP Fast Open towards servers is not used."},
    {"no-tls-tickets", parse_no_tickets, "Do not resume by session tickets."},
    {"no-tlsv10", parse_exclude<TlsVersion::Tls10>,
     "Do not speak TLSv1.0, which must be asked for anyhow: see 'ssl-min-ver'."},
    {"no-tlsv11", parse_exclude<TlsVersion::Tls11>,
     "Do not speak TLSv1.1, which must be asked for anyhow: see 'ssl-min-ver'."},
    {"no-tlsv12", parse_exclude<TlsVersion::Tls12>, "Do not speak TLSv1.2; 'ssl-min-ver' says it better."},
    {"no-tlsv13", parse_exclude<TlsVersion::Tls13>, "Do not speak TLSv1.3; 'ssl-max-ver' says it better."},
    {"no-verifyhost", parse_no_verifyhost, "Undoes 'verifyhost' of a default-server line."},
    {"non-stick", parse_non_stick, "Stick tables do not learn this server."},
    {"npn", no_effect_parameter<Server, 1>, "NPN was replaced by ALPN: see 'alpn'."},
    {"observe", parse_observe,
     "Whose failures count against the server beside those of its checks: of connections (layer4), of answers too "
     "(layer7), or none."},
    {"on-error", parse_on_error,
     "What follows when observed traffic has failed so often: fail-check (as if a check had failed), fastinter, "
     "sudden-death (the next failed check is the last), mark-down."},
    {"on-marked-down", parse_on_marked_down,
     "What happens when the server goes down: shutdown-sessions closes its connections."},
    {"on-marked-up", parse_on_marked_up,
     "What happens when the server comes up: shutdown-backup-sessions closes those of backup "
     "servers."},
    {"password-file", parse_password_file,
     "File with the password of a 'crt' that is a PFX file (PKCS #12); crt-base applies."},
    {"pool-low-conn", parse_pool_low_conn, "Idle connections of the server that are kept whatever the recent need."},
    {"pool-max-conn", parse_pool_max_conn,
     "Most idle connections that a worker keeps, and as many that all share; -1, the default, means no limit, 0 none."},
    {"pool-purge-delay", parse_pool_purge_delay,
     "Time between rounds that close idle connections beyond recent need, 5s unless said otherwise."},
    {"port", parse_port, "Port that checks connect to, instead of the server's."},
    {"proto", parse_proto, "Protocol spoken to the server: 'h1'."},
    {"proxy-v2-options", parse_proxy_v2_options,
     "What 'send-proxy-v2' tells beside addresses: ssl, cert-cn, ssl-cipher, authority, crc32c, "
     "unique-id, with commas between them."},
    {"redir", refused<Server>, "Write 'http-request redirect prefix'."},
    {"resolve-net", parse_resolve_net,
     "Networks whose addresses are preferred among those that a name has: <network>[,...]."},
    {"resolve-opts", parse_resolve_opts,
     "allow-dup-ip: servers of one name may have the same address; prevent-dup-ip: they may not, the default. "
     "ignore-weight: that of SRV records counts for nothing."},
    {"resolve-prefer", parse_resolve_prefer,
     "Which addresses a name is asked for first, and the others only if it has none: ipv6 (the default) or ipv4."},
    {"resolvers", parse_resolvers,
     "The 'resolvers' section that is asked for the server's name while it serves: <name>. A name that begins with '_' "
     "is asked for SRV records."},
    {"rise", parse_rise, "Good checks in a row after which a server is up again, 2 unless said otherwise."},
    {"send-proxy", parse_send_proxy,
     "Begin each connection with a header of the PROXY protocol, version 1: whose connection it "
     "is."},
    {"send-proxy-v2", parse_send_proxy_v2, "The same in version 2."},
    {"send-proxy-v2-ssl", parse_send_proxy_v2_ssl, "Version 2, and what TLS agreed on with the client."},
    {"send-proxy-v2-ssl-cn", parse_send_proxy_v2_ssl_cn,
     "Version 2, what TLS agreed on with the client, and the name in the client's certificate."},
    {"shard", no_effect_parameter<Server, 1>, "It concerns peers."},
    {"slowstart", parse_slowstart,
     "Time over which a server that came up gets its full share, none unless said otherwise."},
    {"sni", parse_sni,
     "Expression whose value is the server name asked for, for each request: req.hdr(Host), "
     "str(name)."},
    {"socks4", refused<Server>, "SOCKS proxies are not spoken to."},
    {"source", parse_source,
     "Address from which we connect to the server; with a port or a range of ports, from those."},
    {"ssl", parse_ssl, "Speak TLS to the server; 'verify required' and a 'ca-file' go with it."},
    {"ssl-max-ver", parse_max_version,
     "Newest TLS version spoken; one below TLSv1.2 without 'ssl-min-ver' is spoken alone."},
    {"ssl-min-ver", parse_min_version, "Oldest TLS version spoken; TLSv1.2 unless said otherwise."},
    {"ssl-reuse", parse_ssl_reuse, "TLS sessions are resumed where the server offers it; undoes 'no-ssl-reuse'."},
    {"stick", parse_stick, "Undoes 'non-stick'."},
    {"tcp-ut", parse_tcp_ut, "Longest time that the server may leave sent data unacknowledged."},
    {"tfo", no_effect_parameter<Server, 0>,
     "A server that refuses must be known before a request is on its way, so that another can have it."},
    {"tls-tickets", parse_tickets, "Undoes 'no-tls-tickets' of a default."},
    {"track", parse_track,
     "The server is up and down with another one, whose checks are its own: [<backend>/]<server>."},
    {"verify", parse_verify, "Whether the server's certificate is verified: required (the default) or none."},
    {"verifyhost", parse_verifyhost,
     "Name that the server's certificate must bear, instead of the one asked for by 'sni'."},
    {"weight", parse_weight, "Share of the traffic, 0 to 256, 1 unless said otherwise."},
    {"ws", parse_ws, "Protocol for WebSocket: auto or h1, which are the same."},
};
static_assert(is_sorted(kServerKeywords));

// The address of a server. That it is where the client wanted to go must be written, and not be left of a variable.
std::optional<Address> take_server_address(Line& line) {
  const Word word = line.more() ? line.peek() : Word();
  auto address = take_address(line, AddressUse::Server);
  if (address && address->kind == Address::Kind::Any && address_word(line, word)->starts_with(':'))
    line.warn(word.place,
              "this server has no address, so that it is where each client wanted to go: write '*' to say so");
  return address;
}

void take_parameters(Line& line, Server& server, bool is_default) {
  while (line.more()) {
    const Word& word = line.pop();
    const ServerKeyword* keyword = find_keyword(server_keywords(), word.text);
    if (keyword == nullptr) return complain_unknown(line, word, "a 'server' line", names_of(server_keywords()));
    line.start(*keyword, word);
    if (is_default && word.text == "id")
      return line.complain(word.place, "'id' belongs to one server: it cannot be preset");
    keyword->parse(line, server);
  }
}

}  // namespace

std::span<const ProxyV2Word> proxy_v2_words() { return kProxyV2Words; }
std::span<const Keyword<Server>> server_keywords() { return kServerKeywords; }

void parse_default_server(Line& line, Draft& draft) {
  Server server = draft.default_server;
  take_parameters(line, server, true);
  if (!line.failed()) draft.default_server = std::move(server);
}

void parse_server(Line& line, Draft& draft) {
  Server server = draft.default_server;
  server.place = line.place;
  if (!server.tls.enabled) server.tls.place = line.place;
  const Word* name = line.take("a name and an address");
  if (name == nullptr) return;
  if (!is_proxy_name(name->text)) {
    return line.complain(
        name->place, format("'{}' is no name for a server: letters, digits, '-', '_', '.' and ':' are", name->text));
  }
  server.name = name->text;
  auto address = take_server_address(line);
  if (!address) return;
  server.address = std::move(*address);
  take_parameters(line, server, false);
  if (!line.failed()) draft.proxy.servers.push_back(std::move(server));
}

void parse_server_template(Line& line, Draft& draft) {
  constexpr std::uint64_t kMostServers = 10000;
  Server server = draft.default_server;
  server.place = line.place;
  if (!server.tls.enabled) server.tls.place = line.place;
  const Word* prefix = line.take("a prefix, a number and an address");
  const Word* range = line.take("a number or a range such as 1-3");
  if (prefix == nullptr || range == nullptr) return;
  if (!is_proxy_name(prefix->text))
    return line.complain(prefix->place, format("'{}' is no name for a server", prefix->text));
  const bool is_range = range->text.find('-') != std::string::npos;
  std::string_view high = range->text;
  const std::string_view low = cut(high, '-');
  const auto first = is_range ? parse_unsigned(low) : std::optional<std::uint64_t>(1);
  const auto last = parse_unsigned(is_range ? high : low);
  if (!first || !last || *last < *first || *last - *first >= kMostServers) {
    return line.complain(range->place,
                         format("'{}' is no number of servers; write 5 or 1-5, at most {}", range->text, kMostServers));
  }
  auto address = take_server_address(line);
  if (!address) return;
  server.address = std::move(*address);
  take_parameters(line, server, false);
  if (line.failed()) return;
  for (std::uint64_t number = *first; number <= *last; ++number) {
    server.name = format("{}{}", prefix->text, number);
    draft.proxy.servers.push_back(server);
    if (server.id != 0) ++server.id;
  }
}

}  // namespace penstock::config
