// A stick table: what the process remembers of the keys that rules take from clients (manual section 4.2,
// "stick-table"): the server that served them, counts and rates. All workers share it. It has 16 shards, each with a
// lock that is held for one look; a key's hash says which shard is its own. An entry that somebody tracks is pinned: it
// stays where it is and is not forgotten. The table outlives a reload. Time is given, in milliseconds; the clocks of two
// workers may differ by a turn.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "penstock/config/settings.h"

namespace penstock {

// Bytes that a key of such a table has at most.
std::size_t longest_key(const config::StickTable& line);

class StickTable {
 public:
  using Data = config::StickData;

  // A server as entries know it: a reload may give its place to another, its name stays. `key`: what the table knows it
  // by, its name or its address.
  struct Mark {
    std::string backend, server, key;
    std::uint32_t id = 0;
    bool operator==(const Mark&) const = default;
  };
  struct Entry;
  // A rate as it is counted: since when this period is, what there was in it and in the one before.
  struct Rate {
    std::uint32_t elapsed_ms = 0, current = 0, previous = 0;
  };
  // An entry as long as it is not forgotten; afterwards perhaps another.
  struct Name {
    std::uint32_t shard = 0, number = 0;
  };

  explicit StickTable(const config::StickTable& line);
  StickTable(const StickTable&) = delete;
  StickTable& operator=(const StickTable&) = delete;
  ~StickTable();

  // How keys are made, and what is stored; what the line says else is that of the configuration in force when the table
  // was made.
  const config::StickTable& line() const { return line_; }
  bool stores(Data data) const { return slots_[static_cast<std::size_t>(data)].count != 0; }
  // Size, expiry and purging as the configuration now in force has them.
  void set_limits(const config::StickTable& line);
  std::uint64_t most() const { return size_.load(std::memory_order_relaxed); }
  // Entries that nobody has asked for since they were over may be among them.
  std::size_t size() const { return used_.load(std::memory_order_relaxed); }
  // The same, after up to `most` of those of each shard are gone.
  std::size_t size(std::uint64_t now_ms, std::size_t most);

  // One entry, with nobody else at it; short, since others wait. Empty: there is none.
  class Hold {
   public:
    Hold() = default;
    explicit operator bool() const { return entry_ != nullptr; }
    std::string_view key() const;
    std::uint64_t id() const { return reinterpret_cast<std::uintptr_t>(entry_); }
    // Null: no server is known.
    const Mark* mark() const;
    // How many track it.
    std::uint32_t trackers() const;
    // Until it is over; 0: it never is.
    std::uint64_t left_ms() const;
    std::uint64_t idle_ms() const;

    // A count, or what a rate is now; nothing if that is not stored, or the array has no such element. Of gpc0, gpc1 and
    // gpt0 a table that has the array has them there.
    std::optional<std::uint64_t> value(Data data, std::uint32_t element = 0) const;
    // The count and its rate, where they are stored.
    void count(Data data, std::uint64_t amount = 1, std::uint32_t element = 0);
    void take(Data data, std::uint32_t amount);
    bool set(Data data, std::uint64_t value, std::uint32_t element = 0);
    void set_mark(const Mark& mark);
    // For who shares the table: rates as they are; until when the entry lives.
    std::optional<Rate> rate(Data data, std::uint32_t element) const;
    bool set_rate(Data data, const Rate& rate, std::uint32_t element);
    void set_left_ms(std::uint64_t left_ms);
    // Of a server that somebody else knows. There are so many servers at most: the others are not kept.
    void set_foreign_mark(const Mark& mark);
    // Tracked from now on, once more each time; and that no longer.
    Entry* pin();
    void unpin();

   private:
    friend class StickTable;
    Hold(StickTable& table, std::unique_lock<std::mutex> lock, Entry* entry, std::uint64_t now_ms)
        : table_(&table), lock_(std::move(lock)), entry_(entry), now_ms_(now_ms) {}
    std::byte* at(Data data, std::uint32_t element) const;
    void note() {
      if (!quiet_ && table_->shared_.load(std::memory_order_relaxed)) table_->note_change(*entry_);
    }
    StickTable* table_ = nullptr;
    std::unique_lock<std::mutex> lock_;
    Entry* entry_ = nullptr;
    std::uint64_t now_ms_ = 0;
    bool quiet_ = false;  // What happens to it is no change that others are to be told.
  };

  // As it is; its life gets no longer by that.
  Hold look(std::string_view key, std::uint64_t now_ms);
  // Used by being found.
  Hold find(std::string_view key, std::uint64_t now_ms);
  // Makes what is not there; empty if the table is full and must not forget.
  Hold make(std::string_view key, std::uint64_t now_ms);
  // One that was pinned and not yet let go.
  Hold pinned(Entry& entry, std::uint64_t now_ms);
  // False: it is tracked, and stays. One that is not there is forgotten.
  bool forget(std::string_view key);

