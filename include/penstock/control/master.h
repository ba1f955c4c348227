// The serving process: signals, reload, what is said to the administrator. It has the main thread and a
// loop of its own; reading and building happen there, and so does the end of what was built.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "penstock/base/result.h"
#include "penstock/control/crew.h"
#include "penstock/control/options.h"
#include "penstock/net/signals.h"
#include "penstock/proxy/snapshot.h"

namespace penstock {

class Master final : private CrewOwner, private SignalOwner {
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
  Result<void> make_room_for_descriptors(const Snapshot& snapshot);

  void on_signal(int number) override;
  void on_adopted() override;
  void on_crew_idle() override { finish(0); }

  void reload();
  void leave();
  void drain();
  void finish(int status);
  void tick();
  void say(Level level, const std::string& line);

  const Options& options_;
  Loop loop_;
  Crew crew_;
  std::unique_ptr<Signals> signals_;
  Owned<Ticker> ticker_;
  std::uint64_t grace_end_ms_ = 0;
  std::uint64_t drain_end_ms_ = 0;
  std::uint64_t next_rotation_ms_ = 0;
  std::uint64_t reload_begun_ms_ = 0;
  std::string changes_;  // Of the reload that workers are adopting.
  int exit_status_ = 0;
  bool reload_again_ = false;
  bool draining_ = false;
  bool quiet_ = false;
};

}  // namespace penstock
