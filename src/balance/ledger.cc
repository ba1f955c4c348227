#include "penstock/balance/ledger.h"

#include <algorithm>

namespace penstock {

void Ledger::clear() {
  for (std::size_t i = 0; i < kEntries; ++i) {
    if (i != static_cast<std::size_t>(Entry::Open)) entries_[i].clear();
  }
  times.clear();
}

void Durations::clear() {
  for (Histogram& one : by_status) one.clear();
  for (Histogram* one : {&queue, &connect, &answer, &checks}) one->clear();
}

Sums::Sums(const Copies<Ledger>& ledgers) {
  ledgers.each([this](const Ledger& ledger) {
    for (std::size_t i = 0; i < kEntries; ++i) entries[i] += ledger.entries_[i].value();
    samples += ledger.times.samples();
    for (std::size_t i = 0; i < times.size(); ++i) {
      times[i] += ledger.times.sum(i);
      longest[i] = std::max(longest[i], ledger.times.most(i));
    }
    last_arrival_ms = std::max(last_arrival_ms, ledger.last_arrival_ms_.load(std::memory_order_relaxed));
  });
}

std::uint64_t Sums::requests() const {
  std::uint64_t sum = 0;
  for (auto i = static_cast<std::size_t>(Entry::Status1xx); i <= static_cast<std::size_t>(Entry::StatusOther); ++i)
    sum += entries[i];
  return sum;
}

void Sums::join_times(const Sums& other) {
  samples += other.samples;
  for (std::size_t i = 0; i < times.size(); ++i) {
    times[i] += other.times[i];
    longest[i] = std::max(longest[i], other.longest[i]);
  }
}

}  // namespace penstock
