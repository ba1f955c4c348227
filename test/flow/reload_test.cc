// Configurations exchanged while clients are being served: nothing is lost, nothing is cut, and
// what was before goes when nobody needs it any more.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "flow/folder.h"
#include "flow/rig.h"
#include "flow/waiting_line.h"
#include "penstock/base/format.h"
#include "unit/catch.h"
#include "unit/net/test_certificates.h"

using namespace penstock;
using penstock::test::Answer;
using penstock::test::Folder;
using penstock::test::Rig;
using penstock::test::ScriptedClient;
using penstock::test::WaitingLine;
using End = penstock::test::ScriptedClient::End;

namespace {

const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string answer_of(const std::string& body) {
  return penstock::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.size()) + body;
}

// Bytes that tell their place.
std::string pattern(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) text += penstock::format("{:08x}", i * 2654435761u);
  text.resize(size);
  return text;
}

struct Habits {
  std::string path;
  std::string body;  // Which every answer must have.
  std::size_t bind = 0;
  bool fresh = false;    // Each request on a connection of its own.
  bool slow = false;     // Reads only when it is told to.
  bool patient = false;  // Its server goes down now and then: 503 and cut connections are to be expected.
  const TlsContext* tls = nullptr;
};

// A client that asks again as soon as it has its answer.
class Visitor final : private ConnectionEvents {
 public:
  Visitor(Rig& rig, Habits habits) : rig_(rig), habits_(std::move(habits)) { come(); }

  // Reads a little, or comes back where it was cut off.
  void nudge() {
    if (!connection_ && fault_.empty()) come();
    if (connection_ && habits_.slow) connection_->set_reading(true);
  }
  void leave() { leaving_ = true; }
  bool gone() const { return leaving_ && !connection_; }
  std::size_t served() const { return served_; }
  std::size_t resumed() const { return resumed_; }
  const std::string& fault() const { return fault_; }

 private:
  void come() {
    if (leaving_) return;
    received_.clear();
    const TlsTarget target{habits_.tls, "mail.test", ""};
    connection_ = Connection::connect(rig_.loop(), rig_.address(habits_.bind), {}, target, std::move(ticket_), *this);
  }
  void ask() { connection_->send(penstock::format("GET {} HTTP/1.1\r\nHost: test\r\n\r\n", habits_.path)); }

  void on_ready() override {
    if (connection_->is_tls() && connection_->tls().resumed()) ++resumed_;
    ask();
  }
  void on_bytes(Slice bytes) override {
    received_ += bytes.view();
    if (habits_.slow) connection_->set_reading(false);
    const std::size_t head_end = received_.find("\r\n\r\n");
    if (head_end == std::string::npos) return;
    const bool refused = habits_.patient && received_.starts_with("HTTP/1.1 503");
    if (!refused && received_.size() < head_end + 4 + habits_.body.size()) return;
    if (!refused && (!received_.starts_with("HTTP/1.1 200") || received_.substr(head_end + 4) != habits_.body)) {
      return blame("a wrong answer: " + received_.substr(0, 200));
    }
    if (received_.find("onnection: close") < head_end && !habits_.patient) return blame("sent away");
    received_.clear();
    if (!refused) ++served_;
    if (leaving_ || habits_.fresh || refused) {
      ticket_ = connection_->take_ticket();
      connection_.reset();
      if (!refused) come();
      return;
    }
    ask();
  }
  void on_read_end(bool) override { cut("ended"); }
  void on_sent() override {}
  void on_lost(const Loss& loss) override { cut("lost: " + std::string(loss.text)); }
  void on_time_out() override {}
  void cut(const std::string& how) {
    if (!habits_.patient) fault_ = how + " after " + received_.substr(0, 200);
    connection_.reset();
  }
  void blame(const std::string& what) {
    fault_ = what;
    connection_.reset();
  }

  Rig& rig_;
  const Habits habits_;
  std::string received_, fault_;
  std::size_t served_ = 0, resumed_ = 0;
  bool leaving_ = false;
  TlsTicket ticket_;
  Owned<Connection> connection_;
};

}  // namespace

