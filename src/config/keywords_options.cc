// `option` lines (configuration manual section 4.2).
#include "keywords.h"
#include "old_words.h"

namespace penstock::config {

void parse_transparent(Line& line, Draft& draft) {
  draft.dispatch.reset();
  draft.dispatch_place = line.place;
  if (!line.negated) draft.dispatch.emplace();
}

namespace {

using OptionKeyword = Keyword<Draft>;

constexpr unsigned kFront = kInDefaults | kInFrontend;
constexpr unsigned kBack = kInDefaults | kInBackend;
constexpr unsigned kFrontSwitch = kFront | kNegatable;
constexpr unsigned kBackSwitch = kBack | kNegatable;
constexpr unsigned kSwitch = kAnywhere | kNegatable;

template <bool Proxy::*Member>
void parse_switch(Line& line, Draft& draft) {
  draft.proxy.*Member = !line.negated;
}

// `no option X` takes X back only where it is what holds.
template <HttpMode Mode>
void parse_http_mode(Line& line, Draft& draft) {
  if (!line.negated)
    draft.proxy.http_mode = Mode;
  else if (draft.proxy.http_mode == Mode)
    draft.proxy.http_mode = HttpMode::KeepAlive;
}

template <Proxy::LogStyle Style>
void parse_log_style(Line& line, Draft& draft) {
  draft.proxy.log_style = Style;
  draft.proxy.log_style_place = line.place;
  draft.proxy.log_format.reset();
}
void parse_httplog(Line& line, Draft& draft) {
  parse_log_style<Proxy::LogStyle::Http>(line, draft);
  if (line.accept("clf")) draft.proxy.log_style = Proxy::LogStyle::Clf;
}

// `forwardfor`, and `originalto`, which is without `if-none`.
template <ForwardFor Proxy::*Member>
void parse_forward(Line& line, Draft& draft) {
  constexpr std::string_view kWords[] = {"except", "header", "if-none"};
  const bool may_be_there = Member == &Proxy::forward_for;
  ForwardFor forward = Proxy().*Member;
  forward.enabled = true;
  forward.place = line.place;
  while (line.more()) {
    if (line.accept("except")) {
      const Word* word = line.take("a network such as 10.0.0.0/8");
      if (word != nullptr) forward.except.push_back(word->text);
    } else if (line.accept("header")) {
      forward.header = line.take_text("the name of a header");
    } else if (may_be_there && line.accept("if-none")) {
      forward.if_none = true;
    } else {
      return complain_unknown(line, line.peek(), format("'{}'", line.subject),
                              std::span(kWords).first(may_be_there ? 3 : 2));
    }
  }
  draft.proxy.*Member = std::move(forward);
}

void parse_restrict_names(Line& line, Draft& draft) {
  constexpr std::string_view kChoices[] = {"preserve", "delete", "reject"};
  draft.odd_names_place = line.place;
  if (const auto choice = line.take_choice(kChoices)) draft.odd_names = static_cast<Draft::Names>(*choice);
}

void parse_redispatch(Line& line, Draft& draft) {
  draft.proxy.redispatch = !line.negated;
  draft.proxy.redispatch_interval = -1;
  if (!line.more()) return;
  const Word& word = line.pop();
  const auto interval = parse_integer(word.text);
  if (!interval || *interval < -1000 || *interval > 1000) {
    return line.complain(word.place, format("'option redispatch' expects a number of retries, not '{}'", word.text));
  }
  draft.proxy.redispatch_interval = static_cast<std::int32_t>(*interval);
}

// Words of an old form of check: headers written behind the version, parted by "\r\n".
void take_hidden_headers(Line& line, const Word& word, Health& health) {
  std::string_view rest = word.text;
  const std::size_t end = rest.find("\r\n");
  if (end == std::string_view::npos) return;
  health.version = std::string(rest.substr(0, end));
  rest.remove_prefix(end + 2);
  while (!rest.empty() && !rest.starts_with("\r\n")) {
    const std::size_t line_end = rest.find("\r\n");
    std::string_view value = rest.substr(0, line_end);
    rest = line_end == std::string_view::npos ? std::string_view() : rest.substr(line_end + 2);
    const std::size_t colon = value.find(':');
    if (colon == std::string_view::npos)
      return line.complain(word.place, format("'{}' is no header line: it lacks a colon", value));
    const std::string_view name = value.substr(0, colon);
    value = trim(value.substr(colon + 1));
    if (equal_nocase(name, "host"))
      health.host = std::string(value);
    else
      health.headers.emplace_back(name, value);
  }
  if (rest.starts_with("\r\n")) health.body = std::string(rest.substr(2));
  line.warn(word.place, "headers behind the version are an old trick: write 'http-check send hdr Name value'");
}

void parse_httpchk(Line& line, Draft& draft) {
  begin_own_check(draft);
  const Health before = std::exchange(draft.proxy.health, Health());
  Health& health = draft.proxy.health;
  health.kind = Health::Kind::Http;
  health.place = line.place;
  health.steps = before.steps;
  health.disable_on_404 = before.disable_on_404;
  if (!line.more()) return;
  const Word& first = line.pop();
  if (!line.more()) {
    health.uri = first.text;
    return;
  }
  health.method = first.text;
  health.uri = line.pop().text;
  if (!line.more()) return;
  const Word* version = &line.pop();
  health.version = version->text;
  // "HTTP/1.1\r\nHost: www" may come in several words, since its blanks need no escape here.
  Word joined = *version;
  for (const Word& word : line.take_rest()) joined.text += " " + word.text;
  take_hidden_headers(line, joined, health);
  if (line.failed()) return;
  if (joined.text.size() != version->text.size() && joined.text.find("\r\n") == std::string::npos) {
    return line.complain(version->place,
                         "'option httpchk' takes a method, a path and a version; for headers write "
                         "'http-check send hdr Name value'");
  }
  if (!health.version.starts_with("HTTP/")) {
    line.complain(version->place,
                  format("'option httpchk' expects a version such as HTTP/1.1, not '{}'", health.version));
  }
}

void begin_check(const Line& line, Draft& draft, Health::Kind kind) {
  begin_own_check(draft);
  draft.proxy.health = Health();
  draft.proxy.health.kind = kind;
  draft.proxy.health.place = line.place;
}

template <Health::Kind Kind>
void parse_protocol_check(Line& line, Draft& draft) {
  begin_check(line, draft, Kind);
}
void parse_pgsql_check(Line& line, Draft& draft) {
  constexpr std::string_view kUser[] = {"user"};
  if (!line.take_choice(kUser)) return;
  std::string user = line.take_text("a user's name");
  if (line.failed()) return;
  begin_check(line, draft, Health::Kind::PostgreSql);
  draft.proxy.health.user = std::move(user);
}
void parse_mysql_check(Line& line, Draft& draft) {
  constexpr std::string_view kUser[] = {"user"}, kForms[] = {"post-41", "pre-41"};
  std::string user;
  bool pre_41 = false;
  if (line.more()) {
    if (!line.take_choice(kUser)) return;
    user = line.take_text("a user's name");
    if (line.more()) pre_41 = line.take_choice(kForms) == std::size_t{1};
  }
  if (line.failed()) return;
  begin_check(line, draft, Health::Kind::MySql);
  draft.proxy.health.user = std::move(user);
  draft.proxy.health.pre_41 = pre_41;
}
void parse_ssl_hello_chk(Line& line, Draft& draft) { begin_check(line, draft, Health::Kind::TlsHello); }
void parse_smtpchk(Line& line, Draft& draft) {
  begin_check(line, draft, Health::Kind::Smtp);
  draft.proxy.health.hello = "HELO localhost";
  if (!line.more()) return;
  const Word& hello = line.pop();
  const std::string name = line.take_text("the name we call ourselves by, behind HELO or EHLO");
  draft.proxy.health.hello = (equal_nocase(hello.text, "EHLO") ? "EHLO " : "HELO ") + name;
  if (!equal_nocase(hello.text, "EHLO") && !equal_nocase(hello.text, "HELO"))
    line.warn(hello.place, format("'{}' is taken for HELO: 'option smtpchk' knows HELO and EHLO", hello.text));
}
void parse_tcp_check(Line& line, Draft& draft) {
  begin_own_check(draft);
  draft.proxy.health.kind = Health::Kind::TcpScript;
  draft.proxy.health.place = line.place;
}

// What holds anyway.
void parse_nothing(Line&, Draft&) {}

void parse_tcpka(Line&, Draft& draft) { draft.proxy.tcp_ka_client = draft.proxy.tcp_ka_server = true; }

constexpr OptionKeyword kOptionKeywords[] = {
    {"abortonclose", parse_switch<&Proxy::abort_on_close>, "Drop a waiting request when its client has gone.",
     kBackSwitch},
    {"accept-invalid-http-request", never_done<Draft>, "What two readers could read two ways is refused always.",
     kFrontSwitch},
    {"accept-invalid-http-response", never_done<Draft>, "What two readers could read two ways is refused always.",
     kBackSwitch},
    {"allbackups", parse_switch<&Proxy::all_backups>, "Use all backup servers at a time, not the first alone.",
     kBackSwitch},
    {"checkcache", parse_switch<&Proxy::check_cache>, "Refuse answers with a cookie that caches may keep.",
     kBackSwitch},
    {"clitcpka", parse_switch<&Proxy::tcp_ka_client>, "TCP keep-alive towards clients.", kFrontSwitch},
    {"contstats", no_effect<Draft>, "Counters grow when a request or a connection ends.", kFrontSwitch},
    {"disable-h2-upgrade", never_done<Draft>, "HTTP/2 is not spoken yet.", kFrontSwitch},
    {"dontlog-normal", parse_switch<&Proxy::dont_log_normal>, "Log only what went wrong.", kFrontSwitch},
    {"dontlognull", parse_switch<&Proxy::dont_log_null>, "Do not log connections without any data.", kFrontSwitch},
    {"external-check", parse_protocol_check<Health::Kind::External>,
     "Check health by a program: see 'external-check command'.", kBack},
    {"forceclose", parse_old_second, "An old word for httpclose, carried out with a warning.", kSwitch},
    {"forwardfor", parse_forward<&Proxy::forward_for>,
     "Add the client's address to requests: [except <network>] [header <name>] [if-none]; the header is "
     "X-Forwarded-For unless said otherwise.",
     kAnywhere},
    {"h1-case-adjust-bogus-client", never_done<Draft>, "Header names pass as they came, in their own case.",
     kFrontSwitch},
    {"h1-case-adjust-bogus-server", never_done<Draft>, "Header names pass as they came, in their own case.",
     kBackSwitch},
    {"http-buffer-request", parse_switch<&Proxy::http_buffer_request>,
     "Wait for the request's body, as far as it fits, before rules and servers see the request.", kSwitch},
    {"http-ignore-probes", parse_switch<&Proxy::ignore_probes>,
     "A connection that ends without a byte of a request gets no answer and no line of the log.", kFrontSwitch},
    {"http-keep-alive", parse_http_mode<HttpMode::KeepAlive>, "Keep connections on both sides; this is the default.",
     kSwitch},
    {"http-no-delay", parse_nothing, "Every piece is sent at once, however small, always.", kSwitch},
    {"http-pretend-keepalive", no_effect<Draft>, "Servers are asked to keep their connections wherever they may.",
     kBackSwitch},
    {"http-restrict-req-hdr-names", parse_restrict_names,
     "Requests with a header whose name has more than letters, digits and hyphens: preserve (the default) leaves it, "
     "delete takes it out, reject answers 403.",
     kAnywhere},
    {"http-server-close", parse_http_mode<HttpMode::ServerClose>,
     "Close the server's connection after each answer, keep the client's.", kSwitch},
    {"http-tunnel", parse_old_second, "Obsolete, an error: connections are kept and every request is seen.", kSwitch},
    {"http-use-htx", parse_old_second, "An old word for what is always so, taken with a warning.", kSwitch},
    {"http-use-proxy-header", parse_switch<&Proxy::use_proxy_header>,
     "Clients that ask for a whole URL say by Proxy-Authorization who they are, and are asked for it by status 407.",
     kFrontSwitch},
    {"httpchk", parse_httpchk,
     "Check health by an HTTP request: [<method>] [<path>] [<version>]; OPTIONS / HTTP/1.0 unless said otherwise; see "
     "'http-check'.",
     kBack},
    {"httpclose", parse_http_mode<HttpMode::Close>, "Close both connections after each answer.", kSwitch},
    {"httplog", parse_httplog, "Log requests in the HTTP format; with 'clf' in the Common Log Format.", kFront},
    {"httplog-json", parse_log_style<Proxy::LogStyle::Json>,
     "Log requests as one JSON object each, with all that 'option httplog' says.", kFront},
    {"httpslog", parse_log_style<Proxy::LogStyle::Https>, "Log requests in the HTTP format, with words about TLS.",
     kFront},
    {"idle-close-on-response", no_effect<Draft>, "A soft stop closes idle connections at once, a reload none.",
     kFrontSwitch},
    {"independent-streams", never_done<Draft>,
     "Bytes that go either way count as life of both; 'timeout tunnel' is apart.", kSwitch},
    {"ldap-check", parse_protocol_check<Health::Kind::Ldap>, "Check health by an anonymous bind of LDAPv3.", kBack},
    {"log-health-checks", parse_switch<&Proxy::log_health_checks>, "Log each change of a check's result.", kBackSwitch},
    {"log-separate-errors", parse_switch<&Proxy::log_separate_errors>, "Log what went wrong at level err.",
     kFrontSwitch},
    {"logasap", parse_switch<&Proxy::log_asap>, "Log when the answer's head has come, not at its end.", kFrontSwitch},
    {"mysql-check", parse_mysql_check,
     "Check health by the greeting of a MySQL server, or by a login without a password: [user <name> "
     "[post-41|pre-41]].",
     kBack},
    {"nolinger", never_done<Draft>, "Connections are closed so that their last bytes arrive.", kSwitch},
    {"originalto", parse_forward<&Proxy::original_to>,
     "Add the address that the client wanted to requests: [except <network>] [header <name>]; the header is "
     "X-Original-To unless said otherwise.",
     kAnywhere},
    {"persist", parse_switch<&Proxy::persist>, "Send clients to the server of their cookie even if it is down.",
     kBackSwitch},
    {"pgsql-check", parse_pgsql_check, "Check health by the beginning of a PostgreSQL session: user <name>.", kBack},
    {"prefer-last-server", parse_switch<&Proxy::prefer_last_server>,
     "Send a connection's next request to the same server where balancing allows.", kBackSwitch},
    {"redis-check", parse_protocol_check<Health::Kind::Redis>, "Check health by a PING to a Redis server.", kBack},
    {"redispatch", parse_redispatch,
     "Let retries go to another server. Who belongs to one leaves it on the last, or every n-th.", kBackSwitch},
    {"smtpchk", parse_smtpchk,
     "Check health by greeting an SMTP server, which must answer 2xx: [HELO|EHLO <domain>]; HELO localhost unless said "
     "otherwise.",
     kBack},
    {"socket-stats", parse_switch<&Proxy::socket_stats>, "Statistics count for each bind line, too.", kFrontSwitch},
    {"splice-auto", never_done<Draft>, "Bulk is read and written in large pieces instead.", kSwitch},
    {"splice-request", never_done<Draft>, "Bulk is read and written in large pieces instead.", kSwitch},
    {"splice-response", never_done<Draft>, "Bulk is read and written in large pieces instead.", kSwitch},
    {"spop-check", refused<Draft>, "SPOE is not offered.", kBack},
    {"srvtcpka", parse_switch<&Proxy::tcp_ka_server>, "TCP keep-alive towards servers.", kBackSwitch},
    {"ssl-hello-chk", parse_ssl_hello_chk, "Check health by a TLS handshake, whatever the certificate says.", kBack},
    {"tcp-check", parse_tcp_check, "Check health by a conversation written with 'tcp-check' lines.", kBack},
    {"tcp-smart-accept", never_done<Draft>, "The kernel decides when it acknowledges.", kFrontSwitch},
    {"tcp-smart-connect", never_done<Draft>, "The kernel decides when it acknowledges.", kBackSwitch},
    {"tcpka", parse_tcpka, "TCP keep-alive on both sides.", kAnywhere},
    {"tcplog", parse_log_style<Proxy::LogStyle::Tcp>, "Log connections in the TCP format.", kFront},
    {"transparent", parse_transparent,
     "Requests that no cookie, rule or stick table leads to a server go where the client wanted to go; not beside "
     "'balance'.",
     kBackSwitch},
};
static_assert(is_sorted(kOptionKeywords));

}  // namespace

std::span<const Keyword<Draft>> option_keywords() { return kOptionKeywords; }

}  // namespace penstock::config
