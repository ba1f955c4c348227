// Listening sockets and datagram sockets: made, bound, handed over. Plain descriptors, owned.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "penstock/base/result.h"
#include "penstock/net/address.h"

namespace penstock {

// Owns one descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }
  // Another descriptor of the same thing, closed on exec.
  Result<Descriptor> duplicate() const;

 private:
  int fd_ = -1;
};

struct ListenOptions {
  int backlog = 1024;
  bool v6_only = false;
  bool transparent = false;
  bool defer_accept = false;
  bool fast_open = false;
  std::string interface;
  // Unix sockets: whoever listens at the path gives way; permission bits and owner, if given.
  bool replace = false;
  int mode = -1;
  int uid = -1;
  int gid = -1;
};

struct SocketOptions {
  bool keep_alive = false;
  // 0: the system's.
  int keep_alive_idle_s = 0;
  int keep_alive_interval_s = 0;
  int keep_alive_probes = 0;
  unsigned user_timeout_ms = 0;
  int send_buffer = 0;
  int receive_buffer = 0;
  SocketAddress source;            // To connect from; empty: the system's choice.
  std::uint16_t source_ports = 0;  // So many ports behind the source's own may be taken too.
};
// All but the source, on a new socket.
void set_options(int fd, const SocketOptions& options);
// The same on one that may have had others. What a listening socket accepts from now on inherits them.
void change_options(int fd, const SocketOptions& options);

// Bound and listening, non-blocking. IP sockets share their port (SO_REUSEPORT): one for each worker.
Result<Descriptor> listen_on(const SocketAddress& address, const ListenOptions& options);
// A stream socket on its way to `address`, by the options' source if they have one; or none, with the system's
// errno. Where the source is a range of ports, those behind the `turn`th are tried first.
Descriptor begin_to_connect(const SocketAddress& address, const SocketOptions& options, std::uint64_t turn, int& error);
// A socket for datagrams to `address`, non-blocking, connected.
Result<Descriptor> datagrams_to(const SocketAddress& address);
// The same in two steps, for who must go on when nobody is there. Connecting may be repeated, also
// while other threads send: after a unix socket was made anew, after the way to a host changed. 0 or
// the system's errno.
Result<Descriptor> datagram_socket(const SocketAddress& address);
int connect_datagrams(int fd, const SocketAddress& address);
// Sends without waiting; false if it did not fit or could not be sent.
bool send_datagram(int fd, std::string_view bytes);
// The same, once: 0 or the system's errno. ECONNREFUSED on a UDP socket speaks of a datagram before.
int try_send_datagram(int fd, std::string_view bytes);

// Of a connection: its close will be a reset; or nothing, as far as we may have it so.
void make_close_a_reset(int fd);
void make_close_silent(int fd);
// Nothing has come that was not read, be it an end.
bool is_quiet(int fd);
// The peer neither sends nor listens any more, as far as the system knows: at a unix socket always, else once a word to
// it was refused.
bool is_abandoned(int fd);

// How many descriptors this process may have; raises the soft limit to the hard one, or to `wanted`.
std::uint64_t raise_descriptor_limit(std::uint64_t wanted);

}  // namespace penstock
