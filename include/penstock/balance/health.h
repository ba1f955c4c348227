// Active checks of servers, divided among the workers: each (backend, server) is checked by one.
//
// What a check found is published to Server (status, ramp) and BackendState (version), told to
// HealthEvents, and written to HealthLog in HAProxy's words. What must outlive a reload is in
// Server::check: the next Checks for a server goes on with its count and its timer.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "penstock/balance/health_result.h"
#include "penstock/balance/server.h"
#include "penstock/base/list.h"
#include "penstock/base/log.h"
#include "penstock/net/living.h"

namespace penstock {

class Check;
class Probe;
struct BackendTally;

// Both are called on the checking worker's thread, from the loop, and must not destroy the Checks.
class HealthEvents {
 public:
  // The server's status changed. `up` is false when it is DOWN; one that drains is not.
  virtual void on_server_changed(const BackendSpec& backend, const ServerSpec& server, bool up) = 0;

 protected:
  ~HealthEvents() = default;
};

class HealthLog {
 public:
  virtual void write(const BackendSpec& backend, Level level, std::string_view line) = 0;

 protected:
  ~HealthLog() = default;
};

// What checks found about a server, for another process to go on with.
struct HealthNote {
  ServerStatus status = ServerStatus::Up;  // Never Maintenance: the configuration says so.
  std::uint64_t up_since_ms = 0;           // Its slow start began, monotonic clock; 0: it is over.
  bool operator==(const HealthNote&) const = default;
};

struct ChecksOptions {
  // Checks this worker may have under way at once, each with one descriptor; others wait their turn.
  std::size_t in_flight = 256;
  // Which of how many workers this is: first checks of all workers come evenly spread.
  std::uint32_t worker = 0;
  std::uint32_t workers = 1;
  std::uint32_t spread_percent = 0;   // `spread-checks`
  std::uint64_t spread_limit_ms = 0;  // `max-spread-checks`; 0: none.
  bool operator==(const ChecksOptions&) const = default;
};

class Checks final : private Later {
 public:
  // A server with check.enabled, the backend it stands in, and who has its health: those of other backends and
  // followers of followers too. All stay in place until the backend is dropped, and no other Checks has the same
  // server: after a reload the backend of before is dropped first.
  struct Target {
    const BackendSpec* backend = nullptr;
    const ServerSpec* server = nullptr;
    std::vector<Follower> followers;
  };
  Checks(Loop& loop, const ChecksOptions& options, HealthEvents& events, HealthLog& log);
  // Checks under way end in silence.
  ~Checks();
  Checks(const Checks&) = delete;
  Checks& operator=(const Checks&) = delete;

  // The checks of each begin where they stood before, or spread over the first interval.
  void add(const std::vector<Target>& targets);
  // Its checks end in silence, those under way too.
  void drop(const BackendSpec& backend);

  const ChecksOptions& options() const { return options_; }
  std::size_t in_flight() const { return probes_.size() - idle_probes_.size(); }

  // For a server that a reload left without check: it takes traffic, whatever was found before. To be
  // called when no Checks has it any more.
  static void forget(const BackendSpec& backend, const ServerSpec& server);
  static HealthNote note_of(const Server& state);
  // To be called when no worker knows the server yet.
  static void restore(const ServerSpec& server, const HealthNote& note);

 private:
  friend class Check;
  struct WaitingTag;
  void run_later() override { start_waiting(); }
  BackendTally& tally_of(const BackendSpec& backend);
  void want_probe(Check& check);
  void give_back(Probe& probe);
  void start_waiting();
  // Differs from one call to the next; up to and including `limit`.
  std::uint64_t chance(std::uint64_t limit);

  Loop& loop_;
  const ChecksOptions options_;
  HealthEvents& events_;
  HealthLog& log_;
  std::unordered_map<const BackendSpec*, std::unique_ptr<BackendTally>> tallies_;
  std::vector<std::unique_ptr<Probe>> probes_;
  std::vector<Probe*> idle_probes_;
  std::unordered_map<const BackendSpec*, std::vector<Owned<Check>>> checks_;
  List<Check, WaitingTag> waiting_;
  std::uint64_t random_;
};

}  // namespace penstock
