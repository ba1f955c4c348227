// An HTTP/1 connection facing a server: answers to one request after the other, idle in between.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "penstock/base/reused.h"
#include "penstock/http/back.h"
#include "penstock/http/h1_parser.h"
#include "penstock/http/h1_writer.h"

namespace penstock {

class H1Back final : public Reused, public Back, public BackStream, private ConnectionEvents, private Later {
 public:
  static Owned<H1Back> connect(Loop& loop, const SocketAddress& address, const SocketOptions& socket,
                               const TlsTarget& tls, TlsTicket ticket, const BackOptions& options, BackOwner& owner);

  // Takes a connection over that another worker has parked; null if the system refuses.
  static Owned<H1Back> unpark(Loop& loop, ParkedBack parked, const BackOptions& options, BackOwner& owner);

  void set_owner(BackOwner& owner) override { owner_ = &owner; }
  Connection& connection() override { return *connection_; }
  const std::string& tls_name() const override { return tls_name_; }
  std::uint32_t served() const override { return served_; }
  unsigned room() const override;
  BackStream& open(StreamEvents& events, Arena& arena, const Ask& ask) override;
  void rest() override { connection_->set_reading(true, true); }
  bool has_news() const override { return connection_->has_news(); }
  std::optional<ParkedBack> park() override;

  void send_head(const Head& head) override;
  bool send_body(Slice bytes) override;
  void send_end(const Trailers& trailers) override;
  void set_reading(bool on) override;
  void abandon(const Failure& failure) override;
  const Hop& hop() const override { return parser_.hop(); }
  void set_server_ms(std::uint64_t ms) override;
  bool takes_more() const override { return read_end_ == ReadEnd::None; }

 private:
  enum class Answer : std::uint8_t { Awaited, Begun, Done };  // Begun: its final head has come.
  enum class Upgrade : std::uint8_t { None, Asked, Tunnel };
  enum class ReadEnd : std::uint8_t { None, Clean, Cut };  // Cut: TLS ended without its close_notify.

  H1Back(Loop& loop, const BackOptions& options, BackOwner& owner);
  void on_close() override;
  void on_ready() override;
  void on_bytes(Slice bytes) override;
  void on_read_end(bool clean) override;
  void on_sent() override;
  void on_lost(const Loss& loss) override;
  void on_time_out() override;
  void run_later() override;

  bool is_tunnel() const { return upgrade_ == Upgrade::Tunnel; }
  void process();
  bool take_step();
  bool take_head();
  void end_answer();
  bool ended_early_by_reset();
  void all_done();
  void refuse(const char* what);
  Failure left(const char* detail, int uv_status = 0) const;
  void tell_failure(const Failure& failure);
  void touch();

  BackOwner* owner_;
  Owned<Connection> connection_;
  StreamEvents* events_ = nullptr;
  H1Parser parser_;
  H1Writer writer_;
  Slice input_;
  std::string tls_name_;
  std::uint64_t server_ms_ = 0;
  std::uint32_t interim_ = 0;
  std::uint32_t served_ = 0;
  Answer answer_ = Answer::Done;
  Upgrade upgrade_ = Upgrade::None;
  ReadEnd read_end_ = ReadEnd::None;
  bool ready_ = false;
  bool reading_ = true;
  bool request_done_ = true;
  bool answered_early_ = false;  // Before the end of its request.
  bool keep_ = true;             // The server will serve another.
  bool processing_ = false;
  bool due_ = false;  // The parser has more to say without more input.
};

}  // namespace penstock
