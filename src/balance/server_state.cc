#include "penstock/balance/server_state.h"

#include <algorithm>
#include <string_view>

#include "penstock/base/format.h"
#include "penstock/base/xxhash.h"

namespace penstock {
namespace {

// Even if it is what the file says: the name has no address, whatever it had at first.
bool is_said(const ServerAddress& address) { return address.is_unknown(); }
template <class Value>
bool is_said(const Value&) {
  return false;
}

template <class Value>
void give(std::optional<Order<Value>>& order, const std::optional<Value>& value, const Value& file) {
  if (!value) return;
  order.reset();
  if (*value != file || is_said(*value)) order = Order<Value>{*value, file};
}

std::string text_of(Administration administration) {
  switch (administration) {
    case Administration::Ready:
      return "ready";
    case Administration::Drain:
      return "drain";
    case Administration::Maintenance:
      return "maintenance";
  }
  return "";
}

std::string text_of(std::uint32_t number) { return format("{}", number); }

std::string text_of(const ServerAddress& address) { return address.address.text(); }

template <class Value>
void settle_one(std::string_view name, Value& in_force, std::optional<Order<Value>>& order,
                std::vector<std::string>& overruled) {
  if (!order) return;
  if (order->file == in_force) {
    in_force = order->value;
    return;
  }
  if (order->value != in_force)
    overruled.push_back(format("{} {} in place of {}", name, text_of(in_force), text_of(order->value)));
  order.reset();
}

}  // namespace

std::uint64_t digest_of(const ServerAddress& address) {
  return xxh64(format("{} {} {}", address.address.text(), address.port_from_client, address.port_offset));
}

std::uint64_t digest_of_name(std::string_view name, std::uint16_t port) {
  return std::max<std::uint64_t>(1, xxh64(format("{}:{}", name, port)));
}

Orders with_change(Orders orders, const ServerValues& file, const ServerChange& change) {
  give(orders.administration, change.administration, file.administration);
  give(orders.weight, change.weight, file.weight);
  give(orders.maxconn, change.maxconn, file.maxconn);
  give(orders.address, change.address, file.address);
  return orders;
}

Settled settle(const ServerValues& file, const Orders& orders) {
  Settled out{file, orders, {}};
  settle_one("state", out.values.administration, out.orders.administration, out.overruled);
  settle_one("weight", out.values.weight, out.orders.weight, out.overruled);
  settle_one("maxconn", out.values.maxconn, out.orders.maxconn, out.overruled);
  // What a name had is no order that somebody gave.
  std::vector<std::string> unheard;
  const bool is_found = orders.address && orders.address->value.name != 0;
  settle_one("address", out.values.address, out.orders.address, is_found ? unheard : out.overruled);
  return out;
}

}  // namespace penstock
