#include "penstock/rules/pattern_bin.h"

#include <utility>

namespace penstock::rules {

void PatternBin::put(std::unique_ptr<TakenOut> thing) {
  bool first = false;
  {
    const std::lock_guard<std::mutex> held(lock_);
    first = load_.empty();
    load_.push_back(std::move(thing));
  }
  if (first && on_filled_) on_filled_();
}

PatternBin::Load PatternBin::take() {
  const std::lock_guard<std::mutex> held(lock_);
  return std::exchange(load_, {});
}

}  // namespace penstock::rules
