// One connection of a client, for as long as it lasts: greeted, then its codec with the transactions being served, or a
// tunnel.
#pragma once

#include <memory>
#include <utility>

#include "penstock/base/counted.h"
#include "penstock/base/list.h"
#include "penstock/base/reused.h"
#include "penstock/http/front.h"
#include "penstock/net/living.h"
#include "penstock/proxy/greeter.h"
#include "penstock/proxy/pins.h"
#include "penstock/proxy/running.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/proxy/transaction.h"
#include "penstock/proxy/tunnel.h"
#include "penstock/rules/subject.h"

namespace penstock {

class Client;
class Listener;
struct ClientTag;

// An entrance for as long as a worker's clients are there that came in by it. They count on their worker alone.
struct KeptEntrance final : Counted<KeptEntrance> {
  explicit KeptEntrance(std::shared_ptr<const Entrance> entrance) : entrance(std::move(entrance)) {}
  const std::shared_ptr<const Entrance> entrance;
};

// Where a client came in.
class ClientOwner : public Door {
 public:
  virtual const Ref<KeptEntrance>& entrance() const = 0;
  // A client that is served may ask more.
  virtual bool takes_more() const = 0;
  // The connection is over; the owner drops the client.
  virtual void on_client_over(Client& client) = 0;
  // One client less is counted.
  virtual void on_client_left(const Entrance& entrance) = 0;

 protected:
  ~ClientOwner() = default;
};

class Client final : public Reused,
                     public Mortal,
                     public ListNode<ClientTag>,
                     private GreeterOwner,
                     private FrontOwner,
                     private PinBookOwner,
                     private TransactionOwner,
                     private TunnelOwner {
 public:
  // A connection waits at `listener`; null if it is gone already, or refused.
  static Owned<Client> welcome(ClientOwner& owner, Listener& listener);

  // Leaves when between requests, else after the transaction under way.
  void leave();
  void adopt(const Snapshot& snapshot);
  // `on-marked-down shutdown-sessions`: idle connections of its own to `server` end.
  void shut_down(const Server& server);
  // For administrators: what is under way, if there is something, and its end.
  void tell(std::vector<Running>& all);
  std::uint64_t id() const { return reinterpret_cast<std::uintptr_t>(this); }
  void kill();
  const std::string& trust() const { return entrance_->entrance->trust; }

 private:
  explicit Client(ClientOwner& owner);
  ~Client() override;
  void on_close() override;
  void on_greeted(Owned<Connection> connection, std::uint64_t since_ms) override;
  void on_turned_away() override { owner_.on_client_over(*this); }
  StreamEvents& on_request(FrontStream& stream) override;
  const FrontOptions* next_options() override;
  void on_front_end() override { owner_.on_client_over(*this); }
  Drains& drains() override { return owner_.kit().drains; }
  void on_transaction_done(Transaction& transaction) override;
  void on_tunnel_done() override { owner_.on_client_over(*this); }
  void on_pinned() override;
  void on_pin_lost() override { leave(); }
  std::size_t most_pins() const override { return owner_.frontend().most_own; }

  ClientOwner& owner_;
  const Ref<KeptEntrance> entrance_;
  Owned<Greeter> greeter_;  // Until the connection was greeted.
  Owned<Front> front_;
  List<Transaction, TransactionTag> transactions_;
  Owned<Tunnel> tunnel_;
  PinBook pins_{*this};
  bool leaving_ = false;
  rules::ClientFacts facts_;
};

}  // namespace penstock
