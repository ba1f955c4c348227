// What of a client is tracked: up to three entries of stick tables, pinned as long as it lasts. A connection has such a
// thing, and each transaction on it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "penstock/tables/stick_table.h"

namespace penstock {

// A value: whoever has it ends it.
class Tracking {
 public:
  static constexpr std::size_t kCounters = 3;
  struct Counter {
    StickTable* table = nullptr;  // Null: nothing is tracked.
    StickTable::Entry* entry = nullptr;
    explicit operator bool() const { return table != nullptr; }
  };

  const Counter& counter(std::size_t number) const { return counters_[number]; }
  // From now on, and counts a connection. The entry, with nobody else at it; empty if the table is full.
  StickTable::Hold begin(std::size_t number, StickTable& table, std::string_view key, std::uint64_t now_ms);
  void end(std::uint64_t now_ms);

 private:
  std::array<Counter, kCounters> counters_;
};

// Of a connection, which may outlive the configuration that it came under.
class ConnectionTracking {
 public:
  ConnectionTracking() = default;
  ConnectionTracking(const ConnectionTracking&) = delete;
  ConnectionTracking& operator=(const ConnectionTracking&) = delete;
  ~ConnectionTracking() { end(0); }

  Tracking tracking;
  void keep(std::size_t number, std::shared_ptr<StickTable> table) { kept_[number] = std::move(table); }
  void end(std::uint64_t now_ms) { tracking.end(now_ms); }

 private:
  std::array<std::shared_ptr<StickTable>, Tracking::kCounters> kept_;
};

}  // namespace penstock
