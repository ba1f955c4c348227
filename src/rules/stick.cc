#include "penstock/rules/stick.h"

#include <algorithm>
#include <cstring>

#include "expression.h"

namespace penstock::rules {
namespace {

constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// RFC 4291 section 2.5.5.2: an IPv4 address as an IPv6 one.
bool make_ip6(Ip& ip) {
  if (ip.is6) return true;
  std::memcpy(ip.bytes + sizeof(kMapped), ip.bytes, 4);
  std::memcpy(ip.bytes, kMapped, sizeof(kMapped));
  return ip.is6 = true;
}

bool make_ip4(Ip& ip) {
  ip = ip.unmapped();
  return !ip.is6;
}

std::string_view padded(Arena& arena, std::string_view bytes, std::size_t length) {
  if (bytes.size() >= length) return bytes.substr(0, length);
  char* space = static_cast<char*>(arena.allocate(length, 1));
  std::memset(space, 0, length);
  std::memcpy(space, bytes.data(), bytes.size());
  return {space, length};
}

}  // namespace

Type type_of_keys(const config::StickTable& table) {
  using Key = config::StickTable::Key;
  switch (table.key) {
    case Key::Ip:
    case Key::Ip6:
      return Type::Address;
    case Key::Integer:
      return Type::Integer;
    case Key::String:
      return Type::Text;
    case Key::Binary:
      return Type::Binary;
  }
  return Type::None;
}

bool make_key(const config::StickTable& table, Subject& subject, Value& value, std::string_view& out) {
  using Key = config::StickTable::Key;
  if (!cast(subject, value, type_of_keys(table))) return false;
  switch (table.key) {
    case Key::Ip:
    case Key::Ip6:
      if (!(table.key == Key::Ip ? make_ip4(value.ip) : make_ip6(value.ip))) return false;
      out = subject.arena.copy(value.ip.view());
      return true;
    case Key::Integer: {
      // 32 bits count.
      const auto number = static_cast<std::uint32_t>(value.integer);
      out = subject.arena.copy({reinterpret_cast<const char*>(&number), sizeof(number)});
      return true;
    }
    case Key::String:
      out = value.text.substr(0, table.length);
      return true;
    case Key::Binary:
      out = padded(subject.arena, value.text, table.length);
      return true;
  }
  return false;
}

std::optional<std::string_view> StickRule::key(Subject& subject) const {
  Value value;
  return condition.holds(subject) ? key(subject, value) : std::nullopt;
}

std::optional<std::string_view> StickRule::key(Subject& subject, Value& value) const {
  std::string_view key;
  if (!sample.value(subject, value)) return std::nullopt;
  Value changed = value;
  if (!make_key(line, subject, changed, key)) return std::nullopt;
  return key;
}

}  // namespace penstock::rules
