#include "penstock/base/count.h"

#include "unit/catch.h"

using namespace penstock;

TEST_CASE("a mean is that of all while they are few, then follows") {
  Means<2> means;
  means.add({10, -1});
  means.add({30, 7});
  CHECK(means.sum(0) / means.samples() == 20);
  CHECK(means.most(0) == 30);
  CHECK(means.sum(1) == 7);
  for (int i = 0; i < 10000; ++i) means.add({100, 0});
  CHECK(means.samples() == Means<2>::kWindow);
  CHECK(means.sum(0) / means.samples() == 100);
  means.clear_most();
  CHECK(means.most(0) == 0);
}

TEST_CASE("a rate keeps the most there were within a second") {
  Rate rate;
  for (int i = 0; i < 5; ++i) rate.count(1000);
  rate.count(2500);
  CHECK(rate.most() == 5);
  CHECK(rate.per_second(2500) == 1 + 5 / 2);
  CHECK(rate.per_second(9000) == 0);
  rate.clear_most();
  CHECK(rate.most() == 0);
}

TEST_CASE("copies are made for workers that count, and added") {
  Copies<Count> copies;
  CHECK(copies.find(3) == nullptr);
  copies.of(3).add(2);
  copies.of(63).add();
  CHECK(&copies.of(3) == copies.find(3));
  std::uint64_t sum = 0;
  copies.each([&](const Count& count) { sum += count.value(); });
  CHECK(sum == 3);
}
