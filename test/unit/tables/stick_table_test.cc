#include "penstock/tables/stick_table.h"

#include <malloc.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "penstock/base/format.h"
#include "penstock/tables/tracking.h"
#include "tables/rate.h"
#include "unit/catch.h"

using namespace penstock;
using Data = config::StickData;

namespace {

config::StickTable line(std::uint64_t size, std::uint64_t expire_ms = 0, bool no_purge = false) {
  config::StickTable table;
  table.key = config::StickTable::Key::String;
  table.length = 31;
  table.size = size;
  table.expire_ms = expire_ms;
  table.no_purge = no_purge;
  return table;
}

struct Rig {
  explicit Rig(const config::StickTable& line) : table(line) {}
  void store(std::string_view key, const StickTable::Mark& server, std::uint64_t now_ms = 0) {
    StickTable::Hold hold = table.make(key, now_ms);
    if (hold) hold.set_mark(server);
  }
  std::string find(std::string_view key, std::uint64_t now_ms = 0) {
    const StickTable::Hold hold = table.find(key, now_ms);
    return !hold || hold.mark() == nullptr ? "" : hold.mark()->server;
  }
  StickTable table;
  StickTable::Mark s1{"be", "s1", "s1", 1}, s2{"be", "s2", "s2", 2};
};

}  // namespace

TEST_CASE("a table names the server last stored under a key") {
  Rig rig(line(10));
  CHECK(rig.find("a") == "");
  rig.store("a", rig.s1);
  rig.store("b", rig.s2);
  CHECK(rig.find("a") == "s1");
  rig.store("a", rig.s2);
  CHECK(rig.find("a") == "s2");
  CHECK(rig.table.size() == 2);
}

TEST_CASE("keys are bytes, and none is like another") {
  Rig rig(line(10));
  using namespace std::string_view_literals;
  rig.store("a\0b"sv, rig.s1);
  rig.store(""sv, rig.s2);
  CHECK(rig.find("a") == "");
  CHECK(rig.find("a\0c"sv) == "");
  CHECK(rig.find("a\0b"sv) == "s1");
  CHECK(rig.find("") == "s2");
}

TEST_CASE("an entry lives as long as it is used") {
  Rig rig(line(10, 100));
  rig.store("a", rig.s1, 1000);
  CHECK(rig.find("a", 1099) == "s1");
  CHECK(rig.find("a", 1198) == "s1");
  rig.store("a", rig.s1, 1250);
  CHECK(rig.find("a", 1349) == "s1");
  CHECK(rig.find("a", 1449) == "");
  CHECK(rig.table.size() == 0);
}

TEST_CASE("entries that are over make room though nobody asks for them") {
  Rig rig(line(1000, 100));
  for (int i = 0; i < 20; ++i) rig.store(format("old {}", i), rig.s1, 0);
  for (int i = 0; i < 500; ++i) rig.store(format("new {}", i), rig.s1, 200);
  CHECK(rig.table.size() == 500);
}

TEST_CASE("a clock that lags makes no entry older or younger") {
  Rig rig(line(10, 100));
  rig.store("a", rig.s1, 1000);
  CHECK(rig.find("a", 990) == "s1");
  CHECK(rig.find("a", 1099) == "s1");
}

TEST_CASE("a full table forgets what was unused for longest") {
  Rig rig(line(3));
  std::uint64_t now_ms = 1;
  for (const char* key : {"a", "b", "c"}) rig.store(key, rig.s1, now_ms++);
  CHECK(rig.find("a", 4) == "s1");
  rig.store("d", rig.s2, 5);
  CHECK(rig.find("b", 6) == "");
  CHECK(rig.find("a", 6) + rig.find("c", 6) + rig.find("d", 6) == "s1s1s2");
  CHECK(rig.table.size() == 3);
}

TEST_CASE("a full table under nopurge learns nothing new until entries expire") {
  Rig rig(line(2, 100, true));
  rig.store("a", rig.s1, 0);
  rig.store("b", rig.s1, 50);
  rig.store("c", rig.s1, 99);
  CHECK(rig.find("c", 99) == "");
  rig.store("b", rig.s2, 99);
  CHECK(rig.find("b", 99) == "s2");
  rig.store("c", rig.s1, 100);
  CHECK(rig.find("c", 100) == "s1");
  CHECK(rig.find("a", 100) == "");
}

