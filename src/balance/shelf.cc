#include "penstock/balance/shelf.h"

#include <algorithm>
#include <iterator>

namespace penstock {

bool Shelf::put(Back& back, std::uint64_t now_ms, std::size_t limit) {
  if (size_.load(std::memory_order_relaxed) >= std::min(limit, kLimit)) return false;
  for (Board& board : boards_) {
    // Parked while the lock is held, since what is parked has no way back.
    std::unique_lock guard(board.lock, std::try_to_lock);
    if (!guard) continue;
    std::optional<ParkedBack> parked = back.park();
    if (!parked) return false;
    size_.fetch_add(1, std::memory_order_relaxed);
    if (is_safe(parked->served)) safe_.fetch_add(1, std::memory_order_relaxed);
    board.entries.push_back({std::move(*parked), now_ms});
    return true;
  }
  return false;
}

std::optional<ParkedBack> Shelf::take(std::string_view tls_name, bool used_only) {
  if (empty()) return std::nullopt;
  for (Board& board : boards_) {
    while (std::optional<Entry> entry = take_from(board, tls_name, used_only)) {
      if (entry->back.connection.quiet()) return std::move(entry->back);
    }
  }
  return std::nullopt;
}

std::optional<Shelf::Entry> Shelf::take_from(Board& board, std::string_view tls_name, bool used_only) {
  std::unique_lock guard(board.lock, std::try_to_lock);
  if (!guard) return std::nullopt;
  for (std::size_t i = board.entries.size(); i-- > 0;) {
    const ParkedBack& back = board.entries[i].back;
    if (back.tls_name != tls_name || (used_only && !is_safe(back.served))) continue;
    Entry entry = std::move(board.entries[i]);
    board.entries.erase(board.entries.begin() + static_cast<std::ptrdiff_t>(i));
    take_off(entry);
    return entry;
  }
  return std::nullopt;
}

void Shelf::take_off(const Entry& entry) {
  size_.fetch_sub(1, std::memory_order_relaxed);
  if (is_safe(entry.back.served)) safe_.fetch_sub(1, std::memory_order_relaxed);
}

void Shelf::sweep(std::uint64_t since_ms, std::size_t keep) {
  std::vector<Entry> ended;  // Closed when no lock is held.
  std::size_t left = size_.load(std::memory_order_relaxed);
  for (Board& board : boards_) {
    std::unique_lock guard(board.lock, std::try_to_lock);
    if (!guard) continue;
    std::vector<Entry> staying;
    for (Entry& entry : board.entries) {
      const bool is_spare = left > keep && entry.since_ms < since_ms;
      const bool stays = !is_spare && entry.back.connection.quiet();
      if (!stays) take_off(entry);
      (stays ? staying : ended).push_back(std::move(entry));
      if (!stays) --left;
    }
    board.entries.swap(staying);
  }
}

void Shelf::clear() {
  std::vector<Entry> ended;
  for (Board& board : boards_) {
    std::lock_guard guard(board.lock);
    for (const Entry& entry : board.entries) take_off(entry);
    std::move(board.entries.begin(), board.entries.end(), std::back_inserter(ended));
    board.entries.clear();
  }
}

std::shared_ptr<Shelf> Shelves::of(std::uint64_t identity) {
  std::lock_guard guard(lock_);
  std::erase_if(known_, [](const auto& known) { return known.second.expired(); });
  for (const auto& [name, weak] : known_) {
    if (name != identity) continue;
    if (std::shared_ptr<Shelf> shelf = weak.lock()) return shelf;
  }
  auto shelf = std::make_shared<Shelf>();
  known_.emplace_back(identity, shelf);
  return shelf;
}

Shelves::Idle Shelves::count_idle() const {
  const std::lock_guard hold(lock_);
  Idle sum;
  for (const auto& [identity, shelf] : known_) {
    const auto living = shelf.lock();
    if (!living) continue;
    sum.all += living->size();
    sum.safe += living->safe();
  }
  return sum;
}

}  // namespace penstock
