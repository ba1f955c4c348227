#include "penstock/control/peers.h"

#include <algorithm>
#include <utility>

#include "peer_group.h"

namespace penstock {
namespace {

using config::StickData;

// What entries of a table hold, in the order in which it is told.
std::vector<config::StickTable::Stored> stored_of(const TablePlan& plan) {
  std::vector<config::StickTable::Stored> stored = plan.line.store;
  if (plan.of_servers) stored.insert(stored.end(), {{StickData::ServerId}, {StickData::ServerKey}});
  std::sort(stored.begin(), stored.end(), [](const auto& one, const auto& other) { return one.data < other.data; });
  const auto same = [](const auto& one, const auto& other) { return one.data == other.data; };
  stored.erase(std::unique(stored.begin(), stored.end(), same), stored.end());
  return stored;
}

// A table that stands in the section itself is called by its own name there, with a slash before it.
std::string wire_name(const TablePlan& plan, const std::string& section) {
  return plan.proxy.starts_with(section + "/") ? plan.proxy.substr(section.size()) : plan.proxy;
}

}  // namespace

Peers::Peers() = default;
Peers::~Peers() = default;

void Peers::adopt(Loop& loop, const Snapshot& snapshot, const Report& report) {
  std::map<const StickTable*, std::shared_ptr<Journal>> journals;
  std::vector<Owned<PeerGroup>> before = std::exchange(groups_, {});
  for (const PeersPlan& plan : snapshot.peers) {
    const auto same = std::find_if(before.begin(), before.end(), [&](const Owned<PeerGroup>& group) {
      return group && group->plan().name == plan.name;
    });
    Owned<PeerGroup> group =
        same != before.end() ? std::move(*same) : Owned<PeerGroup>(new PeerGroup(loop, plan, report));
    SharedTables tables;
    for (const TablePlan& table : snapshot.tables) {
      if (plan.disabled || !table.table || table.line.peers != plan.name) continue;
      std::shared_ptr<Journal>& journal = journals[table.table.get()];
      if (const auto known = journals_.find(table.table.get()); known != journals_.end()) journal = known->second;
      if (!journal) journal = std::make_shared<Journal>(table.table);
      auto shared = std::make_shared<SharedTable>(SharedTable{table.proxy, table.line, {}, journal});
      const auto was = std::find_if(group->tables().begin(), group->tables().end(),
                                    [&](const auto& each) { return each->journal == journal; });
      shared->definition.id = was == group->tables().end() ? ++last_id_ : (*was)->definition.id;
      shared->definition.name = wire_name(table, plan.name);
      shared->definition.key = table.line.key;
      shared->definition.key_length = peers::wire_key_length(table.line);
      shared->definition.expire_ms = table.line.expire_ms;
      shared->definition.stored = stored_of(table);
      tables.push_back(std::move(shared));
    }
    group->adopt(plan, tables);
    groups_.push_back(std::move(group));
  }
  for (const auto& [table, journal] : journals_) {
    if (!journals.contains(table)) journal->table().stop_sharing();
  }
  journals_ = std::move(journals);
}

void Peers::stop() {
  groups_.clear();
  for (const auto& [table, journal] : journals_) journal->table().stop_sharing();
  journals_.clear();
}

std::uint64_t Peers::active() const {
  std::uint64_t sum = 0;
  for (const auto& group : groups_) sum += group->active();
  return sum;
}

std::uint64_t Peers::connected() const {
  std::uint64_t sum = 0;
  for (const auto& group : groups_) sum += group->connected();
  return sum;
}

bool Peers::describe(std::string& to, std::string_view section, bool with_texts) const {
  bool found = false;
  for (const auto& group : groups_) {
    if (!section.empty() && group->plan().name != section) continue;
    group->describe(to, with_texts);
    found = true;
  }
  return found || section.empty();
}

}  // namespace penstock
