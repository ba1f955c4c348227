#include "penstock/proxy/client.h"

#include <cerrno>
#include <string>
#include <utility>

#include "penstock/base/text.h"
#include "penstock/proxy/access_log.h"
#include "penstock/proxy/frontend.h"
#include "penstock/proxy/reason.h"
#include "penstock/proxy/station.h"

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

Client::Client(Frontend& frontend, Loop& loop)
    : Mortal(loop), frontend_(frontend), entrance_(frontend.bind().entrance) {
  facts_.bind = entrance_.get();
}

Client::~Client() = default;

Station& Client::station() { return frontend_.station(); }

Owned<Client> Client::welcome(Frontend& frontend, Listener& listener) {
  Station& station = frontend.station();
  const BindSpec& bind = frontend.bind();
  const Ref<Generation>& generation = frontend.generation();
  const FrontendSpec& spec = generation->snapshot().frontends[bind.frontend];
  Owned<Client> self(new Client(frontend, station.loop()));
  self->facts_.accepted_us = Loop::wall_us();
  if (spec.mode == config::Mode::Http) {
    self->front_ = H1Front::make(station.loop(), spec.http, *self);
    Owned<Connection> connection = listener.accept(bind.tls.get(), self->front_->events());
    if (!connection) return nullptr;
    if (!self->let_in(*generation, spec, *connection)) return nullptr;
    self->front_->start(std::move(connection));
  } else {
    self->tunnel_ = Tunnel::make(*self, generation, spec);
    Owned<Connection> connection = listener.accept(bind.tls.get(), self->tunnel_->client_events());
    if (!connection) return nullptr;
    if (!self->let_in(*generation, spec, *connection)) return nullptr;
    self->tunnel_->start(std::move(connection));
  }
  return self;
}

bool Client::let_in(const Generation& generation, const FrontendSpec& spec, Connection& connection) {
  if (frontend_.bind().accept_proxy) connection.expect_proxy_header();
  if (!spec.rules.tcp_connection.empty() && refuses(generation, spec, connection)) return false;
  spec.state->arrivals.count(static_cast<std::int64_t>(station().loop().now()));
  return true;
}

bool Client::refuses(const Generation& generation, const FrontendSpec& spec, Connection& connection) {
  facts_.ends = &connection;
  Arena arena;
  rules::Subject subject(arena);
  subject.client = &facts_;
  station().kit().equip(subject, generation, spec);
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
  if (is_logged()) connection.peer();
  facts_.proxied = connection.proxied();
  if (connection.is_tls() && connection.ready()) {
    facts_.tls = std::make_unique<TlsFacts>(connection.tls_facts());
  }
  return facts_;
}

bool Client::is_logged() const {
  return !frontend_.generation()->snapshot().frontends[frontend_.bind().frontend].logs.empty();
}

void Client::on_close() {
  ListNode<ClientTag>::unlink();
  exchange_.reset();
  tunnel_.reset();
  pins_.clear();
  front_.reset();
  station().dismiss(*entrance_->frontend, *entrance_->connections);
}

StreamEvents& Client::on_request(H1Front&) {
  const Ref<Generation>& generation = frontend_.generation();
  const FrontendSpec& spec = generation->snapshot().frontends[frontend_.bind().frontend];
  exchange_ = Exchange::make(*this, generation, spec);
  return exchange_->front_events();
}

const H1FrontOptions* Client::next_options() {
  if (leaving_ || frontend_.closed() || station().draining() || trust() != frontend_.bind().entrance->trust)
    return nullptr;
  return &front_options();
}

const H1FrontOptions& Client::front_options() const {
  return frontend_.generation()->snapshot().frontends[frontend_.bind().frontend].http;
}

// Until a request is there to be served the connection lives under the newest rules. Of its own
// connections it keeps those whose server is still there.
void Client::adopt(const Snapshot& snapshot) {
  if (front_ && front_->waiting()) front_->set_options(front_options());
  pins_.adopt(snapshot);
}

void Client::shut_down(const Server& server) { pins_.shut_down(server); }

void Client::on_front_end(H1Front&, const Failure&) { frontend_.client_over(*this); }

void Client::on_refused(H1Front&, const Loss& loss) {
  log_refusal(loss);
  frontend_.client_over(*this);
}

Drains& Client::drains() { return station().kit().drains; }

void Client::log_refusal(const Loss& loss) {
  const Ref<Generation>& generation = frontend_.generation();
  const FrontendSpec& spec = generation->snapshot().frontends[frontend_.bind().frontend];
  if (spec.logs.empty() || (spec.dont_log_null && !loss.heard)) return;
  Arena arena;
  rules::Subject subject(arena);
  subject.client = &facts();
  subject.log.accept_us = facts_.accepted_us;
  subject.frontend = spec.name;
  Connection& connection = front_ ? front_->connection() : *tunnel_->front();
  access_log::write_refusal(spec, subject, refusal_text(loss, connection.awaits_proxy_header()));
}

void Client::exchange_done() { exchange_.reset(); }

void Client::tunnel_done() { frontend_.client_over(*this); }

void Client::leave() {
  leaving_ = true;
  if (front_) front_->leave();
}

void Client::on_pinned() {
  facts_.pinned = true;
  station().process().pinned.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace penstock
