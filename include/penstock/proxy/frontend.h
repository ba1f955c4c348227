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
  // leave after the exchange they are in.
  void close();
  void resume();
  // Clients leave when they are between requests.
  void dismiss_clients();
  void cut_clients();

  Station& station() { return station_; }
  const BindSpec& bind() const { return *bind_; }
  bool closed() const { return closed_; }
  bool empty() const { return clients_.empty(); }
  void client_over(Client& client);

 private:
  void on_connection(Listener& listener) override;
  void drop_clients_of_other_trust(const std::string& trust);

  Station& station_;
  const BindSpec* bind_;
  Owned<Listener> listener_;
  List<Client, ClientTag> clients_;
  bool paused_ = false;
  bool closed_ = false;
};

}  // namespace penstock
