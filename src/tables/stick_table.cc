#include "penstock/tables/stick_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <random>

#include "penstock/base/format.h"
#include "penstock/base/xxhash.h"
#include "rate.h"

namespace penstock {

// In front of its key and its data, both of the same room in all entries of a table.
struct StickTable::Entry {
  std::uint64_t used_ms;
  const Mark* mark;
  std::uint32_t hash, number;
  std::uint32_t next;          // In its bucket, or of those that are free.
  std::uint32_t older, newer;  // By use, of those that nobody tracks.
  std::uint32_t trackers;
  std::uint32_t key_size;
  bool alive;    // Not among those that are free.
  bool changed;  // And its shard knows.
};

namespace {

// Entries that are over go a few at a time, so that nobody waits for all of them.
constexpr int kDroppedAtOnce = 4;
// Servers that are known by the word of others.
constexpr std::size_t kMostForeign = 4096;
// A key that is longer lies on its own.
constexpr std::size_t kMostKeyInside = 64;
constexpr std::size_t kPageSize = 4096;
constexpr std::uint32_t kMostBuckets = 1u << 22;
constexpr std::size_t kRun = 64;  // Entries that are walked over under one lock.

constexpr std::size_t rounded(std::size_t size) { return (size + 7) & ~std::size_t{7}; }

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) ^ device();
}

bool is_wide(config::StickData data) {
  return data == config::StickData::BytesInCnt || data == config::StickData::BytesOutCnt;
}

std::size_t width_of(config::StickData data) {
  if (config::is_rate(data)) return sizeof(SlidingRate);
  return is_wide(data) ? sizeof(std::uint64_t) : sizeof(std::uint32_t);
}

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <class T>
void store(std::byte* to, T value) {
  std::memcpy(to, &value, sizeof(value));
}

// A count stays where it ends, and does not begin again.
std::uint32_t added(std::uint32_t count, std::uint64_t amount) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{count} + amount, UINT32_MAX));
}

config::StickData rate_of(config::StickData count) {
  return static_cast<config::StickData>(static_cast<std::uint8_t>(count) + 1);
}

// Those that have a rate behind them.
bool has_rate(config::StickData count) { return config::is_rate(rate_of(count)) && !config::is_rate(count); }

}  // namespace

std::size_t longest_key(const config::StickTable& line) {
  using Key = config::StickTable::Key;
  switch (line.key) {
    case Key::Ip:
    case Key::Integer:
      return 4;
    case Key::Ip6:
      return 16;
    case Key::String:
    case Key::Binary:
      break;
  }
  return line.length;
}

// Hold.

std::string_view StickTable::Hold::key() const { return table_->key_of(*entry_); }
const StickTable::Mark* StickTable::Hold::mark() const { return entry_->mark; }
std::uint32_t StickTable::Hold::trackers() const { return entry_->trackers; }
std::uint64_t StickTable::Hold::idle_ms() const { return now_ms_ - std::min(now_ms_, entry_->used_ms); }

std::uint64_t StickTable::Hold::left_ms() const {
  const std::uint64_t expire_ms = table_->expire_ms_.load(std::memory_order_relaxed);
  return expire_ms - std::min(expire_ms, idle_ms());
}

std::optional<std::uint64_t> StickTable::Hold::value(Data data, std::uint32_t element) const {
  if (data == Data::ServerId) {
    if (entry_->mark != nullptr) return entry_->mark->id;
    return table_->knows_servers_.load(std::memory_order_relaxed) ? std::optional<std::uint64_t>(0) : std::nullopt;
  }
  const Place place = table_->place_of(data, element);
  if (place.slot == nullptr) return std::nullopt;
  const std::byte* from = table_->data_of(*entry_) + place.slot->offset + place.element * width_of(data);
  if (config::is_rate(data)) return load<SlidingRate>(from).value(place.slot->period_ms, now_ms_);
  return is_wide(data) ? load<std::uint64_t>(from) : load<std::uint32_t>(from);
}

void StickTable::Hold::count(Data data, std::uint64_t amount, std::uint32_t element) {
  note();
  if (entry_->trackers != 0) entry_->used_ms = now_ms_;
  if (const Place place = table_->place_of(data, element); place.slot != nullptr) {
    std::byte* at = table_->data_of(*entry_) + place.slot->offset + place.element * width_of(data);
    if (is_wide(data))
      store(at, load<std::uint64_t>(at) + amount);
    else
      store(at, added(load<std::uint32_t>(at), amount));
  }
  if (!has_rate(data)) return;
  if (const Place place = table_->place_of(rate_of(data), element); place.slot != nullptr) {
    std::byte* at = table_->data_of(*entry_) + place.slot->offset + place.element * sizeof(SlidingRate);
    auto rate = load<SlidingRate>(at);
    rate.add(place.slot->period_ms, now_ms_, amount);
    store(at, rate);
  }
}

