// What is in force about a server, and why: two truths, what checks found and what an administrator wants, and beside
// them the values that the file gives and a change may set. Values and pure functions.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/net/address.h"

namespace penstock {

// What checks found. Drain: the server asked for no new traffic (`http-check disable-on-404`).
enum class Operation : std::uint8_t { Up, Down, Drain };

// What an administrator wants, the stricter the later. Drain: nobody new, but those who belong to it may come, and it
// is checked. Maintenance: nobody, and no checks.
enum class Administration : std::uint8_t { Ready, Drain, Maintenance };

// Both truths, in one word that a request reads at once.
struct alignas(8) Standing {
  Operation operation = Operation::Up;
  Administration administration = Administration::Ready;
  // By whom the administration is as it is; neither: by the file.
  bool by_order = false;
  bool by_leader = false;  // The server that it tracks is so.
  bool by_name = false;    // It has no address, since its name has none.

  bool takes_traffic() const { return operation == Operation::Up && administration == Administration::Ready; }
  // Whoever belongs to it may still come.
  bool keeps_traffic() const { return operation != Operation::Down && in_service(); }
  bool in_service() const { return administration != Administration::Maintenance; }
  bool operator==(const Standing&) const = default;
};
static_assert(std::atomic<Standing>::is_always_lock_free);

struct ServerAddress {
  SocketAddress address;
  bool port_from_client = false;  // "*:+0": the port the client came to, plus port_offset.
  int port_offset = 0;
  // It is a name's, which has that digest. Without an address: none is known.
  std::uint64_t name = 0;

  bool is_unknown() const { return name != 0 && address.empty(); }
  bool operator==(const ServerAddress&) const = default;
};

// Never 0. The port: that of the file.
std::uint64_t digest_of_name(std::string_view name, std::uint16_t port);

// Tells them apart as well as 64 bits can.
std::uint64_t digest_of(const ServerAddress& address);

// All about a server that a change may set, as the file has it, or as it is in force.
struct ServerValues {
  Administration administration = Administration::Ready;
  std::uint32_t weight = 1;
  std::uint32_t maxconn = 0;
  ServerAddress address;
  bool operator==(const ServerValues&) const = default;
};

// What the keeper of a server is asked to set; what is not there stays.
struct ServerChange {
  std::optional<Administration> administration;
  std::optional<std::uint32_t> weight, maxconn;
  std::optional<ServerAddress> address;
  // What checks find next counts all the same. Not of one that tracks another.
  std::optional<Operation> operation;
  std::optional<bool> checks;  // Whether it is checked, if the file says that it is to be.
  // Where checks go; an empty host, a port of 0: as the file says.
  std::optional<SocketAddress> check_host;
  std::optional<std::uint16_t> check_port;
  // Of an address that a name has, or has no more, in words: whose, who said so, and why.
  std::string host, by, why;
  // Traffic has failed so often as `error-limit` says: in words.
  std::optional<std::string> errors;
  // Of its agent: what it is to have said, whether it is asked, where, and what it is sent; as above, and nothing: as the
  // file says.
  std::optional<Operation> agent_says;
  std::optional<bool> agent;
  std::optional<SocketAddress> agent_host;
  std::optional<std::uint16_t> agent_port;
  std::optional<std::optional<std::string>> agent_send;
};

// A value that a change has set, and that of the file at that moment: the order stands while the file says that.
template <class Value>
struct Order {
  Value value;
  Value file;
  bool operator==(const Order&) const = default;
};

// What changes have set about a server. They outlive a reload, and the process by way of its parent.
struct Orders {
  std::optional<Order<Administration>> administration;
  std::optional<Order<std::uint32_t>> weight, maxconn;
  std::optional<Order<ServerAddress>> address;
  bool empty() const { return *this == Orders(); }
  bool operator==(const Orders&) const = default;
};

// With what `change` sets; a value that the file has anyhow is no order.
Orders with_change(Orders orders, const ServerValues& file, const ServerChange& change);

struct Settled {
  ServerValues values;  // In force.
  Orders orders;        // Those that stand.
  // Values that the file has changed since they were set: "weight 20 in place of 5".
  std::vector<std::string> overruled;
};
// What is in force under a file, and what has to give way because that says something else than it did.
Settled settle(const ServerValues& file, const Orders& orders);

}  // namespace penstock
