#include "penstock/base/block.h"

#include <cstdlib>
#include <new>
#include <utility>

#include "penstock/base/reused.h"

namespace penstock {
namespace {

// What a worker keeps for its next turn; beyond it, memory goes back to the system.
constexpr std::size_t kKeptLimit[] = {512, 256, 128, 16, 8};

}  // namespace

constinit thread_local Block::Kept Block::kept_;
constinit thread_local Reused::Kept Reused::kept_;

// As large as its class, for whoever takes it next.
[[gnu::noinline]] void* Reused::make(std::size_t size) {
  void* memory = std::malloc(room_of(class_of(size)));
  require(memory != nullptr);
  return memory;
}

void Reused::free_kept() {
  for (std::size_t c = 0; c < kClasses; ++c) {
    while (Piece* piece = kept_.first[c]) {
      kept_.first[c] = piece->next;
      std::free(piece);
    }
    kept_.count[c] = 0;
  }
}

// Apart, so that taking what was kept costs no more than that.
[[gnu::noinline]] Block* Block::make(std::uint32_t size_class, std::size_t capacity) {
  const std::size_t size = size_class < kSizeClasses ? kCapacities[size_class] : capacity;
  void* memory = std::malloc(sizeof(Block) + size);
  require(memory != nullptr);
  auto* block = new (memory) Block;
  block->capacity_ = size;
  block->size_class_ = size_class;
  if (size_class < kSizeClasses)
    ++kept_.made[size_class];
  else
    kept_.large += size;
  return block;
}

[[gnu::noinline]] void Block::free() {
  if (size_class_ < kSizeClasses)
    --kept_.made[size_class_];
  else
    kept_.large -= capacity_;
  std::free(this);
}

Block* Block::hold(std::shared_ptr<const void> held) {
  using Held = std::shared_ptr<const void>;
  static_assert(sizeof(Held) <= kSmallBlockSize);
  Block* block = take(sizeof(Held));
  new (block->data()) Held(std::move(held));
  block->holds_ = 1;
  return block;
}

void Block::let_go() {
  using Held = std::shared_ptr<const void>;
  holds_ = 0;
  std::destroy_at(std::launder(reinterpret_cast<Held*>(data())));
}

void Block::give_back() {
  if (holds_ != 0) let_go();
  if (size_class_ >= kSizeClasses || kept_.count[size_class_] >= kKeptLimit[size_class_]) return free();
  next_kept_ = kept_.first[size_class_];
  kept_.first[size_class_] = this;
  ++kept_.count[size_class_];
}

void Block::free_kept() {
  Reused::free_kept();
  for (std::uint32_t c = 0; c < kSizeClasses; ++c) {
    while (kept_.first[c] != nullptr) {
      Block* block = kept_.first[c];
      kept_.first[c] = block->next_kept_;
      block->free();
    }
    kept_.count[c] = 0;
  }
}

std::size_t Block::bytes_in_use() {
  std::size_t sum = kept_.large;
  for (std::uint32_t c = 0; c < kSizeClasses; ++c) sum += in_use(c);
  return sum;
}

std::size_t Block::gulps_in_use() { return in_use(kSizeClasses - 2) + in_use(kSizeClasses - 1); }

Slice Slice::copy(std::string_view text) {
  Block* block = Block::take(text.size());
  if (!text.empty()) std::memcpy(block->data(), text.data(), text.size());
  return Slice(block, block->data(), text.size());
}

}  // namespace penstock
