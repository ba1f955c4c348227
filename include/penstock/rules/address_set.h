// A set of IP networks with a lookup that stays fast for long lists: sorted, merged ranges and a
// binary search. For `src` patterns, `option forwardfor except` and the like.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "penstock/net/address.h"
#include "penstock/rules/value.h"

namespace penstock::rules {

// "10.0.0.0/8", "192.168.1" (manual section 7.1.6: the octets left out are zeros before the last), "10.0.0.0/255.0.0.0",
// "2001:db8::/32". False if `text` is none of these. Bits behind the mask are as written.
bool parse_network(std::string_view text, Ip& network, unsigned& bits);

class AddressSet {
 public:
  // As parse_network().
  bool add(std::string_view text);
  // To be called once, after the last add and before the first contains.
  void finish();
  bool empty() const { return ranges4_.empty() && ranges6_.empty(); }
  // Across families as section 7.1.6 says: an IPv6 address that carries an IPv4 one (6to4, compatible,
  // mapped) matches IPv4 networks; an IPv4 address matches IPv6 networks as ::ffff:a.b.c.d.
  bool contains(const Ip& ip) const;
  bool contains(const SocketAddress& address) const;

 private:
  using Key6 = std::array<unsigned char, 16>;
  struct Range4 {
    std::uint32_t low, high;
  };
  struct Range6 {
    Key6 low, high;
  };
  bool contains4(std::uint32_t address) const;
  bool contains6(const Key6& address) const;
  std::vector<Range4> ranges4_;
  std::vector<Range6> ranges6_;
};

}  // namespace penstock::rules
