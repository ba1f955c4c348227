#include "tls_memory.h"

#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <mutex>

namespace penstock {
namespace {

// Classes of sizes, header included: multiples of 16 up to 1024, then 64 to each doubling, so that
// no more than a sixty-fourth is lost. What is larger is mapped alone.
constexpr std::size_t kStep = 16;
constexpr std::size_t kStepBits = 6;
constexpr std::size_t kSteps = 1 << kStepBits;
constexpr std::size_t kSmallest = kStep * kSteps;
constexpr std::size_t kLargest = 64 * 1024;
constexpr std::size_t kClasses = kSteps + kSteps * std::bit_width(kLargest / kSmallest - 1);
constexpr std::size_t kChunk = 1024 * 1024;
constexpr std::size_t kLimit = std::size_t{1} << 31;

// Before each piece in use: what was asked for, and its class, kClasses for one that is mapped
// alone. One that is free has the way to the next in its place.
struct Header {
  std::uint32_t size;
  std::uint32_t size_class;
};
union Piece {
  Header header;
  Piece* next;
};
static_assert(sizeof(Piece) == 8);

constexpr std::size_t class_of(std::size_t whole) {
  if (whole <= kSmallest) return (whole - 1) / kStep;
  const std::size_t shift = static_cast<std::size_t>(std::bit_width(whole - 1)) - kStepBits - 1;
  return kSteps * (shift - 3) + ((whole - 1) >> shift) - kSteps;
}

constexpr std::size_t room_of(std::size_t size_class) {
  if (size_class < kSteps) return kStep * (size_class + 1);
  const std::size_t doubling = size_class / kSteps;
  return (kSteps + size_class % kSteps + 1) << (doubling + 3);
}

constexpr bool classes_hold() {
  for (std::size_t whole = 1; whole <= kLargest; ++whole) {
    const std::size_t c = class_of(whole);
    if (c >= kClasses || room_of(c) < whole || (c > 0 && room_of(c - 1) >= whole)) return false;
    whole += whole < 4096 ? 0 : 61;
  }
  return class_of(kLargest) == kClasses - 1 && room_of(kClasses - 1) == kLargest;
}
static_assert(classes_hold());

// How many pieces pass between a thread and the others at once; a thread keeps twice as many for
// itself.
constexpr std::size_t batch_of(std::size_t size_class) {
  return std::clamp<std::size_t>(4096 / room_of(size_class), 2, 64);
}

void* map(std::size_t size) {
  void* pages = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  ::madvise(pages, size, MADV_DONTDUMP);
  return pages;
}

struct List {
  Piece* first = nullptr;
  std::size_t count = 0;

  void push(Piece* piece) {
    piece->next = first;
    first = piece;
    ++count;
  }
  Piece* pop() {
    Piece* piece = first;
    first = piece->next;
    --count;
    return piece;
  }
};

// What no thread keeps for itself.
class Store {
 public:
  // As many of a class as a thread takes at once; none if there is no memory left.
  void fetch(std::size_t size_class, List& out) {
    const std::lock_guard<std::mutex> hold(lock_);
    List& mine = lists_[size_class];
    for (std::size_t wanted = batch_of(size_class); wanted > 0; --wanted) {
      Piece* piece = mine.first != nullptr ? mine.pop() : cut(room_of(size_class));
      if (piece == nullptr) return;
      out.push(piece);
    }
  }
  void put(std::size_t size_class, List& from, std::size_t count) {
    const std::lock_guard<std::mutex> hold(lock_);
    for (; count > 0; --count) lists_[size_class].push(from.pop());
  }

 private:
  Piece* cut(std::size_t room) {
    if (left_ < room) {
      void* chunk = map(kChunk);
      if (chunk == nullptr) return nullptr;
      at_ = static_cast<char*>(chunk);
      left_ = kChunk;
    }
    Piece* piece = reinterpret_cast<Piece*>(at_);
    at_ += room;
    left_ -= room;
    return piece;
  }

  std::mutex lock_;
  List lists_[kClasses];
  char* at_ = nullptr;
  std::size_t left_ = 0;
};

// The library's memory is the process's, as malloc's is.
constinit Store tls_memory_store;

struct Kept {
  List lists[kClasses];
  bool ended = false;
};
constinit thread_local Kept t_kept;

// When its thread ends, what that kept goes to the others.
struct Ending {
  ~Ending() {
    for (std::size_t c = 0; c < kClasses; ++c) tls_memory_store.put(c, t_kept.lists[c], t_kept.lists[c].count);
    t_kept.ended = true;
  }
  void begin() {}
};
thread_local Ending t_ending;

void fetch(std::size_t size_class) {
  if (!t_kept.ended) t_ending.begin();
  tls_memory_store.fetch(size_class, t_kept.lists[size_class]);
}

void* in_use(Piece* piece, std::size_t size, std::size_t size_class) {
  piece->header = {static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(size_class)};
  return piece + 1;
}

Piece* piece_of(void* memory) { return static_cast<Piece*>(memory) - 1; }

}  // namespace

void* take_tls_memory(std::size_t size) {
  if (size > kLimit) return nullptr;
  const std::size_t whole = size + sizeof(Piece);
  if (whole > kLargest) {
    void* pages = map(whole);
    return pages == nullptr ? nullptr : in_use(static_cast<Piece*>(pages), size, kClasses);
  }
  const std::size_t size_class = class_of(whole);
  List& list = t_kept.lists[size_class];
  if (list.first == nullptr) fetch(size_class);
  return list.first == nullptr ? nullptr : in_use(list.pop(), size, size_class);
}

void give_back_tls_memory(void* memory) {
  Piece* piece = piece_of(memory);
  const Header header = piece->header;
  if (header.size_class == kClasses) {
    ::munmap(piece, header.size + sizeof(Piece));
    return;
  }
  ::explicit_bzero(memory, header.size);
  List& list = t_kept.lists[header.size_class];
  list.push(piece);
  const std::size_t batch = batch_of(header.size_class);
  if (list.count > 2 * batch || t_kept.ended)
    tls_memory_store.put(header.size_class, list, std::min(batch, list.count));
}

std::size_t tls_memory_size(const void* memory) { return (static_cast<const Piece*>(memory) - 1)->header.size; }

}  // namespace penstock
