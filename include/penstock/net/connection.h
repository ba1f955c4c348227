// Bytes in and out of one socket, with a TLS session inside if asked for.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "penstock/base/block.h"
#include "penstock/base/reused.h"
#include "penstock/net/address.h"
#include "penstock/net/living.h"
#include "penstock/net/outbox.h"
#include "penstock/net/proxy_header.h"
#include "penstock/net/socket.h"
#include "penstock/net/tls_session.h"

struct uv_stream_s;

namespace penstock {

// How a connection ended that did not end well.
struct Loss {
  enum class Kind : std::uint8_t {
    Connect,    // Not connected: refused, unreachable, no descriptor.
    Handshake,  // TLS could not be agreed on.
    Broken,     // Was up; reset or failed. What had arrived was delivered before.
  };
  Kind kind = Kind::Broken;
  bool heard = true;      // A byte of the peer had come.
  int status = 0;         // The system's negative errno; 0 if TLS alone is to blame.
  std::string_view text;  // For logs; good for the call.
  static constexpr std::string_view kClosed = "connection closed during the TLS handshake";
};

// What a connection tells whoever uses it. All calls come from the loop, none from inside a call made
// to the connection. The user may drop the connection in any of them.
class ConnectionEvents {
 public:
  virtual void on_ready() = 0;             // Connected, TLS agreed on: may be used.
  virtual void on_bytes(Slice bytes) = 0;  // What arrived, deciphered.
  // The peer will send no more. Not clean: TLS ended without its close_notify.
  virtual void on_read_end(bool clean) = 0;
  virtual void on_sent() = 0;                  // After congested() or !all_sent(): the system has taken all.
  virtual void on_lost(const Loss& loss) = 0;  // Nothing follows.
  virtual void on_time_out() = 0;              // The deadline the user set.
  virtual void on_proxy_names(ProxyNames) {}   // Its PROXY header has some; it goes on.

 protected:
  ~ConnectionEvents() = default;
};

// What TLS towards a server needs, and what goes before it.
struct TlsTarget {
  const TlsContext* context = nullptr;  // Null: plain.
  std::string_view name;                // SNI.
  std::string_view verify_name;
  std::string_view greeting;  // Said first, in clear text: the PROXY protocol.
};

// A connection between two loops: established, with nothing unsent and nothing unread. Its close is a reset. Any
// thread may hold it, one at a time.
class DetachedConnection {
 public:
  DetachedConnection(DetachedConnection&&) noexcept = default;
  DetachedConnection& operator=(DetachedConnection&&) noexcept = default;
  ~DetachedConnection();
  // Nothing has come from the peer, be it an end.
  bool quiet() const;

 private:
  friend class Connection;
  DetachedConnection() = default;
  Descriptor fd_;
  bool is_unix_ = false;
  std::unique_ptr<TlsSession> tls_;
  std::atomic<std::int32_t>* count_ = nullptr;  // Of the process's descriptors; null: not counted.
};

class Connection final : public Reused, public Living, public Endpoints, private PutOff, private Patrolled {
 public:
  // Takes over `fd`, connected. TLS, if a context is given, is the side of the server. Without TLS
  // the connection is ready at once and on_ready() is not called.
  static Owned<Connection> adopt(Loop& loop, int fd, bool is_unix, const TlsContext* context, ConnectionEvents& events);
  // The same for what `listener`, a libuv stream, has to accept; null if there is nothing. Has spoken:
  // the first bytes are there already.
  static Owned<Connection> accept(Loop& loop, uv_stream_s* listener, bool is_unix, bool has_spoken,
                                  const TlsContext* context, ConnectionEvents& events);
  // Connects; the user sets a deadline for it. on_ready() or on_lost() follows, in a later turn.
  static Owned<Connection> connect(Loop& loop, const SocketAddress& address, const SocketOptions& options,
                                   const TlsTarget& tls, TlsTicket ticket, ConnectionEvents& events);

