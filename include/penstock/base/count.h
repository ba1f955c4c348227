// Numbers that grow. Counts and means have one writer, the worker whose copy they lie in; whoever reads adds the
// copies. A Peak and a Rate are of the whole process, since the highest of several parts is not that of their sum.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace penstock {

// Of a process. `nbthread` takes no more.
constexpr unsigned kMostWorkers = 64;

class Count {
 public:
  void add(std::uint64_t more = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  void clear() { set(0); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Means of several things told together: of all while they are few, then ones in which the older count for less and
// less; and the highest of each.
template <std::size_t N>
class Means {
 public:
  static constexpr std::uint64_t kWindow = 512;
  void add(const std::array<std::int64_t, N>& values) {
    const bool full = samples_.value() >= kWindow;
    if (!full) samples_.add();
    for (std::size_t i = 0; i < N; ++i) {
      const auto value = static_cast<std::uint64_t>(values[i] < 0 ? 0 : values[i]);
      const std::uint64_t sum = sums_[i].value();
      if ((sum | value) == 0) continue;
      sums_[i].set(sum - (full ? sum / kWindow : 0) + value);
      if (value > most_[i].value()) most_[i].set(value);
    }
  }
  std::uint64_t samples() const { return samples_.value(); }
  std::uint64_t sum(std::size_t i) const { return sums_[i].value(); }
  std::uint64_t most(std::size_t i) const { return most_[i].value(); }
  void clear_most() {
    for (Count& most : most_) most.clear();
  }
  void clear() {
    clear_most();
    for (Count& sum : sums_) sum.clear();
    samples_.clear();
  }

 private:
  Count samples_;
  std::array<Count, N> sums_, most_;
};

class Peak {
 public:
  void note(std::uint32_t now) {
    std::uint32_t most = most_.load(std::memory_order_relaxed);
    while (now > most && !most_.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
    }
  }
  std::uint32_t value() const { return most_.load(std::memory_order_relaxed); }
  void clear() { most_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> most_{0};
};

// How many of something there were in the last second: the count of this second, and of the one before what is left of
// it. Two that turn the second at once may lose a few.
class Rate {
 public:
  void count(std::int64_t now_ms, std::uint32_t more = 1) {
    turn(now_ms / kSecond);
    peak_.note(current_.fetch_add(more, std::memory_order_relaxed) + more);
  }
  std::int64_t per_second(std::int64_t now_ms) const {
    const std::int64_t age = now_ms / kSecond - second_.load(std::memory_order_relaxed);
    const std::int64_t current = current_.load(std::memory_order_relaxed);
    const std::int64_t left = kSecond - now_ms % kSecond;
    if (age == 0) return current + previous_.load(std::memory_order_relaxed) * left / kSecond;
    return age == 1 ? current * left / kSecond : 0;
  }
  // The most there were within a second of the clock.
  std::uint32_t most() const { return peak_.value(); }
  void clear_most() { peak_.clear(); }

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
  Peak peak_;
};

// A set of counts for each worker, made when that worker first counts.
template <class Counts>
class Copies {
 public:
  Copies() = default;
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;
  ~Copies() {
    each([](Counts& copy) { delete &copy; });
    delete places_.load(std::memory_order_relaxed);
  }

  // To be called on that worker's thread only.
  Counts& of(unsigned worker) {
    Places* places = places_.load(std::memory_order_acquire);
    Counts* copy = places == nullptr ? nullptr : (*places)[worker].load(std::memory_order_relaxed);
    return copy == nullptr ? made(worker) : *copy;
  }
  // Null: it has counted nothing yet.
  Counts* find(unsigned worker) const {
    Places* places = places_.load(std::memory_order_acquire);
    return places == nullptr ? nullptr : (*places)[worker].load(std::memory_order_acquire);
  }
  bool any() const { return places_.load(std::memory_order_relaxed) != nullptr; }
  template <class Visit>
  void each(Visit visit) const {
    Places* places = places_.load(std::memory_order_acquire);
    if (places == nullptr) return;
    for (auto& place : *places) {
      if (Counts* copy = place.load(std::memory_order_acquire)) visit(*copy);
    }
  }

 private:
  using Places = std::array<std::atomic<Counts*>, kMostWorkers>;
  Counts& made(unsigned worker) {
    Places* places = places_.load(std::memory_order_acquire);
    if (places == nullptr) {
      auto* first = new Places{};
      if (places_.compare_exchange_strong(places, first, std::memory_order_acq_rel))
        places = first;
      else
        delete first;
    }
    auto* copy = new Counts;
    (*places)[worker].store(copy, std::memory_order_release);
    return *copy;
  }
  std::atomic<Places*> places_{nullptr};
};

}  // namespace penstock
