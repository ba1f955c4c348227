#include "penstock/balance/stick_table.h"

#include <algorithm>

#include "penstock/base/format.h"

namespace penstock {
namespace {

// Entries that are over go a few at a time, so that nobody waits for all of them.
constexpr int kDroppedAtOnce = 4;

bool is_of(const StickTable::Mark& mark, const Server& server, std::uint32_t id) {
  return mark.id == id && mark.server == server.name && mark.backend == server.backend_name;
}

}  // namespace

void StickTable::set_limits(const config::StickTable& line) {
  const std::lock_guard hold(lock_);
  size_ = line.size;
  expire_ms_ = line.expire_ms;
  no_purge_ = line.no_purge;
}

const StickTable::Mark* StickTable::find(std::string_view key, std::uint64_t now_ms) {
  const std::lock_guard hold(lock_);
  Entry* entry = look_up(key, now_ms);
  if (entry == nullptr) return nullptr;
  use(*entry);
  return entry->mark;
}

void StickTable::store(std::string_view key, const Server& server, std::uint32_t id, std::uint64_t now_ms) {
  const std::lock_guard hold(lock_);
  Entry* entry = find_or_make(key, now_ms);
  if (entry == nullptr) return;
  use(*entry);
  if (entry->mark == nullptr || !is_of(*entry->mark, server, id)) entry->mark = mark_of(server, id);
}

std::size_t StickTable::size() const {
  const std::lock_guard hold(lock_);
  return entries_.size();
}

std::vector<StickTable::Seen> StickTable::look(std::size_t first, std::size_t count, std::uint64_t now_ms) {
  const std::lock_guard hold(lock_);
  set_clock(now_ms);
  std::vector<Seen> out;
  const std::size_t end = std::min(entries_.bucket_count(), first + count);
  for (std::size_t place = first; place < end; ++place) {
    for (auto at = entries_.begin(place); at != entries_.end(place); ++at) {
      const Entry& entry = *at->second;
      if (is_over(entry)) continue;
      const std::uint64_t left = expire_ms_ == 0 ? 0 : expire_ms_ - (now_ms_ - entry.used_ms);
      out.push_back({reinterpret_cast<std::uintptr_t>(&entry), entry.key, left, entry.mark ? *entry.mark : Mark()});
    }
  }
  return out;
}

std::size_t StickTable::places() const {
  const std::lock_guard hold(lock_);
  return entries_.bucket_count();
}

void StickTable::forget(std::string_view key) {
  const std::lock_guard hold(lock_);
  const auto found = entries_.find(key);
  if (found != entries_.end()) drop(*found->second);
}

StickTable::Entry* StickTable::look_up(std::string_view key, std::uint64_t now_ms) {
  set_clock(now_ms);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  Entry& entry = *found->second;
  if (!is_over(entry)) return &entry;
  drop(entry);
  return nullptr;
}

StickTable::Entry* StickTable::find_or_make(std::string_view key, std::uint64_t now_ms) {
  if (Entry* known = look_up(key, now_ms)) return known;
  for (int i = 0; i < kDroppedAtOnce && !by_use_.empty(); ++i) {
    const bool is_full = entries_.size() >= size_;
    if (!is_over(by_use_.front()) && (!is_full || no_purge_)) break;
    drop(by_use_.front());
  }
  if (entries_.size() >= size_) return nullptr;
  auto entry = std::make_unique<Entry>();
  entry->key = key;
  Entry& made = *entry;
  entries_.emplace(made.key, std::move(entry));
  return &made;
}

void StickTable::use(Entry& entry) {
  entry.used_ms = now_ms_;
  entry.unlink();
  by_use_.push_back(entry);
}

// It never goes back, whichever worker comes.
void StickTable::set_clock(std::uint64_t now_ms) { now_ms_ = std::max(now_ms_, now_ms); }

bool StickTable::is_over(const Entry& entry) const { return expire_ms_ != 0 && now_ms_ - entry.used_ms >= expire_ms_; }

void StickTable::drop(Entry& entry) {
  // The map's key lies in the entry.
  const auto found = entries_.find(entry.key);
  const std::unique_ptr<Entry> last = std::move(found->second);
  entries_.erase(found);
}

const StickTable::Mark* StickTable::mark_of(const Server& server, std::uint32_t id) {
  const auto known =
      std::find_if(marks_.begin(), marks_.end(), [&](const Mark& mark) { return is_of(mark, server, id); });
  return known != marks_.end() ? &*known : &marks_.emplace_back(server.backend_name, server.name, id);
}

std::shared_ptr<StickTable> StickTableRegistry::table(const std::string& proxy, const config::StickTable& line) {
  auto& entry = tables_[format("{} {} {}", proxy, static_cast<int>(line.key), line.length)];
  if (!entry) entry = std::make_shared<StickTable>();
  return entry;
}

void StickTableRegistry::sweep() {
  std::erase_if(tables_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

}  // namespace penstock
