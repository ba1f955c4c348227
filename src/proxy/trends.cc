#include "penstock/proxy/trends.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

namespace penstock {
namespace {

// The processor's time of all threads.
std::uint64_t busy_us() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto microseconds = [](const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(time.tv_usec);
  };
  return microseconds(used.ru_utime) + microseconds(used.ru_stime);
}

std::uint64_t total_of(const Copies<Ledger>& ledgers, Entry entry) {
  std::uint64_t total = 0;
  ledgers.each([&](const Ledger& ledger) { total += ledger.of(entry); });
  return total;
}

void add_times(const Histogram& times, BackendState::Passed& to) {
  to.time_ms += times.sum_ms();
  for (std::size_t place = 0; place < Histogram::kPlaces; ++place) to.timed += times.count(place);
}

// All up to now.
BackendState::Passed passed_of(const BackendPlan& plan) {
  const BackendState& state = *plan.balance.state;
  const bool is_http = plan.mode == config::Mode::Http;
  BackendState::Passed passed;
  passed.requests = total_of(state.ledgers, Entry::Arrivals);
  passed.failures = total_of(state.ledgers, is_http ? Entry::Status5xx : Entry::FailedConnects);
  state.durations.each([&](const Durations& durations) {
    if (!is_http) return add_times(durations.connect, passed);
    for (const Histogram& times : durations.by_status) add_times(times, passed);
  });
  return passed;
}

// `clear counters` takes away.
std::uint64_t more_than(std::uint64_t before, std::uint64_t now) { return now >= before ? now - before : now; }

void note(const BackendPlan& plan) {
  BackendState& state = *plan.balance.state;
  if (!state.ledgers.any()) return;
  const BackendState::Passed now = passed_of(plan), before = std::exchange(state.passed, now);
  const std::uint64_t timed = more_than(before.timed, now.timed);
  History<4>::Point point{};
  point[Trends::Requests] = static_cast<std::uint32_t>(more_than(before.requests, now.requests));
  point[Trends::AtOnce] = state.in_use.load(std::memory_order_relaxed);
  point[Trends::Failures] = static_cast<std::uint32_t>(more_than(before.failures, now.failures));
  if (timed != 0) point[Trends::TimeMs] = static_cast<std::uint32_t>(more_than(before.time_ms, now.time_ms) / timed);
  state.history.add(point);
}

}  // namespace

void Trends::look(const Snapshot& snapshot, ProcessState& process, std::uint64_t now_ms) {
  if (looked_at_ms_ != 0 && now_ms > looked_at_ms_) look_at_process(snapshot, process, now_ms - looked_at_ms_);
  looked_at_ms_ = now_ms;
  if (noted_at_ms_ == 0) noted_at_ms_ = now_ms;
  if (now_ms < noted_at_ms_ + History<4>::kStepMs) return;
  noted_at_ms_ += (now_ms - noted_at_ms_) / History<4>::kStepMs * History<4>::kStepMs;
  for (const auto& plan : snapshot.backends) note(*plan);
}

void Trends::look_at_process(const Snapshot& snapshot, ProcessState& process, std::uint64_t passed_ms) {
  std::uint64_t bytes_out = 0;
  for (const auto& plan : snapshot.frontends) bytes_out += total_of(plan->state->ledgers, Entry::BytesOut);
  const std::uint64_t bytes = more_than(std::exchange(bytes_out_, bytes_out), bytes_out);
  process.bytes_out_a_second.store(bytes * 1000 / passed_ms, std::memory_order_relaxed);
  const std::uint64_t busy = busy_us(), spent = busy - std::exchange(busy_us_, busy);
  const std::uint64_t percent = spent / 10 / (passed_ms * process.workers);
  process.idle_percent.store(static_cast<std::uint32_t>(100 - std::min<std::uint64_t>(100, percent)),
                             std::memory_order_relaxed);
}

}  // namespace penstock
