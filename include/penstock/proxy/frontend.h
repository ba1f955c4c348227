// Welcomes connections of one bind address on one worker and picks their codec.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "penstock/base/list.h"
#include "penstock/net/listener.h"
#include "penstock/proxy/client.h"
#include "penstock/proxy/snapshot.h"

namespace penstock {

class Station;

class Frontend final : private ListenerOwner {
 public:
  Frontend(Station& station, const BindSpec& bind);
  ~Frontend();
  Frontend(const Frontend&) = delete;
  Frontend& operator=(const Frontend&) = delete;

  // The same address under a new snapshot.
  void adopt(const BindSpec& bind);
  // The address is gone from the configuration: takes what is queued already, then closes; clients
  // leave after the exchange they are in, or begin, which is still served by `last`.
  void close(Ref<Generation> last);
  void resume();
  // `on-marked-down shutdown-sessions`, for what clients keep to themselves.
  void shut_down(const Server& server);

  Station& station() { return station_; }
  const BindSpec& bind() const { return *bind_; }
  // What serves those who come by this address.
  const Ref<Generation>& generation() const;
  bool closed() const { return closed_; }
  bool empty() const { return clients_.empty(); }
  void client_over(Client& client);

 private:
  void on_connection(Listener& listener) override;
  void set_manners();

  Station& station_;
  const BindSpec* bind_;
  Ref<Generation> last_;  // Once closed, while there are clients.
  Owned<Listener> listener_;
  List<Client, ClientTag> clients_;
  bool paused_ = false;
  bool closed_ = false;
};

}  // namespace penstock
