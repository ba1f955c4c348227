#include "penstock/control/worker.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "lookups.h"
#include "penstock/config/model.h"
#include "penstock/net/signals.h"

namespace penstock {

Worker::Worker(unsigned index, unsigned workers, ProcessState& process, WorkerOwner& owner)
    : index_(index), workers_(workers), owner_(owner), lookups_(std::make_unique<Lookups>()) {
  loop_.descriptors = &process.descriptors;
  StationOwner& for_station = *this;
  station_ = std::make_unique<Station>(loop_, index, process, for_station);
}

Worker::~Worker() {
  stop();
  // Others may have spoken to it after its end.
  loop_.forget_posted();
}

void Worker::start() {
  SignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
}

void Worker::run() {
  loop_.run();
  loop_.run_dry();
  loop_.free_blocks();
  Block::free_kept();
}

void Worker::adopt(std::shared_ptr<const Snapshot> snapshot, std::shared_ptr<const Difference> change,
                   std::function<void()> done) {
  loop_.post([this, snapshot = std::move(snapshot), change = std::move(change), done = std::move(done)]() mutable {
    take(std::move(snapshot), *change);
    done();
  });
}

void Worker::take(std::shared_ptr<const Snapshot> snapshot, const Difference& change) {
  const config::Global& global = snapshot->config.global;
  ChecksOptions options;
  options.in_flight = std::max<std::size_t>(1, kChecksInFlight / workers_);
  options.worker = index_;
  options.workers = workers_;
  options.spread_percent = global.spread_checks;
  options.spread_limit_ms = global.max_spread_checks_ms;
  // Another keeper finds what the one before knew, with the servers (Server::check).
  const bool anew = !keeper_ || options != keeper_->options();
  if (anew) keeper_.reset();
  for (const BackendPlan* plan : change.gone) {
    if (keeper_) keeper_->drop(plan->balance);
  }
  station_->adopt(snapshot, change);
  loop_.descriptor_limit = station_->kit().process.descriptor_limit;
  loop_.gulp_budget = static_cast<std::size_t>(global.gulp_budget);
  snapshot_ = std::move(snapshot);
  std::vector<Keeper::Target> targets;
  const auto add = [&](const BackendPlan& plan) {
    for (const ServerSpec& server : plan.balance.servers) {
      if (keeps(server)) targets.push_back({&plan.balance, &server});
    }
  };
  if (anew) {
    KeeperEvents& for_events = *this;
    HealthLog& for_log = *this;
    keeper_ = std::make_unique<Keeper>(loop_, options, for_events, for_log);
    for (const auto& plan : snapshot_->backends) add(*plan);
  } else {
    for (const BackendPlan* plan : change.come) add(*plan);
  }
  keeper_->adopt(targets);
  for (const BackendPlan* plan : change.come) lead_all(*plan);
  for (const BackendPlan* plan : change.led_anew) lead_all(*plan);
}

// Their keepers may have looked before this one knew of them.
void Worker::lead_all(const BackendPlan& plan) {
  for (const ServerSpec& server : plan.balance.servers) {
    if (keeps(server)) lead_followers(server);
  }
}

void Worker::lead_followers(const ServerSpec& server) {
  for (const Follower& follower : snapshot_->followers_of(*server.state)) owner_.lead(follower.server->state);
}

void Worker::on_server_changed(const BackendSpec& backend, const ServerSpec& server, Turn turn) {
  owner_.on_server_changed(backend, server, turn);
  lead_followers(server);
}

void Worker::change(std::shared_ptr<Server> server, const ServerChange& change, std::function<void()> done) {
  loop_.post([this, server = std::move(server), change, done = std::move(done)] {
    const ServerSpec* spec = snapshot_ ? snapshot_->spec_of(*server) : nullptr;
    if (spec != nullptr) keeper_->apply(backend_of(*server), *spec, change);
    done();
  });
}

// It may not know the follower yet, or no more.
void Worker::follow(std::shared_ptr<Server> server) {
  loop_.post([this, server = std::move(server)] {
    const ServerSpec* spec = snapshot_ ? snapshot_->spec_of(*server) : nullptr;
    if (spec != nullptr) keeper_->follow(backend_of(*server), *spec);
  });
}

void Worker::ask(std::function<void(Station&)> question) {
  loop_.post([this, question = std::move(question)] { question(*station_); });
}

void Worker::pass(std::function<void()> done) { loop_.post(std::move(done)); }

bool Worker::find_name(rules::NameAsked& asked, rules::AnswerWaiter& waiter) {
  const std::uint64_t number = lookups_->wait(asked, waiter);
  if (number != 0) owner_.find_name(index_, number, asked);
  return number != 0;
}

void Worker::name_found(std::uint64_t number, const SocketAddress& address) {
  loop_.post([this, number, address] { lookups_->found(number, address); });
}

const BackendSpec& Worker::backend_of(const Server& server) const {
  return snapshot_->backend(snapshot_->backend_number(server.backend_name))->balance;
}

void Worker::drain() {
  loop_.post([this] { station_->drain(); });
}

void Worker::serve_lines(std::shared_ptr<BackendState> state) {
  loop_.post([this, state = std::move(state)] { station_->serve_lines(*state); });
}

void Worker::shut_down_sessions(std::shared_ptr<Server> server) {
  loop_.post([this, server = std::move(server)] { station_->shut_down_sessions(*server); });
}

void Worker::resume_listeners() {
  loop_.post([this] { station_->resume_listeners(); });
}

void Worker::end() {
  keeper_.reset();
  station_->close();
  snapshot_.reset();
  loop_.stop();
}

void Worker::stop() {
  if (!thread_.joinable()) return;
  loop_.post([this] { end(); });
  thread_.join();
}

void Worker::write(const BackendSpec& backend, Level level, std::string_view line) {
  const BackendPlan* plan = snapshot_->backend(backend.state->number);
  if (plan == nullptr) return;
  for (LogOutput* output : plan->logs) output->write(level, line);
}

void Worker::mail(const BackendSpec& backend, Level level, std::string_view line) {
  for (const MailPlan& plan : snapshot_->mails) {
    if (plan.backend == backend.name && level <= plan.level) owner_.mail(plan, std::string(line));
  }
}

}  // namespace penstock
