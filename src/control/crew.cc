#include "penstock/control/crew.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "penstock/proxy/bundle.h"

namespace penstock {
namespace {

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof(name) - 1);
  return name;
}

void restore(const Snapshot& snapshot, const HealthNotes& notes) {
  for (const BackendRuntimeSpec& backend : snapshot.backends) {
    for (const ServerSpec& server : backend.balance.servers) {
      const bool is_checked = server.check.enabled || server.tracked_state;
      const auto found = notes.find({backend.balance.name, server.name});
      if (is_checked && found != notes.end()) Checks::restore(server, found->second);
    }
  }
}

}  // namespace

unsigned workers_for(const config::Global& global) {
  if (global.nbthread != 0) return global.nbthread;
  return std::max(1u, std::thread::hardware_concurrency());
}

Crew::Crew(Loop& loop, CrewOwner& owner) : loop_(loop), owner_(owner) {
  process_.pid = getpid();
  process_.started_us = Loop::wall_us();
  process_.hostname = host_name();
}

Crew::~Crew() {
  // All end before any goes: until then they speak to each other.
  for (auto& worker : workers_) worker->stop();
  workers_.clear();
  loop_.forget_posted();
}

unsigned Crew::workers_for(const config::Config& config) const {
  if (!workers_.empty()) return static_cast<unsigned>(workers_.size());
  return penstock::workers_for(config.global);
}

std::shared_ptr<const Snapshot> Crew::build(config::Config config, Bundle bundle, bool check_only,
                                            config::Diagnostics& diagnostics) {
  const bool failed_before = diagnostics.failed();
  const Snapshot::Sources sources{servers_, tables_,           tickets_,   frontend_states_, log_outputs_,
                                  process_, &log_descriptors_, log_reach_, check_only};
  auto snapshot = Snapshot::build(std::move(config), std::move(bundle), sources, diagnostics);
  if (failed_before || !snapshot || !share_sockets(*snapshot, diagnostics)) return nullptr;
  return snapshot;
}

// Each worker listens on a duplicate of its own. Whether there are descriptors for that is known before any is told.
bool Crew::share_sockets(const Snapshot& snapshot, config::Diagnostics& diagnostics) const {
  std::set<std::string_view> served;
  if (snapshot_) {
    for (const BindSpec& bind : snapshot_->binds) served.insert(bind.key);
  }
  const unsigned workers = workers_for(snapshot.config);
  for (const BindSpec& bind : snapshot.binds) {
    if (served.contains(bind.key)) continue;
    const BoundAddress& bound = *bind.bound;
    bound.shares.clear();
    for (unsigned i = 0; i < workers; ++i) {
      Result<Descriptor> share = bound.sockets[i % bound.sockets.size()].duplicate();
      if (!share) {
        diagnostics.add(config::Place{}, format("cannot listen on {}: {}", bound.address.text(), share.error().text));
        return false;
      }
      bound.shares.push_back(std::move(*share));
    }
  }
  return true;
}

void Crew::reached_log(const std::string& name, const Descriptor& connected) {
  for (const auto& [key, output] : log_outputs_) {
    if (output->socket_name() == name) output->reached(connected);
  }
}

void Crew::start(std::shared_ptr<const Snapshot> snapshot, const HealthNotes& health) {
  restore(*snapshot, health);
  const unsigned count = workers_for(snapshot->config);
  process_.workers = count;
  WorkerOwner& for_workers = *this;
  for (unsigned i = 0; i < count; ++i) workers_.push_back(std::make_unique<Worker>(i, count, process_, for_workers));
  for (auto& worker : workers_) worker->start();
  put_to_work(std::move(snapshot));
}

void Crew::put_to_work(std::shared_ptr<const Snapshot> snapshot) {
  if (snapshot_) former_.push_back(std::move(snapshot_));
  snapshot_ = std::move(snapshot);
  watch_addresses();
  const std::vector<const config::Proxy*> with_table = snapshot_->config.tables();
  for (std::size_t i = 0; i < with_table.size(); ++i) snapshot_->tables[i]->set_limits(*with_table[i]->stick_table);
  for (const BackendRuntimeSpec& backend : snapshot_->backends) {
    for (const ServerSpec& server : backend.balance.servers) put_in_force(backend.balance, server);
  }
  adopting_ = workers_.size();
  for (auto& worker : workers_) {
    worker->adopt(snapshot_, [this] { loop_.post([this] { adopted(); }); });
  }
  // maxconn may be higher now.
  if (process_.paused.exchange(0) != 0) wake_listeners();
}

void Crew::watch_addresses() {
  std::vector<AddressWatch::Pool> pools;
  for (const BackendRuntimeSpec& backend : snapshot_->backends) {
    for (const ServerSpec& server : backend.balance.servers) {
      if (server.check.enabled) pools.push_back(AddressWatch::pool_of(backend.balance, server));
    }
  }
  watch_.watch(std::move(pools));
}

void Crew::adopted() {
  if (--adopting_ != 0) return;
  sweep();
  owner_.on_adopted();
}

void Crew::drain() {
  for (auto& worker : workers_) worker->drain();
}

void Crew::sweep() {
  const auto taken_apart = std::erase_if(former_, [](const auto& snapshot) { return snapshot.use_count() == 1; });
  servers_.sweep();
  tables_.sweep();
  std::erase_if(log_outputs_, [](const auto& entry) { return entry.second.use_count() == 1; });
  // The system may have back what two snapshots took together.
  if (taken_apart != 0) ::malloc_trim(0);
}

void Crew::wake_lines(std::shared_ptr<BackendState> state) {
  for (auto& worker : workers_) worker->serve_lines(state);
}

void Crew::wake_listeners() {
  for (auto& worker : workers_) worker->resume_listeners();
}

void Crew::on_worker_empty(unsigned) {
  loop_.post([this] {
    if (++empty_workers_ == workers_.size()) owner_.on_crew_idle();
  });
}

void Crew::on_server_changed(const BackendSpec& backend, const ServerSpec& server, bool up) {
  // Down: who waits for this very server need not wait on.
  wake_lines(backend.state);
  if (!up && server.shutdown_when_down) {
    for (auto& worker : workers_) worker->shut_down_sessions(server.state);
  }
  if (up && server.shutdown_backups_when_up) {
    for (const ServerSpec& other : backend.servers) {
      if (!other.backup) continue;
      for (auto& worker : workers_) worker->shut_down_sessions(other.state);
    }
  }
  loop_.post([this, backend = backend.name, name = server.name, state = server.state, up] {
    owner_.on_health(*state);
    const auto line = watch_.on_change(backend, name, up, loop_.now());
    if (!line) return;
    const int index = snapshot_->backend_index(backend);
    const auto& logs = index < 0 ? snapshot_->logs : snapshot_->backends[static_cast<std::size_t>(index)].logs;
    for (LogOutput* output : logs) output->write(Level::Alert, *line);
  });
}

}  // namespace penstock
