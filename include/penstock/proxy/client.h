// One connection of a client, for as long as it lasts: its codec, the exchange being served, and the
// server connections that are its own.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "penstock/base/list.h"
#include "penstock/http/h1_back.h"
#include "penstock/http/h1_front.h"
#include "penstock/net/living.h"
#include "penstock/proxy/exchange.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/proxy/tunnel.h"
#include "penstock/rules/subject.h"

namespace penstock {

class Frontend;
class Listener;
class Station;

struct ClientTag;

// Server connections that serve this client and no other (http-reuse never; a connection that has
// carried a credential). Each belongs to one server of one backend, which its state stands for.
// Null if it ended: whom the client said to be there is forgotten, and no other connection may
// stand in.
struct OwnBack {
  std::shared_ptr<Server> server;
  Owned<H1Back> back;
};

class Client final : public Mortal, public ListNode<ClientTag>, private H1FrontOwner, private H1BackOwner {
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

  // Its own connection to `server`, if there is one idle.
  Owned<H1Back> lend_own(const Server& server, std::string_view tls_name);
  void keep_own(const std::shared_ptr<Server>& server, Owned<H1Back> back);
  // One more is to be made: the one that was idle longest ends if there are too many.
  void make_room_for_own();
  // A credential was seen: from now on every server connection is this client's own.
  void become_private();
  bool is_private() const { return private_; }
  // The server of the latest of its own in this backend; null: none.
  const Server* own_server(std::string_view backend) const;
  // One of them has ended, and with it whom the client said to be there.
  bool has_lost_own(std::string_view backend) const;
  // The server that served the last request to this backend (by state), if it was.
  const std::shared_ptr<Server>& last_server() const { return last_server_; }
  void set_last_server(const std::shared_ptr<Server>& server, bool must_stay) {
    if (last_server_ != server) last_server_ = server;
    must_stay_ = must_stay;
  }
  bool must_stay() const { return must_stay_; }

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
  void on_back_ready(H1Back&) override {}
  void on_back_lost(H1Back& back, const Failure& failure, std::string_view why) override;
  template <typename Which>
  void lose_own(Which which);

  Frontend& frontend_;
  const std::shared_ptr<const Entrance> entrance_;
  Owned<H1Front> front_;
  Owned<Exchange> exchange_;
  Owned<Tunnel> tunnel_;
  std::vector<OwnBack> own_;
  std::shared_ptr<Server> last_server_;
  bool must_stay_ = false;
  bool private_ = false;
  bool leaving_ = false;
  bool facts_known_ = false;
  rules::ClientFacts facts_;
};

}  // namespace penstock
