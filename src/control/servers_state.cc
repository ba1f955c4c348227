#include "servers_state.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "penstock/balance/health_result.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"

namespace penstock {
namespace {

int operation_number(const ServerSpec& server) {
  const Standing standing = server.state->standing.load(std::memory_order_relaxed);
  if (!standing.in_service()) return 0;
  switch (standing.operation) {
    case Operation::Down:
      return 0;
    case Operation::Up:
      return server.state->ramp.load(std::memory_order_relaxed) < 256 ? 1 : 2;
    case Operation::Drain:
      return 3;
  }
  return 0;
}

// Bits of HAProxy: wanted by command, by the server that it tracks, by the file.
int administration_bits(const ServerSpec& server, const ServerSeen& seen, bool in_file) {
  int bits = server.disabled && in_file ? 0x04 : 0;
  if (server.state->standing.load(std::memory_order_relaxed).by_name) bits |= 0x20;
  switch (settle(server.values(), seen.said ? seen.said->orders : Orders()).values.administration) {
    case Administration::Ready:
      break;
    case Administration::Drain:
      bits |= 0x08;
      break;
    case Administration::Maintenance:
      bits |= 0x01;
      break;
  }
  if (!server.tracked_state) return bits;
  switch (server.tracked_state->standing.load(std::memory_order_relaxed).administration) {
    case Administration::Ready:
      return bits;
    case Administration::Drain:
      return bits | 0x10;
    case Administration::Maintenance:
      return bits | 0x02;
  }
  return bits;
}

// Of the enumeration that state files have.
int status_number(CheckStatus status) {
  switch (status) {
    case CheckStatus::Unknown:
      return 1;
    case CheckStatus::Unchanged:
      return 3;
    case CheckStatus::Analysis:
      return 4;
    case CheckStatus::SocketError:
      return 5;
    case CheckStatus::L4Ok:
      return 6;
    case CheckStatus::L4Timeout:
      return 7;
    case CheckStatus::L4Connect:
      return 8;
    case CheckStatus::L6Ok:
      return 9;
    case CheckStatus::L6Timeout:
      return 10;
    case CheckStatus::L6Response:
      return 11;
    case CheckStatus::L7Timeout:
      return 12;
    case CheckStatus::L7Response:
      return 13;
    case CheckStatus::L7Ok:
      return 15;
    case CheckStatus::L7Conditional:
      return 16;
    case CheckStatus::L7Status:
      return 17;
    case CheckStatus::ProcessError:
      return 18;
    case CheckStatus::ProcessTimeout:
      return 19;
    case CheckStatus::ProcessOk:
      return 20;
  }
  return 0;
}

int result_number(CheckStatus status) {
  if (status == CheckStatus::Unknown) return 0;
  switch (check_verdict(status)) {
    case CheckVerdict::Failed:
      return 2;
    case CheckVerdict::Passed:
      return 3;
    case CheckVerdict::Conditional:
      return 4;
    case CheckVerdict::Neutral:
      return 1;
  }
  return 0;
}

int check_state_number(const ServerSpec& server, const ServerSeen& seen, bool in_file) {
  const bool away = !server.state->standing.load(std::memory_order_relaxed).in_service();
  if (!server.check.enabled) return server.disabled && in_file ? 8 : 0;
  // One that was added counts as paused when its checks were turned on before it was.
  return 2 | (seen.checks_off ? 0 : 4) | (away && in_file ? 8 : 0);
}

// Configured, on, an agent.
int agent_state_number(const ServerSpec& server, const ServerSeen& seen) {
  if (!server.agent) return 0;
  return 2 | (seen.agent_off ? 0 : 4) | 16;
}

int health_number(const ServerSpec& server, const ServerSeen& seen) {
  const Standing standing = server.state->standing.load(std::memory_order_relaxed);
  return server.check.enabled && !standing.in_service() ? 0 : seen.health;
}

// As the file names it; a server that was added has a number.
const config::Server* line_of(const config::Config& config, const BackendSpec& backend, const ServerSpec& server) {
  const config::Proxy* proxy = config.find_backend(backend.name);
  if (proxy == nullptr) return nullptr;
  const auto found = std::find_if(proxy->servers.begin(), proxy->servers.end(),
                                  [&](const config::Server& each) { return each.name == server.name; });
  return found == proxy->servers.end() ? nullptr : &*found;
}

}  // namespace

Where where_is(const ServerSpec& server) {
  const auto moved = server.state->moved();
  const SocketAddress& address = moved ? moved->to.address : server.address;
  if (address.empty() || address.is_unix()) return {"-", 0};
  return {address.ip_text(), address.port()};
}

void append_server_state(std::string& to, const Snapshot& snapshot, const BackendPlan& plan, const ServerSpec& server,
                         const ServersSeen& seen, const Names& names) {
  const ServerSeen& one = seen.of(server);
  const config::Proxy* proxy = snapshot.config.find_backend(plan.balance.name);
  const config::Server* line = line_of(snapshot.config, plan.balance, server);
  const bool named = line != nullptr && line->address.kind == config::Address::Kind::Name;
  const unsigned file_port = server.check.own_port ? server.check.address.port() : 0;
  const unsigned check_port = one.said && one.said->check_port != 0 ? one.said->check_port : file_port;
  const SocketAddress file_host = server.check.own_host ? server.check.address : SocketAddress();
  const SocketAddress check_host = one.said && !one.said->check_host.empty() ? one.said->check_host : file_host;
  Where where = where_is(server);
  int bits = administration_bits(server, one, line != nullptr);
  std::string host = named ? line->address.host : "-", record = "-";
  if (const auto asked = names.asked(plan.balance.name, server.name)) {
    host = asked->name.empty() ? "-" : asked->name;
    if (!asked->record.empty()) record = asked->record;
    if (asked->by_command || (!asked->record.empty() && !asked->name.empty())) bits |= 0x40;
    if (where.host == "-" && asked->record.empty()) where.port = server.named_port;
  }
  SocketAddress agent_host = server.agent && server.agent->own_host ? server.agent->address : SocketAddress();
  if (one.said && !one.said->agent_host.empty()) agent_host = one.said->agent_host;
  unsigned agent_port = server.agent ? server.agent->address.port() : file_port;
  if (one.said && one.said->agent_port != 0) agent_port = one.said->agent_port;
  append_format(to, "{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}\n",
                snapshot.backend_id(plan.number()), plan.balance.name, server.id, server.name, where.host,
                operation_number(server), bits, server.state->weight.load(std::memory_order_relaxed), server.weight,
                seen.seconds_since_change(server), status_number(one.status), result_number(one.status),
                health_number(server, one), check_state_number(server, one, line != nullptr),
                agent_state_number(server, one), proxy != nullptr && proxy->id != 0 ? 1 : 0,
                line != nullptr && line->id != 0 ? 1 : 0, host, where.port, record, server.tls ? 1 : 0, check_port,
                check_host.empty() ? "-" : check_host.ip_text(), agent_host.empty() ? "-" : agent_host.ip_text(),
                agent_port);
}

namespace {

// An address and a port that stand alone.
bool is_plain(const ServerAddress& address) {
  return !address.port_from_client && !address.address.empty() && !address.address.is_unix();
}

}  // namespace

void append_server_orders(std::string& to, const ServerSpec& server, const ServersSeen& seen) {
  const ServerSeen& one = seen.of(server);
  if (!one.said) return;
  const Orders& orders = one.said->orders;
  const std::string begin = format("# order {} {}", server.state->backend_name, server.name);
  if (orders.maxconn)
    append_format(to, "{} maxconn {} in place of {}\n", begin, orders.maxconn->value, orders.maxconn->file);
  if (orders.address && is_plain(orders.address->value) && is_plain(orders.address->file)) {
    const SocketAddress &value = orders.address->value.address, &file = orders.address->file.address;
    append_format(to, "{} address {} {} in place of {} {}\n", begin, value.ip_text(), value.port(), file.ip_text(),
                  file.port());
  }
}

namespace {

// Bits of the state of an administrator: by command, by the server that it tracks, by the file, and by names that could
// not be resolved or were set.
constexpr std::uint64_t kForcedMaintenance = 0x01, kFileMaintenance = 0x04, kForcedDrain = 0x08, kAllBits = 0x7f;
// Who is away for any reason was not checked.
constexpr std::uint64_t kAway = 0x01 | 0x02 | 0x20;
constexpr std::uint64_t kMostWeight = 256;
constexpr std::size_t kFewestFields = 20, kMostFields = 25, kMostComplaints = 10;
constexpr std::string_view kOrderMark = "# order ";
constexpr std::string_view kInPlaceOf = " in place of ";

CheckStatus status_of(std::uint64_t number) {
  for (std::size_t i = 0; i <= static_cast<std::size_t>(CheckStatus::ProcessOk); ++i) {
    const auto status = static_cast<CheckStatus>(i);
    if (static_cast<std::uint64_t>(status_number(status)) == number) return status;
  }
  return CheckStatus::Unknown;
}

// In the order of their columns, but for those that say what the file says.
struct StateLine {
  std::string backend, server, address, host, record;
  std::uint64_t operation, administration, weight, file_weight, seconds, status, port;
};

class StateReader {
 public:
  StateReader(ServersState& out, std::uint64_t now_ms) : out_(out), now_ms_(now_ms) {}

