#include <string>
#include <string_view>

#include "penstock/base/format.h"
#include "transcript.h"
#include "unit/catch.h"

using namespace penstock;
using namespace penstock::test;

namespace {

struct Row {
  std::string_view bytes;
  int status;
};

template <std::size_t count>
void check_all(const Row (&rows)[count]) {
  for (const Row& row : rows) {
    INFO(row.bytes);
    CHECK(status_of(row.bytes) == row.status);
  }
}

std::string heard(std::string_view bytes, const HeadLimits& limits = {}) {
  return transcript(bytes, Side::Request, at_once, limits);
}

// A row's bytes may hold a NUL.
constexpr std::string_view operator""_bytes(const char* text, std::size_t size) { return {text, size}; }

std::string chunked(std::string_view body) {
  return format("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{}", body);
}

int status_of_chunks(std::string_view body) { return status_of(chunked(body)); }

}  // namespace

TEST_CASE("a request is read into its parts") {
  CHECK(heard("POST /a?b=c HTTP/1.1\r\nHost: a\r\nX-Name:  two "
              "words\t\r\nx-name:again\r\nEmpty:\r\nContent-Length: 5\r\n\r\nhello") ==
        "HEAD POST /a?b=c HTTP/1.1 counted 5 keep\n Host: a\n X-Name: two words\n x-name: again\n "
        "Empty: \n"
        " Content-Length: 5\nBODY 5 hello\nEND\nCLOSED more\n");
}

TEST_CASE("requests one behind the other are told apart, whatever frames them") {
  CHECK(heard("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
              "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
              "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
              "\r\nGET /4 HTTP/1.0\r\n\r\n") ==
        "HEAD GET /1 HTTP/1.1 none keep\n Host: a\nEND\n"
        "HEAD POST /2 HTTP/1.1 counted 3 keep\n Host: a\n Content-Length: 3\nBODY 3 abc\nEND\n"
        "HEAD POST /3 HTTP/1.1 chunked keep\n Host: a\n Transfer-Encoding: chunked\nBODY 3 abc\nEND\n"
        "HEAD GET /4 HTTP/1.0 none\nEND\nCLOSED more\n");
}

TEST_CASE("any token is a method") {
  for (std::string_view method : {"GET",
                                  "HEAD",
                                  "POST",
                                  "PUT",
                                  "DELETE",
                                  "OPTIONS",
                                  "TRACE",
                                  "PATCH",
                                  "PROPFIND",
                                  "MKCALENDAR",
                                  "REPORT",
                                  "M-SEARCH",
                                  "SOURCE",
                                  "PRI",
                                  "DESCRIBE",
                                  "SETUP",
                                  "PLAY",
                                  "FLUSH",
                                  "RPC_IN_DATA",
                                  "RPC_OUT_DATA",
                                  "RPC_ECHO_DATA",
                                  "BITS_POST",
                                  "get",
                                  "Get",
                                  "connect",
                                  "X",
                                  "!#$%&'*+-.^_`|~09az",
                                  "A-METHOD-OF-MORE-THAN-THIRTY-TWO-LETTERS-IS-A-TOKEN-TOO"}) {
    const std::string message = format("{} /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", method);
    INFO(method);
    CHECK(heard(message) == format("HEAD {} /a HTTP/1.1 counted 2 keep\n Host: a\n Content-Length: "
                                   "2\nBODY 2 hi\nEND\nCLOSED more\n",
                                   method));
    CHECK(status_of(message) == 0);
  }
  CHECK(heard("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n") ==
        "HEAD CONNECT a:443 HTTP/1.1 none keep\n Host: a:443\nEND\nCLOSED more\n");
}

