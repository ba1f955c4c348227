// What a sample yields and a converter changes: one typed value. Texts are views that live as long
// as the transaction's arena, its heads, or the compiled rules.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "penstock/net/address.h"

namespace penstock::rules {

// An IPv4 or IPv6 address without a port, in network order; IPv4 in the first four bytes.
struct Ip {
  unsigned char bytes[16] = {};
  bool is6 = false;

  std::string_view view() const { return {reinterpret_cast<const char*>(bytes), is6 ? 16u : 4u}; }
  bool operator==(const Ip& other) const { return view() == other.view(); }
  // False for anything that is no IP address.
  static bool of(const SocketAddress& address, Ip& out);
  // Number forms only ("10.0.0.1", "2001:db8::1"), without brackets and port.
  static bool parse(std::string_view text, Ip& out);
  // As `parse`; but of a text that begins with an IPv4 address what stands behind it does not matter
  // ("10.0.0.1:80"), as for HAProxy.
  static bool parse_leading(std::string_view text, Ip& out);
  // An IPv4 address that came as ::ffff:a.b.c.d, as itself; others as they are. What compares, masks or looks up
  // addresses takes them so; they are printed as they came.
  Ip unmapped() const;
  // At most 45 bytes; `space` of 64 is always enough.
  std::string_view write(char* space) const;
};

// Manual section 7.1, the types that a sample can have. Binary is Text that need not be printable.
enum class Type : std::uint8_t { None, Bool, Integer, Address, Text, Binary };

struct Value {
  Type type = Type::None;
  std::int64_t integer = 0;  // Bool (0 or 1) and Integer.
  std::string_view text;     // Text and Binary.
  Ip ip;                     // Address.

  void set_bool(bool value) {
    type = Type::Bool;
    integer = value ? 1 : 0;
  }
  void set_integer(std::int64_t value) {
    type = Type::Integer;
    integer = value;
  }
  void set_text(std::string_view value) {
    type = Type::Text;
    text = value;
  }
  void set_binary(std::string_view value) {
    type = Type::Binary;
    text = value;
  }
  void set_ip(const Ip& value) {
    type = Type::Address;
    ip = value;
  }
  bool is_text() const { return type == Type::Text || type == Type::Binary; }
};

}  // namespace penstock::rules
