// Checks of servers over loopback sockets: every result, in the words of the log.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flow/scripted_server.h"
#include "penstock/balance/keeper.h"
#include "penstock/net/loop.h"
#include "unit/catch.h"
#include "unit/net/test_certificates.h"

using namespace penstock;
using penstock::test::FullBacklog;
using penstock::test::ScriptedServer;
using Lines = std::vector<std::string>;
using Match = CheckStepSpec::Match;

namespace {

constexpr const char* kOk = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n200 OK";
constexpr const char* kGone = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
constexpr const char* kExchange =
    "Exchange closes the connection when the component is inactive: see Get-ServerComponentState";

// Looks at a condition every millisecond, so that nothing has to be waited for longer than it takes.
class Watcher final : public Living {
 public:
  Watcher(Loop& loop, std::function<bool()> met) : Living(loop), met_(std::move(met)), end_ms_(loop.now() + 20000) {
    set_deadline(1);
  }
  bool was_met = false;

 private:
  void on_deadline() override {
    was_met = met_();
    if (was_met || loop().now() >= end_ms_) return loop().stop();
    set_deadline(1);
  }
  std::function<bool()> met_;
  std::uint64_t end_ms_;
};

// How long a check took is nothing to compare: it reads "Nms".
std::string without_duration(std::string_view line) {
  const std::string_view before = "check duration: ";
  std::size_t at = line.find(before);
  if (at == std::string_view::npos) return std::string(line);
  at += before.size();
  const std::size_t end = line.find_first_not_of("0123456789", at);
  REQUIRE(end > at);
  return std::string(line.substr(0, at)) + "N" + std::string(line.substr(end));
}

// One backend, its checks, and all they say.
class Rig final : public KeeperEvents, public HealthLog {
 public:
  Rig() {
    spec.name = "bk";
    spec.state = std::make_shared<BackendState>("bk");
  }
  // `check` is the server's; its address is where it is found and checked.
  ServerSpec& server(const SocketAddress& address, const CheckSpec& check) {
    ServerSpec server;
    server.name = "s" + std::to_string(spec.servers.size() + 1);
    server.state = std::make_shared<Server>("bk", server.name);
    server.address = address;
    server.check = check;
    server.check.enabled = true;
    server.check.address = address;
    server.check.scripted = !check.http && !check.steps.empty();
    spec.servers.push_back(server);
    return spec.servers.back();
  }
  void start() {
    std::vector<Keeper::Target> targets;
    for (const ServerSpec& server : spec.servers) targets.push_back({&spec, &server});
    keeper = std::make_unique<Keeper>(loop, options, *this, *this);
    keeper->adopt(targets);
  }
  void run_until(std::function<bool()> met) {
    Owned<Watcher> watcher(new Watcher(loop, std::move(met)));
    loop.run();
    REQUIRE(watcher->was_met);
  }
  // Starts if need be, and runs until so many lines were written.
  const Lines& lines_after(std::size_t count) {
    if (!keeper) start();
    run_until([&] { return lines.size() >= count; });
    return lines;
  }
  // Of the first check of the only server.
  std::string first_result() { return lines_after(1).front(); }
  Operation operation(std::size_t index = 0) const { return spec.servers[index].state->standing.load().operation; }

  Loop loop;
  BackendSpec spec;
  ChecksOptions options;
  Lines lines;
  std::vector<Level> levels;
  std::vector<std::string> changes;
  std::vector<std::uint32_t> ramps;  // As they were at each change.
  std::unique_ptr<Keeper> keeper;

