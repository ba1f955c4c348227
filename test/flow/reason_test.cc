// What the administrator is told of a refusal or a failure.
#include <string>

#include "flow/rig.h"
#include "unit/catch.h"

using namespace penstock;
using Catch::Contains;
using penstock::test::Rig;
using penstock::test::ScriptedClient;

namespace {

const std::string kApp = "backend app\n  server s1 ${s1}\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string told(Rig& rig) { return rig.line("frontend '"); }

}  // namespace

TEST_CASE("what is wrong with a request is told with its place") {
  Rig rig(kApp);
  ScriptedClient client(rig);
  CHECK(client.asks("GET / HTTP/1.1\nHost: test\r\n\r\n").status == 400);
  CHECK_THAT(told(rig), Contains(": 400 to 127.0.0.1:") && Contains(": line feed without carriage return (byte 14)"));
}

TEST_CASE("of a head that came whole no byte is told, it would be the last") {
  Rig rig(kApp);
  ScriptedClient client(rig);
  CHECK(client.asks("GET /a#b HTTP/1.1\r\nHost: test\r\n\r\n").status == 400);
  const std::string line = told(rig);
  CHECK_THAT(line, Contains(": malformed target"));
  CHECK(line.find("(byte") == std::string::npos);
}

TEST_CASE("which rule denied a request is told, once for many") {
  Rig rig("http-request deny if { path /no }\n" + kApp);
  ScriptedClient client(rig);
  for (int i = 0; i < 3; ++i) CHECK(client.gets("/no").status == 403);
  CHECK_THAT(told(rig), Contains(": 403 to 127.0.0.1:") && Contains(": denied by a rule (") && Contains(":"));
  for (int i = 0; i < 3; ++i) CHECK(rig.line("") == "403 PR <NOSRV>");
}

TEST_CASE("which rule of the connection turned a client away is told") {
  Rig rig("tcp-request connection reject\n" + kApp);
  ScriptedClient client(rig);
  CHECK_THAT(told(rig), Contains(": denied by a rule ("));
}

TEST_CASE("why a server could not be connected to is told, and by whom the answer was spoilt") {
  Rig rig(kApp);
  rig.server("s1").next().expects("\r\n\r\n").sends("HTTP/1.1 200 OK\nA: b\r\n\r\n");
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 502);
  CHECK_THAT(told(rig), Contains(", backend 'app', server 's1': 502 to 127.0.0.1:") &&
                            Contains(": line feed without carriage return"));
  rig.server("s1").stop_listening();
  ScriptedClient second(rig);
  CHECK(second.gets("/").status == 503);
  CHECK_THAT(told(rig), Contains(", backend 'app', server 's1': 503 to 127.0.0.1:") &&
                            Contains(": connect failed (connection refused)"));
}

TEST_CASE("in mode tcp it is told as well") {
  Rig rig("mode tcp\nbackend app\n  mode tcp\n  server s1 ${s1}\n");
  rig.server("s1").stop_listening();
  ScriptedClient client(rig);
  CHECK_THAT(told(rig),
             Contains(", backend 'app', server 's1': 127.0.0.1:") && Contains(": connect failed (connection refused)"));
}

TEST_CASE("that a client goes away, or never says anything, is no reason to tell") {
  {
    Rig rig(kApp);
    ScriptedClient client(rig);
    client.says("GET / HT");
    client.resets();
    CHECK(rig.line("") == "400 CR <NOSRV>");
  }
  Rig rig("timeout http-request 20\n" + kApp);
  ScriptedClient silent(rig);
  CHECK(silent.end() != ScriptedClient::End::None);
  CHECK(rig.line("") == "408 cR <NOSRV>");
}

TEST_CASE("rules may ask for the reason, which a request that went well has not") {
  Rig rig("http-request deny if { path /no }\nhttp-after-response set-header Reason %[txn.reason]\n" + kApp);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk);
  ScriptedClient client(rig);
  CHECK_THAT(client.gets("/no").head, Contains("Reason: denied by a rule ("));
  CHECK_FALSE(client.gets("/yes").has("denied"));
}
