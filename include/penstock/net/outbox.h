// Bytes waiting to be sent on one connection, in order: slices as they came, small texts packed
// into blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "penstock/base/block.h"

namespace penstock {

// One slice, as nearly all that is sent at once is, or a ring of slices that grows on demand. An empty box holds no
// memory.
class Outbox {
 public:
  Outbox() : ring_{} {}
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  ~Outbox() { clear(); }

  bool empty() const { return count_ == 0; }
  std::size_t bytes() const { return holds_one() ? one_.size() : ring_.bytes; }
  std::size_t slices() const { return count_; }
  // Copies; consecutive texts share a block and one slice.
  void append(std::string_view text);
  // Takes the slice as it is.
  void append(Slice slice);
  // Room for a text of at least `least` bytes, up to kMostSpace, and how much there is: what is put there is said by
  // wrote(), before anything else is asked of the box.
  static constexpr std::size_t kMostSpace = 4 * 1024;
  char* space(std::size_t least) {
    if (tail_.room() < least) start_tail(least);
    return tail_.space();
  }
  std::size_t room() const { return tail_.room(); }
  void wrote(std::size_t count);
  // The i-th slice, 0 being the next to go.
  const Slice& peek(std::size_t index) const { return holds_one() ? one_ : item(static_cast<std::uint32_t>(index)); }
  // The first `count` bytes are gone.
  void remove(std::size_t count);
  void clear() { remove(bytes()); }

 private:
  struct Ring {
    Block* block;            // Null: there is none.
    std::uint32_t capacity;  // A power of two.
    std::uint32_t first;
    std::size_t bytes;
  };
  bool holds_one() const { return count_ == 1 && !is_ring_; }
  Slice* items() const { return reinterpret_cast<Slice*>(ring_.block->data()); }
  Slice& item(std::uint32_t index) const { return items()[(ring_.first + index) & (ring_.capacity - 1)]; }
  Slice& last() { return is_ring_ ? item(count_ - 1) : one_; }
  void start_tail(std::size_t least);
  void make_ring();
  void grow();
  void forget_tail();

  union {
    Slice one_;  // If holds_one().
    Ring ring_;
  };
  std::uint32_t count_ = 0;
  bool is_ring_ = false;
  bool open_ = false;
  Filling tail_;  // Where texts are packed; its end is the last slice's while open_.
};

}  // namespace penstock