TEST_CASE("clients are served through thirty reloads without a request lost or a byte wrong") {
  const unsigned workers = GENERATE(1u, 3u);
  Folder folder;
  const penstock::test::TestAuthority authority;
  const std::string pem = folder.file("mail.pem", authority.issue({.names = {"mail.test"}}).both());
  TlsOptions options;
  options.check = TlsPeerCheck::Required;
  options.ca_name = "ca.pem";
  options.ca_pem = authority.certificate();
  options.max_version = 0x0303;  // Its tickets come with the handshake.
  const auto tls = *TlsContext::for_servers(options, nullptr);
  const Descriptor nowhere(open("/dev/null", O_WRONLY | O_CLOEXEC));

  const std::string big = pattern(1024 * 1024);
  const std::string front =
      "frontend web\n  bind 127.0.0.1:0\n  bind 127.0.0.2:0 ssl crt " + pem + "\n" +
      penstock::format("  log fd@{} format raw local0\n  log 127.0.0.1:9 local0\n", nowhere.get()) +
      "  use_backend %[path,field(2,/)] if { path_reg ^/(big|narrow|least|shaky) }\n  "
      "default_backend app\n";
  const std::string check = " check addr ${health} inter 10ms rise 1 fall 1 on-marked-down shutdown-sessions\n";
  const std::string one = front +
                          "backend app\n  server s1 ${s1}\n  server s2 ${s2}\n"
                          "backend big\n  server s1 ${big}\n"
                          "backend narrow\n  server s1 ${s1} maxconn 1\n"
                          "backend least\n  balance leastconn\n  server s1 ${s1} weight 2\n  server s2 ${s2}\n"
                          "backend shaky\n  option httpchk\n  server s1 ${s1}" +
                          check + "  server s2 ${s2}" + check;
  const std::string other = front +
                            "  http-request set-header X-Config other\n"
                            "backend app\n  balance leastconn\n  server s1 ${s1}\n"
                            "backend shaky\n  balance random\n  option httpchk\n  server s2 ${s2}" +
                            check +
                            "backend narrow\n  server s1 ${s1} maxconn 2\n  server s2 ${s2} disabled\n"
                            "backend least\n  server s2 ${s2}\n"
                            "backend big\n  server s1 ${big}\n"
                            "frontend more\n  bind 127.0.0.3:0\n  default_backend app\n";
  Rig rig(front + "backend app\n  server s1 ${s1}\n", workers);
  for (const char* name : {"s1", "s2"}) rig.server(name).next().expects("\r\n\r\n").sends(kOk).repeats();
  rig.server("big").next().expects("\r\n\r\n").sends(answer_of(big)).repeats();
  for (int i = 0; i < 2000; ++i) {
    const char* status = i % 5 == 4 ? "HTTP/1.1 500 Gone\r\n\r\n" : "HTTP/1.1 200 OK\r\n\r\n";
    rig.server("health").next().expects("\r\n\r\n").sends(status).closes();
  }
  rig.reload(one);

  std::vector<std::unique_ptr<Visitor>> visitors;
  const auto visit = [&](Habits habits) { visitors.push_back(std::make_unique<Visitor>(rig, std::move(habits))); };
  for (int i = 0; i < 3; ++i) {
    visit({.path = "/", .body = "ok"});
    visit({.path = "/", .body = "ok", .fresh = true});
    visit({.path = "/narrow", .body = "ok"});
    visit({.path = "/least", .body = "ok"});
  }
  visit({.path = "/", .body = "ok", .bind = 1, .tls = tls.get()});
  visit({.path = "/", .body = "ok", .bind = 1, .fresh = true, .tls = tls.get()});
  visit({.path = "/big", .body = big, .slow = true});
  visit({.path = "/big", .body = big, .bind = 1, .tls = tls.get()});
  visit({.path = "/shaky", .body = "ok", .patient = true});
  visit({.path = "/shaky", .body = "ok", .fresh = true, .patient = true});

  const auto nudge = [&] {
    for (auto& visitor : visitors) visitor->nudge();
  };
  std::vector<std::weak_ptr<const Snapshot>> former;
  for (int i = 0; i < 30; ++i) {
    std::vector<std::size_t> before;
    for (auto& visitor : visitors) before.push_back(visitor->served());
    former.push_back(rig.crew().snapshot());
    rig.reload(i % 2 == 0 ? other : one);
    // Each has an answer from before or after; the slow ones go on over several reloads.
    rig.run_until([&] {
      nudge();
      for (std::size_t v = 0; v < 12; ++v) {
        if (visitors[v]->served() == before[v] && visitors[v]->fault().empty()) return false;
      }
      return true;
    });
  }
  rig.run_until([&] {
    nudge();
    bool all = true;
    for (auto& visitor : visitors) all = all && (visitor->served() != 0 || !visitor->fault().empty());
    return all;
  });
  for (auto& visitor : visitors) {
    CHECK(visitor->fault() == "");
    CHECK(visitor->served() > 0);
    visitor->leave();
  }
  CHECK(visitors[13]->resumed() > 0);
  rig.run_until([&] {
    nudge();
    bool all = true;
    for (auto& visitor : visitors) all = all && visitor->gone();
    return all;
  });
  visitors.clear();
  rig.run_until([&] {
    for (auto& snapshot : former) {
      if (!snapshot.expired()) return false;
    }
    return true;
  });
}

