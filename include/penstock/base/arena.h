// Bump allocation that lives as long as one transaction: what rules write, what the log will need.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "penstock/base/block.h"

namespace penstock {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { clear(); }

  void* allocate(std::size_t size, std::size_t alignment = alignof(std::max_align_t)) {
    std::size_t at = (used_ + alignment - 1) & ~(alignment - 1);
    if (block_ == nullptr || at > block_->capacity() || size > block_->capacity() - at)
      return allocate_in_new_block(size);
    used_ = at + size;
    return block_->data() + at;
  }
  // A copy that lives as long as the arena.
  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    char* to = static_cast<char*>(allocate(text.size(), 1));
    std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }
  std::string_view concat(std::initializer_list<std::string_view> parts) {
    std::size_t size = 0;
    for (std::string_view part : parts) size += part.size();
    char* to = static_cast<char*>(allocate(size, 1));
    char* at = to;
    for (std::string_view part : parts) {
      if (!part.empty()) std::memcpy(at, part.data(), part.size());
      at += part.size();
    }
    return {to, size};
  }
  // No destructor will run.
  template <class T, class... Arguments>
  T* make(Arguments&&... arguments) {
    static_assert(std::is_trivially_destructible_v<T>);
    return new (allocate(sizeof(T), alignof(T))) T(std::forward<Arguments>(arguments)...);
  }
  // Frees all at once.
  void clear();
  // Bytes of blocks held.
  std::size_t held() const { return held_; }

 private:
  // The first bytes of each block point to the block before it.
  void* allocate_in_new_block(std::size_t size);
  Block* block_ = nullptr;
  std::size_t used_ = 0;
  std::size_t held_ = 0;
};

// A growing array in an arena; what it outgrows stays until the arena goes.
template <class T>
class ArenaVector {
 public:
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

  void push_back(Arena& arena, const T& value) {
    if (size_ == capacity_) grow(arena);
    items_[size_++] = value;
  }
  void erase(std::size_t index) {
    require(index < size_);
    std::memmove(static_cast<void*>(items_ + index), items_ + index + 1, (size_ - index - 1) * sizeof(T));
    --size_;
  }
  void clear() { size_ = 0; }
  // Forgets the memory too; to be called when the arena was cleared.
  void forget() { *this = ArenaVector(); }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](std::size_t index) { return items_[index]; }
  const T& operator[](std::size_t index) const { return items_[index]; }
  T* begin() { return items_; }
  T* end() { return items_ + size_; }
  const T* begin() const { return items_; }
  const T* end() const { return items_ + size_; }

 private:
  void grow(Arena& arena) {
    const std::size_t capacity = capacity_ == 0 ? 16 : capacity_ * 2;
    T* items = static_cast<T*>(arena.allocate(capacity * sizeof(T), alignof(T)));
    if (size_ != 0) std::memcpy(static_cast<void*>(items), items_, size_ * sizeof(T));
    items_ = items;
    capacity_ = capacity;
  }
  T* items_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace penstock
