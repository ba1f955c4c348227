// Accepts on one worker's share of a bind line.
#pragma once

#include <cstdint>

#include "penstock/net/connection.h"
#include "penstock/net/living.h"

namespace penstock {

class Listener;

class ListenerOwner {
 public:
  // A connection waits. Taking it is accept(); leaving it pauses the listener until resume().
  virtual void on_connection(Listener& listener) = 0;

 protected:
  ~ListenerOwner() = default;
};

class Listener final : public Living {
 public:
  // Takes over `fd`, listening.
  static Owned<Listener> open(Loop& loop, int fd, bool is_unix, int backlog, ListenerOwner& owner);

  void set_owner(ListenerOwner& owner) { owner_ = &owner; }
  // Whether clients say something before they hear anything (HTTP, TLS), and the system keeps them until then.
  void set_manners(bool clients_speak_first, bool deferred);
  // The connection that waits; null if it is gone already.
  Owned<Connection> accept(const TlsContext* context, ConnectionEvents& events);
  bool waiting() const { return waiting_; }
  // Asks the owner again for what was left waiting.
  void resume();
  // For one that is about to close: true if a connection waits, here or in the system's queue.
  bool take_queued();
  // The system turns away whoever comes from now on, at every duplicate of the socket.
  void refuse();

 private:
  friend struct ListenerCallbacks;
  Listener(Loop& loop, ListenerOwner& owner);
  void on_close() override;
  void on_deadline() override;
  void note_accept();
  void set_rush(bool on);

  static constexpr std::uint64_t kWindowMs = 100;
  static constexpr unsigned kRush = 50;  // Connections within a window.

  static constexpr std::size_t kSocketSpace = 264;
  alignas(8) char socket_space_[kSocketSpace];
  ListenerOwner* owner_;
  bool is_unix_ = false;
  bool waiting_ = false;
  bool clients_speak_first_ = false;
  bool deferred_ = false;
  bool rush_ = false;
  unsigned accepted_ = 0;  // In this window.
  int queued_ = -1;        // What waits, if take_queued() found it.
};

}  // namespace penstock