  // Takes an established connection over from another loop; null if the system refuses.
  static Owned<Connection> attach(Loop& loop, DetachedConnection detached, ConnectionEvents& events);
  // Leaves this loop, and is good for nothing but to be dropped. None, and nothing has changed, if something of it is
  // unsent or unread, or the process is out of descriptors.
  std::optional<DetachedConnection> detach();

  // Of a connection just accepted: it begins with a header of the PROXY protocol, whose addresses
  // become its own. on_ready() tells of it, or on_lost().
  void expect_proxy_header();
  bool awaits_proxy_header() const { return is_accepted_ && opening_ != nullptr; }
  bool proxied() const { return proxied_; }

  void set_events(ConnectionEvents& events) { events_ = &events; }
  using Living::clear_deadline;
  using Living::has_deadline;
  // A peer that takes some of what is unsent, however slowly, is given as long once more.
  void set_deadline(std::uint64_t wait_ms) {
    patience_ms_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(wait_ms, UINT32_MAX));
    Living::set_deadline(wait_ms);
  }

  bool ready() const { return state_ == State::Ready; }
  // What there is to say when time is up before it is ready.
  Loss late() const;
  bool lost() const { return state_ == State::Lost; }
  // Takes bytes to be sent; they go out in one call at the end of the callback on the stack.
  void send(Slice bytes);
  void send(std::string_view text);
  // Where a writer may put bytes directly; say wrote() after it.
  Outbox& outbox() { return plain_ ? *plain_ : out_; }
  void wrote();
  // The system takes no more, and more is unsent than should be: send no more until on_sent().
  bool congested();
  // False: something is unsent; on_sent() will tell when all has gone to the system.
  bool all_sent();
  std::size_t unsent() const { return out_.bytes() + (plain_ ? plain_->bytes() : 0); }
  // What was to be sent and, should the connection end now, never will be.
  std::size_t never_sent() const { return unsent() + broken_.thrown_away; }
  // After all that was sent, tells the peer that no more comes.
  void finish_sending();
  bool finished_sending() const { return sending_ != Sending::Open; }
  // Quiet: nothing is expected while it lasts, and what comes all the same, be it an end, may be
  // noticed a moment later (Loop::kDozeMs).
  void set_reading(bool on, bool quiet = false);
  bool reading() const { return reading_ != Reading::Off; }
  // Of a quiet one: something has come, be it an end, that was not told yet.
  bool has_news() const;
  // Its close will be a reset: what is unsent is thrown away.
  void reset_on_close();
  // Its end is not told to the peer: what comes from there later is answered by the system, if at all, no
  // farther than the next router.
  void vanish();

  bool is_tls() const { return tls_ != nullptr; }
  // Only if is_tls().
  const TlsSession& tls() const { return *tls_; }
  TlsTicket take_ticket() { return tls_ ? tls_->take_ticket() : TlsTicket(); }
  const SocketAddress& peer() override;
  // False: the system does not say whose it is.
  bool has_peer() const;
  const SocketAddress& local() override;
  SocketAddress wire_peer() override { return renamed_ ? SocketAddress::peer_of(descriptor()) : peer(); }
  SocketAddress wire_local() override { return renamed_ ? SocketAddress::local_of(descriptor()) : local(); }
  void set_peer(const SocketAddress& address) override;
  void set_local(const SocketAddress& address) override;
  void set_tos(int tos) override;
  void set_mark(std::uint32_t mark) override;
  TlsSession* tls_session() override { return tls_.get(); }
  bool path_facts(PathFacts& out) override { return read_path_facts(descriptor(), out); }
  int descriptor() const;

