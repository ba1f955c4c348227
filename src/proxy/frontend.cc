#include "penstock/proxy/frontend.h"

#include <unistd.h>

#include <utility>

#include "pace.h"

namespace penstock {

// Until a rate allows the next client.
class Pause final : public Living {
 public:
  Pause(Loop& loop, Frontend& frontend) : Living(loop), frontend_(frontend) {}
  void wait(std::uint64_t ms) { set_deadline(ms); }

 private:
  void on_deadline() override {
    clear_deadline();
    frontend_.resume();
  }
  Frontend& frontend_;
};

Frontend::Frontend(FrontendOwner& owner, const BindSpec& bind)
    : owner_(owner), kit_(owner.kit()), bind_(&bind), entrance_(make_ref<KeptEntrance>(bind.entrance)) {
  take_plan();
  open(std::move(bind.bound->shares[kit().worker]));
}

void Frontend::open(Descriptor own) {
  const BoundAddress& bound = *bind_->bound;
  change_options(own.get(), bind_->accepted);
  listener_ = Listener::open(kit().loop, own.release(), bound.is_unix, bound.backlog, *this);
  set_manners();
}

// Who comes to a closed door is refused by the system; where others have the same socket, or it cannot be opened
// again, whoever comes waits in its queue.
void Frontend::obey_door() {
  const BoundAddress& bound = *bind_->bound;
  const bool is_open = frontend().state->door.load(std::memory_order_relaxed) == FrontendState::Door::Open;
  if (closed_ || is_open == static_cast<bool>(listener_)) return;
  if (is_open) {
    Result<Descriptor> own = bound.sockets[kit().worker % bound.sockets.size()].duplicate();
    if (own) open(std::move(*own));
    return;
  }
  if (!bound.is_inherited && !bound.is_unix) listener_->refuse();
  listener_.reset();
  paused_ = false;
}

Frontend::~Frontend() {
  while (!clients_.empty()) on_client_over(clients_.front());
}

void Frontend::adopt(const BindSpec& bind, bool asks_trust) {
  const bool other_trust = asks_trust && bind.entrance->trust != bind_->entrance->trust;
  bind_ = &bind;
  if (entrance_->entrance != bind.entrance) entrance_ = make_ref<KeptEntrance>(bind.entrance);
  take_plan();
  change_options(bind.bound->sockets[kit().worker % bind.bound->sockets.size()].get(), bind.accepted);
  set_manners();
  for (Client& client : clients_) {
    const bool leaves = other_trust && client.trust() != bind.entrance->trust;
    // Even one that is to leave may ask something yet, when the times and limits of before are gone.
    client.adopt(generation()->snapshot());
    if (leaves) client.leave();
  }
}

void Frontend::set_manners() {
  if (!listener_) return;
  const bool is_http = frontend().mode == config::Mode::Http;
  listener_->set_manners(is_http || bind_->tls || bind_->accept_proxy, bind_->defer_accept);
}

void Frontend::shut_down(const Server& server) {
  for (Client& client : clients_) client.shut_down(server);
}

void Frontend::tell(std::vector<Running>& all) {
  for (Client& client : clients_) client.tell(all);
}

bool Frontend::kill(std::uint64_t id) {
  for (Client& client : clients_) {
    if (client.id() != id) continue;
    client.kill();
    return true;
  }
  return false;
}

// What a closed door has queued is not kept waiting.
bool Frontend::waits_for_rates() {
  const std::uint64_t wait_ms = closed_ ? 0 : pace::wait_ms(kit(), frontend(), *bind_);
  if (wait_ms == 0) return false;
  if (!pause_) pause_.reset(new Pause(kit().loop, *this));
  pause_->wait(wait_ms);
  return true;
}

void Frontend::on_connection(Listener& listener) {
  if (waits_for_rates()) {
    paused_ = true;
    return;
  }
  if (!owner_.admit(frontend(), *bind_)) {
    paused_ = true;
    return;
  }
  paused_ = false;
  Owned<Client> client = Client::welcome(*this, listener);
  if (client) clients_.push_back(*client.release());
}

void Frontend::resume() {
  if (!paused_ || !listener_) return;
  paused_ = false;
  listener_->resume();
}

void Frontend::close(Ref<Generation> last) {
  closed_ = true;
  last_ = std::move(last);
  take_plan();
  // What the system has queued was promised an answer: it is taken before the socket goes.
  while (listener_ && listener_->take_queued()) {
    on_connection(*listener_);
    if (listener_->waiting()) break;  // No room.
  }
  // The socket may have duplicates that live as long as the old configuration; none must queue clients more.
  if (listener_ && !bind_->bound->is_inherited) listener_->refuse();
  listener_.reset();
  for (Client& client : clients_) client.leave();
  if (clients_.empty()) last_ = nullptr;
}

void Frontend::on_client_over(Client& client) {
  client.ListNode<ClientTag>::unlink();
  Owned<Client>(&client).reset();
  if (closed_ && clients_.empty()) last_ = nullptr;
}

}  // namespace penstock
