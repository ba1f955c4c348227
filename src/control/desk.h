// Where administrators come to: the runtime sockets of the configuration in force, on the master's loop, and who has
// come there. No more of them at one time than `stats maxconn`; others wait in the system's queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "administrator.h"
#include "penstock/base/list.h"
#include "penstock/config/diagnostics.h"
#include "penstock/config/settings.h"
#include "penstock/net/listener.h"
#include "penstock/net/socket.h"
#include "realm.h"

namespace penstock {

class Bundle;
struct BoundAddress;
namespace config {
struct Global;
}

class Desk final : private ListenerOwner, private AdministratorOwner {
 public:
  explicit Desk(Realm& realm) : realm_(realm) {}
  ~Desk();
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  // The sockets that this configuration has: those that stay go on, and so does who has come.
  void adopt(const config::Global& global, const Bundle& bundle);
  // Somebody whom the parent shows on, and what was read from them.
  void take_in(Descriptor connection, const Rights& rights, std::string said);
  // "unix@/run/admin.sock admin all" and so on, a line each, as `show cli sockets` has it.
  std::string sockets_text() const;

 private:
  struct Socket {
    std::shared_ptr<const BoundAddress> bound;
    Rights rights;
    Owned<Listener> listener;
  };
  void open(const std::shared_ptr<const BoundAddress>& bound, const Rights& rights);
  void seat(Owned<Administrator> administrator);
  void on_connection(Listener& listener) override;
  void on_administrator_over(Administrator& administrator) override;

  Realm& realm_;
  std::vector<Socket> sockets_;
  List<Administrator, AdministratorTag> administrators_;
  std::size_t count_ = 0;
  std::size_t most_ = 10;
};

}  // namespace penstock