TEST_CASE("an exchange ends under the configuration it began with") {
  Rig rig("  http-response set-header X-Config one\nbackend app\n  server s1 ${s1}\n");
  rig.server("s1").next().expects("\r\n\r\n").expects("rest").sends(kOk).expects("\r\n\r\n").sends(kOk);
  ScriptedClient client(rig);
  client.says("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n");
  rig.run_until([&] { return rig.server("s1").accepted() == 1; });
  const std::weak_ptr<const Snapshot> before = rig.crew().snapshot();
  rig.reload("  http-response set-header X-Config two\nbackend app\n  server s1 ${s2}\n");
  rig.server("s2").next().expects("\r\n\r\n").sends(kOk);
  rig.linger();
  CHECK_FALSE(before.expired());
  CHECK(client.asks("rest").has("X-Config: one"));
  CHECK(client.gets("/").has("X-Config: two"));
  rig.run_until([&] { return before.expired(); });
}

TEST_CASE("who waits under a former configuration is not passed by those of the next") {
  const unsigned workers = GENERATE(1u, 3u);
  Rig rig("backend app\n  server s1 ${s1} maxconn 1\n", workers);
  rig.server("s1").next().expects("GET /first ").expects("\r\n\r\n").expects("now").sends(kOk);
  rig.server("s1").next().expects("GET /second ").expects("\r\n\r\n").sends(kOk);
  rig.server("s1").next().expects("GET /third ").expects("\r\n\r\n").sends(kOk);
  ScriptedClient first(rig), second(rig), third(rig);
  first.says("GET /first HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\n");
  rig.run_until([&] { return rig.in_use() == 1; });
  second.says("GET /second HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  rig.run_until([&] { return rig.waiting() == 1; });
  rig.reload("backend app\n  timeout queue 1m\n  server s1 ${s1} maxconn 1\n");
  third.says("GET /third HTTP/1.1\r\nHost: test\r\n\r\n");
  rig.run_until([&] { return rig.waiting() == 2; });
  first.says("now");
  CHECK(first.answer().status == 200);
  CHECK(second.answer().status == 200);
  CHECK(third.answer().status == 200);
  CHECK(rig.line() == "200 -- s1");
  CHECK(rig.line() == "200 -- s1");
  CHECK(rig.line() == "200 -- s1");
}

TEST_CASE("a reload that makes room serves those who wait at once") {
  const unsigned workers = GENERATE(1u, 3u);
  const std::string lines = GENERATE(as<std::string>(), "  server s1 ${s1}\n", "  server s1 ${s1} maxconn 9\n",
                                     "  server s1 ${s1} maxconn 1\n  server s2 ${s1}\n",
                                     "  fullconn 1\n  server s1 ${s1} minconn 1 maxconn 9\n", "  server s2 ${s1}\n",
                                     "  server s1 ${s1} maxconn 1\n  server off ${s1}\n");
  const bool tcp = GENERATE(false, true);
  const std::string begin =
      tcp ? "listen app\n  mode tcp\n  bind 127.0.0.1:0\n  log-format \"200 %ts %s\"\n" : "backend app\n";
  Rig rig(begin + "  server s1 ${s1} maxconn 1\n  server off ${s1} disabled\n", workers);
  WaitingLine line(rig, kOk, kOk);
  rig.reload(begin + lines);
  for (auto& client : line.waiting) CHECK(client->answer().status == 200);
  CHECK(rig.waiting() == 0);
  line.waiting.clear();
  for (int i = 0; i < 4; ++i) CHECK(rig.line().starts_with("200 "));
  line.first->says("now");
  CHECK(line.first->answer().status == 200);
}

TEST_CASE("who waits for a server of its own waits for it under the next configuration too") {
  const std::string app = "backend app\n  use-server s1 if TRUE\n  server s2 ${s2}\n";
  Rig rig(app + "  server s1 ${s1} maxconn 1\n");
  rig.server("s1").next().expects("GET /first ").expects("now").sends(kOk);
  rig.server("s1").next().expects("GET /second ").expects("\r\n\r\n").sends(kOk);
  ScriptedClient first(rig), second(rig);
  first.says("GET /first HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\n");
  rig.run_until([&] { return rig.in_use() == 1; });
  second.says("GET /second HTTP/1.1\r\nHost: test\r\n\r\n");
  rig.run_until([&] { return rig.waiting() == 1; });
  const bool more = GENERATE(false, true);
  rig.reload(app + "  server s1 ${s1} maxconn " + (more ? "2\n" : "1\n"));
  if (!more) {
    rig.linger();
    CHECK(rig.waiting() == 1);
    first.says("now");
  }
  CHECK(second.answer().status == 200);
  CHECK(rig.server("s2").accepted() == 0);
}

TEST_CASE("those who wait keep their order over a reload, and go before who comes later") {
  Rig rig("backend app\n  http-reuse never\n  server s1 ${s1} maxconn 1\n");
  rig.server("s1").next().expects("GET /first ").expects("now").sends(kOk);
  for (const std::string path : {"/a", "/b", "/c"})
    rig.server("s1").next().expects("GET " + path).expects("\r\n\r\n").sends(kOk);
  ScriptedClient first(rig), a(rig), b(rig), c(rig);
  first.says("GET /first HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\n");
  rig.run_until([&] { return rig.in_use() == 1; });
  a.says("GET /a HTTP/1.1\r\nHost: test\r\n\r\n");
  rig.run_until([&] { return rig.waiting() == 1; });
  b.says("GET /b HTTP/1.1\r\nHost: test\r\n\r\n");
  rig.run_until([&] { return rig.waiting() == 2; });
  // The same twice, another, and the first again.
  for (const char* more : {"", "", "  timeout server 9s\n", ""})
    rig.reload("backend app\n  http-reuse never\n" + std::string(more) + "  server s1 ${s1} maxconn 1\n");
  c.says("GET /c HTTP/1.1\r\nHost: test\r\n\r\n");
  rig.run_until([&] { return rig.waiting() == 3; });
  first.says("now");
  for (ScriptedClient* client : {&first, &a, &b, &c}) CHECK(client->answer().status == 200);
}

TEST_CASE("a client inside its request head takes the new rules") {
  Rig rig(
      "  timeout client-fin 30s\n  http-response set-header X-Config one\nbackend app\n  server s1 "
      "${s1}\n");
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUp");
  rig.linger();
  const std::weak_ptr<const Snapshot> before = rig.crew().snapshot();
  rig.reload("  http-response set-header X-Config two\nbackend app\n  server s1 ${s1}\n");
  rig.run_until([&] { return before.expired(); });
  rig.server("s1")
      .next()
      .expects("\r\n\r\n")
      .sends("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
      .closes();
  const Answer answer = client.asks("grade: echo\r\n\r\n");
  CHECK(answer.status == 101);
  CHECK(answer.has("X-Config: two"));
  CHECK(client.end() == End::Finished);
}

TEST_CASE(
    "a client inside its request head whose bind goes is served by what it came to, and is the "
    "last") {
  Rig rig(
      "listen old\n  bind 127.0.0.1:0\n  log-format %f\n  http-response set-header X-Config old\n  "
      "server s1 ${s1}\n");
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk);
  ScriptedClient client(rig);
  client.says("GET / HTTP/1.1\r\nHo");
  rig.linger();
  const std::weak_ptr<const Snapshot> before = rig.crew().snapshot();
  rig.reload("listen new\n  bind 127.0.0.2:0\n  server s1 ${s2}\n");
  rig.linger();
  const Answer answer = client.asks("st: test\r\n\r\n");
  CHECK(answer.status == 200);
  CHECK(answer.has("X-Config: old"));
  CHECK(client.end() == End::Finished);
  CHECK(rig.line() == "old");
  rig.run_until([&] { return before.expired(); });
}

TEST_CASE("a reload that wants more descriptors than there are is refused, and all goes on as before") {
  const std::string app = "backend app\n  server s1 ${s1}\n";
  Rig rig(app, 2);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  ScriptedClient client(rig);
  CHECK(client.gets("/a").status == 200);

  // So many that the sockets can be made, and one of two workers could be given its duplicate.
  std::vector<Descriptor> room;
  for (int i = 0; i < 3; ++i) room.emplace_back(::fcntl(0, F_DUPFD_CLOEXEC, 0));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit tight{static_cast<rlim_t>(room.back().get()) + 1, before.rlim_max};
  room.clear();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  const std::vector<std::string> complaints = rig.refusal("listen new\n  bind 127.0.0.2:0\nbackend app\n");
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE(complaints.size() == 1);
  CHECK(complaints[0].find("cannot listen on 127.0.0.2:") != std::string::npos);
  CHECK(complaints[0].find("Too many open files") != std::string::npos);

  CHECK(client.gets("/b").status == 200);
  ScriptedClient other(rig);
  CHECK(other.gets("/c").status == 200);
  rig.reload("  http-response set-header X-Config two\n" + app);
  CHECK(client.gets("/d").has("X-Config: two"));
}

TEST_CASE("a kept client's bind is still named after the configuration that named it has gone") {
  Rig rig(
      "listen app\n  bind 127.0.0.1:0 name the-name-of-this-bind-line\n  http-request return "
      "status 200 hdr Bind %[so_name]\n");
  ScriptedClient client(rig);
  CHECK(client.gets("/").has("the-name-of-this-bind-line"));
  const std::weak_ptr<const Snapshot> before = rig.crew().snapshot();
  rig.reload(
      "listen app\n  bind 127.0.0.1:0 name the-name-of-this-bind-line\n  http-request return "
      "status 200 hdr Bind %[so_name]\n");
  rig.run_until([&] { return before.expired(); });
  CHECK(client.gets("/").has("the-name-of-this-bind-line"));
}

TEST_CASE("a client's own server connection outlives a reload in the middle of an exchange") {
  Rig rig("backend app\n  server s1 ${s1}\n");
  rig.server("s1").next().expects("rest").sends(kOk).expects("\r\n\r\n").sends(kOk);
  ScriptedClient client(rig);
  client.says("POST / HTTP/1.1\r\nHost: test\r\nAuthorization: NTLM abc\r\nContent-Length: 4\r\n\r\n");
  rig.run_until([&] { return rig.server("s1").accepted() == 1; });
  rig.reload("backend app\n  server s1 ${s1}\n");
  CHECK(client.asks("rest").status == 200);
  CHECK(client.gets("/").status == 200);
  CHECK(rig.server("s1").accepted() == 1);
}

TEST_CASE("a reload that leaves a server alone leaves its idle connections alone") {
  const std::string app = "backend app\n  http-reuse always\n  server s1 ${s1}\n";
  Rig rig(app);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 200);
  // Another backend before it, another weight, a limit: none of it is of the wire.
  rig.reload(
      "backend first\n  server s1 ${s2}\nbackend app\n  http-reuse always\n  timeout server 9s\n"
      "  server s0 ${s2} backup\n  server s1 ${s1} weight 7 maxconn 9\n");
  CHECK(client.gets("/").status == 200);
  rig.reload(app);
  CHECK(client.gets("/").status == 200);
  CHECK(rig.server("s1").accepted() == 1);
}