TEST_CASE("a start line is method, target and version with one blank between") {
  const Row rows[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0},
      {"GET / HTTP/1.0\r\n\r\n", 0},
      {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
      {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /\r\nHost: a\r\n\r\n", 400},
      {"GET / \r\nHost: a\r\n\r\n", 400},
      {"GET HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET\r\nHost: a\r\n\r\n", 400},
      {"/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET: / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"G\xc3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
  };
  check_all(rows);
}

TEST_CASE("other versions than 1.0 and 1.1 are refused as such") {
  const Row rows[] = {
      {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},  {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
      {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},  {"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},   {"GET / HTTP/1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/11\r\nHost: a\r\n\r\n", 400},   {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1,1\r\nHost: a\r\n\r\n", 400},  {"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/ 1.1\r\nHost: a\r\n\r\n", 400}, {"GET / HTTP/a.1\r\nHost: a\r\n\r\n", 400},
      {"GET / ICY/1.1\r\nHost: a\r\n\r\n", 400},   {"GET / RTSP/1.0\r\nHost: a\r\n\r\n", 400},
  };
  check_all(rows);
}

TEST_CASE("a start line that is none is refused at its end: nothing else may come before an answer") {
  const Row rows[] = {
      {"GET /\r\n", 400}, {"SSH-2.0-Go\r\n", 400},  {"GET / HTTP/2.0\r\n", 505}, {"GET / HTTP/2.0\r\nA\n", 505},
      {"GET /\r", 0},     {"GET / HTTP/1.1\r\n", 0}};
  check_all(rows);
}

TEST_CASE("targets pass as they are written, or not at all") {
  for (std::string_view target :
       {"/", "/owa/?a=b&c", "/rpc/rpcproxy.dll?ab84efc1-1111-2222-3333-ec44e6c6c967@contoso.com:6001", "//a", "/a/../b",
        "/%00", "/a|b{c}\"d\"<e>^`\\[]", "/?a?b", "*", "http://a/x", "https://a:443/x?y", "http://a", "http://a?x"}) {
    const std::string_view method = target == "*" ? "OPTIONS" : "GET";
    INFO(target);
    CHECK(status_of(format("{} {} HTTP/1.1\r\nHost: {}\r\n\r\n", method, target,
                           target.find("443") == target.npos ? "a" : "a:443")) == 0);
  }
  for (std::string_view target :
       {"/a#b", "#", "/a\xc3\xa9", "/a\x80", "/\x7f", "owa", "http:/a", "http//a", "*", "a:443", "mailto:a@b"}) {
    INFO(target);
    CHECK(status_of(format("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", target)) == 400);
  }
}

TEST_CASE("every line of a head ends in CR LF and holds no control byte") {
  const Row rows[] = {
      {"GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\n\n", 400},
      {"GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n\rX", 400},
      {"GET / HTTP/1.1\r\nX: b\rContent-Length: 5\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nX: b\nContent-Length: 5\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nX: b\0c\r\nHost: a\r\n\r\n"_bytes, 400},
      {"GET / HTTP/1.1\r\nHost: a\0\r\n\r\n"_bytes, 400},
      {"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"_bytes, 400},
      {"GET / HTTP/1.1\r\nX: \x01\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nX: \x0b\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nX: \x7f\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nX: \x1f\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nX: a\tb\r\nHost: a\r\n\r\n", 0},
      {"GET / HTTP/1.1\r\nX: \x80\xff gr\xc3\xbc\xc3\x9f\r\nHost: a\r\n\r\n", 0},
      {"\x16\x03\x01\x02\x01\x01", 400},
  };
  check_all(rows);
}

TEST_CASE("a field is a token, a colon and a value on one line") {
  const Row rows[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n", 0},
      {"GET / HTTP/1.1\r\nHost:a\r\nX:b:c\r\n\r\n", 0},
      {"GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~: b\r\n\r\n", 0},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nA B: c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nA(B): c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa9: c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n\"X\": c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n Content-Length: 5\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n", 400},
  };
  check_all(rows);
}

TEST_CASE("what framing refuses is answered with 400") {
  const Row rows[] = {
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 010\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0b"
       "chunked\r\n\r\n",
       400},
      {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tCHUNKED \r\n\r\n0\r\n\r\n", 0},
      {"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
  };
  check_all(rows);
}

TEST_CASE("a few blank lines before a request are forgiven, odd ones are not") {
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  CHECK(status_of("\r\n" + get) == 0);
  CHECK(status_of("\r\n\r\n\r\n\r\n" + get) == 0);
  CHECK(status_of("\r\n\r\n\r\n\r\n\r\n" + get) == 400);
  CHECK(status_of("\n" + get) == 400);
  CHECK(status_of("\r" + get) == 400);
  CHECK(status_of("\r\n\r" + get) == 400);
  CHECK(heard("\r\n\r\n") == "CLOSED more\n");
  CHECK(heard("\r") == "CLOSED more\n");
}

TEST_CASE("a head as long as the limit passes, one byte more does not") {
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  for (std::size_t size : {64u, 4096u, 16384u, 65536u, 131072u}) {
    const std::string head = start + std::string(size - start.size() - 4, 'x') + "\r\n\r\n";
    REQUIRE(head.size() == size);
    INFO(size);
    HeadLimits limits;
    limits.head = size;
    CHECK(status_of(head, Side::Request, limits) == 0);
    limits.head = size - 1;
    CHECK(status_of(head, Side::Request, limits) == 431);
  }
}

TEST_CASE("blank lines and body do not count as head") {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n";
  HeadLimits limits;
  limits.head = head.size();
  CHECK(status_of("\r\n\r\n" + head + std::string(40, 'b'), Side::Request, limits) == 0);
}

TEST_CASE("a start line longer than the limit is the target's fault") {
  HeadLimits limits;
  limits.head = 64;
  CHECK(status_of("GET /" + std::string(100, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", Side::Request, limits) == 414);
  CHECK(status_of(std::string(100, 'A') + " / HTTP/1.1\r\nHost: a\r\n\r\n", Side::Request, limits) == 400);
}

TEST_CASE("as many fields as the limit pass, one more does not") {
  const auto request = [](std::size_t fields) {
    std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (std::size_t i = 1; i < fields; ++i) text += format("X-{}: {}\r\n", i, i);
    return text + "\r\n";
  };
  CHECK(status_of(request(101)) == 0);
  CHECK(status_of(request(102)) == 431);
  HeadLimits limits;
  limits.fields = 3;
  CHECK(status_of(request(3), Side::Request, limits) == 0);
  CHECK(status_of(request(4), Side::Request, limits) == 431);
}

TEST_CASE("a Kerberos token of 64 KiB passes in one piece") {
  const std::string token(65536, 'Y');
  const std::string request = "GET /mapi/ HTTP/1.1\r\nHost: a\r\nAuthorization: Negotiate " + token + "\r\n\r\n";
  CHECK(heard(request) ==
        "HEAD GET /mapi/ HTTP/1.1 none keep\n Host: a\n Authorization: Negotiate " + token + "\nEND\nCLOSED more\n");
  CHECK(status_of(request) == 0);
}

TEST_CASE("chunks are read whatever their case, extensions and trailers") {
  CHECK(heard(chunked("5;a=b;c=\"d;e\"\r\nhello\r\nA\r\n0123456789\r\n00b\r\n0123456789a\r\n0\r\nX-"
                      "Sum: 1\r\nY:\r\n\r\n")) ==
        "HEAD POST / HTTP/1.1 chunked keep\n Host: a\n Transfer-Encoding: chunked\n"
        "BODY 26 hello01234567890123456789a\n X-Sum: 1\n Y: \nEND\nCLOSED more\n");
  CHECK(heard(chunked("0\r\n\r\n")) ==
        "HEAD POST / HTTP/1.1 chunked keep\n Host: a\n Transfer-Encoding: chunked\nEND\nCLOSED "
        "more\n");
}

TEST_CASE("chunk sizes are hexadecimal digits and nothing else") {
  for (std::string_view size : {"5", "05", "0000000000000005"})
    CHECK(status_of_chunks(format("{}\r\nhello\r\n0\r\n\r\n", size)) == 0);
  for (std::string_view size : {"", "+5", "-5", "0x5", " 5", "5 ", "\t5", "5\t", "5 a", "g", "5h", "00000000000000005",
                                "10000000000000000", "fffffffffffffffff", "5,", "5.", "\"5\"", "5\x0b"}) {
    INFO(size);
    CHECK(status_of_chunks(format("{}\r\nhello\r\n0\r\n\r\n", size)) == 400);
  }
}

TEST_CASE("the largest chunk size that 64 bits hold is no smaller one") {
  CHECK(heard(chunked("ffffffffffffffff\r\nhello\r\n0\r\n\r\n")) ==
        "HEAD POST / HTTP/1.1 chunked keep\n Host: a\n Transfer-Encoding: chunked\nBODY 12 "
        "hello\r\n0\r\n\r\n\n"
        "CLOSED error\n");
}

TEST_CASE("chunk lines and chunk data end in CR LF") {
  const std::string_view bodies[] = {
      "5\nhello\r\n0\r\n\r\n", "5\rhello\r\n0\r\n\r\n",  "5\r\r\nhello\r\n0\r\n\r\n",   "5\r\nhello\n0\r\n\r\n",
      "5\r\nhello0\r\n\r\n",   "5\r\nhello\r0\r\n\r\n",  "5\r\nhello!\r\n0\r\n\r\n",    "5\r\nhello\r\n0\n\r\n",
      "5\r\nhello\r\n0\r\n\n", "5\r\nhello\r\n0\r\n\rX", "5\r\nhello\r\n\r\n0\r\n\r\n", "4\r\nhello\r\n0\r\n\r\n",
  };
  for (std::string_view body : bodies) {
    INFO(body);
    CHECK(status_of_chunks(body) == 400);
  }
}

TEST_CASE("chunk extensions are well-formed and short") {
  for (std::string_view extension :
       {";a", ";a=b", ";a=\"b c\"", ";a;b;c=d", ";a=\"\"", " ;a", "; a", ";a =b", ";a= b", "\t; a\t = \t\"b\" ;c"}) {
    INFO(extension);
    CHECK(status_of_chunks(format("5{}\r\nhello\r\n0{}\r\n\r\n", extension, extension)) == 0);
  }
  for (std::string_view extension :
       {";",           ";;a",    ";=b",       ";a=",           ";a=;b",       "; ",        ";a ",
        ";a= ",        ";a=b ",  ";a b",      ";a=b c",        ";a=\"b",      ";a=\"b\"c", ";a=\x01",
        ";a=\"\x01\"", ";a=b\n", ";a=\"\n\"", ";a=\"b\r\nc\"", ";a=\"\\\"\"", ";a\xc3\xa9"}) {
    INFO(extension);
    CHECK(status_of_chunks(format("5{}\r\nhello\r\n0\r\n\r\n", extension)) == 400);
  }
  const auto of_size = [](std::size_t size) {
    return format("5;{}\r\nhello\r\n0\r\n\r\n", std::string(size - 1, 'x'));
  };
  CHECK(status_of_chunks(of_size(255)) == 0);
  CHECK(status_of_chunks(of_size(257)) == 400);
  std::string many;
  while (many.size() < 100 * 128) many += format("1;{}\r\nx\r\n", std::string(120, 'x'));
  CHECK(transcript(chunked(many + "0\r\n\r\n"), Side::Request).find("ERROR") == std::string::npos);
  CHECK(transcript(chunked(many + many + "0\r\n\r\n"), Side::Request).find("ERROR 400") != std::string::npos);
}

TEST_CASE("trailers are fields like those of a head, and none that frame") {
  for (std::string_view trailers : {"", "A: b\r\n", "A: b\r\nA: c\r\n", "X: \x80\r\n"}) {
    INFO(trailers);
    CHECK(status_of_chunks(format("0\r\n{}\r\n", trailers)) == 0);
  }
  for (std::string_view trailers :
       {"A : b\r\n", " A: b\r\n", "A: b\r\n c\r\n", "A: b\n", "A: \x01\r\n", ": b\r\n", "A\r\n", "A: b\rc\r\n",
        "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Host: b\r\n", "Connection: close\r\n"}) {
    INFO(trailers);
    CHECK(status_of_chunks(format("0\r\n{}\r\n", trailers)) == 400);
  }
  HeadLimits limits;
  limits.head = 200;
  limits.fields = 4;
  const auto body = [](std::size_t size) { return chunked(format("0\r\nA: {}\r\n\r\n", std::string(size - 7, 'x'))); };
  CHECK(status_of(body(200), Side::Request, limits) == 0);
  CHECK(status_of(body(201), Side::Request, limits) == 431);
  CHECK(status_of(chunked("0\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n\r\n"), Side::Request, limits) == 0);
  CHECK(status_of(chunked("0\r\nA: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\nE: 1\r\n\r\n"), Side::Request, limits) == 431);
}

TEST_CASE("a request with a body is not upgraded and ends where its body does") {
  const std::string fields = "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
  const std::string heard_fields = " Host: a\n Connection: Upgrade\n Upgrade: websocket\n";
  CHECK(heard("GET /ws HTTP/1.1\r\n" + fields + "\r\n") ==
        "HEAD GET /ws HTTP/1.1 none keep upgrade\n" + heard_fields + "END\nCLOSED more\n");
  CHECK(heard("POST /ws HTTP/1.1\r\n" + fields + "Content-Length: 2\r\n\r\nhi") ==
        "HEAD POST /ws HTTP/1.1 counted 2 keep\n" + heard_fields + " Content-Length: 2\nBODY 2 hi\nEND\nCLOSED more\n");
  CHECK(heard("POST /ws HTTP/1.1\r\n" + fields + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n") ==
        "HEAD POST /ws HTTP/1.1 chunked keep\n" + heard_fields +
            " Transfer-Encoding: chunked\nBODY 2 hi\nEND\nCLOSED more\n");
}

TEST_CASE("what stands behind a request with an upgrade stays in the input") {
  Arena arena;
  H1Parser parser{HeadLimits{}};
  parser.start_request(arena);
  Slice input = slice_of(
      "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: "
      "websocket\r\n\r\n\x81\x05hello");
  REQUIRE(parser.next(input) == H1Parser::Step::Head);
  REQUIRE(parser.next(input) == H1Parser::Step::End);
  CHECK(input.view() == "\x81\x05hello");
}

TEST_CASE("a closed connection is an end only between requests") {
  CHECK(heard("") == "CLOSED more\n");
  CHECK(heard("G") == "CLOSED error\n");
  CHECK(heard("GET / HTTP/1.1\r\nHost: a\r\n\r") == "CLOSED error\n");
  const std::string head = "HEAD POST / HTTP/1.1 counted 5 keep\n Host: a\n Content-Length: 5\n";
  CHECK(heard("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n") == head + "CLOSED error\n");
  CHECK(heard("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell") == head + "BODY 4 hell\nCLOSED error\n");
  for (std::string_view body :
       {"", "5", "5\r\n", "5\r\nhello", "5\r\nhello\r\n", "0", "0\r\n", "0\r\nA: b\r\n", "0\r\n\r"}) {
    INFO(body);
    CHECK(heard(chunked(body)).ends_with("CLOSED error\n"));
  }
}

TEST_CASE("the end of a body can be asked for before it was told") {
  Arena arena;
  H1Parser parser{HeadLimits{}};
  parser.start_request(arena);
  Slice input = slice_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  REQUIRE(parser.next(input) == H1Parser::Step::Head);
  REQUIRE(parser.next(input) == H1Parser::Step::Body);
  CHECK(parser.end_of_input() == H1Parser::Step::End);
}

TEST_CASE("a body passes as parts of what came, without a copy") {
  Arena arena;
  H1Parser parser{HeadLimits{}};
  for (const std::string& message : {std::string("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"),
                                     chunked("5\r\nhello\r\n0\r\n\r\n")}) {
    parser.start_request(arena);
    Slice input = slice_of(message);
    const Slice whole = input;
    REQUIRE(parser.next(input) == H1Parser::Step::Head);
    CHECK(parser.head().method.data() == whole.data());
    REQUIRE(parser.next(input) == H1Parser::Step::Body);
    const Slice body = parser.take_body();
    CHECK(body.view() == "hello");
    CHECK(body.data() == whole.data() + message.find("hello"));
  }
}

TEST_CASE("the bytes of a bad head are kept for the log") {
  Arena arena;
  H1Parser parser{HeadLimits{}};
  parser.start_request(arena);
  Slice input = slice_of("GET / HTTP/1.1\r\nHo");
  REQUIRE(parser.next(input) == H1Parser::Step::More);
  CHECK(parser.raw_head() == "GET / HTTP/1.1\r\nHo");
  input = slice_of("st: a\nb");
  REQUIRE(parser.next(input) == H1Parser::Step::Error);
  CHECK(parser.raw_head() == "GET / HTTP/1.1\r\nHost: a");
  parser.release_head();
  CHECK(parser.raw_head().empty());
}

TEST_CASE("a head may be let go while the trailers are read") {
  Arena arena;
  H1Parser parser{HeadLimits{}};
  parser.start_request(arena);
  Slice input = slice_of(chunked("0\r\nX-S"));
  REQUIRE(parser.next(input) == H1Parser::Step::Head);
  REQUIRE(parser.next(input) == H1Parser::Step::More);
  parser.release_head();
  input = slice_of("um: 1\r\n\r\n");
  REQUIRE(parser.next(input) == H1Parser::Step::End);
  REQUIRE(parser.trailers().fields.size() == 1);
  CHECK(parser.trailers().fields[0].name == "X-Sum");
}

TEST_CASE("a warm parser takes no memory of its own") {
  Arena arena;
  H1Parser parser{HeadLimits{}};
  const std::size_t before = Block::bytes_in_use();
  for (int i = 0; i < 3; ++i) {
    arena.clear();
    parser.start_request(arena);
    Slice input = slice_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    while (parser.next(input) != H1Parser::Step::End) {
    }
  }
  arena.clear();
  parser.release_head();
  CHECK(Block::bytes_in_use() == before);
}
