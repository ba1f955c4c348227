// Memory of what comes and goes with each connection: a worker keeps some for the next ones, since a connection may last
// no longer than one short request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace penstock {

// A base. What derives from it lives and dies on one worker, as blocks do.
class Reused {
 public:
  static void* operator new(std::size_t size) {
    const std::size_t size_class = class_of(size);
    Piece* const piece = size_class < kClasses ? kept_.first[size_class] : nullptr;
    if (piece == nullptr) return make(size);
    kept_.first[size_class] = piece->next;
    --kept_.count[size_class];
    return piece;
  }
  static void operator delete(void* memory, std::size_t size) {
    const std::size_t size_class = class_of(size);
    if (size_class >= kClasses || kept_.count[size_class] >= kMost) return std::free(memory);
    auto* const piece = static_cast<Piece*>(memory);
    piece->next = kept_.first[size_class];
    kept_.first[size_class] = piece;
    ++kept_.count[size_class];
  }

  // Frees what this thread keeps; Block::free_kept() calls it.
  static void free_kept();

 private:
  // What was one: the way to the next.
  struct Piece {
    Piece* next;
  };
  static constexpr std::size_t kClasses = 64;
#if defined(__SANITIZE_ADDRESS__)
  static constexpr std::uint32_t kMost = 0;  // Whoever uses what is gone is to be seen.
#else
  static constexpr std::uint32_t kMost = 16;
#endif
  // In each class as much as malloc gives without more: steps of 16, less the 8 that it has for itself.
  static constexpr std::size_t class_of(std::size_t size) { return (size + 7) / 16; }
  static constexpr std::size_t room_of(std::size_t size_class) { return size_class * 16 + 8; }
  struct Kept {
    Piece* first[kClasses] = {};
    std::uint32_t count[kClasses] = {};
  };
  static constinit thread_local Kept kept_;
  static void* make(std::size_t size);
};

}  // namespace penstock
