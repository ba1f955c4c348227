#include "penstock/net/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <utility>

#include "holder.h"
#include "penstock/base/require.h"

namespace penstock {

struct ListenerCallbacks {
  static void on_uv_connection(uv_stream_t* stream, int status) {
    Listener& self = holder_of<Listener>(stream);
    if (status != 0) return;  // The client is gone again, or the system was short of something.
    Loop& loop = self.loop();
    self.waiting_ = true;
    self.owner_->on_connection(self);
    loop.settle();
  }
  static int descriptor_of(Listener& self) {
    uv_os_fd_t fd = -1;
    uv_fileno(reinterpret_cast<uv_handle_t*>(self.socket_space_), &fd);
    return fd;
  }
  static uv_stream_t* stream_of(Listener& self) { return reinterpret_cast<uv_stream_t*>(self.socket_space_); }
};

Listener::Listener(Loop& loop, ListenerOwner& owner) : Living(loop), owner_(&owner) {
  static_assert(sizeof(uv_pipe_t) <= kSocketSpace && sizeof(uv_tcp_t) <= kSocketSpace);
}

Owned<Listener> Listener::open(Loop& loop, int fd, bool is_unix, int backlog, ListenerOwner& owner) {
  Owned<Listener> self(new Listener(loop, owner));
  self->is_unix_ = is_unix;
  auto* stream = ListenerCallbacks::stream_of(*self);
  if (is_unix) {
    require(uv_pipe_init(loop.raw(), reinterpret_cast<uv_pipe_t*>(stream), 0) == 0);
  } else {
    require(uv_tcp_init(loop.raw(), reinterpret_cast<uv_tcp_t*>(stream)) == 0);
  }
  self->hold(reinterpret_cast<uv_handle_t*>(stream));
  const int opened = is_unix ? uv_pipe_open(reinterpret_cast<uv_pipe_t*>(stream), fd)
                             : uv_tcp_open(reinterpret_cast<uv_tcp_t*>(stream), fd);
  require(opened == 0);
  require(uv_listen(stream, backlog, ListenerCallbacks::on_uv_connection) == 0);
  return self;
}

Owned<Connection> Listener::accept(const TlsContext* context, ConnectionEvents& events) {
  require(waiting_);
  waiting_ = false;
  const bool was_queued = queued_ >= 0;
  if (!was_queued) note_accept();
  return was_queued ? Connection::adopt(loop(), std::exchange(queued_, -1), is_unix_, context, events)
                    : Connection::accept(loop(), ListenerCallbacks::stream_of(*this), is_unix_, rush_ || deferred_,
                                         context, events);
}

void Listener::set_manners(bool clients_speak_first, bool deferred) {
  clients_speak_first_ = clients_speak_first && !is_unix_;
  deferred_ = deferred;
  if (rush_ && !clients_speak_first_) set_rush(false);
}

// In a rush each connection would cost two wake-ups, one when it comes and one when it speaks. Then the
// system is asked to keep it until it speaks, for a second at most. At other times who says nothing is
// seen at once.
void Listener::note_accept() {
  if (!clients_speak_first_ || deferred_) return;
  if (++accepted_ == kRush && !rush_) set_rush(true);
  if (!has_deadline()) set_deadline(kWindowMs);
}

void Listener::set_rush(bool on) {
  rush_ = on;
  const int seconds = on ? 1 : 0;
  setsockopt(ListenerCallbacks::descriptor_of(*this), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof(seconds));
}

void Listener::on_deadline() {
  if (rush_ && accepted_ < kRush / 2) set_rush(false);
  if (std::exchange(accepted_, 0) != 0 || rush_) set_deadline(kWindowMs);
}

void Listener::resume() {
  if (waiting_) owner_->on_connection(*this);
}

bool Listener::take_queued() {
  if (waiting_) return true;
  queued_ = ::accept4(ListenerCallbacks::descriptor_of(*this), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  waiting_ = queued_ >= 0;
  return waiting_;
}

void Listener::refuse() { ::shutdown(ListenerCallbacks::descriptor_of(*this), SHUT_RD); }

void Listener::on_close() {
  if (rush_) set_rush(false);  // Duplicates of the socket live on.
  if (queued_ >= 0) ::close(queued_);
}

}  // namespace penstock
