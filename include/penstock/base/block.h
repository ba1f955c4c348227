// Memory for bytes on the move: blocks of a few sizes on a free list of their worker, and slices,
// counted views into them. Nothing here is thread safe: a block lives and dies on one worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "penstock/base/require.h"

namespace penstock {

// For what a transaction needs besides bytes.
constexpr std::size_t kSmallBlockSize = 472;
// One TLS record's plaintext, and as much as talk ever needs at once.
constexpr std::size_t kBlockSize = 16 * 1024;
// What a direction in bulk is read with at once.
constexpr std::size_t kGulpSize = 256 * 1024;

// Bytes with a count of the slices that look at them. Handled through Slice and SpaceIn only.
class Block {
 public:
  // A block of at least `capacity` bytes, count 1. Sizes up to 472 bytes, 4, 16, 64 and 256 KiB come
  // from this thread's free list; larger ones from the heap each time.
  static Block* take(std::size_t capacity = kBlockSize) {
    const std::uint32_t size_class = class_of(capacity);
    Block* const block = size_class < kSizeClasses ? kept_.first[size_class] : nullptr;
    if (block == nullptr) return make(size_class, capacity);
    kept_.first[size_class] = block->next_kept_;
    --kept_.count[size_class];
    block->uses_ = 1;
    return block;
  }
  void add_use() { ++uses_; }
  void drop_use() {
    if (--uses_ == 0) give_back();
  }
  // A block of which nothing is needed but that `held` lives as long as it.
  static Block* hold(std::shared_ptr<const void> held);
  bool shared() const { return uses_ > 1; }
  char* data() { return reinterpret_cast<char*>(this + 1); }
  std::size_t capacity() const { return capacity_; }

  // Frees what this thread keeps for later; called when a worker ends.
  static void free_kept();
  // Bytes of blocks in use by this thread, kept ones not counted.
  static std::size_t bytes_in_use();
  // Of those, the ones above 16 KiB that a thread keeps: gulps.
  static std::size_t gulps_in_use();

 private:
  static constexpr std::size_t kCapacities[] = {kSmallBlockSize, 4 * 1024, 16 * 1024, 64 * 1024, 256 * 1024};
  static constexpr std::uint32_t kSizeClasses = 5;
  // What a worker has, and what of that it keeps for its next turn.
  struct Kept {
    Block* first[kSizeClasses] = {};
    std::size_t count[kSizeClasses] = {};
    std::size_t made[kSizeClasses] = {};  // Kept or in use.
    std::size_t large = 0;                // Bytes of those above all classes.
  };
  // The worker's own, as Reused::kept_ is.
  static constinit thread_local Kept kept_;

