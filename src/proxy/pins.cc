#include "penstock/proxy/pins.h"

#include <algorithm>
#include <utility>

#include "penstock/proxy/forwarding.h"

namespace penstock {

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

PinBook::Kept& PinBook::kept() {
  if (!kept_) kept_ = std::make_unique<Kept>();
  return *kept_;
}

void PinBook::set_last(const std::shared_ptr<Server>& server, bool must_stay) {
  Kept& kept = this->kept();
  if (kept.last != server) kept.last = server;
  kept.must_stay = must_stay;
}

Owned<Back> PinBook::lend_own(const Server& server, std::string_view tls_name, std::uint64_t& where) {
  std::vector<Pin>& pins = kept_->pins;
  for (std::size_t i = 0; i < pins.size(); ++i) {
    if (pins[i].server.get() != &server || !pins[i].back || pins[i].back->tls_name() != tls_name) continue;
    Owned<Back> back = std::move(pins[i].back);
    where = pins[i].where;
    pins.erase(pins.begin() + static_cast<std::ptrdiff_t>(i));
    return back;
  }
  return nullptr;
}

void PinBook::keep(const ServerSpec& server, std::uint64_t where, Owned<Back> back) {
  if (owner_.most_pins() == 0) {
    if (pinned_) owner_.on_pin_lost();
    return;
  }
  make_room();
  back->set_owner(*this);
  kept().pins.push_back({server.state, std::move(back), where, server.where});
}

void PinBook::make_room() {
  if (pins().empty() || pins().size() < owner_.most_pins()) return;
  kept_->pins.erase(kept_->pins.begin());
  if (pinned_) owner_.on_pin_lost();
}

const Server* PinBook::server(std::string_view backend) const {
  const std::span<Pin> pins = this->pins();
  for (std::size_t i = pins.size(); i-- > 0;) {
    if (pins[i].server->backend_name == backend) return pins[i].server.get();
  }
  return nullptr;
}

bool PinBook::lost(std::string_view backend) const {
  const std::span<Pin> pins = this->pins();
  return std::any_of(pins.begin(), pins.end(),
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
  for (Pin& pin : pins()) {
    if (!pin.back || !which(pin)) continue;
    pin.back.reset();
    any = true;
  }
  if (!any) return;
  if (pinned_) return owner_.on_pin_lost();
  std::erase_if(kept_->pins, [](const Pin& pin) { return !pin.back; });
}

std::vector<std::string> PinBook::names() const {
  std::vector<std::string> out;
  for (const Pin& pin : pins()) {
    if (pin.back) out.push_back(pin.server->backend_name + "/" + pin.server->name);
  }
  return out;
}

}  // namespace penstock
