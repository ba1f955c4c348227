// How a transaction can end: what the client is told, what the log says, which connections go on.
#include "penstock/proxy/transaction.h"

#include <string>

#include "flow/rig.h"
#include "unit/catch.h"

using namespace penstock;
using penstock::test::Answer;
using penstock::test::FullBacklog;
using penstock::test::Rig;
using penstock::test::ScriptedClient;
using End = penstock::test::ScriptedClient::End;

namespace {

const std::string kApp = "backend app\n  server s1 ${s1}\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kHalf = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
const std::string kPost = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n";
// What the server makes of the next connection.
penstock::test::Script& answers(Rig& rig, const std::string& bytes) {
  return rig.server("s1").next().expects("\r\n\r\n").sends(bytes);
}

// Some patterns backtrack over it for longer than anybody waits.
std::string slow_path() {
  std::string path = "/x";
  for (int i = 0; i < 800; ++i) path += "/secret/a/file";
  return path;
}

// Nothing of this transaction is left with the server.
void check_server_let_go(Rig& rig) {
  rig.run_until([&] { return rig.server("s1").open() == 0 && rig.in_use() == 0; });
}

}  // namespace

// ---- It ends well.

TEST_CASE("a request that is served leaves both connections to the next one") {
  Rig rig(kApp);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).expects("\r\n\r\n").sends(kOk);
  ScriptedClient client(rig);
  CHECK(client.gets("/a").body == "ok");
  CHECK(client.gets("/b").body == "ok");
  CHECK(rig.line() == "200 -- s1");
  CHECK(rig.line() == "200 -- s1");
  CHECK(rig.server("s1").accepted() == 1);
  CHECK(rig.server("s1").open() == 1);
}

TEST_CASE("a request on a reused connection that the server had closed is sent again once") {
  Rig rig(kApp);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).expects("\r\n\r\n").closes();
  answers(rig, kOk);
  ScriptedClient client(rig);
  CHECK(client.gets("/a").status == 200);
  CHECK(client.gets("/b").status == 200);
  CHECK(rig.line() == "200 -- s1");
  CHECK(rig.line() == "200 -- s1");
  CHECK(rig.server("s1").accepted() == 2);
}

TEST_CASE("a POST on a reused connection that the server had closed is not sent again") {
  Rig rig(kApp);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).expects("body").closes();
  answers(rig, kOk);
  ScriptedClient client(rig);
  CHECK(client.gets("/a").status == 200);
  client.says(kPost + "body");
  CHECK(client.end() == End::Finished);
  CHECK(client.rest().empty());
  CHECK(rig.line() == "200 -- s1");
  CHECK(rig.line() == "502 SH s1");
  CHECK(rig.server("s1").accepted() == 1);
}

TEST_CASE("a POST as the first request of a client gets 502 if its reused connection was closed") {
  Rig rig("backend app\n  http-reuse always\n  server s1 ${s1}\n");
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).expects("body").closes();
  ScriptedClient first(rig), second(rig);
  CHECK(first.gets("/a").status == 200);
  CHECK(second.asks(kPost + "body").status == 502);
  CHECK(rig.line() == "200 -- s1");
  CHECK(rig.line() == "502 SH s1");
  CHECK(rig.server("s1").accepted() == 1);
}

// ---- Request: before there is a server.

TEST_CASE("a client that ends inside a request head is not answered (CR)") {
  Rig rig(kApp);
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost:");
  client.stops_sending();
  CHECK(client.end() == End::Finished);
  CHECK(client.rest().empty());
  CHECK(rig.line() == "400 CR <NOSRV>");
}

TEST_CASE("a client that resets inside a request head (CR)") {
  Rig rig(kApp);
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost:");
  rig.linger();
  client.resets();
  CHECK(rig.line() == "400 CR <NOSRV>");
}

TEST_CASE("a client that says nothing and goes is logged (CR), with dontlognull it is not") {
  Rig rig("  option dontlognull\n" + kApp);
  answers(rig, kOk);
  { ScriptedClient(rig).stops_sending(); }
  CHECK(ScriptedClient(rig).gets("/").status == 200);
  CHECK(rig.line() == "200 -- s1");
  rig.reload(kApp);
  ScriptedClient silent(rig);
  silent.stops_sending();
  CHECK(rig.line() == "400 CR <NOSRV>");
}

