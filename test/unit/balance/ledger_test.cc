#include "penstock/balance/ledger.h"

#include "unit/catch.h"

using namespace penstock;

TEST_CASE("a rate of requests is that of all workers") {
  Copies<Ledger> ledgers;
  RequestRate rate(ledgers);
  for (int i = 0; i < 5; ++i) rate.count(ledgers.of(0), 1000);
  for (int i = 0; i < 3; ++i) rate.count(ledgers.of(7), 1900);
  CHECK(rate.per_second(1999) == 8);
  CHECK(rate.most() == 8);
  rate.count(ledgers.of(0), 2500);
  CHECK(rate.per_second(2500) == 1 + 8 / 2);
  CHECK(rate.most() == 8);
  CHECK(rate.per_second(9000) == 0);
}

TEST_CASE("the most requests within a second are known however long a worker was idle since") {
  Copies<Ledger> ledgers;
  RequestRate rate(ledgers);
  for (int i = 0; i < 4; ++i) rate.count(ledgers.of(0), 1000);
  rate.count(ledgers.of(1), 1500);
  rate.count(ledgers.of(1), 2000);
  rate.count(ledgers.of(1), 5000);
  rate.count(ledgers.of(0), 9000);
  CHECK(rate.most() == 5);
}

TEST_CASE("a most that was cleared counts what comes from then on, this second included") {
  Copies<Ledger> ledgers;
  RequestRate rate(ledgers);
  CHECK(rate.most() == 0);
  rate.clear_most();
  for (int i = 0; i < 5; ++i) rate.count(ledgers.of(0), 1000);
  rate.clear_most();
  CHECK(rate.most() == 0);
  CHECK(rate.per_second(1500) == 5);
  rate.count(ledgers.of(0), 1600);
  CHECK(rate.most() == 6);
  rate.clear_most();
  rate.count(ledgers.of(0), 3000);
  CHECK(rate.most() == 1);
}
