#include "penstock/net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>

#include "penstock/base/format.h"

namespace penstock {
namespace {

const sockaddr_in* ip4(const sockaddr* address) { return reinterpret_cast<const sockaddr_in*>(address); }
const sockaddr_in6* ip6(const sockaddr* address) { return reinterpret_cast<const sockaddr_in6*>(address); }
const sockaddr_un* un(const sockaddr* address) { return reinterpret_cast<const sockaddr_un*>(address); }

using Ask = int (*)(int, sockaddr*, socklen_t*);
SocketAddress answer_of(Ask ask, int fd) {
  sockaddr_storage answer{};
  socklen_t length = sizeof(answer);
  auto* address = reinterpret_cast<sockaddr*>(&answer);
  return ask(fd, address, &length) == 0 ? SocketAddress(address, length) : SocketAddress();
}

}  // namespace

SocketAddress::SocketAddress(const sockaddr* address, socklen_t length)
    : length_(std::min(length, static_cast<socklen_t>(std::tuple_size_v<Long> - 1))) {
  if (length_ > kShort) long_ = std::make_unique<Long>();
  if (length_ != 0) std::memcpy(long_ ? long_->data() : short_, address, length_);  // No address may be a null one.
}

bool SocketAddress::from_ip(std::string_view ip, std::uint16_t port, SocketAddress& out) {
  const std::string text(ip.empty() || ip == "*" ? std::string_view("0.0.0.0") : ip);
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    out = SocketAddress(reinterpret_cast<sockaddr*>(&v4), sizeof(v4));
    return true;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) != 1) return false;
  out = SocketAddress(reinterpret_cast<sockaddr*>(&v6), sizeof(v6));
  return true;
}

SocketAddress SocketAddress::unix_path(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t size = std::min(path.size(), sizeof(address.sun_path) - 1);
  std::memcpy(address.sun_path, path.data(), size);
  return SocketAddress(reinterpret_cast<sockaddr*>(&address),
                       static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size + 1));
}

SocketAddress SocketAddress::abstract(std::string_view name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t size = std::min(name.size(), sizeof(address.sun_path) - 1);
  std::memcpy(address.sun_path + 1, name.data(), size);
  return SocketAddress(reinterpret_cast<sockaddr*>(&address),
                       static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + size));
}

Result<SocketAddress> SocketAddress::resolve(const std::string& name, std::uint16_t port, int ip) {
  SocketAddress address;
  if (from_ip(name, port, address)) return address;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = ip == 4 ? AF_INET : ip == 6 ? AF_INET6 : AF_UNSPEC;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int status = getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (status != 0) return Error{format("cannot resolve '{}': {}", name, gai_strerror(status))};
  // In the order of the system (RFC 6724), as HAProxy takes them.
  address = SocketAddress(found->ai_addr, found->ai_addrlen);
  address.set_port(port);
  freeaddrinfo(found);
  return address;
}

std::optional<SocketAddress> SocketAddress::from_bytes(std::string_view bytes) {
  if (bytes.empty()) return SocketAddress();
  if (bytes.size() < sizeof(sa_family_t) || bytes.size() > sizeof(sockaddr_un)) return std::nullopt;
  SocketAddress out(reinterpret_cast<const sockaddr*>(bytes.data()), static_cast<socklen_t>(bytes.size()));
  const bool is_whole = (out.family() == AF_INET && bytes.size() == sizeof(sockaddr_in)) ||
                        (out.family() == AF_INET6 && bytes.size() == sizeof(sockaddr_in6)) || out.family() == AF_UNIX;
  if (!is_whole) return std::nullopt;
  return out;
}

SocketAddress SocketAddress::local_of(int fd) { return answer_of(getsockname, fd); }

// Of a connection that its peer has reset getpeername() knows nothing any more, SO_PEERNAME does, which takes no more
// room than the address needs.
SocketAddress SocketAddress::peer_of(int fd) {
  sockaddr_in6 answer{};
  auto* address = reinterpret_cast<sockaddr*>(&answer);
  socklen_t length = sizeof(sockaddr_in);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERNAME, address, &length) == 0) {
    if (address->sa_family == AF_INET) return {address, length};
    length = sizeof(answer);
    const bool is_ip6 = address->sa_family == AF_INET6;
    if (is_ip6 && getsockopt(fd, SOL_SOCKET, SO_PEERNAME, address, &length) == 0) return {address, length};
  }
  return answer_of(getpeername, fd);
}

std::uint16_t SocketAddress::port() const {
  if (is_ip4()) return ntohs(ip4(raw())->sin_port);
  if (is_ip6()) return ntohs(ip6(raw())->sin6_port);
  return 0;
}

void SocketAddress::set_port(std::uint16_t port) {
  if (is_ip4()) reinterpret_cast<sockaddr_in*>(short_)->sin_port = htons(port);
  if (is_ip6()) reinterpret_cast<sockaddr_in6*>(short_)->sin6_port = htons(port);
}

std::string_view SocketAddress::ip_bytes() const {
  if (is_ip4()) return {reinterpret_cast<const char*>(&ip4(raw())->sin_addr), 4};
  if (is_ip6()) return {reinterpret_cast<const char*>(&ip6(raw())->sin6_addr), 16};
  return {};
}

std::string_view SocketAddress::write_ip(char* space) const {
  if (!is_ip4() && !is_ip6()) return "unix";
  if (is_ip4()) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(ip_bytes().data());
    char* at = space;
    for (int i = 0; i < 4; ++i) {
      if (i != 0) *at++ = '.';
      const unsigned value = bytes[i];
      if (value >= 100) *at++ = static_cast<char>('0' + value / 100);
      if (value >= 10) *at++ = static_cast<char>('0' + value / 10 % 10);
      *at++ = static_cast<char>('0' + value % 10);
    }
    return {space, static_cast<std::size_t>(at - space)};
  }
  inet_ntop(family(), ip_bytes().data(), space, 64);
  return space;
}

std::string SocketAddress::ip_text() const {
  char space[64];
  return std::string(write_ip(space));
}

std::string SocketAddress::text() const {
  if (is_ip4()) return format("{}:{}", ip_text(), port());
  if (is_ip6()) return format("[{}]:{}", ip_text(), port());
  if (!is_unix()) return "";
  const std::size_t size = length_ - offsetof(sockaddr_un, sun_path);
  if (size == 0) return "unix";
  const char* path = un(raw())->sun_path;
  if (path[0] != '\0') return std::string(path);
  return "abns@" + std::string(path + 1, size - 1);
}

bool read_path_facts(int descriptor, PathFacts& out) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  out = {info.tcpi_rtt,     info.tcpi_rttvar,  info.tcpi_unacked, info.tcpi_sacked,
         info.tcpi_fackets, info.tcpi_retrans, info.tcpi_lost,    info.tcpi_reordering};
  return true;
}

}  // namespace penstock
