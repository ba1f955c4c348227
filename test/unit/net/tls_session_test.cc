// Bytes of an established session, and everything a peer can do wrong with them.
#include <random>

#include "unit/catch.h"
#include "unit/net/tls_pair.h"

using namespace penstock;
using namespace penstock::test;

namespace {

// Contexts that every test here can share.
struct Ready {
  TicketKeys keys;
  std::shared_ptr<const TlsContext> front = front_context({self_signed({{"a.example"}})}, keys);
  std::shared_ptr<const TlsContext> back = back_context();
};

std::string random_bytes(std::mt19937& chance, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(chance());
  return bytes;
}

// What a client sends first.
std::string client_hello(const TlsContext& context) {
  TlsEnd back;
  back.tls = TlsSession::for_server(context, back.out, "a.example", {}, {});
  back.take({});
  return back.drain();
}

}  // namespace

TEST_CASE("a small message travels in one record and one piece") {
  Ready ready;
  TlsPair pair(*ready.front, *ready.back, "a.example");
  REQUIRE(pair.shake());
  REQUIRE(pair.front.tls->write("first"));  // Takes the tickets along.
  pair.settle();
  REQUIRE(pair.front.tls->write(std::string(1000, 'x')));
  CHECK(pair.front.out.slices() == 1);
  // RFC 8446 section 5.2: header, content type and tag; RFC 5288 for TLS 1.2 has 8 more.
  CHECK(pair.front.out.bytes() == 1000 + 5 + 1 + 16);
  pair.settle();
  CHECK(pair.back.plain == "first" + std::string(1000, 'x'));
}

TEST_CASE("ten mebibytes go either way whole") {
  const std::uint16_t version = GENERATE(0x0303, 0x0304);
  TicketKeys keys;
  const auto front = front_context({self_signed({{"a.example"}})}, keys, options_between(version, version));
  TlsPair pair(*front, *back_context(), "a.example");
  REQUIRE(pair.shake());
  std::mt19937 chance(1);
  const std::string big = random_bytes(chance, 10 * 1024 * 1024);
  REQUIRE(pair.front.tls->write(big));
  // Full records: overhead stays below two in a thousand.
  CHECK(pair.front.out.bytes() < big.size() + big.size() / 500);
  pair.settle();
  CHECK((pair.back.plain == big));
  REQUIRE(pair.back.tls->write(big));
  pair.settle();
  CHECK((pair.front.plain == big));
}

TEST_CASE("ciphertext may arrive byte by byte") {
  Ready ready;
  TlsPair pair(*ready.front, *ready.back, "a.example");
  pair.back.take({});
  for (int turn = 0; turn < 6; ++turn) {
    for (const char c : pair.back.drain()) pair.front.take({&c, 1});
    for (const char c : pair.front.drain()) pair.back.take({&c, 1});
  }
  REQUIRE(pair.front.tls->established());
  REQUIRE(pair.back.tls->established());
  REQUIRE(pair.back.tls->write("hello"));
  for (const char c : pair.back.drain()) pair.front.take({&c, 1});
  CHECK(pair.front.plain == "hello");
  CHECK(pair.front.step == Step::Wait);
}

TEST_CASE("a record is read in as many steps as the space asks for") {
  Ready ready;
  TlsPair pair(*ready.front, *ready.back, "a.example");
  REQUIRE(pair.shake());
  REQUIRE(pair.back.tls->write("abcdefg"));
  REQUIRE(pair.back.tls->write("hij"));
  const std::string sent = pair.back.drain();
  pair.front.tls->receive(sent);
  std::string got;
  char space[4];
  std::size_t count = 0;
  while (pair.front.tls->read(space, count) == Step::Done) got.append(space, count);
  CHECK(got == "abcdefghij");
  CHECK(pair.front.tls->read(space, count) == Step::Wait);
}

TEST_CASE("one read gathers several records") {
  Ready ready;
  TlsPair pair(*ready.front, *ready.back, "a.example");
  REQUIRE(pair.shake());
  for (int i = 0; i < 10; ++i) REQUIRE(pair.back.tls->write("0123456789"));
  const std::string sent = pair.back.drain();
  pair.front.tls->receive(sent);
  char space[1000];
  std::size_t count = 0;
  REQUIRE(pair.front.tls->read(space, count) == Step::Done);
  CHECK(count == 100);
  CHECK(pair.front.tls->read(space, count) == Step::Wait);
}

TEST_CASE("application data right behind the handshake is not lost") {
  Ready ready;
  TlsPair pair(*ready.front, *ready.back, "a.example");
  pair.back.take({});
  pair.front.take(pair.back.drain());
  pair.back.take(pair.front.drain());
  REQUIRE(pair.back.tls->established());
  REQUIRE(pair.back.tls->write("eager"));
  pair.front.take(pair.back.drain());  // Finished and data in one piece.
  CHECK(pair.front.plain == "eager");
}

