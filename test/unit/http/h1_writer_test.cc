#include "penstock/http/h1_writer.h"

#include <string>
#include <vector>

#include "penstock/base/format.h"
#include "penstock/http/h1_parser.h"
#include "transcript.h"
#include "unit/catch.h"

using namespace penstock;
using namespace penstock::test;

namespace {

using Length = BodyLength::Kind;

std::string text_of(const Outbox& out) {
  std::string text;
  for (std::size_t i = 0; i < out.slices(); ++i) text += out.peek(i).view();
  REQUIRE(text.size() == out.bytes());
  return text;
}

struct Message {
  Arena arena;
  Head head;

  static Message request(BodyLength body, std::vector<Field> fields, HttpVersion version = HttpVersion::Http11) {
    return Message(0, body, fields, version);
  }
  static Message response(std::uint16_t status, BodyLength body, std::vector<Field> fields) {
    return Message(status, body, fields, HttpVersion::Http11);
  }
  std::string as_request(ConnectionToken connection = ConnectionToken::None) {
    Outbox out;
    H1Writer().request_head(out, head, connection);
    return text_of(out);
  }
  std::string as_response(bool no_body = false, bool chunks_allowed = true,
                          ConnectionToken connection = ConnectionToken::None) {
    Outbox out;
    H1Writer().response_head(out, head, connection, no_body, chunks_allowed);
    return text_of(out);
  }

 private:
  Message(std::uint16_t status, BodyLength body, const std::vector<Field>& fields, HttpVersion version) {
    head.method = status == 0 ? "POST" : "";
    head.target = status == 0 ? "/a" : "";
    head.status = status;
    head.reason = status == 0 ? "" : "Fine";
    head.version = version;
    head.body = body;
    for (const Field& field : fields) head.fields.push_back(arena, field);
  }
};

// Everything of one side of a connection, read and written again.
std::string rewritten(std::string_view bytes, Side side) {
  Arena arena;
  H1Parser parser{HeadLimits{}};
  H1Writer writer;
  Outbox out;
  Slice input = slice_of(bytes);
  const bool to_head = side == Side::ResponseToHead;
  while (!input.empty()) {
    arena.clear();
    side == Side::Request ? parser.start_request(arena) : parser.start_response(arena, to_head, false);
    for (H1Parser::Step step = parser.next(input); step != H1Parser::Step::End; step = parser.next(input)) {
      if (step == H1Parser::Step::More) return text_of(out);
      REQUIRE(step != H1Parser::Step::Error);
      if (step == H1Parser::Step::Body) {
        writer.body(out, parser.take_body());
      } else if (side == Side::Request) {
        writer.request_head(out, parser.head(), ConnectionToken::None);
      } else {
        const std::uint16_t status = parser.head().status;
        writer.response_head(out, parser.head(), ConnectionToken::None,
                             to_head || status < 200 || status == 204 || status == 304, true);
      }
    }
    writer.end(out, parser.trailers());
  }
  return text_of(out);
}

}  // namespace

TEST_CASE("a request is written as it stands") {
  CHECK(Message::request({}, {{"HOST", "a"}, {"x", "1"}, {"X", ""}, {"x", "2"}}).as_request() ==
        "POST /a HTTP/1.1\r\nHOST: a\r\nx: 1\r\nX: \r\nx: 2\r\n\r\n");
  CHECK(Message::request({}, {}, HttpVersion::Http10).as_request() == "POST /a HTTP/1.0\r\n\r\n");
}