void StickTable::Hold::take(Data data, std::uint32_t amount) {
  note();
  const Place place = table_->place_of(data, 0);
  if (place.slot == nullptr) return;
  std::byte* at = table_->data_of(*entry_) + place.slot->offset;
  const auto before = load<std::uint32_t>(at);
  store(at, before - std::min(before, amount));
}

bool StickTable::Hold::set(Data data, std::uint64_t value, std::uint32_t element) {
  note();
  const Place place = table_->place_of(data, element);
  if (place.slot == nullptr) return false;
  std::byte* at = table_->data_of(*entry_) + place.slot->offset + place.element * width_of(data);
  if (config::is_rate(data))
    store(at, SlidingRate::of(static_cast<std::uint32_t>(value), now_ms_));
  else if (is_wide(data))
    store(at, value);
  else
    store(at, static_cast<std::uint32_t>(value));
  return true;
}

void StickTable::Hold::set_mark(const Mark& mark) {
  note();
  if (entry_->mark == nullptr || *entry_->mark != mark) entry_->mark = table_->kept(mark);
}

std::byte* StickTable::Hold::at(Data data, std::uint32_t element) const {
  const Place place = table_->place_of(data, element);
  if (place.slot == nullptr) return nullptr;
  return table_->data_of(*entry_) + place.slot->offset + place.element * width_of(data);
}

std::optional<StickTable::Rate> StickTable::Hold::rate(Data data, std::uint32_t element) const {
  const std::byte* from = at(data, element);
  if (from == nullptr) return std::nullopt;
  const auto rate = load<SlidingRate>(from);
  return Rate{static_cast<std::uint32_t>(now_ms_) - rate.begun_ms, rate.current, rate.previous};
}

bool StickTable::Hold::set_rate(Data data, const Rate& rate, std::uint32_t element) {
  std::byte* to = at(data, element);
  if (to == nullptr) return false;
  store(to, SlidingRate{static_cast<std::uint32_t>(now_ms_) - rate.elapsed_ms, rate.current, rate.previous});
  return true;
}

void StickTable::Hold::set_left_ms(std::uint64_t left_ms) {
  const std::uint64_t expire_ms = table_->expire_ms_.load(std::memory_order_relaxed);
  if (expire_ms == 0 || entry_->trackers != 0) return;
  const std::uint64_t gone_ms = expire_ms - std::min(expire_ms, left_ms);
  entry_->used_ms = now_ms_ - std::min(now_ms_, gone_ms);
}

void StickTable::Hold::set_foreign_mark(const Mark& mark) {
  if (entry_->mark != nullptr && entry_->mark->id == mark.id && entry_->mark->key == mark.key) return;
  if (const Mark* kept = table_->kept(mark, kMostForeign)) entry_->mark = kept;
}

StickTable::Entry* StickTable::Hold::pin() {
  if (entry_->trackers++ == 0) table_->unlink(table_->shard_of(entry_->hash), *entry_);
  entry_->used_ms = now_ms_;
  return entry_;
}

void StickTable::Hold::unpin() {
  entry_->used_ms = now_ms_;
  if (--entry_->trackers == 0) table_->link_newest(table_->shard_of(entry_->hash), *entry_);
}

// The table.

StickTable::StickTable(const config::StickTable& line)
    : line_(line), seed_(random_seed()), long_keys_(longest_key(line) > kMostKeyInside) {
  lay_out();
  set_limits(line);
}

StickTable::~StickTable() {
  for (Shard& shard : shards_) {
    for (std::uint32_t bucket = 0; bucket <= shard.mask; ++bucket) {
      while (shard.buckets[bucket] != 0) drop(shard, at(shard, shard.buckets[bucket]));
    }
  }
}

