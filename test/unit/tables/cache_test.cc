#include "penstock/tables/cache.h"

#include <string>
#include <utility>

#include "penstock/base/format.h"
#include "unit/catch.h"

using namespace penstock;

namespace {

config::Cache line(std::uint64_t size = 1 << 20) {
  config::Cache line;
  line.name = "c";
  line.size = size;
  line.object_size = size / 2;
  line.most_variants = 2;
  return line;
}

struct Rig {
  explicit Rig(std::uint64_t size = 1 << 20) : cache(line(size)) {}
  bool keep(std::string key, std::uint64_t size, caching::Variant variant = {}, std::uint64_t over_ms = 1000) {
    auto answer = std::make_unique<CachedAnswer>();
    answer->key = std::move(key);
    answer->variant = variant;
    answer->over_ms = over_ms;
    if (!cache.take_room(*answer, size)) return false;
    cache.keep(std::move(answer), now_ms);
    return true;
  }
  std::shared_ptr<const CachedAnswer> find(std::string_view key, caching::Asked asked = {}) {
    return cache.find(key, asked, now_ms);
  }
  std::uint64_t now_ms = 0;
  Cache cache;
};

}  // namespace

TEST_CASE("what is kept is found until it is over, and forgotten with its key") {
  Rig rig;
  REQUIRE(rig.keep("h /a", 100));
  CHECK(rig.find("h /a") != nullptr);
  CHECK(rig.find("h /b") == nullptr);
  rig.now_ms = 999;
  CHECK(rig.find("h /a") != nullptr);
  rig.now_ms = 1000;
  CHECK(rig.find("h /a") == nullptr);
  CHECK(rig.cache.room() == 1 << 20);
  REQUIRE(rig.keep("h /a", 100, {}, 2000));
  rig.cache.forget("h /a");
  CHECK(rig.find("h /a") == nullptr);
}

TEST_CASE("all together take no more than the section says, and the least recently used goes first") {
  Rig rig(100000);
  for (int i = 0; i < 100; ++i) {
    rig.now_ms = static_cast<std::uint64_t>(i);
    REQUIRE(rig.keep(format("h /{}", i), 5000));
    CHECK(rig.find("h /0") != nullptr);
  }
  CHECK(rig.find("h /1") == nullptr);
  CHECK(rig.find("h /99") != nullptr);
  std::size_t count = 0;
  for (std::size_t place = 0; place < rig.cache.places(); ++place) rig.cache.each(place, [&](const auto&) { ++count; });
  CHECK(count >= 10);
  CHECK(count <= 20);
}

TEST_CASE("what somebody reads stays his, counts, and makes no room") {
  Rig rig(100000);
  REQUIRE(rig.keep("h /a", 60000));
  auto read = rig.find("h /a");
  CHECK_FALSE(rig.keep("h /b", 60000));
  rig.cache.forget("h /a");
  CHECK(read->key == "h /a");
  CHECK_FALSE(rig.keep("h /b", 60000));
  read.reset();
  CHECK(rig.keep("h /b", 60000));
}

TEST_CASE("answers that vary are found by who is like the one who asked first, so many at most") {
  Rig rig;
  const auto of = [](std::uint64_t referer) { return caching::Variant{caching::kVaryReferer, 0, referer}; };
  REQUIRE(rig.keep("h /a", 100, of(1)));
  REQUIRE(rig.keep("h /a", 100, of(2)));
  REQUIRE(rig.keep("h /a", 100, of(3)));
  CHECK(rig.find("h /a", {0, 1}) != nullptr);
  CHECK(rig.find("h /a", {0, 2}) != nullptr);
  CHECK(rig.find("h /a", {0, 3}) == nullptr);
  const caching::Variant coded{caching::kVaryCoding, 2, 0};
  rig.cache.forget("h /a");
  REQUIRE(rig.keep("h /a", 100, coded));
  CHECK(rig.find("h /a", {3, 0}) != nullptr);
  CHECK(rig.find("h /a", {1, 0}) == nullptr);
  // For all: those before are never asked for again.
  REQUIRE(rig.keep("h /a", 100));
  CHECK(rig.find("h /a", {1, 0}) != nullptr);
}

TEST_CASE("a smaller size makes room at once") {
  Rig rig;
  for (int i = 0; i < 50; ++i) {
    rig.now_ms = static_cast<std::uint64_t>(i);
    REQUIRE(rig.keep(format("h /{}", i), 10000));
  }
  rig.cache.set_limits(line(100000));
  CHECK(rig.cache.room() == 100000);
  CHECK(rig.find("h /0") == nullptr);
  CHECK(rig.find("h /49") != nullptr);
}
