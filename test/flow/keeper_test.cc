// Servers changed while clients are being served: what is set is at work on every worker when that is told, outlives a
// reload while the file says what it said, and gives way where that says something else.
#include <memory>
#include <string>
#include <vector>

#include "flow/rig.h"
#include "flow/waiting_line.h"
#include "penstock/base/format.h"
#include "penstock/control/changes.h"
#include "unit/catch.h"

using namespace penstock;
using penstock::test::Rig;
using penstock::test::ScriptedClient;
using penstock::test::WaitingLine;

namespace {

std::string named(const std::string& body) {
  return penstock::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.size()) + body;
}

// Servers say their names, always.
void say_names(Rig& rig, const std::vector<std::string>& names) {
  for (const std::string& name : names) rig.server(name).next().expects("\r\n\r\n").sends(named(name)).repeats();
}

// Who answers as many new clients as it takes for every worker to see some.
std::string answering(Rig& rig, const std::string& cookie = "") {
  std::string all;
  const std::string request =
      "GET / HTTP/1.1\r\nHost: test\r\n" + (cookie.empty() ? "" : "Cookie: SRV=" + cookie + "\r\n") + "\r\n";
  for (int i = 0; i < 16; ++i) {
    ScriptedClient client(rig);
    const penstock::test::Answer answer = client.asks(request);
    const std::string who = answer.status == 200 ? answer.body : penstock::format("{}", answer.status);
    if (all.find(who) == std::string::npos) all += (all.empty() ? "" : " ") + who;
  }
  return all;
}

ServerChange state(Administration administration) { return {.administration = administration}; }

const std::string kTwo =
    "backend app\n  cookie SRV insert indirect\n  server s1 ${s1} cookie a\n  server s2 ${s2} cookie b\n";

}  // namespace

TEST_CASE("a server that is to drain gets nobody new, and those who belong to it still come") {
  Rig rig(kTwo, GENERATE(1u, 3u));
  say_names(rig, {"s1", "s2"});
  rig.change("s1", state(Administration::Drain));
  CHECK(answering(rig) == "s2");
  CHECK(answering(rig, "a") == "s1");
  rig.change("s1", state(Administration::Ready));
  CHECK(answering(rig).size() == 5);
}

TEST_CASE("a server in maintenance gets nobody until it is ready again") {
  Rig rig(kTwo, GENERATE(1u, 3u));
  say_names(rig, {"s1", "s2"});
  rig.change("s1", state(Administration::Maintenance));
  CHECK(answering(rig) == "s2");
  CHECK(answering(rig, "a") == "s2");
  rig.change("s2", state(Administration::Maintenance));
  CHECK(answering(rig) == "503");
  rig.change("s1", state(Administration::Ready));
  CHECK(answering(rig) == "s1");
}

TEST_CASE("a server that drains is up, and one in maintenance is not") {
  Rig rig("  http-request return status 200 content-type text/plain lf-string %[srv_is_up(app/s1)],%[nbsrv(app)]\n" +
          kTwo);
  const auto said = [&](Administration administration) {
    rig.change("s1", state(administration));
    return ScriptedClient(rig).gets("/").body;
  };
  CHECK(said(Administration::Drain) == "1,1");
  CHECK(said(Administration::Maintenance) == "0,1");
  CHECK(said(Administration::Ready) == "1,2");
}

TEST_CASE("a server of weight 0 gets nobody new") {
  Rig rig(kTwo, GENERATE(1u, 3u));
  say_names(rig, {"s1", "s2"});
  rig.change("s1", {.weight = 0});
  CHECK(answering(rig) == "s2");
  CHECK(answering(rig, "a") == "s1");
  rig.change("s1", {.weight = 7});
  CHECK(answering(rig).size() == 5);
}

TEST_CASE("a change is told as HAProxy tells it") {
  Rig rig("backend app\n  server s1 ${s1}\n  server s2 ${s2}\n");
  const std::string online = " 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.";
  const std::string left = " 1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue.";
  rig.change("s1", state(Administration::Drain));
  CHECK(rig.line() == "Server app/s1 enters drain state." + online);
  rig.change("s1", state(Administration::Ready));
  CHECK(rig.line() == "Server app/s1 is UP (leaving forced drain).");
  rig.change("s1", state(Administration::Maintenance));
  CHECK(rig.line() == "Server app/s1 is going DOWN for maintenance." + left);
  rig.change("s1", state(Administration::Drain));
  CHECK(rig.line() == "Server app/s1 is UP/DRAIN (leaving forced maintenance).");
  rig.change("s2", state(Administration::Maintenance));
  CHECK(rig.line() ==
        "Server app/s2 is going DOWN for maintenance. 0 active and 0 backup servers left. 0 sessions active, 0 "
        "requeued, 0 remaining in queue.");
  CHECK(rig.line() == "backend app has no server available!");
  rig.change("s2", state(Administration::Ready));
  CHECK(rig.line() == "Server app/s2 is UP/READY (leaving forced maintenance).");
}