TEST_CASE("an exchange that outlives a reload brings its connection home to the next configuration") {
  const std::string app = "backend app\n  http-reuse always\n  server s1 ${s1}\n";
  Rig rig(app);
  rig.server("s1").next().expects("rest").sends(kOk).expects("\r\n\r\n").sends(kOk);
  ScriptedClient client(rig);
  client.says("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n");
  rig.run_until([&] { return rig.server("s1").accepted() == 1; });
  rig.reload(app);
  CHECK(client.asks("rest").status == 200);
  CHECK(client.gets("/").status == 200);
  CHECK(rig.server("s1").accepted() == 1);
}

TEST_CASE("idle connections to a server that a reload changes or takes away are closed") {
  const std::string rest =
      GENERATE(as<std::string>(), "  server s1 ${s1} source 127.0.0.1\n", "  server s1 ${s1} pool-max-conn 0\n",
               "  server other ${s1}\n", "  server s1 ${s2}\n", "  server s1 ${s1} send-proxy\n", "");
  const std::string before = "backend app\n  http-reuse always\n";
  Rig rig(before + "  server s1 ${s1}\n");
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 200);
  CHECK(rig.server("s1").open() == 1);
  rig.reload(before + rest);
  rig.run_until([&] { return rig.server("s1").open() == 0; });
}

