#include "penstock/base/block.h"

#include <cstdlib>
#include <new>

namespace penstock {
namespace {

constexpr std::size_t kCapacities[] = {kSmallBlockSize, 4 * 1024, 16 * 1024, 64 * 1024, 256 * 1024};
constexpr std::uint32_t kSizeClasses = 5;
constexpr std::uint32_t kNoClass = kSizeClasses;
// What a worker keeps for its next turn; beyond it, memory goes back to the system.
constexpr std::size_t kKeptLimit[] = {512, 256, 128, 16, 8};

struct Kept {
  Block* first[kSizeClasses] = {};
  std::size_t count[kSizeClasses] = {};
  std::size_t in_use[kSizeClasses + 1] = {};  // Bytes.
};

// The worker's block cache: the one thread_local of the program.
thread_local Kept t_kept;

}  // namespace

// Apart, so that taking what was kept costs no more than that.
[[gnu::noinline]] Block* Block::make(std::uint32_t size_class, std::size_t capacity) {
  const std::size_t size = size_class < kSizeClasses ? kCapacities[size_class] : capacity;
  void* memory = std::malloc(sizeof(Block) + size);
  require(memory != nullptr);
  auto* block = new (memory) Block;
  block->capacity_ = size;
  block->size_class_ = size_class;
  t_kept.in_use[size_class] += size;
  return block;
}

Block* Block::take(std::size_t capacity) {
  std::uint32_t size_class = 0;
  while (size_class < kSizeClasses && kCapacities[size_class] < capacity) ++size_class;
  Block* const block = size_class < kSizeClasses ? t_kept.first[size_class] : nullptr;
  if (block == nullptr) return make(size_class, capacity);
  t_kept.first[size_class] = block->next_kept_;
  --t_kept.count[size_class];
  t_kept.in_use[size_class] += block->capacity_;
  block->uses_ = 1;
  return block;
}

void Block::give_back() {
  t_kept.in_use[size_class_] -= capacity_;
  if (size_class_ == kNoClass || t_kept.count[size_class_] >= kKeptLimit[size_class_]) return std::free(this);
  next_kept_ = t_kept.first[size_class_];
  t_kept.first[size_class_] = this;
  ++t_kept.count[size_class_];
}

void Block::free_kept() {
  for (std::uint32_t c = 0; c < kSizeClasses; ++c) {
    while (t_kept.first[c] != nullptr) {
      Block* block = t_kept.first[c];
      t_kept.first[c] = block->next_kept_;
      std::free(block);
    }
    t_kept.count[c] = 0;
  }
}

std::size_t Block::bytes_in_use() {
  std::size_t sum = 0;
  for (const std::size_t bytes : t_kept.in_use) sum += bytes;
  return sum;
}

std::size_t Block::gulps_in_use() { return t_kept.in_use[kSizeClasses - 2] + t_kept.in_use[kSizeClasses - 1]; }

Slice Slice::copy(std::string_view text) {
  Block* block = Block::take(text.size());
  if (!text.empty()) std::memcpy(block->data(), text.data(), text.size());
  return Slice(block, block->data(), text.size());
}

}  // namespace penstock
