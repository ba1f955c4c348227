// Metrics of our own, beside those that HAProxy has: how long what took, pool by pool, and what the process is asked of
// by alarms. Written one after the other, as a service is asked for more.
#pragma once

#include <cstddef>
#include <string>

#include "metrics_wish.h"
#include "penstock/proxy/counters.h"
#include "penstock/proxy/snapshot.h"

namespace penstock {

class OwnMetrics {
 public:
  // All of them stay as long as this.
  OwnMetrics(const Snapshot& snapshot, const ProcessState& process, const MetricsWish& wish)
      : snapshot_(snapshot), process_(process), wish_(wish) {}
  // Appends some. False: those were the last ones.
  bool write_more(std::string& out);

 private:
  void write_process(std::string& out) const;
  void write_dropped(std::string& out) const;
  void write_failures(std::string& out) const;
  void write_certificates(std::string& out) const;

  const Snapshot& snapshot_;
  const ProcessState& process_;
  const MetricsWish& wish_;
  bool process_written_ = false;
  std::size_t family_ = 0, backend_ = 0;
  bool headed_ = false;  // That family.
};

}  // namespace penstock
