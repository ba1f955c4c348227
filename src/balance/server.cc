#include "penstock/balance/server.h"

#include <algorithm>
#include <ctime>
#include <functional>
#include <utility>

#include "penstock/base/xxhash.h"

namespace penstock {
namespace {

std::string key_of(const std::string& backend, const std::string& server) { return backend + "/" + server; }

}  // namespace

Server::Server(std::string backend, std::string server)
    : backend_name(std::move(backend)),
      name(std::move(server)),
      number_(std::hash<std::string>()(key_of(backend_name, name))) {}

void Server::set_orders(const Orders& orders) {
  orders_ = orders.empty() ? nullptr : std::make_unique<const Orders>(orders);
}

std::shared_ptr<const Moved> Server::moved() const {
  const std::lock_guard hold(lock_);
  return moved_;
}

void Server::move(std::shared_ptr<const Moved> moved) {
  {
    const std::lock_guard hold(lock_);
    moved_.swap(moved);
  }
  moves.fetch_add(1, std::memory_order_release);
}

Server::CheckMemory Server::agent_seen() const {
  const std::lock_guard hold(lock_);
  return shown_agent_ ? *shown_agent_ : CheckMemory();
}

void Server::show_agent() {
  const std::lock_guard hold(lock_);
  if (!shown_agent_) shown_agent_ = std::make_unique<CheckMemory>();
  *shown_agent_ = agent ? agent->memory : CheckMemory();
}

Server::CheckMemory Server::check_seen() const {
  const std::lock_guard hold(lock_);
  return shown_check_;
}

void Server::show_check() {
  const std::lock_guard hold(lock_);
  shown_check_ = check;
}

void BackendState::note_down(bool down, std::uint64_t now_ms) {
  if (is_down.exchange(down) == down) return;
  const std::uint64_t since_ms = changed_at_ms.exchange(now_ms);
  if (down)
    downs.fetch_add(1);
  else
    down_ms.fetch_add(now_ms - since_ms);
}

// Of a rank the highest bits are the class, those in the middle the time in milliseconds, and the lowest tell those of
// one millisecond apart.
std::uint64_t Tickets::rank(Priority priority) {
  constexpr unsigned kTimeBits = 52, kCountBits = 14;
  constexpr std::int64_t kHighestClass = 2048, kLongestOffset = std::int64_t{1} << 20;
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto now_ms = static_cast<std::uint64_t>(now.tv_sec * 1000 + now.tv_nsec / 1000000 + kLongestOffset);
  const std::lock_guard hold(lock_);
  last_ = std::max(last_ + 1, now_ms << kCountBits);
  const auto offset = static_cast<std::uint64_t>(priority.offset_ms) << kCountBits;
  std::uint64_t rank = (static_cast<std::uint64_t>(priority.of_class + kHighestClass) << kTimeBits) + last_ + offset;
  while (taken_.contains(rank)) ++rank;
  return rank;
}

std::uint64_t Tickets::take(std::uint64_t rank) {
  const std::lock_guard hold(lock_);
  while (!taken_.insert(rank).second) ++rank;
  count_.store(taken_.size());
  return rank;
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

ServerValues ServerSpec::values() const {
  return {disabled ? Administration::Maintenance : Administration::Ready,
          weight,
          maxconn,
          {address, port_from_client, port_offset, named}};
}

std::uint64_t ServerSpec::identity_at(std::uint64_t address) const {
  const std::uint64_t both[] = {wire, address};
  return xxh64({reinterpret_cast<const char*>(both), sizeof both});
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

std::shared_ptr<Server> ServerRegistry::server(const std::string& backend, const std::string& name) {
  auto& entry = servers_[key_of(backend, name)];
  if (!entry) entry = std::make_shared<Server>(backend, name);
  return entry;
}

void ServerRegistry::forget(const Server& server) {
  const auto found = servers_.find(key_of(server.backend_name, server.name));
  if (found != servers_.end() && found->second.get() == &server) servers_.erase(found);
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
