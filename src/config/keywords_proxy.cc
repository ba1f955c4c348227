// Keywords of `defaults`, `frontend`, `backend` and `listen` (configuration manual section 4.2),
// but for `option`, `timeout`, `http-check` and `tcp-check`, which have tables of their own.
#include <algorithm>

#include "check_words.h"
#include "keywords.h"
#include "old_words.h"
#include "penstock/base/token.h"

namespace penstock::config {

namespace {

using ProxyKeyword = Keyword<Draft>;

constexpr std::uint64_t kMost = 2147483647;

std::uint32_t take_count(Line& line, std::uint64_t low = 0) {
  return static_cast<std::uint32_t>(line.take_number("a number", low, kMost));
}

// Says once a section that a family of lines has no effect yet.
void parse_acl(Line& line, Draft& draft) {
  const Word* name = line.take("a name and a test");
  if (name == nullptr) return;
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == ':';
  };
  if (name->text.empty() || !std::all_of(name->text.begin(), name->text.end(), fits)) {
    return line.complain(name->place,
                         format("'{}' is no name for an acl: letters, digits, '-', '_', '.' and ':' are", name->text));
  }
  if (equal_nocase(name->text, "or")) {
    return line.complain(name->place,
                         format("an acl cannot be called '{}': it is an operator of conditions", name->text));
  }
  if (!line.more()) {
    line.take("a test such as path_beg behind the name");
    return;
  }
  draft.proxy.acls.push_back({*name, line.take_rest()});
}

template <KeepAliveProbes Proxy::*Side, std::uint64_t KeepAliveProbes::*Member>
void parse_probe_time(Line& line, Draft& draft) {
  draft.proxy.*Side.*Member = line.take_ms("a time such as 60s", TimeUnit::Second);
}
template <KeepAliveProbes Proxy::*Side>
void parse_probe_count(Line& line, Draft& draft) {
  (draft.proxy.*Side).count = static_cast<std::uint32_t>(line.take_number("a number", 1, 127));
}

void parse_backlog(Line& line, Draft& draft) { draft.proxy.backlog = take_count(line); }

void parse_capture(Line& line, Draft& draft) {
  constexpr std::string_view kSides[] = {"request", "response", "cookie"};
  const auto side = line.take_choice(kSides);
  if (!side) return;
  const bool is_cookie = *side == 2;
  constexpr std::string_view kHeader[] = {"header"};
  Capture capture;
  capture.side = *side == 1 ? Capture::Side::Response : Capture::Side::Request;
  capture.place = line.place;
  if (!is_cookie) line.take_choice(kHeader);
  capture.header = line.take_text(is_cookie ? "the beginning of a cookie" : "the name of a header");
  constexpr std::string_view kLength[] = {"len"};
  line.take_choice(kLength);
  capture.length = static_cast<std::uint32_t>(line.take_number("a length", 1, 65535));
  if (line.failed()) return;
  if (is_cookie)
    draft.proxy.cookie_capture = std::move(capture);
  else
    draft.proxy.captures.push_back(std::move(capture));
}

// A slot that rules fill: a capture without a header.
void parse_declare(Line& line, Draft& draft) {
  constexpr std::string_view kWhat[] = {"capture"};
  constexpr std::string_view kSides[] = {"request", "response"};
  constexpr std::string_view kLength[] = {"len"};
  line.take_choice(kWhat);
  const auto side = line.take_choice(kSides);
  line.take_choice(kLength);
  Capture capture;
  capture.side = side == std::size_t{1} ? Capture::Side::Response : Capture::Side::Request;
  capture.place = line.place;
  capture.length = static_cast<std::uint32_t>(line.take_number("a length", 1, 65535));
  if (!line.failed()) draft.proxy.captures.push_back(std::move(capture));
}

void parse_dynamic_cookie_key(Line& line, Draft& draft) {
  draft.proxy.dynamic_cookie_key = line.take_text("a secret key");
}

template <Rule::Set Set>
void parse_persist_rule(Line& line, Draft& draft) {
  if (line.peek_text() != "if" && line.peek_text() != "unless") {
    return line.complain(line.more() ? line.peek().place : line.end_place(),
                         format("'{}' expects 'if' or 'unless' and a condition", line.subject));
  }
  draft.proxy.rules.push_back({Set, line.place, line.take_rest()});
}

void parse_default_backend(Line& line, Draft& draft) {
  if (const Word* word = line.take_filled("the name of a backend")) draft.proxy.default_backend = *word;
}

void parse_load_server_state(Line& line, Draft& draft) {
  constexpr std::string_view kChoices[] = {"none", "global", "local"};
  draft.proxy.state_place = line.place;
  if (const auto choice = line.take_choice(kChoices)) draft.proxy.state_from = static_cast<Proxy::StateFrom>(*choice);
}
void parse_server_state_file_name(Line& line, Draft& draft) {
  draft.proxy.state_file.clear();
  if (line.more() && !line.accept("use-backend-name")) draft.proxy.state_file = line.take_text("a file");
}

void parse_description(Line& line, Draft& draft) {
  std::string text = line.take_text("a text");
  if (line.failed()) return;
  for (const Word& word : line.take_rest()) text += (text.empty() ? "" : " ") + word.text;
  draft.proxy.description = std::move(text);
}
void parse_most_own(Line& line, Draft& draft) {
  draft.proxy.most_own = static_cast<std::uint32_t>(line.take_number("a number", 0, 2147483647));
}
void parse_dispatch(Line& line, Draft& draft) {
  const Place place = line.more() ? line.peek().place : line.place;
  auto address = take_address(line, AddressUse::Server);
  if (!address) return;
  const bool is_path = address->kind == Address::Kind::Unix || address->kind == Address::Kind::Abstract;
  if (address->port_low == 0 && !is_path) return line.complain(place, "'dispatch' expects an address with a port");
  draft.dispatch = std::move(*address);
  draft.dispatch_place = line.place;
}
void parse_name_header(Line& line, Draft& draft) {
  constexpr std::string_view kOfFraming[] = {"connection", "content-length", "transfer-encoding", "upgrade"};
  const Word* word = line.take_filled("the name of a header");
  if (word == nullptr) return;
  if (!is_token(word->text)) return line.complain(word->place, format("'{}' is no name of a header", word->text));
  const auto* same = std::find_if(std::begin(kOfFraming), std::end(kOfFraming),
                                  [&](std::string_view name) { return equal_nocase(name, word->text); });
  if (same != std::end(kOfFraming))
    return line.complain(word->place,
                         format("'{}' says how a request is to be read: it cannot hold a name", word->text));
  draft.proxy.name_header = word->text;
}
void parse_disabled(Line&, Draft& draft) { draft.proxy.disabled = true; }
void parse_enabled(Line&, Draft& draft) { draft.proxy.disabled = false; }

void put_error(Proxy& proxy, ErrorReply reply) {
  std::erase_if(proxy.errors, [&](const ErrorReply& other) { return other.status == reply.status; });
  proxy.errors.push_back(std::move(reply));
}

void parse_errorfile(Line& line, Draft& draft) {
  ErrorReply reply;
  reply.place = line.place;
  reply.status = take_status(line);
  reply.file = line.take_text("a file");
  if (!line.failed()) put_error(draft.proxy, std::move(reply));
}
template <std::uint32_t status>
void parse_errorloc(Line& line, Draft& draft) {
  ErrorReply reply;
  reply.place = line.place;
  reply.status = take_status(line);
  const Place place = line.more() ? line.peek().place : line.place;
  reply.location = line.take_text("an address");
  reply.location_status = status;
  if (line.failed()) return;
  if (reply.location.find_first_of("\r\n") != std::string::npos)
    return line.complain(place, "an address cannot hold a line end");
  put_error(draft.proxy, std::move(reply));
}
void parse_errorfiles(Line& line, Draft& draft) {
  const Word* name = line.take("the name of an 'http-errors' section");
  if (name == nullptr) return;
  ErrorFilesUse use;
  use.name = *name;
  while (line.more()) use.codes.push_back(take_status(line));
  if (!line.failed()) draft.error_files.push_back(std::move(use));
}
void parse_http_error(Line& line, Draft& draft) {
  constexpr std::string_view kStatus[] = {"status"};
  line.take_choice(kStatus);
  ErrorReply reply;
  reply.place = line.place;
  reply.status = take_status(line);
  if (line.failed()) return;
  reply.words = line.take_rest();
  put_error(draft.proxy, std::move(reply));
}

void parse_fullconn(Line& line, Draft& draft) { draft.proxy.fullconn = take_count(line); }

template <Rule::Set Set>
void parse_rule(Line& line, Draft& draft) {
  if (!line.more()) {
    line.take(Set == Rule::Set::UseBackend  ? "the name of a backend"
              : Set == Rule::Set::UseServer ? "the name of a server"
                                            : "an action");
    return;
  }
  draft.proxy.rules.push_back({Set, line.place, line.take_rest()});
}

void parse_http_check(Line& line, Draft& draft) {
  if (!parse_check_variable(line, draft, "http-check")) parse_with(line, http_check_keywords(), draft, "http-check");
}
void parse_tcp_check(Line& line, Draft& draft) {
  if (!parse_check_variable(line, draft, "tcp-check")) parse_with(line, tcp_check_keywords(), draft, "tcp-check");
}

void parse_http_reuse(Line& line, Draft& draft) {
  constexpr std::string_view kChoices[] = {"never", "safe", "aggressive", "always"};
  if (const auto choice = line.take_choice(kChoices)) draft.proxy.reuse = static_cast<Reuse>(*choice);
}

void parse_id(Line& line, Draft& draft) { draft.proxy.id = take_count(line, 1); }

void parse_log(Line& line, Draft& draft) {
  if (line.negated) {
    draft.proxy.logs.clear();
    draft.proxy.log_global = false;
    return;
  }
  if (line.accept("global")) {
    draft.proxy.log_global = true;
    return;
  }
  if (auto target = take_log_target(line)) draft.proxy.logs.push_back(std::move(*target));
}
template <std::optional<Word> Proxy::*Format>
void parse_log_format(Line& line, Draft& draft) {
  const Word* word = line.take_filled("a format");
  if (word == nullptr) return;
  if (line.more())
    return line.complain(line.peek().place, format("'{}' takes one word: put the format between quotes, or a "
                                                   "backslash before each blank",
                                                   line.subject));
  draft.proxy.*Format = *word;
}
void parse_log_tag(Line& line, Draft& draft) { draft.proxy.log_tag = line.take_text("a tag"); }
void parse_rate_limit(Line& line, Draft& draft) {
  constexpr std::string_view kWhat[] = {"sessions"};
  if (line.take_choice(kWhat)) draft.proxy.session_rate = take_count(line);
}
void parse_maxconn(Line& line, Draft& draft) { draft.proxy.maxconn = take_count(line); }

void parse_mode(Line& line, Draft& draft) {
  const Word* word = line.take("'http' or 'tcp'");
  if (word == nullptr) return;
  if (word->text == "http")
    draft.proxy.mode = Mode::Http;
  else if (word->text == "tcp")
    draft.proxy.mode = Mode::Tcp;
  else if (word->text == "health")
    line.complain(
        word->place,
        "'mode health' is no longer part of the grammar: write 'mode http' and 'http-request return status 200'");
  else
    line.complain(word->place, format("'mode' expects 'http' or 'tcp', not '{}'", word->text));
}

void parse_monitor(Line& line, Draft& draft) {
  constexpr std::string_view kFail[] = {"fail"};
  if (!line.take_choice(kFail)) return;
  if (line.peek_text() != "if" && line.peek_text() != "unless") {
    return line.complain(line.more() ? line.peek().place : line.end_place(),
                         "'monitor fail' expects 'if' or 'unless' and a condition");
  }
  draft.proxy.rules.push_back({Rule::Set::MonitorFail, line.place, line.take_rest()});
}
void parse_monitor_uri(Line& line, Draft& draft) {
  draft.proxy.monitor_uri = line.take_text("a path");
  draft.proxy.monitor_uri_place = line.place;
}

void parse_option(Line& line, Draft& draft) {
  const Word* word = line.take("a word such as httplog");
  if (word == nullptr) return;
  const ProxyKeyword* keyword = find_keyword(option_keywords(), word->text);
  if (keyword == nullptr) return complain_unknown(line, *word, "'option'", names_of(option_keywords()));
  line.start(*keyword, *word, "option");
  if (line.negated && (keyword->where & kNegatable) == 0) {
    return line.complain(format("'no {}' is not possible: this option is replaced, not taken back", line.subject));
  }
  // What is not done is taken back already.
  const bool holds = keyword->parse == refused<Draft> || keyword->parse == not_yet<Draft>;
  if (line.negated && holds) return;
  if (stands_rightly(line, draft, keyword->where)) keyword->parse(line, draft);
}

void parse_redirect(Line& line, Draft& draft) {
  Word redirect{"redirect", line.place};
  std::vector<Word> words = {redirect};
  if (!line.more()) {
    line.take("'location', 'prefix' or 'scheme'");
    return;
  }
  for (Word& word : line.take_rest()) words.push_back(std::move(word));
  draft.redirects.push_back({Rule::Set::HttpRequest, line.place, std::move(words)});
}

void parse_retries(Line& line, Draft& draft) { draft.proxy.retries = take_count(line); }

void parse_retry_on(Line& line, Draft& draft) {
  constexpr std::string_view kEvents[] = {
      "none",          "conn-failure",        "empty-response", "junk-response", "response-timeout",
      "0rtt-rejected", "all-retryable-errors"};
  constexpr std::string_view kStatuses[] = {"401", "403", "404", "408", "425", "500", "501", "502", "503", "504"};
  draft.proxy.retry_on.clear();
  if (!line.more()) line.take("events such as conn-failure");
  while (line.more()) {
    const Word& word = line.pop();
    const bool known = std::find(std::begin(kEvents), std::end(kEvents), word.text) != std::end(kEvents) ||
                       std::find(std::begin(kStatuses), std::end(kStatuses), word.text) != std::end(kStatuses);
    if (!known) return complain_unknown(line, word, "'retry-on'", kEvents);
    draft.proxy.retry_on.push_back(word);
  }
}

void parse_source(Line& line, Draft& draft) { draft.source = take_source(line, false); }

void parse_stats(Line& line, Draft& draft) { parse_with(line, stats_keywords(), draft, "stats"); }
void parse_timeout(Line& line, Draft& draft) {
  const Word* word = line.take("a word such as client");
  if (word == nullptr) return;
  const ProxyKeyword* keyword = find_keyword(timeout_keywords(), word->text);
  if (keyword == nullptr) return complain_unknown(line, *word, "'timeout'", names_of(timeout_keywords()));
  line.start(*keyword, *word, "timeout");
  if (stands_rightly(line, draft, keyword->where)) keyword->parse(line, draft);
}

void take_tcp_rule(Line& line, Draft& draft, bool is_request) {
  constexpr std::string_view kRequest[] = {"connection", "content", "session", "inspect-delay"};
  constexpr std::string_view kResponse[] = {"content", "inspect-delay"};
  const std::string subject = line.subject;
  const auto choice = is_request ? line.take_choice(kRequest) : line.take_choice(kResponse);
  if (!choice) return;
  const std::string_view word = is_request ? kRequest[*choice] : kResponse[*choice];
  line.subject = format("{} {}", subject, word);
  const bool facing_clients = word == "connection" || word == "session";
  if (facing_clients && !stands_rightly(line, draft, kInFrontend | kInDefaults | kNamedDefaults | kStrict)) return;
  if (word == "inspect-delay") {
    (is_request ? draft.proxy.tcp_request_inspect_delay_ms : draft.proxy.tcp_response_inspect_delay_ms) =
        line.take_ms();
    return;
  }
  if (!is_request) return parse_rule<Rule::Set::TcpResponse>(line, draft);
  if (word == "connection") return parse_rule<Rule::Set::TcpConnection>(line, draft);
  if (word == "session") return parse_rule<Rule::Set::TcpSession>(line, draft);
  parse_rule<Rule::Set::TcpContent>(line, draft);
}
void parse_tcp_request(Line& line, Draft& draft) { take_tcp_rule(line, draft, true); }
void parse_tcp_response(Line& line, Draft& draft) { take_tcp_rule(line, draft, false); }

void parse_unique_id_format(Line& line, Draft& draft) {
  if (const Word* word = line.take_filled("a format")) draft.proxy.unique_id_format = *word;
}
void parse_unique_id_header(Line& line, Draft& draft) {
  draft.proxy.unique_id_header = line.take_text("the name of a header");
  draft.proxy.unique_id_place = line.place;
}

constexpr unsigned kFront = kInDefaults | kInFrontend;
constexpr unsigned kBack = kInDefaults | kInBackend;
constexpr unsigned kFrontOnly = kInFrontend | kStrict;
constexpr unsigned kBackOnly = kInBackend | kStrict;

// How old words are told of; what is certain is carried out with a warning, the rest is an error.
constexpr std::string_view kOldChange =
    "An old word. Where one line is certain to do the same it is carried out behind all http-request or http-response "
    "lines, with a warning that shows that line; else it is an error that shows what to write.";
constexpr std::string_view kOldError = "Obsolete, an error that shows the line to write.";
constexpr std::string_view kOldTimeout = "An old word, carried out with a warning that shows the line to write.";
constexpr std::string_view kErrorLocation =
    "Where clients are sent by 302 (303) in place of one of our own statuses: <code> <url>.";

void parse_external_check(Line& line, Draft& draft) {
  constexpr std::string_view kWords[] = {"command", "path"};
  const auto word = line.take_choice(kWords);
  if (!word) return;
  std::string text = line.take_text(*word == 0 ? "a program's file" : "folders with colons between them");
  if (!line.failed()) (*word == 0 ? draft.proxy.external_command : draft.proxy.external_path) = std::move(text);
}

constexpr ProxyKeyword kProxyKeywords[] = {
    {"acl", parse_acl,
     "Names a test: <name> <criterion> [flags] [operator] <value>...; several of one name are "
     "alternatives.",
     kAnywhere | kNamedDefaults},
    {"appsession", parse_old, kOldError},
    {"backlog", parse_backlog,
     "Length of the kernel's queue of connections not yet accepted, 4096 unless said otherwise.", kFront},
    {"balance", parse_balance,
     "How servers are chosen: roundrobin (the default), static-rr, leastconn, source, random, first, hash "
     "<expression>; "
     "in mode http also uri, url_param, hdr(name), in mode tcp rdp-cookie[(name)].",
     kBack},
    {"bind", parse_bind, "Where clients are accepted: <address>:<port>[-<port>][,...] [words]; see the bind keywords.",
     kInFrontend},
    {"bind-process", no_effect<Draft>, "There is one process; all its workers serve every proxy."},
    {"block", parse_old, kOldTimeout, kProxies},
    {"capture", parse_capture,
     "Log a header or a cookie: request|response header <name> len <n>, cookie <name> len <n>.", kInFrontend},
    {"cliexp", parse_old, kOldChange, kProxies},
    {"clitcpka-cnt", parse_probe_count<&Proxy::client_probes>,
     "TCP keep-alive probes that a client may leave unanswered.", kFront},
    {"clitcpka-idle", parse_probe_time<&Proxy::client_probes, &KeepAliveProbes::idle_ms>,
     "Silence of a client before the first TCP keep-alive probe; without a unit, in seconds.", kFront},
    {"clitcpka-intvl", parse_probe_time<&Proxy::client_probes, &KeepAliveProbes::interval_ms>,
     "Time between TCP keep-alive probes of a client; without a unit, in seconds.", kFront},
    {"clitimeout", parse_old, kOldTimeout},
    {"compression", parse_compression,
     "Make answers smaller for clients that can read it: 'algo' with identity, gzip, deflate, raw-deflate; 'type' with "
     "how the Content-Type of such answers begins; 'offload' hides from servers what clients can read."},
    {"contimeout", parse_old, kOldTimeout},
    {"cookie", parse_cookie, "Clients come back to their server by a cookie: <name> [words]; see the cookie keywords.",
     kBack},
    {"declare", parse_declare, "Reserve a slot that rules capture into: capture request|response len <n>.", kFrontOnly},
    {"default-server", parse_default_server, "Words that the server lines below begin with; see the server keywords.",
     kBack | kStrict},
    {"default_backend", parse_default_backend, "The backend when no use_backend applies.", kFront},
    {"description", parse_description, "Text about this proxy, for the page of statistics.", kProxies},
    {"disabled", parse_disabled, "The proxy is read and judged, and not run."},
    {"dispatch", parse_dispatch,
     "Where requests go that no cookie, rule or stick table leads to a server: <address>:<port>; 'balance' undoes it.",
     kBackOnly},
    {"dynamic-cookie-key", parse_dynamic_cookie_key, "Secret that 'cookie ... dynamic' makes the servers' values with.",
     kBack},
    {"email-alert", parse_email_alert,
     "Mails about servers that go down and come back: mailers <section>, from <address>, to <address>; level <level>, "
     "what "
     "is less severe is not sent, alert unless said otherwise; myhostname <name>, as which we speak to mailers."},
    {"enabled", parse_enabled, "Undoes 'disabled' of defaults."},
    {"error-log-format", parse_log_format<&Proxy::error_log_format>,
     "The format of lines about who came to no request: see 'log-format'.", kFront},
    {"errorfile", parse_errorfile, "A file with a complete answer for one of our own statuses: <code> <file>."},
    {"errorfiles", parse_errorfiles, "Answers from an 'http-errors' section: <name> [<code>...]."},
    {"errorloc", parse_errorloc<302>, kErrorLocation},
    {"errorloc302", parse_errorloc<302>, kErrorLocation},
    {"errorloc303", parse_errorloc<303>, kErrorLocation},
    {"external-check", parse_external_check,
     "The program of 'option external-check': command <file>; path <folders>, its PATH.", kBack},
    {"filter", parse_filter,
     "'cache <name>' and 'compression', in this order: both are there already where rules 'cache-store' or lines "
     "'compression' ask for them.",
     kProxies},
    {"force-persist", parse_persist_rule<Rule::Set::ForcePersist>,
     "Requests that go to their server even if it is down: if|unless <condition>.", kInBackend},
    {"fullconn", parse_fullconn,
     "Load of a backend at which its servers reach 'maxconn'; see 'minconn'. A tenth of the 'maxconn' of the frontends "
     "that lead there unless said otherwise.",
     kBack},
    {"grace", parse_old, kOldError},
    {"hash-balance-factor", parse_hash_balance_factor,
     "How much more than its share of requests a server may have where servers are chosen by consistent hashes or by "
     "chance, in percent above 100; 0, the default, means no limit.",
     kBack},
    {"hash-type", parse_hash_type,
     "How hashes name servers: map-based (the default) or consistent, [sdbm|djb2|wt6|crc32] [avalanche].", kBack},
    {"http-after-response", parse_rule<Rule::Set::HttpAfterResponse>,
     "A rule for all answers, our own included: <action> [if|unless <condition>].", kAnywhere | kNamedDefaults},
    {"http-check", parse_http_check, "Steps of an HTTP health check; see the http-check keywords.", kBack},
    {"http-error", parse_http_error,
     "An answer of our own instead of the built-in one: status <code> [content-type <type>] "
     "[file|lf-file|string|lf-string <text>] [hdr <name> <format>]."},
    {"http-request", parse_rule<Rule::Set::HttpRequest>, "A rule for requests: <action> [if|unless <condition>].",
     kAnywhere | kNamedDefaults},
    {"http-response", parse_rule<Rule::Set::HttpResponse>, "A rule for answers: <action> [if|unless <condition>].",
     kAnywhere | kNamedDefaults},
    {"http-reuse", parse_http_reuse,
     "Who may use an idle server connection: never, safe (the default), aggressive, always.", kBack},
    {"http-send-name-header", parse_name_header, "Tell each server its name, in this header of requests: <name>.",
     kBack},
    {"id", parse_id, "The proxy's number in statistics.", kProxies},
    {"ignore-persist", parse_persist_rule<Rule::Set::IgnorePersist>,
     "Requests that are balanced, whatever their cookie: if|unless <condition>.", kInBackend},
    {"load-server-state-from-file", parse_load_server_state,
     "Where servers find the states that they begin with: global (the file 'server-state-file' of global), local (one "
     "of "
     "the proxy's own), none.",
     kBack},
    {"log", parse_log,
     "Where logs go: 'global', or a target as in the 'global' section; 'no log' drops what "
     "defaults gave.",
     kAnywhere | kNegatable},
    {"log-format", parse_log_format<&Proxy::log_format>,
     "Format of log lines; without it and 'option httplog' or 'option tcplog' a line tells who connected to what.",
     kFront},
    {"log-format-sd", parse_log_format<&Proxy::log_format_sd>,
     "Structured data of lines in the format rfc5424: see 'log-format'.", kFront},
    {"log-tag", parse_log_tag, "Tag in syslog headers."},
    {"max-keep-alive-queue", no_effect<Draft>, "'option prefer-last-server' decides alone.", kBack},
    {"max-session-srv-conns", parse_most_own,
     "Most server connections that a client keeps to itself while they are idle, 16 unless said otherwise; a client "
     "with an identity on one that goes is sent away, too.",
     kFront},
    {"maxconn", parse_maxconn,
     "Most connections of the frontend at one time; what is beyond waits in the kernel. Unless said otherwise "
     "'maxconn' of global.",
     kFront},
    {"mode", parse_mode, "http or tcp, tcp unless said otherwise."},
    {"monitor", parse_monitor, "When 'monitor-uri' answers 503: fail if|unless <condition>.", kInFrontend},
    {"monitor-net", parse_old, kOldError},
    {"monitor-uri", parse_monitor_uri, "Path that answers 200 itself, for those who watch us; never logged.", kFront},
    {"option", parse_option, "See the option keywords.", kAnywhere | kNegatable},
    {"persist", parse_persist,
     "In mode tcp: clients come back to the server whose address their RDP cookie holds: rdp-cookie[(<name>)], msts "
     "unless said otherwise.",
     kBack},
    {"rate-limit", parse_rate_limit,
     "Most clients a second that the frontend lets in: sessions <n>; who comes beyond waits in the kernel. 0, the "
     "default, means no limit.",
     kFront},
    {"redirect", parse_redirect,
     "As 'http-request redirect' below all other http-request lines, behind an allow too; its texts are no formats.",
     kProxies | kStrict},
    {"redisp", parse_old, kOldTimeout},
    {"redispatch", parse_old, kOldTimeout},
    {"reqadd", parse_old, kOldChange, kProxies},
    {"reqallow", parse_old, kOldError, kProxies},
    {"reqdel", parse_old, kOldError, kProxies},
    {"reqdeny", parse_old, kOldError, kProxies},
    {"reqiallow", parse_old, kOldError, kProxies},
    {"reqidel", parse_old, kOldChange, kProxies},
    {"reqideny", parse_old, kOldError, kProxies},
    {"reqipass", parse_old, kOldError, kProxies},
    {"reqirep", parse_old, kOldChange, kProxies},
    {"reqisetbe", parse_old, kOldError, kProxies},
    {"reqitarpit", parse_old, kOldError, kProxies},
    {"reqpass", parse_old, kOldError, kProxies},
    {"reqrep", parse_old, kOldChange, kProxies},
    {"reqsetbe", parse_old, kOldError, kProxies},
    {"reqtarpit", parse_old, kOldError, kProxies},
    {"retries", parse_retries, "Retries when a server cannot be connected to, 3 unless said otherwise.", kBack},
    {"retry-on", parse_retry_on, "Events after which a request is tried again; conn-failure if not given.",
     kBack | kStrict},
    {"rspadd", parse_old, kOldChange, kProxies},
    {"rspdel", parse_old, kOldError, kProxies},
    {"rspdeny", parse_old, kOldError, kProxies},
    {"rspidel", parse_old, kOldChange, kProxies},
    {"rspideny", parse_old, kOldError, kProxies},
    {"rspirep", parse_old, kOldChange, kProxies},
    {"rsprep", parse_old, kOldError, kProxies},
    {"server", parse_server, "A server: <name> <address>[:<port>] [words]; see the server keywords.", kBackOnly},
    {"server-state-file-name", parse_server_state_file_name,
     "File for 'load-server-state-from-file local', in 'server-state-base' unless it is a whole path; with "
     "use-backend-name, or without the line, one of the proxy's name.",
     kBack},
    {"server-template", parse_server_template,
     "Several servers of one kind: <prefix> <n>|<low>-<high> <address>[:<port>] [words].", kBackOnly},
    {"source", parse_source, "Address from which we connect to the servers.", kBack},
    {"srvexp", parse_old, kOldError, kProxies},
    {"srvtcpka-cnt", parse_probe_count<&Proxy::server_probes>,
     "TCP keep-alive probes that a server may leave unanswered.", kBack},
    {"srvtcpka-idle", parse_probe_time<&Proxy::server_probes, &KeepAliveProbes::idle_ms>,
     "Silence of a server before the first TCP keep-alive probe; without a unit, in seconds.", kBack},
    {"srvtcpka-intvl", parse_probe_time<&Proxy::server_probes, &KeepAliveProbes::interval_ms>,
     "Time between TCP keep-alive probes of a server; without a unit, in seconds.", kBack},
    {"srvtimeout", parse_old, kOldTimeout},
    {"stats", parse_stats, "The page of statistics; see the stats keywords."},
    {"stick", parse_stick,
     "Keeps clients on the server that a stick table remembers: on|match|store-request|"
     "store-response <sample> [table <proxy>] [if|unless <condition>].",
     kInBackend},
    {"stick-table", parse_stick_table,
     "What is remembered of clients: type ip|ipv6|integer|string|binary [len <n>] size <n> "
     "[expire <time>] [nopurge] [srvkey addr|name] [store <data>[,...]].",
     kProxies},
    {"tcp-check", parse_tcp_check, "Steps of a TCP health check; see the tcp-check keywords.", kBack},
    {"tcp-request", parse_tcp_request,
     "A rule for connections: connection|session|content <action> [if|unless <condition>], or "
     "inspect-delay <time>.",
     kAnywhere | kNamedDefaults},
    {"tcp-response", parse_tcp_response,
     "A rule for answers in mode tcp: content <action> [if|unless <condition>], or inspect-delay "
     "<time>.",
     kBack | kNamedDefaults | kStrict},
    {"timeout", parse_timeout, "See the timeout keywords."},
    {"transparent", parse_transparent, "An older word for 'option transparent'.", kBack | kNegatable},
    {"unique-id-format", parse_unique_id_format, "Format of the identity that each request gets.", kFront},
    {"unique-id-header", parse_unique_id_header, "Header that tells servers the request's identity.", kFront},
    {"use-fcgi-app", refused<Draft>, "FastCGI is not spoken.", kBackOnly},
    {"use-server", parse_rule<Rule::Set::UseServer>,
     "Server for requests that meet a condition: <name> if|unless <condition>.", kBackOnly},
    {"use_backend", parse_rule<Rule::Set::UseBackend>,
     "Backend for requests that meet a condition: <name>|%[<expression>] [if|unless <condition>].", kInFrontend},
};
static_assert(is_sorted(kProxyKeywords));

}  // namespace

