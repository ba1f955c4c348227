#include "penstock/proxy/checks_of.h"

#include <algorithm>

#include "penstock/base/text.h"
#include "penstock/rules/pattern.h"

namespace penstock {
namespace {

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

CheckStepSpec expect_step(const config::CheckStep& step, config::Diagnostics& diagnostics) {
  CheckStepSpec out;
  out.kind = CheckStepSpec::Kind::Expect;
  out.match = match_of(step.match);
  out.negated = step.negated;
  out.pattern = step.pattern;
  out.header_name = step.header_name;
  out.min_recv = step.min_recv;
  if (out.match != CheckStepSpec::Match::StatusRegex && out.match != CheckStepSpec::Match::StringRegex) return out;
  std::string error;
  auto pattern = rules::Pattern::compile(step.pattern, error);
  if (!pattern) {
    diagnostics.add(step.place, format("'{}' is no regular expression: {}", step.pattern, error));
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
std::vector<CheckStepSpec> http_steps(const config::Health& health, const Bundle& bundle, config::Diagnostics& diagnostics) {
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
          out.insert(out.begin(), connect_step(step, bundle));
        } else {
          out.push_back(connect_step(step, bundle));
        }
        break;
      case config::CheckStep::Kind::Send:
        out.push_back(send_step(health, &step));
        sends = true;
        break;
      case config::CheckStep::Kind::Expect:
        out.push_back(expect_step(step, diagnostics));
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

std::vector<CheckStepSpec> tcp_steps(const config::Health& health, const Bundle& bundle, config::Diagnostics& diagnostics) {
  std::vector<CheckStepSpec> out;
  for (const config::CheckStep& step : health.steps) {
    if (step.kind == config::CheckStep::Kind::Comment) continue;
    CheckStepSpec spec;
    if (step.kind == config::CheckStep::Kind::Send) {
      spec.kind = CheckStepSpec::Kind::Send;
      spec.send = step.data;
    } else {
      spec = step.kind == config::CheckStep::Kind::Expect ? expect_step(step, diagnostics) : connect_step(step, bundle);
    }
    spec.comment = step.comment;
    out.push_back(std::move(spec));
  }
  return out;
}

// A greeting, our name, good-bye: each is answered by 2xx.
std::vector<CheckStepSpec> smtp_steps(const config::Health& health) {
  CheckStepSpec reply, hello, quit;
  reply.kind = CheckStepSpec::Kind::Expect;
  reply.match = CheckStepSpec::Match::SmtpReply;
  hello.send = health.hello + "\r\n";
  quit.send = "QUIT\r\n";
  return {reply, hello, reply, quit, reply};
}

}  // namespace

bool wants_tls_check(const config::Server& server, const config::Health& health) {
  for (const config::CheckStep& step : health.steps) {
    if (step.kind == config::CheckStep::Kind::Connect && step.ssl) return true;
  }
  if (server.check.no_ssl) return false;
  if (server.check.ssl) return true;
  return server.tls.enabled && !server.check.address && server.check.port == 0;
}

CheckSpec checks_of(const config::Proxy& proxy, const config::Server& server, const ServerSpec& spec, const Bundle& bundle,
                    config::Diagnostics& diagnostics) {
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
      out.steps = http_steps(proxy.health, bundle, diagnostics);
      break;
    case config::Health::Kind::TcpScript:
      out.steps = tcp_steps(proxy.health, bundle, diagnostics);
      out.scripted = !out.steps.empty();
      break;
    case config::Health::Kind::Smtp:
      out.steps = smtp_steps(proxy.health);
      break;
  }
  return out;
}

}  // namespace penstock
