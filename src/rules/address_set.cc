#include "penstock/rules/address_set.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "penstock/base/text.h"

namespace penstock::rules {

namespace {

std::uint32_t number_of(const unsigned char* bytes) {
  return (std::uint32_t{bytes[0]} << 24) | (std::uint32_t{bytes[1]} << 16) | (std::uint32_t{bytes[2]} << 8) | bytes[3];
}

// Two to four octets; those left out are zeros before the last one.
std::optional<std::uint32_t> parse_ip4(std::string_view text) {
  std::uint32_t octets[4];
  std::size_t count = 0;
  while (count < 4) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    const auto octet = parse_unsigned(part);
    // A leading zero would mean another base to some readers.
    if (!octet || *octet > 255 || (part.size() > 1 && part[0] == '0')) return std::nullopt;
    octets[count++] = static_cast<std::uint32_t>(*octet);
    if (dot == std::string_view::npos) {
      if (count < 2) return std::nullopt;
      std::uint32_t address = octets[count - 1];
      for (std::size_t i = 0; i + 1 < count; ++i) address |= octets[i] << (24 - 8 * i);
      return address;
    }
    text.remove_prefix(dot + 1);
  }
  return std::nullopt;
}

std::optional<unsigned> parse_bits(std::string_view text, unsigned most) {
  const auto bits = parse_unsigned(text);
  if (!bits || *bits > most) return std::nullopt;
  return static_cast<unsigned>(*bits);
}

std::optional<unsigned> parse_mask4(std::string_view text) {
  if (text.find('.') == std::string_view::npos) return parse_bits(text, 32);
  Ip mask;
  if (!Ip::parse(text, mask) || mask.is6) return std::nullopt;
  const std::uint32_t number = number_of(mask.bytes);
  for (unsigned bits = 0; bits <= 32; ++bits) {
    if (number == (bits == 0 ? 0 : ~std::uint32_t{0} << (32 - bits))) return bits;
  }
  return std::nullopt;
}

template <class Range>
void merge(std::vector<Range>& ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.low < b.low; });
  std::vector<Range> merged;
  for (const Range& range : ranges) {
    if (!merged.empty() && !(merged.back().high < range.low)) {
      if (merged.back().high < range.high) merged.back().high = range.high;
    } else {
      merged.push_back(range);
    }
  }
  ranges = std::move(merged);
}

template <class Range, class Key>
bool has(const std::vector<Range>& ranges, const Key& key) {
  const auto behind = std::upper_bound(ranges.begin(), ranges.end(), key,
                                       [](const Key& k, const Range& range) { return k < range.low; });
  return behind != ranges.begin() && !((behind - 1)->high < key);
}

bool all_zero(const unsigned char* bytes, std::size_t count) {
  return std::all_of(bytes, bytes + count, [](unsigned char byte) { return byte == 0; });
}

}  // namespace

bool parse_network(std::string_view text, Ip& network, unsigned& bits) {
  std::string_view mask = text;
  const std::string_view address = cut(mask, '/');
  const bool has_mask = text.find('/') != std::string_view::npos;
  network = Ip();
  if (address.find(':') == std::string_view::npos) {
    const auto ip = parse_ip4(address);
    const auto width = has_mask ? parse_mask4(mask) : std::optional<unsigned>(32);
    if (!ip || !width) return false;
    for (unsigned i = 0; i < 4; ++i) network.bytes[i] = static_cast<unsigned char>(*ip >> (24 - 8 * i));
    bits = *width;
    return true;
  }
  const auto width = has_mask ? parse_bits(mask, 128) : std::optional<unsigned>(128);
  if (!Ip::parse(address, network) || !width) return false;
  bits = *width;
  return true;
}

bool AddressSet::add(std::string_view text) {
  Ip ip;
  unsigned bits = 0;
  if (!parse_network(text, ip, bits)) return false;
  if (!ip.is6) {
    const std::uint32_t host = bits == 32 ? 0 : ~std::uint32_t{0} >> bits;
    ranges4_.push_back({number_of(ip.bytes) & ~host, number_of(ip.bytes) | host});
    return true;
  }
  Range6 range;
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned kept = bits > i * 8 ? std::min(8u, bits - i * 8) : 0;
    const auto host = static_cast<unsigned char>(0xffu >> kept);
    range.low[i] = static_cast<unsigned char>(ip.bytes[i] & ~host);
    range.high[i] = static_cast<unsigned char>(ip.bytes[i] | host);
  }
  ranges6_.push_back(range);
  return true;
}

void AddressSet::finish() {
  merge(ranges4_);
  merge(ranges6_);
}

bool AddressSet::contains4(std::uint32_t address) const { return has(ranges4_, address); }
bool AddressSet::contains6(const Key6& address) const { return has(ranges6_, address); }

bool AddressSet::contains(const Ip& ip) const {
  if (!ip.is6) {
    if (contains4(number_of(ip.bytes))) return true;
    if (ranges6_.empty()) return false;
    Key6 mapped{};
    mapped[10] = mapped[11] = 0xff;
    std::memcpy(&mapped[12], ip.bytes, 4);
    return contains6(mapped);
  }
  Key6 key;
  std::memcpy(key.data(), ip.bytes, 16);
  if (contains6(key)) return true;
  if (ranges4_.empty()) return false;
  if (key[0] == 0x20 && key[1] == 0x02) return contains4(number_of(&key[2]));
  const bool compatible = all_zero(key.data(), 12);
  const bool mapped = all_zero(key.data(), 10) && key[10] == 0xff && key[11] == 0xff;
  return (compatible || mapped) && contains4(number_of(&key[12]));
}

bool AddressSet::contains(const SocketAddress& address) const {
  Ip ip;
  return Ip::of(address, ip) && contains(ip);
}

}  // namespace penstock::rules
