#include "checks_of.h"

#include <algorithm>

#include "penstock/balance/health_result.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/rules/compile.h"
#include "penstock/rules/pattern.h"

namespace penstock {
namespace {

// What making a step takes.
struct StepMaker {
  const config::Proxy& proxy;
  const config::Server& server;
  std::uint32_t id;
  const Outside& outside;
  config::Diagnostics& diagnostics;
  const ServerSpec& spec;
  rules::CheckAnswer answer() const {
    return proxy.health.kind == config::Health::Kind::Http ? rules::CheckAnswer::Http : rules::CheckAnswer::Bytes;
  }
};

// Variables of one check under way.
struct CheckVariables {
  CheckVariables() { set.arena = &kept; }
  Arena kept;
  rules::VariableSet set;
};

CheckStepSpec::Match match_of(config::CheckStep::Match match) {
  using Match = config::CheckStep::Match;
  switch (match) {
    case Match::Status:
      return CheckStepSpec::Match::Status;
    case Match::RStatus:
      return CheckStepSpec::Match::StatusRegex;
    case Match::String:
      return CheckStepSpec::Match::String;
    case Match::RString:
      return CheckStepSpec::Match::StringRegex;
    case Match::Binary:
      return CheckStepSpec::Match::Binary;
    case Match::RBinary:
      return CheckStepSpec::Match::BinaryRegex;
    case Match::Header:
      return CheckStepSpec::Match::Header;
  }
  return CheckStepSpec::Match::Status;
}

class StepRegex final : public CheckRegex {
 public:
  explicit StepRegex(std::unique_ptr<rules::Pattern> pattern) : pattern_(std::move(pattern)) {}
  bool matches(std::string_view text) const override { return pattern_->matches(text); }

 private:
  std::unique_ptr<rules::Pattern> pattern_;
};

// What log-formats of a check can ask about: whose it is, its variables and what was answered.
class CheckedServer {
 public:
  explicit CheckedServer(const StepMaker& maker)
      : backend_(maker.proxy.name), server_(maker.server.name), id_(maker.id), answer_(maker.answer()) {}
  template <class Ask>
  void with_subject(CheckTalk& talk, Ask ask) const {
    if (talk.variables == nullptr) talk.variables = std::make_shared<CheckVariables>();
    rules::VariableSet& variables = static_cast<CheckVariables*>(talk.variables.get())->set;
    Arena arena;
    rules::Subject subject(arena);
    rules::ClientFacts nobody;
    nobody.ends = const_cast<Endpoints*>(talk.ends);
    subject.client = &nobody;
    subject.backend = backend_;
    subject.server = server_;
    subject.server_index = 0;  // One is known.
    subject.server_id = id_;
    subject.response = const_cast<Head*>(talk.head);  // Nothing that is asked here changes it.
    subject.buffer = subject.body = talk.answer;
    subject.transaction = variables;
    if (talk.head != nullptr) subject.log.status = talk.head->status;
    rules::prepare_for_check(subject, answer_);
    ask(subject);
    variables = subject.transaction;
  }
  std::string text(const rules::Format& format, CheckTalk& talk) const {
    std::string out;
    with_subject(talk, [&](rules::Subject& subject) { out = format.expand(subject); });
    return out;
  }

 private:
  std::string backend_, server_;
  std::uint32_t id_;
  rules::CheckAnswer answer_;
};

// An expression's value as text; empty if there is none.
class StepSample final : public CheckText {
 public:
  StepSample(rules::Sample sample, const StepMaker& maker) : sample_(std::move(sample)), server_(maker) {}
  std::string make(CheckTalk& talk) const override {
    std::string out;
    server_.with_subject(talk, [&](rules::Subject& subject) { out = sample_.text(subject).value_or(""); });
    return out;
  }

 private:
  rules::Sample sample_;
  CheckedServer server_;
};

class StepVariable final : public CheckText {
 public:
  StepVariable(std::unique_ptr<rules::CheckVariable> variable, const StepMaker& maker)
      : variable_(std::move(variable)), server_(maker) {}
  std::string make(CheckTalk& talk) const override {
    server_.with_subject(talk, [&](rules::Subject& subject) { variable_->run(subject); });
    return {};
  }

