#include <string>
#include <string_view>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "transcript.h"
#include "unit/catch.h"

using namespace penstock;
using namespace penstock::test;

namespace {

std::string heard(std::string_view bytes, Side side = Side::Response) { return transcript(bytes, side); }

}  // namespace

TEST_CASE("an answer is read into its parts") {
  CHECK(heard("HTTP/1.1 200 OK\r\nServer: x\r\nWWW-Authenticate: NTLM\r\nX: y\r\nWWW-Authenticate: "
              "Basic\r\nContent-Length: 2\r\n\r\nhi") ==
        "HEAD HTTP/1.1 200 OK counted 2 keep\n Server: x\n WWW-Authenticate: NTLM\n X: y\n "
        "WWW-Authenticate: Basic\n"
        " Content-Length: 2\nBODY 2 hi\nEND\nCLOSED more\n");
}

TEST_CASE("any status of three digits passes with any reason") {
  for (std::string_view line : {"200 Success", "440 Login Timeout", "449 ", "451", "241 a\tb", "403 SSL required.",
                                "999 \xc3\xa9", "200  two", "599 HTTP/1.1 200 OK", "100 x", "600 y", "404 "}) {
    INFO(line);
    CHECK(status_of(format("HTTP/1.1 {}\r\nContent-Length: 0\r\n\r\n", line), Side::ResponseToHead) == 0);
  }
  CHECK(heard("HTTP/1.1 440 Login Timeout\r\nContent-Length: 0\r\n\r\n") ==
        "HEAD HTTP/1.1 440 Login Timeout none keep\n Content-Length: 0\nEND\nCLOSED more\n");
  CHECK(heard("HTTP/1.0 204\r\n\r\n") == "HEAD HTTP/1.0 204  none\nEND\nCLOSED more\n");
}

TEST_CASE("what is no status line is refused with 502") {
  for (std::string_view line : {"",
                                "HTTP/1.1",
                                "HTTP/1.1 ",
                                "HTTP/1.1 20",
                                "HTTP/1.1 20 OK",
                                "HTTP/1.1 2000 OK",
                                "HTTP/1.1  200 OK",
                                "HTTP/1.1 000 x",
                                "HTTP/1.1 099 x",
                                "HTTP/1.1 2x0 OK",
                                "HTTP/1.1 -20 OK",
                                "HTTP/1.1\t200 OK",
                                "HTTP/1.1 200\tOK",
                                "HTTP/2.0 200 OK",
                                "HTTP/0.9 200 OK",
                                "HTTP/1.2 200 OK",
                                "HTTP/1.15 200 OK",
                                "http/1.1 200 OK",
                                "ICY 200 OK",
                                " HTTP/1.1 200 OK",
                                "HTTP/1.1 200 a\x01",
                                "200 OK",
                                "GET / HTTP/1.1"}) {
    INFO(line);
    CHECK(status_of(format("{}\r\nContent-Length: 0\r\n\r\n", line), Side::Response) == 502);
  }
}

TEST_CASE("an answer is read as strictly as a request, and refused with 502") {
  const std::string_view answers[] = {
      "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nContent-Length: 05\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
      "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n",
      "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 101 Switching Protocols\r\nTransfer-Encoding: chunked\r\n\r\n",
  };
  for (std::string_view answer : answers) {
    INFO(answer);
    CHECK(status_of(answer, Side::Response) == 502);
  }
}

TEST_CASE("limits of an answer's head are those of a request's, refused with 502") {
  HeadLimits limits;
  limits.head = 64;
  limits.fields = 2;
  const auto answer = [](std::size_t size) {
    return format("HTTP/1.1 204 x\r\nX: {}\r\n\r\n", std::string(size - 23, 'x'));
  };
  REQUIRE(answer(64).size() == 64);
  CHECK(status_of(answer(64), Side::Response, limits) == 0);
  CHECK(status_of(answer(65), Side::Response, limits) == 502);
  CHECK(status_of("HTTP/1.1 204 x\r\nA: 1\r\nB: 1\r\n\r\n", Side::Response, limits) == 0);
  CHECK(status_of("HTTP/1.1 204 x\r\nA: 1\r\nB: 1\r\nC: 1\r\n\r\n", Side::Response, limits) == 502);
  CHECK(status_of("HTTP/1.1 204 " + std::string(100, 'x') + "\r\n\r\n", Side::Response, limits) == 502);
}

