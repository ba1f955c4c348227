// What it costs to add a server to a configuration at work: amend <configuration>. Prints the middle one of several
// times, in microseconds of CPU: of Snapshot::amended, and until every worker has adopted the result.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "penstock/config/read.h"
#include "penstock/control/crew.h"
#include "penstock/net/signals.h"

using namespace penstock;

namespace {

constexpr int kRounds = 21;

class Waiter final : public CrewOwner {
 public:
  explicit Waiter(Loop& loop) : loop_(loop) {}
  void on_adopted() override { loop_.stop(); }
  void on_crew_idle() override {}
  void on_health(const Server&) override {}

 private:
  Loop& loop_;
};

// Of all threads.
double cpu_us() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

double middle_of(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) return 2;
  ignore_broken_pipes();
  config::Diagnostics diagnostics;
  config::Config config = config::read(config::load_sources({words[1]}, diagnostics), diagnostics);
  Loop loop;
  Waiter waiter(loop);
  Crew crew(loop, waiter);
  crew.process().descriptor_limit = 1000;
  GatherOptions gather;
  gather.workers = crew.workers_for(config);
  Bundle bundle = Bundle::gather(config, nullptr, gather, diagnostics);
  auto snapshot = crew.build(std::move(config), std::move(bundle), false, diagnostics);
  if (!snapshot) return 1;
  crew.start(std::move(snapshot));
  loop.run();
  std::vector<double> made, adopted;
  for (int round = 0; round < kRounds; ++round) {
    const auto& backends = crew.snapshot()->backends;
    const std::string& backend = backends[backends.size() / 2]->balance.name;
    auto server = std::make_shared<config::Server>();
    server->name = format("added{}", round);
    server->address.kind = config::Address::Kind::Ip4;
    server->address.host = "127.0.0.1";
    server->address.port_low = server->address.port_high = 9;
    const double begin = cpu_us();
    auto next = crew.amended(AddServer{backend, server}, diagnostics);
    if (!next) return 1;
    made.push_back(cpu_us() - begin);
    crew.put_to_work(std::move(next));
    loop.run();
    adopted.push_back(cpu_us() - begin);
  }
  std::printf("%.0f %.0f\n", middle_of(made), middle_of(adopted));
  return 0;
}
