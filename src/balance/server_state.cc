#include "penstock/balance/server_state.h"

#include <string_view>

#include "penstock/base/format.h"
#include "penstock/base/xxhash.h"

namespace penstock {
namespace {

template <class Value>
void give(std::optional<Order<Value>>& order, const std::optional<Value>& value, const Value& file) {
  if (!value) return;
  order.reset();
  if (*value != file) order = Order<Value>{*value, file};
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
  settle_one("address", out.values.address, out.orders.address, out.overruled);
  return out;
}

}  // namespace penstock
