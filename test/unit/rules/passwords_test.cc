#include "penstock/rules/passwords.h"

#include <array>
#include <string>

#include "unit/catch.h"

using namespace penstock;
using namespace penstock::rules;
using Answer = Passwords::Answer;

namespace {

// "secret", with the lowest cost that there is.
const std::string kHash = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

struct Waiter final : AnswerWaiter {
  explicit Waiter(Loop& loop) : loop(loop) {}
  void on_answer_known() override { ++told; }
  Loop& loop;
  int told = 0;
};

// A worker's, and all that is hashed has been when it ends.
struct Rig {
  ~Rig() { loop.run_dry(); }
  Loop loop;
  bool find_out(std::string_view password, std::string_view hash, Waiter& waiter, const char* ip = "10.0.0.1") {
    SocketAddress client;
    SocketAddress::from_ip(ip, 1, client);
    return passwords->find_out(password, hash, client, waiter);
  }
  PasswordPlaces places;
  Ref<Passwords> passwords = make_ref<Passwords>(loop, places);
};

}  // namespace

TEST_CASE("a password is unknown until it was hashed, then right or wrong") {
  Rig rig;
  CHECK(rig.passwords->ask("secret", kHash) == Answer::Unknown);
  Waiter right(rig.loop), wrong(rig.loop);
  CHECK(rig.find_out("secret", kHash, right));
  CHECK(rig.find_out("other", kHash, wrong));
  CHECK(rig.places.taken() == 2u);
  rig.loop.run_dry();
  CHECK(right.told == 1);
  CHECK(wrong.told == 1);
  CHECK(rig.places.taken() == 0u);
  CHECK(rig.passwords->ask("secret", kHash) == Answer::Right);
  CHECK(rig.passwords->ask("other", kHash) == Answer::Wrong);
  CHECK(rig.passwords->ask("secre", kHash) == Answer::Unknown);
  CHECK(rig.passwords->ask("secret", "$2b$04$") == Answer::Unknown);
}

TEST_CASE("who shows the same waits for the same") {
  Rig rig;
  Waiter first(rig.loop), second(rig.loop);
  CHECK(rig.find_out("secret", kHash, first));
  CHECK(rig.find_out("secret", kHash, second));
  CHECK(rig.places.taken() == 1u);
  rig.loop.run_dry();
  CHECK(first.told + second.told == 2);
}

TEST_CASE("who has left is told nothing, and what was found out stays") {
  Rig rig;
  {
    Waiter gone(rig.loop);
    CHECK(rig.find_out("secret", kHash, gone));
  }
  rig.loop.run_dry();
  CHECK(rig.passwords->ask("secret", kHash) == Answer::Right);
}

TEST_CASE("more than eight are not hashed at once, by the whole process") {
  Rig rig;
  for (std::uint64_t client = 1; client < 8; ++client) rig.places.take(client);
  Waiter eighth(rig.loop), ninth(rig.loop);
  CHECK(rig.find_out("one", kHash, eighth));
  CHECK(!rig.find_out("two", kHash, ninth, "10.0.0.2"));
  CHECK(rig.places.taken() == 8u);
  rig.loop.run_dry();
  CHECK(rig.places.taken() == 7u);
  CHECK(eighth.told == 1);
  CHECK(ninth.told == 0);
}

TEST_CASE("of one client four are hashed at once, and others find places") {
  for (const auto& [one, same, other] : {std::array{"10.0.0.1", "10.0.0.1", "10.0.0.2"},
                                         std::array{"2001:db8::1", "2001:db8::5:6:7:8", "2001:db8:0:1::1"},
                                         std::array{"2001:db8::1", "2001:db8::2", "10.0.0.1"}}) {
    Rig rig;
    Waiter waiter(rig.loop), refused(rig.loop), next(rig.loop);
    Waiter three[] = {Waiter(rig.loop), Waiter(rig.loop), Waiter(rig.loop)};
    for (int i = 0; i < 3; ++i) CHECK(rig.find_out("guess" + std::to_string(i), kHash, three[i], one));
    CHECK(rig.find_out("guess3", kHash, waiter, same));
    CHECK(!rig.find_out("guess4", kHash, refused, same));
    CHECK(rig.find_out("guess4", kHash, next, other));
    rig.loop.run_dry();
    CHECK(rig.places.taken() == 0u);
    CHECK(rig.find_out("guess5", kHash, refused, same));
    rig.loop.run_dry();
    CHECK(refused.told == 1);
  }
}

TEST_CASE("many wrong ones take nobody's place who knows") {
  Rig rig;
  Waiter waiter(rig.loop);
  CHECK(rig.find_out("secret", kHash, waiter));
  rig.loop.run_dry();
  // What can be no hash is found out quickly.
  for (int i = 0; i < 600; ++i) {
    Waiter guess(rig.loop);
    CHECK(rig.find_out("guess" + std::to_string(i), "none", guess));
    rig.loop.run_dry();
  }
  CHECK(rig.passwords->ask("secret", kHash) == Answer::Right);
  CHECK(rig.passwords->ask("guess599", "none") == Answer::Wrong);
}

TEST_CASE("a password that is too long or holds a NUL byte is wrong") {
  Rig rig;
  for (const std::string& text : {std::string(100000, 'x'), std::string("secret\0", 7), std::string("secret\0x", 8)}) {
    Waiter waiter(rig.loop);
    CHECK(rig.find_out(text, kHash, waiter));
    rig.loop.run_dry();
    CHECK(rig.passwords->ask(text, kHash) == Answer::Wrong);
  }
}
