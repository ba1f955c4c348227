// Answers of servers that are kept to be given again (manual section 6). All workers share one cache, and it outlives a
// reload. It has 16 shards, each with a lock that is held for one look; what it holds is never changed, so that whoever
// has found an answer reads it without a lock, as long as he likes. All together take no more memory than the section
// says, answers on their way in included; the one that was asked for least recently makes room, unless somebody reads it.
// Time is given, in milliseconds; the clocks of two workers may differ by a turn.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "penstock/base/list.h"
#include "penstock/config/settings.h"
#include "penstock/http/caching.h"
#include "penstock/http/head.h"

namespace penstock {

// One of them: whole, and the same for ever.
class CachedAnswer {
 public:
  struct Piece {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
  };
  // Memory of all answers of a cache.
  using Used = std::shared_ptr<std::atomic<std::uint64_t>>;

  CachedAnswer() = default;
  CachedAnswer(const CachedAnswer&) = delete;
  CachedAnswer& operator=(const CachedAnswer&) = delete;
  ~CachedAnswer() {
    if (used) used->fetch_sub(taken, std::memory_order_relaxed);
  }
  // Since when it exists, as the field Age has it.
  std::uint64_t age_s(std::uint64_t now_ms) const { return came_age_s + (now_ms - came_ms) / 1000; }

  std::string key;
  std::uint64_t hash = 0;
  caching::Variant variant;
  std::string text;           // Of its fields and reason, which are views into it.
  std::vector<Field> fields;  // Without Age.
  std::string_view reason;
  std::string_view tag;         // Of its ETag.
  std::int64_t modified_s = 0;  // By its Last-Modified, else its Date, else when it came.
  bool counted = false;         // It said beforehand how long it is.
  std::vector<Piece> body;
  std::uint64_t body_size = 0;
  std::uint64_t came_ms = 0, came_age_s = 0, over_ms = 0;
  std::uint64_t taken = 0;  // Bytes of memory.
  Used used;
};

class Cache {
 public:
  explicit Cache(const config::Cache& line);
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;
  ~Cache();

  const std::string& name() const { return name_; }
  // Sizes and times as the configuration now in force has them.
  void set_limits(const config::Cache& line);
  std::uint64_t most_of_one() const { return object_size_.load(std::memory_order_relaxed); }
  std::uint64_t most_age_s() const { return max_age_s_.load(std::memory_order_relaxed); }
  bool varies() const { return varies_.load(std::memory_order_relaxed); }

  // Null: there is none that is fresh.
  std::shared_ptr<const CachedAnswer> find(std::string_view key, const caching::Asked& asked, std::uint64_t now_ms);
  // Memory for an answer that is on its way in; others go for it. False: there is none.
  bool take_room(CachedAnswer& answer, std::uint64_t bytes);
  static void give_back(CachedAnswer& answer, std::uint64_t bytes);
  // It is whole. Not kept if there are enough like it already.
  void keep(std::unique_ptr<CachedAnswer> answer, std::uint64_t now_ms);
  // All of that key, whatever they vary by.
  void forget(std::string_view key);

  // For administrators. Memory that answers may have, those that are kept given up for it.
  std::uint64_t room() const;
  // What lies in one place, of places(); what comes or goes between two looks may be missed.
  struct Seen {
    const CachedAnswer& answer;
    long readers = 0;
  };
  void each(std::size_t place, const std::function<void(const Seen&)>& visit);
  std::size_t places();

 private:
  static constexpr std::size_t kShards = 16;
  struct Kept : ListNode<> {
    std::shared_ptr<const CachedAnswer> answer;
    std::uint64_t asked_ms = 0;
  };
  using Group = std::vector<std::unique_ptr<Kept>>;  // Of one hash, most likely of one key; the latest last.
  struct Shard {
    std::mutex lock;
    std::unordered_map<std::uint64_t, Group> groups;
    List<Kept> by_use;  // The least recently used first.
    std::atomic<std::uint64_t> oldest_ms{UINT64_MAX};
  };
  // What has left the cache goes behind the lock.
  using Gone = std::vector<std::shared_ptr<const CachedAnswer>>;

  std::uint64_t hash_of(std::string_view key) const;
  Shard& shard_of(std::uint64_t hash) { return shards_[hash >> 60]; }
  static void note_oldest(Shard& shard);
  template <class Which>
  void drop_some(Shard& shard, std::uint64_t hash, Gone& gone, Which which);
  bool make_room();
  bool drop_oldest(Shard& shard);

  const std::string name_;
  std::atomic<std::uint64_t> size_{0}, object_size_{0}, max_age_s_{0};
  std::atomic<std::uint32_t> most_variants_{0};
  std::atomic<bool> varies_{false};
  const std::uint64_t seed_;
  std::atomic<std::uint64_t> kept_bytes_{0};  // Of what lies in the shards.
  const CachedAnswer::Used used_ = std::make_shared<std::atomic<std::uint64_t>>(0);
  std::array<Shard, kShards> shards_;
};

// Those of the process, by name.
using Caches = std::map<std::string, std::shared_ptr<Cache>>;

}  // namespace penstock
