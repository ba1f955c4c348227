// The serving process: signals, workers, reload. It has the main thread and a loop of its own; reading
// and building happen there, and so does the end of what was built.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "penstock/balance/health_watch.h"
#include "penstock/control/options.h"
#include "penstock/control/worker.h"
#include "penstock/net/signals.h"
#include "penstock/proxy/snapshot.h"

namespace penstock {

class Master final : private WorkerOwner, private SignalOwner {
 public:
  explicit Master(const Options& options);
  ~Master();

  // penstock -c: 0 if the configuration can be used, else 1.
  int check();
  // Serves until a signal ends it; the exit status.
  int run();

 private:
  class Ticker;
  struct Loaded {
    std::shared_ptr<const Snapshot> snapshot;
    config::Diagnostics diagnostics;
  };
  Loaded load(bool check_only);
  void print(const config::Diagnostics& diagnostics);
  bool make_room_for_descriptors(const Snapshot& snapshot);
  unsigned workers_wanted(const config::Config& config) const;

  void on_signal(int number) override;
  void wake_lines(std::shared_ptr<BackendState> state) override;
  void wake_listeners() override;
  void on_worker_empty(unsigned worker) override;
  void on_server_changed(const BackendSpec& backend, const ServerSpec& server, bool up) override;

  void reload();
  void put_to_work(std::shared_ptr<const Snapshot> snapshot);
  void adopted();
  void drain();
  void finish(int status);
  void tick();
  void say(Level level, const std::string& line);

  const Options& options_;
  Loop loop_;
  ProcessState process_;
  ServerRegistry servers_;
  TicketKeys tickets_;
  LogDescriptors log_descriptors_;
  std::map<std::string, std::shared_ptr<FrontendState>> frontend_states_;
  std::map<std::string, std::shared_ptr<LogOutput>> log_outputs_;
  std::unique_ptr<Signals> signals_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<std::shared_ptr<const Snapshot>> former_;   // Freed here when nobody uses them any more.
  std::vector<std::unique_ptr<Worker>> workers_;
  AddressWatch watch_;
  Owned<Ticker> ticker_;
  std::size_t adopting_ = 0;
  std::size_t empty_workers_ = 0;
  std::uint64_t drain_end_ms_ = 0;
  std::uint64_t next_rotation_ms_ = 0;
  int exit_status_ = 0;
  bool reload_again_ = false;
  bool draining_ = false;
};

}  // namespace penstock
