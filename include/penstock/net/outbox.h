// Bytes waiting to be sent on one connection, in order: slices as they came, small texts packed
// into blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "penstock/base/block.h"

namespace penstock {

// A ring of slices that grows on demand. An empty box holds no memory.
class Outbox {
 public:
  Outbox() = default;
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  ~Outbox() { clear(); }

  bool empty() const { return count_ == 0; }
  std::size_t bytes() const { return bytes_; }
  std::size_t slices() const { return count_; }
  // Copies; consecutive texts share a block and one slice.
  void append(std::string_view text);
  // Takes the slice as it is.
  void append(Slice slice);
  // The i-th slice, 0 being the next to go.
  const Slice& peek(std::size_t index) const { return items()[(first_ + index) & (capacity_ - 1)]; }
  // The first `count` bytes are gone.
  void remove(std::size_t count);
  void clear() { remove(bytes_); }

 private:
  Slice* items() const { return reinterpret_cast<Slice*>(ring_->data()); }
  void grow();
  Block* ring_ = nullptr;
  std::uint32_t capacity_ = 0;  // A power of two.
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
  bool open_ = false;
  std::size_t bytes_ = 0;
  Filling tail_;  // Where texts are packed; its end is the last slice's while open_.
};

}  // namespace penstock
