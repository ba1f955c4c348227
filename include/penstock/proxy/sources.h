// What outlives every configuration, as building one needs it: states and tables found again by name, and outputs of
// the log.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "penstock/balance/server.h"
#include "penstock/base/ring.h"
#include "penstock/net/tls_context.h"
#include "penstock/proxy/counters.h"
#include "penstock/proxy/log_output.h"
#include "penstock/rules/pattern_set.h"
#include "penstock/rules/process_variables.h"
#include "penstock/tables/cache.h"
#include "penstock/tables/stick_table.h"

namespace penstock {

struct Sources {
  ServerRegistry& servers;
  StickTableRegistry& tables;
  TicketKeys& tickets;
  std::map<std::string, std::shared_ptr<FrontendState>>& frontend_states;
  std::map<std::string, std::shared_ptr<LogOutput>>& log_outputs;
  std::map<std::string, std::shared_ptr<Ring>>& rings;
  ProcessState& process;
  // penstock -c: nothing will be logged.
  bool check_only = false;
  // What changes take out of sets of patterns.
  std::shared_ptr<rules::PatternBin> taken_out = std::make_shared<rules::PatternBin>();
  std::shared_ptr<rules::ProcessVariables> variables = std::make_shared<rules::ProcessVariables>(taken_out);
  std::shared_ptr<Caches> caches = std::make_shared<Caches>();
};

}  // namespace penstock
