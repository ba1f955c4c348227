// `bind` lines (configuration manual section 5.1).
#include <algorithm>

#include "keywords.h"

namespace penstock::config {

namespace {

using BindKeyword = Keyword<Bind>;

constexpr std::uint64_t kMost = 2147483647;

void parse_alpn(Line& line, Bind& bind) { bind.tls.alpn = take_alpn(line); }
void parse_backlog(Line& line, Bind& bind) {
  bind.backlog = static_cast<std::uint32_t>(line.take_number("a number", 1, kMost));
}
void parse_tcp_ut(Line& line, Bind& bind) { bind.tcp_ut_ms = line.take_ms(); }
void parse_ca_file(Line& line, Bind& bind) {
  take_based(line, line.reading.config.global.ca_base, "a file", bind.tls.ca_file, bind.tls.ca_place);
}
void parse_crl_file(Line& line, Bind& bind) {
  take_based(line, line.reading.config.global.ca_base, "a file", bind.tls.crl_file, bind.tls.crl_place);
}
void parse_ca_verify_file(Line& line, Bind& bind) {
  take_based(line, line.reading.config.global.ca_base, "a file", bind.tls.ca_verify_file, bind.tls.ca_verify_place);
}
template <std::string Tls::*errors>
void parse_ignore_err(Line& line, Bind& bind) {
  constexpr std::string_view kWanted = "'all', or numbers of verification errors with commas between them";
  const Word* word = line.take(kWanted);
  if (word == nullptr) return;
  std::string_view rest = word->text;
  const bool ends_early = rest.ends_with(',');
  while (rest != "all" && !rest.empty()) {
    const auto number = parse_unsigned(cut(rest, ','));
    if (number && *number > 0 && *number < 256 && !ends_early) continue;
    return line.reading.diagnostics.add(word->place,
                                        format("'{}' expects {}, not '{}'", line.subject, kWanted, word->text));
  }
  bind.tls.*errors = word->text;
}
void parse_ciphers(Line& line, Bind& bind) { bind.tls.ciphers = line.take_text("a list of ciphers"); }
void parse_ciphersuites(Line& line, Bind& bind) {
  bind.tls.ciphersuites = line.take_text("a list of cipher suites");
  warn_ciphersuites(line);
}
void parse_crt(Line& line, Bind& bind) {
  const Word* word = line.take("a PEM file or a folder of them");
  if (word != nullptr)
    bind.certificates.push_back({based(line.reading.config.global.crt_base, word->text), word->place});
}
void parse_crt_list(Line& line, Bind& bind) {
  const Word* word = line.take("a file that lists certificates");
  if (word != nullptr)
    bind.certificates.push_back({based(line.reading.config.global.crt_base, word->text), word->place, true});
}
void parse_password_file(Line& line, Bind& bind) {
  take_based(line, line.reading.config.global.crt_base, "a file", bind.password_file, bind.password_place);
}
void parse_ticket_keys(Line& line, Bind& bind) {
  take_based(line, {}, "a file", bind.ticket_keys, bind.ticket_keys_place);
}
void parse_ca_sign_file(Line& line, Bind& bind) {
  take_based(line, line.reading.config.global.ca_base, "a file", bind.ca_sign_file, bind.ca_sign_place);
}
void parse_ca_sign_pass(Line& line, Bind& bind) { bind.ca_sign_pass = line.take_text("a password"); }
void parse_generate_certificates(Line&, Bind& bind) { bind.generate_certificates = true; }
void parse_no_ca_names(Line&, Bind& bind) { bind.tls.ca_names = false; }
void parse_curves(Line& line, Bind& bind) { bind.tls.curves = line.take_text("a list of curves"); }
void parse_defer_accept(Line&, Bind& bind) { bind.defer_accept = true; }
void parse_gid(Line& line, Bind& bind) {
  bind.unix_gid = static_cast<std::uint32_t>(line.take_number("a group number", 0, kMost));
}
void parse_uid(Line& line, Bind& bind) {
  bind.unix_uid = static_cast<std::uint32_t>(line.take_number("a user number", 0, kMost));
}
void parse_id(Line& line, Bind& bind) {
  bind.id = static_cast<std::uint32_t>(line.take_number("a number", 1, kMost));
  const Address& first = bind.addresses.front();
  if (!line.failed() && (bind.addresses.size() > 1 || first.port_low != first.port_high))
    line.complain("'id' is the number of one socket, and this line has several: give each a 'bind' line of its own");
}
void parse_interface(Line& line, Bind& bind) { bind.interface = line.take_text("the name of an interface"); }
void parse_maxconn(Line& line, Bind& bind) {
  bind.maxconn = static_cast<std::uint32_t>(line.take_number("a number", 0, kMost));
}
void parse_user(Line& line, Bind& bind) { bind.unix_user = line.take_text("a user's name"); }
void parse_group(Line& line, Bind& bind) { bind.unix_group = line.take_text("a group's name"); }
void parse_mode(Line& line, Bind& bind) {
  const Word* word = line.take("an octal mode such as 660");
  if (word == nullptr) return;
  std::uint32_t mode = 0;
  bool octal = !word->text.empty() && word->text.size() <= 4;
  for (const char c : word->text) {
    octal = octal && c >= '0' && c <= '7';
    mode = mode * 8 + static_cast<std::uint32_t>(c - '0');
  }
  if (!octal)
    return line.complain(word->place, format("'mode' expects an octal mode such as 660, not '{}'", word->text));
  bind.unix_mode = mode;
}
void parse_name(Line& line, Bind& bind) { bind.name = line.take_text("a name"); }
void parse_no_tickets(Line&, Bind& bind) { bind.tls.tickets = false; }
template <TlsVersion Version>
void parse_exclude(Line& line, Bind& bind) {
  exclude_version(line, bind.tls, Version);
}
template <TlsVersion Version>
void parse_force(Line& line, Bind& bind) {
  force_version(line, bind.tls, Version);
}
void parse_prefer_client_ciphers(Line&, Bind& bind) { bind.prefer_client_ciphers = true; }
void parse_proto(Line& line, Bind&) {
  const Word* word = line.take("a protocol");
  if (word == nullptr || word->text == "h1" || word->text == "none") return;
  line.complain(word->place, word->text == "h2" ? std::string("'proto h2': HTTP/2 is not offered yet")
                                                : format("'proto' expects 'h1', not '{}'", word->text));
}
void parse_ssl(Line& line, Bind& bind) {
  bind.tls.enabled = true;
  bind.tls.place = line.place;
}
void parse_max_version(Line& line, Bind& bind) { take_max_version(line, bind.tls); }
void parse_min_version(Line& line, Bind& bind) { take_min_version(line, bind.tls); }
void parse_strict_sni(Line&, Bind& bind) { bind.strict_sni = true; }
void parse_tfo(Line&, Bind& bind) { bind.tfo = true; }
void parse_transparent(Line&, Bind& bind) { bind.transparent = true; }
void parse_v4v6(Line&, Bind& bind) { bind.v4v6 = true; }
void parse_v6only(Line&, Bind& bind) { bind.v6_only = true; }
void parse_verify(Line& line, Bind& bind) {
  constexpr std::string_view kChoices[] = {"none", "optional", "required"};
  constexpr Tls::Verify kVerify[] = {Tls::Verify::None, Tls::Verify::Optional, Tls::Verify::Required};
  if (const auto choice = line.take_choice(kChoices)) bind.tls.verify = kVerify[*choice];
}

void parse_accept_proxy(Line&, Bind& bind) { bind.accept_proxy = true; }

constexpr BindKeyword kBindKeywords[] = {
    {"accept-netscaler-cip", refused<Bind>,
     "The client's first bytes would be misread without it; only plain connections are accepted."},
    {"accept-proxy", parse_accept_proxy,
     "Each connection begins with a header of the PROXY protocol, whose addresses are the "
     "client's."},
    {"allow-0rtt", no_effect_parameter<Bind, 0>, "Early data of TLS 1.3 is never accepted, since it can be replayed."},
    {"alpn", parse_alpn,
     "Protocols offered to TLS clients, best first. In mode http only http/1.1 is offered for now: "
     "h2 is left out with a warning."},
    {"backlog", parse_backlog,
     "Length of the kernel's queue of connections not yet accepted, 4096 unless said otherwise."},
    {"ca-file", parse_ca_file,
     "PEM file, or folder of such files, of the authorities that client certificates must come "
     "from; ca-base applies."},
    {"ca-ignore-err", parse_ignore_err<&Tls::ca_ignore_err>,
     "Errors of the authorities above a client's certificate that do not end the handshake: 'all' "
     "or "
     "numbers with commas; see ssl_c_ca_err."},
    {"ca-sign-file", parse_ca_sign_file,
     "PEM file with the certificate and the key that sign what 'generate-certificates' makes up; ca-base applies."},
    {"ca-sign-pass", parse_ca_sign_pass, "Password of the key in 'ca-sign-file', if that is encrypted."},
    {"ca-verify-file", parse_ca_verify_file,
     "PEM file of more authorities for client certificates, of which clients are not told; ca-base "
     "applies."},
    {"ciphers", parse_ciphers,
     "Ciphers for TLS 1.2 and older, in OpenSSL's syntax. Unless said otherwise ECDHE alone, AES-GCM and ChaCha20 "
     "before CBC."},
    {"ciphersuites", parse_ciphersuites, "Cipher suites of TLS 1.3. Has no effect: BoringSSL chooses them itself."},
    {"crl-file", parse_crl_file, "PEM file of revoked client certificates; ca-base applies."},
    {"crt", parse_crt,
     "PEM file with certificate, chain and key, or a folder of such files; crt-base applies. May "
     "be repeated."},
    {"crt-ignore-err", parse_ignore_err<&Tls::crt_ignore_err>,
     "Errors of a client's certificate that do not end the handshake: 'all' or numbers with commas "
     "(10 expired, 23 revoked); see ssl_c_err."},
    {"crt-list", parse_crt_list,
     "File that lists certificates, one in a line: its path, words of 'bind' of its own in brackets, and the names it "
     "is "
     "for."},
    {"curves", parse_curves,
     "Curves for the key exchange, best first, separated by colons; X25519:P-256:P-384:P-521 unless said otherwise."},
    {"defer-accept", parse_defer_accept,
     "Accept only when the client has sent its first bytes. When many clients that speak first "
     "come "
     "at once, this is done without being asked for, for a second at most."},
    {"ecdhe", parse_curves, "One curve for the key exchange; an old form of 'curves'."},
    {"expose-fd", no_effect_parameter<Bind, 1>, "A reload keeps the listening sockets without handing them over."},
    {"force-sslv3", obsolete<Bind>, "SSLv3 is never spoken; write 'ssl-min-ver TLSv1.2'."},
    {"force-tlsv10", parse_force<TlsVersion::Tls10>, "Speak TLSv1.0 only."},
    {"force-tlsv11", parse_force<TlsVersion::Tls11>, "Speak TLSv1.1 only."},
    {"force-tlsv12", parse_force<TlsVersion::Tls12>, "Speak TLSv1.2 only."},
    {"force-tlsv13", parse_force<TlsVersion::Tls13>, "Speak TLSv1.3 only."},
    {"generate-certificates", parse_generate_certificates,
     "Clients that ask for a name that no certificate is for get one that is made up for it, signed by "
     "'ca-sign-file'."},
    {"gid", parse_gid, "Group number that owns a unix socket."},
    {"group", parse_group, "Group that owns a unix socket, by name."},
    {"id", parse_id, "The socket's number in statistics."},
    {"interface", parse_interface, "Accept only what comes through this network interface."},
    {"level", no_effect_parameter<Bind, 1>, "It belongs to 'stats socket' lines of 'global'."},
    {"maxconn", parse_maxconn, "Most connections of this line at one time; 0, the default, means no limit of its own."},
    {"mode", parse_mode, "Octal access mode of a unix socket."},
    {"mss", no_effect_parameter<Bind, 1>, "The kernel chooses the segment size."},
    {"name", parse_name, "The socket's name in statistics and logs."},
    {"namespace", refused<Bind>, "Start penstock inside the network namespace instead."},
    {"nice", no_effect_parameter<Bind, 1>, "All connections are served alike."},
    {"no-alpn", no_effect_parameter<Bind, 0>, "Without 'alpn' no protocol is offered."},
    {"no-ca-names", parse_no_ca_names,
     "Clients are not told the names of the authorities whose certificates are wanted."},
    {"no-sslv3", parse_exclude<TlsVersion::Unset>, "Accepted for the sake of old files: SSLv3 is never spoken."},
    {"no-tls-tickets", parse_no_tickets, "No session tickets: TLS 1.3 clients then resume nothing."},
    {"no-tlsv10", parse_exclude<TlsVersion::Tls10>,
     "Do not speak TLSv1.0, which must be asked for anyhow: see 'ssl-min-ver'."},
    {"no-tlsv11", parse_exclude<TlsVersion::Tls11>,
     "Do not speak TLSv1.1, which must be asked for anyhow: see 'ssl-min-ver'."},
    {"no-tlsv12", parse_exclude<TlsVersion::Tls12>, "Do not speak TLSv1.2; 'ssl-min-ver' says it better."},
    {"no-tlsv13", parse_exclude<TlsVersion::Tls13>, "Do not speak TLSv1.3; 'ssl-max-ver' says it better."},
    {"npn", no_effect_parameter<Bind, 1>, "NPN was replaced by ALPN: see 'alpn'."},
    {"password-file", parse_password_file,
     "File with the password of 'crt' files that are PFX (PKCS #12), as Exchange exports them; crt-base applies."},
    {"prefer-client-ciphers", parse_prefer_client_ciphers, "The client's order of ciphers counts, not ours."},
    {"process", no_effect_parameter<Bind, 1>, "Every worker accepts on every line."},
    {"proto", parse_proto, "Protocol spoken without asking: 'h1'."},
    {"quic-cc-algo", refused<Bind>, "QUIC (HTTP/3) is not spoken."},
    {"quic-force-retry", refused<Bind>, "QUIC (HTTP/3) is not spoken."},
    {"severity-output", no_effect_parameter<Bind, 1>, "It belongs to 'stats socket' lines of 'global'."},
    {"shards", no_effect_parameter<Bind, 1>, "Every worker has a socket of its own already."},
    {"ssl", parse_ssl, "Speak TLS to clients; needs 'crt'."},
    {"ssl-max-ver", parse_max_version,
     "Newest TLS version spoken; one below TLSv1.2 without 'ssl-min-ver' is spoken alone."},
    {"ssl-min-ver", parse_min_version, "Oldest TLS version spoken; TLSv1.2 unless said otherwise."},
    {"strict-sni", parse_strict_sni, "Refuse clients whose server name no certificate fits."},
    {"tcp-ut", parse_tcp_ut, "Longest time that a client may leave sent data unacknowledged."},
    {"tfo", parse_tfo, "Accept data in a client's SYN (TCP Fast Open)."},
    {"thread", no_effect_parameter<Bind, 1>, "Every worker accepts on every line."},
    {"tls-ticket-keys", parse_ticket_keys,
     "File of keys for session tickets, base64 of 48 or 80 bytes in each line, shared by several machines; unless "
     "given, "
     "the process makes and rotates its own."},
    {"transparent", parse_transparent, "Bind an address that is not (yet) this machine's."},
    {"uid", parse_uid, "User number that owns a unix socket."},
    {"user", parse_user, "User that owns a unix socket, by name."},
    {"v4v6", parse_v4v6, "An IPv6 socket takes IPv4 clients too."},
    {"v6only", parse_v6only, "An IPv6 socket takes no IPv4 clients."},
    {"verify", parse_verify, "Whether clients must show a certificate: none (the default), optional or required."},
};
static_assert(is_sorted(kBindKeywords));

// `what` is what the line is called.
bool take_bind_addresses(Line& line, Bind& bind, std::string_view what) {
  const Word* word = line.take("an address such as *:443");
  if (word == nullptr) return false;
  const auto text = address_word(line, *word);
  if (!text) return false;
  std::string_view rest = *text;
  do {
    const std::string_view before = std::string_view(*text).substr(0, text->size() - rest.size());
    const std::string_view one = cut(rest, ',');
    std::string error;
    auto address = parse_address(one, AddressUse::Bind, error);
    if (address && address->kind == Address::Kind::Unix && what == "bind")
      address->host = line.reading.unix_prefix + address->host;
    if (!address) {
      line.complain(inside(line.reading.config, word->place, before), format("'{}': {}", what, error));
      return false;
    }
    bind.addresses.push_back(std::move(*address));
  } while (!rest.empty());
  return true;
}

}  // namespace

std::span<const Keyword<Bind>> bind_keywords() { return kBindKeywords; }

std::optional<Bind> take_bind(Line& line) {
  Bind bind;
  bind.place = line.place;
  bind.tls = line.reading.config.global.bind_defaults;
  bind.tls.place = line.place;
  bind.prefer_client_ciphers = line.reading.config.global.bind_prefer_client_ciphers;
  bind.strict_sni = line.reading.config.global.bind_strict_sni;
  if (!take_bind_addresses(line, bind, "bind")) return std::nullopt;
  while (line.more()) {
    const Word& word = line.pop();
    const BindKeyword* keyword = find_keyword(bind_keywords(), word.text);
    if (keyword == nullptr) {
      complain_unknown(line, word, "a 'bind' line", names_of(bind_keywords()));
      return std::nullopt;
    }
    line.start(*keyword, word);
    keyword->parse(line, bind);
  }
  Diagnostics& diagnostics = line.reading.diagnostics;
  if (bind.generate_certificates && bind.ca_sign_file.empty()) {
    diagnostics.add(bind.place,
                    "'generate-certificates' needs a certificate to sign with: write 'ca-sign-file <file>'");
  } else if (!bind.generate_certificates && !(bind.ca_sign_file + bind.ca_sign_pass).empty()) {
    diagnostics.warn(bind.place, "'ca-sign-file' and 'ca-sign-pass' have no effect without 'generate-certificates'");
  }
  return line.failed() ? std::nullopt : std::optional(std::move(bind));
}

void parse_bind(Line& line, Draft& draft) {
  if (auto bind = take_bind(line)) draft.proxy.binds.push_back(std::move(*bind));
}

namespace {

constexpr std::string_view kStatsSocket = "stats socket";

void parse_level(Line& line, StatsSocket& socket) {
  constexpr std::string_view kChoices[] = {"user", "operator", "admin"};
  if (const auto choice = line.take_choice(kChoices)) socket.level = static_cast<AccessLevel>(*choice);
}
void parse_severity_output(Line& line, StatsSocket& socket) {
  constexpr std::string_view kChoices[] = {"none", "number", "string"};
  if (const auto choice = line.take_choice(kChoices)) socket.severity = static_cast<SeverityOutput>(*choice);
}

void parse_expose_fd(Line& line, StatsSocket&) {
  constexpr std::string_view kChoices[] = {"listeners"};
  if (line.take_choice(kChoices)) warn_no_effect(line);
}

constexpr Keyword<StatsSocket> kStatsSocketKeywords[] = {
    {"accept-proxy", refused<StatsSocket>, "Administrators come without balancers between."},
    {"expose-fd", parse_expose_fd, "A reload keeps the listening sockets without handing them over."},
    {"level", parse_level, "What may be asked there: user, operator (the default) or admin."},
    {"severity-output", parse_severity_output,
     "Whether messages begin with how severe they are: none (the default), number or string."},
    {"ssl", refused<StatsSocket>, "The runtime socket is spoken to in clear text: come by a unix socket, or by ssh."},
};
static_assert(is_sorted(kStatsSocketKeywords));

bool is_local(const Address& address) {
  using Kind = Address::Kind;
  return address.kind == Kind::Unix || address.kind == Kind::Abstract || address.kind == Kind::Fd;
}

void parse_stats_word(Line& line, StatsSocket& socket) {
  const Word& word = line.pop();
  if (const auto* keyword = find_keyword(stats_socket_keywords(), word.text)) {
    line.start(*keyword, word);
    return keyword->parse(line, socket);
  }
  const BindKeyword* keyword = find_keyword(bind_keywords(), word.text);
  if (keyword == nullptr) {
    std::vector<std::string_view> names = names_of(bind_keywords());
    for (const std::string_view name : names_of(stats_socket_keywords())) names.push_back(name);
    return complain_unknown(line, word, "a 'stats socket' line", names);
  }
  line.start(*keyword, word);
  keyword->parse(line, socket.bind);
}

void parse_stats_socket(Line& line, Reading& reading) {
  StatsSocket socket;
  socket.bind.place = line.place;
  if (!take_bind_addresses(line, socket.bind, kStatsSocket)) return;
  while (line.more()) parse_stats_word(line, socket);
  if (line.failed()) return;
  const auto& addresses = socket.bind.addresses;
  const bool far = !std::all_of(addresses.begin(), addresses.end(), is_local);
  if (far && socket.level == AccessLevel::Admin)
    line.warn(socket.bind.place,
              "'level admin' at a TCP address: whoever reaches it commands this process, no password being asked; a "
              "unix socket has an owner and a mode");
  reading.config.global.stats_sockets.push_back(std::move(socket));
}

void parse_stats_timeout(Line& line, Reading& reading) {
  const std::uint64_t time = line.take_ms("a time such as 30s");
  if (line.failed()) return;
  if (time == 0) return line.complain("'stats timeout' expects a time, not 0: nobody may stay for ever");
  reading.config.global.stats_timeout_ms = time;
}
void parse_stats_maxconn(Line& line, Reading& reading) {
  reading.config.global.stats_maxconn = static_cast<std::uint32_t>(line.take_number("a number", 1, 10000));
}

constexpr Keyword<Reading> kGlobalStatsKeywords[] = {
    {"bind-process", no_effect<Reading>, "There is one process, whose master serves the socket."},
    {"maxconn", parse_stats_maxconn, "Most administrators at one time, 10 unless said otherwise; others wait."},
    {"socket", parse_stats_socket,
     "A runtime socket: an address as 'bind' lines have it, then words of theirs (mode, user, group, uid, gid, name, "
     "backlog), 'level' and 'severity-output'. May be repeated."},
    {"timeout", parse_stats_timeout, "Longest time that an administrator may say nothing, 10s unless said otherwise."},
};
static_assert(is_sorted(kGlobalStatsKeywords));

}  // namespace

std::span<const Keyword<StatsSocket>> stats_socket_keywords() { return kStatsSocketKeywords; }
std::span<const Keyword<Reading>> global_stats_keywords() { return kGlobalStatsKeywords; }

void parse_global_stats(Line& line, Reading& reading) { parse_with(line, global_stats_keywords(), reading, "stats"); }

}  // namespace penstock::config
