#include "penstock/http/framing.h"

#include <string>
#include <vector>

#include "unit/catch.h"

using namespace penstock;
using framing::Kind;

namespace {

struct Message {
  Arena arena;
  Head head;

  static Message request(std::string_view method, std::string_view target, std::vector<Field> fields,
                         HttpVersion version = HttpVersion::Http11) {
    return Message(method, target, 0, version, fields);
  }
  static Message response(std::uint16_t status, std::vector<Field> fields, HttpVersion version = HttpVersion::Http11) {
    return Message({}, {}, status, version, fields);
  }
  framing::Judgement judge(Kind kind) { return framing::judge(head, kind); }

 private:
  Message(std::string_view method, std::string_view target, std::uint16_t status, HttpVersion version,
          const std::vector<Field>& fields) {
    head.method = method;
    head.target = target;
    head.status = status;
    head.version = version;
    for (const Field& field : fields) head.fields.push_back(arena, field);
  }
};

const Field kHost{"Host", "mail.contoso.com"};

bool refused(std::string_view method, std::string_view target, std::vector<Field> fields,
             HttpVersion version = HttpVersion::Http11) {
  return Message::request(method, target, std::move(fields), version).judge(Kind::Request).refused != nullptr;
}

BodyLength body_of(std::uint16_t status, std::vector<Field> fields, Kind kind = Kind::Response) {
  const auto judgement = Message::response(status, std::move(fields)).judge(kind);
  REQUIRE(judgement.refused == nullptr);
  return judgement.body;
}

bool answer_refused(std::uint16_t status, std::vector<Field> fields, Kind kind = Kind::Response,
                    HttpVersion version = HttpVersion::Http11) {
  return Message::response(status, std::move(fields), version).judge(kind).refused != nullptr;
}

}  // namespace

TEST_CASE("a request's body is counted, chunked or not there") {
  const auto body = [](std::vector<Field> fields) {
    fields.push_back(kHost);
    const auto judgement = Message::request("POST", "/", std::move(fields)).judge(Kind::Request);
    REQUIRE(judgement.refused == nullptr);
    return judgement.body;
  };
  CHECK(body({}).kind == BodyLength::Kind::None);
  CHECK(body({{"Content-Length", "0"}}).kind == BodyLength::Kind::None);
  CHECK(body({{"content-length", "7"}}).kind == BodyLength::Kind::Counted);
  CHECK(body({{"content-length", "7"}}).bytes == 7);
  CHECK(body({{"Content-Length", "999999999999999999"}}).bytes == 999999999999999999u);
  CHECK(body({{"Transfer-Encoding", "Chunked"}}).kind == BodyLength::Kind::Chunked);
}

TEST_CASE("a Content-Length that two readers could read two ways is refused") {
  for (std::string_view value : {"", "+5", "-5", "05", "010", "00", "5 5", "5,5", "5, 5", "0x5", "5a", "5.0", "1e3",
                                 "1000000000000000000", "18446744073709551616", "\xd9\xa3"}) {
    INFO(value);
    CHECK(refused("POST", "/", {kHost, {"Content-Length", value}}));
    CHECK(answer_refused(200, {{"Content-Length", value}}));
  }
  CHECK(refused("POST", "/", {kHost, {"Content-Length", "5"}, {"Content-Length", "6"}}));
  CHECK(refused("POST", "/", {kHost, {"Content-Length", "5"}, {"CONTENT-LENGTH", "5"}}));
}

TEST_CASE("a Transfer-Encoding that is not chunked and nothing else is refused") {
  for (std::string_view value :
       {"", "identity", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked;q=1", "xchunked",
        "chunkedx", "chunked,", ",chunked", "\"chunked\"", "chun ked"}) {
    INFO(value);
    CHECK(refused("POST", "/", {kHost, {"Transfer-Encoding", value}}));
    CHECK(answer_refused(200, {{"Transfer-Encoding", value}}));
  }
  CHECK(refused("POST", "/", {kHost, {"Transfer-Encoding", "chunked"}, {"transfer-encoding", "chunked"}}));
  CHECK_FALSE(refused("POST", "/", {kHost, {"Transfer-Encoding", "cHUNKED"}}));
}

