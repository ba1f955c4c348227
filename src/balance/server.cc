#include "penstock/balance/server.h"

#include <algorithm>

namespace penstock {

std::uint64_t Tickets::take() {
  const std::lock_guard hold(lock_);
  taken_.insert(++last_);
  count_.store(taken_.size());
  return last_;
}

bool Tickets::give_back(std::uint64_t ticket) {
  const std::lock_guard hold(lock_);
  const bool oldest = *taken_.begin() == ticket;
  taken_.erase(ticket);
  count_.store(taken_.size());
  return oldest;
}

bool Tickets::is_oldest(std::uint64_t ticket) const {
  const std::lock_guard hold(lock_);
  return *taken_.begin() == ticket;
}

int BackendSpec::place_of(int key) const {
  const auto place = static_cast<std::size_t>(key);
  if (place < servers.size() && servers[place].key == key) return key;
  const auto at = std::find_if(servers.begin(), servers.end(), [&](const auto& server) { return server.key == key; });
  return at == servers.end() ? -1 : static_cast<int>(at - servers.begin());
}

void put_in_force(const BackendSpec& backend, const ServerSpec& server) {
  std::atomic<ServerStatus>& status = server.state->status;
  if (server.disabled == (status.load(std::memory_order_relaxed) == ServerStatus::Maintenance)) return;
  ServerStatus now = server.disabled ? ServerStatus::Maintenance : ServerStatus::Up;
  if (!server.disabled && server.tracked_state) now = server.tracked_state->status.load(std::memory_order_relaxed);
  status.store(now, std::memory_order_relaxed);
  backend.state->version.fetch_add(1, std::memory_order_acq_rel);
}

std::shared_ptr<BackendState> ServerRegistry::backend(const std::string& name) {
  auto& entry = backends_[name];
  if (entry) return entry;
  auto number = static_cast<int>(backends_.size() - 1);
  if (!free_numbers_.empty()) {
    number = free_numbers_.back();
    free_numbers_.pop_back();
  }
  return entry = std::make_shared<BackendState>(name, number);
}

std::shared_ptr<Server> ServerRegistry::server(const std::string& backend, const std::string& name,
                                               const std::string& address) {
  auto& entry = servers_[backend + "\n" + name + "\n" + address];
  if (!entry) entry = std::make_shared<Server>(backend, name);
  return entry;
}

void ServerRegistry::sweep() {
  std::erase_if(backends_, [this](const auto& entry) {
    if (entry.second.use_count() != 1) return false;
    free_numbers_.push_back(entry.second->number);
    return true;
  });
  std::erase_if(servers_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

}  // namespace penstock