TEST_CASE("a client too slow with its head is told 408 (cR)") {
  Rig rig("  timeout http-request 60ms\n" + kApp);
  ScriptedClient client(rig);
  CHECK(client.asks("GET / HTTP/1.1\r\n").status == 408);
  CHECK(client.end() == End::Finished);
  CHECK(rig.line() == "408 cR <NOSRV>");
}

TEST_CASE("a request that cannot be read is told 400, and the connection ends (PR)") {
  Rig rig(kApp);
  ScriptedClient client(rig);
  const Answer answer = client.asks("GET / HTTP/1.1\r\nHost : test\r\n\r\nGET /next HTTP/1.1\r\n\r\n");
  CHECK(answer.status == 400);
  CHECK(client.end() == End::Finished);
  CHECK(client.rest().empty());
  CHECK(rig.line() == "400 PR <NOSRV>");
}

TEST_CASE("a denied request is told 403 and the connection stays (PR)") {
  Rig rig("  http-request deny\n" + kApp);
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 403);
  CHECK(client.is_kept());
  CHECK(rig.line() == "403 PR <NOSRV>");
}

TEST_CASE("a rejected or dropped request gets no answer (PR)") {
  const std::string rule =
      GENERATE("http-request reject", "http-request silent-drop", "tcp-request content reject if { path / }");
  Rig rig("  " + rule + "\n" + kApp);
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK(rig.line().ends_with(" PR <NOSRV>"));
  // Where we may not let a connection vanish, its client hears a reset that goes no farther than this machine.
  if (rule.ends_with("silent-drop")) {
    rig.linger();
    CHECK((!client.ended() || client.end() == End::Reset));
    return;
  }
  CHECK(client.end() != End::None);
  CHECK(client.rest().empty());
}

TEST_CASE("what rules answer themselves keeps the connection (LR)") {
  Rig rig(
      "  http-request return status 200 if { path /return }\n  http-request redirect location "
      "/there\n" +
      kApp);
  ScriptedClient client(rig);
  CHECK(client.gets("/return").status == 200);
  CHECK(client.gets("/").status == 302);
  CHECK(client.is_kept());
  CHECK(rig.line() == "200 LR <NOSRV>");
  CHECK(rig.line() == "302 LR <NOSRV>");
}

TEST_CASE("without a backend to serve it a request is told 503 (SC)") {
  Rig rig("frontend web\n  bind 127.0.0.1:0\n  use_backend app if { path /app }\n" + kApp);
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 503);
  CHECK(rig.line() == "503 SC <NOSRV>");
}

// ---- Tarpit.

TEST_CASE("a tarpitted client is told 500 when its time is over (PT)") {
  Rig rig("  timeout tarpit 50ms\n  http-request tarpit\n" + kApp);
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 500);
  CHECK(rig.line() == "500 PT <NOSRV>");
}

TEST_CASE("a tarpitted client that goes was tarpitted all the same (PT)") {
  Rig rig("  http-request tarpit\n" + kApp);
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  rig.linger();
  client.resets();
  CHECK(rig.line() == "500 PT <NOSRV>");
}

// ---- Queue.

namespace {

// A server with room for one; `first` takes it.
struct Busy {
  explicit Busy(const std::string& lines = "")
      : rig("backend app\n" + lines + "  server s1 ${s1} maxconn 1\n"), first(rig), second(rig) {
    rig.server("s1").next().expects("\r\n\r\n");
    first.says("GET /first HTTP/1.1\r\nHost: test\r\n\r\n");
    rig.run_until([&] { return rig.in_use() == 1; });
  }
  void second_waits(const std::string& request = "GET /second HTTP/1.1\r\nHost: test\r\n\r\n") {
    second.says(request);
    rig.run_until([&] { return rig.waiting() == 1; });
  }
  Rig rig;
  ScriptedClient first, second;
};

}  // namespace