 private:
  void on_server_changed(const BackendSpec& backend, const ServerSpec& server, Turn turn) override {
    changes.push_back(backend.name + "/" + server.name + (turn != Turn::Down ? " up" : " down"));
    ramps.push_back(server.state->ramp);
  }
  void write(const BackendSpec&, Level level, std::string_view line) override {
    lines.push_back(without_duration(line));
    levels.push_back(level);
  }
};

CheckSpec tcp_check() {
  CheckSpec check;
  check.inter_ms = 5000;
  check.fastinter_ms = check.downinter_ms = 5;
  check.rise = 2;
  check.fall = 3;
  check.log_all = true;
  return check;
}

CheckStepSpec sends(std::string bytes) {
  CheckStepSpec step;
  step.kind = CheckStepSpec::Kind::Send;
  step.send = std::move(bytes);
  return step;
}

CheckStepSpec expects(Match match, std::string pattern) {
  CheckStepSpec step;
  step.kind = CheckStepSpec::Kind::Expect;
  step.match = match;
  step.pattern = std::move(pattern);
  return step;
}

CheckStepSpec connects(const SocketAddress& address = {}) {
  CheckStepSpec step;
  step.kind = CheckStepSpec::Kind::Connect;
  step.port = address.port();
  return step;
}

CheckSpec http_check(std::string uri = "/") {
  CheckSpec check = tcp_check();
  check.http = true;
  check.steps = {sends("GET " + uri + " HTTP/1.1\r\nHost: mail\r\nConnection: close\r\n\r\n")};
  return check;
}

CheckSpec with(CheckSpec check, CheckStepSpec step) {
  check.steps.push_back(std::move(step));
  check.scripted = !check.http;
  return check;
}

std::string failed(std::string_view reason, std::string_view status = "0/2 DOWN") {
  return "Health check for server bk/s1 failed, reason: " + std::string(reason) +
         ", check duration: Nms, status: " + std::string(status) + ".";
}

std::string succeeded(std::string_view reason, std::string_view status = "3/3 UP") {
  return "Health check for server bk/s1 succeeded, reason: " + std::string(reason) +
         ", check duration: Nms, status: " + std::string(status) + ".";
}

// TLS for both sides: a server named ex01, and a client that trusts its authority.
struct Tls {
  Tls() {
    const test::IssuedCertificate own = authority.issue({.names = {"ex01"}});
    Result<std::shared_ptr<const TlsContext>> made =
        TlsContext::for_clients(TlsOptions{}, {offer_of("ex01.pem", own)}, false, keys);
    REQUIRE(made);
    server = *made;
    TlsOptions options;
    options.check = TlsPeerCheck::Required;
    options.ca_name = "ca.pem";
    options.ca_pem = authority.certificate();
    made = TlsContext::for_servers(options, nullptr);
    REQUIRE(made);
    client = *made;
  }
  CheckSpec over(CheckSpec check) const {
    check.tls = client;
    check.sni = "ex01";
    return check;
  }
  test::TestAuthority authority;
  TicketKeys keys;
  std::shared_ptr<const TlsContext> server, client;
};

}  // namespace

TEST_CASE("a TCP check passes when the connection is made") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next();
  rig.server(server.address(), tcp_check());
  CHECK(rig.first_result() == succeeded("Layer4 check passed"));
  CHECK(rig.operation() == Operation::Up);
  CHECK(rig.changes.empty());
}

TEST_CASE("a port where nobody listens is a connection problem") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.stop_listening();
  rig.server(server.address(), tcp_check());
  CHECK(rig.first_result() == failed("Layer4 connection problem, info: \"Connection refused\""));
}

TEST_CASE("a machine that does not answer is a layer 4 timeout") {
  Rig rig;
  FullBacklog full;
  CheckSpec check = tcp_check();
  check.connect_ms = 50;
  check.answer_ms = 10000;
  rig.server(full.address(), check);
  CHECK(rig.first_result() == failed("Layer4 timeout"));
  CHECK(rig.spec.servers[0].state->check.last_duration_ms >= 50);
  CHECK(rig.spec.servers[0].state->check.last_duration_ms < 5000);
}

TEST_CASE("an HTTP check without expectation passes by 2xx and 3xx") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next()
      .expects("\r\n\r\n")
      .sends("HTTP/1.1 302 Found\r\nLocation: /owa/\r\nContent-Length: 0\r\n\r\n")
      .closes();
  rig.server(server.address(), http_check("/owa/"));
  CHECK(rig.first_result() == succeeded("Layer7 check passed, code: 302"));
  CHECK(server.received(0) == "GET /owa/ HTTP/1.1\r\nHost: mail\r\nConnection: close\r\n\r\n");
}

TEST_CASE("an HTTP check fails by another status, whose reason is told") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends(kGone).closes();
  rig.server(server.address(), http_check());
  CHECK(rig.first_result() == failed("Layer7 wrong status, code: 503, info: \"Service Unavailable\""));
}