TEST_CASE("a higher limit of a server serves those who wait at once") {
  Rig rig("backend app\n  server s1 ${s1} maxconn 1\n", GENERATE(1u, 3u));
  WaitingLine line(rig, named("first"), named("s1"));
  rig.change("s1", {.maxconn = GENERATE(0u, 5u)});
  for (auto& client : line.waiting) CHECK(client->answer().status == 200);
  CHECK(rig.in_use() == 1);
  line.first->says("now");
  CHECK(line.first->answer().body == "first");
}

TEST_CASE("what was set outlives a reload while the file says what it said, and gives way where it does not") {
  const auto app = [](const std::string& one, const std::string& two) {
    return "backend app\n  server s1 ${s1}" + one + "\n  server s2 ${s2}" + two + "\n";
  };
  Rig rig(app("", ""), GENERATE(1u, 3u));
  say_names(rig, {"s1", "s2"});
  rig.change("s1", state(Administration::Maintenance));
  rig.change("s2", {.weight = 9, .maxconn = 7});
  const std::shared_ptr<const Snapshot> before = rig.crew().snapshot();
  rig.reload(app("", " slowstart 1s") + "  timeout server 9s\n");
  CHECK(changes_between(*before, *rig.crew().snapshot(), rig.crew().orders()).find("run time") == std::string::npos);
  CHECK(answering(rig) == "s2");
  const ServerSpec& s2 = *rig.crew().snapshot()->find_server("app", "s2");
  CHECK(s2.state->weight == 9);
  CHECK(s2.state->maxconn == 7);

  const ServerOrders orders = rig.crew().orders();
  rig.reload(app(" disabled", " weight 2"));
  CHECK(changes_between(*before, *rig.crew().snapshot(), orders)
            .find("server app/s2: weight 2 in place of 9 (set at run time)") != std::string::npos);
  CHECK(rig.crew().orders().size() == 1);
  CHECK(rig.crew().snapshot()->find_server("app", "s2")->state->weight == 2);
  CHECK(rig.crew().snapshot()->find_server("app", "s2")->state->maxconn == 7);
  CHECK(answering(rig) == "s2");
  rig.reload(app("", " weight 2"));
  CHECK(answering(rig).size() == 5);
}

TEST_CASE("a server that the file disables can be made ready, and is so after a reload") {
  const unsigned workers = GENERATE(1u, 3u);
  Rig rig("backend app\n  server s1 ${s1} disabled\n", workers);
  say_names(rig, {"s1"});
  CHECK(answering(rig) == "503");
  rig.change("s1", state(Administration::Ready));
  CHECK(answering(rig) == "s1");
  rig.reload("backend app\n  timeout server 9s\n  server s1 ${s1} disabled\n");
  CHECK(answering(rig) == "s1");
  // A server that leaves and comes back is a new one.
  rig.reload("backend app\n  server s2 ${s1}\n");
  rig.reload("backend app\n  server s1 ${s1} disabled\n");
  CHECK(answering(rig) == "503");
}

TEST_CASE("a server in maintenance is not checked, and one that comes back is taken for well and checked at once") {
  Rig rig("backend app\n", GENERATE(1u, 3u));
  say_names(rig, {"s1"});
  rig.server("health").next().expects("\r\n\r\n").sends("HTTP/1.1 500 Gone\r\n\r\n").closes();
  rig.reload("backend app\n  option httpchk\n  server s1 ${s1} check addr ${health} inter 60s fastinter 10ms fall 1\n");
  rig.line("Server app/s1 is DOWN");
  rig.change("s1", state(Administration::Maintenance));
  rig.run_until([&] { return rig.server("health").open() == 0; });
  const auto asked = rig.server("health").accepted();
  rig.linger(50);
  CHECK(rig.server("health").accepted() == asked);
  rig.change("s1", state(Administration::Ready));
  CHECK(rig.line("Server app/s1 is UP").find("READY (leaving forced maintenance)") != std::string::npos);
  rig.line("Server app/s1 is DOWN");
}

