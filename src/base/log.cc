#include "penstock/base/log.h"

namespace penstock {

std::string_view level_name(Level level) {
  constexpr std::string_view kNames[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};
  return kNames[static_cast<int>(level)];
}

bool AtMostEvery::due(std::int64_t now_us) {
  std::int64_t last = last_us_.load(std::memory_order_relaxed);
  // Threads read the clock one after another: a little behind `last` is not a clock set back.
  if (now_us - last < interval_us_ && last - now_us < interval_us_) return false;
  return last_us_.compare_exchange_strong(last, now_us, std::memory_order_relaxed);
}

bool AtMostEvery::due(std::int64_t now_us, std::uint32_t& passed_over) {
  if (due(now_us)) return passed_over = passed_over_.exchange(0, std::memory_order_relaxed), true;
  passed_over_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

}  // namespace penstock