TEST_CASE("a request that finds no room in time is told 503 and the connection stays (sQ)") {
  Busy busy("  timeout queue 60ms\n");
  CHECK(busy.second.gets("/second").status == 503);
  CHECK(busy.second.is_kept());
  CHECK(busy.rig.line() == "503 sQ <NOSRV>");
  CHECK(busy.rig.waiting() == 0);
  CHECK(busy.rig.in_use() == 1);
}

TEST_CASE("a client that resets while its request is in line leaves the line (CQ)") {
  Busy busy;
  busy.second_waits();
  busy.second.resets();
  CHECK(busy.rig.line() == "503 CQ <NOSRV>");
  CHECK(busy.rig.waiting() == 0);
  CHECK(busy.rig.in_use() == 1);
}

TEST_CASE("with abortonclose a client that stops sending while in line leaves it (CQ)") {
  Busy busy("  option abortonclose\n");
  busy.second_waits();
  busy.second.stops_sending();
  CHECK(busy.second.end() == End::Finished);
  CHECK(busy.rig.line() == "503 CQ <NOSRV>");
  CHECK(busy.rig.waiting() == 0);
}

TEST_CASE("who is next in line is served when the one before it has gone") {
  Busy busy;
  busy.second_waits();
  busy.rig.server("s1").next().expects("\r\n\r\n").sends(kOk);
  busy.first.resets();
  CHECK(busy.second.answer().status == 200);
  CHECK(busy.rig.line() == "400 CH s1");
  CHECK(busy.rig.line() == "200 -- s1");
}

// ---- Connect.

TEST_CASE("a server that refuses makes 503 and the client's connection stays (SC)") {
  Rig rig(kApp);
  rig.server("s1").stop_listening();
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 503);
  CHECK(client.is_kept());
  CHECK(rig.line() == "503 SC s1");
}

TEST_CASE("a server that refuses TLS makes 503 (SC)") {
  Rig rig("backend app\n  server s1 ${s1} ssl verify none\n");
  rig.server("s1").next().sends("HTTP/1.1 400 Bad Request\r\n\r\n").closes();
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 503);
  CHECK(client.is_kept());
  CHECK(rig.line() == "503 SC s1");
  check_server_let_go(rig);
}

TEST_CASE("without a server that takes traffic a request is told 503 (SC)") {
  Rig rig("backend app\n  server s1 ${s1} disabled\n");
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 503);
  CHECK(client.is_kept());
  CHECK(rig.line() == "503 SC <NOSRV>");
}

TEST_CASE("a server that does not take connections in time makes 503 (sC)") {
  FullBacklog full;
  Rig rig("backend app\n  timeout connect 60ms\n  server s1 " + full.address().text() + "\n");
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 503);
  CHECK(client.is_kept());
  CHECK(rig.line() == "503 sC s1");
}

TEST_CASE("a client that resets while its server is being connected to (CC)") {
  FullBacklog full;
  Rig rig("backend app\n  server s1 " + full.address().text() + "\n");
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  rig.run_until([&] { return rig.in_use() == 1; });
  client.resets();
  CHECK(rig.line() == "503 CC s1");
}

TEST_CASE("a client that does not send its body while its server is being connected to (cC)") {
  FullBacklog full;
  Rig rig("  timeout client 60ms\nbackend app\n  server s1 " + full.address().text() + "\n");
  ScriptedClient client(rig);
  CHECK(client.asks(kPost).status == 408);
  CHECK(client.end() == End::Finished);
  CHECK(rig.line() == "408 cC s1");
}

// ---- Headers: the request is with the server.

TEST_CASE("a server that closes without an answer makes 502 (SH)") {
  Rig rig(kApp);
  answers(rig, "").closes();
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 502);
  CHECK(client.is_kept());
  CHECK(rig.line() == "502 SH s1");
  check_server_let_go(rig);
}

TEST_CASE("a server that resets inside the head of its answer makes 502 (SH)") {
  Rig rig(kApp);
  rig.server("s1").next().expects("GET / ").sends("HTTP/1.1 200 OK\r\nContent-").expects("\r\n\r\n").resets();
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 502);
  CHECK(client.is_kept());
  CHECK(rig.line() == "502 SH s1");
}

