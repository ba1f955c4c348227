#include "penstock/rules/pattern_set.h"

#include <atomic>
#include <thread>

#include "penstock/base/format.h"
#include "rules/pattern_index.h"
#include "unit/catch.h"

namespace penstock::rules {
namespace {

struct Set {
  explicit Set(std::string_view content, PatternWay way) : way(way) {
    set.load(content);
    std::string error;
    index = set.asked_by(way, error);
    REQUIRE(error == "");
  }
  // The key that is found; "-": none.
  std::string find(std::string_view text) const {
    Arena arena;
    Subject subject(arena);
    Value value;
    value.set_text(text);
    if (way.match == Match::Ip) {
      Ip ip;
      REQUIRE(Ip::parse(text, ip));
      value.set_ip(ip);
    }
    if (way.match == Match::Int) value.set_integer(std::stoll(std::string(text)));
    const PatternItem* item = index->find(subject, value);
    return item == nullptr ? "-" : item->key;
  }

  PatternWay way;
  std::shared_ptr<PatternBin> bin = std::make_shared<PatternBin>();
  PatternSet set{"file", false, bin};
  const PatternIndex* index = nullptr;
};

std::string numbered(std::string_view before, int count, std::string_view behind = "") {
  std::string text;
  for (int i = 0; i < count; ++i) append_format(text, "{}{}{}\n", before, i, behind);
  return text;
}

}  // namespace

TEST_CASE("the longest beginning is found among few and among many") {
  for (const int others : {0, 5, 2000}) {
    Set set("/a\n/ab\n/abcd\n" + numbered("/other/", others), {Match::Beg});
    CHECK(set.find("/abc") == "/ab");
    CHECK(set.find("/abcde") == "/abcd");
    CHECK(set.find("/x") == "-");
    CHECK(set.find("/") == "-");
  }
  const std::string longest(400, 'x');
  Set set(longest + "\n" + longest + "y\n" + numbered("/other/", 100), {Match::Beg});
  CHECK(set.find(longest + "yz") == longest + "y");
  CHECK(set.find(longest.substr(1)) == "-");
}

TEST_CASE("the narrowest network is found among few and among many, across families") {
  for (const int others : {0, 5, 2000}) {
    Set set(
        "10.0.0.0/8\n10.1.0.0/16\n10.1.1.1\n2001:db8::/32\n::ffff:1.2.3.0/120\n" + numbered("192.168.1.", others % 200),
        {Match::Ip});
    for (int i = 0; i < others; ++i) REQUIRE(set.set.add(format("172.{}.{}.0/24", i / 200, i % 200), "").error == "");
    CHECK(set.find("10.1.1.1") == "10.1.1.1");
    CHECK(set.find("10.1.1.2") == "10.1.0.0/16");
    CHECK(set.find("10.9.1.2") == "10.0.0.0/8");
    CHECK(set.find("11.0.0.1") == "-");
    CHECK(set.find("2001:db8::5") == "2001:db8::/32");
    CHECK(set.find("::ffff:10.1.1.1") == "10.1.1.1");
    CHECK(set.find("2002:a01:101::") == "10.1.1.1");
    CHECK(set.find("1.2.3.4") == "::ffff:1.2.3.0/120");
  }
}

TEST_CASE("the first of those compared one by one is found, however many there are and come") {
  Set set(numbered("x", 100), {Match::Sub});
  CHECK(set.find("..x7..") == "x7");
  CHECK(set.find("..x77..") == "x7");
  for (int i = 0; i < 300; ++i) REQUIRE(set.set.add(format("later{}.", i), "").error == "");
  CHECK(set.find("later250.") == "later250.");
  CHECK(set.set.remove("x7").entries == 1);
  CHECK(set.find("..x77..") == "x77");
  CHECK(set.set.remove("later250.").entries == 1);
  CHECK(set.find("later250.") == "-");
  Set ranges("5\n10:20\n15\n", {Match::Int});
  CHECK(ranges.find("15") == "10:20");
  CHECK(ranges.find("4") == "-");
}

TEST_CASE("texts come and go among many, with and without case") {
  for (const bool blind : {false, true}) {
    Set set("", {Match::Str, blind});
    for (int i = 0; i < 5000; ++i) REQUIRE(set.set.add(format("Name{}", i), "").error == "");
    for (int i = 0; i < 5000; i += 7) {
      CHECK(set.find(format("Name{}", i)) == format("Name{}", i));
      CHECK((set.find(format("nAME{}", i)) != "-") == blind);
      CHECK(set.set.remove(format("Name{}", i)).entries == 1);
      CHECK(set.find(format("Name{}", i)) == "-");
    }
    CHECK(set.set.count() == 5000 - 715);
    set.set.clear();
    CHECK(set.find("Name1") == "-");
    CHECK(set.set.count() == 0);
  }
}

TEST_CASE("an entry that is none of its kind is refused and changes nothing") {
  Set set("5\n", {Match::Int});
  CHECK(set.set.add("x", "").error != "");
  CHECK(set.set.count() == 1);
  Set map("1.2.3.4\n", {Match::Ip});
  CHECK(map.set.add("1.2.3.4.5", "").error != "");
  CHECK(map.set.add("2.2.2.2", "").error == "");
  CHECK_FALSE(map.set.changed() == false);
}

TEST_CASE("a version is matched when it is committed, and not before") {
  Set set("old\n", {Match::Str});
  CHECK(set.set.prepare() == 1);
  CHECK(set.set.add("new", "", 1).error == "");
  CHECK(set.find("new") == "-");
  CHECK(set.find("old") == "old");
  CHECK_FALSE(set.set.commit(2));
  CHECK(set.set.commit(1));
  CHECK(set.find("new") == "new");
  CHECK(set.find("old") == "-");
  CHECK(set.set.count() == 1);
  CHECK(set.set.remove("new").entries == 1);
}

TEST_CASE("who looks while a set changes finds what has been there all along") {
  Set set("stays\n", {Match::Str});
  std::atomic<bool> over{false};
  std::atomic<int> missed{0};
  std::thread reader([&] {
    while (!over) {
      if (set.find("stays") != "stays") ++missed;
    }
  });
  for (int i = 0; i < 3000; ++i) {
    REQUIRE(set.set.add(format("n{}", i), "").error == "");
    if (i % 3 == 0) CHECK(set.set.remove(format("n{}", i)).entries == 1);
  }
  over = true;
  reader.join();
  CHECK(missed == 0);
  CHECK_FALSE(set.bin->take().empty());
}

}  // namespace penstock::rules