void StickTable::lay_out() {
  key_room_ = long_keys_ ? sizeof(char*) : rounded(longest_key(line_));
  std::size_t size = 0;
  // Those of eight bytes first.
  for (const bool wide : {true, false}) {
    for (const config::StickTable::Stored& stored : line_.store) {
      if (stored.data == Data::ServerId) knows_servers_.store(true, std::memory_order_relaxed);
      if (stored.data == Data::ServerId || stored.data == Data::ServerKey || is_wide(stored.data) != wide) continue;
      slots_[static_cast<std::size_t>(stored.data)] = {static_cast<std::uint32_t>(size), stored.count,
                                                       static_cast<std::uint32_t>(stored.period_ms)};
      size += width_of(stored.data) * stored.count;
    }
  }
  entry_size_ = rounded(rounded(sizeof(Entry)) + key_room_ + size);
  page_bits_ = entry_size_ >= kPageSize ? 0 : static_cast<std::uint32_t>(std::bit_width(kPageSize / entry_size_)) - 1;
}

void StickTable::set_limits(const config::StickTable& line) {
  size_.store(line.size, std::memory_order_relaxed);
  expire_ms_.store(line.expire_ms, std::memory_order_relaxed);
  no_purge_.store(line.no_purge, std::memory_order_relaxed);
  for (Shard& shard : shards_) {
    const std::lock_guard hold(shard.lock);
    spread(shard, line.size);
  }
}

// Buckets for so many entries, once and for all: nobody who comes for an entry waits for others to be moved. What is
// not touched takes no memory.
void StickTable::spread(Shard& shard, std::uint64_t size) {
  const std::uint32_t wanted = std::min(kMostBuckets, std::bit_ceil(static_cast<std::uint32_t>(size / kShards + 1)));
  if (shard.buckets && wanted <= shard.mask + 1) return;
  auto* made = static_cast<std::uint32_t*>(std::calloc(wanted, sizeof(std::uint32_t)));
  if (made == nullptr) return;  // Longer ways through those that are there.
  const decltype(shard.buckets) before = std::exchange(shard.buckets, decltype(shard.buckets)(made));
  const std::uint32_t count_before = before ? shard.mask + 1 : 0;
  shard.mask = wanted - 1;
  for (std::uint32_t bucket = 0; bucket < count_before; ++bucket) {
    for (std::uint32_t number = before[bucket]; number != 0;) {
      Entry& entry = at(shard, number);
      number = std::exchange(entry.next, shard.buckets[entry.hash & shard.mask]);
      shard.buckets[entry.hash & shard.mask] = entry.number;
    }
  }
}

std::size_t StickTable::size(std::uint64_t now_ms, std::size_t most) {
  for (Shard& shard : shards_) {
    const std::lock_guard hold(shard.lock);
    shard.now_ms = std::max(shard.now_ms, now_ms);
    drop_over(shard, most);
  }
  return size();
}

StickTable::Hold StickTable::look(std::string_view key, std::uint64_t now_ms) {
  const std::uint32_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  std::unique_lock lock(shard.lock);
  Entry* entry = look_up(shard, hash, key, now_ms);
  if (entry == nullptr) return {};
  return {*this, std::move(lock), entry, shard.now_ms};
}

StickTable::Hold StickTable::find(std::string_view key, std::uint64_t now_ms) {
  Hold hold = look(key, now_ms);
  if (!hold) return hold;
  use(shard_of(hold.entry_->hash), *hold.entry_);
  hold.note();
  return hold;
}

StickTable::Hold StickTable::make(std::string_view key, std::uint64_t now_ms) {
  Hold hold = obtain(key, now_ms);
  if (hold) hold.note();
  return hold;
}

StickTable::Hold StickTable::receive(std::string_view key, std::uint64_t now_ms) {
  Hold hold = obtain(key, now_ms);
  hold.quiet_ = true;
  return hold;
}

StickTable::Hold StickTable::obtain(std::string_view key, std::uint64_t now_ms) {
  if (Hold known = look(key, now_ms)) {
    use(shard_of(known.entry_->hash), *known.entry_);
    return known;
  }
  if (used_.load(std::memory_order_relaxed) >= most()) make_room(now_ms);
  const std::uint32_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  std::unique_lock lock(shard.lock);
  Entry* entry = look_up(shard, hash, key, now_ms);
  drop_over(shard, kDroppedAtOnce);
  if (entry == nullptr) {
    if (used_.load(std::memory_order_relaxed) >= most()) return {};
    entry = &add(shard, hash, key);
  }
  use(shard, *entry);
  return {*this, std::move(lock), entry, shard.now_ms};
}

