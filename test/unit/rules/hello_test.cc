#include "penstock/rules/client_hello.h"
#include "rig.h"
#include "unit/catch.h"

using namespace penstock;
using namespace penstock::rules;

namespace {

std::string two(std::size_t number) { return {static_cast<char>(number >> 8), static_cast<char>(number)}; }
std::string extension(std::size_t type, const std::string& body) { return two(type) + two(body.size()) + body; }
std::string sni_extension(const std::string& name) {
  const std::string entry = std::string(1, '\0') + two(name.size()) + name;
  return extension(0, two(entry.size()) + entry);
}

// A handshake message, not yet in records.
std::string hello_message(const std::string& extensions) {
  std::string body =
      "\x03\x03" + std::string(32, 'r') + std::string(1, '\0') + two(2) + "\x13\x01" + std::string("\x01\x00", 2);
  body += two(extensions.size()) + extensions;
  return "\x01" + std::string(1, '\0') + two(body.size()) + body;
}
std::string record(const std::string& bytes) { return "\x16\x03\x01" + two(bytes.size()) + bytes; }

const std::string kExtensions = sni_extension("mail.contoso.com") + extension(16, two(12) + "\x02h2\x08http/1.1") +
                                extension(10, "xx") + extension(35, "t");

ClientHello parse(const std::string& bytes) {
  static char scratch[16384];
  return parse_client_hello(std::string_view(bytes), scratch, sizeof(scratch));
}

}  // namespace

TEST_CASE("a ClientHello says its name, protocols and version") {
  const std::string bytes = record(hello_message(kExtensions));
  const ClientHello hello = parse(bytes);
  CHECK(hello.state == ClientHello::State::Complete);
  CHECK(hello.message_type == 1);
  CHECK(hello.version == 0x0303);
  CHECK(hello.sni == "mail.contoso.com");
  CHECK(hello.alpn == "\x02h2\x08http/1.1");
  CHECK(hello.has_supported_groups);
  CHECK(hello.session_ticket == 2);
}

TEST_CASE("every prefix of a hello is incomplete, none reads past its end") {
  const std::string bytes = record(hello_message(kExtensions));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(parse(bytes.substr(0, size)).state == ClientHello::State::Incomplete);
  }
}

TEST_CASE("a hello spread over records is put together") {
  const std::string message = hello_message(kExtensions);
  for (std::size_t cut_at = 4; cut_at < message.size(); ++cut_at) {
    const std::string bytes = record(message.substr(0, cut_at)) + record(message.substr(cut_at));
    CHECK(parse(bytes).sni == "mail.contoso.com");
    CHECK(parse(bytes.substr(0, bytes.size() - 1)).state == ClientHello::State::Incomplete);
  }
}

TEST_CASE("what is no hello is known as such at once") {
  CHECK(parse("GET / HTTP/1.1\r\n").state == ClientHello::State::NotTls);
  CHECK(parse("\x16\x02").state == ClientHello::State::NotTls);
  CHECK(parse("\x17\x03\x03").state == ClientHello::State::NotTls);
  CHECK(parse(std::string("\x16\x03\x01\x00\x00", 5)).state == ClientHello::State::NotTls);
  CHECK(parse("\x16\x03\x01\xff\xff").state == ClientHello::State::NotTls);
  std::string server_hello = record(hello_message(""));
  server_hello[5] = 2;
  CHECK(parse(server_hello).state == ClientHello::State::NotTls);
  std::string huge = record(hello_message(""));
  huge[6] = 1;
  CHECK(parse(huge).state == ClientHello::State::NotTls);
}

TEST_CASE("broken lengths inside a hello lead nowhere") {
  const std::string good = record(hello_message(kExtensions));
  for (std::size_t at = 9; at < good.size(); ++at) {
    for (const char value : {'\xff', '\x00', '\x7f'}) {
      std::string bad = good;
      bad[at] = value;
      parse(bad);
    }
  }
  CHECK(parse(record(hello_message(""))).sni.data() == nullptr);
}

