#include "penstock/net/proxy_header.h"

#include <netinet/in.h>

#include <cstring>
#include <optional>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/net/certificate.h"

namespace penstock {
namespace {

using Step = ProxyHeader::Step;
using namespace std::string_view_literals;

constexpr std::string_view kSignature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::string_view kFirstWord = "PROXY";
// The longest line of version 1, its end included.
constexpr std::size_t kLineLimit = 107;
constexpr std::size_t kFixedPart = 16;

Step refuse(ProxyHeader& out, const char* why) {
  out.error = why;
  return Step::Error;
}

// "0" to "65535", no sign, no leading zero.
std::optional<std::uint16_t> port_of(std::string_view text) {
  const auto number = parse_unsigned(text);
  if (!number || *number > 65535 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

bool take_address(std::string_view ip, std::string_view port, bool is_ip6, SocketAddress& out) {
  const auto number = port_of(port);
  return number && !ip.empty() && ip != "*" && SocketAddress::from_ip(ip, *number, out) && out.is_ip6() == is_ip6;
}

Step read_line(std::string_view bytes, ProxyHeader& out) {
  const std::size_t end = bytes.substr(0, kLineLimit).find("\r\n");
  if (end == std::string_view::npos) {
    return bytes.size() >= kLineLimit ? refuse(out, "PROXY line too long") : Step::More;
  }
  out.size = end + 2;
  std::string_view line = bytes.substr(0, end);
  line.remove_prefix(kFirstWord.size() + 1);
  const std::string_view family = cut(line, ' ');
  if (family == "UNKNOWN") {
    out.local = true;
    return Step::Done;
  }
  const bool is_ip6 = family == "TCP6";
  if (!is_ip6 && family != "TCP4") return refuse(out, "PROXY line of an unknown family");
  const std::string_view source = cut(line, ' '), destination = cut(line, ' '), port = cut(line, ' ');
  const bool good =
      take_address(source, port, is_ip6, out.source) && take_address(destination, line, is_ip6, out.destination);
  return good ? Step::Done : refuse(out, "malformed address in a PROXY line");
}

std::uint16_t number_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
                                    static_cast<unsigned char>(bytes[at + 1]));
}

std::uint32_t long_at(std::string_view bytes, std::size_t at) {
  return std::uint32_t{number_at(bytes, at)} << 16 | number_at(bytes, at + 2);
}

SocketAddress address_of(std::string_view ip, std::uint16_t port) {
  if (ip.size() == sizeof(in_addr)) {
    sockaddr_in raw{};
    raw.sin_family = AF_INET;
    raw.sin_port = htons(port);
    std::memcpy(&raw.sin_addr, ip.data(), ip.size());
    return SocketAddress(reinterpret_cast<const sockaddr*>(&raw), sizeof(raw));
  }
  sockaddr_in6 raw{};
  raw.sin6_family = AF_INET6;
  raw.sin6_port = htons(port);
  std::memcpy(&raw.sin6_addr, ip.data(), sizeof(raw.sin6_addr));
  return SocketAddress(reinterpret_cast<const sockaddr*>(&raw), sizeof(raw));
}

// Type, length, value (section 2.2).
enum Tlv : char {
  kAlpn = 1,
  kAuthority = 2,
  kChecksum = 3,
  kUniqueId = 5,
  kTls = 0x20,
  kTlsVersion,
  kTlsName,
  kTlsCipher
};
constexpr std::size_t kTlvStart = 3, kChecksumSize = 4;
constexpr std::size_t kUniqueIdLimit = 128, kAuthorityLimit = 255;

// CRC-32C (RFC 9260, appendix A) over a header, of which the checksum at `sum_at` counts as 0.
std::uint32_t checksum(std::string_view header, std::size_t sum_at) {
  std::uint32_t sum = ~0u;
  for (std::size_t at = 0; at < header.size(); ++at) {
    const bool is_sum = at >= sum_at && at < sum_at + kChecksumSize;
    sum ^= is_sum ? 0 : static_cast<unsigned char>(header[at]);
    for (int bit = 0; bit < 8; ++bit) sum = sum >> 1 ^ (0x82f63b78u & (0u - (sum & 1)));
  }
  return ~sum;
}

// What is wrong with the TLVs that begin at `at`, or null; names among them are kept. There is one checksum at most, for
// the time of many would be in the square of the header.
const char* take_tlvs(std::string_view header, std::size_t at, std::unique_ptr<ProxyNames>& names) {
  bool summed = false;
  while (at < header.size()) {
    if (header.size() - at < kTlvStart) return "PROXY header that ends within a TLV";
    const char type = header[at];
    const std::size_t size = number_at(header, at + 1);
    at += kTlvStart;
    if (size > header.size() - at) return "PROXY header with a TLV longer than the header";
    if (type == kAuthority && size > kAuthorityLimit) return "PROXY header with an authority longer than 255 bytes";
    if (type == kUniqueId && size > kUniqueIdLimit) return "PROXY header with a unique id longer than 128 bytes";
    if (type == kChecksum) {
      if (summed || size != kChecksumSize) return "PROXY header with a malformed CRC32c";
      if (checksum(header, at) != long_at(header, at)) return "PROXY header with a wrong CRC32c";
      summed = true;
    }
    if (type == kAuthority || type == kUniqueId) {
      if (names == nullptr) names = std::make_unique<ProxyNames>();
      (type == kAuthority ? names->authority : names->unique_id) = header.substr(at, size);
    }
    at += size;
  }
  return nullptr;
}

// Two addresses of `size` bytes, two ports, then TLVs.
Step take_pair(std::string_view header, std::size_t size, ProxyHeader& out) {
  const std::string_view body = header.substr(kFixedPart);
  if (body.size() < 2 * size + 4) return refuse(out, "PROXY header too short for its addresses");
  out.source = address_of(body.substr(0, size), number_at(body, 2 * size));
  out.destination = address_of(body.substr(size, size), number_at(body, 2 * size + 2));
  const char* fault = take_tlvs(header, kFixedPart + 2 * size + 4, out.names);
  return fault == nullptr ? Step::Done : refuse(out, fault);
}

Step read_binary(std::string_view bytes, ProxyHeader& out) {
  if (bytes.size() < kFixedPart) return Step::More;
  const auto command = static_cast<unsigned char>(bytes[12]);
  const auto family = static_cast<unsigned char>(bytes[13]);
  const std::size_t length = number_at(bytes, 14);
  if (command >> 4 != 2 || (command & 15) > 1) return refuse(out, "PROXY header of an unknown version or command");
  out.size = kFixedPart + length;
  if (out.size > kProxyHeaderLimit) return refuse(out, "PROXY header too long");
  if (bytes.size() < out.size) return Step::More;
  const std::string_view header = bytes.substr(0, out.size);
  if ((command & 15) == 0) {
    out.local = true;
    return Step::Done;
  }
  switch (family) {
    case 0x11:
      return take_pair(header, sizeof(in_addr), out);
    case 0x21:
      return take_pair(header, sizeof(in6_addr), out);
    case 0x00:
    case 0x31:
      out.local = true;
      return Step::Done;
    default:
      return refuse(out, "PROXY header of a family that is no stream");
  }
}

void append_number(std::string& out, std::uint16_t number) {
  out += static_cast<char>(number >> 8);
  out += static_cast<char>(number & 255);
}

void append_long(std::string& out, std::uint32_t number) {
  append_number(out, static_cast<std::uint16_t>(number >> 16));
  append_number(out, static_cast<std::uint16_t>(number & 0xffff));
}

// What the client said must not make the whole too long.
constexpr std::size_t kValueLimit = 1024;

void append_tlv(std::string& out, Tlv type, std::string_view value) {
  value = value.substr(0, kValueLimit);
  out += static_cast<char>(type);
  append_number(out, static_cast<std::uint16_t>(value.size()));
  out.append(value);
}

// Section 2.2.6.
std::string tls_value(const ProxyTold& told) {
  constexpr char kSpoken = 1, kShownNow = 2, kShown = 4;
  std::string out;
  const TlsFacts* tls = told.tls;
  const bool shown = tls != nullptr && !tls->peer_certificate.empty();
  char client = tls != nullptr ? kSpoken : 0;
  if (shown) client |= tls->resumed ? kShown : kShown | kShownNow;
  out += client;
  append_long(out, tls != nullptr ? static_cast<std::uint32_t>(tls->verify_result) : 0);
  if (tls == nullptr) return out;
  append_tlv(out, kTlsVersion, tls->version);
  if (told.wishes.common_name && shown) {
    const Certificate certificate(tls->peer_certificate);
    const std::string name = certificate ? certificate.name_entry(Certificate::Name::Subject, "CN", 1) : "";
    if (!name.empty()) append_tlv(out, kTlsName, name);
  }
  if (told.wishes.cipher) append_tlv(out, kTlsCipher, tls->cipher);
  return out;
}

void put_number(std::string& out, std::size_t at, std::uint32_t number, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) out[at + i] = static_cast<char>(number >> (8 * (size - 1 - i)) & 255);
}

}  // namespace

