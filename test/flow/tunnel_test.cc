// How a connection in mode tcp can end: what both sides see, and what the log says.
#include "penstock/proxy/tunnel.h"

#include <string>

#include "flow/rig.h"
#include "unit/catch.h"

using namespace penstock;
using penstock::test::FullBacklog;
using penstock::test::Rig;
using penstock::test::ScriptedClient;
using End = penstock::test::ScriptedClient::End;

namespace {

std::string relay(const std::string& lines, const std::string& server = "${s1}") {
  return "listen app\n  mode tcp\n  bind 127.0.0.1:0\n  log-format \"%ts %s\"\n" + lines + "  server s1 " + server +
         "\n";
}

void check_server_let_go(Rig& rig) {
  rig.run_until([&] { return rig.server("s1").open() == 0 && rig.in_use() == 0; });
}

// A client whose words have reached the server, and which has its answer.
struct Joined {
  explicit Joined(const std::string& lines = "") : rig(relay(lines)), client(rig) {
    rig.server("s1").next().expects("hello").sends("welcome");
    client.says("hello");
    client.hears("welcome");
  }
  Rig rig;
  ScriptedClient client;
};

}  // namespace

TEST_CASE("both sides end (--)") {
  Rig rig(relay(""));
  rig.server("s1").next().expects("hello").sends("welcome").closes();
  ScriptedClient client(rig);
  client.says("hello");
  CHECK(client.end() == End::Finished);
  CHECK(client.rest() == "welcome");
  client.stops_sending();
  CHECK(rig.line() == "-- s1");
  check_server_let_go(rig);
}

TEST_CASE("a client that ends before its server is connected is served all the same") {
  Rig rig(relay(""));
  rig.server("s1").next().expects("hello").sends("welcome").closes();
  ScriptedClient client(rig);
  client.says("hello");
  client.stops_sending();
  CHECK(client.end() == End::Finished);
  CHECK(client.rest() == "welcome");
  CHECK(rig.line() == "-- s1");
}

TEST_CASE("a rule rejects the connection (PR)") {
  Rig rig(relay("  tcp-request content reject\n"));
  ScriptedClient client(rig);
  CHECK(client.end() != End::None);
  CHECK(rig.line() == "PR <NOSRV>");
}