TEST_CASE("a smaller size is reached as new keys come") {
  Rig rig(line(10));
  for (int i = 0; i < 10; ++i) rig.store(format("{}", i), rig.s1);
  rig.table.set_limits(line(4));
  for (int i = 10; i < 13; ++i) rig.store(format("{}", i), rig.s1);
  CHECK(rig.table.size() <= 4);
  CHECK(rig.find("12") == "s1");
}

TEST_CASE("the registry gives a table again while its keys are made in the same way") {
  StickTableRegistry registry;
  config::StickTable text = line(10);
  text.key = config::StickTable::Key::String;
  const auto first = registry.table("be", text);
  text.size = 20;
  CHECK(registry.table("be", text) == first);
  CHECK(registry.table("other", text) != first);
  text.length = 64;
  CHECK(registry.table("be", text) != first);
  text.length = 31;
  text.key = config::StickTable::Key::Binary;
  CHECK(registry.table("be", text) != first);
  registry.sweep();
  text.key = config::StickTable::Key::String;
  CHECK(registry.table("be", text) == first);
}

TEST_CASE("an entry that is tracked is neither over nor forgotten, and lives on from the moment it is let go") {
  Rig rig(line(1, 100));
  Tracking tracking;
  tracking.begin(0, rig.table, "a", 0);
  CHECK(rig.table.look("a", 1000).trackers() == 1);
  rig.store("b", rig.s1, 1000);
  CHECK(rig.find("b", 1000) == "");
  CHECK(!rig.table.forget("a"));
  tracking.end(1000);
  CHECK(bool(rig.table.look("a", 1099)));
  CHECK(!rig.table.look("a", 1100));
}

TEST_CASE("a look makes no entry live longer") {
  Rig rig(line(10, 100));
  rig.store("a", rig.s1, 0);
  CHECK(bool(rig.table.look("a", 99)));
  CHECK(!rig.table.look("a", 100));
}

TEST_CASE("what a table stores is counted, and what it does not has no value") {
  config::StickTable counts = line(10);
  counts.store = {{Data::BytesInCnt}, {Data::ConnCnt}, {Data::ConnRate, 1, 1000}, {Data::Gpc, 3}};
  Rig rig(counts);
  StickTable::Hold hold = rig.table.make("a", 0);
  hold.count(Data::ConnCnt);
  hold.count(Data::ConnCnt);
  hold.count(Data::BytesInCnt, 5000000000);
  hold.count(Data::BytesInCnt, 1);
  hold.count(Data::Gpc, 1, 2);
  hold.count(Data::Gpc, 1, 3);
  hold.count(Data::Gpc1);
  CHECK(hold.value(Data::ConnCnt) == 2);
  CHECK(hold.value(Data::ConnRate) == 2);
  CHECK(hold.value(Data::BytesInCnt) == 5000000001);
  CHECK(hold.value(Data::Gpc, 2) == 1);
  CHECK(hold.value(Data::Gpc1) == 1);
  CHECK(!hold.value(Data::Gpc, 3));
  CHECK(!hold.value(Data::HttpReqCnt));
  CHECK(!hold.value(Data::Gpt0));
}

TEST_CASE("a rate forgets a period little by little while the next one passes") {
  config::StickTable counts = line(10);
  counts.store = {{Data::HttpReqRate, 1, 1000}};
  Rig rig(counts);
  constexpr std::uint64_t kBegin = 100000;
  for (int i = 0; i < 10; ++i) rig.table.make("a", kBegin).count(Data::HttpReqCnt);
  const auto rate = [&](std::uint64_t at) { return rig.table.look("a", at).value(Data::HttpReqRate); };
  CHECK(rate(kBegin + 999) == 10);
  CHECK(rate(kBegin + 1500) == 5);
  CHECK(rate(kBegin + 2000) == 0);
}

TEST_CASE("a single event counts for all of the next period") {
  config::StickTable counts = line(10);
  counts.store = {{Data::HttpReqRate, 1, 1000}};
  Rig rig(counts);
  rig.table.make("a", 100000).count(Data::HttpReqCnt);
  CHECK(rig.table.look("a", 101999).value(Data::HttpReqRate) == 1);
  CHECK(rig.table.look("a", 102000).value(Data::HttpReqRate) == 0);
}

TEST_CASE("keys longer than an entry has room for are kept whole") {
  config::StickTable text = line(100);
  text.length = 500;
  Rig rig(text);
  const std::string first(400, 'x'), second = first + "y";
  rig.store(first, rig.s1);
  rig.store(second, rig.s2);
  CHECK(rig.find(first) == "s1");
  CHECK(rig.find(second) == "s2");
  CHECK(rig.table.forget(first));
  CHECK(rig.find(first) == "");
  CHECK(rig.find(second) == "s2");
}

