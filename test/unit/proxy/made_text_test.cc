#include "proxy/made_text.h"

#include "unit/catch.h"

using namespace penstock;

TEST_CASE("a text that is taken as it is made comes whole, and is never there as a whole") {
  std::string made, all, came;
  std::size_t taken = 0, most_at_once = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string more = std::to_string(i) + std::string(700, 'x');
    made += more;
    all += more;
    while (made.size() - taken >= 1000) came += take_made(made, taken, 1000).view();
    most_at_once = std::max(most_at_once, made.capacity());
  }
  came += take_made(made, taken, 1000).view();
  CHECK(came == all);
  CHECK(made.empty());
  CHECK(most_at_once < 8000);
}
