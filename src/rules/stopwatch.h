// How long something has taken, asked often and answered rarely: the clock is read at every 16th
// question, from the first 16th on. Being interrupted by other threads does not count.
#pragma once

#include <time.h>

#include <cstdint>

namespace penstock::rules {

class Stopwatch {
 public:
  explicit Stopwatch(std::int64_t limit_ns) : limit_ns_(limit_ns) {}

  bool over() {
    if (++asked_ % kEvery != 0) return false;
    const std::int64_t now = read(CLOCK_MONOTONIC);
    if (asked_ == kEvery) {
      started_ = now;
      started_cpu_ = read(CLOCK_THREAD_CPUTIME_ID);
      return false;
    }
    // The first clock costs nothing much, the second is right.
    return now - started_ > limit_ns_ && read(CLOCK_THREAD_CPUTIME_ID) - started_cpu_ > limit_ns_;
  }

 private:
  static constexpr std::uint32_t kEvery = 16;
  static std::int64_t read(clockid_t clock) {
    timespec now;
    clock_gettime(clock, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }

  std::int64_t limit_ns_;
  std::uint32_t asked_ = 0;
  std::int64_t started_ = 0, started_cpu_ = 0;
};

}  // namespace penstock::rules
