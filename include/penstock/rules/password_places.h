// How many passwords the whole process hashes now, and for whom: who guesses leaves places for others.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace penstock::rules {

class PasswordPlaces {
 public:
  static constexpr std::size_t kAll = 8, kOfOneClient = 4;
  using Place = std::atomic<std::uint64_t>;

  // For a client that `client`, which is not 0, tells from others; null: all are taken, or too many by this one. Two that
  // ask at one moment may get one more.
  Place* take(std::uint64_t client) {
    std::size_t own = 0;
    for (const Place& place : places_) own += place.load(std::memory_order_relaxed) == client ? 1 : 0;
    if (own >= kOfOneClient) return nullptr;
    for (Place& place : places_) {
      std::uint64_t nobody = 0;
      if (place.compare_exchange_strong(nobody, client, std::memory_order_relaxed)) return &place;
    }
    return nullptr;
  }
  static void give_back(Place& place) { place.store(0, std::memory_order_relaxed); }
  std::size_t taken() const {
    std::size_t count = 0;
    for (const Place& place : places_) count += place.load(std::memory_order_relaxed) != 0 ? 1 : 0;
    return count;
  }

 private:
  Place places_[kAll] = {};
};

}  // namespace penstock::rules
