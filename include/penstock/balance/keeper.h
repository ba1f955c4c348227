// The one who writes the state of a server: the worker to which it fell. What checks find, what the configuration says
// anew after a reload, what others ask for (ServerChange), and what the server that it tracks does all come here, and
// are published to Server (atomics) and BackendState (version), told to KeeperEvents and written to HealthLog in
// HAProxy's words.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "penstock/balance/health.h"
#include "penstock/balance/server.h"
#include "penstock/net/living.h"

namespace penstock {

struct BackendTally;

class KeeperEvents {
 public:
  // Up: who belongs to it may come again. Down: nobody may any more. Other: it drains, or another weight or limit.
  enum class Turn : std::uint8_t { Other, Up, Down };
  // Called on the keeper's thread, from the loop; must not destroy the Keeper.
  virtual void on_server_changed(const BackendSpec& backend, const ServerSpec& server, Turn turn) = 0;

 protected:
  ~KeeperEvents() = default;
};

// What a keeper knows about a server, for another process to go on with.
struct ServerNote {
  Operation operation = Operation::Up;
  std::uint64_t up_since_ms = 0;  // Its slow start began, monotonic clock; 0: it is over.
  Orders orders;
  // Of a state file alone: when its standing changed, monotonic clock (0: not known), and what a check came to last.
  std::uint64_t changed_ms = 0;
  CheckStatus status = CheckStatus::Unknown;
  bool operator==(const ServerNote&) const = default;
};

class Keeper final : private CheckOwner {
 public:
  using Target = Checks::Target;
  Keeper(Loop& loop, const ChecksOptions& options, KeeperEvents& events, HealthLog& log);
  // Checks under way end in silence.
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // These are as the configuration has them from now on; what changes have set stays while the file says what it said.
  // Checks begin where they stood before.
  void adopt(const std::vector<Target>& targets);
  // The configuration has another backend in its place, or none.
  void drop(const BackendSpec& backend);
  void apply(const BackendSpec& backend, const ServerSpec& server, const ServerChange& change);
  // The server that it tracks may be another now.
  void follow(const BackendSpec& backend, const ServerSpec& server);

  const ChecksOptions& options() const { return checks_.options(); }
  std::size_t in_flight() const { return checks_.in_flight(); }

  // `orders`: those of the server, which its keeper alone may read.
  static ServerNote note_of(const Server& state, const Orders& orders);
  // A server that no worker knows yet begins as the file has it, and as another process left it (null: none did).
  // Then, once all did, those that track others.
  static void begin(const ServerSpec& server, const ServerNote* note);
  // True if it was something else.
  static bool begin_to_follow(const ServerSpec& server);

 private:
  class Ramp;
  void on_found(const BackendSpec& backend, const ServerSpec& server, Operation operation,
                const CheckResult& result) override;
  void on_agent(const BackendSpec& backend, const ServerSpec& server, const ServerChange& change,
                std::optional<bool> up, const CheckResult& result) override;
  void take_agent_for(const BackendSpec& backend, const ServerSpec& server, bool up, const std::string& reason);
  void set_agent(const BackendSpec& backend, const ServerSpec& server, const ServerChange& change);
  void renew(const BackendSpec& backend, const ServerSpec& server, const Orders& orders, bool aloud,
             const ServerChange& change);
  void forget(const BackendSpec& backend, const ServerSpec& server);
  void take_for(const BackendSpec& backend, const ServerSpec& server, Operation operation);
  void turn_checks(const BackendSpec& backend, const ServerSpec& server, bool on);
  void move(const BackendSpec& backend, const ServerSpec& server, Standing to);
  void start_slowly(const BackendSpec& backend, const ServerSpec& server);
  Ramp& begin_ramp(const BackendSpec& backend, const ServerSpec& server);
  void end_ramp(const ServerSpec& server);
  void step(Ramp& ramp);
  void log_address(const BackendSpec& backend, const ServerSpec& server, const ServerAddress& now,
                   const ServerChange& change);
  void log_move(const BackendSpec& backend, const ServerSpec& server, Standing before, const std::string& reason,
                const ServerChange& change = {});
  void tell(const BackendSpec& backend, Level level, std::string_view line);
  void log_operation(const BackendTally& tally, const ServerSpec& server, Operation before, const std::string& reason);
  void log_administration(const BackendTally& tally, const ServerSpec& server, Standing before,
                          const ServerChange& change);
  BackendTally& tally_of(const BackendSpec& backend);

  Loop& loop_;
  KeeperEvents& events_;
  HealthLog& log_;
  std::unordered_map<const BackendSpec*, std::unique_ptr<BackendTally>> tallies_;
  std::unordered_map<const ServerSpec*, Owned<Ramp>> ramps_;  // Of those that start slowly now.
  Checks checks_;
};

}  // namespace penstock
