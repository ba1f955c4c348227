#include "penstock/rules/passwords.h"

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
  std::atomic<std::uint32_t> under_way{0};
  Ref<Passwords> passwords = make_ref<Passwords>(loop, under_way);
};

}  // namespace

TEST_CASE("a password is unknown until it was hashed, then right or wrong") {
  Rig rig;
  CHECK(rig.passwords->ask("secret", kHash) == Answer::Unknown);
  Waiter right(rig.loop), wrong(rig.loop);
  CHECK(rig.passwords->find_out("secret", kHash, right));
  CHECK(rig.passwords->find_out("other", kHash, wrong));
  CHECK(rig.under_way == 2u);
  rig.loop.run_dry();
  CHECK(right.told == 1);
  CHECK(wrong.told == 1);
  CHECK(rig.under_way == 0u);
  CHECK(rig.passwords->ask("secret", kHash) == Answer::Right);
  CHECK(rig.passwords->ask("other", kHash) == Answer::Wrong);
  CHECK(rig.passwords->ask("secre", kHash) == Answer::Unknown);
  CHECK(rig.passwords->ask("secret", "$2b$04$") == Answer::Unknown);
}

TEST_CASE("who shows the same waits for the same") {
  Rig rig;
  Waiter first(rig.loop), second(rig.loop);
  CHECK(rig.passwords->find_out("secret", kHash, first));
  CHECK(rig.passwords->find_out("secret", kHash, second));
  CHECK(rig.under_way == 1u);
  rig.loop.run_dry();
  CHECK(first.told + second.told == 2);
}

TEST_CASE("who has left is told nothing, and what was found out stays") {
  Rig rig;
  {
    Waiter gone(rig.loop);
    CHECK(rig.passwords->find_out("secret", kHash, gone));
  }
  rig.loop.run_dry();
  CHECK(rig.passwords->ask("secret", kHash) == Answer::Right);
}

TEST_CASE("more than eight are not hashed at once, by the whole process") {
  Rig rig;
  rig.under_way = 7;
  Waiter eighth(rig.loop), ninth(rig.loop);
  CHECK(rig.passwords->find_out("one", kHash, eighth));
  CHECK(!rig.passwords->find_out("two", kHash, ninth));
  CHECK(rig.under_way == 8u);
  rig.loop.run_dry();
  CHECK(rig.under_way == 7u);
  CHECK(eighth.told == 1);
  CHECK(ninth.told == 0);
}

TEST_CASE("many wrong ones take nobody's place who knows") {
  Rig rig;
  Waiter waiter(rig.loop);
  CHECK(rig.passwords->find_out("secret", kHash, waiter));
  rig.loop.run_dry();
  // What can be no hash is found out quickly.
  for (int i = 0; i < 600; ++i) {
    Waiter guess(rig.loop);
    CHECK(rig.passwords->find_out("guess" + std::to_string(i), "none", guess));
    rig.loop.run_dry();
  }
  CHECK(rig.passwords->ask("secret", kHash) == Answer::Right);
  CHECK(rig.passwords->ask("guess599", "none") == Answer::Wrong);
}

TEST_CASE("a password that is too long or holds a NUL byte is wrong") {
  Rig rig;
  for (const std::string& text : {std::string(100000, 'x'), std::string("secret\0", 7), std::string("secret\0x", 8)}) {
    Waiter waiter(rig.loop);
    CHECK(rig.passwords->find_out(text, kHash, waiter));
    rig.loop.run_dry();
    CHECK(rig.passwords->ask(text, kHash) == Answer::Wrong);
  }
}