TEST_CASE("an interim answer is not the answer") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends("HTTP/1.1 102 Processing\r\n\r\n").sends(kOk).closes();
  rig.server(server.address(), with(http_check(), expects(Match::Status, "200")));
  CHECK(rig.first_result() == succeeded("Layer7 check passed, code: 200"));
}

TEST_CASE("a server that takes the request and says nothing is a layer 7 timeout") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n");
  CheckSpec check = http_check();
  check.answer_ms = 50;
  rig.server(server.address(), check);
  CHECK(rig.first_result() == failed("Layer7 timeout"));
}

TEST_CASE("without timeout check, inter bounds the whole check") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends("HTTP/1.1 200 OK\r\nContent-");
  CheckSpec check = http_check();
  check.inter_ms = 200;
  rig.server(server.address(), check);
  CHECK(rig.first_result() == failed("Layer7 timeout"));
  CHECK(rig.spec.servers[0].state->check.last_duration_ms >= 200);
}

TEST_CASE("what is not HTTP, or ends within its head, is an invalid response") {
  for (const char* answer : {"hello\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-"}) {
    Rig rig;
    ScriptedServer server(rig.loop);
    server.next().expects("\r\n\r\n").sends(answer).closes();
    rig.server(server.address(), http_check());
    CHECK(rig.first_result() == failed("Layer7 invalid response"));
  }
}

TEST_CASE("a server that closes without an answer is an invalid response, one that resets a socket error") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").closes();
  server.next().expects("\r\n\r\n").resets();
  rig.server(server.address(), http_check());
  rig.lines_after(4);
  CHECK(rig.lines[0] == failed("Layer7 invalid response"));
  CHECK(rig.lines[3] == failed("Socket error, info: \"Connection reset by peer\""));
}

TEST_CASE("when Exchange closes instead of showing its health page, the log says what that means") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").closes();
  server.next().expects("\r\n\r\n").resets();
  rig.server(server.address(), http_check("/owa/healthcheck.htm"));
  rig.lines_after(4);
  CHECK(rig.lines[0] == failed("Layer7 invalid response, info: \"" + std::string(kExchange) + "\""));
  CHECK(rig.lines[3] == failed("Socket error, info: \"Connection reset by peer (" + std::string(kExchange) + ")\""));
}

TEST_CASE("an Exchange that answers a part is not taken for an inactive component") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends("HTTP/1.1 2").closes();
  rig.server(server.address(), http_check("/owa/healthcheck.htm"));
  CHECK(rig.first_result() == failed("Layer7 invalid response"));
}

TEST_CASE("text is sought in a body that comes in pieces and chunks") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next()
      .expects("\r\n\r\n")
      .sends("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n200\r\n")
      .sends("3\r\n OK\r\n");
  rig.server(server.address(), with(http_check(), expects(Match::String, "200 OK")));
  CHECK(rig.first_result() == succeeded("Layer7 check passed, code: 200"));
}

TEST_CASE("a body without the text, without any byte, or cut short before it, is an invalid response") {
  const auto result_of = [](const char* answer) {
    Rig rig;
    ScriptedServer server(rig.loop);
    server.next().expects("\r\n\r\n").sends(answer).closes();
    rig.server(server.address(), with(http_check(), expects(Match::String, "200 OK")));
    return rig.first_result();
  };
  const std::string unmatched = failed("Layer7 invalid response, info: \"HTTP content check did not match\"");
  CHECK(result_of("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong") == unmatched);
  CHECK(result_of("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n200") == unmatched);
  CHECK(result_of("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") ==
        failed("Layer7 invalid response, info: \"HTTP content check could not find a response body\""));
}

TEST_CASE("text behind the first 64 KiB of a body is not found") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next()
      .expects("\r\n\r\n")
      .sends("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + std::string(65536, 'x') + "end");
  rig.server(server.address(), with(http_check(), expects(Match::String, "end")));
  CHECK(rig.first_result() == failed("Layer7 invalid response, info: \"HTTP content check did not match\""));
}

