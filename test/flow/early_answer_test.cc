// Answers that come before the request has been read, statuses that have no body, and clients that die unread.
#include <string>

#include "flow/rig.h"
#include "unit/catch.h"

using namespace penstock;
using penstock::test::Rig;
using penstock::test::ScriptedClient;
using End = penstock::test::ScriptedClient::End;

namespace {

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kApp = "backend app\n  server s1 ${s1}\n";

std::string post(std::size_t length) {
  return "POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

std::string asked(const std::string& method) { return method + " /x HTTP/1.1\r\nHost: test\r\n\r\n"; }

}  // namespace

// ---- Statuses and methods without a body, by the word of a rule.

TEST_CASE("of a status without a body that a rule sets the body stays away, and the connection goes on") {
  const std::string set = GENERATE("http-response set-status", "http-after-response set-status");
  const std::string status = GENERATE("204", "304");
  const std::string framing =
      GENERATE("Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  Rig rig(set + " " + status + " if { res.fhdr(a) b }\n" + kApp);
  rig.server("s1")
      .next()
      .expects("\r\n\r\n")
      .sends("HTTP/1.1 200 OK\r\nA: b\r\n" + framing)
      .expects("\r\n\r\n")
      .sends(kOk);
  ScriptedClient client(rig);
  const auto answer = client.asks(asked("GET"));
  CHECK(std::to_string(answer.status) == status);
  CHECK(answer.body.empty());
  CHECK(answer.has("Content-Length") == (status == "304" && framing[0] == 'C'));
  CHECK(client.gets("/y").body == "ok");
  CHECK(rig.line() == status + " -- s1");
  CHECK(rig.server("s1").accepted() == 1);
}

TEST_CASE("an answer of our own whose status a rule makes one without a body has none") {
  const std::string status = GENERATE("204", "304");
  Rig rig(
      "http-request return status 200 content-type text/plain string xyz if { path /x }\n"
      "http-after-response set-status " +
      status + " if { status 200 }\n" + kApp);
  ScriptedClient client(rig);
  client.says(asked("GET") + asked("GET"));
  for (int i = 0; i < 2; ++i) {
    const auto answer = client.answer();
    CHECK(std::to_string(answer.status) == status);
    CHECK(answer.body.empty());
  }
  CHECK(client.rest().empty());
}

TEST_CASE("an interim status that a rule sets answers nothing: the client is told 500 (PH)") {
  const std::string status = GENERATE("100", "101", "199");
  const std::string set = GENERATE("http-response", "http-after-response");
  Rig rig(set + " set-status " + status + "\n" + kApp);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk);
  ScriptedClient client(rig);
  CHECK(client.asks(asked("GET")).status == 500);
  CHECK(client.asks(asked("GET")).status == 500);
  CHECK(rig.line() == "500 PH s1");
}

TEST_CASE("an interim status that a rule sets opens no tunnel: the client is told 500 (PH), and both are let go") {
  const std::string set = GENERATE("http-response", "http-after-response");
  const std::string asked_for =
      GENERATE("CONNECT h.example:443 HTTP/1.1\r\nHost: h.example\r\nConnection: close\r\n\r\n",
               "GET /x HTTP/1.1\r\nHost: h.example\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n");
  const bool is_connect = asked_for.starts_with("CONNECT");
  Rig rig(set + " set-status 103\n" + kApp);
  rig.server("s1")
      .next()
      .expects("\r\n\r\n")
      .sends(is_connect ? "HTTP/1.1 204 No Content\r\n\r\n"
                        : "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  ScriptedClient client(rig);
  CHECK(client.asks(asked_for).status == 500);
  CHECK(client.end() == ScriptedClient::End::Finished);
  CHECK(rig.line() == "500 PH s1");
  rig.run_until([&] { return rig.server("s1").open() == 0; });
}

TEST_CASE("a HEAD that a rule makes a GET is answered without the body that the server sends") {
  Rig rig("http-request set-method GET if METH_HEAD\n" + kApp);
  rig.server("s1").next().expects("GET /x").expects("\r\n\r\n").sends(kOk).expects("\r\n\r\n").sends(kOk);
  ScriptedClient client(rig);
  client.says(asked("HEAD"));
  client.hears("Content-Length: 2\r\n\r\n");
  CHECK(client.gets("/y").body == "ok");
}

TEST_CASE("a GET that a rule makes a HEAD is answered as empty, not as cut") {
  Rig rig("http-request set-method HEAD if { path /x }\n" + kApp);
  rig.server("s1")
      .next()
      .expects("HEAD /x")
      .expects("\r\n\r\n")
      .sends("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
      .repeats();
  ScriptedClient client(rig);
  const auto answer = client.asks(asked("GET"));
  CHECK(answer.has("Content-Length: 0"));
  CHECK(client.asks(asked("GET")).status == 200);
}

// ---- The server answers before it has read the request.

TEST_CASE("a server that answers early and reads on gets the whole body, and both connections stay") {
  constexpr std::size_t kLong = 3'000'000;
  Rig rig(kApp);
  rig.server("s1")
      .next()
      .expects("\r\n\r\n")
      .sends(kOk)
      .expects(std::string(1000, 'z'))
      .expects("GET /next")
      .sends(kOk);
  ScriptedClient client(rig);
  client.says(post(kLong));
  CHECK(client.answer().body == "ok");
  client.says(std::string(kLong - 1000, 'y') + std::string(1000, 'z'));
  CHECK(rig.line() == "200 -- s1");
  CHECK(client.gets("/next").body == "ok");
  CHECK(rig.server("s1").accepted() == 1);
}

TEST_CASE("when a server that has answered closes, the client may finish and ask again (SD)") {
  const bool reset = GENERATE(false, true);
  constexpr std::size_t kLong = 3'000'000;
  Rig rig(kApp);
  auto& script = rig.server("s1").next().expects("\r\n\r\n").sends(kOk).expects("a");
  if (reset)
    script.resets();
  else
    script.closes();
  rig.server("s1").next().expects("GET /next").sends(kOk);
  ScriptedClient client(rig);
  client.says(post(kLong));
  CHECK(client.answer().body == "ok");
  client.says("a");
  CHECK(rig.line() == "200 SD s1");
  client.says(std::string(kLong - 1, 'y'));
  CHECK(client.gets("/next").body == "ok");
  CHECK(rig.in_use() == 0);
}

TEST_CASE("an answer with a body to come that is too long to be read for nobody says that it is the last") {
  Rig rig(kApp);
  rig.server("s1")
      .next()
      .expects("\r\n\r\n")
      .sends("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
      .closes();
  const bool longer = GENERATE(false, true);
  ScriptedClient client(rig);
  client.says(post(64 * 1024 * 1024 + (longer ? 1 : 0)));
  const auto answer = client.answer();
  CHECK(answer.status == 413);
  CHECK(answer.has("Connection: close") == longer);
  CHECK(rig.line() == "413 SD s1");
}

TEST_CASE("an answer that ends by close is told to be over at once, though the body has not come") {
  const bool reset = GENERATE(false, true);  // What a close with a body unread amounts to.
  Rig rig(kApp);
  auto& script = rig.server("s1").next().expects("\r\n\r\n").sends("HTTP/1.1 413 Too Large\r\n\r\nno").expects("a");
  if (reset)
    script.resets();
  else
    script.closes();
  ScriptedClient client(rig);
  client.says(post(100));
  client.hears("no");
  client.says("a");
  CHECK(client.end() == End::Finished);
  CHECK(rig.line() == "413 SD s1");
}

TEST_CASE("a client that goes inside the body behind a whole answer is logged (CD)") {
  Rig rig(kApp);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk);
  {
    ScriptedClient client(rig);
    client.says(post(100));
    CHECK(client.answer().body == "ok");
  }
  CHECK(rig.line() == "200 CD s1");
}

TEST_CASE("a client that sends no more of the body behind a whole answer is logged (cD)") {
  Rig rig("timeout client 300\ntimeout http-request 10s\n" + kApp);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk);
  ScriptedClient client(rig);
  client.says(post(100));
  CHECK(client.answer().body == "ok");
  CHECK(rig.line() == "200 cD s1");
  CHECK(client.end() != End::None);
}

TEST_CASE("a server that has answered and takes no more of the body in time is let go (sD)") {
  Rig rig("backend app\n  timeout server 500\n  server s1 ${s1}\n");
  constexpr std::size_t kLong = 30'000'000;
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).expects("a").stops_reading();
  rig.server("s1").next().expects("GET /next").sends(kOk);
  ScriptedClient client(rig);
  client.says(post(kLong));
  CHECK(client.answer().body == "ok");
  client.says("a" + std::string(kLong - 1, 'y'));
  CHECK(rig.line() == "200 sD s1");
  CHECK(client.gets("/next").body == "ok");
}

TEST_CASE("what an answer of our own leaves of a body is read up to 256 KiB") {
  const bool longer = GENERATE(false, true);
  const std::size_t length = 256 * 1024 + (longer ? 1 : 0);
  Rig rig("http-request deny if { path /up }\n" + kApp);
  rig.server("s1").next().expects("GET /next").sends(kOk);
  ScriptedClient client(rig);
  client.says(post(length));
  const auto answer = client.answer();
  CHECK(answer.status == 403);
  CHECK(answer.has("Connection: close") == longer);
  client.says(std::string(length, 'y'));
  if (longer) {
    CHECK(client.end() != End::None);
    return;
  }
  CHECK(client.gets("/next").body == "ok");
}

TEST_CASE("a server that has said all in a tunnel still gets what its client says") {
  constexpr std::size_t kLong = 3'000'000;
  Rig rig(kApp);
  rig.server("s1")
      .next()
      .expects("\r\n\r\n")
      .sends("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
      .closes();
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost: test\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n");
  client.hears("\r\n\r\n");
  CHECK(client.end() == End::Finished);
  client.says(std::string(kLong, 'y') + "end");
  rig.run_until([&] { return rig.server("s1").received(0).ends_with("end"); });
  client.stops_sending();
  CHECK(rig.line() == "101 -- s1");
}

// ---- Clients that die while a byte of them waits unread.

TEST_CASE("a client that dies with a byte unread costs its server connection at once, and asks nothing more (CD)") {
  const std::string rest = GENERATE("G", "\r\n", "GET /second HTTP/1.1\r\nHost: test\r\n\r\n");
  Rig rig(kApp);
  rig.server("s1")
      .next()
      .expects("\r\n\r\n")
      .sends("HTTP/1.1 200 OK\r\nContent-Length: 80000000\r\n\r\n" + std::string(40'000'000, 'x'));
  {
    ScriptedClient client(rig);
    client.stops_reading();
    client.says(asked("GET") + rest);
    rig.run_until([&] { return rig.server("s1").accepted() == 1; });
    rig.linger();
    client.resets();
  }
  CHECK(rig.line() == "200 CD s1");
  rig.run_until([&] { return rig.server("s1").open() == 0 && rig.in_use() == 0; });
  CHECK(rig.server("s1").accepted() == 1);
  CHECK(rig.server("s1").received(0).find("/second") == std::string::npos);
}

TEST_CASE("a client that dies while nothing is read from it or said to it is let go within a second (CH)") {
  Rig rig(kApp);
  rig.server("s1").next().expects("\r\n\r\n");
  ScriptedClient client(rig);
  client.says(asked("GET") + "\r\n");
  rig.run_until([&] { return rig.in_use() == 1 && rig.server("s1").accepted() == 1; });
  client.resets();
  rig.run_until([&] { return rig.in_use() == 0 && rig.server("s1").open() == 0; });
  CHECK(rig.line() == "400 CH s1");
}

TEST_CASE("a client that only stops sending while nothing is read from it is not taken for dead") {
  Rig rig(kApp);
  rig.server("s1").next().expects("\r\n\r\n");
  ScriptedClient client(rig);
  client.says(asked("GET") + "\r\n");
  client.stops_sending();
  rig.run_until([&] { return rig.server("s1").accepted() == 1; });
  rig.linger(2 * Loop::kPatrolMs);
  CHECK(rig.in_use() == 1);
  client.resets();
  rig.run_until([&] { return rig.in_use() == 0 && rig.server("s1").open() == 0; });
}
