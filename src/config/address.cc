// Addresses as configuration manual section 11 writes them, taken apart but not resolved.
#include <arpa/inet.h>

#include "keywords.h"

namespace penstock::config {

namespace {

bool is_ip4(const std::string& text) {
  in_addr address;
  return inet_pton(AF_INET, text.c_str(), &address) == 1;
}

bool is_ip6(const std::string& text) {
  in6_addr address;
  // "%eth0" names an interface's scope.
  return inet_pton(AF_INET6, text.substr(0, text.find('%')).c_str(), &address) == 1;
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  for (const char c : text) {
    const bool fits =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    if (!fits) return false;
  }
  return true;
}

// The longest path of a unix socket, and one byte less for an abstract name.
constexpr std::size_t kUnixPathLimit = 107;

std::optional<Address> path_address(Address::Kind kind, std::string_view path, std::string& error) {
  if (path.empty())
    error = "a socket's path is missing";
  else if (path.find('$') != std::string_view::npos)
    error = "a socket's path cannot hold a '$', which begins a variable";
  else if (path.size() > kUnixPathLimit)
    error = format("'{}' is longer than the {} bytes a socket's path may have", path, kUnixPathLimit);
  if (!error.empty()) return std::nullopt;
  Address address;
  address.kind = kind;
  address.host = std::string(path);
  return address;
}

std::optional<std::uint16_t> port_number(std::string_view text) {
  const auto number = parse_unsigned(text);
  if (!number || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

bool set_port(Address& address, std::string_view text, AddressUse use, std::string& error) {
  if (use == AddressUse::Server && (text.starts_with('+') || text.starts_with('-'))) {
    const auto offset = parse_integer(text);
    if (offset && *offset >= -65535 && *offset <= 65535) {
      address.port_is_offset = true;
      address.port_offset = static_cast<int>(*offset);
      return true;
    }
  }
  std::string_view high = text;
  const bool may_be_range = use == AddressUse::Bind || use == AddressUse::Source;
  const std::string_view low = may_be_range ? cut(high, '-') : text;
  const auto first = port_number(low);
  const auto last = high.empty() ? first : port_number(high);
  if (!first || !last || (may_be_range && text.ends_with('-'))) {
    error = format("'{}' is no port", text);
    return false;
  }
  if (*last < *first) {
    error = format("the port range '{}' ends before it begins", text);
    return false;
  }
  address.port_low = *first;
  address.port_high = *last;
  return true;
}

bool set_host(Address& address, std::string host, int family, std::string& error) {
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (!is_ip6(host)) {
      error = format("'[{}]' is no IPv6 address", host);
      return false;
    }
  }
  if (host.empty() || host == "*") {
    address.kind = family == 6 ? Address::Kind::Ip6 : Address::Kind::Any;
    if (family == 6) address.host = "::";
    return true;
  }
  address.host = host;
  if (is_ip4(host))
    address.kind = Address::Kind::Ip4;
  else if (is_ip6(host))
    address.kind = Address::Kind::Ip6;
  else if (is_host_name(host))
    address.kind = Address::Kind::Name, address.family = family;
  else {
    error = format("'{}' is neither an address nor a host name", host);
    return false;
  }
  const bool wrong_family =
      (family == 4 && address.kind == Address::Kind::Ip6) || (family == 6 && address.kind == Address::Kind::Ip4);
  if (!wrong_family) return true;
  error = format("'{}' is no IPv{} address", host, family);
  return false;
}

// What stands before '@', and what it means.
struct Prefix {
  std::string_view text;
  enum class Means { Ip, Unix, Abstract, Fd, Datagram, Quic, SocketPair } means;
  int family = 0;
};
using Means = Prefix::Means;
constexpr Prefix kPrefixes[] = {
    {"abns@", Means::Abstract},
    {"dgram+ipv4@", Means::Datagram, 4},
    {"dgram+ipv6@", Means::Datagram, 6},
    {"dgram+ip@", Means::Datagram},
    {"fd@", Means::Fd},
    {"ip@", Means::Ip},
    {"ipv4@", Means::Ip, 4},
    {"ipv6@", Means::Ip, 6},
    {"quic4@", Means::Quic},
    {"quic6@", Means::Quic},
    {"quic+fd@", Means::Quic},
    {"sockpair@", Means::SocketPair},
    {"tcp@", Means::Ip},
    {"tcp4@", Means::Ip, 4},
    {"tcp6@", Means::Ip, 6},
    {"udp@", Means::Datagram},
    {"udp4@", Means::Datagram, 4},
    {"udp6@", Means::Datagram, 6},
    {"unix@", Means::Unix},
    {"uxdg@", Means::Unix},
    {"uxst@", Means::Unix},
};

std::optional<Address> ip_address(std::string_view text, int family, AddressUse use, std::string& error) {
  Address address;
  std::size_t colon = text.rfind(':');
  // "[::1]" and "::1" end without a port; only brackets or a bind's last colon tell.
  if (colon != std::string_view::npos && text.ends_with(']')) colon = std::string_view::npos;
  if (use != AddressUse::Bind && is_ip6(std::string(text))) colon = std::string_view::npos;
  const bool has_port = colon != std::string_view::npos && colon + 1 < text.size();
  if (use == AddressUse::Bind && !has_port) {
    error = format("'{}' lacks a port: write address:port, for example *:443", text);
    return std::nullopt;
  }
  if (!set_host(address, std::string(text.substr(0, colon)), family, error)) return std::nullopt;
  if (has_port && !set_port(address, text.substr(colon + 1), use, error)) return std::nullopt;
  return address;
}

std::optional<Address> fd_address(std::string_view text, std::string& error) {
  const auto number = parse_unsigned(text);
  if (!number || *number > 1048576) {
    error = format("'fd@' expects the number of an inherited descriptor, not '{}'", text);
    return std::nullopt;
  }
  Address address;
  address.kind = Address::Kind::Fd;
  address.fd = static_cast<int>(*number);
  return address;
}

}  // namespace

std::optional<Address> parse_address(std::string_view text, AddressUse use, std::string& error) {
  if (text.starts_with("stream+")) text.remove_prefix(7);
  if (text.starts_with('/')) return path_address(Address::Kind::Unix, text, error);
  for (const Prefix& prefix : kPrefixes) {
    if (!text.starts_with(prefix.text)) continue;
    const std::string_view rest = text.substr(prefix.text.size());
    switch (prefix.means) {
      case Means::Ip:
        return ip_address(rest, prefix.family, use, error);
      case Means::Unix:
        return path_address(Address::Kind::Unix, rest, error);
      case Means::Abstract:
        return path_address(Address::Kind::Abstract, rest, error);
      case Means::Fd:
        return fd_address(rest, error);
      case Means::Datagram:
        if (use == AddressUse::Log) return ip_address(rest, prefix.family, use, error);
        error = "UDP is for log targets only";
        return std::nullopt;
      case Means::Quic:
        error = "QUIC (HTTP/3) is not offered; bind a TCP address with 'ssl' instead";
        return std::nullopt;
      case Means::SocketPair:
        error = "'sockpair@' is not offered; use 'fd@' or a unix path";
        return std::nullopt;
    }
  }
  if (text.find('@') != std::string_view::npos) {
    error = format("'{}' begins with an unknown kind of address; known are ipv4@, ipv6@, unix@, abns@ and fd@", text);
    return std::nullopt;
  }
  return ip_address(text, 0, use, error);
}

std::optional<std::string> address_word(Line& line, const Word& word) {
  if (word.text.find('$') == std::string::npos) return word.text;
  std::string escaped = "\"";
  for (const char c : word.text) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  const Reading& reading = line.reading;
  std::vector<Word> words;
  const auto error = split_words(
      escaped + '"', {reading.environment, reading.config.files[word.place.file], word.place.line, reading.section},
      word.place, words);
  if (!error && words.size() == 1) return words[0].text;
  line.complain(word.place, error ? error->text : format("'{}' is not one address", word.text));
  return std::nullopt;
}

std::optional<Address> take_address(Line& line, AddressUse use) {
  const Word* word = line.take_filled("an address");
  if (word == nullptr) return std::nullopt;
  const auto text = address_word(line, *word);
  if (!text) return std::nullopt;
  std::string error;
  auto address = parse_address(*text, use, error);
  if (!address) line.complain(word->place, format("'{}': {}", line.subject, error));
  return address;
}

std::optional<Address> take_source(Line& line, bool may_be_range) {
  const Place place = line.more() ? line.peek().place : line.place;
  const std::string subject = line.subject;
  line.subject = "source";
  auto address = take_address(line, AddressUse::Source);
  line.subject = subject;
  if (line.failed()) return std::nullopt;
  const bool is_ip = address->kind == Address::Kind::Ip4 || address->kind == Address::Kind::Ip6 ||
                     address->kind == Address::Kind::Any || address->kind == Address::Kind::Name;
  if (!is_ip) {
    line.complain(place, "'source' expects an IP address");
    return std::nullopt;
  }
  if (!may_be_range && address->port_high != address->port_low) {
    line.complain(place, "a range of ports stands in the 'source' of a server only");
    return std::nullopt;
  }
  for (const std::string_view more : {"usesrc", "interface"}) {
    if (line.peek_text() != more) continue;
    line.complain(line.peek().place, format("'source ... {}' is not offered: the servers would see "
                                            "another address than you expect",
                                            more));
    return std::nullopt;
  }
  return address;
}

std::string address_text(const Address& address, AddressUse use) {
  switch (address.kind) {
    case Address::Kind::Unix:
      return address.host.starts_with('/') ? address.host : "unix@" + address.host;
    case Address::Kind::Abstract:
      return "abns@" + address.host;
    case Address::Kind::Fd:
      return format("fd@{}", address.fd);
    case Address::Kind::Any:
    case Address::Kind::Ip4:
    case Address::Kind::Ip6:
    case Address::Kind::Name:
      break;
  }
  std::string text = address.kind == Address::Kind::Any ? "*" : address.host;
  if (address.kind == Address::Kind::Ip6) text = "[" + text + "]";
  if (address.family != 0) text = format("ipv{}@{}", address.family, text);
  if (address.port_is_offset) return format("{}:{:+d}", text, address.port_offset);
  if (address.port_high != address.port_low) return format("{}:{}-{}", text, address.port_low, address.port_high);
  if (address.port_low != 0 || use == AddressUse::Bind) append_format(text, ":{}", address.port_low);
  return text;
}

}  // namespace penstock::config
