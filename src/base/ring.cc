#include "penstock/base/ring.h"

#include <algorithm>
#include <cstring>

namespace penstock {
namespace {

constexpr std::size_t kHead = 8;
constexpr std::size_t kFewest = 64;
// Of 64 bytes. Lines rarely fill their last place.
constexpr std::size_t kBytesCounted = 40;
// A line that is not there after as many looks, while others behind it are, was dropped.
constexpr std::uint32_t kMostLooks = 50;

// Of the place of that number, once it is written; `first` of its line.
constexpr std::uint64_t mark_of(std::uint64_t number, bool first) { return (number + 1) << 2 | (first ? 2u : 0u); }
constexpr std::uint64_t kBusy = 1;

// Marks a place as being written; false: somebody else is still at it, or was there later.
bool take(std::atomic<std::uint64_t>& mark, std::uint64_t done) {
  std::uint64_t before = mark.load(std::memory_order_relaxed);
  while ((before & kBusy) == 0 && before < done) {
    if (mark.compare_exchange_weak(before, done | kBusy, std::memory_order_acq_rel)) return true;
  }
  return false;
}

}  // namespace

Ring::Ring(std::size_t bytes)
    : count_(std::max(kFewest, bytes / kBytesCounted)), places_(std::make_unique<Place[]>(count_)) {}

void Ring::write(std::string_view line) {
  line = line.substr(0, count_ / 2 * kBytes - kHead);
  const std::size_t needed = (kHead + line.size() + kBytes - 1) / kBytes;
  const std::uint64_t begin = next_.fetch_add(needed, std::memory_order_relaxed);
  const std::uint32_t number = lines_.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t head = static_cast<std::uint64_t>(number) << 32 | line.size();
  for (std::size_t i = 0; i < needed; ++i) {
    Place& at = place(begin + i);
    const std::uint64_t done = mark_of(begin + i, i == 0);
    if (!take(at.mark, done)) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    std::array<std::uint64_t, kWords> words{};
    auto* bytes = reinterpret_cast<char*>(words.data());
    const std::size_t skipped = i == 0 ? kHead : 0;
    if (i == 0) words[0] = head;
    const std::string_view part = line.substr(0, kBytes - skipped);
    std::memcpy(bytes + skipped, part.data(), part.size());
    line.remove_prefix(part.size());
    // Each behind the mark, for whoever sees one of them.
    for (std::size_t word = 0; word < kWords; ++word) at.words[word].store(words[word], std::memory_order_release);
    at.mark.store(done, std::memory_order_release);
  }
}

Ring::Reader Ring::from_newest() const {
  Reader reader;
  reader.at = next_.load(std::memory_order_acquire);
  return reader;
}

// What stood at its place is being overwritten, or has been.
bool Ring::is_overtaken(const Reader& reader) const {
  return next_.load(std::memory_order_acquire) > reader.at + count_;
}

// To the oldest line that is complete; false: there is none.
bool Ring::seek(Reader& reader) const {
  const std::uint64_t end = next_.load(std::memory_order_acquire);
  for (reader.at = std::max(reader.at, end > count_ ? end - count_ : 0); reader.at < end; ++reader.at) {
    if (place(reader.at).mark.load(std::memory_order_acquire) == mark_of(reader.at, true)) return true;
  }
  return false;
}

// False: it is not there, or no longer.
bool Ring::copy(std::uint64_t number, bool first, char* to) const {
  const Place& at = place(number);
  const std::uint64_t done = mark_of(number, first);
  if (at.mark.load(std::memory_order_acquire) != done) return false;
  std::array<std::uint64_t, kWords> words;
  for (std::size_t word = 0; word < kWords; ++word) words[word] = at.words[word].load(std::memory_order_acquire);
  std::memcpy(to, words.data(), kBytes);
  return at.mark.load(std::memory_order_relaxed) == done;
}

bool Ring::read_there(Reader& reader, std::string& line) const {
  char part[kBytes];
  if (!copy(reader.at, true, part)) return false;
  std::uint64_t head = 0;
  std::memcpy(&head, part, kHead);
  const std::size_t size = head & 0xffffffff;
  line.assign(part + kHead, std::min(size, kBytes - kHead));
  std::uint64_t at = reader.at + 1;
  for (; line.size() < size; ++at) {
    if (!copy(at, false, part)) return false;
    line.append(part, std::min(size - line.size(), kBytes));
  }
  const auto number = static_cast<std::uint32_t>(head >> 32);
  // Numbers are taken a moment after places: neighbours may have each other's.
  const auto missed = static_cast<std::int32_t>(number - reader.next);
  if (reader.knows_next && missed > 0) reader.lost += static_cast<std::uint32_t>(missed);
  reader = {at, reader.lost, number + 1, 0, true};
  return true;
}

bool Ring::read(Reader& reader, std::string& line) const {
  while (!read_there(reader, line)) {
    if (is_overtaken(reader)) {
      if (!seek(reader)) return false;
      continue;
    }
    const bool others_follow = next_.load(std::memory_order_acquire) > reader.at;
    if (!others_follow || ++reader.looks < kMostLooks) return false;
    ++reader.at;
    reader.looks = 0;
    if (!seek(reader)) return false;
  }
  return true;
}

}  // namespace penstock
