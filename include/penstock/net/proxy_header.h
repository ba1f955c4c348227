// The PROXY protocol, versions 1 and 2 (proxy-protocol.txt of HAProxy): whose connection this is, said
// by a proxy in front of us in the connection's first bytes, or by us to a server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "penstock/net/address.h"
#include "penstock/net/tls_session.h"

namespace penstock {

// What one of version 2 says beside addresses. Empty: it does not.
struct ProxyNames {
  std::string authority, unique_id;
};

struct ProxyHeader {
  enum class Step { More, Done, Error };
  // The connection speaks for itself (LOCAL), or the proxy did not know (UNKNOWN): its own addresses hold.
  bool local = false;
  SocketAddress source, destination;
  std::unique_ptr<ProxyNames> names;  // Null: it has none.
  std::size_t size = 0;               // Bytes it took.
  const char* error = nullptr;
};

// Takes a header off the start of `bytes`; either version. At most kProxyHeaderLimit bytes long. Of
// version 2 all TLVs lie within it and a checksum is right; a LOCAL one is passed over whatever it
// says.
constexpr std::size_t kProxyHeaderLimit = 16384;
ProxyHeader::Step read_proxy_header(std::string_view bytes, ProxyHeader& out);

enum class ProxyVersion : std::uint8_t { None, One, Two };

// What a header of version 2 tells beside addresses, if wanted.
struct ProxyWishes {
  bool tls = false;     // Whether the client spoke TLS, in which version, and what became of its certificate.
  bool cipher = false;  // Implies tls, as common_name does.
  bool common_name = false;
  bool authority = false;  // The name that the client asked for in TLS.
  bool checksum = false;
  bool unique_id = false;
};
struct ProxyTold {
  ProxyWishes wishes;
  const TlsFacts* tls = nullptr;  // Of the client's connection; null: clear text.
  std::string_view unique_id;
};

// The header of a connection from `source` to `destination`; empty addresses, or those of two
// families or of none of IP's, make it UNKNOWN or LOCAL.
std::string proxy_header(ProxyVersion version, const SocketAddress& source, const SocketAddress& destination,
                         const ProxyTold& told = {});

}  // namespace penstock