Step read_proxy_header(std::string_view bytes, ProxyHeader& out) {
  out = ProxyHeader();
  const std::string_view head = bytes.substr(0, kSignature.size());
  if (kSignature.starts_with(head)) return head.size() < kSignature.size() ? Step::More : read_binary(bytes, out);
  constexpr std::string_view kLineStart = "PROXY ";
  const std::string_view start = bytes.substr(0, kLineStart.size());
  if (!kLineStart.starts_with(start)) return refuse(out, "no PROXY header");
  return start.size() < kLineStart.size() ? Step::More : read_line(bytes, out);
}

std::string proxy_header(ProxyVersion version, const SocketAddress& source, const SocketAddress& destination,
                         const ProxyTold& told) {
  const bool known = (source.is_ip4() && destination.is_ip4()) || (source.is_ip6() && destination.is_ip6());
  if (version == ProxyVersion::None) return {};
  if (version == ProxyVersion::One) {
    if (!known) return "PROXY UNKNOWN\r\n";
    return format("PROXY {} {} {} {} {}\r\n", source.is_ip6() ? "TCP6" : "TCP4", source.ip_text(),
                  destination.ip_text(), source.port(), destination.port());
  }
  std::string out(kSignature);
  out += known ? '\x21' : '\x20';
  out += !known ? '\0' : source.is_ip6() ? '\x21' : '\x11';
  append_number(out, static_cast<std::uint16_t>(!known ? 0 : 2 * source.ip_bytes().size() + 4));
  if (!known) return out;
  out.append(source.ip_bytes()).append(destination.ip_bytes());
  append_number(out, source.port());
  append_number(out, destination.port());
  const ProxyWishes& wishes = told.wishes;
  const std::size_t sum_at = out.size() + kTlvStart;
  if (wishes.checksum) append_tlv(out, kChecksum, std::string_view("\0\0\0\0", 4));
  if (told.tls != nullptr && !told.tls->alpn.empty()) append_tlv(out, kAlpn, told.tls->alpn);
  if (wishes.authority && told.tls != nullptr && !told.tls->sni.empty()) append_tlv(out, kAuthority, told.tls->sni);
  if (wishes.unique_id && !told.unique_id.empty()) append_tlv(out, kUniqueId, told.unique_id.substr(0, kUniqueIdLimit));
  if (wishes.tls || wishes.cipher || wishes.common_name) append_tlv(out, kTls, tls_value(told));
  put_number(out, kFixedPart - 2, static_cast<std::uint32_t>(out.size() - kFixedPart), 2);
  if (wishes.checksum) put_number(out, sum_at, checksum(out, sum_at), kChecksumSize);
  return out;
}

}  // namespace penstock
