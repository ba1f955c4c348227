#include "penstock/proxy/lease.h"

#include <string>

#include "penstock/http/h1_back.h"
#include "penstock/proxy/counting.h"

namespace penstock {

bool Lease::must_be_private(const BackendPlan& backend) const {
  if (pins_.pinned() || backend.balance.reuse == ReuseMode::Never) return true;
  const ServerSlot* slot = approach_.slot();
  if (slot == nullptr) return false;
  // A PROXY header says whose connection it is, for as long as it lasts. Where one at "*" or "*:+0" leads to depends on where
  // the client came to.
  return slot->spec.send_proxy != ProxyVersion::None || approach_.is_of_client();
}

// A connection whose PROXY header says what rules have set for one request serves no other, unless it is that of a pinned
// client, which has but one.
bool Lease::is_of_one_request() const { return approach_.tells_set_ends() && !pins_.pinned(); }

bool Lease::borrow(const BackendPlan& backend, std::string_view tls_name, bool first, BackOwner& owner) {
  if (new_only_ || is_of_one_request()) return false;
  ServerSlot& slot = *approach_.slot();
  where_ = approach_.where();
  back_ = pins_.lend(*slot.spec.state, tls_name, where_);
  // Rules may lead each request elsewhere.
  if (back_ && approach_.is_of_client() && !(back_->connection().wire_peer() == approach_.address())) back_.reset();
  const ReuseMode reuse = backend.balance.reuse;
  if (!back_ && !must_be_private(backend) && !(first && reuse == ReuseMode::Safe)) {
    back_ = approach_.pool()->lend(tls_name, first && reuse == ReuseMode::Aggressive, backend.http);
  }
  is_new_ = false;
  if (!back_) return false;
  back_->set_owner(owner);
  approach_.on_connection(false);
  return true;
}

bool Lease::connect(Loop& loop, const BackendPlan& backend, std::string_view tls_name, BackOwner& owner) {
  ServerSlot& slot = *approach_.slot();
  const ServerSpec& spec = slot.spec;
  const SocketAddress address = approach_.address();
  if (address.empty()) return false;
  pins_.make_room();
  approach_.on_connection(true);
  const std::string greeting = approach_.greeting();
  const TlsTarget tls{spec.tls.get(), tls_name, spec.verify_name, greeting};
  back_ =
      H1Back::connect(loop, address, spec.socket, tls, approach_.pool()->take_ticket(tls_name), backend.http, owner);
  where_ = approach_.where();
  is_new_ = true;
  return true;
}

void Lease::count_handshake() const {
  if (is_new_ && back_) counting::handshake_ended(approach_.way(), back_->connection());
}

void Lease::end(const BackendPlan& backend, bool whole) {
  ServerSlot* slot = approach_.slot();
  if (slot != nullptr && slot->spec.tls)
    approach_.pool()->keep_ticket(back_->tls_name(), back_->connection().take_ticket());
  if (!whole || slot == nullptr || back_->room() == 0 || is_of_one_request()) return close({});
  // A client's own stays with it over reloads: the server knows it by this connection.
  stream_ = nullptr;
  if (must_be_private(backend)) return pins_.keep(slot->spec, where_, std::move(back_));
  approach_.pool()->give_home(std::move(back_));
}

void Lease::close(const Failure& why) {
  if (!back_) return;
  if (opened()) {
    if (pins_.pinned()) pins_.lose();
    stream_->abandon(why);
  }
  forget();
}

void Lease::forget() {
  stream_ = nullptr;
  back_.reset();
}

}  // namespace penstock