TEST_CASE("rules of mode tcp route by the name in the hello, waiting for all of it") {
  Rig rig(
      "frontend fe\ntcp-request inspect-delay 5s\ntcp-request content accept if { req.ssl_hello_type 1 }\ntcp-request "
      "content reject\n"
      "use_backend eas if { req.ssl_sni -i eas.contoso.com }\nuse_backend owa if { req.ssl_sni -i MAIL.contoso.com "
      "}\nuse_backend h2 if { req.ssl_alpn -m sub h2 } { req.ssl_ver 3.3 }\n"
      "default_backend none\nbackend eas\nbackend owa\nbackend h2\nbackend none\n",
      config::Mode::Tcp);
  const FrontendRules rules = rig.frontend();
  CHECK(rig.complaints() == "");
  const std::string bytes = record(hello_message(kExtensions));
  Try exchange;
  exchange.subject.request = nullptr;
  exchange.subject.buffer_final = false;
  exchange.subject.buffer = std::string_view(bytes).substr(0, 20);
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Wait);
  exchange.subject.buffer = bytes;
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Continue);
  CHECK(rules.choose_backend(exchange.subject) == 2);
  exchange.subject.buffer = "SSH-2.0-x";
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Reject);
  CHECK(rules.choose_backend(exchange.subject) == 4);
  const std::string other = record(hello_message(extension(16, two(3) + "\x02h2")));
  exchange.subject.buffer = other;
  CHECK(rules.choose_backend(exchange.subject) == 3);
}

TEST_CASE("of tests that must all hold the first undecided one waits: those behind it may change their minds") {
  Rig rig("frontend fe\ntcp-request content reject unless { req.payload(0,3) -m str SSH } !{ req.len lt 3 }\n",
          config::Mode::Tcp);
  const FrontendRules rules = rig.frontend();
  Try exchange;
  exchange.subject.buffer_final = false;
  exchange.subject.buffer = "SS";
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Wait);
  exchange.subject.buffer_final = true;
  exchange.subject.buffer = "SSH";
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Continue);
}

TEST_CASE("of no bytes there is no payload") {
  Rig rig("frontend fe\ntcp-request content reject if { req.payload(0,0) -m found }\n", config::Mode::Tcp);
  const FrontendRules rules = rig.frontend();
  Try exchange;
  exchange.subject.buffer = "";
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Continue);
  exchange.subject.buffer = "x";
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Reject);
}

TEST_CASE("payload compares bytes at their place") {
  Rig rig("frontend fe\ntcp-request content accept if { req.payload(0,3) -m str SSH }\ntcp-request content reject\n",
          config::Mode::Tcp);
  const FrontendRules rules = rig.frontend();
  Try exchange;
  exchange.subject.buffer_final = false;
  exchange.subject.buffer = "SS";
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Wait);
  exchange.subject.buffer = "SSH-";
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Continue);
  exchange.subject.buffer = "SSL-";
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Reject);
}

TEST_CASE("a block is found by the length in front of it, or elsewhere") {
  Rig rig(
      "frontend fe\ntcp-request content accept if { req.payload_lv(1,1) -m str abc } { req.payload_lv(1,1,+1) -m str "
      "bcd } "
      "{ payload_lv(1,1,-2) -m sub x } { req.payload_lv(1,1,2) -m str abc }\ntcp-request content reject\n",
      config::Mode::Tcp);
  const FrontendRules rules = rig.frontend();
  CHECK(rig.complaints() == "");
  Try exchange;
  exchange.subject.buffer_final = false;
  for (const std::string_view part : {std::string_view("x"), std::string_view("x\3"), std::string_view("x\3ab")}) {
    exchange.subject.buffer = part;
    CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Wait);
  }
  exchange.subject.buffer = "x\3abcd";
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Continue);
  exchange.subject.buffer = std::string_view("x\0abcd", 6);
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Reject);
}

TEST_CASE("a place that is no number is complained about") {
  Rig rig("frontend fe\ntcp-request content accept if { req.payload_lv(1,1,+x) -m str abc }\n", config::Mode::Tcp);
  rig.frontend();
  CHECK(rig.complaints().find("'+x' is no place of a block") != std::string::npos);
}
