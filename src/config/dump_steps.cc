// Steps of health checks in the canonical text.
#include "dump_words.h"

namespace penstock::config {
namespace {

std::string comment_words(const CheckStep& step) {
  return step.comment.empty() ? std::string() : format(" comment {}", quoted(step.comment));
}

std::string connect_words(const CheckStep& step) {
  std::string words = "connect";
  if (step.use_default) words += " default";
  if (step.port != 0) append_format(words, " port {}", step.port);
  add_word(words, "port", step.port_expression);
  if (step.address) append_format(words, " addr {}", quoted(address_text(*step.address, AddressUse::Plain)));
  if (step.ssl) words += " ssl";
  if (step.send_proxy) words += " send-proxy";
  if (!step.sni.empty()) append_format(words, " sni {}", quoted(step.sni));
  if (!step.alpn.empty()) append_format(words, " alpn {}", quoted(joined(step.alpn)));
  return words + comment_words(step);
}

std::string send_words(const CheckStep& step) {
  std::string words = "send";
  if (!step.method.empty()) append_format(words, " meth {}", quoted(step.method));
  if (!step.uri.empty()) append_format(words, " {} {}", step.uri_formatted ? "uri-lf" : "uri", quoted(step.uri));
  if (!step.version.empty()) append_format(words, " ver {}", quoted(step.version));
  for (const auto& [name, value] : step.headers) append_format(words, " hdr {} {}", quoted(name), quoted(value));
  if (!step.body.empty()) append_format(words, " {} {}", step.body_formatted ? "body-lf" : "body", quoted(step.body));
  return words + comment_words(step);
}

std::string hex(std::string_view bytes) {
  std::string digits;
  for (const char c : bytes) append_format(digits, "{:02x}", static_cast<unsigned char>(c));
  return digits;
}

std::string tcp_send_words(const CheckStep& step) {
  if (step.formatted)
    return format("{} {}", step.hex_format ? "send-binary-lf" : "send-lf", quoted(step.data)) + comment_words(step);
  const bool is_text = step.data.find('\0') == std::string::npos;
  return (is_text ? format("send {}", quoted(step.data)) : format("send-binary {}", hex(step.data))) +
         comment_words(step);
}

void add_header_match(std::string& words, std::string_view what, const HeaderMatch& match) {
  constexpr std::string_view kMethods[] = {"str", "beg", "end", "sub", "reg"};
  append_format(words, " {}{}", what, match.formatted ? "-lf" : "");
  if (match.how != HeaderMatch::How::Whole)
    append_format(words, " -m {}", kMethods[static_cast<std::size_t>(match.how)]);
  words += " " + quoted(match.text);
}

std::string expect_words(const CheckStep& step) {
  std::string words = "expect";
  if (step.min_recv) append_format(words, " min-recv {}", *step.min_recv);
  words += comment_words(step);
  add_word(words, "ok-status", step.ok_status);
  add_word(words, "error-status", step.error_status);
  add_word(words, "tout-status", step.timeout_status);
  add_word(words, "on-success", step.on_success);
  add_word(words, "on-error", step.on_error);
  add_word(words, "status-code", step.status_code);
  if (step.negated) words += " !";
  switch (step.match) {
    case CheckStep::Match::Status:
      return words + " status " + quoted(step.pattern);
    case CheckStep::Match::RStatus:
      return words + " rstatus " + quoted(step.pattern);
    case CheckStep::Match::String:
      return words + (step.formatted ? " string-lf " : " string ") + quoted(step.pattern);
    case CheckStep::Match::RString:
      return words + " rstring " + quoted(step.pattern);
    case CheckStep::Match::Binary:
      if (step.formatted) return words + " binary-lf " + quoted(step.pattern);
      return words + " binary " + hex(step.pattern);
    case CheckStep::Match::RBinary:
      return words + " rbinary " + quoted(step.pattern);
    case CheckStep::Match::Header:
      break;
  }
  words += step.whole_header ? " fhdr" : " hdr";
  add_header_match(words, "name", step.header_name);
  if (!step.header_value.text.empty()) add_header_match(words, "value", step.header_value);
  return words;
}

}  // namespace

namespace {

std::string set_words(const CheckStep& step) {
  return format("set-var{}({}) {}", step.formatted ? "-fmt" : "", step.variable, quoted(step.value)) +
         comment_words(step);
}

}  // namespace

namespace {

std::string httpchk_words(const Health& health) {
  const Health standard;
  // Headers come from the old trick of writing them behind the version, and are written back so.
  std::string version = health.version;
  if (!health.host.empty()) append_format(version, "\r\nHost: {}", health.host);
  for (const auto& [name, value] : health.headers) append_format(version, "\r\n{}: {}", name, value);
  if (!health.body.empty()) append_format(version, "\r\n\r\n{}", health.body);
  if (version != standard.version)
    return format("httpchk {} {} {}", quoted(health.method), quoted(health.uri), quoted(version));
  if (health.method != standard.method) return format("httpchk {} {}", quoted(health.method), quoted(health.uri));
  return health.uri != standard.uri ? format("httpchk {}", quoted(health.uri)) : "httpchk";
}

}  // namespace

std::string check_option(const Health& health) {
  switch (health.kind) {
    case Health::Kind::Tcp:
      break;
    case Health::Kind::Http:
      return httpchk_words(health);
    case Health::Kind::TcpScript:
      return "tcp-check";
    case Health::Kind::Smtp:
      return format("smtpchk {}", health.hello);
    case Health::Kind::TlsHello:
      return "ssl-hello-chk";
    case Health::Kind::Redis:
      return "redis-check";
    case Health::Kind::Ldap:
      return "ldap-check";
    case Health::Kind::PostgreSql:
      return format("pgsql-check user {}", quoted(health.user));
    case Health::Kind::External:
      return "external-check";
    case Health::Kind::MySql:
      if (health.user.empty()) return "mysql-check";
      return format("mysql-check user {}{}", quoted(health.user), health.pre_41 ? " pre-41" : "");
  }
  return {};
}

std::string step_words(bool http, const CheckStep& step) {
  switch (step.kind) {
    case CheckStep::Kind::Connect:
      return connect_words(step);
    case CheckStep::Kind::Send:
      return http ? send_words(step) : tcp_send_words(step);
    case CheckStep::Kind::Expect:
      return expect_words(step);
    case CheckStep::Kind::Set:
      return set_words(step);
    case CheckStep::Kind::Unset:
      return format("unset-var({})", step.variable);
    case CheckStep::Kind::Comment:
      break;
  }
  return {};
}

}  // namespace penstock::config
