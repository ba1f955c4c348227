#include "penstock/control/crew.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "penstock/proxy/bundle.h"
#include "penstock/proxy/statistics_walk.h"

namespace penstock {
namespace {

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof(name) - 1);
  return name;
}

std::unordered_set<const Server*> servers_of(const std::vector<const BackendPlan*>& plans) {
  std::unordered_set<const Server*> out;
  for (const BackendPlan* plan : plans) {
    for (const ServerSpec& server : plan->balance.servers) out.insert(server.state.get());
  }
  return out;
}

}  // namespace

unsigned workers_for(const config::Global& global) {
  if (global.nbthread != 0) return global.nbthread;
  return std::clamp(std::thread::hardware_concurrency(), 1u, kMostWorkers);
}

Crew::Crew(Loop& loop, CrewOwner& owner) : loop_(loop), owner_(owner) {
  process_.pid = getpid();
  process_.started_us = Loop::wall_us();
  process_.started_ms = loop.now();
  process_.hostname = host_name();
  process_.version = PENSTOCK_VERSION;
}

// What was put there before every worker's turn has ended is freed after it; what comes meanwhile has its own.
void Crew::empty_bin() {
  const auto load = std::make_shared<rules::PatternBin::Load>(taken_out_->take());
  if (!load->empty()) pass_all([load] { load->clear(); });
}

Crew::~Crew() {
  taken_out_->on_filled({});
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
  auto snapshot =
      Snapshot::build(std::move(config), std::move(bundle), snapshot_.get(), sources(check_only), diagnostics);
  if (failed_before || !snapshot || !share_sockets(*snapshot, diagnostics) || !open_logs(*snapshot, diagnostics))
    return nullptr;
  return snapshot;
}

Sources Crew::sources(bool check_only) {
  return {servers_, tables_,    tickets_,   frontend_states_, log_outputs_, rings_,
          process_, check_only, taken_out_, variables_,       caches_};
}

std::shared_ptr<const Snapshot> Crew::amended(const Amendment& amendment, config::Diagnostics& diagnostics) {
  return Snapshot::amended(*snapshot_, amendment, sources(false), diagnostics);
}

bool Crew::open_logs(const Snapshot& snapshot, config::Diagnostics& diagnostics) {
  bool all = true;
  diagnostics.set_source(&snapshot.config);
  for (const LogUse& use : snapshot.outputs) {
    LogOutput& output = *use.output;
    if (output.opened()) continue;
    const Result<void> opened = output.open(&log_descriptors_);
    if (!opened) diagnostics.add(use.place, opened.error().text);
    all = all && opened;
    if (opened && log_reach_ != nullptr) output.reach_by(*log_reach_, snapshot.bundle.log_socket(output.socket_name()));
  }
  diagnostics.set_source(nullptr);
  return all;
}

