// The names of a configuration that are asked for before anything is gathered.
#include "penstock/config/model.h"
#include "penstock/proxy/bundle.h"
#include "penstock/rules/compile.h"

namespace penstock {

std::set<Name> names_in(const config::Config& config) {
  std::set<Name> out;
  const auto add = [&out](const config::Address& address) {
    if (address.kind == config::Address::Kind::Name) out.emplace(address.host, address.family);
  };
  const auto add_logs = [&add](const std::vector<config::LogTarget>& logs) {
    for (const config::LogTarget& target : logs) add(target.address);
  };
  add_logs(config.global.logs);
  for (const config::Ring& ring : config.rings) {
    for (const config::RingServer& server : ring.servers) add(server.line.address);
  }
  for (const config::Mailers& section : config.mailers) {
    for (const config::Mailer& mailer : section.mailers) add(mailer.address);
  }
  for (const config::PeerSection& section : config.peers) {
    if (section.disabled) continue;
    for (const config::Address& address : section.listen.addresses) add(address);
    for (const config::Peer& peer : section.peers) {
      if (peer.address) add(*peer.address);
    }
  }
  for (const config::StatsSocket& socket : config.global.stats_sockets) {
    for (const config::Address& address : socket.bind.addresses) add(address);
  }
  for (const config::Proxy& proxy : config.proxies) {
    if (proxy.disabled) continue;
    add_logs(proxy.logs);
    for (const config::Bind& bind : proxy.binds) {
      for (const config::Address& address : bind.addresses) add(address);
    }
    for (const config::Server& server : proxy.servers) {
      if (config::asks_system(server)) add(server.address);
      if (server.check.address) add(*server.check.address);
      if (server.agent.address) add(*server.agent.address);
      if (server.source) add(*server.source);
    }
    for (const config::CheckStep& step : proxy.health.steps) {
      if (step.address) add(*step.address);
    }
  }
  for (const config::Word& host : rules::collect_hosts(config)) out.emplace(host.text, 4);
  return out;
}

}  // namespace penstock
