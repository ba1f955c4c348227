#include "penstock/balance/ledger.h"

#include <algorithm>

namespace penstock {

void Pace::turn(std::int64_t now_ms) {
  const std::int64_t now = now_ms / 1000;
  const std::int64_t before = second();
  previous_.store(now - before == 1 ? current_.load(std::memory_order_relaxed) : 0, std::memory_order_relaxed);
  current_.store(0, std::memory_order_relaxed);
  second_.store(now, std::memory_order_relaxed);
  end_ms_ = (now + 1) * 1000;
}

std::uint32_t Pace::in(std::int64_t second) const {
  const std::int64_t last = this->second();
  if (last == second) return current_.load(std::memory_order_relaxed);
  return last == second + 1 ? previous_.load(std::memory_order_relaxed) : 0;
}

std::uint32_t RequestRate::in(std::int64_t second) const {
  std::uint32_t sum = 0;
  ledgers_.each([&](const Ledger& ledger) { sum += ledger.pace.in(second); });
  return sum;
}

std::int64_t RequestRate::newest() const {
  std::int64_t newest = -1;
  ledgers_.each([&](const Ledger& ledger) { newest = std::max(newest, ledger.pace.second()); });
  return newest;
}

std::uint32_t RequestRate::since_cleared(std::int64_t second) const {
  const std::uint32_t sum = second < 0 ? 0 : in(second);
  return sum != 0 && moment(second, sum) > cleared_.load(std::memory_order_relaxed) ? sum : 0;
}

// Whoever is the last to leave a second sees all that there were in it.
void RequestRate::turn(Ledger& mine, std::int64_t now_ms) {
  peak_.note(since_cleared(mine.pace.second()));
  mine.pace.turn(now_ms);
}

std::int64_t RequestRate::per_second(std::int64_t now_ms) const {
  const std::int64_t now = now_ms / 1000;
  const std::int64_t left = 1000 - now_ms % 1000;
  return in(now) + std::int64_t{in(now - 1)} * left / 1000;
}

std::uint32_t RequestRate::most() const {
  const std::int64_t second = newest();
  return std::max({peak_.value(), since_cleared(second), since_cleared(second - 1)});
}

void RequestRate::clear_most() {
  const std::int64_t second = newest();
  if (second >= 0) cleared_.store(moment(second, in(second)), std::memory_order_relaxed);
  peak_.clear();
}

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
