#include "penstock/base/histogram.h"

#include <memory>

#include "penstock/base/history.h"
#include "unit/catch.h"

using namespace penstock;

TEST_CASE("a time goes to the first place that it does not exceed") {
  Histogram histogram;
  for (const std::int64_t ms : {-1, 0, 1, 2, 3, 4, 5}) histogram.add(ms);
  CHECK(histogram.count(0) == 3);
  CHECK(histogram.count(1) == 1);
  CHECK(histogram.count(2) == 2);
  CHECK(histogram.count(3) == 1);
  CHECK(histogram.sum_ms() == 15);
}

TEST_CASE("what takes longer than all places goes to the last one") {
  Histogram histogram;
  const std::int64_t longest = static_cast<std::int64_t>(Histogram::limit_ms(Histogram::kPlaces - 2));
  histogram.add(longest);
  histogram.add(longest + 1);
  histogram.add(INT64_MAX);
  CHECK(histogram.count(Histogram::kPlaces - 2) == 1);
  CHECK(histogram.count(Histogram::kPlaces - 1) == 2);
}

TEST_CASE("a history keeps the last hour, the oldest first") {
  const auto history = std::make_unique<History<4>>();
  CHECK(history->points().empty());
  for (std::uint32_t i = 0; i < 730; ++i) history->add({i, 0, 0, i * 2});
  const auto points = history->points();
  REQUIRE(points.size() == 720);
  CHECK(points.front() == History<4>::Point{10, 0, 0, 20});
  CHECK(points.back() == History<4>::Point{729, 0, 0, 1458});
}
