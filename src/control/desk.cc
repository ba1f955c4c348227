#include "desk.h"

#include <algorithm>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "penstock/proxy/bundle.h"

namespace penstock {

Desk::~Desk() {
  while (!administrators_.empty()) on_administrator_over(administrators_.front());
}

void Desk::adopt(const config::Global& global, const Bundle& bundle) {
  std::vector<Socket> before = std::exchange(sockets_, {});
  most_ = global.stats_maxconn;
  for (const config::StatsSocket& socket : global.stats_sockets) {
    Rights rights;
    rights.level = socket.level;
    rights.severity = socket.severity;
    rights.timeout_ms = global.stats_timeout_ms;
    for (const config::Address& address : socket.bind.addresses) {
      for (int port = address.port_low; port <= std::max<int>(address.port_low, address.port_high); ++port) {
        const auto bound = bundle.bound(socket, address, port);
        const auto same = std::find_if(before.begin(), before.end(),
                                       [&](const Socket& each) { return each.listener && each.bound == bound; });
        if (same == before.end()) {
          open(bound, rights);
        } else {
          sockets_.push_back({bound, rights, std::move(same->listener)});
        }
      }
    }
  }
  // Duplicates of a socket that is given up live as long as the configuration before.
  for (Socket& socket : before) {
    if (socket.listener && !socket.bound->is_inherited) socket.listener->refuse();
  }
  for (Socket& socket : sockets_) socket.listener->resume();
}

// Short of a descriptor nobody can come this way until the next reload: said by whoever tries.
void Desk::open(const std::shared_ptr<const BoundAddress>& bound, const Rights& rights) {
  if (!bound) return;
  Result<Descriptor> own = bound->sockets.front().duplicate();
  if (!own) return;
  ListenerOwner& owner = *this;
  sockets_.push_back(
      {bound, rights, Listener::open(realm_.loop(), own->release(), bound->is_unix, bound->backlog, owner)});
}

void Desk::on_connection(Listener& listener) {
  if (count_ >= most_) return;
  const auto socket = std::find_if(sockets_.begin(), sockets_.end(),
                                   [&](const Socket& each) { return each.listener.get() == &listener; });
  if (socket == sockets_.end()) return;
  AdministratorOwner& owner = *this;
  Owned<Administrator> administrator = Administrator::welcome(realm_, listener, socket->rights, owner);
  if (administrator) seat(std::move(administrator));
}

void Desk::seat(Owned<Administrator> administrator) {
  administrators_.push_back(*administrator.release());
  ++count_;
}

// There is room for as many again who come from the parent, so that nobody at a socket of ours keeps them out.
void Desk::take_in(Descriptor connection, const Rights& rights, std::string said) {
  if (count_ >= 2 * most_) return;
  AdministratorOwner& owner = *this;
  seat(Administrator::receive(realm_, std::move(connection), rights, std::move(said), owner));
}

void Desk::on_administrator_over(Administrator& administrator) {
  administrator.ListNode<AdministratorTag>::unlink();
  Owned<Administrator>(&administrator).reset();
  --count_;
  // One place is free, for whichever socket has somebody waiting.
  for (Socket& socket : sockets_) {
    if (count_ >= most_) return;
    if (socket.listener) socket.listener->resume();
  }
}

std::string Desk::sockets_text() const {
  static constexpr const char* kLevels[] = {"user", "operator", "admin"};
  std::string text;
  for (const Socket& socket : sockets_) {
    const SocketAddress& address = socket.bound->address;
    const std::string where = address.is_unix()  ? format("unix@{}", address.text())
                              : address.is_ip6() ? format("ipv6@{}", address.text())
                                                 : format("ipv4@{}", address.text());
    append_format(text, "{} {} all\n", where, kLevels[static_cast<std::size_t>(socket.rights.level)]);
  }
  return text;
}

}  // namespace penstock