TEST_CASE("a silent server makes 504 (sH)") {
  Rig rig("backend app\n  timeout server 60ms\n  server s1 ${s1}\n");
  answers(rig, "");
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 504);
  CHECK(client.is_kept());
  CHECK(rig.line() == "504 sH s1");
  check_server_let_go(rig);
}

TEST_CASE("an answer that cannot be read makes 502, and the client's connection ends (PH)") {
  Rig rig(kApp);
  answers(rig, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 502);
  CHECK(client.end() == End::Finished);
  CHECK(rig.line() == "502 PH s1");
  check_server_let_go(rig);
}

TEST_CASE("an answer that rules deny makes 502 (PH)") {
  Rig rig("  http-response deny\n" + kApp);
  answers(rig, kHalf);
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 502);
  CHECK(client.is_kept());
  CHECK(rig.line() == "502 PH s1");
  check_server_let_go(rig);
}

// ---- Rules that cannot be asked let nothing pass.

TEST_CASE("a request on which a regular expression is given up is told 400 (PR)") {
  const std::string slow = "/secret/.*/file.*/.*/.*[.]txt$";
  for (const std::string& rule : std::initializer_list<std::string>{
           "http-request deny if { path_reg " + slow + " }",
           "http-request set-header A b if !{ path_reg " + slow + " }", "http-request replace-path " + slow + " /",
           "tcp-request content reject if { path_reg " + slow + " }", "use_backend other if { path_reg " + slow + " }",
           "use_backend %[path,regsub(" + slow + ",other)]"}) {
    CAPTURE(rule);
    Rig rig("  monitor-uri /alive\n  " + rule + "\n" + kApp + "backend other\n");
    ScriptedClient client(rig);
    CHECK(client.gets(slow_path()).status == 400);
    CHECK(client.end() == End::Finished);
    const std::string told = rig.line("frontend '");
    CHECK(told.find("a regular expression takes too long to match what came: refused") != std::string::npos);
    CHECK(rig.line() == "400 PR <NOSRV>");
    CHECK(rig.server("s1").accepted() == 0);
  }
  for (const std::string& rule : std::initializer_list<std::string>{
           "use-server s1 if { path_reg " + slow + " }", "force-persist if { path_reg " + slow + " }",
           "http-request deny if { path_reg " + slow + " }", "balance hash path,regsub(" + slow + ",x)"}) {
    CAPTURE(rule);
    Rig rig(kApp + "  " + rule + "\n");
    ScriptedClient client(rig);
    CHECK(client.gets(slow_path()).status == 400);
    CHECK(rig.line("400") == "400 PR <NOSRV>");
    CHECK(rig.server("s1").accepted() == 0);
  }
}

