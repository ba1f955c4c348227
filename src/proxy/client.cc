#include "penstock/proxy/client.h"

#include <utility>

#include "penstock/http/h1_front.h"

namespace penstock {

Client::Client(ClientOwner& owner) : Mortal(owner.kit().loop), owner_(owner), entrance_(owner.entrance()) {
  facts_.bind = entrance_->entrance.get();
}

Client::~Client() = default;

Owned<Client> Client::welcome(ClientOwner& owner, Listener& listener) {
  Owned<Client> self(new Client(owner));
  self->greeter_ = Greeter::make(owner, self->facts_, *self);
  if (!self->greeter_->receive(listener)) return nullptr;
  return self;
}

// Who speaks what: a tunnel in mode tcp, else the codec.
void Client::on_greeted(Owned<Connection> connection, std::uint64_t since_ms) {
  greeter_.reset();
  const FrontendPlan& frontend = owner_.frontend();
  if (frontend.mode != config::Mode::Http) {
    tunnel_ = Tunnel::make(owner_.kit(), owner_.generation(), frontend, facts_, *this);
    return tunnel_->start(std::move(connection), since_ms);
  }
  Owned<H1Front> front = H1Front::make(loop(), frontend.http, *this);
  front->start(std::move(connection), since_ms);
  front_ = std::move(front);
  if (leaving_) front_->leave();
}

void Client::on_close() {
  ListNode<ClientTag>::unlink();
  greeter_.reset();
  while (!transactions_.empty()) on_transaction_done(transactions_.front());
  tunnel_.reset();
  pins_.clear();
  front_.reset();
  if (facts_.tracking) facts_.tracking->end(loop().now());
  owner_.on_client_left(*entrance_->entrance);
}

StreamEvents& Client::on_request(FrontStream& stream) {
  Owned<Transaction> transaction =
      Transaction::make({owner_.kit(), stream, pins_, facts_}, owner_.generation(), owner_.frontend(), *this);
  transactions_.push_back(*transaction);
  return transaction.release()->front_events();
}

void Client::on_transaction_done(Transaction& transaction) {
  transaction.ListNode<TransactionTag>::unlink();
  Owned<Transaction>(&transaction).reset();
}

const FrontOptions* Client::next_options() {
  if (leaving_ || !owner_.takes_more()) return nullptr;
  const Ref<KeptEntrance>& now = owner_.entrance();
  if (now != entrance_ && trust() != now->entrance->trust) return nullptr;
  return &owner_.frontend().http;
}

// Until a request is there to be served the connection lives under the newest rules. Of its own
// connections it keeps those whose server is still there.
void Client::adopt(const Snapshot& snapshot) {
  if (front_ && front_->waiting()) front_->set_options(owner_.frontend().http);
  pins_.adopt(snapshot);
}

void Client::shut_down(const Server& server) { pins_.shut_down(server); }

void Client::tell(std::vector<Running>& all) {
  Running running;
  running.id = id();
  running.pinned = pins_.pinned();
  if (!transactions_.empty())
    transactions_.front().tell(running);
  else if (tunnel_)
    tunnel_->tell(running);
  else if (!running.pinned)
    return;
  if (running.frontend.empty()) running.frontend = owner_.frontend().name;
  if (running.pinned) running.own = pins_.names();
  running.accepted_us = facts_.accepted_us;
  if (facts_.ends != nullptr) {
    const SocketAddress& source = facts_.source();
    running.is_unix = source.is_unix();
    running.is_ip6 = source.is_ip6();
    running.source = source.text();
    running.destination = facts_.destination().text();
  }
  all.push_back(std::move(running));
}

void Client::kill() {
  if (tunnel_) return tunnel_->kill();
  leave();
  if (!transactions_.empty()) transactions_.front().kill();
}

void Client::leave() {
  leaving_ = true;
  if (greeter_) greeter_->hurry();
  if (front_) front_->leave();
}

void Client::on_pinned() {
  facts_.pinned = true;
  owner_.kit().process.pinned.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace penstock
