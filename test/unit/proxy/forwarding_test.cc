#include "penstock/proxy/forwarding.h"

#include <initializer_list>
#include <string>

#include "unit/catch.h"

using namespace penstock;

namespace {

struct Message {
  explicit Message(std::initializer_list<Field> fields) {
    for (const Field& field : fields) head.fields.push_back(arena, field);
  }
  std::string names() const {
    std::string out;
    for (const Field& field : head.fields) out.append(field.name).append(" ");
    return out;
  }
  Arena arena;
  Head head;
};

}  // namespace

TEST_CASE("what was meant for this hop alone goes, all else stays in order and as it was written") {
  Message message{{"HOST", "test"}, {"X-Dup", "1"},      {"Connection", "close, X-Gone"},
                  {"x-gone", "1"},  {"Keep-Alive", "5"}, {"Proxy-Connection", "keep-alive"},
                  {"X-GONE", "2"},  {"X-Dup", "2"},      {"connection", "X-Too"},
                  {"X-Too", "3"},   {"Upgrade", "h2c"},  {"TE", "gzip"}};
  forwarding::drop_hop_fields(message.head, false);
  CHECK(message.names() == "HOST X-Dup X-Dup TE ");
  CHECK(message.head.fields[1].value == "1");
  CHECK(message.head.fields[2].value == "2");
}

TEST_CASE("what any of many Connection fields names goes") {
  constexpr std::string_view kNames[] = {"X-0", "X-1", "X-2",  "X-3",  "X-4",  "X-5",  "X-6", "X-7",
                                         "X-8", "X-9", "X-10", "X-11", "X-12", "X-13", "X-14"};
  Message message{{"Host", "test"}};
  for (const std::string_view name : kNames) {
    message.head.fields.push_back(message.arena, Field{"Connection", name});
    message.head.fields.push_back(message.arena, Field{name, "x"});
  }
  forwarding::drop_hop_fields(message.head, false);
  CHECK(message.names() == "Host ");
}

TEST_CASE("what a server must have stays though Connection names it") {
  Message message{
      {"Connection", "host, content-length, transfer-encoding, authorization, cookie, x-forwarded-for, expect"},
      {"Host", "test"},
      {"Content-Length", "1"},
      {"Transfer-Encoding", "chunked"},
      {"Authorization", "x"},
      {"Cookie", "x"},
      {"X-Forwarded-For", "x"},
      {"Expect", "100-continue"}};
  forwarding::drop_hop_fields(message.head, false);
  CHECK(message.names() == "Host Content-Length Transfer-Encoding Authorization Cookie X-Forwarded-For Expect ");
}

TEST_CASE("an upgrade that is one keeps its field, and so does a wish for trailers") {
  Message message{{"Connection", "upgrade, te"}, {"Upgrade", "websocket"}, {"TE", "trailers"}};
  forwarding::drop_hop_fields(message.head, true);
  CHECK(message.names() == "Upgrade TE ");
  Message other{{"Connection", "te"}, {"TE", "trailers, gzip"}};
  forwarding::drop_hop_fields(other.head, false);
  CHECK(other.names().empty());
}

TEST_CASE("a request of an HTTP/1.0 client that names its host becomes one of HTTP/1.1") {
  Message named{{"Host", "test"}}, nameless{};
  named.head.version = nameless.head.version = HttpVersion::Http10;
  forwarding::raise_version(named.head);
  forwarding::raise_version(nameless.head);
  CHECK(named.head.version == HttpVersion::Http11);
  CHECK(nameless.head.version == HttpVersion::Http10);
}

TEST_CASE("a credential of the connection is known from one of the request") {
  const auto carries = [](Field field) { return forwarding::carries_connection_credential(Message{field}.head); };
  CHECK(carries({"Authorization", "NTLM TlRM"}));
  CHECK(carries({"authorization", "negotiate YII"}));
  CHECK(carries({"Proxy-Authorization", "Negotiate YII"}));
  CHECK_FALSE(carries({"Authorization", "Basic bnRsbQ=="}));
  CHECK_FALSE(carries({"Authorization", "Bearer ntlm"}));
  CHECK_FALSE(carries({"X-Authorization", "NTLM"}));
  const auto asks = [](Field field, std::uint16_t status = 401) {
    Message message{field};
    message.head.status = status;
    return forwarding::asks_connection_credential(message.head);
  };
  CHECK(asks({"WWW-Authenticate", "NTLM"}));
  CHECK(asks({"WWW-Authenticate", "Basic realm=\"a\", Negotiate"}));
  CHECK(asks({"WWW-Authenticate", "Basic realm=\"a, \\\" b\", , nego2"}));
  CHECK(asks({"Proxy-Authenticate", "Negotiate"}, 407));
  CHECK(asks({"Persistent-Auth", "true"}, 200));
  CHECK_FALSE(asks({"Persistent-Auth", "false"}));
  CHECK_FALSE(asks({"WWW-Authenticate", "NTLM"}, 200));
  CHECK_FALSE(asks({"WWW-Authenticate", "Basic realm=\"a, ntlm\""}));
  CHECK_FALSE(asks({"WWW-Authenticate", "Basic realm=\"a, ntlm"}));
  CHECK_FALSE(asks({"WWW-Authenticate", "Basic realm=\"ntlm\""}));
}
