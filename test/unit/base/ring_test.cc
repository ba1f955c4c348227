#include "penstock/base/ring.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "penstock/base/format.h"
#include "unit/catch.h"

using namespace penstock;

namespace {

std::vector<std::string> all_of(const Ring& ring, Ring::Reader& reader) {
  std::vector<std::string> lines;
  for (std::string line; ring.read(reader, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("what was written to a ring is read in its order, by each reader from where it began") {
  Ring ring(16384);
  Ring::Reader oldest = Ring::from_oldest();
  std::string line = "untouched";
  CHECK_FALSE(ring.read(oldest, line));
  ring.write("one");
  ring.write("");
  ring.write(std::string(1000, 'x'));
  Ring::Reader newest = ring.from_newest();
  CHECK(all_of(ring, oldest) == std::vector<std::string>{"one", "", std::string(1000, 'x')});
  CHECK_FALSE(ring.read(newest, line));
  ring.write("two");
  CHECK(all_of(ring, oldest) == std::vector<std::string>{"two"});
  CHECK(all_of(ring, newest) == std::vector<std::string>{"two"});
  CHECK(oldest.lost == 0);
}

TEST_CASE("the oldest lines of a ring are overwritten, and who missed them knows how many") {
  Ring ring(16384);
  Ring::Reader reader = Ring::from_oldest();
  std::string line;
  ring.write("first");
  REQUIRE(ring.read(reader, line));
  for (int i = 0; i < 5000; ++i) ring.write(format("{} {}", i, std::string(100, 'x')));
  const std::vector<std::string> lines = all_of(ring, reader);
  REQUIRE(!lines.empty());
  CHECK(lines.back().starts_with("4999 "));
  CHECK(lines.size() * 100 >= 10000);
  CHECK(lines.size() + reader.lost == 5000);
  Ring::Reader late = Ring::from_oldest();
  CHECK(all_of(ring, late) == lines);
  CHECK(ring.dropped() == 0);
}

TEST_CASE("a line that is too long for its ring is cut") {
  Ring ring(1);
  Ring::Reader reader = Ring::from_oldest();
  ring.write(std::string(100000, 'x'));
  ring.write("next");
  const std::vector<std::string> lines = all_of(ring, reader);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].size() > 1000);
  CHECK(lines[1] == "next");
}

TEST_CASE("threads write to a ring and read it at once, and no line is torn") {
  constexpr int kWriters = 3, kLines = 20000;
  Ring ring(16384);
  std::atomic<int> writing{kWriters};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&ring, &writing, writer] {
      for (int i = 0; i < kLines; ++i)
        ring.write(format("{} {} {}", writer, i,
                          std::string(static_cast<std::size_t>(i % 200), static_cast<char>('a' + i % 26))));
      --writing;
    });
  }
  Ring::Reader reader = Ring::from_oldest();
  std::vector<int> last(kWriters, -1);
  std::size_t read = 0;
  bool good = true;
  std::string line;
  for (bool done = false; !done;) {
    done = writing == 0;
    if (!ring.read(reader, line)) continue;
    done = false;
    ++read;
    const std::size_t first = line.find(' '), second = line.find(' ', first + 1);
    const auto writer = static_cast<std::size_t>(std::stoi(line.substr(0, first)));
    const int number = std::stoi(line.substr(first + 1, second - first - 1));
    good = good && number > last[writer] &&
           line.substr(second + 1) ==
               std::string(static_cast<std::size_t>(number % 200), static_cast<char>('a' + number % 26));
    last[writer] = number;
  }
  for (std::thread& writer : writers) writer.join();
  CHECK(good);
  CHECK(read > 0);
  CHECK(read + reader.lost <= kWriters * std::size_t{kLines} + kWriters);
}
