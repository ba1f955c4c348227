// What changes take out of sets of patterns, until nobody can look at it any more.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace penstock::rules {

// What was taken out of a set, and may still be looked at until each worker's turn has ended.
struct TakenOut {
  virtual ~TakenOut() = default;
};

class PatternBin {
 public:
  using Load = std::vector<std::unique_ptr<TakenOut>>;
  void put(std::unique_ptr<TakenOut> thing);
  Load take();
  // Called on whatever thread puts something into an empty bin. To be set before there are others.
  void on_filled(std::function<void()> call) { on_filled_ = std::move(call); }

 private:
  std::mutex lock_;
  Load load_;
  std::function<void()> on_filled_;
};

}  // namespace penstock::rules
