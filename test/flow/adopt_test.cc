// What a worker does when a snapshot differs from the one before: what is the same goes on, untouched.
#include <memory>
#include <string>
#include <vector>

#include "flow/rig.h"
#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "penstock/config/read.h"
#include "unit/catch.h"

using namespace penstock;
using penstock::test::Rig;
using penstock::test::ScriptedClient;

namespace {

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

AddServer a_server(const std::string& backend, const std::string& line) {
  config::Diagnostics diagnostics;
  const config::Config config = config::read({{"line.cfg", "backend b\n  server " + line + "\n"}}, diagnostics);
  return {backend, std::make_shared<const config::Server>(config.proxies.back().servers.back())};
}

void amend(Rig& rig, const Amendment& amendment) {
  config::Diagnostics diagnostics;
  auto snapshot = rig.crew().amended(amendment, diagnostics);
  REQUIRE(snapshot);
  rig.crew().put_to_work(std::move(snapshot));
  rig.run_until([&] { return !rig.crew().adopting(); });
}

}  // namespace

TEST_CASE("a check under way goes on over reloads that leave its backend alone") {
  const unsigned workers = GENERATE(1u, 3u);
  const std::string app =
      "backend app\n  option httpchk\n  timeout check 30s\n  server s1 ${s1} check inter 10ms rise 1 fall 1\n";
  Rig rig("backend app\n", workers);
  // It takes its time with the first one.
  rig.server("s1").next().expects("\r\n\r\n");
  rig.reload(app);
  rig.run_until([&] { return rig.server("s1").accepted() == 1; });
  for (int i = 0; i < 3; ++i) {
    rig.reload(penstock::format("backend b{}\n  server s1 ${{s2}}\n", i) + app);
    rig.linger();
  }
  CHECK(rig.server("s1").accepted() == 1);
  CHECK(rig.server("s1").open() == 1);
  // One that is another begins anew.
  rig.reload("backend app\n  option httpchk GET /other\n  server s1 ${s1} check inter 10ms rise 1 fall 1\n");
  rig.run_until([&] { return rig.server("s1").accepted() == 2; });
}

TEST_CASE("a server that tracks one of a backend that stays is led by it after a reload of its own") {
  const unsigned workers = GENERATE(1u, 3u);
  const std::string lead = "backend lead\n  option httpchk\n  server s1 ${health} check inter 300ms rise 1 fall 1\n";
  const auto app = [](const std::string& more) { return "backend app\n" + more + "  server s1 ${s1} track lead/s1\n"; };
  Rig rig("backend app\n", workers);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  rig.server("health").next().expects("\r\n\r\n").sends(kOk).closes();
  rig.reload(lead + app(""));
  rig.reload(lead + app("  timeout server 9s\n"));
  rig.reload("backend first\n" + lead + app("  timeout server 8s\n"));
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 200);
  rig.server("health").next().expects("\r\n\r\n").sends("HTTP/1.1 500 Gone\r\n\r\n").closes();
  rig.run_until([&] { return client.gets("/").status == 503; });
}

TEST_CASE("a server added while others serve is chosen, and the idle connections of its backend live on") {
  Rig rig("backend app\n  http-reuse always\n  server s1 ${s1}\n");
  for (const char* name : {"s1", "s2"}) rig.server(name).next().expects("\r\n\r\n").sends(kOk).repeats();
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 200);
  amend(rig, a_server("app", "s2 " + rig.server("s2").address().text()));
  for (int i = 0; i < 4; ++i) CHECK(client.gets("/").status == 200);
  CHECK(rig.server("s1").accepted() == 1);
  CHECK(rig.server("s2").accepted() == 1);
}

TEST_CASE("a server added is checked, and one that fails is left out") {
  Rig rig("backend app\n  option httpchk\n  server s1 ${s1}\n");
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  rig.server("health").next().expects("\r\n\r\n").sends("HTTP/1.1 500 Gone\r\n\r\n").closes();
  amend(rig, a_server("app", "s2 " + rig.server("health").address().text() + " check inter 10ms rise 1 fall 1"));
  rig.run_until([&] { return rig.line("Server app/s2 is DOWN").size() > 0; });
  ScriptedClient client(rig);
  for (int i = 0; i < 3; ++i) CHECK(client.gets("/").status == 200);
}

TEST_CASE("a server taken away gets nothing more, and who it serves is served to the end") {
  Rig rig("backend app\n  server s1 ${s1}\n  server s2 ${s2}\n  use-server s2 if { path /2 }\n");
  rig.server("s1").next().expects("rest").sends(kOk).expects("\r\n\r\n").sends(kOk).repeats();
  rig.server("s2").next().expects("\r\n\r\n").sends(kOk).repeats();
  ScriptedClient client(rig), other(rig);
  client.says("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n");
  rig.run_until([&] { return rig.server("s1").accepted() == 1; });
  amend(rig, DeleteServer{"app", "s1"});
  for (int i = 0; i < 3; ++i) CHECK(other.gets("/").status == 200);
  CHECK(other.gets("/2").status == 200);
  CHECK(client.asks("rest").status == 200);
  CHECK(rig.server("s1").accepted() == 1);
  rig.run_until([&] { return rig.server("s1").open() == 0; });
}

TEST_CASE("a transaction goes to the backend that it knows, whatever came between") {
  Rig rig(
      "  option http-buffer-request\n"
      "backend app\n  http-response set-header X-Backend one\n  server s1 ${s1}\n");
  rig.server("s1").next().expects("rest").sends(kOk);
  rig.server("s2").next().expects("\r\n\r\n").sends(kOk);
  ScriptedClient client(rig);
  client.says("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n");
  rig.linger();
  // Two backends of that name later, and none in between.
  rig.reload("  use_backend none if TRUE\nbackend none\nbackend app\n  server s1 ${s2}\n");
  rig.reload("listen all\n  bind 127.0.0.1:0\n  server s1 ${s2}\n");
  rig.reload("backend app\n  http-response set-header X-Backend four\n  server s1 ${s2}\n");
  const auto answer = client.asks("rest");
  CHECK(answer.status == 200);
  CHECK(answer.has("X-Backend: one"));
  CHECK(client.gets("/").has("X-Backend: four"));
}

TEST_CASE("who waits in a backend that stays waits on, and a place that an old transaction leaves is taken") {
  const unsigned workers = GENERATE(1u, 3u);
  const std::string app = "backend app\n  server s1 ${s1} maxconn 1\n";
  Rig rig(app, workers);
  rig.server("s1").next().expects("GET /first ").expects("now").sends(kOk);
  rig.server("s1").next().expects("GET /second ").expects("\r\n\r\n").sends(kOk);
  ScriptedClient first(rig), second(rig);
  first.says("GET /first HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\n");
  rig.run_until([&] { return rig.in_use() == 1; });
  second.says("GET /second HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  rig.run_until([&] { return rig.waiting() == 1; });
  for (int i = 0; i < 3; ++i) rig.reload(penstock::format("backend b{}\n  server s1 ${{s2}}\n", i) + app);
  first.says("now");
  CHECK(first.answer().status == 200);
  CHECK(second.answer().status == 200);
}
