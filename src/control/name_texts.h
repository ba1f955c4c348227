// What stands in texts about names: those that can be asked for, networks, the system's name servers. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "penstock/config/model.h"
#include "penstock/net/address.h"

namespace penstock {

struct Network {
  SocketAddress address;
  unsigned bits = 0;

  bool has(const SocketAddress& other) const;
};
// "10.0.0.0/8"; what is no network is left out.
std::vector<Network> networks_of(const std::vector<std::string>& texts);

// Adds those of the system's file, as far as they are addresses.
void add_system_servers(std::string_view text, std::vector<config::Nameserver>& to);

// A name that can be asked for (RFC 1035 section 2.3.4), in one way of writing it; empty: it is none.
std::string host_name(std::string_view text);

}  // namespace penstock
