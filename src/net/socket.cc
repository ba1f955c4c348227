#include "penstock/net/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "penstock/base/format.h"

namespace penstock {
namespace {

Error system_error(std::string_view what, const SocketAddress& address) {
  const int reason = errno;
  std::string text = format("{} {}: {}", what, address.text(), std::strerror(reason));
  if (reason == EADDRINUSE) text += " (does another program listen there?)";
  if (reason == EACCES) text += " (ports below 1024 need root or CAP_NET_BIND_SERVICE)";
  if (reason == EADDRNOTAVAIL) text += " (no interface of this machine has this address)";
  return Error{text};
}

void switch_on(int fd, int level, int option) {
  const int on = 1;
  setsockopt(fd, level, option, &on, sizeof(on));
}

bool listen_for_any_address(int fd, bool is_ip6) {
  const int on = 1;
  if (is_ip6) return setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on)) == 0;
  return setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on)) == 0;
}

// A socket file left by a process that is gone would refuse the bind; one that answers is in use.
// A unix socket that stands in the file system.
bool has_path(const SocketAddress& address) {
  return address.is_unix() && reinterpret_cast<const sockaddr_un*>(address.raw())->sun_path[0] != 0;
}

void remove_dead_socket(const SocketAddress& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return;
  if (::connect(probe, address.raw(), address.length()) != 0 && errno == ECONNREFUSED) ::unlink(address.text().c_str());
  ::close(probe);
}

// From the source's address and `port`; 0: any.
int bind_source(int fd, const SocketOptions& options, std::uint16_t port) {
  SocketAddress source = options.source;
  source.set_port(port);
  // A port may serve several servers at once, and again before its last connection is forgotten.
  if (port != 0)
    switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
  else
    switch_on(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
  return ::bind(fd, source.raw(), source.length()) == 0 ? 0 : errno;
}

// With system calls of our own: libuv's way asks the system more often, and knows no abstract names.
Descriptor connect_from_port(const SocketAddress& address, const SocketOptions& options, std::uint16_t port,
                             int& error) {
  Descriptor fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  error = fd ? 0 : errno;
  if (error == 0 && !address.is_unix()) {
    switch_on(fd.get(), IPPROTO_TCP, TCP_NODELAY);
    set_options(fd.get(), options);
    if (!options.source.empty()) error = bind_source(fd.get(), options, port);
  }
  // A unix socket connects at once or not at all.
  if (error == 0 && ::connect(fd.get(), address.raw(), address.length()) != 0 && errno != EINPROGRESS) error = errno;
  return error == 0 ? std::move(fd) : Descriptor();
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Descriptor> Descriptor::duplicate() const {
  const int fd = fcntl(fd_, F_DUPFD_CLOEXEC, 3);
  if (fd < 0) return Error{format("cannot duplicate descriptor {}: {}", fd_, std::strerror(errno))};
  return Descriptor(fd);
}

void set_options(int fd, const SocketOptions& options) {
  const auto set = [fd](int level, int name, int value) {
    if (value != 0) setsockopt(fd, level, name, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_KEEPALIVE, options.keep_alive ? 1 : 0);
  set(IPPROTO_TCP, TCP_KEEPIDLE, options.keep_alive_idle_s);
  set(IPPROTO_TCP, TCP_KEEPINTVL, options.keep_alive_interval_s);
  set(IPPROTO_TCP, TCP_KEEPCNT, options.keep_alive_probes);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(options.user_timeout_ms));
  set(SOL_SOCKET, SO_SNDBUF, options.send_buffer);
  set(SOL_SOCKET, SO_RCVBUF, options.receive_buffer);
}

void change_options(int fd, const SocketOptions& options) {
  const int off = 0;
  if (!options.keep_alive) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof(off));
  set_options(fd, options);
}

Result<Descriptor> listen_on(const SocketAddress& address, const ListenOptions& options) {
  Descriptor fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("cannot make a socket for", address);
  if (address.is_unix()) {
    if (!options.replace || ::unlink(address.text().c_str()) != 0) remove_dead_socket(address);
  } else {
    switch_on(fd.get(), SOL_SOCKET, SO_REUSEADDR);
    switch_on(fd.get(), SOL_SOCKET, SO_REUSEPORT);
    // Accepted connections inherit it.
    switch_on(fd.get(), IPPROTO_TCP, TCP_NODELAY);
    if (address.is_ip6()) {
      const int only = options.v6_only ? 1 : 0;
      setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
    }
    if (options.transparent && !listen_for_any_address(fd.get(), address.is_ip6())) {
      return system_error("cannot be transparent (needs root or CAP_NET_ADMIN) at", address);
    }
    if (options.defer_accept) {
      const int seconds = 60;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
    }
    if (options.fast_open) {
      const int waiting = options.backlog;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_FASTOPEN, &waiting, sizeof(waiting));
    }
    if (!options.interface.empty() && setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, options.interface.c_str(),
                                                 static_cast<socklen_t>(options.interface.size() + 1)) != 0) {
      return system_error(format("cannot bind to interface {} at", options.interface), address);
    }
  }
  if (::bind(fd.get(), address.raw(), address.length()) != 0) return system_error("cannot bind", address);
  if (has_path(address)) {
    if (options.mode >= 0 && ::chmod(address.text().c_str(), static_cast<mode_t>(options.mode)) != 0) {
      return system_error("cannot change the mode of", address);
    }
    if ((options.uid >= 0 || options.gid >= 0) &&
        ::chown(address.text().c_str(), static_cast<uid_t>(options.uid), static_cast<gid_t>(options.gid)) != 0) {
      return system_error("cannot change the owner of", address);
    }
  }
  if (::listen(fd.get(), options.backlog) != 0) return system_error("cannot listen on", address);
  return fd;
}

