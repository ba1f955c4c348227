#include "penstock/proxy/plan.h"

#include <ctime>
#include <optional>

#include "penstock/balance/policy.h"

namespace penstock {

std::string date_text(std::int64_t unix_time) {
  const std::time_t time = unix_time;
  std::tm parts{};
  gmtime_r(&time, &parts);
  char space[32];
  std::strftime(space, sizeof(space), "%Y-%m-%d %H:%M UTC", &parts);
  return space;
}

std::uint32_t BackendPlan::key_of(rules::Subject& subject) const {
  if (balance.balance == BalanceKind::Source) return rules->hash_key.spread(address_hash(subject.source().ip_bytes()));
  if (balance.balance != BalanceKind::Hash) return 0;
  const auto key = rules->hash_key.bytes(subject);
  // Without a key the turn goes round, as the manual has it.
  return key ? rules->hash_key.hash(*key) : balance.state->turn.fetch_add(1, std::memory_order_relaxed);
}

std::string_view BackendPlan::sni_of(const ServerSpec& server, rules::Subject& subject) const {
  if (!server.tls || !server.sni) return {};
  const auto name = server.sni->text(subject);
  if (!name) return {};
  // Of "name:port" the name; a number is no server name (RFC 6066 section 3).
  std::string_view host = *name;
  if (host.starts_with('[')) return {};
  host = host.substr(0, host.find(':'));
  SocketAddress number;
  return SocketAddress::from_ip(host, 0, number) ? std::string_view() : host;
}

}  // namespace penstock