TEST_CASE("status and text of one answer may both be asked for") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends(kOk).closes();
  rig.server(server.address(),
             with(with(http_check(), expects(Match::Status, "200")), expects(Match::String, "200 OK")));
  CHECK(rig.first_result() == succeeded("Layer7 check passed, code: 200"));
}

TEST_CASE("the answer to HEAD is complete with its head, whatever length it names") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n");
  CheckSpec check = with(http_check(), expects(Match::String, "x"));
  check.steps[0].send = "HEAD / HTTP/1.0\r\n\r\n";
  rig.server(server.address(), check);
  CHECK(rig.first_result() ==
        failed("Layer7 invalid response, info: \"HTTP content check could not find a response body\""));
}

TEST_CASE("a conversation in raw bytes goes step by step and ends with its last words") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().sends("+OK POP3 ready\r\n").expects("CAPA\r\n").sends("+OK\r\nUSER\r\n.\r\n").expects("QUIT\r\n");
  CheckSpec check = tcp_check();
  check.steps = {connects(), expects(Match::String, "+OK POP3"), sends("CAPA\r\n"), expects(Match::Binary, "USER\r\n"),
                 sends("QUIT\r\n")};
  check.scripted = !check.http;
  rig.server(server.address(), check);
  CHECK(rig.first_result() == succeeded("Layer7 check passed, code: 0, info: \"(tcp-check)\""));
  rig.run_until([&] { return server.received(0) == "CAPA\r\nQUIT\r\n"; });
}

TEST_CASE("a raw conversation that goes wrong names the step") {
  const auto result_of = [](const std::function<void(test::Script&)>& script, CheckStepSpec expect) {
    Rig rig;
    ScriptedServer server(rig.loop);
    script(server.next());
    CheckSpec check = tcp_check();
    check.answer_ms = 50;
    check.steps = {connects(), std::move(expect)};
    check.scripted = !check.http;
    rig.server(server.address(), check);
    return rig.first_result();
  };
  CheckStepSpec ok = expects(Match::String, "+OK");
  CHECK(result_of([](test::Script& s) { s.sends("-ERR no\r\n").closes(); }, ok) ==
        failed("Layer7 invalid response, info: \"TCPCHK did not match content '+OK' at step 2\""));
  CHECK(result_of([](test::Script& s) { s.closes(); }, ok) ==
        failed("Layer7 invalid response, info: \"TCPCHK got an empty response at step 2\""));
  ok.comment = "pop3";
  CHECK(result_of([](test::Script&) {}, ok) ==
        failed("Layer7 timeout, info: \" at step 2 of tcp-check (expect string '+OK') comment: 'pop3'\""));
}

TEST_CASE("a reset in a raw conversation is a socket error and names the step") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("hello\r\n").resets();
  CheckSpec check = tcp_check();
  check.steps = {sends("hello\r\n"), expects(Match::String, "+OK")};
  check.scripted = !check.http;
  rig.server(server.address(), check);
  CHECK(rig.first_result() ==
        failed("Socket error, info: \"Connection reset by peer at step 2 of tcp-check (expect string '+OK')\""));
}

TEST_CASE("a place in the rule set that counts comments is told as it was given") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().sends("-ERR\r\n").closes();
  CheckSpec check = with(tcp_check(), expects(Match::String, "+OK"));
  check.steps[0].number = 4;
  rig.server(server.address(), check);
  CHECK(rig.first_result() ==
        failed("Layer7 invalid response, info: \"TCPCHK did not match content '+OK' at step 4\""));
}

TEST_CASE("connecting that fails is told by step, or as the initial connection") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.stop_listening();
  CheckSpec check = tcp_check();
  check.steps = {connects(server.address()), expects(Match::String, "x")};
  check.scripted = !check.http;
  rig.server(server.address(), check);
  CHECK(rig.first_result() == failed("Layer4 connection problem, info: \"Connection refused at step 1 of tcp-check "
                                     "(connect port " +
                                     std::to_string(server.address().port()) + ")\""));
  Rig other;
  check.steps = {sends("x")};
  check.scripted = !check.http;
  other.server(server.address(), check);
  CHECK(other.first_result() == failed("Layer4 connection problem, info: \"Connection refused at initial connection "
                                       "step of tcp-check\""));
}

