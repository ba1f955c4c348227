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

// Looks until there is nothing to be told any more.
class Peers::LastLook final : public Living {
 public:
  LastLook(Loop& loop, const Peers& peers, std::function<void()> done)
      : Living(loop), peers_(peers), done_(std::move(done)) {
    set_deadline(kLookMs);
  }

 private:
  void on_deadline() override {
    if (peers_.all_told()) return done_();
    set_deadline(kLookMs);
  }
  static constexpr std::uint64_t kLookMs = 10;
  const Peers& peers_;
  const std::function<void()> done_;
};

Peers::Peers() = default;
Peers::~Peers() = default;

void Peers::adopt(Loop& loop, const Snapshot& snapshot, PeerCounts& counts, const Report& report) {
  std::map<const StickTable*, std::shared_ptr<Journal>> journals;
  std::vector<Owned<PeerGroup>> before = std::exchange(groups_, {});
  for (const PeersPlan& plan : snapshot.peers) {
    const auto same = std::find_if(before.begin(), before.end(), [&](const Owned<PeerGroup>& group) {
      return group && group->plan().name == plan.name;
    });
    Owned<PeerGroup> group =
        same != before.end() ? std::move(*same) : Owned<PeerGroup>(new PeerGroup(loop, plan, counts, report));
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

void Peers::leave() {
  for (const auto& group : groups_) group->leave();
}

void Peers::when_all_told(Loop& loop, std::function<void()> done) {
  if (all_told()) return done();
  last_look_ = Owned<LastLook>(new LastLook(loop, *this, std::move(done)));
}

bool Peers::all_told() const {
  return std::all_of(groups_.begin(), groups_.end(), [](const auto& group) { return group->all_told(); });
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
