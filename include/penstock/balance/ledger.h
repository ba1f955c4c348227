// What one worker has counted of one frontend, bind line, backend or server, and the sum of what all have. Ledgers lie
// with the states that outlive a reload, and so go on with a name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "penstock/base/count.h"
#include "penstock/base/histogram.h"

namespace penstock {

enum class Entry : std::uint8_t {
  Connections,  // Accepted.
  Arrivals,     // Of them those that were let in; of a backend or server what was led there.
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
  FailedRewrites,
  Connects,
  Reuses,
  TlsHandshakes,
  TlsResumed,
  TlsFailed,
  Streams,  // Requests, whatever came of them.
  Open,     // Requests now: one that ends takes back what it added. No clearing touches it.
};
constexpr std::size_t kEntries = static_cast<std::size_t>(Entry::Open) + 1;

// By its first digit.
inline Entry entry_of_status(int status) {
  const auto first = static_cast<unsigned>(status) / 100 - 1;
  return first < 5 ? static_cast<Entry>(static_cast<unsigned>(Entry::Status1xx) + first) : Entry::StatusOther;
}

// What is measured of a request: waiting for the server, connecting, waiting for the answer, all of it.
enum class Time : std::uint8_t { Queue, Connect, Answer, Total };

// Of one worker.
class Ledger {
 public:
  void add(Entry entry, std::uint64_t more = 1) { entries_[static_cast<std::size_t>(entry)].add(more); }
  void take_back(Entry entry) { add(entry, ~std::uint64_t{0}); }
  void note_arrival(std::uint64_t now_ms) { last_arrival_ms_.store(now_ms, std::memory_order_relaxed); }
  std::uint64_t of(Entry entry) const { return entries_[static_cast<std::size_t>(entry)].value(); }
  // By its own worker.
  void clear();

  // Of a server, in ms: in the order of Time.
  Means<4> times;

 private:
  friend struct Sums;
  std::array<Count, kEntries> entries_;
  std::atomic<std::uint64_t> last_arrival_ms_{0};
};

// How long the requests of a backend took, and the checks of its servers. Of one worker.
struct Durations {
  // By the first digit of the status.
  Histogram& answered(int status) {
    const auto first = static_cast<unsigned>(status) / 100;
    return by_status[first >= 2 && first <= 5 ? first - 2 : 4];
  }
  std::array<Histogram, 5> by_status;  // All of it: 2xx to 5xx, others.
  Histogram queue;                     // Of those that waited in line.
  Histogram connect;                   // Of new connections.
  Histogram answer;                    // From there to the answer's head.
  Histogram checks;
  void clear();
};

// What was compressed of a frontend's or backend's answers. Of one worker.
struct CompressionCounts {
  Count answers;
  Count taken, given;  // Bytes of their bodies, before and after.
  Count passed_by;     // Bytes that were sent as they are, since limits were reached.
};

// Of the ledgers of all workers.
struct Sums {
  Sums() = default;
  explicit Sums(const Copies<Ledger>& ledgers);
  std::uint64_t of(Entry entry) const { return entries[static_cast<std::size_t>(entry)]; }
  // Each has a status.
  std::uint64_t requests() const;
  // Weighted by how many samples each mean goes by.
  std::uint64_t mean(Time time) const { return samples == 0 ? 0 : times[static_cast<std::size_t>(time)] / samples; }
  std::uint64_t most(Time time) const { return longest[static_cast<std::size_t>(time)]; }
  void join_times(const Sums& other);

  std::array<std::uint64_t, kEntries> entries{};
  std::array<std::uint64_t, 4> times{}, longest{};
  std::uint64_t samples = 0;
  std::uint64_t last_arrival_ms = 0;  // 0: there was none.
};

}  // namespace penstock