TEST_CASE("a check may go over several connections, and says goodbye on each") {
  Rig rig;
  ScriptedServer pop3(rig.loop), imap(rig.loop);
  pop3.next().sends("+OK\r\n");
  imap.next().sends("* OK\r\n");
  CheckSpec check = tcp_check();
  check.steps = {connects(pop3.address()), expects(Match::String, "+OK"), sends("QUIT\r\n"), connects(imap.address()),
                 expects(Match::String, "* OK")};
  check.scripted = !check.http;
  rig.server(pop3.address(), check);
  CHECK(rig.first_result() == succeeded("Layer7 check passed, code: 0, info: \"(tcp-check)\""));
  CHECK(imap.accepted() == 1);
  rig.run_until([&] { return pop3.received(0) == "QUIT\r\n"; });
}

TEST_CASE("two HTTP questions over two connections must both be answered well") {
  Rig rig;
  ScriptedServer first(rig.loop), second(rig.loop);
  first.next().expects("\r\n\r\n").sends(kOk).closes();
  second.next().expects("\r\n\r\n").sends(kGone).closes();
  CheckSpec check = http_check();
  check.steps = {connects(first.address()), check.steps[0], expects(Match::Status, "200"), connects(second.address()),
                 check.steps[0]};
  check.scripted = !check.http;
  rig.server(first.address(), check);
  CHECK(rig.first_result() == failed("Layer7 wrong status, code: 503, info: \"Service Unavailable\""));
}

TEST_CASE("a check that only connects, in steps, is of layer 4") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next();
  rig.server(server.address(), with(tcp_check(), connects()));
  CHECK(rig.first_result() == succeeded("Layer4 check passed, info: \"(tcp-check)\""));
}

TEST_CASE("a TLS check passes when the handshake does, and an HTTP check goes through it") {
  Tls tls;
  Rig rig;
  ScriptedServer server(rig.loop, tls.server.get());
  server.next();
  rig.server(server.address(), tls.over(tcp_check()));
  CHECK(rig.first_result() == succeeded("Layer6 check passed"));

  Rig http;
  ScriptedServer web(http.loop, tls.server.get());
  web.next().expects("\r\n\r\n").sends(kOk).closes();
  http.server(web.address(), tls.over(http_check()));
  CHECK(http.first_result() == succeeded("Layer7 check passed, code: 200"));
}

TEST_CASE("a server whose certificate is for another name does not pass") {
  Tls tls;
  Rig rig;
  ScriptedServer server(rig.loop, tls.server.get());
  server.next();
  CheckSpec check = tls.over(tcp_check());
  check.verify_name = "ex02";
  rig.server(server.address(), check);
  CHECK_THAT(rig.first_result(), Catch::StartsWith("Health check for server bk/s1 failed, reason: Layer6 invalid "
                                                   "response, info: \"SSL handshake failure (certificate"));
}

TEST_CASE("a server that speaks no TLS, or closes in the handshake, is an invalid response of layer 6") {
  Tls tls;
  for (const char* said : {"HTTP/1.1 400 Bad Request\r\n\r\n", ""}) {
    Rig rig;
    ScriptedServer server(rig.loop);
    server.next().expects("").sends(said).closes();
    rig.server(server.address(), tls.over(http_check()));
    CHECK_THAT(rig.first_result(), Catch::StartsWith("Health check for server bk/s1 failed, reason: Layer6 invalid "
                                                     "response, info: \"SSL handshake failure ("));
  }
}

TEST_CASE("a handshake that is not answered is a layer 6 timeout") {
  Tls tls;
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next();
  CheckSpec check = tls.over(http_check());
  check.inter_ms = 200;
  rig.server(server.address(), check);
  CHECK(rig.first_result() == failed("Layer6 timeout"));
}

TEST_CASE("an inactive component of Exchange is told behind TLS too") {
  Tls tls;
  Rig rig;
  ScriptedServer server(rig.loop, tls.server.get());
  server.next().expects("\r\n\r\n").closes();
  rig.server(server.address(), tls.over(http_check("/EWS/healthcheck.htm")));
  CHECK(rig.first_result() == failed("Layer7 invalid response, info: \"" + std::string(kExchange) + "\""));
}

