// Idle connections to one server that any worker may take (tune.idle-pool.shared). Workers put there what they have
// not needed for a moment of their own. Nobody waits for another worker that is at it.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/http/back.h"

namespace penstock {

class Shelf {
 public:
  // Most connections on one shelf, whatever pool-max-conn says.
  static constexpr std::size_t kLimit = 1024;

  // False, and `back` is as it was: it may not serve on, or `limit` lie there.
  bool put(Back& back, std::uint64_t now_ms, std::size_t limit);
  // One that serves `tls_name`, of which nothing was heard since it was put; `used_only`: see Pool::lend().
  std::optional<ParkedBack> take(std::string_view tls_name, bool used_only);
  // Closes what the server has ended meanwhile, and what was put before `since_ms` beyond `keep`.
  void sweep(std::uint64_t since_ms, std::size_t keep);
  void clear();
  bool empty() const { return size() == 0; }
  std::size_t size() const { return size_.load(std::memory_order_relaxed); }
  std::size_t safe() const { return safe_.load(std::memory_order_relaxed); }

 private:
  struct Entry {
    ParkedBack back;
    std::uint64_t since_ms;
  };
  // Who finds the lock of one board held goes on to the next. The first ones are used most, so that what is on the
  // others grows old.
  struct Board {
    std::mutex lock;
    std::vector<Entry> entries;  // In the order in which they came.
  };
  std::optional<Entry> take_from(Board& board, std::string_view tls_name, bool used_only);
  // Of the counts.
  void take_off(const Entry& entry);

  std::array<Board, 4> boards_;
  std::atomic<std::size_t> size_{0}, safe_{0};
};

// The shelves of one server: one for each identity that it has for somebody (ServerSpec::identity).
class Shelves {
 public:
  std::shared_ptr<Shelf> of(std::uint64_t identity);
  // Connections on all of them, and those of them such that is_safe() holds.
  struct Idle {
    std::size_t all = 0, safe = 0;
  };
  Idle count_idle() const;
  std::size_t idle() const { return count_idle().all; }

 private:
  mutable std::mutex lock_;
  std::vector<std::pair<std::uint64_t, std::weak_ptr<Shelf>>> known_;
};

}  // namespace penstock