StickTable::Hold StickTable::pinned(Entry& entry, std::uint64_t now_ms) {
  Shard& shard = shard_of(entry.hash);
  std::unique_lock lock(shard.lock);
  shard.now_ms = std::max(shard.now_ms, now_ms);
  return {*this, std::move(lock), &entry, shard.now_ms};
}

void StickTable::share() { shared_.store(true, std::memory_order_relaxed); }
void StickTable::stop_sharing() { shared_.store(false, std::memory_order_relaxed); }

// The shard is locked.
void StickTable::note_change(Entry& entry) {
  if (std::exchange(entry.changed, true)) return;
  shard_of(entry.hash).changed.push_back(entry.number);
  changed_.store(true, std::memory_order_release);
}

void StickTable::take_changed(std::vector<Name>& to) {
  if (!changed_.exchange(false, std::memory_order_acquire)) return;
  for (std::uint32_t number = 0; number < kShards; ++number) {
    Shard& shard = shards_[number];
    const std::lock_guard hold(shard.lock);
    for (const std::uint32_t changed : shard.changed) {
      at(shard, changed).changed = false;
      to.push_back({number, changed});
    }
    shard.changed.clear();
  }
}

StickTable::Hold StickTable::named(const Name& name, std::uint64_t now_ms) {
  Shard& shard = shards_[name.shard];
  std::unique_lock lock(shard.lock);
  shard.now_ms = std::max(shard.now_ms, now_ms);
  Entry& entry = at(shard, name.number);
  if (!entry.alive || is_over(shard, entry)) return {};
  return {*this, std::move(lock), &entry, shard.now_ms};
}

bool StickTable::forget(std::string_view key) {
  const std::uint32_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  const std::lock_guard hold(shard.lock);
  Entry* entry = look_up(shard, hash, key, shard.now_ms);
  if (entry == nullptr) return true;
  if (entry->trackers != 0) return false;
  drop(shard, *entry);
  return true;
}

// Entries by their numbers, some of one shard and then some of the next: who walks so meets each entry that is there all
// the while once, and empty buckets not at all.
void StickTable::each(std::size_t first, std::size_t count, std::uint64_t now_ms,
                      const std::function<void(Hold&)>& visit) {
  for (std::size_t place = first; place < first + count;) {
    const std::size_t run = place / kRun;
    const std::size_t end = std::min(first + count, (run + 1) * kRun);
    const std::size_t before = run / kShards * kRun;  // Of this shard.
    Shard& shard = shards_[run % kShards];
    std::unique_lock lock(shard.lock);
    shard.now_ms = std::max(shard.now_ms, now_ms);
    for (; place < end; ++place) {
      const std::size_t number = before + place % kRun + 1;
      if (number > shard.made) break;
      Entry& entry = at(shard, static_cast<std::uint32_t>(number));
      if (!entry.alive || is_over(shard, entry)) continue;
      Hold hold(*this, std::move(lock), &entry, shard.now_ms);
      visit(hold);
      lock = std::move(hold.lock_);
    }
    place = end;
  }
}

std::size_t StickTable::places() {
  std::size_t most = 0;
  for (Shard& shard : shards_) {
    const std::lock_guard hold(shard.lock);
    most = std::max<std::size_t>(most, shard.made);
  }
  return (most + kRun - 1) / kRun * kRun * kShards;
}

void StickTable::learn(StickTable& other) {
  struct Known {
    std::string key;
    std::uint64_t used_ms = 0;
    std::optional<Mark> mark;
    std::vector<std::uint64_t> values;
  };
  constexpr std::size_t kAtOnce = 1024;
  for (std::size_t place = 0; place < other.places(); place += kAtOnce) {
    std::vector<Known> all;
    other.each(place, kAtOnce, 0, [&](Hold& hold) {
      Known& known = all.emplace_back();
      known.key = hold.key();
      known.used_ms = hold.entry_->used_ms;
      if (hold.mark() != nullptr) known.mark = *hold.mark();
      known.values = values_of(hold);
    });
    for (const Known& known : all) {
      Hold hold = make(known.key, known.used_ms);
      if (!hold) return;
      if (known.mark) hold.set_mark(*known.mark);
      auto value = known.values.begin();
      for (const config::StickTable::Stored& stored : line_.store) {
        for (std::uint32_t i = 0; i < stored.count; ++i) hold.set(stored.data, *value++, i);
      }
      hold.entry_->used_ms = known.used_ms;
    }
  }
}