  void read(std::string_view text) {
    if (const std::string_view version = cut(text, '\n'); version != "1")
      return complain("this is no version of the format that is known, which is 1");
    while (!text.empty()) {
      const std::string_view line = cut(text, '\n');
      ++number_;
      if (line.starts_with(kOrderMark))
        take_order(line.substr(kOrderMark.size()));
      else if (!line.empty() && line.front() != '#')
        take(line);
    }
    if (untold_ != 0) out_.complaints.push_back(format("and {} more lines", untold_));
  }

 private:
  void take(std::string_view line) {
    std::array<std::string_view, kMostFields> fields;
    std::size_t count = 0;
    while (!line.empty() && count < kMostFields) {
      const std::string_view field = cut(line, ' ');
      if (!field.empty()) fields[count++] = field;
    }
    if (count < kFewestFields) return complain(format("{} fields where there should be {}", count, kMostFields));
    StateLine out{std::string(fields[1]),
                  std::string(fields[3]),
                  std::string(fields[4]),
                  std::string(fields[17]),
                  std::string(fields[19]),
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0};
    const bool is_good = number(fields[5], "srv_op_state", 3, out.operation) &&
                         number(fields[6], "srv_admin_state", kAllBits, out.administration) &&
                         number(fields[7], "srv_uweight", kMostWeight, out.weight) &&
                         number(fields[8], "srv_iweight", kMostWeight, out.file_weight) &&
                         number(fields[9], "srv_time_since_last_change", UINT32_MAX, out.seconds) &&
                         number(fields[10], "srv_check_status", 255, out.status) &&
                         number(fields[18], "srv_port", 65535, out.port);
    constexpr std::uint64_t kBoth = kForcedMaintenance | kForcedDrain;
    if (!is_good) return;
    if ((out.administration & kBoth) == kBoth)
      return complain(format("'{}' cannot be srv_admin_state: maintenance and drain at one time", out.administration));
    keep(out);
  }