TEST_CASE("an answer on which a regular expression is given up makes 502 (PH)") {
  const std::string slow = "/secret/.*/file.*/.*/.*[.]txt$";
  for (const std::string& rule : std::initializer_list<std::string>{
           "http-response deny if { res.hdr(X) -m reg " + slow + " }", "http-response replace-header X " + slow + " y",
           "http-after-response del-header Y if { res.hdr(X) -m reg " + slow + " }"}) {
    CAPTURE(rule);
    Rig rig("  " + rule + "\n" + kApp);
    answers(rig, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: " + slow_path() + "\r\n\r\nok");
    ScriptedClient client(rig);
    CHECK(client.gets("/").status == 502);
    CHECK(rig.line("502") == "502 PH s1");
    check_server_let_go(rig);
  }
}

TEST_CASE("our own answer has its text whatever a rule made of the method") {
  Rig rig(
      "  http-request set-method %[str(HEAD)]\n  http-request return status 200 content-type "
      "text/plain string hello\n" +
      kApp);
  ScriptedClient client(rig);
  CHECK(client.gets("/").body == "hello");
  client.says("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n");
  client.hears("Content-Length: 5\r\nContent-Type: text/plain\r\n\r\n");
  CHECK(client.gets("/").body == "hello");
}

TEST_CASE("our own answer whose rules cannot be asked is a bare 500") {
  const std::string slow = "/secret/.*/file.*/.*/.*[.]txt$";
  Rig rig("  http-request return status 200 hdr X " + slow_path() + "\n  http-after-response set-header Y z\n" +
          "  http-after-response del-header X if { res.hdr(X) -m reg " + slow + " }\n" + kApp);
  ScriptedClient client(rig);
  const Answer answer = client.gets("/");
  CHECK(answer.status == 500);
  CHECK_FALSE(answer.has("secret"));
}

TEST_CASE("a request of which rules make more than they may is told 500 (RR), its answer too (RH)") {
  const std::string grows = " set-header X %[str(" + std::string(1000, 'x') + "),hex,hex,hex,hex,hex,hex,hex]\n";
  const std::string limit = "global\n  tune.txn.memory 64k\n";
  {
    Rig rig("  monitor-uri /alive\n  http-request" + grows + kApp + limit);
    ScriptedClient client(rig);
    CHECK(client.gets("/").status == 500);
    CHECK(client.is_kept());
    CHECK(rig.line("frontend")
              .find(": rules made more than 'tune.txn.memory' allows (65536 bytes) of one request "
                    "or answer: refused") != std::string::npos);
    CHECK(rig.line() == "500 RR <NOSRV>");
    CHECK(rig.server("s1").accepted() == 0);
  }
  for (const std::string& set : std::initializer_list<std::string>{"http-response", "http-after-response"}) {
    CAPTURE(set);
    Rig rig("  " + set + grows + kApp + limit);
    answers(rig, kOk);
    ScriptedClient client(rig);
    CHECK(client.gets("/").status == 500);
    CHECK(rig.line("500") == "500 RH s1");
    check_server_let_go(rig);
  }
  Rig rig("  http-request" + grows + kApp);
  answers(rig, kOk);
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 200);
}

// ----

TEST_CASE("an answer that rules replace (LH)") {
  Rig rig("  http-response return status 200\n" + kApp);
  answers(rig, kHalf);
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 200);
  CHECK(client.is_kept());
  CHECK(rig.line() == "200 LH s1");
  check_server_let_go(rig);
}

TEST_CASE("a client that resets while its request is being answered costs the server connection (CH)") {
  Rig rig(kApp);
  answers(rig, "");
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  rig.run_until([&] { return rig.server("s1").accepted() == 1; });
  client.resets();
  CHECK(rig.line() == "400 CH s1");
  check_server_let_go(rig);
}

TEST_CASE("a client that ends inside its body is told nothing (CD)") {
  Rig rig(kApp);
  answers(rig, "");
  ScriptedClient client(rig);
  client.says(kPost + "bo");
  rig.run_until([&] { return rig.server("s1").accepted() == 1; });
  client.stops_sending();
  CHECK(client.end() == End::Finished);
  CHECK(rig.line() == "-1 CD s1");
  check_server_let_go(rig);
}

TEST_CASE("a client that does not go on with its body is told 408 (cH)") {
  Rig rig("  timeout client 60ms\n" + kApp);
  answers(rig, "");
  ScriptedClient client(rig);
  CHECK(client.asks(kPost + "bo").status == 408);
  CHECK(client.end() == End::Finished);
  CHECK(rig.line() == "408 cH s1");
  check_server_let_go(rig);
}

TEST_CASE("a body that cannot be read is told 400 (PH)") {
  Rig rig(kApp);
  answers(rig, "");
  ScriptedClient client(rig);
  const Answer answer =
      client.asks("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\nx\r\n");
  CHECK(answer.status == 400);
  CHECK(client.end() == End::Finished);
  CHECK(rig.line() == "400 PH s1");
  check_server_let_go(rig);
}

// ---- Data: the answer is on its way.

TEST_CASE("a server that closes inside its answer ends the client's connection (SD)") {
  Rig rig(kApp);
  answers(rig, kHalf).closes();
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK(client.end() != End::None);
  CHECK(client.rest().ends_with("half"));
  CHECK(rig.line() == "200 SD s1");
  check_server_let_go(rig);
}

