#include "penstock/net/outbox.h"

#include <cstring>
#include <new>
#include <utility>

namespace penstock {
void Outbox::make_ring() {
  constexpr std::uint32_t kFirst = 16;
  static_assert(kFirst * sizeof(Slice) <= kSmallBlockSize);
  const std::size_t bytes = one_.size();
  Block* const block = Block::take(kFirst * sizeof(Slice));
  new (block->data()) Slice(std::move(one_));
  one_.~Slice();
  ring_ = {block, kFirst, 0, bytes};
  is_ring_ = true;
}

void Outbox::grow() {
  const std::uint32_t capacity = ring_.capacity * 2;
  Block* const block = Block::take(capacity * sizeof(Slice));
  auto* const items = reinterpret_cast<Slice*>(block->data());
  for (std::uint32_t i = 0; i < count_; ++i) {
    new (items + i) Slice(std::move(item(i)));
    item(i).~Slice();
  }
  ring_.block->drop_use();
  ring_ = {block, capacity, 0, ring_.bytes};
}

void Outbox::append(Slice slice) {
  if (slice.empty()) return;
  open_ = false;
  if (count_ == 0 && !is_ring_) {
    new (&one_) Slice(std::move(slice));
    count_ = 1;
    return;
  }
  if (!is_ring_) make_ring();
  if (count_ == ring_.capacity) grow();
  ring_.bytes += slice.size();
  new (&item(count_)) Slice(std::move(slice));
  ++count_;
}

[[gnu::noinline]] void Outbox::start_tail(std::size_t least) {
  tail_.start(least > kMostSpace ? kBlockSize : kMostSpace);
  open_ = false;
}

void Outbox::wrote(std::size_t count) {
  if (count == 0) return;
  if (open_ && count_ != 0) {
    tail_.extend(count);
    last().extend(count);
    if (is_ring_) ring_.bytes += count;
    return;
  }
  append(tail_.filled(count));
  open_ = true;
}

void Outbox::append(std::string_view text) {
  while (!text.empty()) {
    if (tail_.room() == 0) start_tail(text.size());
    const std::size_t count = text.size() < tail_.room() ? text.size() : tail_.room();
    std::memcpy(tail_.space(), text.data(), count);
    text.remove_prefix(count);
    wrote(count);
  }
}

void Outbox::remove(std::size_t count) {
  require(count <= bytes());
  if (!is_ring_) {
    if (count_ == 0) return forget_tail();
    if (count < one_.size()) return one_.remove_prefix(count);
    one_.~Slice();
    count_ = 0;
    ring_ = {};
    return forget_tail();
  }
  ring_.bytes -= count;
  while (count != 0) {
    Slice& slice = item(0);
    if (count < slice.size()) return slice.remove_prefix(count);
    count -= slice.size();
    slice.~Slice();
    ring_.first = (ring_.first + 1) & (ring_.capacity - 1);
    --count_;
  }
  if (count_ != 0) return;
  ring_.block->drop_use();
  ring_ = {};
  is_ring_ = false;
  forget_tail();
}

void Outbox::forget_tail() {
  open_ = false;
  tail_.reset();
}

}  // namespace penstock
