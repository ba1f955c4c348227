// One connection of a client, for as long as it lasts: its codec, the exchange being served, and its pins.
#pragma once

#include <cstdint>
#include <memory>

#include "penstock/base/list.h"
#include "penstock/http/h1_front.h"
#include "penstock/net/living.h"
#include "penstock/proxy/exchange.h"
#include "penstock/proxy/pins.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/proxy/tunnel.h"
#include "penstock/rules/subject.h"

namespace penstock {

class Frontend;
class Listener;
class Station;

struct ClientTag;

class Client final : public Mortal, public ListNode<ClientTag>, private H1FrontOwner, private PinBookOwner {
 public:
  // A connection waits at `listener`; null if it is gone already.
  static Owned<Client> welcome(Frontend& frontend, Listener& listener);

  Frontend& frontend() { return frontend_; }
  Station& station();
  H1Front& front() { return *front_; }
  const rules::ClientFacts& facts();
  // Number of this request on this connection, from 1.
  std::uint32_t requests() const { return front_->requests(); }

  // It came to nothing: logs why.
  void log_refusal(const Loss& loss);
  // The exchange, or the tunnel (mode tcp), is over.
  void exchange_done();
  void tunnel_done();

  // Leaves when between requests, else after the exchange under way.
  void leave();
  void adopt(const Snapshot& snapshot);
  // `on-marked-down shutdown-sessions`: idle connections of its own to `server` end.
  void shut_down(const Server& server);
  const std::string& trust() const { return entrance_->trust; }

  PinBook& pins() { return pins_; }

 private:
  friend class Frontend;
  Client(Frontend& frontend, Loop& loop);
  bool let_in(const Generation& generation, const FrontendSpec& spec, Connection& connection);
  // `tcp-request connection`: what is known is where it comes from and where it went.
  bool refuses(const Generation& generation, const FrontendSpec& spec, Connection& connection);
  ~Client() override;
  const H1FrontOptions& front_options() const;
  bool is_logged() const;
  void on_close() override;
  StreamEvents& on_request(H1Front& front) override;
  const H1FrontOptions* next_options() override;
  void on_front_end(H1Front& front, const Failure& why) override;
  void on_refused(H1Front& front, const Loss& loss) override;
  Drains& drains() override;
  void on_pinned() override;
  void on_pin_lost() override { leave(); }

  Frontend& frontend_;
  const std::shared_ptr<const Entrance> entrance_;
  Owned<H1Front> front_;
  Owned<Exchange> exchange_;
  Owned<Tunnel> tunnel_;
  PinBook pins_{*this};
  bool leaving_ = false;
  bool facts_known_ = false;
  rules::ClientFacts facts_;
};

}  // namespace penstock