TEST_CASE("what the connection shall become is said last") {
  Message message = Message::request({}, {{"Host", "a"}});
  CHECK(message.as_request(ConnectionToken::Close) == "POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(message.as_request(ConnectionToken::KeepAlive) ==
        "POST /a HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  CHECK(message.as_request(ConnectionToken::Upgrade) == "POST /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\r\n");
}

TEST_CASE("a request carries the one framing field its body needs") {
  const Field five{"content-length", "5"};
  const Field chunked{"transfer-encoding", "Chunked"};
  const auto written = [](BodyLength body, std::vector<Field> fields) {
    const std::string text = Message::request(body, std::move(fields)).as_request();
    const std::string start = "POST /a HTTP/1.1\r\n";
    REQUIRE(text.starts_with(start));
    return text.substr(start.size());
  };
  CHECK(written({Length::Counted, 5}, {}) == "Content-Length: 5\r\n\r\n");
  CHECK(written({Length::Counted, 5}, {five}) == "content-length: 5\r\n\r\n");
  CHECK(written({Length::Counted, 5}, {five, five}) == "content-length: 5\r\n\r\n");
  CHECK(written({Length::Counted, 5}, {{"Content-Length", "6"}}) == "Content-Length: 5\r\n\r\n");
  CHECK(written({Length::Counted, 5}, {{"Content-Length", "05"}}) == "Content-Length: 5\r\n\r\n");
  CHECK(written({Length::Counted, 5}, {chunked, five}) == "content-length: 5\r\n\r\n");
  CHECK(written({Length::Chunked, 0}, {}) == "Transfer-Encoding: chunked\r\n\r\n");
  CHECK(written({Length::Chunked, 0}, {chunked}) == "transfer-encoding: Chunked\r\n\r\n");
  CHECK(written({Length::Chunked, 0}, {chunked, chunked, five}) == "transfer-encoding: Chunked\r\n\r\n");
  CHECK(written({Length::Chunked, 0}, {{"Transfer-Encoding", "gzip"}}) == "Transfer-Encoding: chunked\r\n\r\n");
  CHECK(written({}, {}) == "\r\n");
  CHECK(written({}, {{"Content-Length", "0"}}) == "Content-Length: 0\r\n\r\n");
  CHECK(written({}, {five, chunked}) == "\r\n");
}

TEST_CASE("an answer carries the one framing field its body needs") {
  const Field five{"Content-Length", "5"};
  const Field chunked{"Transfer-Encoding", "chunked"};
  const auto written = [](std::uint16_t status, BodyLength body, std::vector<Field> fields, bool no_body = false,
                          bool chunks_allowed = true) {
    const std::string text = Message::response(status, body, std::move(fields)).as_response(no_body, chunks_allowed);
    const std::string start = format("HTTP/1.1 {} Fine\r\n", status);
    REQUIRE(text.starts_with(start));
    return text.substr(start.size());
  };
  CHECK(written(200, {Length::Counted, 5}, {five}) == "Content-Length: 5\r\n\r\n");
  CHECK(written(200, {Length::Counted, 5}, {}) == "Content-Length: 5\r\n\r\n");
  CHECK(written(200, {}, {}) == "Content-Length: 0\r\n\r\n");
  CHECK(written(200, {Length::Chunked, 0}, {chunked}) == "Transfer-Encoding: chunked\r\n\r\n");
  CHECK(written(200, {Length::Chunked, 0}, {chunked}, false, false) == "\r\n");
  CHECK(written(200, {Length::UntilClose, 0}, {five, chunked}) == "\r\n");
  CHECK(written(101, {Length::Tunnel, 0}, {five}, true) == "\r\n");
  CHECK(written(200, {Length::Tunnel, 0}, {{"Content-Length", "0"}}, true) == "\r\n");
  CHECK(written(100, {}, {five}, true) == "\r\n");
  CHECK(written(204, {}, {chunked}, true) == "\r\n");
  CHECK(written(204, {}, {}, true) == "\r\n");
  CHECK(written(200, {}, {five}, true) == "Content-Length: 5\r\n\r\n");
  CHECK(written(200, {}, {chunked}, true) == "Transfer-Encoding: chunked\r\n\r\n");
  CHECK(written(200, {}, {chunked}, true, false) == "\r\n");
  CHECK(written(200, {}, {}, true) == "\r\n");
  CHECK(written(200, {Length::Counted, 5}, {}, true) == "Content-Length: 5\r\n\r\n");
  CHECK(written(304, {}, {five, five}, true) == "Content-Length: 5\r\n\r\n");
}

TEST_CASE("fields that came behind each other go out so, without what a rule took away between them") {
  const std::string_view came = "A: 1\r\nB: 22\r\nC:3\r\nD: 4 \r\nE: 5\r\nF: 6\r\n";
  const auto cut = [&](std::string_view text) { return came.substr(came.find(text), text.size()); };
  const std::vector<Field> fields = {{cut("A"), cut("1")}, {cut("B"), cut("2")}, {cut("C"), cut("3")},
                                     {cut("D"), cut("4")}, {cut("F"), cut("6")}, {"G", "7"}};
  Message request = Message::request({}, fields);
  CHECK(request.as_request() == "POST /a HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nF: 6\r\nG: 7\r\n\r\n");
  Message reversed = Message::request({}, {fields[1], fields[0], fields[4]});
  CHECK(reversed.as_request() == "POST /a HTTP/1.1\r\nB: 2\r\nA: 1\r\nF: 6\r\n\r\n");
}

TEST_CASE("a head larger than any buffer is written whole") {
  for (std::size_t size : {1u, 2040u, 2048u, 2049u, 65536u}) {
    const std::string value(size, 'v');
    INFO(size);
    CHECK(Message::request({}, {{"A", value}, {"B", value}}).as_request() ==
          format("POST /a HTTP/1.1\r\nA: {}\r\nB: {}\r\n\r\n", value, value));
  }
}

TEST_CASE("a chunked body is written piece by piece, with its trailers") {
  Message message = Message::request({Length::Chunked, 0}, {});
  Outbox out;
  H1Writer writer;
  writer.request_head(out, message.head, ConnectionToken::None);
  out.clear();
  writer.body(out, slice_of("hello"));
  writer.body(out, Slice());
  writer.body(out, slice_of(std::string(5000, 'x')));
  Trailers trailers;
  trailers.fields.push_back(message.arena, {"X-Sum", "1"});
  writer.end(out, trailers);
  CHECK(text_of(out) == "5\r\nhello\r\n1388\r\n" + std::string(5000, 'x') + "\r\n0\r\nX-Sum: 1\r\n\r\n");
}

TEST_CASE("behind a chunked request the bytes of a tunnel are written as they are") {
  Message message = Message::request({Length::Chunked, 0}, {});
  Outbox out;
  H1Writer writer;
  writer.request_head(out, message.head, ConnectionToken::Upgrade);
  writer.end(out, {});
  out.clear();
  writer.body(out, slice_of("\x81\x80"));
  CHECK(text_of(out) == "\x81\x80");
}

TEST_CASE("a client that knows no chunks gets plain bytes and no last chunk") {
  Message message = Message::response(200, {Length::Chunked, 0}, {});
  Outbox out;
  H1Writer writer;
  writer.response_head(out, message.head, ConnectionToken::Close, false, false);
  writer.body(out, slice_of("hello"));
  writer.end(out, {});
  CHECK(text_of(out) == "HTTP/1.1 200 Fine\r\nConnection: close\r\n\r\nhello");
}

TEST_CASE("a large piece is passed on, a small one joins what stands before it") {
  Message message = Message::response(200, {Length::UntilClose, 0}, {});
  Outbox out;
  H1Writer writer;
  writer.response_head(out, message.head, ConnectionToken::None, false, true);
  writer.body(out, slice_of(std::string(1024, 'a')));
  CHECK(out.slices() == 1);
  const Slice large = slice_of(std::string(1025, 'b'));
  writer.body(out, large);
  REQUIRE(out.slices() == 2);
  CHECK(out.peek(1).data() == large.data());
}

TEST_CASE("recorded traffic is written byte for byte as it was read") {
  for (const char* name : {"autodiscover_c", "eas_options_c", "eas_ping_c", "ews_ntlm_c3", "mapi_connect_c",
                           "oab_c_range", "owa_auth_c", "rpc_echo_c", "rpc_in_c2_T3_1GiB", "rpc_out_c2_T3_76"}) {
    INFO(name);
    const std::string bytes = sample(std::string(name) + ".http");
    CHECK(rewritten(bytes, Side::Request) == bytes);
  }
  for (const char* name : {"autodiscover_s401", "eas_options_s", "eas_ping_s", "ews_ntlm_s2", "ews_ntlm_s3",
                           "healthcheck_up", "mapi_connect_s", "offload_403_4", "owa_auth_s302", "owa_s440",
                           "rpc_echo_s", "rpc_out_s2_200", "mapi_notificationwait_s_head"}) {
    INFO(name);
    const std::string bytes = sample(std::string(name) + ".http");
    CHECK(rewritten(bytes, Side::Response) == bytes);
  }
}

TEST_CASE("what was written is read as what it was written from") {
  const std::string_view messages[] = {
      "GET /a HTTP/1.1\r\nhost:a\r\nX:  b \t\r\nX:\r\n\r\n",
      "RPC_IN_DATA / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "CHUNKED\r\n\r\n3;x=y\r\nabc\r\n0003\r\ndef\r\n0\r\nT: u\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
  };
  for (std::string_view message : messages) {
    INFO(message);
    CHECK(transcript(rewritten(message, Side::Request), Side::Request) == transcript(message, Side::Request));
  }
}