Descriptor begin_to_connect(const SocketAddress& address, const SocketOptions& options, std::uint64_t turn,
                            int& error) {
  const std::uint16_t first = options.source.empty() ? 0 : options.source.port();
  // Ports of a range are tried from one of them on that differs from connection to connection.
  const unsigned count = first == 0 ? 1 : options.source_ports + 1u;
  const auto start = static_cast<unsigned>(turn % count);
  Descriptor fd;
  for (unsigned i = 0; i < count; ++i) {
    fd = connect_from_port(address, options, static_cast<std::uint16_t>(first + (start + i) % count), error);
    if (error != EADDRINUSE && error != EADDRNOTAVAIL) break;
  }
  return fd;
}

Result<Descriptor> datagrams_to(const SocketAddress& address) {
  Result<Descriptor> fd = datagram_socket(address);
  if (!fd) return fd;
  if (connect_datagrams(fd->get(), address) != 0) return system_error("cannot send datagrams to", address);
  return fd;
}

Result<Descriptor> datagram_socket(const SocketAddress& address) {
  Descriptor fd(::socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("cannot make a socket for", address);
  // A large line should not be refused for want of room.
  const int room = 1 << 20;
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
  return fd;
}

int connect_datagrams(int fd, const SocketAddress& address) {
  // Other threads may be sending meanwhile. The kernel allows that; ThreadSanitizer, which takes
  // connect() for the making of a descriptor, would not.
  return ::syscall(SYS_connect, fd, address.raw(), address.length()) == 0 ? 0 : errno;
}

bool send_datagram(int fd, std::string_view bytes) {
  int reason = try_send_datagram(fd, bytes);
  // A connected UDP socket reports the refusal of the datagram before; this one was not sent yet.
  if (reason == ECONNREFUSED) reason = try_send_datagram(fd, bytes);
  return reason == 0;
}

int try_send_datagram(int fd, std::string_view bytes) {
  return ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ? 0 : errno;
}

void make_close_a_reset(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

bool is_abandoned(int fd) {
  pollfd peer{fd, 0, 0};
  return ::poll(&peer, 1, 0) == 1 && (peer.revents & (POLLHUP | POLLERR)) != 0;
}

bool is_quiet(int fd) {
  char byte;
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR);
}

void make_close_silent(int fd) {
  const int on = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) == 0) return;
  // Without the right to that: a reset, whose life ends with this machine's network.
  setsockopt(fd, IPPROTO_IP, IP_TTL, &on, sizeof(on));
  setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &on, sizeof(on));
  make_close_a_reset(fd);
}

std::uint64_t raise_descriptor_limit(std::uint64_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (wanted > limit.rlim_cur) {
    rlimit raised = limit;
    raised.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (wanted > limit.rlim_max) {
      rlimit beyond{wanted, wanted};
      if (setrlimit(RLIMIT_NOFILE, &beyond) == 0) return wanted;
    }
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return raised.rlim_cur;
  }
  return limit.rlim_cur;
}

}  // namespace penstock
