#include "penstock/balance/server.h"

namespace penstock {

std::shared_ptr<BackendState> ServerRegistry::backend(const std::string& name) {
  auto& entry = backends_[name];
  if (!entry) entry = std::make_shared<BackendState>(name);
  return entry;
}

std::shared_ptr<Server> ServerRegistry::server(const std::string& backend, const std::string& name,
                                               const std::string& address) {
  auto& entry = servers_[backend + "\n" + name + "\n" + address];
  if (!entry) entry = std::make_shared<Server>(backend, name);
  return entry;
}

void ServerRegistry::sweep() {
  std::erase_if(backends_, [](const auto& entry) { return entry.second.use_count() == 1; });
  std::erase_if(servers_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

}  // namespace penstock
