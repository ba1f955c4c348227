#include "penstock/balance/stick_table.h"

#include <string>

#include "penstock/base/format.h"
#include "unit/catch.h"

using namespace penstock;

namespace {

config::StickTable line(std::uint64_t size, std::uint64_t expire_ms = 0, bool no_purge = false) {
  config::StickTable table;
  table.size = size;
  table.expire_ms = expire_ms;
  table.no_purge = no_purge;
  return table;
}

struct Rig {
  explicit Rig(const config::StickTable& line) { table.set_limits(line); }
  void store(std::string_view key, const Server& server, std::uint64_t now_ms = 0) {
    table.store(key, server, 1, now_ms);
  }
  std::string find(std::string_view key, std::uint64_t now_ms = 0) {
    const StickTable::Mark* mark = table.find(key, now_ms);
    return mark == nullptr ? "" : mark->server;
  }
  StickTable table;
  Server s1{"be", "s1"}, s2{"be", "s2"};
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
  for (int i = 0; i < 10; ++i) rig.store(format("new {}", i), rig.s1, 200);
  CHECK(rig.table.size() == 10);
}

TEST_CASE("a clock that lags makes no entry older or younger") {
  Rig rig(line(10, 100));
  rig.store("a", rig.s1, 1000);
  CHECK(rig.find("a", 990) == "s1");
  CHECK(rig.find("a", 1099) == "s1");
}

TEST_CASE("a full table forgets what was unused for longest") {
  Rig rig(line(3));
  for (const char* key : {"a", "b", "c"}) rig.store(key, rig.s1);
  CHECK(rig.find("a") == "s1");
  rig.store("d", rig.s2);
  CHECK(rig.find("b") == "");
  CHECK(rig.find("a") + rig.find("c") + rig.find("d") == "s1s1s2");
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
  text.length = 32;
  text.key = config::StickTable::Key::Binary;
  CHECK(registry.table("be", text) != first);
  registry.sweep();
  text.key = config::StickTable::Key::String;
  CHECK(registry.table("be", text) == first);
}