  // For administrators: what lies at so many places from `first` on, of places(). What comes or goes between two looks
  // may be missed. The visitor must not come back to the table.
  void each(std::size_t first, std::size_t count, std::uint64_t now_ms, const std::function<void(Hold&)>& visit);
  std::size_t places();
  // For who shares the table with other processes. From now on it is known which entries change.
  void share();
  void stop_sharing();
  bool shared() const { return shared_.load(std::memory_order_relaxed); }
  // Those that did since the last call, each once.
  void take_changed(std::vector<Name>& to);
  // Empty: it is forgotten.
  Hold named(const Name& name, std::uint64_t now_ms);
  // As make(), for what others tell: what is done to it is no change.
  Hold receive(std::string_view key, std::uint64_t now_ms);

  // Takes over what another table knows, as far as there is a place for it here. Which of that was used before which is
  // not kept.
  void learn(StickTable& other);

 private:
  static constexpr std::size_t kShards = 16;
  // Where something stored lies in an entry.
  struct Slot {
    std::uint32_t offset = 0;
    std::uint32_t count = 0;  // Of elements; 0: not stored.
    std::uint32_t period_ms = 0;
  };
  struct Place {
    const Slot* slot = nullptr;
    std::uint32_t element = 0;
  };
  struct Free {
    void operator()(std::uint32_t* buckets) const { std::free(buckets); }
  };
  // Entries by number, from 1 on; 0 is none.
  struct alignas(64) Shard {
    std::mutex lock;
    std::unique_ptr<std::uint32_t[], Free> buckets;
    std::uint32_t mask = 0;
    std::uint32_t free = 0;
    std::uint32_t made = 0;                       // Entries that pages have been made for.
    std::uint32_t oldest = 0, newest = 0;         // Of those that nobody tracks, by use.
    std::uint64_t now_ms = 0;                     // Never goes back, whichever worker comes.
    std::atomic<std::uint64_t> oldest_ms{~0ull};  // When the oldest was used; for others to compare.
    std::vector<std::unique_ptr<std::byte[]>> pages;
    std::vector<std::uint32_t> changed;  // Since somebody asked.
  };

  void lay_out();
  std::uint32_t hash_of(std::string_view key) const;
  Shard& shard_of(std::uint32_t hash) { return shards_[hash >> 28]; }
  Entry& at(const Shard& shard, std::uint32_t number) const;
  std::string_view key_of(const Entry& entry) const;
  std::byte* data_of(Entry& entry) const;
  Place place_of(Data data, std::uint32_t element) const;
  Entry* look_up(Shard& shard, std::uint32_t hash, std::string_view key, std::uint64_t now_ms);
  bool is_over(const Shard& shard, const Entry& entry) const;
  Entry& add(Shard& shard, std::uint32_t hash, std::string_view key);
  std::vector<std::uint64_t> values_of(const Hold& hold) const;
  void make_room(std::uint64_t now_ms);
  void drop(Shard& shard, Entry& entry);
  void drop_over(Shard& shard, std::size_t most);
  void unlink(Shard& shard, Entry& entry);
  void link_newest(Shard& shard, Entry& entry);
  void use(Shard& shard, Entry& entry);
  Hold obtain(std::string_view key, std::uint64_t now_ms);
  void note_change(Entry& entry);
  void spread(Shard& shard, std::uint64_t size);
  const Mark* kept(const Mark& mark, std::size_t most = SIZE_MAX);

  const config::StickTable line_;
  const std::uint64_t seed_;
  std::array<Slot, config::kStickDataCount> slots_;
  const bool long_keys_;  // They lie on their own.
  std::size_t key_room_ = 0, entry_size_ = 0;
  std::uint32_t page_bits_ = 0;  // Entries of a page, as a power of two.
  std::atomic<std::uint64_t> size_{0}, expire_ms_{0};
  std::atomic<bool> no_purge_{false};
  std::atomic<bool> knows_servers_{false};  // A line says so, or one has been stored.
  std::atomic<std::size_t> used_{0};
  std::atomic<bool> shared_{false};
  std::atomic<bool> changed_{false};  // Some shard has something.
  std::array<Shard, kShards> shards_;
  std::mutex marks_lock_;
  std::deque<Mark> marks_;  // As many as there have been servers.
};

// Finds tables again after a reload. Used by the master's thread only.
class StickTableRegistry {
 public:
  // One whose keys are made in another way is another table. If something else is stored, it is another that knows what
  // the one before does.
  std::shared_ptr<StickTable> table(const std::string& proxy, const config::StickTable& line);
  // Forgets what no snapshot uses any more.
  void sweep();

 private:
  struct Known {
    std::string keys, stored;  // How keys are made, what is stored.
    std::shared_ptr<StickTable> table;
  };
  std::unordered_map<std::string, std::vector<Known>> tables_;  // By proxy; the last is the newest.
};

}  // namespace penstock