TEST_CASE("an answer without length that is reset ends in a reset (SD)") {
  Rig rig(kApp);
  rig.server("s1").next().expects("\r\n\r\n").sends("HTTP/1.0 200 OK\r\n\r\nhalf").expects("now").resets();
  ScriptedClient client(rig);
  client.says("POST / HTTP/1.0\r\nHost: test\r\nContent-Length: 4\r\n\r\n");
  client.hears("half");
  client.says("now!");
  CHECK(client.end() == End::Reset);
  CHECK(rig.line() == "200 SD s1");
}

TEST_CASE("a server that falls silent inside its answer ends the client's connection (sD)") {
  Rig rig("backend app\n  timeout server 60ms\n  server s1 ${s1}\n");
  answers(rig, kHalf);
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK(client.end() != End::None);
  CHECK(rig.line() == "200 sD s1");
  check_server_let_go(rig);
}

TEST_CASE("an answer whose body cannot be read ends the client's connection (PD)") {
  Rig rig(kApp);
  answers(rig, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nx\r\n");
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK(client.end() != End::None);
  CHECK_FALSE(client.rest().ends_with("0\r\n\r\n"));
  CHECK(rig.line() == "200 PD s1");
  check_server_let_go(rig);
}

TEST_CASE("a client that resets inside its answer costs the server connection (CD)") {
  Rig rig(kApp);
  answers(rig, kHalf);
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  client.hears("half");
  client.resets();
  CHECK(rig.line() == "200 CD s1");
  check_server_let_go(rig);
}

TEST_CASE("a client that does not read its answer is let go (cD)") {
  Rig rig("  timeout client 100ms\n" + kApp);
  const std::string big(16 * 1024 * 1024, 'x');
  answers(rig, "HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n" + big);
  ScriptedClient client(rig);
  client.stops_reading();
  client.says("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  CHECK(rig.line() == "200 cD s1");
  check_server_let_go(rig);
}

TEST_CASE("a client that sends no more of its body while it is answered (cD)") {
  Rig rig("  timeout client 60ms\n" + kApp);
  answers(rig, kHalf);
  ScriptedClient client(rig);
  client.says(kPost);
  client.hears("half");
  CHECK(client.end() != End::None);
  CHECK(rig.line() == "200 cD s1");
  check_server_let_go(rig);
}

// ---- A server goes down whose sessions are to be shut down.

namespace {

// Its checks are answered elsewhere, well until it is to go down.
void check_well(Rig& rig, const std::string& address = "${s1}") {
  rig.server("health").next().expects("\r\n\r\n").sends("HTTP/1.1 200 OK\r\n\r\n").closes();
  rig.reload("backend app\n  no log\n  option httpchk\n  server s1 " + address +
             " check addr ${health} inter 20ms rise 1 fall 1 on-marked-down shutdown-sessions\n");
}

void go_down(Rig& rig) { rig.server("health").next().expects("\r\n\r\n").sends("HTTP/1.1 500 Gone\r\n\r\n").closes(); }

}  // namespace

TEST_CASE("a request being answered by a server that goes down is told 503 (DH)") {
  Rig rig(kApp);
  check_well(rig);
  answers(rig, "");
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  rig.run_until([&] { return rig.server("s1").accepted() == 1; });
  go_down(rig);
  CHECK(client.answer().status == 503);
  CHECK(client.is_kept());
  CHECK(rig.line() == "503 DH s1");
  check_server_let_go(rig);
}

TEST_CASE("an answer on its way from a server that goes down is cut (DD)") {
  Rig rig(kApp);
  check_well(rig);
  answers(rig, kHalf);
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  client.hears("half");
  go_down(rig);
  CHECK(client.end() != End::None);
  CHECK(rig.line() == "200 DD s1");
  check_server_let_go(rig);
}

TEST_CASE("a request for which a server is being connected to that goes down is told 503 (DC)") {
  FullBacklog full;
  Rig rig(kApp);
  check_well(rig, full.address().text());
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  rig.run_until([&] { return rig.in_use() == 1; });
  go_down(rig);
  CHECK(client.answer().status == 503);
  CHECK(client.is_kept());
  CHECK(rig.line() == "503 DC s1");
}
