// How many of something there were in the last period, as entries of a stick table keep it, in 12 bytes: the count of
// this period, and of the one before what is left of it.
#pragma once

#include <cstdint>

namespace penstock {

struct SlidingRate {
  std::uint32_t begun_ms = 0;  // Of this period; wraps around.
  std::uint32_t current = 0, previous = 0;

  // So many in the period that begins now.
  static SlidingRate of(std::uint32_t value, std::uint64_t now_ms) {
    return {static_cast<std::uint32_t>(now_ms), value, 0};
  }

  void add(std::uint32_t period_ms, std::uint64_t now_ms, std::uint64_t amount) {
    // The first of all, on a clock that itself has not gone for a period.
    if (begun_ms == 0 && current + previous == 0) begun_ms = static_cast<std::uint32_t>(now_ms);
    const std::uint32_t age = age_at(now_ms);
    if (age >= period_ms) {
      const bool next = age - period_ms < period_ms;
      previous = next ? current : 0;
      current = 0;
      begun_ms = next ? begun_ms + period_ms : static_cast<std::uint32_t>(now_ms);
    }
    const std::uint64_t sum = current + amount;
    current = sum > UINT32_MAX ? UINT32_MAX : static_cast<std::uint32_t>(sum);
  }

  std::uint32_t value(std::uint32_t period_ms, std::uint64_t now_ms) const {
    std::uint32_t age = age_at(now_ms);
    std::uint32_t past = previous, present = current;
    if (age >= period_ms) {
      age -= period_ms;
      if (age >= period_ms) return 0;
      past = present;
      present = 0;
    }
    // A single one counts for its whole period, and does not come and go.
    if (past <= 1 && present == 0) return past;
    const std::uint64_t left = std::uint64_t{past} * (period_ms - age) / period_ms;
    const std::uint64_t sum = present + left;
    return sum > UINT32_MAX ? UINT32_MAX : static_cast<std::uint32_t>(sum);
  }

 private:
  // The clock of who looks may lag.
  std::uint32_t age_at(std::uint64_t now_ms) const {
    const auto age = static_cast<std::int32_t>(static_cast<std::uint32_t>(now_ms) - begun_ms);
    return age < 0 && current + previous != 0 && age > -60000 ? 0 : static_cast<std::uint32_t>(age);
  }
};

}  // namespace penstock
