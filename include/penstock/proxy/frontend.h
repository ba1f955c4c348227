// Welcomes connections of one bind address on one worker and picks their codec.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "penstock/base/list.h"
#include "penstock/net/listener.h"
#include "penstock/proxy/client.h"
#include "penstock/proxy/running.h"
#include "penstock/proxy/snapshot.h"

namespace penstock {

// The worker that a frontend belongs to.
class FrontendOwner {
 public:
  virtual Kit& kit() = 0;
  // Room for one client more of this frontend and bind line? Counts it if so.
  virtual bool admit(const FrontendPlan& frontend, const BindSpec& bind) = 0;
  // A client that was admitted has left.
  virtual void dismiss(const Entrance& entrance) = 0;
  // No client begins anything more.
  virtual bool draining() const = 0;

 protected:
  ~FrontendOwner() = default;
};

class Pause;

class Frontend final : private ListenerOwner, private ClientOwner {
 public:
  Frontend(FrontendOwner& owner, const BindSpec& bind);
  ~Frontend();
  Frontend(const Frontend&) = delete;
  Frontend& operator=(const Frontend&) = delete;

  // The same address under a new snapshot.
  // `asks_trust`: whom it trusts comes from the files again, and clients trusted under another leave.
  void adopt(const BindSpec& bind, bool asks_trust);
  // The address is gone from the configuration: takes what is queued already, then closes; clients
  // leave after the transaction they are in, or begin, which is still served by `last`.
  void close(Ref<Generation> last);
  void resume();
  int number() const { return bind_->frontend; }
  // See FrontendState::Door.
  void obey_door();
  // `on-marked-down shutdown-sessions`, for what clients keep to themselves.
  void shut_down(const Server& server);

  // For administrators: see Client.
  void tell(std::vector<Running>& all);
  bool kill(std::uint64_t id);

  bool empty() const { return clients_.empty(); }

 private:
  Kit& kit() override { return kit_; }
  const BindSpec& bind() const override { return *bind_; }
  const Ref<Generation>& generation() const override { return last_ ? last_ : kit_.generation; }
  const FrontendPlan& frontend() const override { return *plan_; }
  const Ref<KeptEntrance>& entrance() const override { return entrance_; }
  void take_plan() { plan_ = generation()->snapshot().frontend(bind_->frontend); }
  bool takes_more() const override { return !closed_ && !owner_.draining(); }
  void on_client_over(Client& client) override;
  void on_client_left(const Entrance& entrance) override { owner_.dismiss(entrance); }
  void on_connection(Listener& listener) override;
  bool waits_for_rates();
  void set_manners();
  void open(Descriptor own);

  FrontendOwner& owner_;
  Kit& kit_;
  const BindSpec* bind_;
  Ref<KeptEntrance> entrance_;  // Of that bind line.
  const FrontendPlan* plan_;    // Of that generation.
  Ref<Generation> last_;        // Once closed, while there are clients.
  Owned<Listener> listener_;
  Owned<Pause> pause_;  // Made when a rate first keeps somebody waiting.
  List<Client, ClientTag> clients_;
  bool paused_ = false;
  bool closed_ = false;
};

}  // namespace penstock