  // A comment that is none of ours, or about nobody, is a comment.
  void take_order(std::string_view line) {
    const std::string backend(cut(line, ' ')), server(cut(line, ' '));
    const std::string_view what = cut(line, ' ');
    const std::size_t middle = line.find(kInPlaceOf);
    const auto note = out_.notes.find({backend, server});
    if (middle == std::string_view::npos || note == out_.notes.end()) return;
    const std::string_view value = line.substr(0, middle), file = line.substr(middle + kInPlaceOf.size());
    Orders& orders = note->second.orders;
    if (what == "maxconn") {
      const auto now = parse_unsigned(value), then = parse_unsigned(file);
      if (now && then && *now <= UINT32_MAX && *then <= UINT32_MAX)
        orders.maxconn = {static_cast<std::uint32_t>(*now), static_cast<std::uint32_t>(*then)};
    } else if (what == "address") {
      const auto now = address_of(value), then = address_of(file);
      if (now && then) orders.address = {*now, *then};
    }
  }

  static std::optional<ServerAddress> address_of(std::string_view text) {
    const std::string_view ip = cut(text, ' ');
    const auto port = parse_unsigned(text);
    ServerAddress out;
    if (!port || *port > 65535 || ip.empty() || ip == "*" ||
        !SocketAddress::from_ip(ip, static_cast<std::uint16_t>(*port), out.address))
      return std::nullopt;
    return out;
  }

