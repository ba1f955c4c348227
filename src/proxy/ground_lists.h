// Sections of the configuration that are neither frontend nor backend, as a snapshot has them.
#pragma once

#include <vector>

#include "outside.h"
#include "penstock/proxy/ground.h"

namespace penstock {

std::vector<PeersPlan> peer_plans(const config::Config& config, const Outside& outside, const Bundle& bundle);
// One for each backend whose servers mails are sent about.
std::vector<MailPlan> mail_plans(const config::Config& config, const Outside& outside);

}  // namespace penstock