TEST_CASE("interim answers come before the final one") {
  CHECK(heard("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 "
              "200 OK\r\nContent-Length: 2\r\n\r\nhi") ==
        "HEAD HTTP/1.1 100 Continue none keep\nHEAD HTTP/1.1 103 Early Hints none keep\n Link: x\n"
        "HEAD HTTP/1.1 200 OK counted 2 keep\n Content-Length: 2\nBODY 2 hi\nEND\nCLOSED more\n");
  CHECK(heard("HTTP/1.1 100 Continue\r\n\r\n") == "HEAD HTTP/1.1 100 Continue none keep\nCLOSED error\n");
  CHECK(status_of("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Side::Response) == 0);
}

TEST_CASE("an answer to HEAD, 204 and 304 have no body whatever they say") {
  const std::string_view length = "Content-Length: 5\r\n\r\n";
  CHECK(heard(format("HTTP/1.1 200 OK\r\n{}", length), Side::ResponseToHead) ==
        "HEAD HTTP/1.1 200 OK none keep\n Content-Length: 5\nEND\nCLOSED more\n");
  CHECK(heard("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Side::ResponseToHead) ==
        "HEAD HTTP/1.1 200 OK none keep\n Transfer-Encoding: chunked\nEND\nCLOSED more\n");
  CHECK(heard("HTTP/1.1 200 OK\r\n\r\n", Side::ResponseToHead) == "HEAD HTTP/1.1 200 OK none keep\nEND\nCLOSED more\n");
  CHECK(heard(format("HTTP/1.1 304 Not Modified\r\n{}", length)) ==
        "HEAD HTTP/1.1 304 Not Modified none keep\n Content-Length: 5\nEND\nCLOSED more\n");
  CHECK(heard("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n") ==
        "HEAD HTTP/1.1 204 No Content none keep\nEND\nHEAD HTTP/1.1 204 No Content none "
        "keep\nEND\nCLOSED more\n");
}

TEST_CASE("without a length the answer ends with its connection") {
  const std::string expected = "HEAD HTTP/1.1 200 OK until-close\n X: y\nBODY 5 hello\nCLOSED end\n";
  CHECK(heard("HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello").find("BODY 5 hello") != std::string::npos);
  CHECK(heard("HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello") == expected);
  CHECK(status_of("HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello", Side::Response) == 0);
}

TEST_CASE("behind 101 and a 2xx to CONNECT all bytes belong to a tunnel") {
  CHECK(heard("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
              "websocket\r\n\r\n\x81\x02hi") ==
        "HEAD HTTP/1.1 101 Switching Protocols tunnel keep upgrade\n Connection: Upgrade\n "
        "Upgrade: websocket\n"
        "BODY 4 \x81\x02hi\nCLOSED end\n");
  CHECK(heard("HTTP/1.1 200 Connection established\r\n\r\nGET / HTTP/1.1\r\n\r\n", Side::ResponseToConnect) ==
        "HEAD HTTP/1.1 200 Connection established tunnel keep\nBODY 18 GET / "
        "HTTP/1.1\r\n\r\n\nCLOSED end\n");
  CHECK(heard("HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nhi", Side::ResponseToConnect) ==
        "HEAD HTTP/1.1 407 No counted 2 keep\n Content-Length: 2\nBODY 2 hi\nEND\nCLOSED more\n");
}

TEST_CASE("an answer cut short is an error, never an end") {
  for (std::string_view answer : {"H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
                                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
                                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
                                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    INFO(answer);
    CHECK(heard(answer).ends_with("CLOSED error\n"));
  }
}

TEST_CASE("a chunked answer may carry trailers") {
  CHECK(heard("HTTP/1.1 200 OK\r\nTransfer-Encoding: "
              "chunked\r\n\r\n9\r\nPENDING\r\n\r\n0\r\nServer-Timing: x\r\n\r\n") ==
        "HEAD HTTP/1.1 200 OK chunked keep\n Transfer-Encoding: chunked\nBODY 9 PENDING\r\n\n "
        "Server-Timing: x\nEND\nCLOSED more\n");
}

TEST_CASE("an answer says by version and Connection whether another may follow") {
  CHECK(heard("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").starts_with("HEAD HTTP/1.0 200 OK none\n"));
  CHECK(heard("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n")
            .starts_with("HEAD HTTP/1.0 200 OK none keep\n"));
  CHECK(heard("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            .starts_with("HEAD HTTP/1.1 200 OK none\n"));
}
