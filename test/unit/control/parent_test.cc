#include "penstock/control/parent.h"

#include "unit/catch.h"

using namespace penstock;

TEST_CASE("a child that lived is followed at once by another") {
  CHECK(restart_wait_ms(1000, 0) == 0);
  CHECK(restart_wait_ms(1000, 10000) == 0);
}

TEST_CASE("children that die at once are waited for, longer each time, ten seconds at most") {
  CHECK(restart_wait_ms(999, 0) == 100);
  CHECK(restart_wait_ms(0, 100) == 200);
  CHECK(restart_wait_ms(0, 5000) == 10000);
  CHECK(restart_wait_ms(0, 10000) == 10000);
}
