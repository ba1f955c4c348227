#include "penstock/balance/health_count.h"

#include <algorithm>

#include "penstock/base/format.h"

namespace penstock {
namespace {

constexpr std::uint32_t kWholeWeight = 256;
// Each step makes all workers choose anew from changed weights.
constexpr std::uint64_t kRampSteps = 32;

}  // namespace

std::string HealthCount::text(int health) const {
  if (up(health)) return format("{}/{} UP", health - rise_ + 1, fall_);
  return format("{}/{} DOWN", health, rise_);
}

std::uint64_t check_interval_ms(const CheckSpec& check, int health, bool begun) {
  const HealthCount count(check.rise, check.fall);
  std::uint64_t chosen = check.fastinter_ms;
  if (begun && health == count.best()) chosen = check.inter_ms;
  if (begun && health == 0) chosen = check.downinter_ms;
  return std::max<std::uint64_t>(1, chosen != 0 ? chosen : check.inter_ms);
}

std::uint64_t first_check_after_ms(std::uint64_t shortest_ms, std::uint64_t limit_ms, std::uint64_t position,
                                   std::uint64_t count) {
  if (limit_ms != 0) shortest_ms = std::min(shortest_ms, limit_ms);
  return count == 0 ? 0 : shortest_ms * position / count;
}

CheckLimits check_limits(const CheckSpec& check) {
  const std::uint64_t inter_ms = std::max<std::uint64_t>(1, check.inter_ms);
  if (check.answer_ms == 0) return {inter_ms, 0};
  return {check.connect_ms == 0 ? inter_ms : std::min(check.connect_ms, inter_ms), check.answer_ms};
}

std::uint32_t slow_start_ramp(std::uint64_t age_ms, std::uint64_t slowstart_ms) {
  if (age_ms >= slowstart_ms) return kWholeWeight;
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, age_ms * kWholeWeight / slowstart_ms));
}

std::uint64_t slow_start_step_ms(std::uint64_t slowstart_ms) {
  return std::max<std::uint64_t>(1, (slowstart_ms + kRampSteps - 1) / kRampSteps);
}

}  // namespace penstock
