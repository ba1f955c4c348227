// A proxy from lines as an administrator writes them, compiled, and messages to run it on.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "penstock/rules/compile.h"

namespace penstock::rules {

// Words of a line: blanks separate, quotes group, a backslash takes the next character as it is.
inline std::vector<config::Word> split_words(std::string_view line, std::uint32_t number) {
  std::vector<config::Word> words;
  for (std::size_t i = 0; i < line.size();) {
    if (line[i] == ' ') {
      ++i;
      continue;
    }
    config::Word word{"", {0, number, static_cast<std::uint32_t>(i + 1)}};
    char quote = '\0';
    for (; i < line.size() && (quote != '\0' || line[i] != ' '); ++i) {
      if (quote != '\'' && line[i] == '\\' && i + 1 < line.size())
        word.text += line[++i];
      else if (quote == line[i])
        quote = '\0';
      else if (quote == '\0' && (line[i] == '"' || line[i] == '\''))
        quote = line[i];
      else
        word.text += line[i];
    }
    words.push_back(word);
  }
  return words;
}

// One configuration of a few proxies, numbered in order.
class Rig final : public Environment {
 public:
  // "frontend fe", "backend be", "listen l" begin a proxy; the lines behind belong to it.
  explicit Rig(std::string_view text, config::Mode mode = config::Mode::Http) {
    std::uint32_t number = 0;
    config_.files = {"test.cfg"};
    config_.lines.emplace_back();
    while (!text.empty()) {
      const std::string line(cut(text, '\n'));
      config_.lines[0].push_back(line);
      const std::vector<config::Word> words = split_words(line, ++number);
      if (!words.empty()) read_line(words, mode);
    }
  }

  std::map<std::string, std::string> files;
  config::Diagnostics diagnostics;
  config::Config& config() { return config_; }

  const std::string* content(const std::string& path) const override {
    const auto at = files.find(path);
    return at == files.end() ? nullptr : &at->second;
  }
  int frontend_index(const std::string& name) const override { return index_of(name, true); }
  int backend_index(const std::string& name) const override { return index_of(name, false); }
  int server_index(int backend, const std::string& name) const override {
    const auto& servers = config_.proxies[static_cast<std::size_t>(backend)].servers;
    for (std::size_t i = 0; i < servers.size(); ++i) {
      if (servers[i].name == name) return static_cast<int>(i);
    }
    return -1;
  }
  int table_index(const std::string& proxy) const override {
    const std::vector<config::Config::TableLine> tables = config_.tables();
    for (std::size_t i = 0; i < tables.size(); ++i) {
      if (tables[i].name == proxy) return static_cast<int>(i);
    }
    return -1;
  }
  std::string_view hostname() const override { return "proxy1"; }

  FrontendRules frontend(std::size_t proxy = 0) {
    diagnostics.set_source(&config_);
    return compile_frontend(config_, config_.proxies[proxy], *this, diagnostics);
  }
  BackendRules backend(std::size_t proxy) {
    diagnostics.set_source(&config_);
    return compile_backend(config_, config_.proxies[proxy], *this, diagnostics);
  }
  Sample sni(std::size_t proxy, std::size_t server) {
    const config::Proxy& section = config_.proxies[proxy];
    return compile_sni(config_, section, *section.servers[server].sni, *this, diagnostics);
  }
  // All that was complained about, one "line:column text" each.
  std::string complaints() const {
    std::string all;
    for (const config::Complaint& complaint : diagnostics.complaints()) {
      all += format("{}{}:{} {}\n", complaint.severity == config::Severity::Warning ? "warning " : "",
                    complaint.place.line, complaint.place.column, complaint.text);
    }
    return all;
  }

 private:
  int index_of(const std::string& name, bool frontend) const {
    for (std::size_t i = 0; i < config_.proxies.size(); ++i) {
      const config::Proxy& proxy = config_.proxies[i];
      if (proxy.name == name && (frontend ? proxy.is_frontend : proxy.is_backend)) return static_cast<int>(i);
    }
    return -1;
  }