TEST_CASE("a connect step is plain unless it asks for TLS, or for what the server has") {
  Tls tls;
  const auto result_of = [&](bool default_options, bool ssl, const TlsContext* server_tls) {
    Rig rig;
    ScriptedServer server(rig.loop, server_tls);
    server.next().expects("\r\n\r\n").sends(kOk).closes();
    CheckSpec check = tls.over(http_check());
    CheckStepSpec step = connects();
    step.use_default = default_options;
    step.tls = ssl;
    if (ssl) step.sni = "ex01";
    check.steps.insert(check.steps.begin(), step);
    rig.server(server.address(), check);
    return rig.first_result();
  };
  const std::string good = succeeded("Layer7 check passed, code: 200");
  CHECK(result_of(false, false, nullptr) == good);
  CHECK(result_of(true, false, tls.server.get()) == good);
  CHECK(result_of(false, true, tls.server.get()) == good);
}

TEST_CASE("a server goes DOWN after fall failures and comes UP after rise successes, told as HAProxy does") {
  Rig rig;
  ScriptedServer server(rig.loop);
  for (int i = 0; i < 3; ++i) server.next().expects("\r\n\r\n").sends(kGone).closes();
  server.next().expects("\r\n\r\n").sends(kOk).closes();
  Server::CheckMemory& memory = rig.server(server.address(), http_check()).state->check;
  memory.begun = true;
  memory.health = 4;
  const std::uint32_t version = rig.spec.state->version;
  rig.lines_after(8);
  const std::string gone = "Layer7 wrong status, code: 503, info: \"Service Unavailable\"";
  const std::string good = "Layer7 check passed, code: 200";
  CHECK(rig.lines == Lines{
                         failed(gone, "2/3 UP"),
                         failed(gone, "1/3 UP"),
                         failed(gone, "0/2 DOWN"),
                         "Server bk/s1 is DOWN. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 "
                         "remaining in queue.",
                         "backend bk has no server available!",
                         succeeded(good, "1/2 DOWN"),
                         succeeded(good, "3/3 UP"),
                         "Server bk/s1 is UP. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in "
                         "queue.",
                     });
  CHECK(rig.levels == std::vector<Level>{Level::Notice, Level::Notice, Level::Notice, Level::Alert, Level::Emerg,
                                         Level::Notice, Level::Notice, Level::Notice});
  CHECK(rig.changes == std::vector<std::string>{"bk/s1 down", "bk/s1 up"});
  CHECK(rig.operation() == Operation::Up);
  CHECK(rig.spec.state->version == version + 2);
  CHECK(rig.spec.servers[0].state->changed_at_ms > 0);
}

TEST_CASE("without log-health-checks only changes are logged, with their reason") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends(kGone).closes();
  server.next().expects("\r\n\r\n").sends(kOk).closes();
  CheckSpec check = http_check();
  check.log_all = false;
  rig.server(server.address(), check);
  rig.lines_after(3);
  CHECK(rig.lines == Lines{
                         "Server bk/s1 is DOWN, reason: Layer7 wrong status, code: 503, info: \"Service Unavailable\", "
                         "check duration: Nms. 0 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 "
                         "remaining in queue.",
                         "backend bk has no server available!",
                         "Server bk/s1 is UP, reason: Layer7 check passed, code: 200, check duration: Nms. 1 active "
                         "and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
                     });
}

TEST_CASE("a server that answers 404 where that asks for less drains, and comes back") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").closes();
  server.next().expects("\r\n\r\n").sends(kOk).closes();
  CheckSpec check = with(http_check(), expects(Match::Status, "200"));
  check.disable_on_404 = true;
  check.log_all = false;
  check.inter_ms = 1000;
  rig.server(server.address(), check);
  rig.lines_after(3);
  CHECK(rig.lines == Lines{
                         "Server bk/s1 is stopping, reason: Layer7 check conditionally passed, code: 404, check "
                         "duration: Nms. 0 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
                         "backend bk has no server available!",
                         "Server bk/s1 is UP, reason: Layer7 check passed, code: 200, check duration: Nms. 1 active "
                         "and 0 backup servers online. 0 sessions requeued, 0 total in queue.",
                     });
  CHECK(rig.changes == std::vector<std::string>{"bk/s1 up", "bk/s1 up"});
}

