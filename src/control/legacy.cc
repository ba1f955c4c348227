#include "penstock/control/legacy.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/base/packing.h"
#include "penstock/config/model.h"

namespace penstock {
namespace {

// Things set by command that another process is to set again.
constexpr std::size_t kMostKept = 1000;

bool has_server(const config::Config& config, const std::string& backend, const std::string& server) {
  const config::Proxy* proxy = config.find_backend(backend);
  return proxy != nullptr && std::any_of(proxy->servers.begin(), proxy->servers.end(),
                                         [&server](const config::Server& each) { return each.name == server; });
}

bool is_kept(const Legacy& legacy, const std::string& name) {
  return std::any_of(legacy.kept.begin(), legacy.kept.end(),
                     [&](const KeptThing& thing) { return thing.name == name; });
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

void take_note(Legacy& legacy, std::string_view bytes, const config::Config& config) {
  Unpacker from(bytes);
  const std::string backend(from.take_text());
  const std::string server(from.take_text());
  ServerNote note;
  note.operation = static_cast<Operation>(from.take_number());
  note.up_since_ms = from.take_number();
  Orders& orders = note.orders;
  const bool is_good = note.operation <= Operation::Drain && take(from, orders.administration) &&
                       take(from, orders.weight) && take(from, orders.maxconn) && take(from, orders.address);
  if (is_good && from.ended() &&
      (has_server(config, backend, server) || is_kept(legacy, added_server(backend, server))))
    legacy.servers[{backend, server}] = std::move(note);
}

std::string added_server(std::string_view backend, std::string_view server) {
  return format("added server {}/{}", backend, server);
}

WipedText pack_redos(const std::vector<Redo>& redos) {
  Packer packer;
  packer.put_number(redos.size());
  for (const Redo& redo : redos) {
    packer.put_number(redo.words.size());
    for (const std::string& word : redo.words) packer.put_text(word);
    packer.put_text(redo.payload);
  }
  return packer.bytes();
}

std::vector<Redo> unpack_redos(std::string_view bytes) {
  std::vector<Redo> out;
  Unpacker from(bytes);
  for (std::uint64_t left = from.take_count(); left > 0; --left) {
    Redo redo;
    for (std::uint64_t words = from.take_count(); words > 0; --words) redo.words.emplace_back(from.take_text());
    redo.payload = from.take_text();
    out.push_back(std::move(redo));
  }
  if (!from.ended()) out.clear();
  return out;
}

void keep(Legacy& legacy, std::string_view name, std::string_view redos) {
  const auto same =
      std::find_if(legacy.kept.begin(), legacy.kept.end(), [&](const KeptThing& thing) { return thing.name == name; });
  if (redos.empty()) {
    if (same != legacy.kept.end()) legacy.kept.erase(same);
  } else if (same != legacy.kept.end()) {
    same->redos = Secret(redos);
  } else if (legacy.kept.size() < kMostKept) {
    legacy.kept.push_back({std::string(name), Secret(redos)});
  }
}

}  // namespace penstock
