// What is known of the process as a whole, by the rows of HAProxy's `show info`: one table, walked by all its forms and
// by the metrics.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "penstock/proxy/statistics.h"

namespace penstock::statistics {

struct Program {
  std::string_view version, release_date;
  const Snapshot* snapshot = nullptr;
  const ProcessState* process = nullptr;
  std::uint64_t now_ms = 0;
  Sums doors;  // Of all frontends.
  std::uint64_t bytes_out = 0, dropped_logs = 0;
  std::string uptime;        // "0d 0h02m05s"
  std::uint64_t memory = 0;  // Bytes that the process has of the system's.
};
Program program_facts(std::string_view version, std::string_view release_date, const Snapshot& snapshot,
                      const ProcessState& process, std::uint64_t now_ms);

struct InfoRow {
  unsigned position = 0;
  std::string_view name;
  std::string_view metric;  // Behind "haproxy_process_"; empty: none.
  std::string_view help;
  std::string_view tags;
  bool counts = false;  // For metrics: it only grows.
  Value (*get)(const Program& program) = nullptr;
};
std::span<const InfoRow> info_rows();

}  // namespace penstock::statistics
