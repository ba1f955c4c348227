// What the master looks at once a second, since nobody counts it as it happens: how busy the process is, how much goes
// to clients, and a point of each pool's last hour.
#pragma once

#include <cstdint>

#include "penstock/proxy/counters.h"
#include "penstock/proxy/snapshot.h"

namespace penstock {

class Trends {
 public:
  // What a point of BackendState::history is made of.
  enum Value : std::uint8_t { Requests, AtOnce, Failures, TimeMs };

  void look(const Snapshot& snapshot, ProcessState& process, std::uint64_t now_ms);

 private:
  void look_at_process(const Snapshot& snapshot, ProcessState& process, std::uint64_t passed_ms);

  std::uint64_t looked_at_ms_ = 0, noted_at_ms_ = 0;
  std::uint64_t bytes_out_ = 0, busy_us_ = 0;  // Up to then.
};

}  // namespace penstock