TEST_CASE("what is wanted of a server is wanted of those that track it, and of those that track these") {
  Rig rig("backend app\n", GENERATE(1u, 3u));
  say_names(rig, {"s1", "health"});
  rig.reload(
      "backend lead\n  option httpchk\n  server s1 ${health} check inter 60s\n"
      "backend between\n  server s1 ${health} track lead/s1\nbackend app\n  server s1 ${s1} track between/s1\n");
  const auto change = [&](const std::string& backend, Administration administration) {
    REQUIRE(rig.crew().change(backend, "s1", state(administration), [] {}));
  };
  CHECK(answering(rig) == "s1");
  change("lead", Administration::Maintenance);
  CHECK(rig.line("Server app/s1").starts_with("Server app/s1 is going DOWN for maintenance via between/s1."));
  CHECK(answering(rig) == "503");
  change("lead", Administration::Ready);
  CHECK(rig.line("Server app/s1") == "Server app/s1 is UP/READY (leaving maintenance).");
  CHECK(answering(rig) == "s1");
  change("between", Administration::Drain);
  CHECK(rig.line("Server app/s1").starts_with("Server app/s1 enters drain state via between/s1."));
  // Its own is the stricter.
  rig.change("s1", state(Administration::Maintenance));
  change("between", Administration::Ready);
  rig.line("Server between/s1 is UP (leaving forced drain)");
  rig.linger();
  CHECK(answering(rig) == "503");
  rig.change("s1", state(Administration::Ready));
  CHECK(answering(rig) == "s1");
}

TEST_CASE("a server at another address after a reload is taken for well until it is checked") {
  const auto app = [](const std::string& server) {
    return "backend app\n  option httpchk\n  server s1 ${" + server + "} check inter 60s fastinter 10ms fall 1\n";
  };
  Rig rig("backend app\n", GENERATE(1u, 3u));
  say_names(rig, {"s2"});
  rig.server("s1").next().expects("\r\n\r\n").sends("HTTP/1.1 500 Gone\r\n\r\n").closes();
  rig.reload(app("s1"));
  rig.line("Server app/s1 is DOWN");
  rig.reload(app("s2"));
  CHECK(answering(rig) == "s2");
}

namespace {

ServerChange to(Rig& rig, const std::string& server) {
  ServerAddress address;
  address.address = rig.server(server).address();
  return {.address = address};
}

}  // namespace

TEST_CASE("a server put at another address is connected to there, and what was idle is used no more") {
  Rig rig("backend app\n  http-reuse always\n  server s1 ${s1}\n", GENERATE(1u, 3u));
  say_names(rig, {"s1", "s2"});
  std::vector<std::unique_ptr<ScriptedClient>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<ScriptedClient>(rig));
    CHECK(clients.back()->gets("/").body == "s1");
  }
  rig.change("s1", to(rig, "s2"));
  CHECK(answering(rig) == "s2");
  for (auto& client : clients) CHECK(client->gets("/").body == "s2");
  rig.run_until([&] { return rig.server("s1").open() == 0; });
}

TEST_CASE("who is under way when a server is put elsewhere is served to the end, and its connection goes") {
  Rig rig("backend app\n  http-reuse always\n  server s1 ${s1}\n", GENERATE(1u, 3u));
  rig.server("s1").next().expects("rest").sends(named("s1")).repeats();
  say_names(rig, {"s2"});
  ScriptedClient client(rig);
  client.says("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n");
  rig.run_until([&] { return rig.server("s1").accepted() == 1; });
  rig.change("s1", to(rig, "s2"));
  CHECK(client.asks("rest").body == "s1");
  rig.run_until([&] { return rig.server("s1").open() == 0; });
  CHECK(client.gets("/").body == "s2");
}

TEST_CASE("in mode tcp too a server put elsewhere is connected to there") {
  Rig rig("listen app\n  mode tcp\n  bind 127.0.0.1:0\n  log-format \"200 %ts %s\"\n  server s1 ${s1}\n",
          GENERATE(1u, 3u));
  say_names(rig, {"s1", "s2"});
  CHECK(answering(rig) == "s1");
  rig.change("s1", to(rig, "s2"));
  CHECK(answering(rig) == "s2");
}

TEST_CASE("a log line names the address that a change has set") {
  Rig rig(
      "frontend web\n  bind 127.0.0.1:0\n  log-format \"%si:%sp\"\n  default_backend app\nbackend app\n"
      "  server s1 ${s1}\n");
  say_names(rig, {"s1", "s2"});
  rig.change("s1", to(rig, "s2"));
  ScriptedClient client(rig);
  CHECK(client.gets("/").body == "s2");
  CHECK(rig.line() == rig.server("s2").address().text());
}