  bool number(std::string_view text, std::string_view name, std::uint64_t most, std::uint64_t& to) {
    const auto value = parse_unsigned(text);
    if (!value || *value > most) {
      complain(format("'{}' cannot be {}", text, name));
      return false;
    }
    to = *value;
    return true;
  }

  void keep(const StateLine& line) {
    ServerNote note;
    note.orders = orders_of(line);
    note.orders.address = address_of(line);
    if ((line.administration & kAway) == 0) {
      note.operation = line.operation == 0 ? Operation::Down : line.operation == 3 ? Operation::Drain : Operation::Up;
      if (line.operation == 1) note.up_since_ms = now_ms_;
    }
    note.changed_ms = std::max<std::uint64_t>(1, now_ms_ - std::min(now_ms_, line.seconds * 1000));
    note.status = status_of(line.status);
    out_.notes.try_emplace({line.backend, line.server}, std::move(note));
    SocketAddress address;
    if (line.host != "-" && line.address != "-" && SocketAddress::from_ip(line.address, 0, address))
      out_.addresses.try_emplace(line.host, address);
  }

  // Of one that was asked by its name: what that had. If the file says another name now, it counts for nothing.
  static std::optional<Order<ServerAddress>> address_of(const StateLine& line) {
    ServerAddress found, file;
    const bool is_service = !line.record.empty() && line.record != "-";
    if ((!is_service && line.host == "-") || line.address == "-" || line.address == "*" ||
        !SocketAddress::from_ip(line.address, static_cast<std::uint16_t>(line.port), found.address))
      return std::nullopt;
    file.name = found.name =
        is_service ? digest_of_name(line.record, 0) : digest_of_name(line.host, static_cast<std::uint16_t>(line.port));
    return Order<ServerAddress>{found, file};
  }

  // What was in force, beside what the file said then.
  static Orders orders_of(const StateLine& line) {
    Orders orders;
    const auto file =
        (line.administration & kFileMaintenance) != 0 ? Administration::Maintenance : Administration::Ready;
    const auto value = (line.administration & kForcedMaintenance) != 0 ? Administration::Maintenance
                       : (line.administration & kForcedDrain) != 0     ? Administration::Drain
                                                                       : Administration::Ready;
    if (value != file) orders.administration = {value, file};
    if (line.weight != line.file_weight)
      orders.weight = {static_cast<std::uint32_t>(line.weight), static_cast<std::uint32_t>(line.file_weight)};
    return orders;
  }

  void complain(const std::string& what) {
    if (out_.complaints.size() < kMostComplaints)
      out_.complaints.push_back(format("line {}: {}", number_, what));
    else
      ++untold_;
  }

  ServersState& out_;
  const std::uint64_t now_ms_;
  std::size_t number_ = 1;
  std::size_t untold_ = 0;
};

}  // namespace

ServersState read_servers_state(std::string_view text, std::uint64_t now_ms) {
  ServersState out;
  StateReader(out, now_ms).read(text);
  return out;
}

}  // namespace penstock
