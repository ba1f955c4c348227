#include "penstock/base/secret.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "penstock/base/require.h"

namespace penstock {
namespace {

constexpr std::size_t kFirstRoom = 16 * 1024;

}  // namespace

// Whole pages of its own, so that what is said of them concerns nobody else.
class Secret::Room {
 public:
  explicit Room(std::size_t size) : mapped_(std::max<std::size_t>(size, 1)) {
    void* pages = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(pages != MAP_FAILED);
    ::madvise(pages, mapped_, MADV_DONTDUMP);
    at_ = static_cast<char*>(pages);
  }
  ~Room() {
    ::explicit_bzero(at_, used_);
    ::munmap(at_, mapped_);
  }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  // Pages move to where there is room for more of them; nothing is copied.
  void grow() {
    void* pages = ::mremap(at_, mapped_, 2 * mapped_, MREMAP_MAYMOVE);
    require(pages != MAP_FAILED);
    at_ = static_cast<char*>(pages);
    mapped_ *= 2;
  }
  void append(std::string_view text) {
    if (!text.empty()) std::memcpy(at_ + used_, text.data(), text.size());
    used_ += text.size();
  }
  char* free() { return at_ + used_; }
  std::size_t left() const { return mapped_ - used_; }
  void taken(std::size_t count) { used_ += count; }
  std::string_view view() const { return {at_, used_}; }
  void advise(int what) const { ::madvise(at_, mapped_, what); }

 private:
  char* at_;
  std::size_t mapped_;
  std::size_t used_ = 0;
};

Secret::Secret(std::shared_ptr<const Room> room) : room_(std::move(room)) {}

Secret::Secret(std::string_view text) {
  if (!text.empty()) *this = joined(text, {});
}

Secret Secret::joined(std::string_view first, std::string_view second) {
  auto room = std::make_shared<Room>(first.size() + second.size());
  room->append(first);
  room->append(second);
  return Secret(std::move(room));
}

std::unique_ptr<Secret> Secret::read(int fd) {
  auto room = std::make_shared<Room>(kFirstRoom);
  for (;;) {
    if (room->left() == 0) room->grow();
    const ssize_t count = ::read(fd, room->free(), room->left());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return nullptr;
    if (count == 0) return std::unique_ptr<Secret>(new Secret(std::move(room)));
    room->taken(static_cast<std::size_t>(count));
  }
}

std::string_view Secret::view() const { return room_ == nullptr ? std::string_view() : room_->view(); }

void Secret::hide_from_forks(bool on) const {
  if (room_ != nullptr) room_->advise(on ? MADV_WIPEONFORK : MADV_KEEPONFORK);
}

[[gnu::noinline]] void wipe_stack(std::size_t size) {
  char* space = static_cast<char*>(__builtin_alloca(size));
  // Whatever copied a secret may have left it in vector registers, which the dynamic linker saves on the stack when it
  // comes to look something up. Copies of zeros through the same registers.
  void* (*volatile copy)(void*, const void*, std::size_t) = std::memmove;
  ::explicit_bzero(space, size);
  for (std::size_t count = 16; count <= 1024; count *= 2) copy(space, space + 2048, count);
}

}  // namespace penstock
