// What is under way, gathered from all workers.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "penstock/proxy/running.h"

namespace penstock {

class Crew;

// `done` is called on the crew's loop, never from within. The oldest come first.
void look_at_clients(Crew& crew, std::function<void(const std::shared_ptr<const std::vector<Running>>&)> done);

}  // namespace penstock