// What this table stores of it; who is connected is counted where it began.
std::vector<std::uint64_t> StickTable::values_of(const Hold& hold) const {
  std::vector<std::uint64_t> values;
  for (const config::StickTable::Stored& stored : line_.store) {
    for (std::uint32_t i = 0; i < stored.count; ++i)
      values.push_back(stored.data == Data::ConnCur ? 0 : hold.value(stored.data, i).value_or(0));
  }
  return values;
}

std::uint32_t StickTable::hash_of(std::string_view key) const { return static_cast<std::uint32_t>(xxh64(key, seed_)); }

StickTable::Entry& StickTable::at(const Shard& shard, std::uint32_t number) const {
  const std::uint32_t place = number - 1;
  std::byte* page = shard.pages[place >> page_bits_].get();
  return *reinterpret_cast<Entry*>(page + (place & ((1u << page_bits_) - 1)) * entry_size_);
}

std::string_view StickTable::key_of(const Entry& entry) const {
  const auto* inside = reinterpret_cast<const std::byte*>(&entry) + rounded(sizeof(Entry));
  if (long_keys_) return {load<const char*>(inside), entry.key_size};
  return {reinterpret_cast<const char*>(inside), entry.key_size};
}

std::byte* StickTable::data_of(Entry& entry) const {
  return reinterpret_cast<std::byte*>(&entry) + rounded(sizeof(Entry)) + key_room_;
}

StickTable::Place StickTable::place_of(Data data, std::uint32_t element) const {
  const auto slot_of = [this](Data wanted) { return &slots_[static_cast<std::size_t>(wanted)]; };
  const Slot* slot = slot_of(data);
  if (slot->count == 0) {
    if (data == Data::Gpt0) slot = slot_of(Data::Gpt);
    if (data == Data::Gpc0 || data == Data::Gpc1) slot = slot_of(Data::Gpc);
    if (data == Data::Gpc0Rate || data == Data::Gpc1Rate) slot = slot_of(Data::GpcRate);
    if (data == Data::Gpc1 || data == Data::Gpc1Rate) element = 1;
  }
  if (element >= slot->count) return {};
  return {slot, element};
}

StickTable::Entry* StickTable::look_up(Shard& shard, std::uint32_t hash, std::string_view key, std::uint64_t now_ms) {
  shard.now_ms = std::max(shard.now_ms, now_ms);
  for (std::uint32_t number = shard.buckets[hash & shard.mask]; number != 0;) {
    Entry& entry = at(shard, number);
    number = entry.next;
    if (entry.hash != hash || key_of(entry) != key) continue;
    if (!is_over(shard, entry)) return &entry;
    drop(shard, entry);
    return nullptr;
  }
  return nullptr;
}

bool StickTable::is_over(const Shard& shard, const Entry& entry) const {
  const std::uint64_t expire_ms = expire_ms_.load(std::memory_order_relaxed);
  return expire_ms != 0 && entry.trackers == 0 && shard.now_ms - std::min(shard.now_ms, entry.used_ms) >= expire_ms;
}

StickTable::Entry& StickTable::add(Shard& shard, std::uint32_t hash, std::string_view key) {
  if (shard.free == 0) {
    const std::uint32_t count = 1u << page_bits_;
    shard.pages.push_back(std::make_unique<std::byte[]>(count * entry_size_));
    for (std::uint32_t i = count; i > 0; --i) {
      const std::uint32_t number = shard.made + i;
      Entry* entry = new (&at(shard, number)) Entry{};
      entry->number = number;
      entry->next = std::exchange(shard.free, number);
    }
    shard.made += count;
  }
  Entry& entry = at(shard, shard.free);
  shard.free = entry.next;
  entry.hash = hash;
  entry.alive = true;
  entry.mark = nullptr;
  entry.trackers = 0;
  entry.key_size = static_cast<std::uint32_t>(key.size());
  auto* inside = reinterpret_cast<std::byte*>(&entry) + rounded(sizeof(Entry));
  std::memset(inside, 0, entry_size_ - rounded(sizeof(Entry)));
  if (long_keys_) {
    auto space = std::make_unique<char[]>(key.size());
    store(inside, space.get());
    inside = reinterpret_cast<std::byte*>(space.release());
  }
  if (!key.empty()) std::memcpy(inside, key.data(), key.size());
  entry.next = std::exchange(shard.buckets[hash & shard.mask], entry.number);
  link_newest(shard, entry);
  used_.fetch_add(1, std::memory_order_relaxed);
  return entry;
}

