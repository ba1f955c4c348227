#include "penstock/tables/cache.h"

#include <algorithm>
#include <random>
#include <utility>

#include "penstock/base/xxhash.h"

namespace penstock {
namespace {

// Of one answer beside its texts: itself, its places in the tables, and what the allocator adds to each piece.
constexpr std::uint64_t kOverhead = sizeof(CachedAnswer) + 384;

}  // namespace

Cache::Cache(const config::Cache& line)
    : name_(line.name), seed_(std::uint64_t{std::random_device()()} << 32 | std::random_device()()) {
  set_limits(line);
}

Cache::~Cache() = default;

void Cache::set_limits(const config::Cache& line) {
  size_.store(line.size, std::memory_order_relaxed);
  object_size_.store(line.object_size, std::memory_order_relaxed);
  max_age_s_.store(line.max_age_s, std::memory_order_relaxed);
  most_variants_.store(line.most_variants, std::memory_order_relaxed);
  varies_.store(line.process_vary, std::memory_order_relaxed);
  while (used_->load(std::memory_order_relaxed) > line.size && make_room()) {
  }
}

std::uint64_t Cache::hash_of(std::string_view key) const { return xxh3(key, seed_); }

void Cache::note_oldest(Shard& shard) {
  shard.oldest_ms.store(shard.by_use.empty() ? UINT64_MAX : shard.by_use.front().asked_ms, std::memory_order_relaxed);
}

// Of those of one hash.
template <class Which>
void Cache::drop_some(Shard& shard, std::uint64_t hash, Gone& gone, Which which) {
  const auto found = shard.groups.find(hash);
  if (found == shard.groups.end()) return;
  std::erase_if(found->second, [&](const std::unique_ptr<Kept>& kept) {
    if (!which(*kept->answer)) return false;
    kept_bytes_.fetch_sub(kept->answer->taken, std::memory_order_relaxed);
    gone.push_back(std::move(kept->answer));
    return true;
  });
  if (found->second.empty()) shard.groups.erase(found);
  note_oldest(shard);
}

std::shared_ptr<const CachedAnswer> Cache::find(std::string_view key, const caching::Asked& asked,
                                                std::uint64_t now_ms) {
  const std::uint64_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  Gone gone;
  const std::lock_guard hold(shard.lock);
  const auto found = shard.groups.find(hash);
  if (found == shard.groups.end()) return nullptr;
  Group& group = found->second;
  for (std::size_t i = group.size(); i-- > 0;) {
    Kept& kept = *group[i];
    if (kept.answer->key != key || !kept.answer->variant.fits(asked)) continue;
    if (kept.answer->over_ms <= now_ms) break;
    kept.asked_ms = now_ms;
    kept.unlink();
    shard.by_use.push_back(kept);
    note_oldest(shard);
    return kept.answer;
  }
  drop_some(shard, hash, gone, [&](const CachedAnswer& answer) { return answer.over_ms <= now_ms; });
  return nullptr;
}

bool Cache::take_room(CachedAnswer& answer, std::uint64_t bytes) {
  if (!answer.used) {
    answer.used = used_;
    bytes += kOverhead + answer.key.size() + answer.text.size() + answer.fields.size() * sizeof(Field);
  }
  for (;;) {
    std::uint64_t used = used_->load(std::memory_order_relaxed);
    while (used + bytes <= size_.load(std::memory_order_relaxed)) {
      if (!used_->compare_exchange_weak(used, used + bytes, std::memory_order_relaxed)) continue;
      answer.taken += bytes;
      return true;
    }
    if (!make_room()) return false;
  }
}

void Cache::give_back(CachedAnswer& answer, std::uint64_t bytes) {
  answer.used->fetch_sub(bytes, std::memory_order_relaxed);
  answer.taken -= bytes;
}

// The oldest of all shards goes, as far as that can be seen without their locks.
bool Cache::make_room() {
  std::array<std::pair<std::uint64_t, Shard*>, kShards> by_age;
  for (std::size_t i = 0; i < kShards; ++i)
    by_age[i] = {shards_[i].oldest_ms.load(std::memory_order_relaxed), &shards_[i]};
  std::sort(by_age.begin(), by_age.end());
  return std::any_of(by_age.begin(), by_age.end(), [this](const auto& entry) { return drop_oldest(*entry.second); });
}

// What somebody reads would free no memory.
bool Cache::drop_oldest(Shard& shard) {
  constexpr std::size_t kMostReadOnes = 64;
  Gone gone;
  const std::lock_guard hold(shard.lock);
  for (std::size_t tried = 0; tried < kMostReadOnes && !shard.by_use.empty(); ++tried) {
    Kept& kept = shard.by_use.front();
    if (kept.answer.use_count() == 1) {
      const CachedAnswer& oldest = *kept.answer;
      drop_some(shard, oldest.hash, gone, [&](const CachedAnswer& one) { return &one == &oldest; });
      return true;
    }
    kept.unlink();
    shard.by_use.push_back(kept);
  }
  note_oldest(shard);
  return false;
}

void Cache::keep(std::unique_ptr<CachedAnswer> answer, std::uint64_t now_ms) {
  answer->hash = hash_of(answer->key);
  Shard& shard = shard_of(answer->hash);
  Gone gone;
  const std::lock_guard hold(shard.lock);
  const bool is_for_all = answer->variant.vary == caching::kVaryNothing;
  drop_some(shard, answer->hash, gone, [&](const CachedAnswer& one) {
    return is_for_all || one.over_ms <= now_ms || one.variant == answer->variant ||
           one.variant.vary == caching::kVaryNothing;
  });
  Group& group = shard.groups[answer->hash];
  if (!group.empty() && group.size() >= most_variants_.load(std::memory_order_relaxed)) return;
  kept_bytes_.fetch_add(answer->taken, std::memory_order_relaxed);
  auto kept = std::make_unique<Kept>();
  kept->asked_ms = now_ms;
  kept->answer = std::move(answer);
  shard.by_use.push_back(*kept);
  group.push_back(std::move(kept));
  note_oldest(shard);
}

void Cache::forget(std::string_view key) {
  const std::uint64_t hash = hash_of(key);
  Shard& shard = shard_of(hash);
  Gone gone;
  const std::lock_guard hold(shard.lock);
  drop_some(shard, hash, gone, [](const CachedAnswer&) { return true; });
}

std::uint64_t Cache::room() const {
  const std::uint64_t size = size_.load(std::memory_order_relaxed);
  const std::uint64_t used = used_->load(std::memory_order_relaxed);
  const std::uint64_t can_go = kept_bytes_.load(std::memory_order_relaxed);
  return std::min(size, size + can_go - std::min(size + can_go, used));
}

std::size_t Cache::places() {
  std::size_t most = 1;
  for (Shard& shard : shards_) {
    const std::lock_guard hold(shard.lock);
    most = std::max(most, shard.groups.bucket_count());
  }
  return most * kShards;
}

void Cache::each(std::size_t place, const std::function<void(const Seen&)>& visit) {
  Shard& shard = shards_[place % kShards];
  const std::size_t bucket = place / kShards;
  const std::lock_guard hold(shard.lock);
  if (bucket >= shard.groups.bucket_count()) return;
  for (auto at = shard.groups.begin(bucket); at != shard.groups.end(bucket); ++at) {
    for (const auto& kept : at->second) visit({*kept->answer, kept->answer.use_count() - 1});
  }
}

}  // namespace penstock