 private:
  std::unique_ptr<rules::CheckVariable> variable_;
  CheckedServer server_;
};

class StepText final : public CheckText {
 public:
  StepText(rules::Format format, const StepMaker& maker, bool is_hex)
      : format_(std::move(format)), server_(maker), is_hex_(is_hex) {}
  std::string make(CheckTalk& talk) const override {
    std::string text = server_.text(format_, talk);
    return is_hex_ ? parse_hexadecimal(text).value_or("") : text;
  }

 private:
  rules::Format format_;
  CheckedServer server_;
  bool is_hex_;
};

// A part of a check's request: a text as it is, or a log-format.
struct RequestPart {
  std::string text;
  std::optional<rules::Format> format;
};

// One request as it goes out. Connection: close, since nothing follows it; HTTP/1.0 has no other way.
class CheckRequest final : public CheckText {
 public:
  explicit CheckRequest(const StepMaker& maker) : server_(maker) {}

  std::string method, version;
  RequestPart uri, body;
  std::vector<std::pair<std::string, RequestPart>> headers;

  bool has(std::string_view name) const {
    return std::any_of(headers.begin(), headers.end(),
                       [&](const auto& header) { return equal_nocase(header.first, name); });
  }
  bool is_constant() const {
    return !uri.format && !body.format && std::none_of(headers.begin(), headers.end(), [](const auto& header) {
      return header.second.format.has_value();
    });
  }
  std::string make(CheckTalk& talk) const override {
    std::string text = format("{} {} {}\r\n", method, text_of(uri, talk), version);
    for (const auto& [name, value] : headers) text += format("{}: {}\r\n", name, text_of(value, talk));
    const std::string content = text_of(body, talk);
    if (!content.empty() && !has("content-length")) text += format("Content-Length: {}\r\n", content.size());
    if (version != "HTTP/1.0" && !has("connection")) text += "Connection: close\r\n";
    return text + "\r\n" + content;
  }

