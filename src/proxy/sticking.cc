#include "penstock/proxy/sticking.h"

#include <algorithm>
#include <optional>

namespace penstock {
namespace {

// Manual, "stick store-request": for each request and its answer.
constexpr std::size_t kMostKept = 8;

// What a table knows a server by.
std::string key_of(const StickTable& table, const ServerSpec& server) {
  if (!table.line().server_by_address) return server.name;
  const auto moved = server.state->moved();
  return (moved ? moved->to.address : server.address).text();
}

// The mark lives as long as the table.
const StickTable::Mark* server_under(std::string_view key, StickTable& table, std::uint64_t now_ms) {
  const StickTable::Hold hold = table.find(key, now_ms);
  return hold ? hold.mark() : nullptr;
}

bool is_known(const StickTable& table, const StickTable::Mark* mark, const ServerSpec& server) {
  if (mark == nullptr || mark->id != server.id || mark->server != server.name) return false;
  return mark->backend == server.state->backend_name &&
         (!table.line().server_by_address || mark->key == key_of(table, server));
}

}  // namespace

int place_of(const StickTable& table, const StickTable::Mark& mark, const BackendSpec& backend) {
  const auto find = [&](auto is_meant) {
    const auto at = std::find_if(backend.servers.begin(), backend.servers.end(), is_meant);
    return at == backend.servers.end() ? -1 : static_cast<int>(at - backend.servers.begin());
  };
  const int known =
      mark.key.empty() ? -1 : find([&](const ServerSpec& server) { return key_of(table, server) == mark.key; });
  if (known >= 0 || mark.backend == backend.name) return known;
  return find([&](const ServerSpec& server) { return server.id == mark.id; });
}

int Sticking::look_up(const Snapshot& snapshot, const BackendPlan& backend, bool anyhow, rules::Subject& subject,
                      std::uint64_t now_ms) {
  int found = -1;
  for (const rules::StickRule& rule : backend.rules->stick_request) {
    StickTable& table = *snapshot.tables[static_cast<std::size_t>(rule.table)].table;
    const bool stores = rule.stores && may_keep(table);
    if (!rule.matches && !stores) continue;
    const std::optional<std::string_view> key = rule.key(subject);
    // What could not be asked is asked again, from the first.
    if (subject.in_trouble()) return -1;
    if (!key) continue;
    // Those behind the first that helps are used too: their clients are here.
    const StickTable::Mark* mark = rule.matches ? server_under(*key, table, now_ms) : nullptr;
    if (mark != nullptr && found < 0) {
      const int place = place_of(table, *mark, backend.balance);
      if (place >= 0 && (anyhow || backend.balance.servers[static_cast<std::size_t>(place)].state->keeps_traffic()))
        found = place;
    }
    if (stores) keep(table, *key, subject.arena);
  }
  return found;
}

void Sticking::look_at_answer(const Snapshot& snapshot, const BackendPlan& backend, rules::Subject& subject) {
  for (const rules::StickRule& rule : backend.rules->stick_response) {
    StickTable& table = *snapshot.tables[static_cast<std::size_t>(rule.table)].table;
    if (!may_keep(table)) continue;
    const std::optional<std::string_view> key = rule.key(subject);
    if (key) keep(table, *key, subject.arena);
  }
}

void Sticking::store(const ServerSpec& server, std::uint64_t now_ms) {
  for (; stored_ < kept_.size(); ++stored_) {
    if (server.non_stick) continue;
    StickTable& table = *kept_[stored_].table;
    StickTable::Hold hold = table.make(kept_[stored_].key, now_ms);
    if (hold && !is_known(table, hold.mark(), server))
      hold.set_mark({server.state->backend_name, server.name, key_of(table, server), server.id});
  }
}

// One key for each table, the first.
bool Sticking::may_keep(const StickTable& table) const {
  return kept_.size() < kMostKept &&
         std::none_of(kept_.begin(), kept_.end(), [&](const Kept& kept) { return kept.table == &table; });
}

void Sticking::keep(StickTable& table, std::string_view key, Arena& arena) {
  kept_.push_back(arena, {&table, arena.copy(key)});
}

}  // namespace penstock
