// An HTTP/1 connection facing a server: answers to one request after the other, idle in between.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "penstock/http/h1_parser.h"
#include "penstock/http/h1_writer.h"
#include "penstock/http/stream.h"
#include "penstock/net/connection.h"

namespace penstock {

class H1Back;

// What whoever holds a connection that serves no request hears of it.
class H1BackOwner {
 public:
  virtual void on_back_ready(H1Back& back) = 0;  // Connected; begin() may be called.
  // Not connected, or ended while idle: to be dropped. `failure` says which.
  virtual void on_back_lost(H1Back& back, const Failure& failure, std::string_view why) = 0;

 protected:
  ~H1BackOwner() = default;
};

struct BackOptions {
  HeadLimits limits;
  std::uint64_t connect_ms = 0;  // timeout connect: until TLS is agreed on.
};

// One between two workers: see H1Back::park().
struct ParkedBack {
  DetachedConnection connection;
  std::string tls_name;
  std::uint32_t served = 0;
};

class H1Back final : public Mortal, public Stream, private ConnectionEvents, private Later {
 public:
  static Owned<H1Back> connect(Loop& loop, const SocketAddress& address, const SocketOptions& socket,
                               const TlsTarget& tls, TlsTicket ticket, const BackOptions& options, H1BackOwner& owner);

  // Takes a connection over that another worker has parked; null if the system refuses.
  static Owned<H1Back> unpark(Loop& loop, ParkedBack parked, const BackOptions& options, H1BackOwner& owner);
  // Of one that may serve on: what it is made of, for another worker, and only to be dropped from now on. None if it
  // has to stay.
  std::optional<ParkedBack> park();

  void set_owner(H1BackOwner& owner) { owner_ = &owner; }
  bool ready() const { return ready_; }
  // Serves one request: send_head() follows. `arena` holds the answer's head until the next begin().
  void begin(StreamEvents& events, Arena& arena, bool to_head, bool to_connect);

  // timeout server (tunnel once it is one): the server's silence while something is owed by it.
  void set_server_ms(std::uint64_t ms);
  void set_server_fin_ms(std::uint64_t ms) { server_fin_ms_ = ms; }
  // Request and answer are both complete and another request may follow.
  bool reusable() const;
  // The same of one that has rested since.
  bool may_serve_on() const;
  // Requests were served on it before the one now being served.
  bool was_used() const { return served_ > 1; }
  std::uint32_t served() const { return served_; }
  // The server may still take what is left of a request that it has answered.
  bool takes_more() const { return !read_ended_; }
  // A byte of the answer has come.
  bool answer_begun() const { return parser_.begun(); }
  Connection& connection() { return *connection_; }
  // Bytes of the answer that came, head and framing included.
  std::uint64_t bytes_read() const { return bytes_read_; }
  // The name TLS was asked for, if any: a connection serves requests of that name only.
  const std::string& tls_name() const { return tls_name_; }
  void rest();

  void send_head(const Head& head) override;
  bool send_body(Slice bytes) override;
  void send_end(const Trailers& trailers) override;
  void set_reading(bool on) override;
  void abandon(const Failure& failure) override;

 private:
  H1Back(Loop& loop, const BackOptions& options, H1BackOwner& owner);
  void on_close() override;
  void on_ready() override;
  void on_bytes(Slice bytes) override;
  void on_read_end(bool clean) override;
  void on_sent() override;
  void on_lost(const Loss& loss) override;
  void on_time_out() override;
  void run_later() override;

  void process();
  bool take_step();
  void end_answer();
  bool ended_early_by_reset();
  void all_done();
  void refuse(const char* what);
  Failure left(const char* detail, int uv_status = 0) const;
  void tell_failure(const Failure& failure);
  void touch();

  H1BackOwner* owner_;
  Owned<Connection> connection_;
  StreamEvents* events_ = nullptr;
  H1Parser parser_;
  H1Writer writer_;
  Slice input_;
  std::string tls_name_;
  std::uint64_t server_ms_ = 0;
  std::uint64_t server_fin_ms_ = 0;
  std::uint64_t bytes_read_ = 0;
  std::uint32_t interim_ = 0;
  bool upgrade_asked_ = false;
  std::uint32_t served_ = 0;
  bool ready_ = false;
  bool reading_ = true;
  bool head_seen_ = false;  // The final head of the answer.
  bool request_done_ = true;
  bool answer_done_ = true;
  bool answered_early_ = false;  // Before the end of its request.
  bool tunnel_ = false;
  bool keep_ = true;  // The server will serve another.
  bool read_ended_ = false;
  bool processing_ = false;
  bool due_ = false;  // The parser has more to say without more input.
  bool end_clean_ = true;
};

}  // namespace penstock
