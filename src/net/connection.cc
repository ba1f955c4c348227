#include "penstock/net/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "holder.h"
#include "penstock/base/require.h"
#include "penstock/net/proxy_header.h"

namespace penstock {
namespace {

constexpr std::size_t kFirstGulp = 64 * 1024;
constexpr std::size_t kRecordSize = 16 * 1024;
// A block read full, or nearly.
constexpr std::size_t kMuch = kBlockSize - 1024;
constexpr unsigned kTrySlices = 16;
// Whom nothing could be sent to for so long does not read, or not in bulk, and it is read for with small blocks
// until this many of them went without such a pause: 4 MiB, the most that the system takes at once for a
// client that reads nothing.
constexpr std::uint32_t kLongPauseMs = 1000;
constexpr std::uint8_t kRestraint = 255;
// The status of what could not be sealed; the session knows why.
constexpr int kUnsealable = UV_EPROTO;
// Above four buffers uv_write allocates.
constexpr unsigned kHandSlices = 4;

}  // namespace

union Connection::Socket {
  uv_handle_t handle;
  uv_stream_t stream;
  uv_tcp_t tcp;  // Of a unix socket too: libuv asks no stream for its family.
};

struct Connection::Request {
  uv_write_t write;
  // What of `out_` is with libuv.
  std::uint32_t bytes = 0;
  std::uint32_t left = 0;  // Of those, when last looked at.
};

struct Connection::Opening {
  // Of an accepted one: the PROXY header as far as it came, and what it is then.
  std::string bytes;
  State next = State::Ready;
  const char* error = nullptr;
  // Of one that connects: what TLS will need.
  const TlsContext* context = nullptr;
  std::string name;
  std::string verify_name;
  TlsTicket ticket;
};

struct ConnectionCallbacks {
  static void on_uv_alloc(uv_handle_t* handle, std::size_t, uv_buf_t* buffer) {
    Connection& self = holder_of<Connection>(handle);
    char* base = nullptr;
    std::size_t size = 0;
    self.offer_space(&base, &size);
    *buffer = uv_buf_init(base, static_cast<unsigned>(size));
  }
  static void on_uv_read(uv_stream_t* stream, ssize_t count, const uv_buf_t*) {
    Connection& self = holder_of<Connection>(stream);
    Loop& loop = self.loop();
    self.arrived(count);
    loop.settle();
  }
  static void on_uv_connected(uv_write_t* request, int status) {
    Connection& self = holder_of<Connection>(request->handle);
    if (self.closed()) return;
    Loop& loop = self.loop();
    self.connected(status);
    loop.settle();
  }
  static void on_uv_written(uv_write_t* request, int status) {
    Connection& self = holder_of<Connection>(request->handle);
    if (self.closed()) return;
    Loop& loop = self.loop();
    self.written(status);
    loop.settle();
  }
};

Connection::Connection(Loop& loop, ConnectionEvents& events) : Living(loop), events_(&events) {
  static_assert(sizeof(Socket) <= kSocketSpace);
}

Connection::~Connection() {
  if (has_socket_ && loop().descriptors != nullptr) loop().descriptors->fetch_sub(1, std::memory_order_relaxed);
}

void Connection::on_close() {
  Later::unlink();
  ListNode<PutOffTag>::unlink();
  ListNode<PatrolTag>::unlink();
}

void Connection::make_handle() {
  require(uv_tcp_init(loop().raw(), &socket().tcp) == 0);
  hold(&socket().handle);
  has_socket_ = true;
  if (loop().descriptors != nullptr) loop().descriptors->fetch_add(1, std::memory_order_relaxed);
}

Owned<Connection> Connection::adopt(Loop& loop, int fd, bool is_unix, const TlsContext* context,
                                    ConnectionEvents& events) {
  Owned<Connection> self(new Connection(loop, events));
  self->make_handle();
  require(uv_tcp_open(&self->socket().tcp, fd) == 0);
  self->start_accepted(is_unix, context);
  return self;
}

void Connection::start_accepted(bool is_unix, const TlsContext* context) {
  is_unix_ = is_unix;
  is_accepted_ = true;
  state_ = State::Ready;
  if (context != nullptr) start_tls(TlsSession::for_client(*context, out_));
  loop().later(*this);
}

Owned<Connection> Connection::accept(Loop& loop, uv_stream_s* listener, bool is_unix, bool has_spoken,
                                     const TlsContext* context, ConnectionEvents& events) {
  Owned<Connection> self(new Connection(loop, events));
  self->make_handle();
  if (uv_accept(listener, &self->socket().stream) != 0) return nullptr;
  if (has_spoken) self->glance_ = Glance::Ahead;
  self->start_accepted(is_unix, context);
  return self;
}

Owned<Connection> Connection::connect(Loop& loop, const SocketAddress& address, const SocketOptions& options,
                                      const TlsTarget& tls, TlsTicket ticket, ConnectionEvents& events) {
  Owned<Connection> self(new Connection(loop, events));
  self->out_.append(tls.greeting);
  if (tls.context != nullptr) {
    self->plain_ = std::make_unique<Outbox>();
    self->opening_.reset(new Opening{.context = tls.context,
                                     .name = std::string(tls.name),
                                     .verify_name = std::string(tls.verify_name),
                                     .ticket = std::move(ticket)});
  }
  const int status = self->start_connect(address, options);
  if (status != 0) {
    // Told in a later turn, as all that concerns connecting.
    self->broken_.status = static_cast<std::int16_t>(status);
    loop.later(*self);
  }
  return self;
}

Owned<Connection> Connection::attach(Loop& loop, DetachedConnection detached, ConnectionEvents& events) {
  Owned<Connection> self(new Connection(loop, events));
  self->make_handle();
  if (uv_tcp_open(&self->socket().tcp, detached.fd_.get()) != 0) return nullptr;
  detached.fd_.release();
  if (detached.count_ != nullptr) detached.count_->fetch_sub(1, std::memory_order_relaxed);
  self->is_unix_ = detached.is_unix_;
  self->state_ = State::Ready;
  self->glance_ = Glance::ToTry;
  if (detached.tls_) {
    self->tls_ = std::move(detached.tls_);
    self->tls_->set_out(self->out_);
    self->plain_ = std::make_unique<Outbox>();
  }
  loop.later(*self);
  return self;
}

int Connection::start_connect(const SocketAddress& address, const SocketOptions& options) {
  make_handle();
  is_unix_ = address.is_unix();
  int error = 0;
  Descriptor fd = begin_to_connect(address, options, uv_hrtime() / 1000, error);
  if (error != 0) return -error;
  const int status = uv_tcp_open(&socket().tcp, fd.get());
  if (status == 0) fd.release();
  loop().later(*this);
  return status;
}

// Writing nothing tells how far a connection is. One that is up by the end of the turn in which it was
// asked for, as those of this machine are, has cost libuv nothing; another is waited for.
void Connection::await_connect() {
  if (request_) return;
  uv_buf_t nothing = uv_buf_init(const_cast<char*>(""), 0);
  const int status = uv_try_write(&socket().stream, &nothing, 1);
  if (status != UV_EAGAIN) return connected(status);
  request_ = std::make_unique<Request>();
  require(uv_write(&request_->write, &socket().stream, &nothing, 1, ConnectionCallbacks::on_uv_connected) == 0);
}

void Connection::expect_proxy_header() {
  opening_.reset(new Opening{.next = state_});
  state_ = State::Greeting;
}

void Connection::greeted(std::string_view bytes) {
  Opening& greeting = *opening_;
  heard_ = true;
  greeting.bytes += bytes;
  ProxyHeader header;
  switch (read_proxy_header(greeting.bytes, header)) {
    case ProxyHeader::Step::More:
      return;
    case ProxyHeader::Step::Error:
      greeting.error = header.error;
      return fail(Loss::Kind::Handshake, 0);
    case ProxyHeader::Step::Done:
      break;
  }
  if (!header.local) ends() = {header.source, header.destination};
  if (header.names) events_->on_proxy_names(std::move(*header.names));
  proxied_ = renamed_ = true;
  state_ = greeting.next;
  const Slice rest = Slice::copy(std::string_view(greeting.bytes).substr(header.size));
  opening_.reset();
  loop().later(*this);
  if (tls_) {
    tls_->receive(rest.view());
    if (shake()) decipher();
    return;
  }
  events_->on_ready();
  if (!closed() && state_ == State::Ready && !rest.empty()) deliver(rest);
}

void Connection::connected(int status) {
  request_.reset();
  if (status != 0) return fail(Loss::Kind::Connect, status);
  if (opening_) {
    start_tls(TlsSession::for_server(*opening_->context, out_, opening_->name, opening_->verify_name,
                                     std::move(opening_->ticket)));
    opening_.reset();
    loop().later(*this);
    shake();
    return;
  }
  state_ = State::Ready;
  glance_ = Glance::ToTry;
  loop().later(*this);
  events_->on_ready();
}

int Connection::descriptor() const {
  uv_os_fd_t fd = -1;
  if (has_socket_) uv_fileno(&socket().handle, &fd);
  return fd;
}

// The end of the callback in which something was written, or reading turned on or off.
void Connection::run_later() {
  if (state_ == State::Lost || closed()) return;
  if (state_ == State::Connecting) {
    if (broken_.status != 0) return fail(Loss::Kind::Connect, std::exchange(broken_.status, 0));
    return is_unix_ ? connected(0) : await_connect();
  }
  if (glance_ == Glance::Ahead && !ListNode<PutOffTag>::linked()) {
    glance();
    if (closed() || state_ == State::Lost) return;
  }
  if (held_ && reading()) {
    deliver_held();
    if (closed() || state_ == State::Lost) return;
  }
  const bool untold = read_end_ == ReadEnd::Clean || read_end_ == ReadEnd::Cut;
  if (untold && reading() && !held_) {
    events_->on_read_end(std::exchange(read_end_, ReadEnd::Told) == ReadEnd::Clean);
    if (closed() || state_ == State::Lost) return;
  }
  poll_as_wished();
  flush();
}

void Connection::set_reading(bool on, bool quiet) {
  const Reading wanted = !on ? Reading::Off : quiet ? Reading::Quiet : Reading::On;
  if (reading_ == wanted) return;
  if (reading() != on) temper_gulp();
  reading_ = wanted;
  if (!quiet && dozed_) {
    dozed_ = false;
    ListNode<PutOffTag>::unlink();
  }
  loop().later(*this);
}

bool Connection::has_news() const { return !polling_ && !is_quiet(descriptor()); }

bool Connection::wants_bytes() const {
  const bool asked = reading() || state_ == State::Handshake || state_ == State::Greeting;
  return asked && read_end_ == ReadEnd::None && !held_;
}

// Whether the system must be asked to watch it. A new one to a server is glanced at first: a busy worker finds the
// answer there, and with luck the connection is over before it need be watched at all. One from which nothing is
// expected mostly ends, or is expected to speak again, before it is worth watching.
bool Connection::must_be_watched() {
  if (ListNode<PutOffTag>::linked()) return false;
  if (reading_ == Reading::Quiet && state_ == State::Ready) {
    if (std::exchange(dozed_, true)) return true;
    loop().doze(*this);
    return false;
  }
  if (glance_ != Glance::ToTry) return true;
  glance_ = Glance::Ahead;
  loop().put_off(*this);
  return false;
}

void Connection::poll_as_wished() {
  const bool wanted = wants_bytes();
  if (!wanted && is_accepted_) loop().patrol(*this);
  if (wanted == polling_) return;
  if (wanted && !must_be_watched()) return;
  polling_ = wanted;
  if (wanted) {
    uv_read_start(&socket().stream, ConnectionCallbacks::on_uv_alloc, ConnectionCallbacks::on_uv_read);
  } else {
    uv_read_stop(&socket().stream);
  }
}

// The system's errno if the peer is gone for good; that it says no more is no such thing. 0: it is there.
int Connection::death() const {
  pollfd socket{descriptor(), 0, 0};
  if (::poll(&socket, 1, 0) != 1) return 0;
  // Where both have said all, and each may still read, a hang-up means nothing.
  if ((socket.revents & POLLERR) == 0 && ((socket.revents & POLLHUP) == 0 || sending_ == Sending::Finished)) return 0;
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(descriptor(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error != 0 ? error : ECONNRESET;
}

// A client that is not read from could go without a sign. While something waits to be written, that tells.
void Connection::look() {
  if (state_ != State::Ready || wants_bytes()) return;
  if (handed() == 0) {
    if (const int error = death()) return fail(Loss::Kind::Broken, -error);
  }
  loop().patrol(*this);
}

// Where plaintext lands. Talk of all connections shares one block for as long as it has room; bulk
// has large ones, as long as those that slow readers hold leave some.
Filling& Connection::landing() {
  if (appetite_.gulp != 0) {
    Filling& filling = loop().gulp_block();
    if (filling.sole()) filling.rewind();
    const bool has_room = filling.room() >= appetite_.gulp;
    if (has_room || loop().may_gulp(appetite_.gulp)) {
      if (!has_room) filling.start(appetite_.gulp);
      return filling;
    }
    appetite_.gulp = 0;
  }
  Filling& filling = loop().read_block();
  if (filling.sole()) filling.rewind();
  if (filling.room() < kRecordSize / 2) filling.start(kBlockSize);
  return filling;
}

void Connection::glance() {
  glance_ = Glance::Had;
  if (!wants_bytes() || polling_) return;
  char* base = nullptr;
  std::size_t size = 0;
  offer_space(&base, &size);
  const ssize_t count = ::recv(descriptor(), base, size, 0);
  const int status = count > 0 ? static_cast<int>(count) : count == 0 ? static_cast<int>(UV_EOF) : -errno;
  if (status == UV_EAGAIN || status == UV_EINTR) return;
  arrived(status);
}

// What of `out_` is with libuv.
std::size_t Connection::handed() const { return request_ ? request_->bytes : 0; }

// For ciphertext.
std::size_t Connection::sealed_space() const { return appetite_.gulp == 0 ? kRecordSize + 1024 : kGulpSize; }

void Connection::offer_space(char** base, std::size_t* size) {
  if (tls_ || opening_) {
    *base = loop().scratch();
    *size = sealed_space();
  } else {
    Filling& filling = landing();
    *base = filling.space();
    *size = appetite_.gulp == 0 ? filling.room() : appetite_.gulp;
  }
}

void Connection::arrived(std::ptrdiff_t count) {
  if (count == 0) return;
  if (count == UV_EOF) {
    polling_ = false;
    uv_read_stop(&socket().stream);
    const int reset = hidden_reset();
    if (state_ != State::Ready) return fail(Loss::Kind::Handshake, reset);
    if (reset != 0) return fail(Loss::Kind::Broken, reset);
    return ended(!tls_);
  }
  if (count < 0) {
    polling_ = false;
    uv_read_stop(&socket().stream);
    return fail(state_ != State::Ready ? Loss::Kind::Handshake : Loss::Kind::Broken, static_cast<int>(count));
  }
  if (opening_) return greeted({loop().scratch(), static_cast<std::size_t>(count)});
  if (tls_) return cipher_arrived(static_cast<std::size_t>(count));
  plain_arrived(static_cast<std::size_t>(count));
}

// An end of reading may hide a reset: libuv takes a hang-up behind the last bytes for an end, and who
// meets the reset first, be it a write, takes it from the socket. EPIPE is no such thing: the peer's FIN
// came before its reset, so what it had to say is whole. 0: it is an end.
int Connection::hidden_reset() {
  if (broken_.status != 0 && broken_.status != UV_EPIPE) return broken_.status;
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(descriptor(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error == EPIPE) return 0;
  return -error;
}

void Connection::plain_arrived(std::size_t count) {
  const std::uint32_t gulp = appetite_.gulp;
  Filling& filling = gulp != 0 ? loop().gulp_block() : loop().read_block();
  const std::size_t offered = gulp != 0 ? gulp : filling.room();
  Slice bytes = filling.filled(count);
  adapt_gulp(count, offered);
  events_->on_bytes(std::move(bytes));
}

// A direction that keeps filling its block is read with more space at once, as far as the worker's
// budget goes; it falls back when it goes quiet.
void Connection::adapt_gulp(std::size_t count, std::size_t offered) {
  if (count == offered && count >= kRecordSize / 2) {
    if (restraint_ != 0) {
      --restraint_;
      return;
    }
    const std::size_t wanted = appetite_.gulp == 0 ? kFirstGulp : kGulpSize;
    if (wanted != appetite_.gulp && loop().may_gulp(wanted)) appetite_.gulp = static_cast<std::uint32_t>(wanted);
  } else if (count < kRecordSize) {
    appetite_.gulp = 0;
  }
}

// Reading is about to be turned on or off. It is off while the other side does not read what was read here.
void Connection::temper_gulp() {
  const auto now_ms = static_cast<std::uint32_t>(loop().now());
  if (reading()) {
    appetite_.paused_at_ms = now_ms;
  } else if ((appetite_.gulp != 0 || restraint_ != 0) && now_ms - appetite_.paused_at_ms >= kLongPauseMs) {
    appetite_.gulp = 0;
    restraint_ = kRestraint;
  }
}

void Connection::deliver(Slice bytes) {
  if (reading() && !held_) return events_->on_bytes(std::move(bytes));
  if (!held_) held_ = std::make_unique<Outbox>();
  held_->append(std::move(bytes));
}

void Connection::deliver_held() {
  while (held_ && reading()) {
    Slice bytes = held_->peek(0);
    held_->remove(bytes.size());
    if (held_->empty()) held_.reset();
    events_->on_bytes(std::move(bytes));
    if (closed() || state_ == State::Lost) return;
  }
}

void Connection::ended(bool clean) {
  if (read_end_ != ReadEnd::None) return;
  read_end_ = clean ? ReadEnd::Clean : ReadEnd::Cut;
  if (!reading() || held_) return loop().later(*this);
  read_end_ = ReadEnd::Told;
  events_->on_read_end(clean);
}

void Connection::send(Slice bytes) {
  if (state_ == State::Lost || broken_.noted) return;
  outbox().append(std::move(bytes));
  wrote();
}

void Connection::send(std::string_view text) {
  if (state_ == State::Lost || broken_.noted) return;
  outbox().append(text);
  wrote();
}

void Connection::wrote() {
  if (state_ != State::Lost && !broken_.noted) return loop().later(*this);
  // What libuv still holds must stay; the rest goes nowhere.
  if (handed() != 0) return;
  broken_.thrown_away += static_cast<std::uint32_t>(outbox().bytes());
  outbox().clear();
}

// Much is sent at once, so that no more is read for a peer that takes no more.
bool Connection::congested() {
  if (unsent() < kMuch) return false;
  if (state_ == State::Ready) push();
  if (unsent() != 0) congested_ = true;
  return unsent() != 0;
}

bool Connection::all_sent() {
  if (unsent() == 0 || broken_.noted) return true;
  congested_ = true;
  return false;
}

void Connection::finish_sending() {
  if (sending_ != Sending::Open) return;
  sending_ = Sending::Finishing;
  loop().later(*this);
}

void Connection::reset_on_close() { make_close_a_reset(descriptor()); }

void Connection::vanish() { make_close_silent(descriptor()); }

void Connection::flush() {
  if (state_ == State::Lost) return;
  push();
  if (broken_.status != 0 && !broken_.noted) {
    return broken_.status == kUnsealable ? fail(Loss::Kind::Broken, 0) : write_failed(broken_.status);
  }
  shut_down_if_due();
  if (congested_ && unsent() == 0) {
    congested_ = false;
    events_->on_sent();
  }
}

// Of what is to be sent, what one call can; `bytes` says how much that was. What is meant for sockets costs less than
// what libuv uses, which is meant for files too.
std::ptrdiff_t Connection::offer(std::size_t& bytes) const {
  if (out_.slices() == 1) {
    const Slice& slice = out_.peek(0);
    bytes = slice.size();
    return ::send(descriptor(), slice.data(), bytes, MSG_NOSIGNAL);
  }
  iovec pieces[kTrySlices];
  msghdr message{};
  message.msg_iov = pieces;
  for (; message.msg_iovlen < kTrySlices && message.msg_iovlen < out_.slices(); ++message.msg_iovlen) {
    const Slice& slice = out_.peek(message.msg_iovlen);
    pieces[message.msg_iovlen] = {const_cast<char*>(slice.data()), slice.size()};
    bytes += slice.size();
  }
  return ::sendmsg(descriptor(), &message, MSG_NOSIGNAL);
}

// Sends what the system takes. Nobody is told from here: of a failure flush() does.
void Connection::push() {
  while (broken_.status == 0 && handed() == 0) {
    if (tls_ && state_ == State::Ready) {
      if (!seal()) broken_.status = kUnsealable;
      if (plain_->empty() && sending_ == Sending::Finishing) tls_->close();
    }
    if (out_.empty()) return;
    std::size_t bytes = 0;
    const ssize_t sent = offer(bytes);
    if (sent < 0 && errno == EINTR) continue;
    if (sent > 0) out_.remove(static_cast<std::size_t>(sent));
    // Short of memory is no end either: libuv tries again when there is room.
    if (sent < 0 && errno != EAGAIN && errno != ENOBUFS) {
      broken_.status = static_cast<std::int16_t>(-errno);
    } else if (sent < 0 || static_cast<std::size_t>(sent) < bytes) {
      hand_to_libuv();
    }
  }
}

// What the kernel would not take waits with libuv. Small pieces are copied together first, so that
// a slow reader does not keep a block for each of them.
void Connection::hand_to_libuv() {
  constexpr std::size_t kSmall = 512;
  if (out_.slices() > 8 && out_.bytes() / out_.slices() < kSmall) {
    std::string all;
    all.reserve(out_.bytes());
    for (std::size_t i = 0; i < out_.slices(); ++i) all += out_.peek(i).view();
    out_.clear();
    out_.append(std::string_view(all));
  }
  if (!request_) request_ = std::make_unique<Request>();
  uv_buf_t buffers[kHandSlices];
  unsigned count = 0;
  for (; count < kHandSlices && count < out_.slices(); ++count) {
    const Slice& slice = out_.peek(count);
    buffers[count] = uv_buf_init(const_cast<char*>(slice.data()), static_cast<unsigned>(slice.size()));
    request_->bytes += static_cast<std::uint32_t>(slice.size());
  }
  const int status = uv_write(&request_->write, &socket().stream, buffers, count, ConnectionCallbacks::on_uv_written);
  require(status == 0);
  request_->left = static_cast<std::uint32_t>(uv_stream_get_write_queue_size(&socket().stream));
}

// What libuv holds may be a megabyte: it is told of only when all of it has gone.
void Connection::on_deadline() {
  if (state_ == State::Ready && handed() != 0) {
    const auto left = static_cast<std::uint32_t>(uv_stream_get_write_queue_size(&socket().stream));
    if (left < std::exchange(request_->left, left)) return Living::set_deadline(patience_ms_);
  }
  events_->on_time_out();
}

void Connection::written(int status) {
  const std::size_t handed = std::exchange(request_->bytes, 0u);
  if (status != 0) return write_failed(status);
  out_.remove(handed);
  if (out_.empty()) request_.reset();
  loop().later(*this);
}

// A client that cannot be answered is gone, whatever of it is still unread: its end might wait behind that for
// ever. Of a server what it said before is still to be read, and its end or its reset follow.
void Connection::write_failed(int status) {
  broken_ = {static_cast<std::uint32_t>(unsent()), static_cast<std::int16_t>(status), true};
  out_.clear();
  if (plain_) plain_->clear();
  if (is_accepted_ || read_end_ != ReadEnd::None) return fail(Loss::Kind::Broken, status);
  if (congested_) {
    congested_ = false;
    events_->on_sent();
  }
}

void Connection::shut_down_if_due() {
  if (sending_ != Sending::Finishing || broken_.noted) return;
  if (unsent() != 0 || handed() != 0 || state_ != State::Ready) return;
  sending_ = Sending::Finished;
  ::shutdown(descriptor(), SHUT_WR);
}

Loss Connection::late() const { return {Loss::Kind::Handshake, heard_, UV_ETIMEDOUT, uv_strerror(UV_ETIMEDOUT)}; }

void Connection::fail(Loss::Kind kind, int status) {
  if (state_ == State::Lost) return;
  state_ = State::Lost;
  if (polling_) uv_read_stop(&socket().stream);
  polling_ = false;
  std::string text = tls_ && status == 0 ? tls_->error() : std::string();
  if (opening_ && opening_->error != nullptr) text = opening_->error;
  if (text.empty()) text = status != 0 ? std::string_view(uv_strerror(status)) : Loss::kClosed;
  events_->on_lost(Loss{kind, heard_, status, text});
}

}  // namespace penstock
