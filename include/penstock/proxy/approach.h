// One way to a server, the same in mode http and tcp: who has a say before balancing (cookie, stick table, rule, pin),
// the choice, the waiting line, the pause before another try, that try, and leaving.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "penstock/balance/backend.h"
#include "penstock/base/counted.h"
#include "penstock/net/loop.h"
#include "penstock/proxy/counting.h"
#include "penstock/proxy/generation.h"
#include "penstock/proxy/kit.h"
#include "penstock/proxy/persistence.h"
#include "penstock/proxy/pins.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/proxy/sticking.h"
#include "penstock/proxy/tries.h"
#include "penstock/rules/subject.h"

namespace penstock {

// Called from the loop, never from inside a call of the owner's.
class ApproachOwner {
 public:
  // After Step::Waiting alone: a server has been chosen, or none can be had.
  virtual void on_server() = 0;
  virtual void on_no_server() = 0;
  // `on-marked-down shutdown-sessions`: the server chosen serves no more.
  virtual void on_server_down() = 0;

 protected:
  ~ApproachOwner() = default;
};

class Approach final : private Waiting, private Served, private Later {
 public:
  // Server: slot() is to be gone to. Waiting: a call of the owner's follows, or late(), which is to be called after
  // limit_ms(). None: failure() says why, and the subject may be in trouble.
  enum class Step : std::uint8_t { Server, Waiting, None };
  // After what another try is to be made.
  enum class Again : std::uint8_t { Connecting, Request };

  // `generation` is that of the request. `pins`: null in mode tcp.
  Approach(Kit& kit, Generation& generation, rules::Subject& subject, PinBook* pins, ApproachOwner& owner)
      : kit_(kit), generation_(generation), subject_(subject), pins_(pins), owner_(owner) {}
  ~Approach() { counting::leave(way_); }
  Approach(const Approach&) = delete;
  Approach& operator=(const Approach&) = delete;

  // To the backend of this number.
  void begin(int backend);
  // Who has a say before balancing: a use-server rule, else the client's cookie, else a stick table. All pass over a
  // server that is down, unless the client is to come back to it all the same. The subject may come into trouble.
  void ask_persistence();
  // What %Tw measures begins, and has lasted until now.
  void begin_wait(std::uint64_t since_ms) { waiting_since_ms_ = since_ms; }
  void note_wait() { subject_.log.tw = static_cast<std::int64_t>(kit_.loop.now() - waiting_since_ms_); }
  Step choose();
  // The server chosen is connected to.
  void connected();
  // The server chosen did not take what was tried, for `failure`: the same again, after a pause if it refused, or
  // another one. None: no more tries.
  Step try_again(const Failure& failure, Again after);
  // It has waited for limit_ms().
  Step late();
  // Safe at any time. The server has one less to serve; whoever waits for it may come.
  void leave();

  bool begun() const { return backend_ != nullptr; }
  // Null: none is chosen.
  ServerSlot* slot() const { return slot_; }
  Phase phase() const { return state_ == State::Line ? Phase::Queue : Phase::Connect; }
  std::uint64_t limit_ms() const { return state_ == State::Line ? spec_->queue_ms : spec_->retry_pause_ms(); }
  const Failure& failure() const { return failure_; }
  // The connection on which a pinned client said who it is has ended. On another one the server would not know it, or
  // not understand the second half of what it says; that the connection is gone it understands (RFC 9112 section 9.3.1).
  bool lost_identity() const;

  // How the server chosen is to be connected to. The name that TLS asks for may bring the subject into trouble.
  std::string_view tls_name() const;
  SocketAddress address() const;
  std::uint64_t where() const { return moved_ ? moved_->where : slot_->spec.where; }
  // It depends on where the client came to.
  bool is_of_client() const {
    if (!moved_) return slot_->spec.is_of_client;
    return moved_->to.port_from_client || moved_->to.address.is_any();
  }
  // The server is told addresses that rules have set for this request alone.
  bool tells_set_ends() const {
    return slot_ != nullptr && slot_->spec.send_proxy != ProxyVersion::None &&
           (subject_.source_as_set != nullptr || subject_.destination_as_set != nullptr);
  }
  // Of connections to there. Null: no server is chosen.
  Pool* pool() const { return pool_.get(); }
  std::string greeting() const;

  // It has answered: its client comes back to it. The first is for what a connection has to say by itself, the second
  // for an answer seen.
  void remember_server();
  void remember_answer();
  // Gives the answer the cookie it must have.
  void write_cookie(Head& response);
  // The address of the server at work, for rules about its answer.
  void note_server();
  // What came of it: of servers with `observe` it counts like a check.
  enum class Seen : std::uint8_t { Connected, NotConnected, Answer, WrongAnswer, BadAnswer, Closed, Late };
  void observe(Seen seen) {
    if (slot_ != nullptr && slot_->spec.observe != Observe::None) count_seen(seen);
  }
  void observe_status(std::uint16_t status);
  void observe_failure(const Failure& failure);
  // What the log line says of the way, while it is not left.
  void note_facts();
  // For what is counted.
  // It is over: the backend has one less.
  void leave_backend() { counting::leave(way_); }
  const counting::Way& way() const { return way_; }
  // To the server chosen: made for this, or there before.
  void on_connection(bool is_new) { way_.on_connection(is_new); }

 private:
  enum class State : std::uint8_t { Idle, Line, Pause, Server };

  void on_turn() override;
  bool on_moved(Backend& next) override;
  void on_server_down() override { owner_.on_server_down(); }
  void run_later() override;

  void count_seen(Seen seen);
  void follow_cookie();
  void follow_tables();
  [[gnu::cold]] void follow_rdp_cookie();
  bool stays_when_down() const;
  bool belongs_to(const ServerSlot& slot) const;
  Backend::Wish pinned_server() const;
  Backend::Wish last_server() const;
  Backend::Wish wish_of_server() const;
  bool moves_on();
  Step stand_in_line(ServerSlot* wanted);
  void take(ServerSlot& slot, const Backend::Wish& wish);
  Step none(const Failure& failure);

  Kit& kit_;
  Generation& generation_;
  Ref<Generation> moved_to_;  // Where it was sent on to a server, if a reload came before that.
  rules::Subject& subject_;
  PinBook* const pins_;
  ApproachOwner& owner_;
  const BackendPlan* spec_ = nullptr;
  Backend* backend_ = nullptr;
  ServerSlot* slot_ = nullptr;  // Counted on: leave() gives it back.
  Ref<Pool> pool_;              // Of it as it was when it was chosen; counted on too.
  std::shared_ptr<const Moved> moved_;
  const ServerSlot* meant_ = nullptr;  // The one that a rule, the client's cookie or a stick table names.
  Tries tries_;
  counting::Way way_;
  Sticking sticking_;
  persistence::Claim claim_;
  Failure failure_;
  std::optional<std::uint32_t> key_;  // Of a hash.
  SocketAddress made_address_;        // Of a server whose address is not its line's, for the log.
  std::uint64_t waiting_since_ms_ = 0;
  std::uint64_t chosen_ms_ = 0;
  rules::Persistence persistence_ = rules::Persistence::Usual;
  State state_ = State::Idle;
};

}  // namespace penstock
