// What one worker has counted of one frontend, bind line, backend or server, and the sum of what all have. Ledgers lie
// with the states that outlive a reload, and so go on with a name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "penstock/base/count.h"

namespace penstock {

enum class Entry : std::uint8_t {
  Connections,  // Accepted.
  Arrivals,     // Of them those that were let in; of a backend or server what was led there.
  Requests,     // Of a server: those that it answered.
  BytesIn,
  BytesOut,
  DeniedConnections,
  DeniedArrivals,
  DeniedRequests,
  DeniedAnswers,
  FailedRequests,  // Could not be read, came too late or not to their end.
  FailedConnects,
  FailedAnswers,
  Retries,
  Redispatches,
  Balanced,  // Chosen by balancing, not because a client belongs there.
  Status1xx,
  Status2xx,
  Status3xx,
  Status4xx,
  Status5xx,
  StatusOther,
  ClientAborts,
  ServerAborts,
  Intercepted,
  InternalErrors,
  Connects,
  Reuses,
  TlsHandshakes,
  TlsResumed,
  TlsFailed,
};
constexpr std::size_t kEntries = static_cast<std::size_t>(Entry::TlsFailed) + 1;

// Of one worker.
class Ledger {
 public:
  void add(Entry entry, std::uint64_t more = 1) { entries_[static_cast<std::size_t>(entry)].add(more); }
  // By the first digit of it.
  void add_status(int status) {
    const int first = status / 100;
    const bool is_known = first >= 1 && first <= 5;
    add(is_known ? static_cast<Entry>(static_cast<int>(Entry::Status1xx) + first - 1) : Entry::StatusOther);
  }
  void note_arrival(std::uint64_t now_ms) { last_arrival_ms_.store(now_ms, std::memory_order_relaxed); }
  // By its own worker.
  void clear();

  // In ms.
  Mean queue, connect, answer, total;

 private:
  friend struct Sums;
  std::array<Count, kEntries> entries_;
  std::atomic<std::uint64_t> last_arrival_ms_{0};
};

// Of the ledgers of all workers.
struct Sums {
  // The mean of all samples that the workers' means go by.
  struct Time {
    std::uint64_t sum = 0, samples = 0, most = 0;
    std::uint64_t mean() const { return samples == 0 ? 0 : sum / samples; }
    void join(const Mean& mean);
  };
  Sums() = default;
  explicit Sums(const Copies<Ledger>& ledgers);
  std::uint64_t of(Entry entry) const { return entries[static_cast<std::size_t>(entry)]; }

  std::array<std::uint64_t, kEntries> entries{};
  Time queue, connect, answer, total;
  std::uint64_t last_arrival_ms = 0;  // 0: there was none.
};

}  // namespace penstock
