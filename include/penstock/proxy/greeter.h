// What a client's connection passes before anything is asked on it: `tcp-request connection`, the PROXY header, the TLS
// handshake, `tcp-request session`.
#pragma once

#include <cstdint>

#include "penstock/base/reused.h"
#include "penstock/net/connection.h"
#include "penstock/net/living.h"
#include "penstock/proxy/kit.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/rules/subject.h"

namespace penstock {

class Listener;

// Where clients come in.
class Door {
 public:
  virtual Kit& kit() = 0;
  virtual const BindSpec& bind() const = 0;
  // What serves those who come in here.
  virtual const Ref<Generation>& generation() const = 0;
  // Its plan there.
  virtual const FrontendPlan& frontend() const = 0;

 protected:
  ~Door() = default;
};

class GreeterOwner {
 public:
  // All was passed; the connection was accepted at `since_ms` of the loop, and its deadline is that of the first
  // request. The owner drops the greeter.
  virtual void on_greeted(Owned<Connection> connection, std::uint64_t since_ms) = 0;
  // Nothing will be asked on it: it was lost, or late, or a rule refused it. The owner drops the greeter.
  virtual void on_turned_away() = 0;

 protected:
  ~GreeterOwner() = default;
};

class Greeter final : public Reused, public Mortal, private ConnectionEvents {
 public:
  // `facts` are filled in as they become known.
  static Owned<Greeter> make(Door& door, rules::ClientFacts& facts, GreeterOwner& owner);

  // Takes the connection that waits at `listener`; one that has nothing to wait for is greeted at once. False: it is
  // gone already, or refused, and the owner hears nothing of it.
  bool receive(Listener& listener);
  // The door is about to close: whoever is here has not long.
  void hurry();

 private:
  Greeter(Door& door, rules::ClientFacts& facts, GreeterOwner& owner);
  void on_close() override { connection_.reset(); }
  void on_ready() override;
  void on_bytes(Slice) override {}    // None come before it is ready.
  void on_read_end(bool) override {}  // That is a loss as long.
  void on_sent() override {}
  void on_lost(const Loss& loss) override;
  void on_time_out() override;
  void on_proxy_names(ProxyNames names) override;

  bool knows_source();
  bool pass();
  // False: the connection is to go, without a word if a rule says so.
  bool let_in(const rules::Program& rules, const Generation& generation, const FrontendPlan& frontend);
  void gather_facts(const FrontendPlan& frontend);
  void count_handshake(const FrontendPlan& frontend);
  void log_refusal(const Loss& loss);

  Door& door_;
  rules::ClientFacts& facts_;
  GreeterOwner& owner_;
  Owned<Connection> connection_;
  std::uint64_t since_ms_ = 0;
};

}  // namespace penstock
