#include "pace.h"

#include <algorithm>

namespace penstock::pace {
namespace {

// TLS connections end wherever they like, those to servers too: nobody tells.
constexpr std::uint64_t kLookAgainMs = 50;

std::uint64_t wait_for(const Rate& rate, std::uint32_t limit, std::int64_t now_ms) {
  if (limit == 0) return 0;
  const std::int64_t now = rate.per_second(now_ms);
  if (now < limit) return 0;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(999 / now, 1));
}

std::uint32_t value_of(const std::atomic<std::uint32_t>& limit) { return limit.load(std::memory_order_relaxed); }

}  // namespace

std::uint64_t wait_ms(const Kit& kit, const FrontendPlan& frontend, const BindSpec& bind) {
  const ProcessState& process = kit.process;
  const Limits& limits = process.limits;
  const auto now_ms = static_cast<std::int64_t>(kit.loop.now());
  std::uint64_t longest = wait_for(process.accepted, value_of(limits.connections), now_ms);
  longest = std::max(longest, wait_for(process.welcomed, value_of(limits.arrivals), now_ms));
  longest = std::max(longest, wait_for(frontend.state->welcomed, frontend.session_rate, now_ms));
  if (bind.tls == nullptr) return longest;
  longest = std::max(longest, wait_for(process.tls_welcomed, value_of(limits.tls_arrivals), now_ms));
  const std::uint32_t most = value_of(limits.tls_connections);
  const bool is_full = most != 0 && process.tls.now.load(std::memory_order_relaxed) >= most;
  return is_full ? std::max(longest, kLookAgainMs) : longest;
}

void welcomed(Kit& kit, const FrontendPlan& frontend, const BindSpec& bind) {
  ProcessState& process = kit.process;
  const auto now_ms = static_cast<std::int64_t>(kit.loop.now());
  if (value_of(process.limits.arrivals) != 0) process.welcomed.count(now_ms);
  if (frontend.session_rate != 0) frontend.state->welcomed.count(now_ms);
  if (bind.tls != nullptr && value_of(process.limits.tls_arrivals) != 0) process.tls_welcomed.count(now_ms);
}

}  // namespace penstock::pace
