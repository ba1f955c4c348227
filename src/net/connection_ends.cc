// Connection, of its ends: where they are, and how the system is to treat what is sent there.
#include <netinet/in.h>
#include <sys/socket.h>

#include "penstock/net/connection.h"

namespace penstock {

Connection::Ends& Connection::ends() {
  if (!ends_) ends_ = std::make_unique<Ends>();
  return *ends_;
}

bool Connection::has_peer() const {
  return is_unix_ || (ends_ && !ends_->peer.empty()) || !SocketAddress::peer_of(descriptor()).empty();
}

const SocketAddress& Connection::peer() {
  SocketAddress& peer = ends().peer;
  if (peer.empty()) peer = SocketAddress::peer_of(descriptor());
  return peer;
}

const SocketAddress& Connection::local() {
  SocketAddress& local = ends().local;
  if (local.empty()) local = SocketAddress::local_of(descriptor());
  return local;
}

void Connection::set_peer(const SocketAddress& address) {
  ends().peer = address;
  renamed_ = true;
}

void Connection::set_local(const SocketAddress& address) {
  ends().local = address;
  renamed_ = true;
}

void Connection::set_tos(int tos) {
  if (is_unix_) return;
  const bool is_ip6 = SocketAddress::local_of(descriptor()).is_ip6();
  // An IPv4 client of an IPv6 socket takes the first.
  setsockopt(descriptor(), IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
  if (is_ip6) setsockopt(descriptor(), IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}

void Connection::set_mark(std::uint32_t mark) {
  if (!is_unix_) setsockopt(descriptor(), SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

}  // namespace penstock
