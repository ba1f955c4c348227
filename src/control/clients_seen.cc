#include "clients_seen.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "penstock/control/crew.h"
#include "penstock/proxy/station.h"

namespace penstock {

void look_at_clients(Crew& crew, std::function<void(const std::shared_ptr<const std::vector<Running>>&)> done) {
  const auto by_worker = std::make_shared<std::vector<std::vector<Running>>>(crew.workers());
  crew.ask([by_worker](unsigned worker, Station& station) { (*by_worker)[worker] = station.running(); },
           [by_worker, done = std::move(done)] {
             auto all = std::make_shared<std::vector<Running>>();
             for (auto& some : *by_worker) std::move(some.begin(), some.end(), std::back_inserter(*all));
             std::stable_sort(all->begin(), all->end(),
                              [](const Running& a, const Running& b) { return a.accepted_us < b.accepted_us; });
             done(all);
           });
}

}  // namespace penstock
