// What one worker has counted of one frontend, bind line, backend or server, and the sum of what all have. Ledgers lie
// with the states that outlive a reload, and so go on with a name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "penstock/base/count.h"
#include "penstock/base/histogram.h"

namespace penstock {

// What each request adds to comes first, so that it lies in few lines of the processor's memory.
enum class Entry : std::uint8_t {
  Status1xx,
  Status2xx,
  Status3xx,
  Status4xx,
  Status5xx,
  StatusOther,
  BytesIn,
  BytesOut,
  Arrivals,  // Connections that were let in; of a backend or server what was led there.
  Balanced,  // Chosen by balancing, not because a client belongs there.
  Connects,
  Reuses,
  Streams,      // Requests, whatever came of them.
  Open,         // Requests now: one that ends takes back what it added. No clearing touches it.
  Connections,  // Accepted.
  DeniedConnections,
  DeniedArrivals,
  DeniedRequests,
  DeniedAnswers,
  FailedRequests,  // Could not be read, came too late or not to their end.
  FailedConnects,
  FailedAnswers,
  Retries,
  Redispatches,
  ClientAborts,
  ServerAborts,
  Intercepted,
  InternalErrors,
  FailedRewrites,
  CacheLookups,
  CacheHits,
  TlsHandshakes,
  TlsResumed,
  TlsFailed,
};
constexpr std::size_t kEntries = static_cast<std::size_t>(Entry::TlsFailed) + 1;

// By its first digit.
inline Entry entry_of_status(int status) {
  const auto first = static_cast<unsigned>(status) / 100 - 1;
  return first < 5 ? static_cast<Entry>(static_cast<unsigned>(Entry::Status1xx) + first) : Entry::StatusOther;
}

// What is measured of a request: waiting for the server, connecting, waiting for the answer, all of it.
enum class Time : std::uint8_t { Queue, Connect, Answer, Total };

// How many of something one worker has had in this second and in the one before.
class Pace {
 public:
  // One more, in the second last turned to.
  void add() { current_.store(current_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
  // That second is over.
  bool is_over(std::int64_t now_ms) const { return now_ms >= end_ms_; }
  void turn(std::int64_t now_ms);
  // -1: there was none.
  std::int64_t second() const { return second_.load(std::memory_order_relaxed); }
  std::uint32_t in(std::int64_t second) const;

 private:
  std::int64_t end_ms_ = 0;  // Its own worker's alone.
  std::atomic<std::int64_t> second_{-1};
  std::atomic<std::uint32_t> current_{0}, previous_{0};
};

// Of one worker.
class alignas(64) Ledger {
 public:
  void add(Entry entry, std::uint64_t more = 1) { entries_[static_cast<std::size_t>(entry)].add(more); }
  void take_back(Entry entry) { add(entry, ~std::uint64_t{0}); }
  void note_arrival(std::uint64_t now_ms) { last_arrival_ms_.store(now_ms, std::memory_order_relaxed); }
  std::uint64_t of(Entry entry) const { return entries_[static_cast<std::size_t>(entry)].value(); }
  // By its own worker.
  void clear();

 private:
  friend struct Sums;
  std::array<Count, kEntries> entries_;
  std::atomic<std::uint64_t> last_arrival_ms_{0};

 public:
  Pace pace;  // Of requests: those of a frontend, those led to a backend or server.
  // Of a server, in ms: in the order of Time.
  Means<4> times;
};

// How many requests all workers together had in the last second, and the most there were within one, as Rate has it.
// Each worker counts in its own ledger, and looks at those of others once a second.
class RequestRate {
 public:
  explicit RequestRate(const Copies<Ledger>& ledgers) : ledgers_(ledgers) {}
  // `mine`: that of the worker which counts.
  void count(Ledger& mine, std::int64_t now_ms) {
    if (mine.pace.is_over(now_ms)) turn(mine, now_ms);
    mine.pace.add();
  }
  std::int64_t per_second(std::int64_t now_ms) const;
  std::uint32_t most() const;
  void clear_most();

 private:
  // Later seconds are more, and more requests in one second.
  static std::uint64_t moment(std::int64_t second, std::uint32_t sum) {
    return static_cast<std::uint64_t>(second) << 32 | sum;
  }
  void turn(Ledger& mine, std::int64_t now_ms);
  std::int64_t newest() const;
  std::uint32_t in(std::int64_t second) const;
  // 0: up to when the most was cleared.
  std::uint32_t since_cleared(std::int64_t second) const;

  const Copies<Ledger>& ledgers_;
  Peak peak_;  // Of seconds that ended.
  std::atomic<std::uint64_t> cleared_{0};
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
