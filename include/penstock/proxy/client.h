// One connection of a client, for as long as it lasts: its codec, the transaction being served, and its pins.
#pragma once

#include <cstdint>
#include <memory>

#include "penstock/base/list.h"
#include "penstock/http/h1_front.h"
#include "penstock/net/living.h"
#include "penstock/proxy/pins.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/proxy/transaction.h"
#include "penstock/proxy/tunnel.h"
#include "penstock/rules/subject.h"

namespace penstock {

class Client;
class Listener;
struct ClientTag;

// Where a client came in.
class ClientOwner {
 public:
  virtual Kit& kit() = 0;
  virtual const BindSpec& bind() const = 0;
  // What serves those who come in here.
  virtual const Ref<Generation>& generation() const = 0;
  // A client that is served may ask more.
  virtual bool takes_more() const = 0;
  // The connection is over; the owner drops the client.
  virtual void on_client_over(Client& client) = 0;
  // One client less is counted.
  virtual void on_client_left(const Entrance& entrance) = 0;

 protected:
  ~ClientOwner() = default;
};

class Client final : public Mortal,
                     public ListNode<ClientTag>,
                     private H1FrontOwner,
                     private PinBookOwner,
                     private TransactionOwner,
                     private TunnelOwner {
 public:
  // A connection waits at `listener`; null if it is gone already.
  static Owned<Client> welcome(ClientOwner& owner, Listener& listener);

  // Leaves when between requests, else after the transaction under way.
  void leave();
  void adopt(const Snapshot& snapshot);
  // `on-marked-down shutdown-sessions`: idle connections of its own to `server` end.
  void shut_down(const Server& server);
  const std::string& trust() const { return entrance_->trust; }

 private:
  explicit Client(ClientOwner& owner);
  bool let_in(const Generation& generation, const FrontendPlan& spec, Connection& connection);
  // `tcp-request connection`: what is known is where it comes from and where it went.
  bool refuses(const Generation& generation, const FrontendPlan& spec, Connection& connection);
  ~Client() override;
  const FrontendPlan& spec() const;
  void log_refusal(const Loss& loss);
  void on_close() override;
  StreamEvents& on_request(H1Front& front) override;
  const H1FrontOptions* next_options() override;
  void on_front_end(H1Front& front, const Failure& why) override;
  void on_refused(H1Front& front, const Loss& loss) override;
  Drains& drains() override;
  const rules::ClientFacts& facts() override;
  void on_transaction_done() override { transaction_.reset(); }
  void on_turned_away(const Loss& loss) override { log_refusal(loss); }
  void on_tunnel_done() override { owner_.on_client_over(*this); }
  void on_pinned() override;
  void on_pin_lost() override { leave(); }

  ClientOwner& owner_;
  const std::shared_ptr<const Entrance> entrance_;
  Owned<H1Front> front_;
  Owned<Transaction> transaction_;
  Owned<Tunnel> tunnel_;
  PinBook pins_{*this};
  bool leaving_ = false;
  bool facts_known_ = false;
  rules::ClientFacts facts_;
};

}  // namespace penstock