TEST_CASE("whom a rule about the connection refuses is gone at once, without a line in the log") {
  const std::string rule = GENERATE("connection", "session");
  const bool http = GENERATE(false, true);
  CAPTURE(rule, http);
  Rig rig(relay("  tcp-request " + rule + " reject if { fe_conn gt 1 }\n" + (http ? "  mode http\n" : "")));
  rig.server("s1").next().expects("\r\n\r\n").sends("HTTP/1.1 204 No\r\nConnection: close\r\n\r\n").closes();
  ScriptedClient first(rig);
  {
    ScriptedClient second(rig);
    CHECK(second.end() == (rule == "connection" ? End::Reset : End::Finished));
  }
  first.says("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  CHECK(first.end() == End::Finished);
  if (!http) first.stops_sending();
  CHECK(rig.line() == "-- s1");
}

TEST_CASE("a rule that cannot be asked rejects the connection (PR, RR)") {
  std::string slow;
  for (int i = 0; i < 800; ++i) slow += "/secret/a/file";
  const auto ends = [&](const std::string& lines, const std::string& line) {
    CAPTURE(lines);
    Rig rig(relay(lines));
    ScriptedClient client(rig);
    client.says(slow);
    client.end();
    CHECK(rig.line(line) == line + " <NOSRV>");
    CHECK(rig.server("s1").accepted() == 0);
  };
  const std::string matched = "if { req.payload(0,8000) -m reg /secret/.*/file.*/.*/.*[.]txt$ }\n";
  ends("  tcp-request inspect-delay 1m\n  tcp-request content reject " + matched, "PR");
  ends(
      "  tcp-request inspect-delay 1m\n  tcp-request content accept if { req.len gt 8000 }\n  "
      "use_backend app " +
          matched,
      "PR");
  ends(
      "  tcp-request inspect-delay 1m\n  tcp-request content set-var(sess.x) "
      "req.payload(0,8000),hex,hex,hex,hex,hex,hex,hex,hex,hex,hex if { req.len gt 8000 }\n",
      "RR");
}

TEST_CASE("who is rejected at once sees an end, and the log sees nothing") {
  const std::string mode = GENERATE("tcp", "http");
  Rig rig("listen app\n  mode " + mode + "\n  bind 127.0.0.1:0\n  tcp-request connection reject\n  server s1 ${s1}\n");
  ScriptedClient client(rig);
  CHECK(client.end() != End::None);
  rig.reload(relay("  tcp-request content reject\n"));
  CHECK(ScriptedClient(rig).end() != End::None);
  CHECK(rig.line() == "PR <NOSRV>");
}

TEST_CASE("no server takes traffic (SC, tcp)") {
  Rig rig(relay("", "${s1} disabled"));
  ScriptedClient client(rig);
  CHECK(client.end() != End::None);
  CHECK(rig.line() == "SC <NOSRV>");
}

TEST_CASE("a server refuses (SC, tcp)") {
  Rig rig(relay(""));
  rig.server("s1").stop_listening();
  ScriptedClient client(rig);
  CHECK(client.end() != End::None);
  CHECK(rig.line() == "SC s1");
}

TEST_CASE("a server does not take connections in time (sC, tcp)") {
  FullBacklog full;
  Rig rig(relay("  timeout connect 60ms\n", full.address().text()));
  ScriptedClient client(rig);
  CHECK(client.end() != End::None);
  CHECK(rig.line() == "sC s1");
}

TEST_CASE("a client resets while its server is being connected to (CC, tcp)") {
  const bool spoke = GENERATE(false, true);
  FullBacklog full;
  Rig rig(relay("", full.address().text()));
  ScriptedClient client(rig);
  if (spoke) client.says("hello");
  rig.run_until([&] { return rig.in_use() == 1; });
  client.resets();
  CHECK(rig.line() == "CC s1");
}

TEST_CASE("with abortonclose a client that ends while its server is being connected to (CC, tcp)") {
  FullBacklog full;
  Rig rig(relay("  option abortonclose\n", full.address().text()));
  ScriptedClient client(rig);
  client.says("hello");
  client.stops_sending();
  CHECK(client.end() != End::None);
  CHECK(rig.line() == "CC s1");
}

TEST_CASE("a connection finds no room in time (sQ, tcp)") {
  Rig rig(relay("  timeout queue 60ms\n", "${s1} maxconn 1"));
  rig.server("s1").next();
  ScriptedClient first(rig);
  rig.run_until([&] { return rig.in_use() == 1; });
  ScriptedClient second(rig);
  CHECK(second.end() != End::None);
  CHECK(rig.line() == "sQ <NOSRV>");
}

TEST_CASE("a client resets in line (CQ, tcp)") {
  Rig rig(relay("", "${s1} maxconn 1"));
  rig.server("s1").next();
  ScriptedClient first(rig);
  rig.run_until([&] { return rig.in_use() == 1; });
  ScriptedClient second(rig);
  rig.run_until([&] { return rig.waiting() == 1; });
  second.resets();
  CHECK(rig.line() == "CQ <NOSRV>");
  CHECK(rig.waiting() == 0);
}

TEST_CASE("who is next in line is connected when the one before has gone") {
  Rig rig(relay("", "${s1} maxconn 1"));
  rig.server("s1").next().expects("first").sends("one");
  rig.server("s1").next().expects("second").sends("two");
  ScriptedClient first(rig), second(rig);
  first.says("first");
  first.hears("one");
  second.says("second");
  rig.run_until([&] { return rig.waiting() == 1; });
  first.resets();
  second.hears("two");
  CHECK(rig.line() == "CD s1");
}

TEST_CASE("a client resets a relayed connection (CD, tcp)") {
  Joined joined;
  joined.client.resets();
  CHECK(joined.rig.line() == "CD s1");
  check_server_let_go(joined.rig);
}

TEST_CASE("a server resets a relayed connection (SD, tcp)") {
  Rig rig(relay(""));
  rig.server("s1").next().expects("hello").resets();
  ScriptedClient client(rig);
  client.says("hello");
  CHECK(client.end() != End::None);
  CHECK(rig.line() == "SD s1");
}

TEST_CASE("a relayed client is silent for too long (cD, tcp)") {
  Joined joined("  timeout client 80ms\n");
  CHECK(joined.client.end() != End::None);
  CHECK(joined.rig.line() == "cD s1");
  check_server_let_go(joined.rig);
}

TEST_CASE("a relayed server is silent for too long (sD, tcp)") {
  Joined joined("  timeout server 80ms\n");
  CHECK(joined.client.end() != End::None);
  CHECK(joined.rig.line() == "sD s1");
  check_server_let_go(joined.rig);
}

TEST_CASE("a relayed connection to a server that goes down is cut (DD, tcp)") {
  Joined joined;
  Rig& rig = joined.rig;
  const std::string checked = "listen app\n  no log\n  mode tcp\n  bind 127.0.0.1:0\n  option httpchk\n  server s1 ";
  const std::string check = " check addr ${health} inter 20ms rise 1 fall 1 on-marked-down shutdown-sessions\n";
  rig.server("health").next().expects("\r\n\r\n").sends("HTTP/1.1 500 Gone\r\n\r\n").closes();
  rig.reload(checked + "${s1}" + check);
  CHECK(joined.client.end() != End::None);
  CHECK(rig.line() == "DD s1");
  check_server_let_go(rig);
}

TEST_CASE("a client that dies behind early bytes while no server takes them is let go within a second (CC)") {
  FullBacklog full;
  Rig rig(relay("  timeout connect 1m\n", full.address().text()));
  ScriptedClient client(rig);
  client.says(std::string(64 * 1024, 'x'));
  rig.run_until([&] { return rig.in_use() == 1; });
  rig.linger(50);
  client.resets();
  rig.run_until([&] { return rig.in_use() == 0; });
  CHECK(rig.line() == "CC s1");
}