TEST_CASE("many entries come and go, and each is found") {
  Rig rig(line(100000));
  for (int i = 0; i < 20000; ++i) rig.store(format("{}", i), i % 2 == 0 ? rig.s1 : rig.s2);
  for (int i = 0; i < 20000; i += 3) rig.table.forget(format("{}", i));
  int wrong = 0;
  for (int i = 0; i < 20000; ++i)
    wrong += rig.find(format("{}", i)) == (i % 3 == 0 ? "" : i % 2 == 0 ? "s1" : "s2") ? 0 : 1;
  CHECK(wrong == 0);
  std::size_t seen = 0;
  for (std::size_t place = 0; place < rig.table.places(); place += 1000)
    rig.table.each(place, 1000, 0, [&](const StickTable::Hold&) { ++seen; });
  CHECK(seen == rig.table.size());
}

TEST_CASE("a table that stores something else begins with what the one before knew") {
  StickTableRegistry registry;
  config::StickTable counts = line(10);
  counts.store = {{Data::ConnCnt}, {Data::ConnCur}, {Data::Gpt0}};
  const auto before = registry.table("be", counts);
  {
    StickTable::Hold hold = before->make("a", 5);
    hold.count(Data::ConnCnt, 7);
    hold.count(Data::ConnCur);
    hold.set_mark({"be", "s1", "s1", 1});
  }
  counts.store = {{Data::ConnCur}, {Data::ConnCnt}, {Data::HttpReqCnt}};
  const auto after = registry.table("be", counts);
  REQUIRE(after != before);
  const StickTable::Hold hold = after->look("a", 6);
  REQUIRE(bool(hold));
  CHECK(hold.value(Data::ConnCnt) == 7);
  CHECK(hold.value(Data::ConnCur) == 0);
  CHECK(hold.value(Data::HttpReqCnt) == 0);
  CHECK(hold.mark()->server == "s1");
}

TEST_CASE("threads that count at one entry lose nothing") {
  config::StickTable counts = line(1000);
  counts.store = {{Data::HttpReqCnt}, {Data::ConnCur}};
  StickTable table(counts);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&table, i] {
      for (int n = 0; n < 5000; ++n) {
        Tracking tracking;
        tracking.begin(0, table, n % 2 == 0 ? "same" : format("{} {}", i, n % 500), 1).count(Data::HttpReqCnt);
        tracking.end(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const StickTable::Hold hold = table.look("same", 1);
  CHECK(hold.value(Data::HttpReqCnt) == 10000);
  CHECK(hold.value(Data::ConnCur) == 0);
  CHECK(hold.trackers() == 0);
}

TEST_CASE("a rate that began far in the future or past counts nothing") {
  for (const std::uint32_t elapsed : {1u << 31, (1u << 31) + 1, (1u << 31) - 1, 3000u}) {
    SlidingRate rate{100000u - elapsed, 5, 5};
    CHECK(rate.value(1000, 100000) == 0);
  }
}

TEST_CASE("a rate begins with its first event") {
  SlidingRate rate;
  rate.add(10000, 9000, 3);
  CHECK(rate.begun_ms == 9000);
  CHECK(rate.value(10000, 18999) == 3);
}

TEST_CASE("a walk over a large table takes as long as its entries are many") {
  config::StickTable line;
  line.key = config::StickTable::Key::Integer;
  line.size = 10000000;
  StickTable table(line);
  for (std::uint32_t i = 0; i < 100; ++i) table.make({reinterpret_cast<const char*>(&i), sizeof(i)}, 0);
  CHECK(table.places() <= 16384);
  std::set<std::string> seen;
  for (std::size_t place = 0; place < table.places(); place += 37)
    table.each(place, 37, 0, [&](const StickTable::Hold& hold) { CHECK(seen.emplace(hold.key()).second); });
  CHECK(seen.size() == 100);
}

TEST_CASE("a million addresses with two rates take at most 130 MB") {
  const auto taken = [] {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const std::size_t before = taken();
  config::StickTable line;
  line.key = config::StickTable::Key::Ip;
  line.size = 1000000;
  line.store = {{Data::ConnRate, 1, 10000}, {Data::HttpReqRate, 1, 10000}};
  StickTable table(line);
  for (std::uint32_t i = 0; i < line.size; ++i) table.make({reinterpret_cast<const char*>(&i), sizeof(i)}, 0);
  CHECK(table.size() == line.size);
  CHECK(taken() - before < 130000000);
}