std::span<const Keyword<Draft>> proxy_keywords() { return kProxyKeywords; }

std::uint32_t take_status(Line& line) {
  constexpr std::uint32_t kStatuses[] = {200, 400, 401, 403, 404, 405, 407, 408, 410,
                                         413, 425, 429, 431, 500, 501, 502, 503, 504};
  const Word* word = line.take("a status code");
  if (word == nullptr) return 0;
  const auto number = parse_unsigned(word->text);
  if (number && std::find(std::begin(kStatuses), std::end(kStatuses), *number) != std::end(kStatuses)) {
    return static_cast<std::uint32_t>(*number);
  }
  line.complain(word->place, format("'{}' expects one of 200, 400, 401, 403, 404, 405, 407, 408, "
                                    "410, 413, 425, 429, 431, 500, 501, 502, 503, 504, not '{}'",
                                    line.subject, word->text));
  return 0;
}

bool stands_rightly(Line& line, Draft& draft, unsigned where) {
  const auto type = [&] {
    switch (draft.kind) {
      case SectionKind::Defaults:
        return "defaults";
      case SectionKind::Frontend:
        return "frontend";
      case SectionKind::Backend:
        return "backend";
      default:
        return "listen";
    }
  };
  unsigned here = 0;
  switch (draft.kind) {
    case SectionKind::Defaults:
      here = kInDefaults;
      break;
    case SectionKind::Frontend:
      here = kInFrontend;
      break;
    case SectionKind::Backend:
      here = kInBackend;
      break;
    default:
      here = kProxies;
      break;
  }
  if (here == kInDefaults && (where & kNamedDefaults) != 0 && draft.proxy.name.empty()) {
    line.complain(
        format("'{}' may stand in 'defaults' only if the section has a name and proxies ask for it "
               "with 'from'",
               line.subject));
    return false;
  }
  if ((where & here) != 0) return true;
  std::string text = format("'{}' has no place in a '{}' section", line.subject, type());
  if (here == kInDefaults || (where & kStrict) != 0) {
    line.complain(std::move(text));
    return false;
  }
  line.warn(text + ": the line has no effect");
  line.skip_rest();
  return false;
}

}  // namespace penstock::config
