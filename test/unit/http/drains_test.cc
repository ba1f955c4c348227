// Who reads for nobody, and how many may.
#include "penstock/http/drains.h"

#include <vector>

#include "unit/catch.h"

using namespace penstock;

namespace {

class Reader final : public Drain {
 public:
  bool cut = false;

 private:
  void cut_off() override { cut = true; }
};

}  // namespace

TEST_CASE("beyond the most that may read for nobody the one that began first is cut off") {
  Drains drains;
  drains.most = 2;
  Reader first, second, third, fourth;
  drains.add(first);
  {
    Reader over;
    drains.add(over);
  }
  drains.add(second);
  CHECK_FALSE(first.cut);
  drains.add(third);
  CHECK(first.cut);
  CHECK_FALSE(second.cut);
  drains.add(second);  // Begins anew: now the third is the oldest.
  drains.add(fourth);
  CHECK(third.cut);
  CHECK_FALSE(second.cut);
}

TEST_CASE("a whole process lets a thousand clients be read from for nobody") { CHECK(Drains().most == 1000); }
