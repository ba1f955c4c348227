#include "penstock/net/outbox.h"

#include <new>

namespace penstock {
namespace {

constexpr std::size_t kPackedCapacity = 4 * 1024;

}  // namespace

void Outbox::grow() {
  static_assert(16 * sizeof(Slice) <= kSmallBlockSize);
  const std::uint32_t capacity = capacity_ == 0 ? 16 : capacity_ * 2;
  Block* const ring = Block::take(capacity * sizeof(Slice));
  auto* const items = reinterpret_cast<Slice*>(ring->data());
  for (std::uint32_t i = 0; i < count_; ++i) {
    Slice& old = this->items()[(first_ + i) & (capacity_ - 1)];
    new (items + i) Slice(std::move(old));
    old.~Slice();
  }
  if (ring_ != nullptr) ring_->drop_use();
  ring_ = ring;
  capacity_ = capacity;
  first_ = 0;
}

void Outbox::append(Slice slice) {
  if (slice.empty()) return;
  if (count_ == capacity_) grow();
  open_ = false;
  bytes_ += slice.size();
  new (items() + ((first_ + count_) & (capacity_ - 1))) Slice(std::move(slice));
  ++count_;
}

void Outbox::append(std::string_view text) {
  while (!text.empty()) {
    if (tail_.room() == 0) {
      tail_.start(text.size() > kPackedCapacity ? kBlockSize : kPackedCapacity);
      open_ = false;
    }
    const std::size_t count = text.size() < tail_.room() ? text.size() : tail_.room();
    std::memcpy(tail_.space(), text.data(), count);
    Slice slice = tail_.filled(count);
    text.remove_prefix(count);
    if (open_ && count_ != 0) {
      Slice& last = items()[(first_ + count_ - 1) & (capacity_ - 1)];
      last = std::move(last).extended(count);
      bytes_ += count;
      continue;
    }
    append(std::move(slice));
    open_ = true;
  }
}

void Outbox::remove(std::size_t count) {
  require(count <= bytes_);
  bytes_ -= count;
  while (count != 0) {
    Slice& slice = items()[first_];
    if (count < slice.size()) return slice.remove_prefix(count);
    count -= slice.size();
    slice.~Slice();
    first_ = (first_ + 1) & (capacity_ - 1);
    --count_;
  }
  if (count_ != 0 || ring_ == nullptr) return;
  ring_->drop_use();
  ring_ = nullptr;
  capacity_ = first_ = 0;
  open_ = false;
  tail_.reset();
}

}  // namespace penstock
