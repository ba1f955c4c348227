// What the program says of a configuration in place of serving it: penstock -c, --diff, --explain, --graph, --probe.
// Nothing is listened on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "penstock/control/crew.h"
#include "penstock/control/options.h"
#include "penstock/net/loop.h"

namespace penstock {

class Inspection final : private CrewOwner {
 public:
  explicit Inspection(const Options& options);
  // Writes to stdout and stderr what is asked for; the exit status.
  int run();

 private:
  struct Reading {
    std::unique_ptr<const config::Config> config;  // Texts of complaints are taken from it.
    bool is_text_good = false;                     // Without what the files are like that it names.
    std::shared_ptr<const Snapshot> snapshot;      // Null after complaints.
    config::Diagnostics diagnostics;
  };
  Reading read(const std::vector<std::string>& files, bool with_lint);
  int check();
  int fix();
  int compare();
  int draw();
  int explain();
  int probe();
  void print(const config::Diagnostics& diagnostics) const;

  void on_adopted() override {}
  void on_crew_idle() override {}
  void on_server_changed(const Server&) override {}

  const Options& options_;
  bool quiet_;
  Loop loop_;
  Crew crew_;
};

}  // namespace penstock
