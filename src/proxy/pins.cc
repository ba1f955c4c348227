#include "penstock/proxy/pins.h"

#include <algorithm>
#include <utility>

#include "penstock/proxy/forwarding.h"

namespace penstock {
namespace {

// Server connections one client may keep to itself; more than a client of nine pools needs.
constexpr std::size_t kMostPins = 16;

}  // namespace

void PinBook::pin() {
  if (std::exchange(pinned_, true)) return;
  owner_.on_pinned();
}

void PinBook::look_at_request(const Head& head) {
  if (forwarding::carries_connection_credential(head)) pin();
}

void PinBook::look_at_answer(const Head& head) {
  if (forwarding::asks_connection_credential(head)) pin();
}

Owned<Back> PinBook::lend(const Server& server, std::string_view tls_name, std::uint64_t& where) {
  for (std::size_t i = 0; i < pins_.size(); ++i) {
    if (pins_[i].server.get() != &server || !pins_[i].back || pins_[i].back->tls_name() != tls_name) continue;
    Owned<Back> back = std::move(pins_[i].back);
    where = pins_[i].where;
    pins_.erase(pins_.begin() + static_cast<std::ptrdiff_t>(i));
    return back;
  }
  return nullptr;
}

void PinBook::keep(const ServerSpec& server, std::uint64_t where, Owned<Back> back) {
  make_room();
  back->set_owner(*this);
  pins_.push_back({server.state, std::move(back), where, server.where});
}

void PinBook::make_room() {
  if (pins_.size() < kMostPins) return;
  pins_.erase(pins_.begin());
  if (pinned_) owner_.on_pin_lost();
}

const Server* PinBook::server(std::string_view backend) const {
  for (std::size_t i = pins_.size(); i-- > 0;) {
    if (pins_[i].server->backend_name == backend) return pins_[i].server.get();
  }
  return nullptr;
}

bool PinBook::lost(std::string_view backend) const {
  return std::any_of(pins_.begin(), pins_.end(),
                     [&](const Pin& pin) { return !pin.back && pin.server->backend_name == backend; });
}

void PinBook::adopt(const Snapshot& snapshot) {
  lose_some([&](const Pin& pin) {
    const ServerSpec* server = snapshot.spec_of(*pin.server);
    return server == nullptr || (server->where != pin.configured && server->where != pin.where);
  });
}

void PinBook::shut_down(const Server& server) {
  lose_some([&](const Pin& pin) { return pin.server.get() == &server; });
}

void PinBook::on_back_lost(Back& back, const Failure&, std::string_view) {
  lose_some([&](const Pin& pin) { return pin.back.get() == &back; });
}

// As they may have carried the client's identity, the client must not think that it is still known.
template <typename Which>
void PinBook::lose_some(Which which) {
  bool any = false;
  for (Pin& pin : pins_) {
    if (!pin.back || !which(pin)) continue;
    pin.back.reset();
    any = true;
  }
  if (!any) return;
  if (pinned_) return owner_.on_pin_lost();
  std::erase_if(pins_, [](const Pin& pin) { return !pin.back; });
}

std::vector<std::string> PinBook::names() const {
  std::vector<std::string> out;
  for (const Pin& pin : pins_) {
    if (pin.back) out.push_back(pin.server->backend_name + "/" + pin.server->name);
  }
  return out;
}

}  // namespace penstock
