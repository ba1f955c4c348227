#include "penstock/tables/journal.h"

#include <string>
#include <vector>

#include "penstock/base/format.h"
#include "unit/catch.h"

using namespace penstock;
using Data = config::StickData;

namespace {

config::StickTable line(std::uint64_t size, std::uint64_t expire_ms = 0) {
  config::StickTable table;
  table.key = config::StickTable::Key::String;
  table.length = 31;
  table.size = size;
  table.expire_ms = expire_ms;
  table.store = {{Data::Gpc0}, {Data::ConnRate, 1, 1000}};
  return table;
}

struct Rig {
  explicit Rig(std::uint64_t size = 100, std::uint64_t expire_ms = 0)
      : table(std::make_shared<StickTable>(line(size, expire_ms))), journal(table) {}
  void count(std::string_view key) { table->make(key, 0).count(Data::Gpc0); }
  // Keys behind `number`, in order.
  std::vector<std::string> keys(std::uint64_t& number) {
    journal.sweep();
    std::vector<std::string> out;
    while (const auto change = journal.next(number)) {
      number = change->number;
      if (const StickTable::Hold hold = table->named(change->entry, 0)) out.emplace_back(hold.key());
    }
    return out;
  }
  std::shared_ptr<StickTable> table;
  Journal journal;
};

using Keys = std::vector<std::string>;

}  // namespace

TEST_CASE("each change is told once to who has seen those before it") {
  Rig rig;
  std::uint64_t one = 0, other = 0;
  rig.count("a");
  CHECK(rig.keys(one) == Keys{"a"});
  rig.count("b");
  CHECK(rig.keys(one) == Keys{"b"});
  CHECK(rig.keys(one).empty());
  rig.count("a");
  CHECK(rig.keys(one) == Keys{"a"});
  CHECK(rig.keys(other) == Keys{"b", "a"});
}

TEST_CASE("a key that changes for ever leaves no trail") {
  Rig rig;
  std::uint64_t number = 0;
  for (int i = 0; i < 10000; ++i) {
    rig.count("a");
    rig.journal.sweep();
  }
  CHECK(rig.keys(number) == Keys{"a"});
  CHECK(number == 10000);
}

TEST_CASE("what others tell is no change, nor is a look") {
  Rig rig;
  std::uint64_t number = 0;
  {
    StickTable::Hold hold = rig.table->receive("a", 0);
    hold.set(Data::Gpc0, 3);
    hold.set_rate(Data::ConnRate, {0, 2, 0}, 0);
    CHECK(hold.value(Data::ConnRate) == 2);
  }
  CHECK(rig.table->look("a", 0).value(Data::Gpc0) == 3);
  CHECK(rig.keys(number).empty());
  CHECK(rig.table->find("a", 0));
  CHECK(rig.keys(number) == Keys{"a"});
}

TEST_CASE("an entry that is forgotten is not told, nor taken for the one that comes in its place") {
  Rig rig(1);
  std::uint64_t number = 0;
  rig.count("a");
  rig.journal.sweep();
  CHECK(rig.table->forget("a"));
  CHECK(rig.keys(number).empty());
  rig.count("b");
  CHECK(rig.keys(number) == Keys{"b"});
}

TEST_CASE("an entry that others know of lives as long as they say") {
  Rig rig(10, 1000);
  rig.table->receive("a", 5000).set_left_ms(300);
  CHECK(rig.table->look("a", 5299));
  CHECK(!rig.table->look("a", 5300));
}

TEST_CASE("servers that others know of are bounded") {
  Rig rig(100000);
  for (std::uint32_t i = 1; i < 6000; ++i) rig.table->receive("a", 0).set_foreign_mark({"", "", format("s{}", i), i});
  CHECK(rig.table->look("a", 0).mark()->id == 4096);
}
