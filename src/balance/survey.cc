#include "penstock/balance/survey.h"

#include <memory>

#include "health_probe.h"

namespace penstock {
namespace {

class Survey final : private ProbeOwner {
 public:
  Survey(Loop& loop, const std::vector<Checks::Target>& targets) : loop_(loop), targets_(targets) {}

  std::vector<CheckResult> take(std::size_t at_once) {
    results_.resize(targets_.size());
    for (std::size_t i = 0; i < at_once && next_ < targets_.size(); ++i) {
      probes_.push_back({std::make_unique<Probe>(loop_), 0});
      begin(probes_.back());
    }
    if (under_way_ != 0) loop_.run();
    return std::move(results_);
  }

 private:
  struct Busy {
    std::unique_ptr<Probe> probe;
    std::size_t target;
  };
  void begin(Busy& busy) {
    busy.target = next_++;
    ++under_way_;
    const ServerSpec& server = *targets_[busy.target].server;
    busy.probe->start(*targets_[busy.target].backend, server, server.check, {}, *this);
  }
  void on_probe_done(Probe& probe, const CheckResult& result) override {
    for (Busy& busy : probes_) {
      if (busy.probe.get() != &probe) continue;
      results_[busy.target] = result;
      probe.stop();
      --under_way_;
      if (next_ < targets_.size()) return begin(busy);
    }
    if (under_way_ == 0) loop_.stop();
  }

  Loop& loop_;
  const std::vector<Checks::Target>& targets_;
  std::vector<CheckResult> results_;
  std::vector<Busy> probes_;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
};

}  // namespace

std::vector<CheckResult> check_once(Loop& loop, const std::vector<Checks::Target>& targets, std::size_t at_once) {
  return Survey(loop, targets).take(at_once);
}

}  // namespace penstock
