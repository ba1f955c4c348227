#include "penstock/rules/value.h"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace penstock::rules {

bool Ip::of(const SocketAddress& address, Ip& out) {
  const std::string_view bytes = address.ip_bytes();
  if (bytes.empty()) return false;
  out.is6 = bytes.size() == 16;
  std::memcpy(out.bytes, bytes.data(), bytes.size());
  return true;
}

bool Ip::parse(std::string_view text, Ip& out) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof(terminated)) return false;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  out.is6 = text.find(':') != std::string_view::npos;
  return inet_pton(out.is6 ? AF_INET6 : AF_INET, terminated, out.bytes) == 1;
}

bool Ip::parse_leading(std::string_view text, Ip& out) {
  if (parse(text, out)) return true;
  out = Ip();
  for (std::size_t i = 0; i < 4; ++i) {
    if (i != 0) {
      if (!text.starts_with('.')) return false;
      text.remove_prefix(1);
    }
    unsigned number = 0;
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
      number = number * 10 + static_cast<unsigned>(text[digits] - '0');
      if (number > 255) return false;
    }
    if (digits == 0) return false;
    out.bytes[i] = static_cast<unsigned char>(number);
    text.remove_prefix(digits);
  }
  return !text.starts_with('.');
}

Ip Ip::unmapped() const {
  constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (!is6 || std::memcmp(bytes, kMapped, sizeof(kMapped)) != 0) return *this;
  Ip plain;
  std::memcpy(plain.bytes, bytes + sizeof(kMapped), 4);
  return plain;
}

std::string_view Ip::write(char* space) const {
  inet_ntop(is6 ? AF_INET6 : AF_INET, bytes, space, 64);
  return space;
}

}  // namespace penstock::rules
