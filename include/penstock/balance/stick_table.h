// A stick table: what the process remembers of the keys that rules take from requests (manual
// section 4.2, "stick-table"). All workers share it, behind one lock that is held for one look; it
// outlives a reload. Time is given, in milliseconds; the clocks of two workers may differ by a
// turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "penstock/balance/server.h"
#include "penstock/base/list.h"
#include "penstock/config/settings.h"

namespace penstock {

class StickTable {
 public:
  // A server as entries know it: a reload may give its place to another, its name stays.
  struct Mark {
    std::string backend, server;
    std::uint32_t id = 0;
  };

  StickTable() = default;
  StickTable(const StickTable&) = delete;
  StickTable& operator=(const StickTable&) = delete;

  // Size, expiry and purging as the configuration now in force has them.
  void set_limits(const config::StickTable& line);
  // The server of this key, null if none is known. Its entry is used by being found. The mark lives
  // as long as the table.
  const Mark* find(std::string_view key, std::uint64_t now_ms);
  // Does nothing if the table is full and must not forget.
  void store(std::string_view key, const Server& server, std::uint32_t id, std::uint64_t now_ms);
  std::size_t size() const;

  // For administrators: what lies at so many places from `first` on, of places(). What comes or goes between two looks
  // may be missed.
  struct Seen {
    std::uint64_t id = 0;
    std::string key;
    std::uint64_t left_ms = 0;  // Until it is over; 0: it never is.
    Mark mark;                  // No server: none is known.
  };
  std::vector<Seen> look(std::size_t first, std::size_t count, std::uint64_t now_ms);
  std::size_t places() const;
  void forget(std::string_view key);

 private:
  struct Entry final : ListNode<> {
    std::string key;
    std::uint64_t used_ms = 0;
    const Mark* mark = nullptr;
  };

  Entry* look_up(std::string_view key, std::uint64_t now_ms);
  Entry* find_or_make(std::string_view key, std::uint64_t now_ms);
  void use(Entry& entry);
  void set_clock(std::uint64_t now_ms);
  bool is_over(const Entry& entry) const;
  void drop(Entry& entry);
  const Mark* mark_of(const Server& server, std::uint32_t id);

  mutable std::mutex lock_;
  std::uint64_t size_ = 0, expire_ms_ = 0;
  bool no_purge_ = false;
  std::uint64_t now_ms_ = 0;
  List<Entry> by_use_;  // The one unused for longest first.
  std::unordered_map<std::string_view, std::unique_ptr<Entry>> entries_;
  std::deque<Mark> marks_;  // As many as there have been servers.
};

// Finds tables again after a reload. Used by the master's thread only.
class StickTableRegistry {
 public:
  // One whose keys are made in another way is another table.
  std::shared_ptr<StickTable> table(const std::string& proxy, const config::StickTable& line);
  // Forgets what no snapshot uses any more.
  void sweep();

 private:
  std::unordered_map<std::string, std::shared_ptr<StickTable>> tables_;
};

}  // namespace penstock