  void read_line(const std::vector<config::Word>& words, config::Mode mode) {
    const std::string& first = words[0].text;
    if (first == "frontend" || first == "backend" || first == "listen") {
      config::Proxy& proxy = config_.proxies.emplace_back();
      proxy.name = words[1].text;
      proxy.mode = mode;
      proxy.is_frontend = first != "backend";
      proxy.is_backend = first != "frontend";
      proxy.log_style = mode == config::Mode::Http ? config::Proxy::LogStyle::Http : config::Proxy::LogStyle::Tcp;
      return;
    }
    config::Proxy& proxy = config_.proxies.back();
    const std::vector<config::Word> rest(words.begin() + 1, words.end());
    const std::vector<config::Word> rest2(words.begin() + std::min<std::ptrdiff_t>(2, std::ssize(words)), words.end());
    if (first == "stick-table")
      proxy.stick_table.emplace();
    else if (first == "acl")
      proxy.acls.push_back({words[1], rest2});
    else if (first == "redirect")
      proxy.rules.push_back({config::Rule::Set::HttpRequest, words[0].place, words});
    else if (first == "use_backend")
      proxy.rules.push_back({config::Rule::Set::UseBackend, words[0].place, rest});
    else if (first == "use-server")
      proxy.rules.push_back({config::Rule::Set::UseServer, words[0].place, rest});
    else if (first == "monitor")
      proxy.rules.push_back({config::Rule::Set::MonitorFail, words[0].place, rest2});
    else if (first == "http-request")
      proxy.rules.push_back({config::Rule::Set::HttpRequest, words[0].place, rest});
    else if (first == "http-response")
      proxy.rules.push_back({config::Rule::Set::HttpResponse, words[0].place, rest});
    else if (first == "http-after-response")
      proxy.rules.push_back({config::Rule::Set::HttpAfterResponse, words[0].place, rest});
    else if (first == "default_backend")
      proxy.default_backend = words[1];
    else if (first == "log-format")
      proxy.log_format = words[1];
    else if (first == "unique-id-format")
      proxy.unique_id_format = words[1];
    else if (first == "errorfile")
      proxy.errors.push_back(
          {static_cast<std::uint32_t>(std::stoul(words[1].text)), words[0].place, {}, words[2].text});
    else if (first == "http-error")
      proxy.errors.push_back({static_cast<std::uint32_t>(std::stoul(words[2].text)),
                              words[0].place,
                              {words.begin() + 3, words.end()},
                              ""});
    else if (first == "capture")
      read_capture(words, proxy);
    else if (first == "server")
      read_server(words, proxy);
    else if (first == "tcp-request")
      read_tcp(words, proxy);
  }

  static void read_capture(const std::vector<config::Word>& words, config::Proxy& proxy) {
    config::Capture capture;
    capture.side = words[1].text == "request" ? config::Capture::Side::Request : config::Capture::Side::Response;
    capture.header = words[3].text;
    capture.length = static_cast<std::uint32_t>(std::stoul(words[5].text));
    capture.place = words[0].place;
    proxy.captures.push_back(capture);
  }

  static void read_server(const std::vector<config::Word>& words, config::Proxy& proxy) {
    config::Server& server = proxy.servers.emplace_back();
    server.name = words[1].text;
    for (std::size_t i = 2; i + 1 < words.size(); ++i) {
      if (words[i].text == "sni") server.sni = words[i + 1];
    }
  }

  static void read_tcp(const std::vector<config::Word>& words, config::Proxy& proxy) {
    if (words[1].text == "inspect-delay") {
      proxy.tcp_request_inspect_delay_ms = 5000;
      return;
    }
    const config::Rule::Set set = words[1].text == "connection" ? config::Rule::Set::TcpConnection
                                  : words[1].text == "session"  ? config::Rule::Set::TcpSession
                                                                : config::Rule::Set::TcpContent;
    proxy.rules.push_back({set, words[0].place, {words.begin() + 2, words.end()}});
  }

