#include "penstock/balance/health_count.h"

#include <vector>

#include "unit/catch.h"

using namespace penstock;

TEST_CASE("a new server is UP and one failure takes it DOWN") {
  const HealthCount count(2, 3);
  const int health = count.initial();
  CHECK(count.up(health));
  CHECK(count.text(health) == "1/3 UP");
  CHECK_FALSE(count.up(count.after_failure(health)));
  CHECK(count.text(count.after_failure(health)) == "0/2 DOWN");
}

TEST_CASE("a new server's first success makes it as healthy as can be") {
  const HealthCount count(2, 3);
  CHECK(count.after_success(count.initial()) == 4);
  CHECK(count.text(4) == "3/3 UP");
}

TEST_CASE("a healthy server goes DOWN with the fall-th failure in a row") {
  const HealthCount count(2, 3);
  int health = count.best();
  std::vector<std::string> course;
  for (int i = 0; i < 4; ++i) course.push_back(count.text(health = count.after_failure(health)));
  CHECK(course == std::vector<std::string>{"2/3 UP", "1/3 UP", "0/2 DOWN", "0/2 DOWN"});
}

TEST_CASE("a success between failures starts the count to fall anew") {
  const HealthCount count(2, 3);
  int health = count.after_failure(count.after_failure(count.best()));
  health = count.after_success(health);
  CHECK(health == count.best());
}

TEST_CASE("a server comes UP with the rise-th success in a row and needs fall failures again") {
  const HealthCount count(3, 2);
  int health = 0;
  std::vector<std::string> course;
  for (int i = 0; i < 3; ++i) course.push_back(count.text(health = count.after_success(health)));
  CHECK(course == std::vector<std::string>{"1/3 DOWN", "2/3 DOWN", "2/2 UP"});
  CHECK(count.up(count.after_failure(health)));
}

TEST_CASE("a failure between successes starts the count to rise anew") {
  const HealthCount count(3, 2);
  CHECK(count.after_failure(count.after_success(count.after_success(0))) == 0);
}

TEST_CASE("with rise 1 and fall 1 every result decides") {
  const HealthCount count(1, 1);
  CHECK(count.after_failure(count.best()) == 0);
  CHECK(count.up(count.after_success(0)));
}

TEST_CASE("a count taken over by other values of rise and fall keeps the server's side") {
  const HealthCount count(5, 1);
  CHECK(count.up(count.adopted(4, true)));
  CHECK(count.adopted(4, true) == count.best());
  CHECK_FALSE(HealthCount(1, 3).up(HealthCount(1, 3).adopted(1, false)));
  CHECK(HealthCount(2, 3).adopted(3, true) == 3);
  CHECK(HealthCount(2, 3).adopted(1, false) == 1);
}

TEST_CASE("the interval is fastinter between the ends, downinter at the bottom, inter at the top") {
  CheckSpec check;
  check.inter_ms = 10000;
  check.fastinter_ms = 2000;
  check.downinter_ms = 5000;
  check.rise = 2;
  check.fall = 3;
  CHECK(check_interval_ms(check, 4, true) == 10000);
  CHECK(check_interval_ms(check, 3, true) == 2000);
  CHECK(check_interval_ms(check, 2, true) == 2000);
  CHECK(check_interval_ms(check, 1, true) == 2000);
  CHECK(check_interval_ms(check, 0, true) == 5000);
}

TEST_CASE("a server not checked yet has the fast interval, whatever its count") {
  CheckSpec check;
  check.inter_ms = 10000;
  check.fastinter_ms = 2000;
  check.rise = check.fall = 1;
  CHECK(check_interval_ms(check, 1, false) == 2000);
  CHECK(check_interval_ms(check, 1, true) == 10000);
}

TEST_CASE("intervals not given are inter") {
  CheckSpec check;
  check.inter_ms = 7000;
  CHECK(check_interval_ms(check, 0, true) == 7000);
  CHECK(check_interval_ms(check, 3, true) == 7000);
}

TEST_CASE("first checks come evenly over the shortest interval, or a shorter limit") {
  CHECK(first_check_after_ms(2000, 0, 0, 4) == 0);
  CHECK(first_check_after_ms(2000, 0, 3, 4) == 1500);
  CHECK(first_check_after_ms(60000, 1000, 3, 4) == 750);
  CHECK(first_check_after_ms(2000, 5000, 1, 2) == 1000);
}

TEST_CASE("without timeout check, inter bounds the whole; with it, connecting has a bound of its own") {
  CheckSpec check;
  check.inter_ms = 2000;
  check.connect_ms = 5000;
  CHECK(check_limits(check).connect_ms == 2000);
  CHECK(check_limits(check).answer_ms == 0);
  check.answer_ms = 10000;
  CHECK(check_limits(check).connect_ms == 2000);
  CHECK(check_limits(check).answer_ms == 10000);
  check.connect_ms = 500;
  CHECK(check_limits(check).connect_ms == 500);
  check.connect_ms = 0;
  CHECK(check_limits(check).connect_ms == 2000);
}

TEST_CASE("a slow start grows from next to nothing to the whole, in steps") {
  CHECK(slow_start_ramp(0, 30000) == 1);
  CHECK(slow_start_ramp(15000, 30000) == 128);
  CHECK(slow_start_ramp(29999, 30000) == 255);
  CHECK(slow_start_ramp(30000, 30000) == 256);
  CHECK(slow_start_ramp(0, 0) == 256);
  CHECK(slow_start_step_ms(32000) == 1000);
  CHECK(slow_start_step_ms(1) == 1);
}
