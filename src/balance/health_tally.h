// How many servers of a backend take traffic, for the log. Pure but for the atomics it reads.
#pragma once

#include <cstdint>
#include <string>

#include "penstock/balance/health_result.h"
#include "penstock/balance/server.h"

namespace penstock {

struct BackendTally {
  explicit BackendTally(const BackendSpec& spec);

  // `server` now has another standing than `before`: makes it known to all workers and counts. Counting
  // anew is needed only if another worker changed something meanwhile, or a big backend that goes
  // DOWN at once would be counted through for each of its servers.
  void changed(const ServerSpec& server, Standing before);
  // A weight or a limit was set: workers look again, and all is counted anew at the next change.
  void weighed();
  // A slow start went on: workers look again, the count stays.
  void ramped();
  bool none() const { return active + backup == 0; }

  const BackendSpec& spec;
  std::uint32_t seen_version = 0;  // Of BackendState, when the counts were right.
  int active = 0;
  int backup = 0;

 private:
  void recount();
  void count(const ServerSpec& server, Standing standing, int by);
};

// A reason: an administrator said so, no check.
constexpr std::string_view kByCommand = "changed from CLI";

// What is said of a server: "is UP", whether that is so by the one that it tracks, and why (as check_reason says, or empty).
struct Saying {
  std::string_view what;
  bool by_leader = false;
  std::string_view reason;
};
// The lines HAProxy writes, with how many servers are left.
std::string down_line(const BackendTally& tally, const ServerSpec& server, const Saying& saying);
std::string up_line(const BackendTally& tally, const ServerSpec& server, const Saying& saying);
// The same without.
std::string change_line(const BackendTally& tally, const ServerSpec& server, std::string_view what);
std::string no_server_line(const BackendSpec& backend);
// `option log-health-checks`; `health`: "2/3 UP".
std::string check_line(const BackendSpec& backend, const ServerSpec& server, const CheckResult& result,
                       std::string_view health, bool agent = false);

}  // namespace penstock