 private:
  std::string text_of(const RequestPart& part, CheckTalk& talk) const {
    return part.format ? server_.text(*part.format, talk) : part.text;
  }
  CheckedServer server_;
};

RequestPart formatted(const std::string& text, const config::CheckStep& step, const StepMaker& maker) {
  auto compiled = rules::compile_check_format(text, step.place, maker.answer(), maker.outside, maker.diagnostics);
  if (!compiled) return {};
  if (const auto constant = compiled->constant()) return {std::string(*constant), std::nullopt};
  return {"", std::move(*compiled)};
}

void take_step(CheckRequest& request, const config::CheckStep& step, const StepMaker& maker) {
  if (!step.method.empty()) request.method = step.method;
  if (!step.version.empty()) request.version = step.version;
  if (!step.uri.empty())
    request.uri = step.uri_formatted ? formatted(step.uri, step, maker) : RequestPart{step.uri, {}};
  if (!step.body.empty())
    request.body = step.body_formatted ? formatted(step.body, step, maker) : RequestPart{step.body, {}};
  for (const auto& header : step.headers) {
    std::erase_if(request.headers, [&](const auto& known) { return equal_nocase(known.first, header.first); });
  }
  for (const auto& [name, value] : step.headers) request.headers.emplace_back(name, formatted(value, step, maker));
}

CheckStepSpec send_step(const config::Health& health, const config::CheckStep* step, const StepMaker& maker) {
  auto request = std::make_shared<CheckRequest>(maker);
  request->method = health.method;
  request->version = health.version;
  request->uri.text = health.uri;
  request->body.text = health.body;
  for (const auto& [name, value] : health.headers) request->headers.emplace_back(name, RequestPart{value, {}});
  if (!health.host.empty() && !request->has("host")) {
    request->headers.emplace(request->headers.begin(), "Host", RequestPart{health.host, {}});
  }
  if (step != nullptr) take_step(*request, *step, maker);
  CheckStepSpec out;
  out.kind = CheckStepSpec::Kind::Send;
  CheckTalk nobody;
  out.send = request->make(nobody);
  if (!request->is_constant()) out.text = std::move(request);
  return out;
}

std::shared_ptr<const CheckText> text_of(const std::string& format, const config::CheckStep& step,
                                         const StepMaker& maker, bool is_hex = false) {
  if (format.empty()) return nullptr;
  auto compiled = rules::compile_check_format(format, step.place, maker.answer(), maker.outside, maker.diagnostics);
  if (!compiled) return nullptr;
  return std::make_shared<StepText>(std::move(*compiled), maker, is_hex);
}

std::shared_ptr<const CheckText> sample_of(const std::string& text, const config::CheckStep& step,
                                           const StepMaker& maker) {
  if (text.empty()) return nullptr;
  rules::Sample sample =
      rules::compile_check_sample(text, step.place, maker.answer(), maker.outside, maker.diagnostics);
  return sample ? std::make_shared<StepSample>(std::move(sample), maker) : nullptr;
}

CheckStatus status_named(std::string_view name) {
  constexpr CheckStatus kOffered[] = {CheckStatus::L7Ok,       CheckStatus::L7Conditional, CheckStatus::L6Ok,
                                      CheckStatus::L4Ok,       CheckStatus::L7Response,    CheckStatus::L7Status,
                                      CheckStatus::L6Response, CheckStatus::L4Connect,     CheckStatus::L7Timeout,
                                      CheckStatus::L6Timeout,  CheckStatus::L4Timeout};
  for (const CheckStatus status : kOffered) {
    if (check_status_name(status) == name) return status;
  }
  return CheckStatus::Unknown;
}

// Names of fields are matched in any case.
CheckFieldMatch field_match(const config::HeaderMatch& match, const config::CheckStep& step, const StepMaker& maker,
                            bool is_name) {
  CheckFieldMatch out;
  out.how = static_cast<CheckFieldMatch::How>(match.how);
  out.text = match.text;
  if (match.formatted) out.made = text_of(match.text, step, maker);
  if (match.how != config::HeaderMatch::How::Regex) return out;
  std::string error;
  auto pattern = rules::Pattern::compile((is_name ? "(?i)" : "") + match.text, error);
  if (pattern) {
    out.regex = std::make_shared<StepRegex>(std::move(pattern));
  } else {
    maker.diagnostics.add(step.place, format("'{}' is no regular expression: {}", match.text, error));
  }
  return out;
}

CheckStepSpec expect_step(const config::CheckStep& step, const StepMaker& maker) {
  CheckStepSpec out;
  out.kind = CheckStepSpec::Kind::Expect;
  out.match = match_of(step.match);
  out.negated = step.negated;
  out.pattern = step.pattern;
  out.field_name = field_match(step.header_name, step, maker, true);
  out.field_value = field_match(step.header_value, step, maker, false);
  out.whole_field = step.whole_header;
  out.min_recv = step.min_recv;
  if (step.formatted) out.text = text_of(step.pattern, step, maker, step.hex_format);
  out.ok_status = status_named(step.ok_status);
  out.error_status = status_named(step.error_status);
  out.timeout_status = status_named(step.timeout_status);
  out.on_success = text_of(step.on_success, step, maker);
  out.on_error = text_of(step.on_error, step, maker);
  out.status_code = sample_of(step.status_code, step, maker);
  using Match = config::CheckStep::Match;
  if (step.match != Match::RStatus && step.match != Match::RString && step.match != Match::RBinary) return out;
  std::string error;
  auto pattern = rules::Pattern::compile(step.pattern, error);
  if (!pattern) {
    maker.diagnostics.add(step.place, format("'{}' is no regular expression: {}", step.pattern, error));
    out.match = CheckStepSpec::Match::String;
    return out;
  }
  out.regex = std::make_shared<StepRegex>(std::move(pattern));
  return out;
}

// A check is nobody's connection.
std::string greeting_of(const config::Server& server) {
  return proxy_header(server.send_proxy_v2 ? ProxyVersion::Two : ProxyVersion::One, {}, {});
}

// Traffic's header is the check's too, unless it goes to another address or port.
bool check_greets(const config::Server& server) {
  const bool is_traffic = !server.check.address && server.check.port == 0;
  return server.check.send_proxy || ((server.send_proxy || server.send_proxy_v2) && is_traffic);
}

CheckStepSpec variable_step(const config::CheckStep& step, const StepMaker& maker) {
  CheckStepSpec out;
  out.kind = CheckStepSpec::Kind::Do;
  rules::CheckVariableWords words{step.variable, step.value, step.formatted};
  if (step.kind == config::CheckStep::Kind::Unset) words.value.reset();
  auto variable = rules::compile_check_variable(words, step.place, maker.answer(), maker.outside, maker.diagnostics);
  if (variable) out.text = std::make_shared<StepVariable>(std::move(variable), maker);
  return out;
}

CheckStepSpec connect_step(const config::CheckStep& step, const StepMaker& maker) {
  CheckStepSpec out;
  out.kind = CheckStepSpec::Kind::Connect;
  if (step.address) out.address = maker.outside.resolved(*step.address);
  out.port = step.port;
  out.made_port = sample_of(step.port_expression, step, maker);
  out.tls = step.ssl;
  out.use_default = step.use_default;
  out.send_proxy = step.send_proxy;
  out.sni = step.sni;
  return out;
}

// `http-check send` replaces what `option httpchk` said; without any, that is what is sent.
std::vector<CheckStepSpec> http_steps(const config::Health& health, const StepMaker& maker) {
  std::vector<CheckStepSpec> out;
  std::string comment;
  bool sends = false, expects = false;
  const bool scripted = std::any_of(health.steps.begin(), health.steps.end(),
                                    [](const auto& step) { return step.kind == config::CheckStep::Kind::Send; });
  if (!scripted) out.push_back(send_step(health, nullptr, maker));
  sends = !scripted;
  for (const config::CheckStep& step : health.steps) {
    switch (step.kind) {
      case config::CheckStep::Kind::Comment:
        comment = step.comment;
        continue;
      case config::CheckStep::Kind::Connect:
        // Connecting comes before what is sent over it.
        if (!scripted) {
          out.insert(out.begin(), connect_step(step, maker));
        } else {
          out.push_back(connect_step(step, maker));
        }
        break;
      case config::CheckStep::Kind::Send:
        out.push_back(send_step(health, &step, maker));
        sends = true;
        break;
      case config::CheckStep::Kind::Expect:
        out.push_back(expect_step(step, maker));
        expects = true;
        break;
      case config::CheckStep::Kind::Set:
      case config::CheckStep::Kind::Unset:
        out.push_back(variable_step(step, maker));
        break;
    }
    out.back().comment = !step.comment.empty() ? step.comment : comment;
    comment.clear();
  }
  if (sends && !expects) {
    CheckStepSpec expect;
    expect.kind = CheckStepSpec::Kind::Expect;
    expect.match = CheckStepSpec::Match::Status;
    expect.pattern = "200-399";
    out.push_back(std::move(expect));
  }
  return out;
}

CheckStepSpec tcp_step(const config::CheckStep& step, const StepMaker& maker) {
  if (step.kind == config::CheckStep::Kind::Connect) return connect_step(step, maker);
  if (step.kind == config::CheckStep::Kind::Expect) return expect_step(step, maker);
  if (step.kind == config::CheckStep::Kind::Set || step.kind == config::CheckStep::Kind::Unset)
    return variable_step(step, maker);
  CheckStepSpec out;
  out.kind = CheckStepSpec::Kind::Send;
  out.send = step.data;
  if (step.formatted) out.text = text_of(step.data, step, maker, step.hex_format);
  return out;
}

// Lines are counted as they are written; a comment is about the next.
std::vector<CheckStepSpec> tcp_steps(const config::Health& health, const StepMaker& maker) {
  std::vector<CheckStepSpec> out;
  std::string comment;
  std::uint32_t number = 0;
  for (const config::CheckStep& step : health.steps) {
    ++number;
    if (step.kind == config::CheckStep::Kind::Comment) {
      comment = step.comment;
      continue;
    }
    out.push_back(tcp_step(step, maker));
    out.back().number = number;
    out.back().comment = !step.comment.empty() ? step.comment : comment;
    comment.clear();
  }
  return out;
}

// A greeting, our name, good-bye: each is answered by 2xx.
std::vector<CheckStepSpec> smtp_steps(const config::Health& health) {
  CheckStepSpec greeting, hello, quit;
  greeting.kind = CheckStepSpec::Kind::Expect;
  greeting.match = CheckStepSpec::Match::SmtpReply;
  hello.send = health.hello + "\r\n";
  quit.send = "QUIT\r\n";
  // Numbers are those that HAProxy tells of the same dialogue.
  CheckStepSpec welcome = greeting, goodbye = greeting;
  greeting.number = 2;
  welcome.number = 5;
  goodbye.number = 7;
  return {greeting, hello, welcome, quit, goodbye};
}

// One thing said, one answered.
std::vector<CheckStepSpec> question(std::string_view said, CheckStepSpec::Match answer) {
  CheckStepSpec send, expect;
  send.send = said;
  expect.kind = CheckStepSpec::Kind::Expect;
  expect.match = answer;
  expect.number = 2;
  return {send, expect};
}

// RFC 4511: message 1, a BindRequest of version 3 without a name and a password.
constexpr std::string_view kLdapBind("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", 14);

void append_number(std::string& to, std::uint32_t number, unsigned bytes, bool lowest_first) {
  for (unsigned i = 0; i < bytes; ++i)
    to += static_cast<char>(number >> (8 * (lowest_first ? i : bytes - 1 - i)) & 0xff);
}

// Its length, version 3.0, names and values that end with NUL, and one NUL more.
std::string postgresql_hello(const std::string& user) {
  constexpr std::uint32_t kVersion = 3 << 16, kHead = 8;
  const std::string names = std::string("user") + '\0' + user + '\0' + '\0';
  std::string message;
  append_number(message, static_cast<std::uint32_t>(kHead + names.size()), 4, false);
  append_number(message, kVersion, 4, false);
  return message + names;
}

// Its length in three bytes, its number, what it says.
std::string mysql_packet(unsigned number, const std::string& text) {
  std::string packet;
  append_number(packet, static_cast<std::uint32_t>(text.size()), 3, true);
  return packet + static_cast<char>(number) + text;
}

// A login without a password, in the form of protocol 4.1 or the one before it, and good-bye.
std::string mysql_login(const config::Health& health) {
  constexpr std::uint32_t kSecureLogin = 0x8000, kProtocol41 = 0x0200, kOldRoom = 0x010000, kRoom = 0x01008000;
  std::string login;
  if (health.pre_41) {
    append_number(login, kSecureLogin, 2, true);
    append_number(login, kOldRoom, 3, true);
  } else {
    append_number(login, kSecureLogin | kProtocol41, 4, true);
    append_number(login, kRoom, 4, true);
    login += '\x21' + std::string(23, '\0');  // UTF-8, and what is kept for later.
  }
  login += health.user + '\0' + '\0';
  return mysql_packet(1, login) + mysql_packet(0, "\x01");
}

std::vector<CheckStepSpec> mysql_steps(const config::Health& health) {
  CheckStepSpec greeting, login, welcome;
  greeting.kind = welcome.kind = CheckStepSpec::Kind::Expect;
  greeting.match = CheckStepSpec::Match::MySqlGreeting;
  greeting.number = 2;
  if (health.user.empty()) return {greeting};
  login.send = mysql_login(health);
  welcome.match = CheckStepSpec::Match::MySqlReply;
  welcome.number = 4;
  return {greeting, login, welcome};
}

// Clients come by the first of its addresses, if it has any.
std::shared_ptr<const ExternalCheck> program_of(const config::Proxy& proxy, const Outside& outside) {
  auto out = std::make_shared<ExternalCheck>();
  out->command = proxy.external_command;
  out->path = proxy.external_path;
  out->proxy_name = proxy.name;
  out->proxy_id = proxy.id;
  for (const config::Bind& bind : proxy.binds) {
    for (const config::Address& address : bind.addresses) {
      if (!out->proxy_address.empty()) continue;
      const bool is_inherited = address.kind == config::Address::Kind::Fd;
      const SocketAddress at = is_inherited ? SocketAddress::local_of(address.fd) : outside.resolved(address);
      if (at.empty()) continue;
      out->proxy_address = at.ip_text();
      if (!at.is_unix()) out->proxy_port = format("{}", at.port());
    }
  }
  return out;
}

}  // namespace

bool wants_tls_check(const config::Server& server, const config::Health& health) {
  for (const config::CheckStep& step : health.steps) {
    if (step.kind == config::CheckStep::Kind::Connect && step.ssl) return true;
  }
  if (health.kind == config::Health::Kind::TlsHello) return true;
  if (server.check.no_ssl) return false;
  if (server.check.ssl) return true;
  return server.tls.enabled && !server.check.address && server.check.port == 0;
}

CheckSpec check_of(const config::Proxy& proxy, const config::Server& server, const ServerSpec& spec,
                   const Outside& outside, config::Diagnostics& diagnostics) {
  const StepMaker maker{proxy, server, spec.id, outside, diagnostics, spec};
  CheckSpec out;
  out.enabled = true;
  const config::Check& check = server.check;
  out.inter_ms = check.inter_ms;
  out.fastinter_ms = check.fastinter_ms != 0 ? check.fastinter_ms : check.inter_ms;
  out.downinter_ms = check.downinter_ms != 0 ? check.downinter_ms : check.inter_ms;
  out.connect_ms = proxy.timeout.connect;
  out.answer_ms = proxy.timeout.check;
  out.rise = static_cast<int>(check.rise);
  out.fall = static_cast<int>(check.fall);
  out.address = check.address ? outside.resolved(*check.address) : spec.address;
  if (check.address && check.address->port_low == 0) out.address.set_port(spec.address.port());
  if (check.port != 0) out.address.set_port(check.port);
  out.own_host = check.address.has_value();
  out.own_port = check.port != 0 || (check.address && check.address->port_low != 0);
  out.sni = check.sni;
  out.greeting = greeting_of(server);
  out.send_proxy = check_greets(server);
  out.verify_name = !spec.verify_name.empty() ? spec.verify_name : check.sni;
  out.disable_on_404 = proxy.health.disable_on_404;
  out.log_all = proxy.log_health_checks;
  switch (proxy.health.kind) {
    case config::Health::Kind::Tcp:
      break;
    case config::Health::Kind::Http:
      out.http = true;
      out.steps = http_steps(proxy.health, maker);
      break;
    case config::Health::Kind::TcpScript:
      out.scripted = true;
      out.steps = tcp_steps(proxy.health, maker);
      break;
    case config::Health::Kind::Smtp:
      out.steps = smtp_steps(proxy.health);
      break;
    case config::Health::Kind::Redis:
      out.steps = question("*1\r\n$4\r\nPING\r\n", CheckStepSpec::Match::RedisReply);
      break;
    case config::Health::Kind::Ldap:
      out.steps = question(kLdapBind, CheckStepSpec::Match::LdapReply);
      break;
    case config::Health::Kind::PostgreSql:
      out.steps = question(postgresql_hello(proxy.health.user), CheckStepSpec::Match::PostgreSqlReply);
      // That of the same dialogue of HAProxy's, which looks twice.
      out.steps.back().number = 3;
      break;
    case config::Health::Kind::MySql:
      out.steps = mysql_steps(proxy.health);
      break;
    case config::Health::Kind::External:
      out.http = proxy.mode == config::Mode::Http;
      out.external = program_of(proxy, outside);
      break;
    case config::Health::Kind::TlsHello:
      break;
  }
  return out;
}

std::shared_ptr<const CheckSpec> agent_of(const config::Proxy& proxy, const config::Server& server,
                                          const ServerSpec& spec, const Outside& outside) {
  auto out = std::make_shared<CheckSpec>();
  const config::Agent& agent = server.agent;
  out->enabled = true;
  out->inter_ms = out->fastinter_ms = out->downinter_ms = agent.inter_ms;
  out->connect_ms = proxy.timeout.connect;
  out->answer_ms = proxy.timeout.check;
  out->rise = out->fall = 1;
  out->address = agent.address ? outside.resolved(*agent.address) : spec.address;
  out->address.set_port(agent.port);
  out->own_host = agent.address.has_value();
  out->own_port = true;
  out->log_all = proxy.log_health_checks;
  CheckStepSpec send, answer;
  send.send = agent.send;
  answer.kind = CheckStepSpec::Kind::Expect;
  answer.match = CheckStepSpec::Match::AgentLine;
  answer.number = 2;
  out->steps = {send, answer};
  return out;
}

}  // namespace penstock
