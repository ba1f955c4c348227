#include "penstock/proxy/greeter.h"

#include <cerrno>
#include <string>
#include <utility>

#include "pace.h"
#include "penstock/base/format.h"
#include "penstock/http/front.h"
#include "penstock/net/listener.h"
#include "penstock/proxy/access_log.h"
#include "penstock/proxy/counting.h"
#include "penstock/proxy/reason.h"
#include "penstock/rules/tracked.h"

namespace penstock {
namespace {

constexpr std::uint64_t kHurryMs = 3000;

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

Greeter::Greeter(Door& door, rules::ClientFacts& facts, GreeterOwner& owner)
    : Mortal(door.kit().loop), door_(door), facts_(facts), owner_(owner) {}

Owned<Greeter> Greeter::make(Door& door, rules::ClientFacts& facts, GreeterOwner& owner) {
  return Owned<Greeter>(new Greeter(door, facts, owner));
}

bool Greeter::receive(Listener& listener) {
  const BindSpec& bind = door_.bind();
  const Ref<Generation>& generation = door_.generation();
  const FrontendPlan& frontend = door_.frontend();
  since_ms_ = loop().now();
  facts_.accepted_us = Loop::wall_us();
  connection_ = listener.accept(bind.tls.get(), *this);
  if (!connection_ || !knows_source()) return false;
  facts_.ends = connection_.get();
  counting::accepted(door_.kit(), frontend, *bind.entrance);
  if (bind.accept_proxy) connection_->expect_proxy_header();
  if (!let_in(frontend.rules.tcp_connection, *generation, frontend)) {
    counting::at_door(door_.kit(), frontend, *bind.entrance, Entry::DeniedConnections);
    connection_->reset_on_close();
    return false;
  }
  pace::welcomed(door_.kit(), frontend, bind);
  const std::uint64_t head_ms = frontend.mode == config::Mode::Http ? frontend.http.head_ms : 0;
  connection_->set_deadline(shorter(head_ms, frontend.client_ms));
  return !connection_->ready() || pass();
}

// Rules about a client's address would hold for nobody if it had none. Where it is certain to be asked for it is kept:
// once the client is gone the system may not know it any more. Where nothing depends on it nobody asks.
bool Greeter::knows_source() {
  const FrontendPlan& frontend = door_.frontend();
  const bool is_asked_for = !frontend.logs.empty() || frontend.forward_for.enabled;
  if (is_asked_for) connection_->peer();
  return (!is_asked_for && !door_.generation()->snapshot().asks_source()) || connection_->has_peer();
}

void Greeter::hurry() { connection_->set_deadline(kHurryMs); }

void Greeter::on_ready() {
  if (!pass()) owner_.on_turned_away();
}

// Ready: what is left is what the rules say about it.
bool Greeter::pass() {
  const Ref<Generation>& generation = door_.generation();
  const FrontendPlan& frontend = door_.frontend();
  gather_facts(frontend);
  count_handshake(frontend);
  const Entrance& entrance = *door_.bind().entrance;
  if (!let_in(frontend.rules.tcp_session, *generation, frontend)) {
    counting::at_door(door_.kit(), frontend, entrance, Entry::DeniedArrivals);
    return false;
  }
  counting::let_in(door_.kit(), frontend, entrance);
  rules::tracked::let_in(facts_, loop().now());
  owner_.on_greeted(std::move(connection_), since_ms_);
  return true;
}

bool Greeter::let_in(const rules::Program& rules, const Generation& generation, const FrontendPlan& frontend) {
  if (rules.empty()) return true;
  Arena arena;
  rules::Subject subject(arena);
  subject.client = &facts_;
  door_.kit().equip(subject, generation, frontend);
  const rules::Verdict verdict = rules.run(subject);
  using Kind = rules::Verdict::Kind;
  if (verdict.kind == Kind::Trouble) reason::note_trouble(generation.snapshot(), subject);
  if (verdict.kind == Kind::Reject) reason::note_rule(generation.snapshot(), verdict.place, subject);
  reason::tell(generation.snapshot(), frontend, subject);
  if (subject.effects.expect_proxy && !connection_->awaits_proxy_header()) connection_->expect_proxy_header();
  if (verdict.kind == Kind::SilentDrop) connection_->vanish();
  return verdict.kind != Kind::Trouble && verdict.kind != Kind::Reject && verdict.kind != Kind::SilentDrop;
}

void Greeter::gather_facts(const FrontendPlan& frontend) {
  facts_.proxied = connection_->proxied();
  if (connection_->is_tls() && connection_->ready()) facts_.tls.of(connection_->tls());
}

// Of TLS, if there was one.
void Greeter::count_handshake(const FrontendPlan& frontend) {
  if (!facts_.tls) return;
  const Entrance& entrance = *door_.bind().entrance;
  door_.kit().process.handshakes.count(static_cast<std::int64_t>(loop().now()));
  counting::at_door(door_.kit(), frontend, entrance,
                    connection_->tls().resumed() ? Entry::TlsResumed : Entry::TlsHandshakes);
}

void Greeter::on_lost(const Loss& loss) {
  if (connection_->is_tls() && !connection_->awaits_proxy_header())
    counting::at_door(door_.kit(), door_.frontend(), *door_.bind().entrance, Entry::TlsFailed);
  log_refusal(loss);
  owner_.on_turned_away();
}

void Greeter::on_proxy_names(ProxyNames names) {
  if (!facts_.variables) facts_.variables = std::make_unique<rules::ConnectionVariables>();
  facts_.variables->proxy_names = std::make_unique<ProxyNames>(std::move(names));
}

void Greeter::on_time_out() { on_lost(connection_->late()); }

void Greeter::log_refusal(const Loss& loss) {
  const FrontendPlan& frontend = door_.frontend();
  if (frontend.logs.empty() || (frontend.dont_log_null && !loss.heard)) return;
  gather_facts(frontend);
  Arena arena;
  rules::Subject subject(arena);
  subject.client = &facts_;
  subject.log.accept_us = facts_.accepted_us;
  subject.log.status = 0;  // As HAProxy has it of a connection that came to no request.
  subject.log.termination[0] = 'P';
  subject.log.termination[1] = 'R';
  subject.frontend = frontend.name;
  access_log::write_refusal(frontend, subject, refusal_text(loss, connection_->awaits_proxy_header()));
}

}  // namespace penstock
