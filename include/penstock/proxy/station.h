// What one worker has of the proxy: its present generation, its share of each bind address, its
// clients. Everything here happens on the worker's loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "penstock/base/counted.h"
#include "penstock/proxy/counters.h"
#include "penstock/proxy/frontend.h"
#include "penstock/proxy/generation.h"
#include "penstock/proxy/kit.h"
#include "penstock/proxy/running.h"

namespace penstock {

// What a worker asks of the process.
class StationOwner : public LineWaker, public ChangeTaker, public NameFinder {
 public:
  // Room was made where listeners had to pause: those of all workers may go on.
  virtual void wake_listeners() = 0;
  // A drained station has no client left.
  virtual void on_station_empty(unsigned worker) = 0;

 protected:
  ~StationOwner() = default;
};

class Station final : public FrontendOwner {
 public:
  Station(Loop& loop, unsigned worker, ProcessState& process, StationOwner& owner);
  ~Station();
  Station(const Station&) = delete;
  Station& operator=(const Station&) = delete;

  // The configuration now in force, and how it differs from the one before. Listeners whose address stays go on, and
  // so do backends that are the same; kept-alive clients take the new rules at their next request.
  void adopt(std::shared_ptr<const Snapshot> snapshot, const Difference& change);
  // No new connections; clients leave after the transaction they are in. on_station_empty() follows.
  void drain();
  // Every client is cut off, every listener closed.
  void close();

  Kit& kit() override { return kit_; }
  const Ref<Generation>& generation() const { return kit_.generation; }

  // Lines of this backend may have room; `state` may belong to an older generation too.
  void serve_lines(BackendState& state);
  void shut_down_sessions(const Server& server);
  void resume_listeners();
  // The door of the frontend of this number is another now (FrontendState::Door).
  void obey_door(int frontend);

  // What is under way, for administrators; the end of what a client of that id has under way: false if there is none.
  std::vector<Running> running();
  bool kill(std::uint64_t id);

  std::size_t clients() const { return clients_; }

 private:
  bool admit(const FrontendPlan& frontend, const BindSpec& bind) override;
  void dismiss(const Entrance& entrance) override;
  bool draining() const override { return draining_; }

  Kit kit_;
  StationOwner& owner_;
  List<Generation> generations_;  // The present one and those that still have transactions.
  std::map<std::string, std::unique_ptr<Frontend>> frontends_;
  std::vector<std::unique_ptr<Frontend>> closing_;  // Gone from the configuration, with clients left.
  std::size_t clients_ = 0;
  bool draining_ = false;
};

}  // namespace penstock
