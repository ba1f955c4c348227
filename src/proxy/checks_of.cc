#include "penstock/proxy/checks_of.h"

#include <algorithm>

#include "penstock/balance/health_result.h"
#include "penstock/base/text.h"
#include "penstock/rules/compile.h"
#include "penstock/rules/pattern.h"

namespace penstock {
namespace {

// What making a step takes.
struct StepMaker {
  const config::Proxy& proxy;
  const config::Server& server;
  std::uint32_t id;
  const Bundle& bundle;
  const rules::Environment& environment;
  config::Diagnostics& diagnostics;
};

bool has_header(const std::vector<std::pair<std::string, std::string>>& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& header) { return equal_nocase(header.first, name); });
}

// One request as it goes out. Connection: close, since nothing follows it.
std::string request_text(const std::string& method, const std::string& uri, const std::string& version,
                         const std::vector<std::pair<std::string, std::string>>& headers, const std::string& body) {
  std::string text = format("{} {} {}\r\n", method, uri, version);
  for (const auto& [name, value] : headers) text += format("{}: {}\r\n", name, value);
  if (!body.empty() && !has_header(headers, "content-length")) text += format("Content-Length: {}\r\n", body.size());
  if (!has_header(headers, "connection")) text += "Connection: close\r\n";
  return text + "\r\n" + body;
}

CheckStepSpec send_step(const config::Health& health, const config::CheckStep* step) {
  CheckStepSpec out;
  out.kind = CheckStepSpec::Kind::Send;
  auto headers = health.headers;
  if (!health.host.empty() && !has_header(headers, "host")) headers.insert(headers.begin(), {"Host", health.host});
  std::string method = health.method, uri = health.uri, version = health.version, body = health.body;
  if (step != nullptr) {
    if (!step->method.empty()) method = step->method;
    if (!step->uri.empty()) uri = step->uri;
    if (!step->version.empty()) version = step->version;
    if (!step->body.empty()) body = step->body;
    for (const auto& header : step->headers) {
      std::erase_if(headers, [&](const auto& known) { return equal_nocase(known.first, header.first); });
    }
    headers.insert(headers.end(), step->headers.begin(), step->headers.end());
  }
  out.send = request_text(method, uri, version, headers, body);
  return out;
}

CheckStepSpec::Match match_of(config::CheckStep::Match match) {
  using Match = config::CheckStep::Match;
  switch (match) {
    case Match::Status: return CheckStepSpec::Match::Status;
    case Match::RStatus: return CheckStepSpec::Match::StatusRegex;
    case Match::String: return CheckStepSpec::Match::String;
    case Match::RString: return CheckStepSpec::Match::StringRegex;
    case Match::Binary: return CheckStepSpec::Match::Binary;
    case Match::RBinary:
      return CheckStepSpec::Match::BinaryRegex;
    case Match::Header: return CheckStepSpec::Match::Header;
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

// A log-format that knows whose check it is.
class StepText final : public CheckText {
 public:
  StepText(rules::Format format, const StepMaker& maker, bool is_hex)
      : format_(std::move(format)),
        backend_(maker.proxy.name),
        server_(maker.server.name),
        id_(maker.id),
        is_hex_(is_hex) {}
  std::string make() const override {
    Arena arena;
    rules::Subject subject(arena);
    const rules::ClientFacts nobody;
    subject.client = &nobody;
    subject.backend = backend_;
    subject.server = server_;
    subject.server_index = 0;  // One is known.
    subject.server_id = id_;
    const std::string_view text = format_.expand(subject);
    return is_hex_ ? parse_hexadecimal(text).value_or("") : std::string(text);
  }

 private:
  rules::Format format_;
  std::string backend_, server_;
  std::uint32_t id_;
  bool is_hex_;
};

std::shared_ptr<const CheckText> text_of(const std::string& format, const config::CheckStep& step,
                                         const StepMaker& maker, bool is_hex = false) {
  if (format.empty()) return nullptr;
  auto compiled =
      rules::compile_plain_format(format, step.place, maker.environment, maker.diagnostics);
  if (!compiled) return nullptr;
  return std::make_shared<StepText>(std::move(*compiled), maker, is_hex);
}

CheckStatus status_named(std::string_view name) {
  constexpr CheckStatus kOffered[] = {
      CheckStatus::L7Ok,       CheckStatus::L7Conditional, CheckStatus::L6Ok,
      CheckStatus::L4Ok,       CheckStatus::L7Response,    CheckStatus::L7Status,
      CheckStatus::L6Response, CheckStatus::L4Connect,     CheckStatus::L7Timeout,
      CheckStatus::L6Timeout,  CheckStatus::L4Timeout};
  for (const CheckStatus status : kOffered) {
    if (check_status_name(status) == name) return status;
  }
  return CheckStatus::Unknown;
}

// Names of fields are matched in any case.
CheckFieldMatch field_match(const config::HeaderMatch& match, const config::CheckStep& step,
                            const StepMaker& maker, bool is_name) {
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
    maker.diagnostics.add(step.place,
                          format("'{}' is no regular expression: {}", match.text, error));
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
  using Match = config::CheckStep::Match;
  if (step.match != Match::RStatus && step.match != Match::RString && step.match != Match::RBinary)
    return out;
  std::string error;
  auto pattern = rules::Pattern::compile(step.pattern, error);
  if (!pattern) {
    maker.diagnostics.add(step.place,
                          format("'{}' is no regular expression: {}", step.pattern, error));
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

CheckStepSpec connect_step(const config::CheckStep& step, const Bundle& bundle) {
  CheckStepSpec out;
  out.kind = CheckStepSpec::Kind::Connect;
  if (step.address) out.address = bundle.resolved(*step.address);
  out.port = step.port;
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
  if (!scripted) out.push_back(send_step(health, nullptr));
  sends = !scripted;
  for (const config::CheckStep& step : health.steps) {
    switch (step.kind) {
      case config::CheckStep::Kind::Comment:
        comment = step.comment;
        continue;
      case config::CheckStep::Kind::Connect:
        // Connecting comes before what is sent over it.
        if (!scripted) {
          out.insert(out.begin(), connect_step(step, maker.bundle));
        } else {
          out.push_back(connect_step(step, maker.bundle));
        }
        break;
      case config::CheckStep::Kind::Send:
        out.push_back(send_step(health, &step));
        sends = true;
        break;
      case config::CheckStep::Kind::Expect:
        out.push_back(expect_step(step, maker));
        expects = true;
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
  if (step.kind == config::CheckStep::Kind::Connect) return connect_step(step, maker.bundle);
  if (step.kind == config::CheckStep::Kind::Expect) return expect_step(step, maker);
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

CheckSpec checks_of(const config::Proxy& proxy, const config::Server& server,
                    const ServerSpec& spec, const Bundle& bundle,
                    const rules::Environment& environment, config::Diagnostics& diagnostics) {
  const StepMaker maker{proxy, server, spec.id, bundle, environment, diagnostics};
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
  out.address = check.address ? bundle.resolved(*check.address) : spec.address;
  if (check.address && check.address->port_low == 0) out.address.set_port(spec.address.port());
  if (check.port != 0) out.address.set_port(check.port);
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
    case config::Health::Kind::TlsHello:
      break;
  }
  return out;
}

}  // namespace penstock
