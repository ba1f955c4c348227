#include "penstock/proxy/client.h"

#include <cerrno>
#include <string>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/net/listener.h"
#include "penstock/proxy/access_log.h"
#include "penstock/proxy/reason.h"

namespace penstock {
namespace {

// In the words of the manual (fc_err_str), with the cause behind where there is one.
std::string refusal_text(const Loss& loss, bool awaited_header) {
  const std::string_view what = awaited_header ? "while waiting for PROXY protocol header" : "during SSL handshake";
  if (loss.status == -ETIMEDOUT) return format("Timeout {}", what);
  if (loss.status != 0) return format("Connection error {}", what);
  if (loss.text == Loss::kClosed) return format("Connection closed {}", what);
  return format(
      "{} ({})",
      awaited_header ? "Received something which does not look like a PROXY protocol header" : "SSL handshake failure",
      loss.text);
}

}  // namespace

Client::Client(ClientOwner& owner) : Mortal(owner.kit().loop), owner_(owner), entrance_(owner.bind().entrance) {
  facts_.bind = entrance_.get();
}

Client::~Client() = default;

Owned<Client> Client::welcome(ClientOwner& owner, Listener& listener) {
  const BindSpec& bind = owner.bind();
  const Ref<Generation>& generation = owner.generation();
  Owned<Client> self(new Client(owner));
  const FrontendPlan& spec = self->spec();
  self->facts_.accepted_us = Loop::wall_us();
  if (spec.mode == config::Mode::Http) {
    self->front_ = H1Front::make(self->loop(), spec.http, *self);
    Owned<Connection> connection = listener.accept(bind.tls.get(), self->front_->events());
    if (!connection) return nullptr;
    if (!self->let_in(*generation, spec, *connection)) return nullptr;
    self->front_->start(std::move(connection));
  } else {
    self->tunnel_ = Tunnel::make(owner.kit(), generation, spec, *self);
    Owned<Connection> connection = listener.accept(bind.tls.get(), self->tunnel_->client_events());
    if (!connection) return nullptr;
    if (!self->let_in(*generation, spec, *connection)) return nullptr;
    self->tunnel_->start(std::move(connection));
  }
  return self;
}

bool Client::let_in(const Generation& generation, const FrontendPlan& spec, Connection& connection) {
  if (owner_.bind().accept_proxy) connection.expect_proxy_header();
  if (!spec.rules.tcp_connection.empty() && refuses(generation, spec, connection)) return false;
  spec.state->arrivals.count(static_cast<std::int64_t>(loop().now()));
  return true;
}

bool Client::refuses(const Generation& generation, const FrontendPlan& spec, Connection& connection) {
  facts_.ends = &connection;
  Arena arena;
  rules::Subject subject(arena);
  subject.client = &facts_;
  owner_.kit().equip(subject, generation, spec);
  const rules::Verdict verdict = spec.rules.tcp_connection.run(subject);
  const rules::Verdict::Kind kind = verdict.kind;
  if (kind == rules::Verdict::Kind::Trouble) reason::note_trouble(generation.snapshot(), subject);
  if (kind == rules::Verdict::Kind::Reject) reason::note_rule(generation.snapshot(), verdict.place, subject);
  reason::tell(generation.snapshot(), spec, subject);
  if (subject.effects.expect_proxy && !connection.awaits_proxy_header()) connection.expect_proxy_header();
  if (kind == rules::Verdict::Kind::SilentDrop) connection.vanish();
  return kind == rules::Verdict::Kind::Trouble || kind == rules::Verdict::Kind::Reject ||
         kind == rules::Verdict::Kind::SilentDrop;
}

const rules::ClientFacts& Client::facts() {
  if (facts_known_) return facts_;
  facts_known_ = true;
  Connection& connection = front_ ? front_->connection() : *tunnel_->front();
  facts_.ends = &connection;
  // For the log: once the client is gone the system does not know it any more.
  if (!spec().logs.empty()) connection.peer();
  facts_.proxied = connection.proxied();
  if (connection.is_tls() && connection.ready()) {
    facts_.tls = std::make_unique<TlsFacts>(connection.tls_facts());
  }
  return facts_;
}

const FrontendPlan& Client::spec() const { return *owner_.generation()->snapshot().frontend(owner_.bind().frontend); }

void Client::on_close() {
  ListNode<ClientTag>::unlink();
  transaction_.reset();
  tunnel_.reset();
  pins_.clear();
  front_.reset();
  owner_.on_client_left(*entrance_);
}

StreamEvents& Client::on_request(H1Front&) {
  transaction_ = Transaction::make({owner_.kit(), *front_, pins_, facts()}, owner_.generation(), spec(), *this);
  return transaction_->front_events();
}

const H1FrontOptions* Client::next_options() {
  if (leaving_ || !owner_.takes_more() || trust() != owner_.bind().entrance->trust) return nullptr;
  return &spec().http;
}

// Until a request is there to be served the connection lives under the newest rules. Of its own
// connections it keeps those whose server is still there.
void Client::adopt(const Snapshot& snapshot) {
  if (front_ && front_->waiting()) front_->set_options(spec().http);
  pins_.adopt(snapshot);
}

void Client::shut_down(const Server& server) { pins_.shut_down(server); }

void Client::on_front_end(H1Front&, const Failure&) { owner_.on_client_over(*this); }

void Client::on_refused(H1Front&, const Loss& loss) {
  log_refusal(loss);
  owner_.on_client_over(*this);
}

Drains& Client::drains() { return owner_.kit().drains; }

void Client::log_refusal(const Loss& loss) {
  const FrontendPlan& spec = this->spec();
  if (spec.logs.empty() || (spec.dont_log_null && !loss.heard)) return;
  Arena arena;
  rules::Subject subject(arena);
  subject.client = &facts();
  subject.log.accept_us = facts_.accepted_us;
  subject.frontend = spec.name;
  Connection& connection = front_ ? front_->connection() : *tunnel_->front();
  access_log::write_refusal(spec, subject, refusal_text(loss, connection.awaits_proxy_header()));
}

void Client::leave() {
  leaving_ = true;
  if (front_) front_->leave();
}

void Client::on_pinned() {
  facts_.pinned = true;
  owner_.kit().process.pinned.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace penstock