 private:
  friend struct ConnectionCallbacks;
  enum class State : std::uint8_t { Connecting, Greeting, Handshake, Ready, Lost };
  enum class Reading : std::uint8_t { Off, On, Quiet };             // As the user wants it.
  enum class ReadEnd : std::uint8_t { None, Clean, Cut, Told };     // Cut: TLS ended without its close_notify.
  enum class Sending : std::uint8_t { Open, Finishing, Finished };  // Finishing: once all has gone.
  // A look at what the system has, before it is asked to watch: to be put off for, or put off, or had.
  enum class Glance : std::uint8_t { ToTry, Ahead, Had };
  // How much is read at once.
  struct Appetite {
    std::uint32_t gulp = 0;          // Bytes read at once in bulk; 0: talk.
    std::uint32_t paused_at_ms = 0;  // When reading was last turned off.
  };
  // Of writing that has failed.
  struct Broken {
    std::uint32_t thrown_away = 0;  // Bytes, since then.
    std::int16_t status = 0;        // Why; 0: it has not.
    bool noted = false;             // Nothing more can be written; reading goes on to its end.
  };
  struct Request;
  struct Opening;
  struct Ends {
    SocketAddress peer, local;
  };
  union Socket;

  Connection(Loop& loop, ConnectionEvents& events);
  ~Connection() override;
  void on_deadline() override;
  void on_close() override;
  void run_later() override;
  void look() override;

  Socket& socket() { return *reinterpret_cast<Socket*>(socket_space_); }
  const Socket& socket() const { return *reinterpret_cast<const Socket*>(socket_space_); }
  void make_handle();
  Ends& ends();
  void start_accepted(bool is_unix, const TlsContext* context);
  int start_connect(const SocketAddress& address, const SocketOptions& options);
  void start_tls(std::unique_ptr<TlsSession> session);
  void await_connect();
  void connected(int status);
  void glance();
  bool wants_bytes() const;
  bool must_be_watched();
  void poll_as_wished();
  int death() const;
  void offer_space(char** base, std::size_t* size);
  void arrived(std::ptrdiff_t count);
  int hidden_reset();
  void plain_arrived(std::size_t count);
  void cipher_arrived(std::size_t count);
  void greeted(std::string_view bytes);
  bool shake();
  bool decipher();
  void acknowledge();
  void deliver(Slice bytes);
  void deliver_held();
  void ended(bool clean);
  void flush();
  void push();
  std::ptrdiff_t offer(std::size_t& bytes) const;
  bool seal();  // False: nothing can be sealed any more; see the error of the session.
  void hand_to_libuv();
  void written(int status);
  void write_failed(int status);
  void fail(Loss::Kind kind, int status);
  void shut_down_if_due();
  Filling& landing();
  void adapt_gulp(std::size_t count, std::size_t offered);
  std::size_t handed() const;
  std::size_t sealed_space() const;
  void temper_gulp();

  static constexpr std::size_t kSocketSpace = 248;
  alignas(8) char socket_space_[kSocketSpace];
  ConnectionEvents* events_;
  std::unique_ptr<TlsSession> tls_;
  std::unique_ptr<Request> request_;  // While a connect or a write is with libuv.
  std::unique_ptr<Outbox> held_;      // Deciphered while reading was off.
  std::unique_ptr<Opening> opening_;  // While a PROXY header is awaited, or TLS to begin once it is connected.
  std::unique_ptr<Ends> ends_;        // As far as somebody asked.
  Outbox out_;                        // For the wire.
  std::unique_ptr<Outbox> plain_;     // For TLS to seal.
  // Many connections wait for long, and few bytes make many of them: what is seldom needed lies elsewhere.
  Broken broken_;
  Appetite appetite_;
  std::uint32_t patience_ms_ = 0;
  std::uint8_t restraint_ = 0;  // Full blocks to read before there are gulps again.
  State state_ = State::Connecting;
  Reading reading_ = Reading::On;
  ReadEnd read_end_ = ReadEnd::None;
  Sending sending_ = Sending::Open;
  Glance glance_ = Glance::Had;
  bool dozed_ = false;            // Or dozing, since it became quiet.
  bool polling_ = false;          // What libuv was told.
  bool congested_ = false;        // The user waits for on_sent().
  bool is_accepted_ : 1 = false;  // The peer is a client.
  bool is_unix_ : 1 = false;
  bool has_socket_ : 1 = false;
  bool proxied_ : 1 = false;
  bool renamed_ : 1 = false;  // Its ends are not those of its socket: a PROXY header or a rule says so.
  bool heard_ : 1 = false;    // Before it was ready.
};

}  // namespace penstock