TEST_CASE("idle connections of all workers are closed by a reload that changes the server") {
  const std::string before = "backend app\n  http-reuse always\n";
  Rig rig(before + "  server s1 ${s1}\n", 3);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  std::vector<std::unique_ptr<ScriptedClient>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<ScriptedClient>(rig));
    CHECK(clients.back()->gets("/").status == 200);
  }
  CHECK(rig.server("s1").open() >= 1);
  rig.reload(before + GENERATE("  server s1 ${s1} source 127.0.0.1\n", "  server s1 ${s1} pool-max-conn 0\n"));
  rig.run_until([&] { return rig.server("s1").open() == 0; });
}

TEST_CASE("a server that is no longer disabled, or no longer checked, takes traffic") {
  Rig rig("backend app\n  server s1 ${s1} disabled\n");
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  ScriptedClient client(rig);
  CHECK(client.gets("/").status == 503);
  rig.server("health").stop_listening();
  rig.reload("backend app\n  server s1 ${s1} check addr ${health} inter 10ms fall 1\n");
  rig.run_until([&] { return client.gets("/").status == 503; });
  rig.reload("backend app\n  server s1 ${s1}\n");
  CHECK(client.gets("/").status == 200);
  rig.reload("backend app\n  server s1 ${s1} disabled\n");
  CHECK(client.gets("/").status == 503);
  rig.reload("backend app\n  server s1 ${s1}\n");
  CHECK(client.gets("/").status == 200);
}