// Each worker listens on a duplicate of its own. Whether there are descriptors for that is known before any is told.
bool Crew::share_sockets(const Snapshot& snapshot, config::Diagnostics& diagnostics) const {
  std::set<std::string_view> served;
  if (snapshot_) {
    for (const BindSpec& bind : snapshot_->binds) served.insert(bind.key);
  }
  const unsigned workers = workers_for(snapshot.config);
  for (const BindSpec& bind : snapshot.binds) {
    if (served.contains(bind.key) || bind.bound->sockets.empty()) continue;
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

void Crew::start(std::shared_ptr<const Snapshot> snapshot, const ServerNotes& notes) {
  const unsigned count = workers_for(snapshot->config);
  process_.workers = count;
  started_ms_ = loop_.now();
  WorkerOwner& for_workers = *this;
  for (unsigned i = 0; i < count; ++i) workers_.push_back(std::make_unique<Worker>(i, count, process_, for_workers));
  taken_out_->on_filled([this] { loop_.post([this] { empty_bin(); }); });
  for (auto& worker : workers_) worker->start();
  put_to_work(std::move(snapshot), notes);
}

void Crew::put_to_work(std::shared_ptr<const Snapshot> snapshot, const ServerNotes& notes) {
  change_ = std::make_shared<const Difference>(snapshot_.get(), *snapshot);
  for (const TablePlan& table : snapshot->tables) {
    if (table.table) table.table->set_limits(table.line);
  }
  for (const CachePlan& plan : snapshot->caches) plan.cache->set_limits(plan.line);
  if (!snapshot_ || !snapshot->is_amendment_of(*snapshot_)) {
    for (const rules::ProcessSetting& setting : snapshot->settings) setting.apply();
  }
  begin_servers(notes);
  if (snapshot_) former_.push_back(std::move(snapshot_));
  snapshot_ = std::move(snapshot);
  feeds_.adopt(loop_, snapshot_->rings);
  mailing_.sweep();
  peers_.adopt(loop_, *snapshot_, process_.peers, [this](const std::string& line) { warn(line); });
  settle_orders();
  watch_addresses();
  adopting_ = workers_.size();
  for (auto& worker : workers_) {
    worker->adopt(snapshot_, change_, [this] { loop_.post([this] { adopted(); }); });
  }
  // maxconn may be higher now.
  if (process_.paused.exchange(0) != 0) wake_listeners();
}

void Crew::warn(const std::string& line) {
  for (LogOutput* output : snapshot_->logs) output->write(Level::Warning, line);
}

void Crew::mail(const MailPlan& plan, std::string line) {
  loop_.post([this, plan, line = std::move(line)] {
    mailing_.send(loop_, plan, line, [this](const std::string& said) { warn(said); });
  });
}

// No worker knows those that come yet: they begin as they are to be. All others are their keepers' from now on.
void Crew::begin_servers(const ServerNotes& notes) {
  const std::unordered_set<const Server*> gone = servers_of(change_->gone), come = servers_of(change_->come);
  std::vector<const ServerSpec*> followers;
  for (const BackendPlan* plan : change_->come) {
    std::uint64_t never = 0;
    plan->balance.state->changed_at_ms.compare_exchange_strong(never, loop_.now());
    for (const ServerSpec& server : plan->balance.servers) {
      if (gone.contains(server.state.get())) continue;
      const auto note = notes.find({plan->balance.name, server.name});
      Keeper::begin(server, note == notes.end() ? nullptr : &note->second);
      const bool is_dated = note != notes.end() && note->second.changed_ms != 0;
      server.state->changed_at_ms.store(is_dated ? note->second.changed_ms : loop_.now(), std::memory_order_relaxed);
      if (note != notes.end()) orders_[note->first] = note->second.orders;
      if (server.tracked_state) followers.push_back(&server);
    }
  }
  // One may track another of them.
  for (bool again = !followers.empty(); again;) {
    again = false;
    for (const ServerSpec* follower : followers) again = Keeper::begin_to_follow(*follower) || again;
  }
  for (const Server* server : gone) {
    if (!come.contains(server)) servers_.forget(*server);
  }
}

// As each keeper does when it adopts the snapshot.
void Crew::settle_orders() {
  for (auto at = orders_.begin(); at != orders_.end();) {
    const ServerSpec* spec = snapshot_->find_server(at->first.first, at->first.second);
    if (spec != nullptr) at->second = settle(spec->values(), at->second).orders;
    at = spec == nullptr || at->second.empty() ? orders_.erase(at) : std::next(at);
  }
}

// A reload may have come between the keeper's word and this.
void Crew::keep_orders(const Server& server, const Orders& orders) {
  const ServerSpec* spec = snapshot_->spec_of(server);
  if (spec == nullptr) return;
  Orders standing = settle(spec->values(), orders).orders;
  if (spec->check.enabled && standing.address != orders_of(server).address) {
    const BackendSpec& backend = snapshot_->backend(snapshot_->backend_number(server.backend_name))->balance;
    const AddressWatch::Pool pool = AddressWatch::pool_of(backend, *spec, standing);
    watch_.watch({pool}, {pool});
  }
  const std::pair name(server.backend_name, server.name);
  if (standing.empty())
    orders_.erase(name);
  else
    orders_[name] = std::move(standing);
}

Orders Crew::orders_of(const Server& server) const {
  const auto known = orders_.find({server.backend_name, server.name});
  return known == orders_.end() ? Orders() : known->second;
}

ServerNote Crew::note_of(const Server& server) const { return Keeper::note_of(server, orders_of(server)); }

bool Crew::change(std::string_view backend, std::string_view server, const ServerChange& change,
                  std::function<void()> done) {
  const ServerSpec* spec = snapshot_->find_server(backend, server);
  if (spec == nullptr) return false;
  Worker& keeper = *workers_[spec->state->keeper(process_.workers)];
  keeper.change(spec->state, change, [this, done = std::move(done)] { loop_.post([this, done] { pass_all(done); }); });
  return true;
}

void Crew::shut_down_sessions(const std::shared_ptr<Server>& server, std::function<void()> done) {
  for (auto& worker : workers_) worker->shut_down_sessions(server);
  pass_all(std::move(done));
}

void Crew::tell(KeptChange change) {
  owner_.on_kept(change);
  wipe(change.redo);
}

void Crew::keep_until_reload(const std::string& what, std::function<void()> undo, Redo redo) {
  until_reload_[what] = std::move(undo);
  tell({KeptChange::Kind::Set, what, std::move(redo), {}});
}

void Crew::keep_also(const std::string& what, Redo redo) {
  if (until_reload_.contains(what)) tell({KeptChange::Kind::Append, what, std::move(redo), {}});
}

void Crew::keep_entry(const std::string& what, std::function<void()> undo, std::string key, Redo redo, bool told) {
  until_reload_.try_emplace(what, std::move(undo));
  if (told) owner_.on_kept({KeptChange::Kind::Entry, what, std::move(redo), std::move(key)});
}

void Crew::join_kept(const std::string& from, const std::string& to) {
  until_reload_.erase(from);
  until_reload_.try_emplace(to, [] {});
  owner_.on_kept({KeptChange::Kind::Join, to, {}, from});
}

void Crew::forget_until_reload(const std::string& what) {
  if (until_reload_.erase(what) != 0) owner_.on_kept({KeptChange::Kind::Forget, what, {}, {}});
}

std::string Crew::end_what_was_kept() {
  std::string names;
  for (const auto& [what, undo] : std::exchange(until_reload_, {})) {
    names += (names.empty() ? "" : ", ") + what;
    undo();
  }
  if (!names.empty()) owner_.on_kept({});
  return names;
}

void Crew::wake_who_waits(std::function<void()> done) {
  if (process_.paused.exchange(0) != 0) wake_listeners();
  pass_all(std::move(done));
}

void Crew::ask(Question question, std::function<void()> done) {
  const auto shared = std::make_shared<const Question>(std::move(question));
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->ask([shared, i](Station& station) { (*shared)(static_cast<unsigned>(i), station); });
  }
  pass_all(std::move(done));
}

// What was posted to workers before has been done when `done` is called.
void Crew::pass_all(std::function<void()> done) {
  const auto left = std::make_shared<std::size_t>(workers_.size());
  for (auto& worker : workers_) {
    worker->pass([this, left, done] {
      loop_.post([left, done] {
        if (--*left == 0) done();
      });
    });
  }
}

void Crew::clear_counters(bool all, std::function<void()> done) {
  for (unsigned i = 0; i < workers_.size(); ++i) {
    workers_[i]->pass([this, i, all, snapshot = snapshot_] { statistics::clear(*snapshot, process_, i, all); });
  }
  pass_all(std::move(done));
}

void Crew::take_change(const std::string& backend, const std::string& server, const ServerChange& wanted) {
  loop_.post([this, backend, server, wanted] { change(backend, server, wanted, [] {}); });
}

void Crew::find_name(unsigned worker, std::uint64_t number, const rules::NameAsked& asked) {
  loop_.post([this, worker, number, section = std::string(asked.section), name = std::string(asked.name),
              ip4_first = asked.ip4_first] {
    owner_.on_name_wanted(section, name, ip4_first, [this, worker, number](const SocketAddress& address) {
      if (worker < workers_.size()) workers_[worker]->name_found(number, address);
    });
  });
}

void Crew::lead(std::shared_ptr<Server> follower) {
  Worker& keeper = *workers_[follower->keeper(process_.workers)];
  keeper.follow(std::move(follower));
}

void Crew::watch_addresses() {
  const auto pools_of = [this](const std::vector<const BackendPlan*>& plans) {
    std::vector<AddressWatch::Pool> pools;
    for (const BackendPlan* plan : plans) {
      for (const ServerSpec& server : plan->balance.servers) {
        if (!server.check.enabled) continue;
        pools.push_back(AddressWatch::pool_of(plan->balance, server, orders_of(*server.state)));
      }
    }
    return pools;
  };
  watch_.watch(pools_of(change_->come), pools_of(change_->gone));
}

void Crew::adopted() {
  if (--adopting_ != 0) return;
  // After an amendment there is little to sweep, and much to look through: it can wait.
  if (former_.empty() || !snapshot_->is_amendment_of(*former_.back())) sweep();
  owner_.on_adopted();
}

void Crew::drain() {
  process_.stopping = true;
  peers_.leave();
  for (auto& worker : workers_) worker->drain();
}

void Crew::sweep() {
  bool taken_apart = false;
  std::erase_if(former_, [&](const auto& snapshot) {
    if (snapshot.use_count() != 1) return false;
    taken_apart = taken_apart || !snapshot_->is_amendment_of(*snapshot);
    return true;
  });
  servers_.sweep();
  tables_.sweep();
  std::erase_if(log_outputs_, [](const auto& entry) { return entry.second.use_count() == 1; });
  std::erase_if(*caches_, [](const auto& entry) { return entry.second.use_count() == 1; });
  std::erase_if(rings_, [](const auto& entry) { return entry.second.use_count() == 1; });
  // The system may have back what two snapshots took together.
  if (taken_apart) ::malloc_trim(0);
}

void Crew::wake_lines(std::shared_ptr<BackendState> state) {
  for (auto& worker : workers_) worker->serve_lines(state);
}

void Crew::wake_listeners() {
  for (auto& worker : workers_) worker->resume_listeners();
}

void Crew::on_worker_empty(unsigned) {
  loop_.post([this] {
    if (++empty_workers_ == workers_.size()) peers_.when_all_told(loop_, [this] { owner_.on_crew_idle(); });
  });
}

void Crew::on_server_changed(const BackendSpec& backend, const ServerSpec& server, KeeperEvents::Turn turn) {
  // Down: who waits for this very server need not wait on.
  wake_lines(backend.state);
  if (turn == KeeperEvents::Turn::Down && server.shutdown_when_down) {
    for (auto& worker : workers_) worker->shut_down_sessions(server.state);
  }
  if (turn == KeeperEvents::Turn::Up && server.shutdown_backups_when_up) {
    for (const ServerSpec& other : backend.servers) {
      if (!other.backup) continue;
      for (auto& worker : workers_) worker->shut_down_sessions(other.state);
    }
  }
  const bool up = server.state->standing.load(std::memory_order_relaxed).operation != Operation::Down;
  loop_.post([this, backend = backend.state, state = server.state, orders = server.state->orders(), up] {
    keep_orders(*state, orders);
    owner_.on_server_changed(*state);
    tell_of_address(*backend, *state, up);
  });
}

// That a whole machine went.
void Crew::tell_of_address(const BackendState& backend, const Server& server, bool up) {
  const auto line = watch_.on_change(backend.name, server.name, up, loop_.now());
  if (!line) return;
  const BackendPlan* plan = snapshot_->backend(backend.number);
  const auto& logs = plan == nullptr ? snapshot_->logs : plan->logs;
  for (LogOutput* output : logs) output->write(Level::Alert, *line);
}

}  // namespace penstock
