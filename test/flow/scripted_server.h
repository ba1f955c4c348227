// A server on a loop of the test's own that does what its script says, connection by connection.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "penstock/net/connection.h"
#include "penstock/net/listener.h"
#include "penstock/net/loop.h"

namespace penstock::test {

// What is done with one connection, in order. Without an end the connection stays open and silent.
class Script {
 public:
  // Waits until these bytes have come, and takes all up to them.
  Script& expects(std::string bytes);
  Script& sends(std::string bytes);
  // Takes nothing more from the other side.
  Script& stops_reading();
  // FIN behind what was sent; with TLS, close_notify before it.
  void closes();
  // RST, at once.
  void resets();
  // Begins anew, for the next request; what was received before is forgotten.
  void repeats();

 private:
  friend class Conversation;
  struct Step {
    enum class Kind { Expect, Send, StopReading, Close, Reset, Repeat };
    Kind kind;
    std::string bytes;
  };
  std::vector<Step> steps_;
};

class Conversation;

class ScriptedServer final : private ListenerOwner {
 public:
  // On a loopback port of the system's choice. `tls` stays in place as long as the server.
  explicit ScriptedServer(Loop& loop, const TlsContext* tls = nullptr);
  ~ScriptedServer();

  const SocketAddress& address() const { return address_; }
  // The script of the next connection that has none yet. The last one given serves all that follow.
  Script& next();
  std::size_t accepted() const { return conversations_.size(); }
  // All that came on the n-th connection, from 0.
  const std::string& received(std::size_t n) const;
  // Connections the other side has not closed.
  std::size_t open() const;
  // FIN on all of them.
  void finish_all();
  // Accepts no more: connecting is refused.
  void stop_listening() { listener_.reset(); }

 private:
  void on_connection(Listener& listener) override;

  const TlsContext* tls_;
  SocketAddress address_;
  std::deque<Script> scripts_;
  bool front_used_ = false;
  std::vector<std::unique_ptr<Conversation>> conversations_;
  Owned<Listener> listener_;
};

// An address that takes connections up to the point where the kernel answers no more: connecting to
// it times out.
class FullBacklog {
 public:
  FullBacklog();
  ~FullBacklog();
  FullBacklog(const FullBacklog&) = delete;
  FullBacklog& operator=(const FullBacklog&) = delete;
  const SocketAddress& address() const { return address_; }

 private:
  SocketAddress address_;
  std::vector<int> sockets_;
};

}  // namespace penstock::test