TEST_CASE("an address that was set outlives a reload, until the file says another") {
  const auto app = [](const std::string& server) {
    return "backend app\n  http-reuse always\n  server s1 ${" + server + "}\n";
  };
  Rig rig(app("s1"), GENERATE(1u, 3u));
  say_names(rig, {"s1", "s2", "s3"});
  rig.change("s1", to(rig, "s2"));
  rig.change("s1", state(Administration::Drain));
  rig.change("s1", state(Administration::Ready));
  ScriptedClient client(rig);
  CHECK(client.gets("/").body == "s2");
  rig.reload(app("s1") + "  timeout server 9s\n");
  CHECK(client.gets("/").body == "s2");
  CHECK(answering(rig) == "s2");
  // That the file comes to say the same changes nothing.
  const auto accepted = rig.server("s2").accepted();
  rig.reload(app("s2"));
  CHECK(client.gets("/").body == "s2");
  CHECK(rig.server("s2").accepted() == accepted);
  rig.change("s1", to(rig, "s1"));
  CHECK(answering(rig) == "s1");
  rig.reload(app("s3"));
  CHECK(rig.crew().orders().empty());
  CHECK(answering(rig) == "s3");
}

TEST_CASE("a client's own connection stays where it is when a change moves the server, and ends when the file does") {
  const std::string one = "backend app\n  http-reuse never\n  server s1 ${s1}\n";
  Rig rig(one);
  say_names(rig, {"s1", "s2", "s3"});
  ScriptedClient client(rig);
  CHECK(client.gets("/").body == "s1");
  rig.change("s1", to(rig, "s2"));
  CHECK(client.gets("/").body == "s1");
  ScriptedClient other(rig);
  CHECK(other.gets("/").body == "s2");
  rig.reload("backend app\n  http-reuse never\n  server s1 ${s2}\n");
  rig.run_until([&] { return rig.server("s1").open() == 0; });
  CHECK(other.gets("/").body == "s2");
  CHECK(rig.server("s2").accepted() == 1);
  CHECK(client.gets("/").body == "s2");
}

TEST_CASE("a server put elsewhere is taken for well, and checked there at once") {
  Rig rig("backend app\n", GENERATE(1u, 3u));
  say_names(rig, {"s2"});
  rig.server("s1").next().expects("\r\n\r\n").sends("HTTP/1.1 500 Gone\r\n\r\n").closes();
  rig.reload("backend app\n  option httpchk\n  server s1 ${s1} check inter 60s fastinter 10ms fall 1 rise 9\n");
  rig.line("Server app/s1 is DOWN");
  rig.change("s1", to(rig, "s2"));
  rig.line("Server app/s1 is UP, reason: its address is another");
  rig.run_until([&] { return rig.server("s2").accepted() == 1; });
  const auto asked = rig.server("s1").accepted();
  CHECK(answering(rig) == "s2");
  rig.linger();
  CHECK(rig.server("s1").accepted() == asked);
}

TEST_CASE("a check with an address or a port of its own keeps it when the server is put elsewhere") {
  Rig rig("backend app\n");
  say_names(rig, {"health", "s1", "s2"});
  const bool host = GENERATE(true, false);
  const std::string own =
      host ? " addr ${health}" : penstock::format(" port {}", rig.server("health").address().port());
  rig.reload("backend app\n  option httpchk\n  server s1 ${s1} check inter 10ms" + own + "\n");
  rig.change("s1", to(rig, "s2"));
  const auto asked = rig.server("health").accepted();
  rig.run_until([&] { return rig.server("health").accepted() >= asked + 3; });
  CHECK(rig.server("s2").accepted() == 0);
}

TEST_CASE("a process that comes after another goes on with what was set about servers") {
  ServerValues file;
  REQUIRE(SocketAddress::from_ip("127.0.0.1", 1, file.address.address));
  ServerAddress elsewhere;
  REQUIRE(SocketAddress::from_ip("127.0.0.1", 2, elsewhere.address));
  ServerNotes notes;
  notes[{"app", "s1"}].orders = with_change({}, file, {Administration::Maintenance, 7, 3, elsewhere});
  file.administration = Administration::Maintenance;
  notes[{"app", "s2"}].orders = with_change({}, file, {.administration = Administration::Ready, .weight = 7});
  const std::string app = "backend app\n  server s1 127.0.0.1:1\n  server s2 127.0.0.1:1 disabled weight 2\n";
  Rig rig(app, GENERATE(1u, 3u), notes);
  for (int i = 0; i < 2; ++i) {
    const Server& s1 = *rig.crew().snapshot()->find_server("app", "s1")->state;
    CHECK_FALSE(s1.standing.load().in_service());
    CHECK(s1.weight == 7);
    CHECK(s1.maxconn == 3);
    REQUIRE(s1.moved());
    CHECK(s1.moved()->to == elsewhere);
    // The file said something else of its weight.
    const Server& s2 = *rig.crew().snapshot()->find_server("app", "s2")->state;
    CHECK(s2.takes_traffic());
    CHECK(s2.weight == 2);
    CHECK(rig.crew().note_of(s1).orders == notes[{"app", "s1"}].orders);
    rig.reload(app + "  timeout server 9s\n");
  }
}
