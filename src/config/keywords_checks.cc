// `http-check` and `tcp-check` lines: health checks as a conversation (configuration manual
// section 4.2).
#include <algorithm>

#include "check_words.h"
#include "keywords.h"

namespace penstock::config {

void begin_own_check(Draft& draft) {
  if (draft.own_steps) return;
  draft.own_steps = true;
  draft.proxy.health.steps.clear();
}

namespace {

using CheckKeyword = Keyword<Draft>;

void add_step(Draft& draft, CheckStep step) {
  begin_own_check(draft);
  draft.proxy.health.steps.push_back(std::move(step));
}

CheckStep new_step(const Line& line, CheckStep::Kind kind) {
  CheckStep step;
  step.kind = kind;
  step.tcp = line.subject.starts_with("tcp-check");
  step.place = line.place;
  return step;
}

// A number, or an expression that makes one.
void take_port(Line& line, CheckStep& step) {
  const bool is_expression = line.more() && line.peek().text.find('(') != std::string::npos;
  if (is_expression)
    step.port_expression = line.pop().text;
  else
    step.port = static_cast<std::uint16_t>(line.take_number("a port", 1, 65535));
}

void take_protocol(Line& line) {
  const Word* word = line.take("a protocol");
  if (word == nullptr || word->text == "h1" || word->text == "none") return;
  line.complain(word->place, format("'proto' expects 'h1' or 'none', not '{}': checks speak HTTP/1", word->text));
}

void parse_connect(Line& line, Draft& draft) {
  CheckStep step = new_step(line, CheckStep::Kind::Connect);
  const std::string subject = line.subject;
  while (line.more()) {
    const Word& word = line.pop();
    line.subject = subject + " " + word.text;
    if (word.text == "default")
      step.use_default = true;
    else if (word.text == "port")
      take_port(line, step);
    else if (word.text == "addr")
      step.address = take_address(line, AddressUse::Plain);
    else if (word.text == "ssl")
      step.ssl = true;
    else if (word.text == "sni")
      step.sni = line.take_text("a host name");
    else if (word.text == "alpn")
      step.alpn = take_alpn(line);
    else if (word.text == "linger")
      line.warn(word.place, "'linger' has no effect: what a server said is read before the close");
    else if (word.text == "comment")
      step.comment = line.take_text("a text");
    else if (word.text == "send-proxy")
      step.send_proxy = true;
    else if (word.text == "via-socks4")
      line.complain(word.place, "'via-socks4' is not offered: SOCKS proxies are not spoken to");
    else if (word.text == "proto") {
      take_protocol(line);
    } else {
      constexpr std::string_view kWords[] = {"default", "port",   "addr",    "ssl",   "sni",
                                             "alpn",    "linger", "comment", "proto", "send-proxy"};
      return complain_unknown(line, word, format("'{}'", subject), kWords);
    }
  }
  if (!line.failed()) add_step(draft, std::move(step));
}

void parse_comment(Line& line, Draft& draft) {
  CheckStep step = new_step(line, CheckStep::Kind::Comment);
  step.comment = line.take_text("a text");
  if (!line.failed()) add_step(draft, std::move(step));
}

void parse_http_send(Line& line, Draft& draft) {
  CheckStep step = new_step(line, CheckStep::Kind::Send);
  const std::string subject = line.subject;
  while (line.more()) {
    const Word& word = line.pop();
    line.subject = subject + " " + word.text;
    if (word.text == "meth") {
      step.method = line.take_text("a method");
    } else if (word.text == "uri" || word.text == "uri-lf") {
      step.uri = line.take_text("a path");
      step.uri_formatted = word.text == "uri-lf";
    } else if (word.text == "ver") {
      step.version = line.take_text("a version such as HTTP/1.1");
    } else if (word.text == "body" || word.text == "body-lf") {
      step.body = line.take_text("a text");
      step.body_formatted = word.text == "body-lf";
    } else if (word.text == "comment") {
      step.comment = line.take_text("a text");
    } else if (word.text == "hdr") {
      const std::string name = line.take_text("a name and a value");
      const std::string value = line.take_text("a value");
      const bool framing = equal_nocase(name, "content-length") || equal_nocase(name, "transfer-encoding");
      if (framing)
        line.warn(word.place, format("'{}' is written by the check itself: this one is left out", name));
      else
        step.headers.emplace_back(name, value);
    } else {
      constexpr std::string_view kWords[] = {"meth", "uri", "uri-lf", "ver", "hdr", "body", "body-lf", "comment"};
      return complain_unknown(line, word, format("'{}'", subject), kWords);
    }
  }
  if (!line.failed()) add_step(draft, std::move(step));
}

// "200", "200-399", "200,401-403".
bool is_status_list(std::string_view text) {
  const auto is_code = [](std::string_view code) {
    const auto number = parse_unsigned(code);
    return number && *number >= 100 && *number <= 999;
  };
  if (text.empty() || text.ends_with(',')) return false;
  while (!text.empty()) {
    std::string_view high = cut(text, ',');
    const bool is_range = high.find('-') != std::string_view::npos;
    const std::string_view low = cut(high, '-');
    if (!is_code(low) || (is_range && (!is_code(high) || high < low))) return false;
  }
  return true;
}

std::string take_hex(Line& line) {
  const Word* word = line.take_filled("bytes in hexadecimal digits");
  if (word == nullptr) return {};
  const auto bytes = parse_hexadecimal(word->text);
  if (!bytes) line.complain(word->place, format("'{}' is no even number of hexadecimal digits", word->text));
  return bytes.value_or("");
}

// [-m <method>] <text> behind `name` or `value`, or behind `name-lf` and `value-lf`.
void take_header_text(Line& line, std::string_view what, bool formatted, HeaderMatch& match) {
  constexpr std::string_view kMethods[] = {"str", "beg", "end", "sub", "reg"};
  match.formatted = formatted;
  if (line.peek_text() == "-m") {
    const Place place = line.pop().place;
    const auto method = line.take_choice(kMethods);
    if (!method) return;
    match.how = static_cast<HeaderMatch::How>(*method);
    if (formatted && match.how == HeaderMatch::How::Regex)
      return line.complain(place, "a regular expression cannot be made by a log-format");
  }
  match.text = line.take_text(what);
}

// hdr { name | name-lf } [-m <method>] <name> [{ value | value-lf } [-m <method>] <value>]
void take_header_match(Line& line, CheckStep& step) {
  constexpr std::string_view kName[] = {"name", "name-lf"};
  const auto name = line.take_choice(kName);
  if (!name) return;
  take_header_text(line, "a name", *name == 1, step.header_name);
  const bool formatted = line.peek_text() == "value-lf";
  if (!line.accept("value") && !line.accept("value-lf")) return;
  take_header_text(line, "a text behind 'value'", formatted, step.header_value);
}

// Results that may be told in place of the usual ones.
bool take_status(Line& line, const Word& word, CheckStep& step) {
  constexpr std::string_view kGood[] = {"L7OK", "L7OKC", "L6OK", "L4OK"};
  constexpr std::string_view kBad[] = {"L7OKC", "L7RSP", "L7STS", "L6RSP", "L4CON"};
  constexpr std::string_view kLate[] = {"L7TOUT", "L6TOUT", "L4TOUT"};
  std::span<const std::string_view> choices;
  std::string* result = nullptr;
  if (word.text == "ok-status") {
    choices = kGood;
    result = &step.ok_status;
  }
  if (word.text == "error-status") {
    choices = kBad;
    result = &step.error_status;
  }
  if (word.text == "tout-status") {
    choices = kLate;
    result = &step.timeout_status;
  }
  if (result == nullptr) return false;
  if (const auto choice = line.take_choice(choices)) *result = choices[*choice];
  return true;
}

// The part of `expect` that http-check and tcp-check share; true when the word was one of it.
bool take_expect_word(Line& line, const Word& word, CheckStep& step) {
  if (word.text == "comment") {
    step.comment = line.take_text("a text");
    return true;
  }
  if (word.text == "min-recv") {
    step.min_recv.reset();
    if (!line.accept("-1")) step.min_recv = line.take_number("a number", 0, 1048576);
    return true;
  }
  if (word.text == "on-success") {
    step.on_success = line.take_text("a text");
    return true;
  }
  if (word.text == "on-error") {
    step.on_error = line.take_text("a text");
    return true;
  }
  if (word.text == "status-code") {
    step.status_code = line.take_text("an expression");
    return true;
  }
  return take_status(line, word, step);
}

struct MatchWord {
  std::string_view name;
  CheckStep::Match match;
  bool formatted = false;
};
constexpr MatchWord kHttpMatches[] = {{"status", CheckStep::Match::Status},
                                      {"rstatus", CheckStep::Match::RStatus},
                                      {"string", CheckStep::Match::String},
                                      {"rstring", CheckStep::Match::RString},
                                      {"string-lf", CheckStep::Match::String, true},
                                      {"hdr", CheckStep::Match::Header},
                                      {"fhdr", CheckStep::Match::Header}};
constexpr MatchWord kTcpMatches[] = {
    {"string", CheckStep::Match::String},          {"rstring", CheckStep::Match::RString},
    {"string-lf", CheckStep::Match::String, true}, {"binary", CheckStep::Match::Binary},
    {"rbinary", CheckStep::Match::RBinary},        {"binary-lf", CheckStep::Match::Binary, true}};

void take_pattern(Line& line, CheckStep& step) {
  switch (step.match) {
    case CheckStep::Match::Header:
      return take_header_match(line, step);
    case CheckStep::Match::Binary:
      step.hex_format = step.formatted;
      step.pattern = step.formatted ? line.take_text("a log-format") : take_hex(line);
      return;
    case CheckStep::Match::Status: {
      const Word* word = line.take("status codes such as 200 or 200-399");
      if (word == nullptr) return;
      step.pattern = word->text;
      if (!is_status_list(word->text))
        line.complain(word->place, format("'{}' is no list of status codes such as 200,301 or 200-399", word->text));
      return;
    }
    case CheckStep::Match::RStatus:
    case CheckStep::Match::String:
    case CheckStep::Match::RString:
    case CheckStep::Match::RBinary:
      step.pattern = line.take_text("a pattern");
      return;
  }
}

// A blank in a pattern that nobody escaped makes two words of it.
void hint_at_blanks(Line& line) {
  if (!line.more()) return;
  line.complain(
      line.peek().place,
      format("unexpected '{}': a blank in a pattern needs a backslash or quotes around the pattern", line.peek().text));
}

// The kind of match that a word of `expect` names; null after a complaint.
const MatchWord* find_match(Line& line, const Word& word, std::string_view name, std::span<const MatchWord> matches) {
  std::vector<std::string_view> names;
  for (const MatchWord& match : matches) {
    if (match.name == name) return &match;
    names.push_back(match.name);
  }
  const std::string_view near = nearest(name, names);
  line.complain(word.place, format("'{}' does not know '{}'{}", line.subject, name,
                                   near.empty() ? "" : format("; did you mean '{}'?", near)));
  return nullptr;
}

// Options may stand before the pattern and behind it.
void parse_expect(Line& line, Draft& draft, std::span<const MatchWord> matches) {
  CheckStep step = new_step(line, CheckStep::Kind::Expect);
  for (;;) {
    const Word* word = line.take("what to expect, for example 'status 200' or 'string OK'");
    if (word == nullptr) return;
    std::string_view name = word->text;
    while (name.starts_with('!')) {
      step.negated = !step.negated;
      name.remove_prefix(1);
    }
    if (name.empty()) continue;
    if (!step.negated && take_expect_word(line, *word, step)) {
      if (line.failed()) return;
      continue;
    }
    const MatchWord* match = find_match(line, *word, name, matches);
    if (match == nullptr) return;
    step.match = match->match;
    step.formatted = match->formatted;
    step.whole_header = match->name == "fhdr";
    break;
  }
  take_pattern(line, step);
  while (line.more()) {
    const Word& word = line.pop();
    if (take_expect_word(line, word, step)) continue;
    line.step_back();
    hint_at_blanks(line);
  }
  if (!line.failed()) add_step(draft, std::move(step));
}
void parse_http_expect(Line& line, Draft& draft) { parse_expect(line, draft, kHttpMatches); }
void parse_tcp_expect(Line& line, Draft& draft) { parse_expect(line, draft, kTcpMatches); }

// What stands in the word's parentheses; nothing after a complaint.
std::string variable_of(Line& line) {
  const std::size_t open = line.subject.find('(');
  if (open == std::string::npos || !line.subject.ends_with(')') || open + 2 > line.subject.size() - 1) {
    line.complain(format("'{}' needs a variable: write it as set-var(check.<name>)", line.subject));
    return {};
  }
  return line.subject.substr(open + 1, line.subject.size() - open - 2);
}

template <bool formatted>
void parse_set_variable(Line& line, Draft& draft) {
  CheckStep step = new_step(line, CheckStep::Kind::Set);
  step.formatted = formatted;
  step.variable = variable_of(line);
  if (line.failed()) return;
  step.value = line.take_text(formatted ? "a log-format" : "an expression");
  // Converters may stand apart.
  while (!formatted && line.more() && line.peek().text != "comment") step.value += " " + line.pop().text;
  if (line.accept("comment")) step.comment = line.take_text("a text");
  if (!line.failed()) add_step(draft, std::move(step));
}

void parse_unset_variable(Line& line, Draft& draft) {
  CheckStep step = new_step(line, CheckStep::Kind::Unset);
  step.variable = variable_of(line);
  if (!line.failed()) add_step(draft, std::move(step));
}

void parse_send_state(Line&, Draft& draft) { draft.proxy.health.send_state = true; }

void parse_disable_on_404(Line&, Draft& draft) { draft.proxy.health.disable_on_404 = true; }

void parse_tcp_send(Line& line, Draft& draft) {
  CheckStep step = new_step(line, CheckStep::Kind::Send);
  step.data = line.take_text("a text");
  if (line.accept("comment")) step.comment = line.take_text("a text");
  hint_at_blanks(line);
  if (!line.failed()) add_step(draft, std::move(step));
}
void parse_send_binary(Line& line, Draft& draft) {
  CheckStep step = new_step(line, CheckStep::Kind::Send);
  step.data = take_hex(line);
  if (line.accept("comment")) step.comment = line.take_text("a text");
  if (!line.failed()) add_step(draft, std::move(step));
}
template <bool is_hex>
void parse_send_format(Line& line, Draft& draft) {
  CheckStep step = new_step(line, CheckStep::Kind::Send);
  step.formatted = true;
  step.hex_format = is_hex;
  step.data = line.take_text("a log-format");
  if (line.accept("comment")) step.comment = line.take_text("a text");
  hint_at_blanks(line);
  if (!line.failed()) add_step(draft, std::move(step));
}

constexpr unsigned kBack = kInDefaults | kInBackend;

constexpr CheckKeyword kHttpCheckKeywords[] = {
    {"comment", parse_comment, "Text for complaints about the steps that follow.", kBack},
    {"connect", parse_connect,
     "Open a connection: [default] [port <n>] [addr <ip>] [send-proxy] [ssl] [sni <name>] "
     "[alpn <list>] [linger] [comment <text>].",
     kBack},
    {"disable-on-404", parse_disable_on_404, "A server that answers 404 gets no new clients and keeps those it has.",
     kBack},
    {"expect", parse_http_expect,
     "What makes an answer good: [!] status|rstatus|string|rstring|string-lf|hdr|fhdr <pattern>; any 2xx or 3xx unless "
     "said otherwise.",
     kBack},
    {"send", parse_http_send,
     "The request: [meth <m>] [uri <path>] [ver <v>] [hdr <name> <format>]... [body <text>]; uri-lf, body-lf: formats.",
     kBack},
    {"send-state", parse_send_state, "Checks tell the server how we see it, in a field X-Haproxy-Server-State.", kBack},
    {"set-var", parse_set_variable<false>,
     "Sets a variable of the check, check.<name>, or of the process: set-var(<name>) <expression>.", kBack},
    {"set-var-fmt", parse_set_variable<true>, "The same with a log-format for a value.", kBack},
    {"unset-var", parse_unset_variable, "Takes a variable's value away.", kBack},
};
static_assert(is_sorted(kHttpCheckKeywords));

constexpr CheckKeyword kTcpCheckKeywords[] = {
    {"comment", parse_comment, "Text for complaints about the steps that follow.", kBack},
    {"connect", parse_connect,
     "Open a connection: [default] [port <n>] [addr <ip>] [send-proxy] [ssl] [sni <name>] "
     "[alpn <list>] [linger] [comment <text>].",
     kBack},
    {"expect", parse_tcp_expect,
     "What makes an answer good: [!] string|rstring|binary|rbinary|string-lf|binary-lf <pattern>.", kBack},
    {"send", parse_tcp_send, "Text to send.", kBack},
    {"send-binary", parse_send_binary, "Bytes to send, in hexadecimal digits.", kBack},
    {"send-binary-lf", parse_send_format<true>, "Bytes to send, in hexadecimal digits that a log-format makes.", kBack},
    {"send-lf", parse_send_format<false>, "Text to send, made by a log-format.", kBack},
    {"set-var", parse_set_variable<false>,
     "Sets a variable of the check, check.<name>, or of the process: set-var(<name>) <expression>.", kBack},
    {"set-var-fmt", parse_set_variable<true>, "The same with a log-format for a value.", kBack},
    {"unset-var", parse_unset_variable, "Takes a variable's value away.", kBack},
};
static_assert(is_sorted(kTcpCheckKeywords));

}  // namespace

bool parse_check_variable(Line& line, Draft& draft, std::string_view prefix) {
  const std::string_view text = line.peek_text();
  const std::string_view name = text.substr(0, text.find('('));
  const bool is_known = name == "set-var" || name == "set-var-fmt" || name == "unset-var";
  if (!is_known || name.size() == text.size()) return false;
  const CheckKeyword& keyword = *find_keyword(http_check_keywords(), name);
  line.start(keyword, line.pop(), prefix);
  keyword.parse(line, draft);
  return true;
}

std::span<const Keyword<Draft>> http_check_keywords() { return kHttpCheckKeywords; }
std::span<const Keyword<Draft>> tcp_check_keywords() { return kTcpCheckKeywords; }

}  // namespace penstock::config
