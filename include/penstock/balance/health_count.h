// How results of checks add up to UP and DOWN, and when the next one is due. Pure.
//
// Health is one number from 0 to rise + fall - 1; a server is UP from `rise` on. A success counts one
// up, a failure one down; whatever crosses the line in between lands at the far end, so that `fall`
// failures in a row, or `rise` successes, are needed to come back. A new server stands on the line:
// UP, but one failure takes it DOWN.
#pragma once

#include <cstdint>
#include <string>

#include "penstock/balance/server.h"

namespace penstock {

class HealthCount {
 public:
  HealthCount(int rise, int fall) : rise_(rise < 1 ? 1 : rise), fall_(fall < 1 ? 1 : fall) {}

  int initial() const { return rise_; }
  int best() const { return rise_ + fall_ - 1; }
  bool up(int health) const { return health >= rise_; }
  int after_success(int health) const { return health + 1 < rise_ ? health + 1 : best(); }
  int after_failure(int health) const { return health > rise_ ? health - 1 : 0; }
  // A count made under another rise and fall: what was up stays up.
  int adopted(int health, bool was_up) const {
    if (was_up) return up(health) && health <= best() ? health : best();
    return health < rise_ ? health : rise_ - 1;
  }
  // "2/3 UP", "1/2 DOWN"
  std::string text(int health) const;

 private:
  int rise_, fall_;
};

// Configuration manual, section 5.2, "inter": fastinter between the two ends and for a server not
// checked yet, downinter at the lower end.
std::uint64_t check_interval_ms(const CheckSpec& check, int health, bool begun);

// The first of several checks come one after the other, over the shortest interval among them.
// `position` of `count`; `limit_ms` is max-spread-checks, 0 for none.
std::uint64_t first_check_after_ms(std::uint64_t shortest_ms, std::uint64_t limit_ms, std::uint64_t position,
                                   std::uint64_t count);

// `timeout check` as the manual has it: how long connecting may take, and how long the answer.
struct CheckLimits {
  std::uint64_t connect_ms = 0;
  std::uint64_t answer_ms = 0;  // From the connection on; 0: connect_ms bounds the whole.
};
CheckLimits check_limits(const CheckSpec& check);

// Weight in 256ths of a server that came up `age_ms` ago.
std::uint32_t slow_start_ramp(std::uint64_t age_ms, std::uint64_t slowstart_ms);
// How long after coming up the ramp is next looked at.
std::uint64_t slow_start_step_ms(std::uint64_t slowstart_ms);

}  // namespace penstock