  static constexpr std::uint32_t class_of(std::size_t capacity) {
    std::uint32_t size_class = 0;
    while (size_class < kSizeClasses && kCapacities[size_class] < capacity) ++size_class;
    return size_class;
  }
  static std::size_t in_use(std::uint32_t size_class) {
    return (kept_.made[size_class] - kept_.count[size_class]) * kCapacities[size_class];
  }
  static Block* make(std::uint32_t size_class, std::size_t capacity);
  void give_back();
  void let_go();
  void free();
  std::uint32_t uses_ = 1;
  std::uint32_t size_class_ = 0;
  std::size_t capacity_ = 0;
  Block* next_kept_ = nullptr;
  std::size_t holds_ = 0;  // 1: something in data(); see hold(). Keeps data() aligned to 16.
};

// A base of what comes and goes with each transaction: it lives in a block, so that none of it costs an
// allocation, and a connection that waits for its next request holds none of it.
struct InBlock {
  static void* operator new(std::size_t size) { return Block::take(size)->data(); }
  static void operator delete(void* memory) { (static_cast<Block*>(memory) - 1)->drop_use(); }
};

// A counted view. Copying counts the block once more; bytes never move while a slice looks at them.
class Slice {
 public:
  Slice() = default;
  // Takes over one count of `block`.
  Slice(Block* block, const char* begin, std::size_t size) : block_(block), begin_(begin), size_(size) {}
  Slice(const Slice& other) : block_(other.block_), begin_(other.begin_), size_(other.size_) {
    if (block_ != nullptr) block_->add_use();
  }
  Slice(Slice&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)), begin_(other.begin_), size_(std::exchange(other.size_, 0)) {}
  Slice& operator=(Slice other) noexcept {
    std::swap(block_, other.block_);
    std::swap(begin_, other.begin_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Slice() {
    if (block_ != nullptr) block_->drop_use();
  }

  // Bytes that live as long as the program: literals.
  static Slice literal(std::string_view text) { return Slice(nullptr, text.data(), text.size()); }
  // A copy of `text` in a block of its own.
  static Slice copy(std::string_view text);

  const char* data() const { return begin_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {begin_, size_}; }

  // A part of this slice; counts the block once more.
  Slice part(std::size_t offset, std::size_t size) const {
    require(offset <= size_ && size <= size_ - offset);
    if (block_ != nullptr) block_->add_use();
    return Slice(block_, begin_ + offset, size);
  }
  // The part that `bytes`, a view into this slice, covers.
  Slice part(std::string_view bytes) const {
    return part(static_cast<std::size_t>(bytes.data() - begin_), bytes.size());
  }
  // Bytes that live as long as what this slice looks at.
  Slice beside(std::string_view bytes) const {
    if (block_ != nullptr) block_->add_use();
    return Slice(block_, bytes.data(), bytes.size());
  }
  void remove_prefix(std::size_t count) {
    require(count <= size_);
    begin_ += count;
    size_ -= count;
  }
  // By the `count` bytes behind it in its block, which must have been written.
  void extend(std::size_t count) { size_ += count; }
  void clear() { *this = Slice(); }

 private:
  Block* block_ = nullptr;
  const char* begin_ = nullptr;
  std::size_t size_ = 0;
};

// A block being filled from its start. What was written is taken as slices while filling goes on.
class Filling {
 public:
  Filling() = default;
  Filling(const Filling&) = delete;
  Filling& operator=(const Filling&) = delete;
  ~Filling() { reset(); }

  bool has_block() const { return block_ != nullptr; }
  // Drops the old block and starts one of at least `capacity`.
  void start(std::size_t capacity) {
    reset();
    block_ = Block::take(capacity);
  }
  void reset() {
    if (block_ != nullptr) block_->drop_use();
    block_ = nullptr;
    used_ = 0;
  }
  char* space() { return block_->data() + used_; }
  std::size_t room() const { return block_ == nullptr ? 0 : block_->capacity() - used_; }
  std::size_t used() const { return used_; }
  // Nobody else looks at the block: what was filled can be filled anew.
  bool sole() const { return block_ != nullptr && !block_->shared(); }
  void rewind() { used_ = 0; }
  // The bytes [space(), space() + count) are now written; the slice shows them.
  Slice filled(std::size_t count) {
    require(count <= room());
    block_->add_use();
    Slice slice(block_, space(), count);
    used_ += count;
    return slice;
  }
  // The same, where a slice that is there already is extended to show them.
  void extend(std::size_t count) {
    require(count <= room());
    used_ += count;
  }
  void unfill(std::size_t count) {
    require(count <= used_);
    used_ -= count;
  }
  // Copies `text` in; there must be room.
  void append(std::string_view text) {
    require(text.size() <= room());
    if (!text.empty()) std::memcpy(space(), text.data(), text.size());
    used_ += text.size();
  }
  std::string_view view() const {
    return block_ == nullptr ? std::string_view() : std::string_view(block_->data(), used_);
  }
  // All that was written, as one slice.
  Slice all() const {
    if (block_ == nullptr) return {};
    block_->add_use();
    return Slice(block_, block_->data(), used_);
  }

 private:
  Block* block_ = nullptr;
  std::size_t used_ = 0;
};

}  // namespace penstock
