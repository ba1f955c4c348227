// Active checks of servers. Each result counts; when the count comes to another conclusion about a server, its keeper is
// told, who writes the server's state. What must outlive a reload is in Server::check: the next Checks for a server
// goes on with its count and its timer.
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

// Both are called on the keeper's thread, from the loop, and must not destroy the Checks.
class CheckOwner {
 public:
  // The server is to be taken for what it was not before.
  virtual void on_found(const BackendSpec& backend, const ServerSpec& server, Operation operation,
                        const CheckResult& result) = 0;
  // Its agent has said what it is to be: `change` may be empty, `up` unsaid.
  virtual void on_agent(const BackendSpec& backend, const ServerSpec& server, const ServerChange& change,
                        std::optional<bool> up, const CheckResult& result) = 0;

 protected:
  ~CheckOwner() = default;
};

class HealthLog {
 public:
  virtual void write(const BackendSpec& backend, Level level, std::string_view line) = 0;
  // `email-alert`: of some of these lines, at a level of its own.
  virtual void mail(const BackendSpec& /*backend*/, Level /*level*/, std::string_view /*line*/) {}

 protected:
  ~HealthLog() = default;
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
  // A server with check.enabled or an agent, and the backend it stands in. Both stay in place until the backend is dropped, and no
  // other Checks has the same server: after a reload the backend of before is dropped first.
  struct Target {
    const BackendSpec* backend = nullptr;
    const ServerSpec* server = nullptr;
  };
  Checks(Loop& loop, const ChecksOptions& options, CheckOwner& owner, HealthLog& log);
  // Checks under way end in silence.
  ~Checks();
  Checks(const Checks&) = delete;
  Checks& operator=(const Checks&) = delete;

  // The checks of each begin where they stood before, or spread over the first interval. Who is in maintenance is not
  // checked.
  void add(const std::vector<Target>& targets);
  // Its checks end in silence, those under way too.
  void drop(const BackendSpec& backend);
  // All that was found about a server is forgotten, and it is checked at once, unless it is in maintenance.
  void begin_anew(const BackendSpec& backend, const ServerSpec& server);

  // Its checks go on, at once, or not: see Server::CheckMemory::off.
  void look_again(const BackendSpec& backend, const ServerSpec& server);
  void look_at_agent_again(const BackendSpec& backend, const ServerSpec& server);
  // Traffic has failed as often as `error-limit` says.
  void count_errors(const BackendSpec& backend, const ServerSpec& server, const std::string& errors);

  const ChecksOptions& options() const { return options_; }
  std::size_t in_flight() const { return probes_.size() - idle_probes_.size(); }

 private:
  friend class Check;
  struct WaitingTag;
  void run_later() override { start_waiting(); }
  Check* find(const BackendSpec& backend, const ServerSpec& server, bool agent = false);
  void want_probe(Check& check);
  void give_back(Probe& probe);
  void start_waiting();
  // Differs from one call to the next; up to and including `limit`.
  std::uint64_t chance(std::uint64_t limit);

  Loop& loop_;
  const ChecksOptions options_;
  CheckOwner& owner_;
  HealthLog& log_;
  std::vector<std::unique_ptr<Probe>> probes_;
  std::vector<Probe*> idle_probes_;
  std::unordered_map<const BackendSpec*, std::vector<Owned<Check>>> checks_;
  List<Check, WaitingTag> waiting_;
  std::uint64_t random_;
};

}  // namespace penstock
