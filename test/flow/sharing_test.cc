// Idle server connections that workers take from each other (tune.idle-pool.shared).
#include <memory>
#include <string>
#include <vector>

#include "flow/rig.h"
#include "unit/catch.h"
#include "unit/net/test_certificates.h"

using namespace penstock;
using penstock::test::Rig;
using penstock::test::ScriptedClient;
using penstock::test::ScriptedServer;

namespace {

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr unsigned kWorkers = 4;
// So many that all are on one worker less often than the machine breaks.
constexpr int kClients = 24;

std::string with(const std::string& global, const std::string& server, const std::string& reuse = "always") {
  return global + "backend app\n  http-reuse " + reuse + "\n  server s1 " + server + "\n";
}

// Clients that come one after the other, each some time after the one before, and stay.
std::vector<std::unique_ptr<ScriptedClient>> seldom_clients(Rig& rig) {
  std::vector<std::unique_ptr<ScriptedClient>> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<ScriptedClient>(rig));
    CHECK(clients.back()->gets("/").body == "ok");
    rig.linger(5);  // More often than every other millisecond, and a worker keeps one for itself.
  }
  return clients;
}

}  // namespace

TEST_CASE("a connection that one worker leaves serves the clients of all") {
  Rig rig(with("", "${s1}"), kWorkers);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  const auto clients = seldom_clients(rig);
  CHECK(rig.server("s1").accepted() == 1);
}

TEST_CASE("so does one with TLS inside") {
  TicketKeys keys;
  const auto issued = test::self_signed({.names = {"mail.test"}});
  auto context = TlsContext::for_clients({}, {offer_of("server.pem", issued)}, false, keys);
  REQUIRE(context);
  Rig rig(with("", "${s1}"), kWorkers);
  ScriptedServer server(rig.loop(), context->get());
  rig.name("tls", server.address());
  rig.reload(with("", "${tls} ssl verify none"));
  server.next().expects("\r\n\r\n").sends(kOk).repeats();
  const auto clients = seldom_clients(rig);
  CHECK(server.accepted() == 1);
}

TEST_CASE("tune.idle-pool.shared off leaves each worker its own") {
  Rig rig(with("global\n  tune.idle-pool.shared off\n", "${s1}"), kWorkers);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  const auto clients = seldom_clients(rig);
  CHECK(rig.server("s1").accepted() > 1);
  CHECK(rig.server("s1").accepted() <= kWorkers);
}

TEST_CASE("one that was asked for an identity is nobody else's, on no worker") {
  Rig rig(with("", "${s1}"), kWorkers);
  rig.server("s1")
      .next()
      .expects("\r\n\r\n")
      .sends("HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n");
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  ScriptedClient asked(rig);
  CHECK(asked.gets("/").status == 401);
  const auto clients = seldom_clients(rig);
  CHECK(rig.server("s1").accepted() == 2);
  const std::string& first = rig.server("s1").received(0);
  CHECK(first.find("\r\n\r\n") == first.size() - 4);
}

TEST_CASE("one that its server has closed meanwhile goes within a second or so, and serves nobody") {
  Rig rig(with("", "${s1}"), kWorkers);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  ScriptedClient client(rig);
  CHECK(client.gets("/").body == "ok");
  rig.server("s1").finish_all();
  rig.run_until([&] { return rig.server("s1").open() == 0; });
  CHECK(client.gets("/").body == "ok");
  CHECK(rig.server("s1").accepted() == 2);
}

TEST_CASE("those for which nobody has a use any more are closed after pool-purge-delay") {
  Rig rig(with("", "${s1} pool-purge-delay 50ms"), kWorkers);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  ScriptedClient client(rig);
  CHECK(client.gets("/").body == "ok");
  CHECK(rig.server("s1").open() == 1);
  rig.run_until([&] { return rig.server("s1").open() == 0; });
}