// Of all shards the entry goes that was used least lately; a few, if the size is another one now. Under `nopurge` it
// must be over.
void StickTable::make_room(std::uint64_t now_ms) {
  for (int i = 0; i < kDroppedAtOnce && used_.load(std::memory_order_relaxed) >= most(); ++i) {
    const auto oldest = std::min_element(shards_.begin(), shards_.end(), [](const Shard& a, const Shard& b) {
      return a.oldest_ms.load(std::memory_order_relaxed) < b.oldest_ms.load(std::memory_order_relaxed);
    });
    const std::lock_guard hold(oldest->lock);
    oldest->now_ms = std::max(oldest->now_ms, now_ms);
    if (oldest->oldest == 0) return;
    Entry& entry = at(*oldest, oldest->oldest);
    if (no_purge_.load(std::memory_order_relaxed) && !is_over(*oldest, entry)) return;
    drop(*oldest, entry);
  }
}

void StickTable::drop(Shard& shard, Entry& entry) {
  std::uint32_t* link = &shard.buckets[entry.hash & shard.mask];
  while (*link != entry.number) link = &at(shard, *link).next;
  *link = entry.next;
  if (entry.trackers == 0) unlink(shard, entry);
  if (long_keys_) delete[] key_of(entry).data();
  entry.alive = false;
  entry.next = std::exchange(shard.free, entry.number);
  used_.fetch_sub(1, std::memory_order_relaxed);
}

void StickTable::drop_over(Shard& shard, std::size_t most) {
  for (std::size_t i = 0; i < most && shard.oldest != 0; ++i) {
    Entry& entry = at(shard, shard.oldest);
    if (!is_over(shard, entry)) return;
    drop(shard, entry);
  }
}

void StickTable::unlink(Shard& shard, Entry& entry) {
  (entry.older == 0 ? shard.oldest : at(shard, entry.older).newer) = entry.newer;
  (entry.newer == 0 ? shard.newest : at(shard, entry.newer).older) = entry.older;
  const std::uint64_t oldest_ms = shard.oldest == 0 ? ~0ull : at(shard, shard.oldest).used_ms;
  shard.oldest_ms.store(oldest_ms, std::memory_order_relaxed);
}

void StickTable::link_newest(Shard& shard, Entry& entry) {
  entry.used_ms = shard.now_ms;
  entry.older = shard.newest;
  entry.newer = 0;
  (shard.newest == 0 ? shard.oldest : at(shard, shard.newest).newer) = entry.number;
  shard.newest = entry.number;
  if (shard.oldest == entry.number) shard.oldest_ms.store(entry.used_ms, std::memory_order_relaxed);
}

void StickTable::use(Shard& shard, Entry& entry) {
  entry.used_ms = shard.now_ms;
  if (entry.trackers != 0) return;
  unlink(shard, entry);
  link_newest(shard, entry);
}

const StickTable::Mark* StickTable::kept(const Mark& mark, std::size_t most) {
  knows_servers_.store(true, std::memory_order_relaxed);
  const std::lock_guard hold(marks_lock_);
  const auto known = std::find(marks_.begin(), marks_.end(), mark);
  if (known != marks_.end()) return &*known;
  return marks_.size() >= most ? nullptr : &marks_.emplace_back(mark);
}

// The registry.

std::shared_ptr<StickTable> StickTableRegistry::table(const std::string& proxy, const config::StickTable& line) {
  const std::string keys = format("{} {}", static_cast<int>(line.key), line.length);
  std::string stored;
  for (const config::StickTable::Stored& each : line.store)
    append_format(stored, "{} {} {},", static_cast<int>(each.data), each.count, each.period_ms);
  std::vector<Known>& known = tables_[proxy];
  const auto same = [&](const Known& each) { return each.keys == keys && each.stored == stored; };
  const auto found = std::find_if(known.begin(), known.end(), same);
  if (found != known.end()) return found->table;
  auto made = std::make_shared<StickTable>(line);
  const auto before = std::find_if(known.rbegin(), known.rend(), [&](const Known& each) { return each.keys == keys; });
  if (before != known.rend()) made->learn(*before->table);
  known.push_back({keys, stored, made});
  return made;
}

void StickTableRegistry::sweep() {
  for (auto& [proxy, known] : tables_)
    std::erase_if(known, [](const Known& each) { return each.table.use_count() == 1; });
  std::erase_if(tables_, [](const auto& entry) { return entry.second.empty(); });
}

}  // namespace penstock