  config::Config config_;
};

// One exchange: a client at 10.1.2.3:40000 that came to 10.0.0.9:443 over TLS, and a request.
class Try {
 public:
  explicit Try(std::string_view request = "GET / HTTP/1.1\nHost: mail.contoso.com\n") : subject(arena_) {
    client("10.1.2.3", 40000);
    SocketAddress::from_ip("10.0.0.9", 443, ends.destination);
    facts.bind = &bind_;
    facts.accepted_us = 1233922454655123;
    TlsFacts& tls = facts.tls.supposed();
    tls.version = "TLSv1.3";
    tls.cipher = "TLS_AES_128_GCM_SHA256";
    tls.alpn = "http/1.1";
    tls.sni = "mail.contoso.com";
    tls.cipher_bits = 128;
    facts.ends = &ends;
    subject.client = &facts;
    subject.random = &random;
    subject.now_us = 1700000000123456;
    subject.frontend = "fe";
    subject.frontend_index = 0;
    read(request, head_);
    subject.request = &head_;
  }
  void client(std::string_view ip, std::uint16_t port) { SocketAddress::from_ip(ip, port, ends.source); }
  void clear_text() {
    facts.tls.none();
    bind_.tls = false;
  }
  void answer(std::string_view response) {
    read(response, response_head_);
    subject.response = &response_head_;
  }
  // "name: value" of each field, in order, one a line.
  static std::string fields(const Head& head) {
    std::string all;
    for (const Field& field : head.fields) all += format("{}: {}\n", field.name, field.value);
    return all;
  }
  std::string request_fields() const { return fields(*subject.request); }
  std::string response_fields() const { return fields(*subject.response); }
  std::size_t arena_held() const { return arena_.held(); }

 private:
  Arena arena_;
  BindFacts bind_{"https", 1, true};
  Head head_, response_head_;
  std::deque<std::string> texts_;

  void read(std::string_view text, Head& head) {
    // Copies that are exactly as long as they are, so that reading past an end is found.
    std::string_view rest = text;
    std::string_view line = cut(rest, '\n');
    const std::string_view first = keep(cut(line, ' '));
    const std::string_view second = keep(cut(line, ' '));
    if (first.starts_with("HTTP/")) {
      head.status = static_cast<std::uint16_t>(*parse_unsigned(second));
      head.reason = keep(line);
    } else {
      head.method = first;
      head.target = second;
      head.version = line == "HTTP/1.0" ? HttpVersion::Http10 : HttpVersion::Http11;
    }
    while (!rest.empty()) {
      std::string_view field = cut(rest, '\n');
      const std::string_view name = keep(cut(field, ':'));
      head.fields.push_back(arena_, Field{name, keep(trim(field))});
    }
  }
  std::string_view keep(std::string_view text) { return texts_.emplace_back(text); }

 public:
  struct Ends final : Endpoints {
    const SocketAddress& peer() override { return source; }
    const SocketAddress& local() override { return destination; }
    SocketAddress source, destination;
  };
  Ends ends;
  ClientFacts facts;
  std::uint64_t random = 1;
  Subject subject;
};

// What the sample expression yields as text, or "-" if nothing; "?" if it does not compile.
inline std::string sample_text(Try& exchange, const std::string& expression, Rig* rig = nullptr) {
  static Rig empty("frontend fe\n");
  Rig& environment = rig != nullptr ? *rig : empty;
  config::Diagnostics diagnostics;
  const Sample sample = compile_sample(expression, {0, 1, 1}, environment, diagnostics);
  if (diagnostics.failed()) return "?" + diagnostics.complaints()[0].text;
  const auto text = sample.text(exchange.subject);
  return text ? std::string(*text) : "-";
}

// Whether the condition holds, as a rule in a frontend.
inline bool holds(Try& exchange, const std::string& condition, const std::string& acls = "") {
  Rig rig("frontend fe\n" + acls + "http-request deny if " + condition + "\n");
  const FrontendRules rules = rig.frontend();
  if (rig.diagnostics.failed()) return false;
  // Rules of another configuration may lie where old ones did.
  exchange.subject.memory = {};
  return rules.http_request.run(exchange.subject).kind == Verdict::Kind::Deny;
}

}  // namespace penstock::rules
