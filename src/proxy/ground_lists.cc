#include "ground_lists.h"

#include <string>
#include <utility>

#include "penstock/config/model.h"

namespace penstock {

std::vector<PeersPlan> peer_plans(const config::Config& config, const Outside& outside, const Bundle& bundle) {
  std::vector<PeersPlan> plans;
  for (const config::PeerSection& section : config.peers) {
    PeersPlan plan{section.name, section.local, section.disabled || section.local.empty(), {}, {}, {}};
    if (!plan.disabled) plan.bound = bundle.bound(section);
    for (const config::Peer& peer : section.peers) {
      if (peer.name == section.local)
        plan.address = plan.bound ? plan.bound->address : SocketAddress();
      else
        plan.peers.push_back({peer.name, peer.address ? outside.resolved(*peer.address) : SocketAddress()});
    }
    plans.push_back(std::move(plan));
  }
  return plans;
}

std::vector<MailPlan> mail_plans(const config::Config& config, const Outside& outside) {
  std::vector<MailPlan> plans;
  for (const config::Proxy& proxy : config.proxies) {
    const config::EmailAlert& alert = proxy.email_alert;
    if (!proxy.is_backend || proxy.disabled || !alert.mailers) continue;
    MailPlan plan;
    plan.backend = proxy.name;
    plan.host = alert.hostname.empty() ? std::string(outside.hostname()) : alert.hostname;
    plan.from = alert.from;
    plan.to = alert.to;
    plan.level = alert.level;
    for (const config::Mailers& section : config.mailers) {
      if (section.name != alert.mailers->text) continue;
      plan.timeout_ms = section.timeout_ms;
      for (const config::Mailer& mailer : section.mailers)
        plan.mailers.push_back({mailer.name, outside.resolved(mailer.address)});
    }
    plans.push_back(std::move(plan));
  }
  return plans;
}

}  // namespace penstock