TEST_CASE("both length fields together are refused, in either order") {
  CHECK(refused("POST", "/", {kHost, {"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}));
  CHECK(refused("POST", "/", {kHost, {"Transfer-Encoding", "chunked"}, {"Content-Length", "0"}}));
  CHECK(answer_refused(200, {{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}}));
  CHECK(answer_refused(304, {{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}}));
}

TEST_CASE("Transfer-Encoding in HTTP/1.0 is refused") {
  CHECK(refused("POST", "/", {kHost, {"Transfer-Encoding", "chunked"}}, HttpVersion::Http10));
  CHECK(answer_refused(200, {{"Transfer-Encoding", "chunked"}}, Kind::Response, HttpVersion::Http10));
}

TEST_CASE("HTTP/1.1 needs one Host that names a host") {
  CHECK(refused("GET", "/", {}));
  CHECK_FALSE(refused("GET", "/", {}, HttpVersion::Http10));
  CHECK(refused("GET", "/", {kHost, kHost}));
  CHECK(refused("GET", "/", {kHost, kHost}, HttpVersion::Http10));
  for (std::string_view value : {"mail.contoso.com", "mail.contoso.com:443", "mail.contoso.com:", "10.0.0.1:8080",
                                 "[::1]", "[2001:db8::1]:443", "under_score", "a%20b", "", "MAIL.", "h:65535"}) {
    INFO(value);
    CHECK_FALSE(refused("GET", "/", {{"Host", value}}));
  }
  for (std::string_view value :
       {"a b", "a/b",    "user@a", "a,b",  "a:b", "a:1:2", "a:65536", "a:+1",      "a:000080", "[::1", "::1",
        "[]",  "[::1]a", "a%2",    "a%zz", "a?b", "a#b",   "a\\b",    "a\xc3\xa9", "<a>",      "\"a\""}) {
    INFO(value);
    CHECK(refused("GET", "/", {{"Host", value}}));
  }
}

TEST_CASE("each form of target goes with its methods") {
  CHECK_FALSE(refused("GET", "/", {kHost}));
  CHECK_FALSE(refused("GET", "//double", {kHost}));
  CHECK_FALSE(refused("OPTIONS", "*", {kHost}));
  CHECK(refused("GET", "*", {kHost}));
  CHECK(refused("OPTIONS", "*a", {kHost}));
  CHECK(refused("GET", "", {kHost}));
  CHECK(refused("GET", "owa", {kHost}));
  CHECK(refused("GET", "?q", {kHost}));
  CHECK(refused("GET", "mail.contoso.com:443", {kHost}));
  CHECK(refused("GET", "mailto:a@b", {kHost}));
  CHECK_FALSE(refused("GET", "http://mail.contoso.com/owa", {kHost}));
  CHECK_FALSE(refused("GET", "HTTP://MAIL.contoso.com:80?x", {kHost}));
  CHECK_FALSE(refused("GET", "https://mail.contoso.com:443", {kHost}));
  CHECK(refused("GET", "http://mail.contoso.com:443/", {kHost}));
  CHECK(refused("GET", "http://other/owa", {kHost}));
  CHECK(refused("GET", "http://user@mail.contoso.com/", {kHost}));
  CHECK(refused("GET", "http:///owa", {kHost}));
  CHECK(refused("GET", "://mail.contoso.com/", {kHost}));
  CHECK(refused("GET", "a/b://mail.contoso.com/", {kHost}));
  CHECK(refused("GET", "http:x@other://mail.contoso.com/", {kHost}));
  CHECK(refused("GET", "a:b://mail.contoso.com/", {kHost}));
  CHECK(refused("GET", "1x://mail.contoso.com/", {kHost}));
}

TEST_CASE("CONNECT names host and port, the same as Host, and has no body") {
  const Field host{"Host", "a:443"};
  CHECK_FALSE(refused("CONNECT", "a:443", {host}));
  CHECK_FALSE(refused("CONNECT", "a:443", {{"Host", "A"}}));
  CHECK_FALSE(refused("CONNECT", "a:443", {host, {"Content-Length", "0"}}));
  CHECK(refused("CONNECT", "a:443", {{"Host", "b:443"}}));
  CHECK(refused("CONNECT", "a:443", {{"Host", "a:444"}}));
  CHECK(refused("CONNECT", "a", {host}));
  CHECK(refused("CONNECT", ":443", {host}));
  CHECK(refused("CONNECT", "/", {host}));
  CHECK(refused("CONNECT", "http://a:443/", {host}));
  CHECK(refused("CONNECT", "a:443", {host, {"Content-Length", "1"}}));
  CHECK(refused("CONNECT", "a:443", {host, {"Transfer-Encoding", "chunked"}}));
}

TEST_CASE("an answer's body follows RFC 9112 section 6.3") {
  using Length = BodyLength::Kind;
  const Field length{"Content-Length", "5"};
  const Field chunked{"Transfer-Encoding", "chunked"};
  CHECK(body_of(200, {length}).kind == Length::Counted);
  CHECK(body_of(200, {chunked}).kind == Length::Chunked);
  CHECK(body_of(200, {}).kind == Length::UntilClose);
  CHECK(body_of(200, {{"Content-Length", "0"}}).kind == Length::None);
  CHECK(body_of(404, {}).kind == Length::UntilClose);
  CHECK(body_of(999, {length}).kind == Length::Counted);
  CHECK(body_of(200, {length}, Kind::ResponseToHead).kind == Length::None);
  CHECK(body_of(200, {chunked}, Kind::ResponseToHead).kind == Length::None);
  CHECK(body_of(200, {}, Kind::ResponseToHead).kind == Length::None);
  CHECK(body_of(304, {length}).kind == Length::None);
  CHECK(body_of(304, {chunked}).kind == Length::None);
  CHECK(body_of(204, {}).kind == Length::None);
  CHECK(body_of(204, {{"Content-Length", "0"}}).kind == Length::None);
  CHECK(body_of(204, {chunked}).kind == Length::None);
  CHECK(body_of(205, {length}).kind == Length::Counted);
  CHECK(body_of(100, {}).kind == Length::None);
  CHECK(body_of(103, {}).kind == Length::None);
  CHECK(body_of(101, {}).kind == Length::Tunnel);
  CHECK(body_of(200, {}, Kind::ResponseToConnect).kind == Length::Tunnel);
  CHECK(body_of(299, {{"Content-Length", "0"}}, Kind::ResponseToConnect).kind == Length::Tunnel);
  CHECK(body_of(407, {length}, Kind::ResponseToConnect).kind == Length::Counted);
  CHECK(body_of(300, {}, Kind::ResponseToConnect).kind == Length::UntilClose);
}

TEST_CASE("an answer that cannot have a body must not announce one") {
  const Field length{"Content-Length", "5"};
  const Field chunked{"Transfer-Encoding", "chunked"};
  CHECK(answer_refused(100, {length}));
  CHECK(answer_refused(100, {chunked}));
  CHECK(answer_refused(101, {length}));
  CHECK(answer_refused(101, {chunked}));
  CHECK(answer_refused(204, {length}));
  CHECK(answer_refused(200, {length}, Kind::ResponseToConnect));
  CHECK(answer_refused(200, {chunked}, Kind::ResponseToConnect));
}

TEST_CASE("Host in an answer is a field like any other") { CHECK_FALSE(answer_refused(200, {kHost, {"host", "a b"}})); }

TEST_CASE("the connection stays as version and Connection say") {
  const auto keeps = [](std::vector<Field> fields, HttpVersion version) {
    fields.push_back(kHost);
    return Message::request("GET", "/", std::move(fields), version).judge(Kind::Request).keep_alive;
  };
  CHECK(keeps({}, HttpVersion::Http11));
  CHECK_FALSE(keeps({}, HttpVersion::Http10));
  CHECK(keeps({{"Connection", "Keep-Alive"}}, HttpVersion::Http10));
  CHECK_FALSE(keeps({{"Connection", "keep-alive, close"}}, HttpVersion::Http10));
  CHECK_FALSE(keeps({{"connection", "CLOSE"}}, HttpVersion::Http11));
  CHECK_FALSE(keeps({{"Connection", "te"}, {"Connection", " te ,close"}}, HttpVersion::Http11));
  CHECK(keeps({{"Connection", "closed"}}, HttpVersion::Http11));
  CHECK(keeps({{"Proxy-Connection", "close"}}, HttpVersion::Http11));
  CHECK_FALSE(Message::response(200, {}).judge(Kind::Response).keep_alive);
  CHECK(Message::response(200, {{"Content-Length", "1"}}).judge(Kind::Response).keep_alive);
}

TEST_CASE("an upgrade needs Connection and Upgrade, HTTP/1.1, no body and another protocol than h2c") {
  const Field connection{"Connection", "keep-alive, Upgrade"};
  const Field upgrade{"Upgrade", "websocket"};
  const auto upgrades = [](std::vector<Field> fields, HttpVersion version = HttpVersion::Http11) {
    fields.push_back(kHost);
    return Message::request("GET", "/", std::move(fields), version).judge(Kind::Request).upgrade;
  };
  CHECK(upgrades({connection, upgrade}));
  CHECK_FALSE(upgrades({connection}));
  CHECK_FALSE(upgrades({upgrade}));
  CHECK_FALSE(upgrades({connection, {"Upgrade", ""}}));
  CHECK_FALSE(upgrades({connection, upgrade}, HttpVersion::Http10));
  CHECK(upgrades({connection, upgrade, {"Content-Length", "0"}}));
  CHECK_FALSE(upgrades({connection, upgrade, {"Content-Length", "1"}}));
  CHECK_FALSE(upgrades({connection, upgrade, {"Transfer-Encoding", "chunked"}}));
  CHECK_FALSE(upgrades({connection, {"Upgrade", "websocket, H2C"}}));
}

TEST_CASE("fields that frame or route are refused in trailers") {
  const auto refused_trailer = [](std::string_view name) {
    Arena arena;
    Trailers trailers;
    trailers.fields.push_back(arena, {"X-Checksum", "1"});
    trailers.fields.push_back(arena, {name, "1"});
    return framing::judge_trailers(trailers) != nullptr;
  };
  for (std::string_view name :
       {"Content-Length", "transfer-encoding", "HOST", "Connection", "Trailer", "Upgrade", "TE"}) {
    INFO(name);
    CHECK(refused_trailer(name));
  }
  CHECK_FALSE(refused_trailer("Server-Timing"));
  CHECK_FALSE(refused_trailer("grpc-status"));
}
