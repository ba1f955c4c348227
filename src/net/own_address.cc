#include "penstock/net/own_address.h"

#include <sys/socket.h>
#include <unistd.h>

namespace penstock {

bool is_own_address(const SocketAddress& address) {
  if (address.ip_bytes().empty()) return address.is_unix();
  SocketAddress any_port = address;
  any_port.set_port(0);
  const int descriptor = ::socket(any_port.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  const bool bound = ::bind(descriptor, any_port.raw(), any_port.length()) == 0;
  ::close(descriptor);
  return bound;
}

}  // namespace penstock