TEST_CASE("a drained crew is idle when the last exchange has ended, and not before") {
  const unsigned workers = GENERATE(1u, 3u);
  Rig rig("backend app\n  server s1 ${s1}\n", workers);
  rig.server("s1").next().expects("rest").sends(kOk);
  ScriptedClient busy(rig), kept(rig);
  CHECK(kept.is_kept());
  busy.says("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n");
  rig.run_until([&] { return rig.server("s1").accepted() == 1; });
  rig.crew().drain();
  CHECK(kept.end() == End::Finished);
  rig.linger();
  CHECK_FALSE(rig.idle());
  CHECK(busy.asks("rest").status == 200);
  CHECK(busy.end() == End::Finished);
  rig.run_until([&] { return rig.idle(); });
}

TEST_CASE("a client that has not asked yet is served once when a reload changes who is trusted") {
  const std::string app = "  default_backend app\nbackend app\n  server s1 ${s1}\n";
  Rig rig("frontend web\n  bind 127.0.0.1:0 ca-ignore-err all\n" + app);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  ScriptedClient client(rig);
  rig.run_until([&] { return rig.crew().process().connections == 1; });
  rig.reload("frontend web\n  bind 127.0.0.1:0\n" + app);
  rig.linger();
  const Answer answer = client.gets("/");
  CHECK(answer.body == "ok");
  CHECK(answer.has("onnection: close"));
  CHECK(client.end() == End::Finished);
}
