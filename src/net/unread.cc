#include "penstock/net/unread.h"

#include <sys/socket.h>

#include <cstddef>

namespace penstock {

void forget_unread(int fd) {
  constexpr std::size_t kGulp = std::size_t{1} << 20;
  static_cast<void>(recv(fd, nullptr, kGulp, MSG_DONTWAIT | MSG_TRUNC));
}

}  // namespace penstock
