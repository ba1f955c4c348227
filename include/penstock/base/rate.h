// How many of something there were in the last second, for all threads: the count of this second, and of the one
// before what is left of it. Two that turn the second at once may lose a few.
#pragma once

#include <atomic>
#include <cstdint>

namespace penstock {

class Rate {
 public:
  void count(std::int64_t now_ms) {
    turn(now_ms / kSecond);
    current_.fetch_add(1, std::memory_order_relaxed);
  }
  std::int64_t per_second(std::int64_t now_ms) const {
    const std::int64_t age = now_ms / kSecond - second_.load(std::memory_order_relaxed);
    const std::int64_t current = current_.load(std::memory_order_relaxed);
    const std::int64_t left = kSecond - now_ms % kSecond;
    if (age == 0) return current + previous_.load(std::memory_order_relaxed) * left / kSecond;
    return age == 1 ? current * left / kSecond : 0;
  }

 private:
  static constexpr std::int64_t kSecond = 1000;
  void turn(std::int64_t second) {
    std::int64_t before = second_.load(std::memory_order_relaxed);
    if (before >= second || !second_.compare_exchange_strong(before, second, std::memory_order_relaxed)) return;
    const std::uint32_t ended = current_.exchange(0, std::memory_order_relaxed);
    previous_.store(second - before == 1 ? ended : 0, std::memory_order_relaxed);
  }

  std::atomic<std::int64_t> second_{0};
  std::atomic<std::uint32_t> current_{0}, previous_{0};
};

}  // namespace penstock