TEST_CASE("close_notify is said once and read after all data") {
  Ready ready;
  TlsPair pair(*ready.front, *ready.back, "a.example");
  REQUIRE(pair.shake());
  REQUIRE(pair.back.tls->write("bye"));
  pair.back.tls->close();
  const std::size_t sent = pair.back.out.bytes();
  pair.back.tls->close();
  CHECK(pair.back.out.bytes() == sent);
  CHECK_FALSE(pair.back.tls->write("more"));
  pair.settle();
  CHECK(pair.front.plain == "bye");
  CHECK(pair.front.step == Step::Closed);
  // The other direction goes on.
  REQUIRE(pair.front.tls->write("answer"));
  pair.front.tls->close();
  pair.settle();
  CHECK(pair.back.plain == "answer");
  CHECK(pair.back.step == Step::Closed);
}

TEST_CASE("what comes behind close_notify is passed over") {
  Ready ready;
  TlsPair pair(*ready.front, *ready.back, "a.example");
  REQUIRE(pair.shake());
  pair.back.tls->close();
  const std::string sent = pair.back.drain() + "garbage";
  pair.front.take(sent);
  CHECK(pair.front.step == Step::Closed);
  pair.front.take("more garbage");
  CHECK(pair.front.step == Step::Closed);
}

TEST_CASE("close before or during the handshake says nothing") {
  Ready ready;
  TlsPair pair(*ready.front, *ready.back, "a.example");
  pair.back.tls->close();
  CHECK(pair.back.out.empty());
  CHECK_FALSE(pair.back.tls->write("early"));
}

TEST_CASE("data before a failure is delivered, then the failure") {
  Ready ready;
  TlsPair pair(*ready.front, *ready.back, "a.example");
  REQUIRE(pair.shake());
  REQUIRE(pair.back.tls->write("whole"));
  std::string sent = pair.back.drain();
  REQUIRE(pair.back.tls->write("broken"));
  std::string second = pair.back.drain();
  second.back() ^= 1;
  sent += second;
  pair.front.tls->receive(sent);
  char space[100];
  std::size_t count = 0;
  REQUIRE(pair.front.tls->read(space, count) == Step::Done);
  CHECK(std::string_view(space, count) == "whole");
  CHECK(pair.front.tls->read(space, count) == Step::Failed);
  CHECK(pair.front.tls->read(space, count) == Step::Failed);
  CHECK(pair.front.tls->error() == "decryption failed or bad record mac");
  // The peer is told.
  pair.settle();
  CHECK(pair.back.step == Step::Failed);
  CHECK(pair.back.tls->error() == "the peer's alert: bad record mac");
}

TEST_CASE("a client hello cut anywhere waits for the rest, and a changed byte never crashes") {
  Ready ready;
  const std::string hello = client_hello(*ready.back);
  for (std::size_t size = 0; size < hello.size(); ++size) {
    TlsEnd front;
    front.tls = TlsSession::for_client(*ready.front, front.out);
    front.take(std::string_view(hello).substr(0, size));
    CHECK(front.step == Step::Wait);
    CHECK(front.out.empty());
  }
  for (std::size_t at = 0; at < hello.size(); ++at) {
    std::string changed = hello;
    changed[at] ^= 0x40;
    TlsEnd front;
    front.tls = TlsSession::for_client(*ready.front, front.out);
    front.take(changed);
    CHECK_FALSE(front.tls->established());
  }
}

TEST_CASE("a server's first flight cut anywhere waits for the rest, and a changed byte is never agreed to") {
  Ready ready;
  TlsPair model(*ready.front, *ready.back, "a.example");
  model.back.take({});
  const std::string hello = model.back.drain();
  std::mt19937 chance(2);
  for (int round = 0; round < 150; ++round) {
    TlsPair pair(*ready.front, *ready.back, "a.example");
    pair.back.take({});
    pair.front.take(pair.back.drain());
    std::string flight = pair.front.drain();
    const std::size_t at = chance() % flight.size();
    if (round % 2 == 0) {
      pair.back.take(std::string_view(flight).substr(0, at));
      CHECK(pair.back.step == Step::Wait);
    } else {
      flight[at] ^= 0x20;
      pair.back.take(flight);
      CHECK_FALSE(pair.back.tls->established());
    }
  }
}

TEST_CASE("garbage never crashes and never passes for a handshake") {
  Ready ready;
  std::mt19937 chance(3);
  for (int round = 0; round < 500; ++round) {
    TlsEnd front;
    front.tls = TlsSession::for_client(*ready.front, front.out);
    std::string bytes = random_bytes(chance, chance() % 600);
    // Half of it looks like a handshake record.
    if (round % 2 == 0) bytes = std::string("\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03", 11) + bytes;
    for (int piece = 0; piece < 3 && front.step == Step::Wait; ++piece) front.take(bytes);
    CHECK_FALSE(front.tls->established());
    TlsEnd back;
    back.tls = TlsSession::for_server(*ready.back, back.out, "a.example", {}, {});
    back.take({});
    back.take(bytes);
    CHECK_FALSE(back.tls->established());
  }
}

TEST_CASE("garbage within an established session ends it") {
  Ready ready;
  std::mt19937 chance(4);
  for (int round = 0; round < 30; ++round) {
    TlsPair pair(*ready.front, *ready.back, "a.example");
    REQUIRE(pair.shake());
    pair.front.take(std::string("\x17\x03\x03\x00\x40", 5) + random_bytes(chance, 64));
    CHECK(pair.front.step == Step::Failed);
    CHECK(pair.front.plain.empty());
    CHECK_FALSE(pair.front.tls->error().empty());
  }
}