TEST_CASE("a draining server that fails goes DOWN without an alert") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").closes();
  server.next().expects("\r\n\r\n").sends(kGone).closes();
  CheckSpec check = http_check();
  check.disable_on_404 = true;
  check.log_all = false;
  check.fall = 1;
  check.inter_ms = 1000;
  rig.server(server.address(), check);
  rig.lines_after(3);
  CHECK_THAT(rig.lines[2], Catch::StartsWith("Server bk/s1 is DOWN, reason: Layer7 wrong status, code: 503"));
  CHECK(rig.levels[2] == Level::Notice);
}

TEST_CASE("a server that is DOWN stays so though it answers 404") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends(kGone).closes();
  server.next().expects("\r\n\r\n").sends("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").closes();
  CheckSpec check = http_check();
  check.disable_on_404 = true;
  rig.server(server.address(), check);
  rig.lines_after(4);
  rig.run_until([&] { return server.accepted() >= 6; });
  CHECK(rig.operation() == Operation::Down);
}

TEST_CASE("a server that comes back starts slowly; one that was never away does not") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends(kGone).closes();
  server.next().expects("\r\n\r\n").sends(kOk).closes();
  ServerSpec& spec = rig.server(server.address(), http_check());
  spec.slowstart_ms = 300;
  Server& state = *spec.state;
  CHECK(state.ramp == 256);
  rig.start();
  rig.run_until([&] { return rig.changes.size() == 2; });
  CHECK(rig.ramps == std::vector<std::uint32_t>{256, 1});
  const std::uint32_t version_up = 3;  // It began at 1; DOWN and UP moved it.
  rig.run_until([&] { return state.ramp == 256; });
  CHECK(rig.loop.now() - state.up_since_ms >= 300);
  CHECK(rig.spec.state->version > version_up);
}

TEST_CASE("a reload goes on with the count, the timer and the slow start") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends(kGone).closes();
  server.next().expects("\r\n\r\n").sends(kOk).closes();
  server.next().expects("\r\n\r\n");
  CheckSpec check = http_check();
  ServerSpec& spec = rig.server(server.address(), check);
  rig.lines_after(4);
  REQUIRE(rig.lines.back() == succeeded("Layer7 check passed, code: 200", "1/2 DOWN"));
  const std::uint64_t due = spec.state->check.next_ms;
  rig.keeper.reset();
  CHECK(spec.state->check.next_ms == due);
  CHECK(rig.operation() == Operation::Down);
  rig.start();
  // Under way and unanswered: the reload ends it in silence, and the next one asks again at once.
  rig.run_until([&] { return server.accepted() == 3; });
  rig.keeper.reset();
  rig.run_until([&] { return server.open() == 0; });
  CHECK(rig.lines.size() == 4);
  rig.start();
  rig.run_until([&] { return server.accepted() == 4; });
  CHECK(spec.state->check.health == 1);
}

TEST_CASE("after a reload a healthy server is not checked before its time") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends(kOk).closes();
  CheckSpec check = http_check();
  check.inter_ms = 60000;
  ServerSpec& spec = rig.server(server.address(), check);
  rig.lines_after(1);
  const std::uint64_t due = spec.state->check.next_ms;
  CHECK(due > rig.loop.now() + 30000);
  rig.keeper.reset();
  rig.start();
  CHECK(spec.state->check.next_ms == due);
  CHECK(rig.keeper->in_flight() == 0);
}

