#include "penstock/rules/value.h"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace penstock::rules {

bool Ip::of(const SocketAddress& address, Ip& out) {
  const std::string_view bytes = address.ip_bytes();
  if (bytes.empty()) return false;
  out.is6 = bytes.size() == 16;
  std::memcpy(out.bytes, bytes.data(), bytes.size());
  return true;
}

bool Ip::parse(std::string_view text, Ip& out) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof(terminated)) return false;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  out.is6 = text.find(':') != std::string_view::npos;
  return inet_pton(out.is6 ? AF_INET6 : AF_INET, terminated, out.bytes) == 1;
}

std::string_view Ip::write(char* space) const {
  inet_ntop(is6 ? AF_INET6 : AF_INET, bytes, space, 64);
  return space;
}

}  // namespace penstock::rules
