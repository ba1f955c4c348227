#include "name_texts.h"

#include <algorithm>
#include <cstring>

#include "penstock/base/text.h"

namespace penstock {

bool Network::has(const SocketAddress& other) const {
  const std::string_view mine = address.ip_bytes(), theirs = other.ip_bytes();
  if (mine.size() != theirs.size() || mine.empty()) return false;
  const std::size_t whole = bits / 8;
  if (std::memcmp(mine.data(), theirs.data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<unsigned char>(0xff00u >> (bits % 8));
  return ((static_cast<unsigned char>(mine[whole]) ^ static_cast<unsigned char>(theirs[whole])) & mask) == 0;
}

std::vector<Network> networks_of(const std::vector<std::string>& texts) {
  std::vector<Network> out;
  for (std::string_view bits : texts) {
    const std::string_view ip = cut(bits, '/');
    Network network;
    if (!SocketAddress::from_ip(ip, 0, network.address)) continue;
    const auto most = static_cast<unsigned>(network.address.ip_bytes().size() * 8);
    network.bits = bits.empty() ? most : std::min(most, static_cast<unsigned>(parse_unsigned(bits).value_or(most)));
    out.push_back(network);
  }
  return out;
}

void add_system_servers(std::string_view text, std::vector<config::Nameserver>& to) {
  while (!text.empty()) {
    std::string_view line = trim(cut(text, '\n'));
    constexpr std::string_view kWord = "nameserver";
    if (!line.starts_with(kWord) || line.size() == kWord.size()) continue;
    const char blank = line[kWord.size()];
    if (blank != ' ' && blank != '\t') continue;
    line = trim(line.substr(kWord.size()));
    line = line.substr(0, line.find_first_of(" \t;#"));
    SocketAddress address;
    if (line.empty() || line == "*" || !SocketAddress::from_ip(line, 53, address)) continue;
    config::Nameserver server;
    server.name = line;
    server.address.kind = address.is_ip4() ? config::Address::Kind::Ip4 : config::Address::Kind::Ip6;
    server.address.host = line;
    server.address.port_low = server.address.port_high = 53;
    const auto is_same = [&](const config::Nameserver& other) { return other.name == server.name; };
    if (std::none_of(to.begin(), to.end(), is_same)) to.push_back(std::move(server));
  }
}

std::string host_name(std::string_view text) {
  constexpr std::size_t kLongest = 253, kLongestLabel = 63;
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > kLongest) return {};
  std::size_t label = 0;
  for (const char c : text) {
    // What the library takes for more than it is, and what no name has.
    if (c <= ' ' || c >= 0x7f || c == '\\') return {};
    if (c == '.' ? label == 0 : label == kLongestLabel) return {};
    label = c == '.' ? 0 : label + 1;
  }
  return label == 0 ? std::string() : lower(text);
}

}  // namespace penstock