TEST_CASE("what another process found is gone on with: status, count and slow start") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends(kOk).closes();
  server.next().expects("\r\n\r\n").sends(kOk).closes();
  ServerSpec& spec = rig.server(server.address(), http_check());
  spec.slowstart_ms = 60000;
  const ServerNote down{Operation::Down, 0, {}};
  Keeper::begin(spec, &down);
  CHECK(rig.lines_after(1).front() == succeeded("Layer7 check passed, code: 200", "1/2 DOWN"));
  rig.run_until([&] { return rig.changes.size() == 1; });
  CHECK(rig.operation() == Operation::Up);
  const ServerNote note = Keeper::note_of(*spec.state, {});
  CHECK(note == ServerNote{Operation::Up, spec.state->up_since_ms, {}});

  Rig next;
  server.next().expects("\r\n\r\n").sends(kGone).closes();
  ServerSpec& again = next.server(server.address(), http_check());
  again.slowstart_ms = 60000;
  Keeper::begin(again, &note);
  next.start();
  CHECK(Keeper::note_of(*again.state, {}) == note);
  const ServerNote half{Operation::Up, next.loop.now() - 30000, {}};
  Keeper::begin(again, &half);
  next.keeper.reset();
  next.start();
  next.run_until([&] { return again.state->ramp >= 128; });
  CHECK(again.state->ramp < 200);
}

TEST_CASE("a server in maintenance is not checked") {
  Rig rig;
  ScriptedServer away(rig.loop), here(rig.loop);
  away.next();
  here.next();
  rig.server(away.address(), tcp_check()).disabled = true;
  rig.server(here.address(), tcp_check());
  rig.spec.servers[1].check.inter_ms = 10;
  rig.start();
  rig.run_until([&] { return here.accepted() >= 5; });
  CHECK(away.accepted() == 0);
  CHECK(!rig.spec.servers[0].state->standing.load().in_service());
}

TEST_CASE("checks beyond the limit wait for their turn, and all get one") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next().expects("\r\n\r\n").sends(kOk).closes();
  CheckSpec check = http_check();
  check.fastinter_ms = 1;
  for (int i = 0; i < 40; ++i) rig.server(server.address(), check);
  rig.options.in_flight = 3;
  rig.start();
  std::size_t most = 0;
  rig.run_until([&] {
    most = std::max(most, rig.keeper->in_flight());
    return rig.lines.size() >= 40;
  });
  CHECK(most <= 3);
  for (const ServerSpec& each : rig.spec.servers) CHECK(each.state->check.begun);
}

TEST_CASE("first checks are spread over the shortest interval") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next();
  CheckSpec check = tcp_check();
  check.fastinter_ms = 1000;
  for (int i = 0; i < 4; ++i) rig.server(server.address(), check);
  rig.options.worker = 1;
  rig.options.workers = 2;
  rig.start();
  const std::uint64_t now = rig.loop.now();
  std::vector<std::uint64_t> after;
  for (const ServerSpec& each : rig.spec.servers) after.push_back(each.state->check.next_ms - now);
  CHECK(after == std::vector<std::uint64_t>{125, 375, 625, 875});
}

TEST_CASE("the first check does not wait long for those of other workers") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next();
  CheckSpec check = tcp_check();
  check.fastinter_ms = 3600000;
  rig.server(server.address(), check);
  rig.options.worker = 3;
  rig.options.workers = 4;
  rig.start();
  CHECK(rig.spec.servers.front().state->check.next_ms - rig.loop.now() == 1000);
}

TEST_CASE("spread-checks moves checks by some part of the interval and no more") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.next();
  CheckSpec check = tcp_check();
  check.fastinter_ms = 1;
  for (int i = 0; i < 20; ++i) rig.server(server.address(), check);
  rig.options.spread_percent = 10;
  rig.start();
  rig.run_until([&] { return rig.lines.size() == 20; });
  std::uint64_t least = UINT64_MAX, most = 0;
  for (const ServerSpec& each : rig.spec.servers) {
    least = std::min(least, each.state->check.next_ms);
    most = std::max(most, each.state->check.next_ms);
  }
  CHECK(most > least + 50);
  CHECK(most <= rig.loop.now() + 5500);
}

TEST_CASE("a server left without check by a reload takes traffic again") {
  Rig rig;
  ScriptedServer server(rig.loop);
  server.stop_listening();
  ServerSpec& spec = rig.server(server.address(), tcp_check());
  rig.lines_after(1);
  REQUIRE(rig.operation() == Operation::Down);
  rig.keeper.reset();
  const std::uint32_t version = rig.spec.state->version;
  spec.check.enabled = false;
  rig.start();
  CHECK(rig.operation() == Operation::Up);
  CHECK(rig.spec.state->version == version + 1);
  CHECK_FALSE(spec.state->check.begun);
}
