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

void Worker::adopt(std::shared_ptr<const Snapshot> snapshot, std::function<void()> done) {
  loop_.post([this, snapshot = std::move(snapshot), done = std::move(done)]() mutable {
    take(std::move(snapshot));
    done();
  });
}

// Each server has exactly one checking worker, and keeps it while the process lives.
void Worker::take(std::shared_ptr<const Snapshot> snapshot) {
  checks_.reset();
  station_->adopt(snapshot);
  std::vector<Checks::Target> targets;
  for (const BackendRuntimeSpec& backend : snapshot->backends) {
    for (const ServerSpec& server : backend.balance.servers) {
      const std::size_t turn = std::hash<std::string>()(backend.balance.name + "/" + server.name);
      if (turn % workers_ != index_) continue;
      // Once more: a check under the former snapshot may have had the last word.
      put_in_force(backend.balance, server);
      if (server.check.enabled && !server.disabled) {
        targets.push_back({&backend.balance, &server});
      } else {
        Checks::forget(backend.balance, server);
      }
    }
  }
  ChecksOptions options;
  options.in_flight = std::max<std::size_t>(1, kChecksInFlight / workers_);
  options.worker = index_;
  options.workers = workers_;
  options.spread_percent = snapshot->config.global.spread_checks;
  options.spread_limit_ms = snapshot->config.global.max_spread_checks_ms;
  loop_.descriptor_limit = station_->kit().process.descriptor_limit;
  loop_.gulp_budget = static_cast<std::size_t>(snapshot->config.global.gulp_budget);
  snapshot_ = std::move(snapshot);
  HealthEvents& for_events = *this;
  HealthLog& for_log = *this;
  checks_ = std::make_unique<Checks>(loop_, targets, options, for_events, for_log);
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
  const int index = snapshot_->backend_index(backend.name);
  if (index < 0) return;
  for (LogOutput* output : snapshot_->backends[static_cast<std::size_t>(index)].logs) output->write(level, line);
}

}  // namespace penstock
