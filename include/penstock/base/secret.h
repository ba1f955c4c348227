// Texts that are nobody else's business: private keys on their way from file to TLS.
#pragma once

#include <string.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace penstock {

// Text that lies in one place only: mapped apart from all else, left out of core dumps, wiped when its
// last holder goes. Copies share it.
class Secret {
 public:
  Secret() = default;
  Secret(std::string_view text);
  Secret(const std::string& text) : Secret(std::string_view(text)) {}
  Secret(const char* text) : Secret(std::string_view(text)) {}
  // All that can be read from `fd`; none, and errno, if it cannot.
  static std::unique_ptr<Secret> read(int fd);
  static Secret joined(std::string_view first, std::string_view second);

  std::string_view view() const;
  bool empty() const { return view().empty(); }
  // While on, a process forked off finds zeros in its place.
  void hide_from_forks(bool on) const;

 private:
  class Room;
  explicit Secret(std::shared_ptr<const Room> room);
  std::shared_ptr<const Room> room_;
};

// For a text that holds secrets for a while: what it leaves behind is wiped, also as it grows.
template <class T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <class Other>
  WipingAllocator(const WipingAllocator<Other>&) {}
  T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* at, std::size_t count) {
    ::explicit_bzero(at, count * sizeof(T));
    std::allocator<T>().deallocate(at, count);
  }
  bool operator==(const WipingAllocator&) const { return true; }
};
using WipedText = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

// Wipes what calls that have returned left on the stack: buffers of a library, vector registers that the dynamic
// linker has saved there.
// `size`: how deep those calls went, in bytes, at least 4096.
void wipe_stack(std::size_t size = 64 * 1024);

}  // namespace penstock
