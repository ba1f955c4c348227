// The outputs of a snapshot's log: one for each distinct `log` line, found again after a reload. Nothing is opened here.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "outside.h"
#include "penstock/config/diagnostics.h"
#include "penstock/config/model.h"
#include "penstock/proxy/ground.h"
#include "penstock/proxy/log_output.h"
#include "penstock/proxy/sources.h"

namespace penstock {

class LogLines {
 public:
  LogLines(const config::Config& config, const Sources& sources, Outside& outside, config::Diagnostics& diagnostics,
           std::vector<LogUse>& all)
      : config_(config), sources_(sources), outside_(outside), diagnostics_(diagnostics), all_(all) {}

  // The ring of that name and size, whatever snapshot began it.
  std::shared_ptr<Ring> ring(const std::string& name, std::uint64_t size);
  std::vector<LogOutput*> of(const std::vector<config::LogTarget>& targets, const std::string& tag);
  // Those of a plan that is used again.
  void keep(const std::vector<LogOutput*>& outputs, const std::vector<LogUse>& before);

 private:
  std::shared_ptr<LogOutput> output(const config::LogTarget& target, const std::string& tag);
  void add(const std::shared_ptr<LogOutput>& output, config::Place place);

  const config::Config& config_;
  const Sources& sources_;
  Outside& outside_;
  config::Diagnostics& diagnostics_;
  std::vector<LogUse>& all_;
  std::set<const LogOutput*> known_;
};

}  // namespace penstock
