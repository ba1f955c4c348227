#include "penstock/control/worker.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "penstock/config/model.h"
#include "penstock/net/signals.h"

namespace penstock {

Worker::Worker(unsigned index, unsigned workers, ProcessState& process, WorkerOwner& owner)
    : index_(index), workers_(workers), owner_(owner) {
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
  const bool anew = !checks_ || options != checks_->options();
  if (anew) checks_.reset();
  for (const BackendPlan* plan : change.gone) {
    if (checks_) checks_->drop(plan->balance);
  }
  for (const BackendPlan* plan : change.led_anew) {
    if (checks_) checks_->drop(plan->balance);
  }
  station_->adopt(snapshot, change);
  loop_.descriptor_limit = station_->kit().process.descriptor_limit;
  loop_.gulp_budget = static_cast<std::size_t>(global.gulp_budget);
  // Once more: a check under the former snapshot may have had the last word.
  for (const BackendPlan* plan : change.come) {
    for (const ServerSpec& server : plan->balance.servers) {
      if (!checks(plan->balance, server)) continue;
      put_in_force(plan->balance, server);
      if (!server.check.enabled || server.disabled) Checks::forget(plan->balance, server);
    }
  }
  std::vector<Checks::Target> targets;
  const auto add = [&](const BackendPlan& plan) {
    for (const ServerSpec& server : plan.balance.servers) {
      if (checks(plan.balance, server) && server.check.enabled && !server.disabled)
        targets.push_back({&plan.balance, &server, snapshot->followers_of(*server.state)});
    }
  };
  if (anew) {
    HealthEvents& for_events = *this;
    HealthLog& for_log = *this;
    checks_ = std::make_unique<Checks>(loop_, options, for_events, for_log);
    for (const auto& plan : snapshot->backends) add(*plan);
  } else {
    for (const BackendPlan* plan : change.come) add(*plan);
    for (const BackendPlan* plan : change.led_anew) add(*plan);
  }
  snapshot_ = std::move(snapshot);
  checks_->add(targets);
}

// Each server has exactly one checking worker, and keeps it while the process lives.
bool Worker::checks(const BackendSpec& backend, const ServerSpec& server) const {
  return std::hash<std::string>()(backend.name + "/" + server.name) % workers_ == index_;
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
  checks_.reset();
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

}  // namespace penstock
