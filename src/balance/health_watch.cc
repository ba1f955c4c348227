#include "penstock/balance/health_watch.h"

#include <algorithm>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock {
namespace {

// The next check is due one interval after the last one's end, so the checks of a machine that went
// all at once come in over an interval and what one check takes.
constexpr std::uint64_t kSlackPart = 4;

}  // namespace

AddressWatch::Pool AddressWatch::pool_of(const BackendSpec& backend, const ServerSpec& server, const Orders& orders) {
  const SocketAddress& address = orders.address ? orders.address->value.address : server.address;
  return {backend.name, server.name, address.text(), server.check.inter_ms};
}

std::string AddressWatch::key(std::string_view backend, std::string_view server) {
  return format("{}/{}", backend, server);
}

void AddressWatch::forget(const std::string& name) {
  const auto member = members_.find(name);
  if (member == members_.end()) return;
  const auto address = addresses_.find(member->second.address);
  if (member->second.down) --address->second.down;
  std::erase(address->second.members, &member->second);
  if (address->second.members.empty()) addresses_.erase(address);
  members_.erase(member);
}

void AddressWatch::watch(std::vector<Pool> come, const std::vector<Pool>& gone) {
  std::map<std::string, Member> before;
  for (const Pool& pool : gone) {
    const std::string name = key(pool.backend, pool.server);
    const auto member = members_.find(name);
    if (member != members_.end()) before.emplace(name, member->second);
    forget(name);
  }
  for (Pool& pool : come) {
    const std::string name = key(pool.backend, pool.server);
    Member member{std::move(pool.address), pool.inter_ms};
    const auto known = before.find(name);
    if (known != before.end() && known->second.address == member.address) {
      member.down = known->second.down;
      member.down_at_ms = known->second.down_at_ms;
    }
    const auto [place, added] = members_.emplace(name, std::move(member));
    if (!added) continue;
    Address& address = addresses_[place->second.address];
    address.members.push_back(&place->second);
    if (place->second.down) ++address.down;
  }
}

std::optional<std::string> AddressWatch::on_change(std::string_view backend, std::string_view server, bool up,
                                                   std::uint64_t now_ms) {
  const auto found = members_.find(key(backend, server));
  if (found == members_.end() || found->second.down == !up) return std::nullopt;
  Member& member = found->second;
  Address& address = addresses_[member.address];
  member.down = !up;
  if (up) {
    --address.down;
    return std::nullopt;
  }
  ++address.down;
  member.down_at_ms = now_ms;
  // One pool alone has said all there is to say.
  if (address.down < address.members.size() || address.members.size() < 2) return std::nullopt;
  std::uint64_t first_ms = now_ms, interval_ms = 0;
  for (const Member* each : address.members) {
    first_ms = std::min(first_ms, each->down_at_ms);
    interval_ms = std::max(interval_ms, each->inter_ms);
  }
  const std::uint64_t span_ms = now_ms - first_ms;
  if (span_ms > interval_ms + interval_ms / kSlackPart) return std::nullopt;
  const std::uint64_t said_ms = span_ms <= interval_ms ? interval_ms : (span_ms + 999) / 1000 * 1000;
  return format(
      "all {} checked pools of address {} went DOWN within {}: is the server down or in maintenance "
      "(ServerWideOffline)?",
      address.members.size(), member.address, duration_text(said_ms));
}

}  // namespace penstock
