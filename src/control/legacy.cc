#include "penstock/control/legacy.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "penstock/base/packing.h"
#include "penstock/config/model.h"

namespace penstock {
namespace {

bool has_server(const config::Config& config, const std::string& backend, const std::string& server) {
  const config::Proxy* proxy = config.find_backend(backend);
  return proxy != nullptr && std::any_of(proxy->servers.begin(), proxy->servers.end(),
                                         [&server](const config::Server& each) { return each.name == server; });
}

void put(Packer& packer, Administration value) { packer.put_number(static_cast<std::uint64_t>(value)); }
void put(Packer& packer, std::uint32_t value) { packer.put_number(value); }
void put(Packer& packer, const ServerAddress& value) {
  packer.put_text({reinterpret_cast<const char*>(value.address.raw()), value.address.length()});
  packer.put_number(value.port_from_client ? 1 : 0);
  packer.put_number(static_cast<std::uint64_t>(std::int64_t{value.port_offset}));
}

template <class Value>
void put(Packer& packer, const std::optional<Order<Value>>& order) {
  packer.put_number(order ? 1 : 0);
  if (!order) return;
  put(packer, order->value);
  put(packer, order->file);
}

bool take(Unpacker& from, Administration& value) {
  value = static_cast<Administration>(from.take_number());
  return value <= Administration::Maintenance;
}

bool take(Unpacker& from, std::uint32_t& value) {
  const std::uint64_t number = from.take_number();
  value = static_cast<std::uint32_t>(number);
  return number <= UINT32_MAX;
}

bool take(Unpacker& from, ServerAddress& value) {
  const std::string_view bytes = from.take_text();
  value.port_from_client = from.take_number() == 1;
  const auto offset = static_cast<std::int64_t>(from.take_number());
  value.port_offset = static_cast<int>(offset);
  std::optional<SocketAddress> address = SocketAddress::from_bytes(bytes);
  if (!address || offset != value.port_offset) return false;
  value.address = *address;
  return true;
}

template <class Value>
bool take(Unpacker& from, std::optional<Order<Value>>& order) {
  const std::uint64_t there = from.take_number();
  if (there == 0) return true;
  order.emplace();
  return there == 1 && take(from, order->value) && take(from, order->file);
}

}  // namespace

std::string pack_note(const Server& server, const ServerNote& note) {
  Packer packer;
  packer.put_text(server.backend_name);
  packer.put_text(server.name);
  packer.put_number(static_cast<std::uint64_t>(note.operation));
  packer.put_number(note.up_since_ms);
  put(packer, note.orders.administration);
  put(packer, note.orders.weight);
  put(packer, note.orders.maxconn);
  put(packer, note.orders.address);
  return std::string(std::string_view(packer.bytes()));
}

void take_note(ServerNotes& notes, std::string_view bytes, const config::Config& config) {
  Unpacker from(bytes);
  const std::string backend(from.take_text());
  const std::string server(from.take_text());
  ServerNote note;
  note.operation = static_cast<Operation>(from.take_number());
  note.up_since_ms = from.take_number();
  Orders& orders = note.orders;
  const bool is_good = note.operation <= Operation::Drain && take(from, orders.administration) &&
                       take(from, orders.weight) && take(from, orders.maxconn) && take(from, orders.address);
  if (is_good && from.ended() && has_server(config, backend, server)) notes[{backend, server}] = std::move(note);
}

}  // namespace penstock
