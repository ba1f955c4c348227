// Bytes waiting to be sent on one connection, in order: slices as they came, small texts packed
// into blocks.
#pragma once

#include <cstddef>
#include <string_view>

#include "penstock/base/block.h"

namespace penstock {

// A ring of slices that grows on demand and gives its memory back when empty for long.
class Outbox {
 public:
  Outbox() = default;
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  ~Outbox();

  bool empty() const { return count_ == 0; }
  std::size_t bytes() const { return bytes_; }
  std::size_t slices() const { return count_; }
  // The largest slice taken since the box was last empty: how bulky this traffic is.
  std::size_t largest() const { return largest_; }
  // Copies; consecutive texts share a block and one slice.
  void append(std::string_view text);
  // Takes the slice as it is.
  void append(Slice slice);
  // The i-th slice, 0 being the next to go.
  const Slice& peek(std::size_t index) const { return items_[(first_ + index) & (capacity_ - 1)]; }
  // The first `count` bytes are gone.
  void remove(std::size_t count);
  void clear();
  // Frees what an empty box need not keep.
  void shrink();

 private:
  void grow();
  Slice* items_ = nullptr;  // Ring; capacity_ is a power of two.
  std::size_t capacity_ = 0;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::size_t largest_ = 0;
  Filling tail_;           // Where texts are packed; its end is the last slice's while open_.
  bool open_ = false;
};

}  // namespace penstock
