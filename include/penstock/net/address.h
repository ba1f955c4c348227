// A socket address: IPv4, IPv6 or unix, as a value.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "penstock/base/result.h"

namespace penstock {

class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const sockaddr* address, socklen_t length);
  SocketAddress(const SocketAddress& other) : SocketAddress(other.raw(), other.length_) {}
  SocketAddress& operator=(SocketAddress other) {
    std::memcpy(short_, other.short_, sizeof(short_));
    long_ = std::move(other.long_);
    length_ = other.length_;
    return *this;
  }

  // Number forms only, no lookup. "" and "*" are 0.0.0.0; an IPv6 address without brackets.
  static bool from_ip(std::string_view ip, std::uint16_t port, SocketAddress& out);
  static SocketAddress unix_path(std::string_view path);  // At most 107 bytes.
  static SocketAddress abstract(std::string_view name);
  // Asks the system's resolver, which may take its time: only while gathering.
  // `ip`: 4 or 6 if only an address of that version will do, 0 for either.
  static Result<SocketAddress> resolve(const std::string& name, std::uint16_t port, int ip = 0);
  // What raw() and length() gave; none if no address can be so.
  static std::optional<SocketAddress> from_bytes(std::string_view bytes);
  static SocketAddress local_of(int fd);
  static SocketAddress peer_of(int fd);  // Known as long as `fd` is open.

  bool empty() const { return length_ == 0; }
  bool is_ip4() const { return family() == AF_INET; }
  bool is_ip6() const { return family() == AF_INET6; }
  bool is_unix() const { return length_ != 0 && family() == AF_UNIX; }
  int family() const { return raw()->sa_family; }
  // 0.0.0.0 or ::.
  bool is_any() const { return (is_ip4() || is_ip6()) && ip_bytes().find_first_not_of('\0') == std::string_view::npos; }
  std::uint16_t port() const;
  void set_port(std::uint16_t port);
  // 4 or 16 bytes in network order, none for unix.
  std::string_view ip_bytes() const;
  std::string ip_text() const;  // "10.0.0.1", "2001:db8::1", "unix".
  std::string text() const;     // "10.0.0.1:443", "[2001:db8::1]:443", the path.
  // Writes what ip_text() says; `space` of 64 bytes is always enough.
  std::string_view write_ip(char* space) const;

  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(long_ ? long_->data() : short_); }
  socklen_t length() const { return length_; }
  bool operator==(const SocketAddress& other) const {
    return length_ == other.length_ && std::memcmp(raw(), other.raw(), length_) == 0;
  }

 private:
  static constexpr std::size_t kShort = 28;  // An IPv6 address, the longest of most.
  using Long = std::array<char, 112>;        // A unix address and a byte that ends it.

  alignas(8) char short_[kShort] = {};
  socklen_t length_ = 0;
  std::unique_ptr<Long> long_;  // What has no room in `short_`.
};

// What the system says of a connection's way (struct tcp_info): times in microseconds, all else in segments.
struct PathFacts {
  std::uint32_t round_trip_us = 0, round_trip_spread_us = 0;
  std::uint32_t unacknowledged = 0, selectively_acknowledged = 0, forward_acknowledged = 0, retransmitted = 0, lost = 0;
  std::uint32_t reordering = 0;
};

// False: it says nothing.
bool read_path_facts(int descriptor, PathFacts& out);

class TlsSession;

// The two ends of a connection. The system is asked when somebody first wants to know.
class Endpoints {
 public:
  virtual const SocketAddress& peer() = 0;
  virtual const SocketAddress& local() = 0;
  // Those of the connection itself, whatever the PROXY protocol says.
  virtual SocketAddress wire_peer() { return peer(); }
  virtual SocketAddress wire_local() { return local(); }
  // What peer() and local() say from now on.
  virtual void set_peer(const SocketAddress&) {}
  virtual void set_local(const SocketAddress&) {}
  // Of what we send there: its type of service, and the mark that routing goes by. What the system does not grant
  // stays as it is.
  virtual void set_tos(int) {}
  virtual void set_mark(std::uint32_t) {}
  // False: nothing is known.
  virtual bool path_facts(PathFacts&) { return false; }
  // Null: it is in clear text, or nothing is known.
  virtual TlsSession* tls_session() { return nullptr; }

 protected:
  ~Endpoints() = default;
};

}  // namespace penstock
