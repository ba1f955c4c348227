#include "penstock/net/outbox.h"

#include <random>
#include <string>

#include "unit/catch.h"

using namespace penstock;

namespace {

std::string all_of(const Outbox& box) {
  std::string all;
  for (std::size_t i = 0; i < box.slices(); ++i) all += box.peek(i).view();
  return all;
}

}  // namespace

TEST_CASE("one text or slice is one slice, and texts behind each other share it") {
  Outbox box;
  box.append("ab");
  box.append("cd");
  CHECK(box.slices() == 1);
  CHECK(all_of(box) == "abcd");
  box.append(Slice::copy("ef"));
  box.append("gh");
  CHECK(box.slices() == 3);
  CHECK(all_of(box) == "abcdefgh");
}

TEST_CASE("what goes out is what went in, in any pieces, and nothing is kept of it") {
  const std::size_t before = Block::bytes_in_use();
  std::mt19937 random(1);
  const auto below = [&random](std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random);
  };
  std::string expected;
  {
    Outbox box;
    for (int step = 0; step < 20000; ++step) {
      const bool large = below(50) == 0;
      const std::string text(below(large ? 40000 : 60), static_cast<char>('a' + below(26)));
      switch (below(4)) {
        case 0:
          box.append(text);
          expected += text;
          break;
        case 1:
          box.append(Slice::copy(text));
          expected += text;
          break;
        case 2: {
          const std::size_t count = below(box.bytes() + 1);
          box.remove(count);
          expected.erase(0, count);
          break;
        }
        default:
          if (below(8) != 0) break;
          box.clear();
          expected.clear();
      }
      REQUIRE(box.bytes() == expected.size());
      REQUIRE(box.empty() == expected.empty());
      if (step % 16 == 0) REQUIRE(all_of(box) == expected);
    }
    box.append("left");
  }
  CHECK(Block::bytes_in_use() == before);
  Block::free_kept();
}
