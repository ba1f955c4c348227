// Connections and listeners over real sockets of one loop: every call a user may get, and being
// dropped inside each of them, plain and with TLS.
#include "penstock/net/connection.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "penstock/net/listener.h"
#include "penstock/net/loop.h"
#include "penstock/net/socket.h"
#include "unit/catch.h"
#include "unit/net/test_certificates.h"

using namespace penstock;

namespace {

constexpr std::size_t kMiB = 1024 * 1024;

// Bytes that tell their place, so that loss, doubling and changed order show.
std::string pattern(std::size_t size, std::uint32_t seed) {
  std::string text(size, '\0');
  std::uint32_t state = seed;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

// One end of a connection: writes down what it is told, and does what the test wants in each call.
class End final : public ConnectionEvents {
 public:
  void on_ready() override {
    tell("ready");
    run(ready);
  }
  void on_bytes(Slice bytes) override {
    check_alive();
    if (!connection->reading()) story += "unasked ";
    received += bytes.view();
    const auto call = arrived;
    if (call) call(std::move(bytes));
  }
  void on_read_end(bool clean) override {
    tell(clean ? "end" : "unclean-end");
    run(ended);
  }
  void on_sent() override {
    check_alive();
    ++times_sent;
    run(sent);
  }
  void on_lost(const Loss& loss) override {
    constexpr const char* kKinds[] = {"lost:connect", "lost:handshake", "lost:broken"};
    tell(kKinds[static_cast<int>(loss.kind)]);
    status = loss.status;
    text = loss.text;
    run(lost);
  }
  void on_time_out() override {
    tell("time-out");
    run(timed_out);
  }

  Owned<Connection> connection;
  std::function<void()> ready, ended, sent, lost, timed_out;
  std::function<void(Slice)> arrived;
  std::string story;  // What it was told, but bytes.
  std::string received;
  std::string text;  // Of the loss.
  int status = 0;
  int times_sent = 0;

 private:
  // A copy: it may be replaced while it runs.
  static void run(std::function<void()> call) {
    if (call) call();
  }
  void tell(const char* what) {
    check_alive();
    story += what;
    story += ' ';
  }
  // Nothing is heard from a connection that was dropped.
  void check_alive() {
    if (!connection) story += "ghost ";
  }
};

// Sends a long text as fast as the connection likes.
class Pump {
 public:
  Pump(End& end, const std::string& text) : end_(end), text_(text) {}
  void run() {
    while (at_ < text_.size()) {
      const std::size_t count = std::min<std::size_t>(text_.size() - at_, 16 * 1024);
      end_.connection->send(Slice::copy(std::string_view(text_).substr(at_, count)));
      at_ += count;
      most_unsent_ = std::max(most_unsent_, end_.connection->unsent());
      if (end_.connection->congested()) return;
    }
    end_.connection->finish_sending();
  }
  bool done() const { return at_ == text_.size(); }
  std::size_t most_unsent() const { return most_unsent_; }

 private:
  End& end_;
  const std::string& text_;
  std::size_t at_ = 0;
  std::size_t most_unsent_ = 0;
};

// Ends a test that would wait for ever.
class Limit final : public Living {
 public:
  static Owned<Limit> set(Loop& loop, std::uint64_t ms, std::function<void()> reached) {
    Owned<Limit> limit(new Limit(loop, std::move(reached)));
    limit->set_deadline(ms);
    return limit;
  }

 private:
  Limit(Loop& loop, std::function<void()> reached) : Living(loop), reached_(std::move(reached)) {}
  void on_deadline() override { reached_(); }
  std::function<void()> reached_;
};

// A client of plain system calls, which block.
class RawClient {
 public:
  explicit RawClient(const SocketAddress& address) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    REQUIRE(::connect(fd_, address.raw(), address.length()) == 0);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { ::close(fd_); }
  void say(std::string_view text) {
    REQUIRE(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }

 private:
  int fd_;
};

struct Contexts {
  Contexts() {
    penstock::test::TestAuthority authority;
    const auto issued = authority.issue({.names = {"mail.test"}});
    TlsOptions for_clients;
    auto clients = TlsContext::for_clients(for_clients, {penstock::test::offer_of("server.pem", issued)}, false, keys);
    if (!clients) FAIL(clients.error().text);
    server = *clients;
    TlsOptions for_servers;
    for_servers.check = TlsPeerCheck::Required;
    for_servers.ca_name = "ca.pem";
    for_servers.ca_pem = authority.certificate();
    client = *TlsContext::for_servers(for_servers, nullptr);
    for_servers.ca_pem = penstock::test::TestAuthority("Another").certificate();
    distrusting = *TlsContext::for_servers(for_servers, nullptr);
  }
  TicketKeys keys;
  std::shared_ptr<const TlsContext> server, client, distrusting;
};

// Two ends on one loop. The server's end accepts one connection.
class Rig final : private ListenerOwner {
 public:
  explicit Rig(bool tls) : tls(tls) {
    signal(SIGPIPE, SIG_IGN);  // As the process does.
    SocketAddress any;
    REQUIRE(SocketAddress::from_ip("127.0.0.1", 0, any));
    auto fd = listen_on(any, {});
    REQUIRE(fd);
    address = SocketAddress::local_of(fd->get());
    listener = Listener::open(loop, fd->release(), false, 128, *this);
  }
  ~Rig() {
    server.connection.reset();
    client.connection.reset();
    listener.reset();
    loop.run_dry();
    CHECK(server.story.find("ghost") == std::string::npos);
    CHECK(client.story.find("ghost") == std::string::npos);
    CHECK(server.story.find("unasked") == std::string::npos);
    CHECK(client.story.find("unasked") == std::string::npos);
  }
  void connect() { connect(tls ? contexts.client.get() : nullptr); }
  void connect(const TlsContext* context) {
    const TlsTarget target{context, "mail.test", ""};
    client.connection = Connection::connect(loop, address, {}, target, {}, client);
  }
  // Until finish() was called.
  void run() {
    bool late = false;
    auto limit = Limit::set(loop, 10000, [&] {
      late = true;
      loop.stop();
    });
    loop.run();
    REQUIRE_FALSE(late);
  }
  // For a while, so that what must not come could.
  void linger(std::uint64_t ms = 20) {
    auto limit = Limit::set(loop, ms, [&] { loop.stop(); });
    loop.run();
  }
  void finish() { loop.stop(); }
  // Runs until `what` is so, looking after each millisecond.
  void run_until(const std::function<bool()>& what) {
    for (int i = 0; i < 20000 && !what(); ++i) linger(1);
    REQUIRE(what());
  }

  const bool tls;
  Loop loop;
  Contexts contexts;
  SocketAddress address;
  Owned<Listener> listener;
  End server, client;
  std::function<void()> accepted;
  bool accepting = true;

 private:
  void on_connection(Listener& from) override {
    if (!accepting) return;
    server.connection = from.accept(tls ? contexts.server.get() : nullptr, server);
    if (accepted) accepted();
  }
};

}  // namespace

TEST_CASE("whose a connection was is known after its reset, in both families") {
  const std::string ip = GENERATE("127.0.0.1", "::1");
  SocketAddress any;
  REQUIRE(SocketAddress::from_ip(ip, 0, any));
  auto listener = listen_on(any, {});
  REQUIRE(listener);
  REQUIRE(::listen(listener->get(), 1) == 0);
  const SocketAddress there = SocketAddress::local_of(listener->get());
  Descriptor client(::socket(there.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(client.get(), there.raw(), there.length()) == 0);
  const SocketAddress own = SocketAddress::local_of(client.get());
  const linger now{1, 0};
  setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  client = Descriptor();
  Descriptor accepted(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  REQUIRE(accepted);
  char byte;
  CHECK(::recv(accepted.get(), &byte, 1, 0) < 0);
  CHECK(SocketAddress::peer_of(accepted.get()) == own);
  CHECK(SocketAddress::local_of(accepted.get()) == there);
}

TEST_CASE("ten megabytes each way arrive whole and in order") {
  const bool tls = GENERATE(false, true);
  Rig rig(tls);
  const std::string up = pattern(10 * kMiB, 1), down = pattern(10 * kMiB, 2);
  Pump up_pump(rig.client, up), down_pump(rig.server, down);
  int ended = 0;
  rig.client.ready = [&] { up_pump.run(); };
  rig.client.sent = [&] { up_pump.run(); };
  rig.server.sent = [&] { down_pump.run(); };
  if (tls) rig.server.ready = [&] { down_pump.run(); };
  if (!tls) rig.accepted = [&] { down_pump.run(); };
  rig.client.ended = rig.server.ended = [&] {
    if (++ended == 2) rig.finish();
  };
  rig.connect();
  rig.run();
  CHECK(rig.server.received == up);
  CHECK(rig.client.received == down);
  CHECK(rig.client.story == "ready end ");
  CHECK(rig.server.story == (tls ? "ready end " : "end "));
  CHECK(up_pump.most_unsent() <= 128 * 1024);
}

TEST_CASE("an echo of ten megabytes comes back as it was sent") {
  const bool tls = GENERATE(false, true);
  Rig rig(tls);
  const std::string text = pattern(10 * kMiB, 3);
  Pump pump(rig.client, text);
  std::size_t most_unsent = 0;
  rig.client.ready = rig.client.sent = [&] { pump.run(); };
  // The server's end forwards slices as they came and stops reading when its own sending lags.
  rig.server.arrived = [&](Slice bytes) {
    rig.server.connection->send(std::move(bytes));
    most_unsent = std::max(most_unsent, rig.server.connection->unsent());
    if (rig.server.connection->congested()) rig.server.connection->set_reading(false);
  };
  rig.server.sent = [&] { rig.server.connection->set_reading(true); };
  rig.server.ended = [&] { rig.server.connection->finish_sending(); };
  rig.client.ended = [&] { rig.finish(); };
  rig.connect();
  rig.run();
  CHECK(rig.client.received == text);
  CHECK(rig.client.story == "ready end ");
  CHECK(most_unsent <= 4 * kMiB);
}

TEST_CASE("a sender to a reader that does not read is told to stop, and once to go on") {
  const bool tls = GENERATE(false, true);
  Rig rig(tls);
  const std::string block(16 * 1024, 'x');
  std::size_t sent = 0;
  const auto fill = [&] {
    while (!rig.client.connection->congested()) {
      rig.client.connection->send(block);
      sent += block.size();
    }
  };
  rig.client.ready = rig.client.sent = fill;
  rig.server.ready = rig.accepted = [&] {
    if (rig.server.connection->ready()) rig.server.connection->set_reading(false);
  };
  rig.connect();
  rig.run_until([&] { return sent != 0; });
  // Until the system's buffers are full: nothing moves then, and little waits here.
  int before = -1;
  while (before != rig.client.times_sent) {
    before = rig.client.times_sent;
    rig.linger(20);
  }
  CHECK(rig.client.connection->unsent() > 0);
  CHECK(rig.client.connection->unsent() <= 128 * 1024);
  rig.client.sent = [&] { rig.client.connection->finish_sending(); };
  rig.server.ended = [&] { rig.finish(); };
  rig.server.connection->set_reading(true);
  rig.run();
  CHECK(rig.client.times_sent == before + 1);
  CHECK(rig.server.received.size() == sent);
}

// What one end of a pair of sockets says goes out at an end of another pair. The far ends are the test's.
struct Relay {
  explicit Relay(Loop& loop) : says(adopt(loop, source)), reads(adopt(loop, sink)) {
    source.arrived = [this](Slice bytes) {
      largest = std::max(largest, bytes.size());
      sink.connection->send(std::move(bytes));
      if (sink.connection->congested()) source.connection->set_reading(false);
    };
    sink.sent = [this] { source.connection->set_reading(true); };
  }
  static Descriptor adopt(Loop& loop, End& end) {
    int pair[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    end.connection = Connection::adopt(loop, pair[0], true, nullptr, end);
    return Descriptor(pair[1]);
  }
  // False: there was no room.
  bool say() const {
    static const std::string text(64 * 1024, 'x');
    return ::send(says.get(), text.data(), text.size(), MSG_NOSIGNAL) > 0;
  }
  bool read() const {
    char space[16 * 1024];
    return ::recv(reads.get(), space, sizeof(space), 0) > 0;
  }
  End source, sink;
  Descriptor says, reads;
  std::size_t largest = 0;  // Of what arrived at once.
};

// Until nothing moves any more.
void fill(Rig& rig, const std::deque<Relay>& relays) {
  int quiet = 0;
  while (quiet < 20) {
    ++quiet;
    for (const Relay& relay : relays) {
      while (relay.say()) quiet = 0;
    }
    rig.linger(1);
  }
}

TEST_CASE("for readers that do not read little is held: one gulp at most, and all gulps within the budget") {
  Rig rig(false);
  const std::size_t count = GENERATE(1u, 40u);
  rig.loop.gulp_budget = count == 1 ? kGulpSize : kMiB;
  std::deque<Relay> relays;
  for (std::size_t i = 0; i < count; ++i) relays.emplace_back(rig.loop);
  fill(rig, relays);
  CHECK(relays.front().largest > kBlockSize);
  CHECK(Block::gulps_in_use() <= rig.loop.gulp_budget);
  CHECK(Block::bytes_in_use() <= rig.loop.gulp_budget + count * 3 * kBlockSize);
  std::size_t most = 0;
  for (const Relay& relay : relays) most = std::max(most, relay.sink.connection->unsent());
  CHECK(most <= kGulpSize);
  relays.clear();
  rig.linger();
  CHECK(Block::gulps_in_use() <= kGulpSize);  // Where the next gulp will land.
}

TEST_CASE("who has not read for a second is read for without gulps, until four megabytes went without a pause") {
  Rig rig(false);
  std::deque<Relay> relays;
  Relay& relay = relays.emplace_back(rig.loop);
  fill(rig, relays);
  CHECK(relay.largest > kBlockSize);
  rig.linger(1100);
  const auto pass = [&](std::size_t bytes) {
    const std::size_t end = relay.source.received.size() + bytes;
    rig.run_until([&] {
      for (int i = 0; i < 16 && relay.source.received.size() < end; ++i) {
        relay.say();
        while (relay.read()) continue;
      }
      return relay.source.received.size() >= end;
    });
  };
  relay.largest = 0;
  pass(2 * kMiB);
  CHECK(relay.largest <= kBlockSize);
  pass(4 * kMiB);
  CHECK(relay.largest > kBlockSize);
}

TEST_CASE("reading turned off and on loses nothing and keeps the order") {
  const bool tls = GENERATE(false, true);
  Rig rig(tls);
  const std::string text = pattern(3 * kMiB, 4);
  Pump pump(rig.client, text);
  rig.client.ready = rig.client.sent = [&] { pump.run(); };
  int pauses = 0;
  rig.server.arrived = [&](Slice) {
    ++pauses;
    rig.server.connection->set_reading(false);
    // Now at once, now after a while.
    if (pauses % 3 == 0) return rig.server.connection->set_reading(true);
    if (pauses % 3 == 1) return rig.server.connection->set_deadline(1);
    rig.loop.post([&] { rig.server.connection->set_reading(true); });
  };
  rig.server.timed_out = [&] { rig.server.connection->set_reading(true); };
  rig.server.ended = [&] { rig.finish(); };
  rig.connect();
  rig.run();
  CHECK(pauses > 10);
  CHECK(rig.server.received == text);
}

TEST_CASE("while reading is off nothing is told, not even the end") {
  const bool tls = GENERATE(false, true);
  Rig rig(tls);
  rig.client.ready = [&] { rig.client.connection->send("first "); };
  rig.server.arrived = [&](Slice) {
    rig.server.arrived = nullptr;
    rig.server.connection->set_reading(false);
    rig.client.connection->send("second");
    rig.client.connection->finish_sending();
  };
  rig.connect();
  rig.run_until([&] { return rig.server.received == "first "; });
  rig.linger();
  CHECK(rig.server.received == "first ");
  CHECK(rig.server.story == (tls ? "ready " : ""));
  rig.server.ended = [&] { rig.finish(); };
  rig.server.connection->set_reading(true);
  rig.run();
  CHECK(rig.server.received == "first second");
  CHECK(rig.server.story == (tls ? "ready end " : "end "));
}

TEST_CASE("who has said all may still listen") {
  const bool tls = GENERATE(false, true);
  Rig rig(tls);
  const std::string answer = pattern(kMiB, 5);
  Pump pump(rig.server, answer);
  rig.client.ready = [&] {
    rig.client.connection->send("question");
    rig.client.connection->finish_sending();
    CHECK(rig.client.connection->finished_sending());
  };
  rig.server.ended = rig.server.sent = [&] { pump.run(); };
  rig.client.ended = [&] { rig.finish(); };
  rig.connect();
  rig.run();
  CHECK(rig.server.received == "question");
  CHECK(rig.client.received == answer);
  CHECK(rig.client.story == "ready end ");
}

TEST_CASE("TLS that ends without its goodbye does not end cleanly") {
  Rig rig(true);
  rig.client.ready = [&] { rig.client.connection->send("partial"); };
  rig.server.arrived = [&](Slice) { ::shutdown(rig.client.connection->descriptor(), SHUT_WR); };
  rig.server.ended = [&] { rig.finish(); };
  rig.connect();
  rig.run();
  CHECK(rig.server.received == "partial");
  CHECK(rig.server.story == "ready unclean-end ");
}

TEST_CASE("a reset is told after what had come before it") {
  const bool tls = GENERATE(false, true);
  Rig rig(tls);
  rig.client.ready = [&] { rig.client.connection->send("one "); };
  rig.server.arrived = [&](Slice) {
    rig.server.arrived = nullptr;
    rig.server.connection->set_reading(false);
    rig.client.connection->send("two");
  };
  rig.connect();
  rig.run_until([&] { return rig.server.received == "one "; });
  rig.linger();
  rig.client.connection->reset_on_close();
  rig.client.connection.reset();
  rig.linger();
  rig.server.lost = [&] { rig.finish(); };
  rig.server.connection->set_reading(true);
  rig.run();
  CHECK(rig.server.received == "one two");
  CHECK(rig.server.story == (tls ? "ready lost:broken " : "lost:broken "));
  CHECK(rig.server.status == -ECONNRESET);
  CHECK_FALSE(rig.server.text.empty());
}

TEST_CASE("a client that cannot be answered is lost at once, though a byte of it waits unread") {
  const bool tls = GENERATE(false, true);
  Rig rig(tls);
  rig.client.ready = [&] { rig.client.connection->send("hello"); };
  rig.connect();
  rig.run_until([&] { return rig.server.received == "hello"; });
  rig.server.connection->set_reading(false);
  rig.client.connection->send("x");
  rig.linger();
  rig.client.connection->reset_on_close();
  rig.client.connection.reset();
  rig.linger();
  CHECK(rig.server.story == (tls ? "ready " : ""));
  rig.server.lost = rig.server.ended = [&] { rig.finish(); };
  rig.server.connection->send("into the void");
  rig.run();
  CHECK(rig.server.received == "hello");
  CHECK(rig.server.story == (tls ? "ready lost:broken " : "lost:broken "));
  CHECK(rig.server.status == -ECONNRESET);
}

TEST_CASE("a server's reset that a write met first is no clean end") {
  const bool tls = GENERATE(false, true);
  Rig rig(tls);
  rig.client.ready = [&] { rig.client.connection->send("hello"); };
  rig.connect();
  rig.run_until([&] { return rig.server.received == "hello"; });
  rig.client.connection->set_reading(false);
  rig.server.connection->send("half of an answer");
  rig.linger();
  rig.server.connection->reset_on_close();
  rig.server.connection.reset();
  rig.linger();
  rig.client.connection->send("into the void");
  rig.linger();
  CHECK(rig.client.story == "ready ");
  rig.client.lost = rig.client.ended = [&] { rig.finish(); };
  rig.client.connection->set_reading(true);
  rig.run();
  CHECK(rig.client.received == "half of an answer");
  CHECK(rig.client.story == "ready lost:broken ");
  CHECK(rig.client.status == -ECONNRESET);
}

TEST_CASE("what a peer said before it closed on us is heard, though our writing fails") {
  Rig rig(false);
  rig.connect();
  rig.run_until([&] { return rig.server.connection != nullptr; });
  rig.server.connection->set_reading(false);
  rig.client.connection->send("never read");
  rig.linger();
  rig.client.connection->set_reading(false);
  rig.server.connection->send("a whole answer");
  rig.server.connection->finish_sending();
  rig.linger();
  rig.server.connection.reset();  // With unread bytes: a reset behind the FIN.
  rig.linger();
  rig.client.connection->send("more");
  rig.linger();
  rig.client.ended = rig.client.lost = [&] { rig.finish(); };
  rig.client.connection->set_reading(true);
  rig.run();
  CHECK(rig.client.received == "a whole answer");
  CHECK(rig.client.story == "ready end ");
}

TEST_CASE("a port where nobody listens is told in a later turn") {
  const bool tls = GENERATE(false, true);
  Rig rig(tls);
  rig.listener.reset();
  rig.linger(1);
  rig.client.lost = [&] { rig.finish(); };
  rig.connect();
  CHECK(rig.client.story.empty());
  rig.run();
  CHECK(rig.client.story == "lost:connect ");
  CHECK(rig.client.status == -ECONNREFUSED);
  CHECK_FALSE(rig.client.text.empty());
  // What is sent into it all the same goes nowhere.
  rig.client.connection->send("x");
  rig.client.connection->finish_sending();
  rig.linger();
  CHECK(rig.client.story == "lost:connect ");
}

TEST_CASE("a unix socket that is not there is told like a port where nobody listens") {
  Rig rig(false);
  rig.address = SocketAddress::unix_path("/nonexistent/socket");
  rig.client.lost = [&] { rig.finish(); };
  rig.connect();
  CHECK(rig.client.story.empty());
  rig.run();
  CHECK(rig.client.story == "lost:connect ");
  CHECK(rig.client.status == -ENOENT);
}

TEST_CASE("a source that is not ours is told like a server that is not there") {
  Rig rig(false);
  SocketOptions options;
  REQUIRE(SocketAddress::from_ip("192.0.2.1", 0, options.source));
  rig.client.lost = [&] { rig.finish(); };
  rig.client.connection = Connection::connect(rig.loop, rig.address, options, {}, {}, rig.client);
  rig.run();
  CHECK(rig.client.story == "lost:connect ");
  CHECK(rig.client.status == -EADDRNOTAVAIL);
}

TEST_CASE("a server whose certificate is not trusted is lost to the client, which tells it why") {
  Rig rig(true);
  int lost = 0;
  rig.client.lost = rig.server.lost = [&] {
    if (++lost == 2) rig.finish();
  };
  rig.connect(rig.contexts.distrusting.get());
  rig.run();
  CHECK(rig.client.story == "lost:handshake ");
  CHECK(rig.server.story == "lost:handshake ");
  CHECK(rig.client.text.find("certificate") != std::string::npos);
  CHECK_FALSE(rig.server.text.empty());
}

TEST_CASE("a client that speaks no TLS is lost in the handshake") {
  Rig rig(true);
  rig.client.ready = [&] { rig.client.connection->send("GET / HTTP/1.1\r\n\r\n"); };
  rig.server.lost = [&] { rig.finish(); };
  rig.connect(nullptr);
  rig.run();
  CHECK(rig.server.story == "lost:handshake ");
  CHECK_FALSE(rig.server.text.empty());
}

TEST_CASE("a peer that leaves in the handshake is lost in the handshake") {
  Rig rig(true);
  rig.client.ready = [&] { rig.client.connection.reset(); };
  rig.server.lost = [&] { rig.finish(); };
  rig.connect(nullptr);
  rig.run();
  CHECK(rig.server.story == "lost:handshake ");
}

TEST_CASE("what is sent before TLS is agreed on waits for it, and never goes in the clear") {
  Rig rig(true);
  rig.server.arrived = [&](Slice) { rig.finish(); };
  rig.connect();
  rig.client.connection->send("secret");
  rig.run();
  CHECK(rig.server.received == "secret");
}

TEST_CASE("a deadline of a connection is told, and the connection goes on") {
  Rig rig(false);
  rig.client.ready = [&] { rig.client.connection->set_deadline(2); };
  rig.client.timed_out = [&] { rig.client.connection->send("late"); };
  rig.server.arrived = [&](Slice) { rig.finish(); };
  rig.connect();
  rig.run();
  CHECK(rig.client.story == "ready time-out ");
  CHECK(rig.server.received == "late");
}

TEST_CASE("a connection may be dropped in any call, and hears nothing more") {
  const bool tls = GENERATE(false, true);
  const std::string call = GENERATE("ready", "bytes", "end", "sent", "lost", "time-out");
  CAPTURE(tls, call);
  Rig rig(tls);
  bool dropped = false;
  const auto drop = [&] {
    // The other end sees it go; the call is still on the stack.
    rig.client.connection->send("unsent");
    rig.client.connection.reset();
    dropped = true;
  };
  const std::string big = pattern(8 * kMiB, 6);
  const auto served = [&] {
    Connection& server = *rig.server.connection;
    if (call == "bytes") server.send(big);
    if (call == "end") server.finish_sending();
    if (call == "lost") {
      server.reset_on_close();
      rig.server.connection.reset();
    }
  };
  rig.client.ready = [&] {
    if (call == "ready") return drop();
    if (call == "time-out") rig.client.connection->set_deadline(1);
    if (call == "sent") {
      rig.client.connection->send(big);
      REQUIRE(rig.client.connection->congested());
      return;
    }
    rig.client.connection->send("start");
  };
  rig.server.arrived = [&](Slice) {
    rig.server.arrived = nullptr;
    served();
  };
  if (call == "bytes") rig.client.arrived = [&](Slice) { drop(); };
  if (call == "end") rig.client.ended = drop;
  if (call == "sent") rig.client.sent = drop;
  if (call == "lost") rig.client.lost = drop;
  if (call == "time-out") rig.client.timed_out = drop;
  rig.connect();
  rig.run_until([&] { return dropped; });
  rig.linger();
  CHECK(rig.client.story.find("ghost") == std::string::npos);
}

TEST_CASE("a connection dropped while it connects, or in the handshake, hears nothing") {
  const bool tls = GENERATE(false, true);
  Rig rig(tls);
  rig.connect();
  rig.client.connection.reset();
  rig.linger(5);
  CHECK(rig.client.story.empty());
  rig.accepted = [&] { rig.server.connection.reset(); };
  rig.connect();
  rig.linger(5);
  rig.client.connection.reset();
  rig.linger(5);
}

TEST_CASE("a connection dropped with bytes under way lets go of them") {
  const bool tls = GENERATE(false, true);
  Rig rig(tls);
  const std::string big = pattern(32 * kMiB, 7);  // More than the system's buffers hold.
  rig.client.ready = [&] { rig.client.connection->send(big); };
  if (!tls) rig.accepted = [&] { rig.server.connection->set_reading(false); };
  rig.server.ready = [&] { rig.server.connection->set_reading(false); };
  rig.connect();
  rig.run_until([&] { return rig.client.story == "ready " && rig.server.connection != nullptr; });
  rig.linger();
  CHECK(rig.client.connection->unsent() > 0);
  rig.client.connection.reset();
  rig.linger(5);
}

TEST_CASE("both ends of a pair adopted before the loop runs talk to each other") {
  Rig rig(false);
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  rig.server.connection = Connection::adopt(rig.loop, ends[0], true, nullptr, rig.server);
  rig.client.connection = Connection::adopt(rig.loop, ends[1], true, nullptr, rig.client);
  CHECK(rig.client.connection->ready());
  rig.server.arrived = [&](Slice bytes) { rig.server.connection->send(std::move(bytes)); };
  rig.client.arrived = [&](Slice) { rig.finish(); };
  rig.client.connection->send("ping");
  rig.run();
  CHECK(rig.client.received == "ping");
  CHECK(rig.client.connection->peer().ip_text() == "unix");
}

TEST_CASE("a unix listener serves by path and by abstract name") {
  const bool abstract = GENERATE(false, true);
  char folder[] = "/tmp/penstock-conn-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/socket";
  const SocketAddress address = abstract ? SocketAddress::abstract(path) : SocketAddress::unix_path(path);
  {
    Rig rig(false);
    auto fd = listen_on(address, {});
    REQUIRE(fd);
    class Owner final : public ListenerOwner {
     public:
      explicit Owner(Rig& rig) : rig_(rig) {}
      void on_connection(Listener& listener) override {
        rig_.server.connection = listener.accept(nullptr, rig_.server);
      }

     private:
      Rig& rig_;
    } owner(rig);
    auto listener = Listener::open(rig.loop, fd->release(), true, 4, owner);
    rig.address = address;
    rig.client.ready = [&] { rig.client.connection->send("by name"); };
    rig.server.arrived = [&](Slice) { rig.finish(); };
    rig.connect();
    CHECK(rig.client.story.empty());
    rig.run();
    CHECK(rig.server.received == "by name");
  }
  unlink(path.c_str());
  rmdir(folder);
}

TEST_CASE("each end knows its own address and the other's") {
  Rig rig(false);
  rig.client.ready = [&] { rig.client.connection->send("x"); };
  rig.server.arrived = [&](Slice) { rig.finish(); };
  rig.connect();
  rig.run();
  CHECK(rig.client.connection->peer() == rig.address);
  CHECK(rig.server.connection->local() == rig.address);
  CHECK(rig.server.connection->peer() == rig.client.connection->local());
}

TEST_CASE("a connection that is left waiting pauses its listener until it is taken") {
  Rig rig(false);
  rig.accepting = false;
  rig.client.ready = [&] { rig.client.connection->send("first"); };
  rig.connect();
  rig.run_until([&] { return rig.listener->waiting(); });
  End second;
  second.connection = Connection::connect(rig.loop, rig.address, {}, {}, {}, second);
  rig.linger();
  CHECK(rig.listener->waiting());
  CHECK(rig.server.connection == nullptr);
  rig.accepting = true;
  rig.accepted = [&] { rig.accepting = false; };  // One, and the next waits again.
  rig.server.arrived = [&](Slice) { rig.finish(); };
  rig.listener->resume();
  CHECK_FALSE(rig.listener->waiting());
  rig.run();
  CHECK(rig.server.received == "first");
  rig.run_until([&] { return rig.listener->waiting(); });
  second.connection.reset();
}

TEST_CASE("a listener dropped with a connection waiting closes it") {
  Rig rig(false);
  rig.accepting = false;
  rig.client.lost = rig.client.ended = [&] { rig.finish(); };
  rig.connect();
  rig.run_until([&] { return rig.listener->waiting(); });
  rig.listener.reset();
  rig.run();
  CHECK(rig.client.story != "ready ");
}

TEST_CASE("a listener may be dropped when a connection comes") {
  Rig rig(false);
  rig.accepted = [&] { rig.listener.reset(); };
  rig.client.ready = [&] { rig.client.connection->send("x"); };
  rig.server.arrived = [&](Slice) { rig.finish(); };
  rig.connect();
  rig.run();
  CHECK(rig.server.received == "x");
}

TEST_CASE("in a rush a client is told of when it speaks, and afterwards at once again") {
  Rig rig(false);
  rig.listener->set_manners(true, false);
  int accepted = 0;
  rig.accepted = [&] { ++accepted; };
  std::deque<RawClient> clients;
  for (int i = 0; i < 60; ++i) clients.emplace_back(rig.address).say("x");
  rig.run_until([&] { return accepted == 60; });
  RawClient silent(rig.address);
  rig.linger(50);
  CHECK(accepted == 60);
  silent.say("hello");
  rig.run_until([&] { return rig.server.received.ends_with("hello"); });
  CHECK(accepted == 61);
  rig.linger(300);
  RawClient later(rig.address);
  for (int i = 0; i < 500 && accepted == 61; ++i) rig.linger(1);
  CHECK(accepted == 62);
}

TEST_CASE("where the server may speak first a rush changes nothing") {
  Rig rig(false);
  int accepted = 0;
  rig.accepted = [&] { ++accepted; };
  std::deque<RawClient> clients;
  for (int i = 0; i < 60; ++i) clients.emplace_back(rig.address);
  rig.run_until([&] { return accepted == 60; });
  RawClient silent(rig.address);
  for (int i = 0; i < 500 && accepted == 60; ++i) rig.linger(1);
  CHECK(accepted == 61);
}

TEST_CASE("what a quiet connection says is heard a little later, and can be asked for before") {
  Rig rig(false);
  rig.accepted = [&] { rig.server.connection->set_reading(true, true); };
  RawClient client(rig.address);
  rig.run_until([&] { return rig.server.connection != nullptr; });
  CHECK_FALSE(rig.server.connection->has_news());
  client.say("news");
  CHECK(rig.server.connection->has_news());
  CHECK(rig.server.received.empty());
  rig.run_until([&] { return rig.server.received == "news"; });
}

TEST_CASE("a connection that ceases to be quiet is heard at once, as often as it changes") {
  Rig rig(false);
  rig.accepted = [&] { rig.server.connection->set_reading(true, true); };
  RawClient client(rig.address);
  rig.run_until([&] { return rig.server.connection != nullptr; });
  for (const char* word : {"one ", "two ", "three"}) {
    client.say(word);
    const std::size_t heard = rig.server.received.size();
    rig.server.connection->set_reading(true, false);
    rig.run_until([&] { return rig.server.received.size() > heard; });
    rig.server.connection->set_reading(false);
    rig.linger(1);
    rig.server.connection->set_reading(true, true);
    rig.linger(1);
  }
  CHECK(rig.server.received == "one two three");
}

TEST_CASE("a connection that a busy server takes late is ready then, and nothing is lost") {
  Rig rig(false);
  // Room for one: the next one's first packet is dropped and comes again after a second.
  const int full = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  SocketAddress any;
  REQUIRE(SocketAddress::from_ip("127.0.0.1", 0, any));
  REQUIRE(::bind(full, any.raw(), any.length()) == 0);
  REQUIRE(::listen(full, 0) == 0);
  rig.address = SocketAddress::local_of(full);
  RawClient first(rig.address);
  rig.client.ready = [&] {
    rig.client.connection->send("late");
    rig.finish();
  };
  rig.connect();
  rig.linger(50);
  CHECK(rig.client.story.empty());
  ::close(::accept(full, nullptr, nullptr));
  rig.run();
  CHECK(rig.client.story == "ready ");
  const int second = ::accept(full, nullptr, nullptr);
  rig.linger(1);
  char said[5] = "";
  CHECK(::recv(second, said, 4, MSG_WAITALL) == 4);
  CHECK(std::string_view(said) == "late");
  ::close(second);
  ::close(full);
}

TEST_CASE("a connection dropped before it was looked at leaves nothing behind") {
  Rig rig(false);
  rig.client.ready = [&] { rig.client.connection.reset(); };
  rig.accepted = [&] {
    rig.server.connection->set_reading(true, true);
    rig.server.connection.reset();
    rig.finish();
  };
  rig.connect();
  rig.run();
  // The loop is not kept awake by it.
  const std::clock_t before = std::clock();
  rig.linger(200);
  CHECK(std::clock() - before < CLOCKS_PER_SEC / 10);
}
