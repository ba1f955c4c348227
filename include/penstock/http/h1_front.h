// An HTTP/1 connection facing a client: requests one after the other, each a stream of its own.
#pragma once

#include <cstdint>
#include <memory>

#include "penstock/base/reused.h"
#include "penstock/http/front.h"

namespace penstock {

class H1Front final : public Reused, public Front, private ConnectionEvents, private Later {
 public:
  // `options` stay in place until next_options() names others.
  static Owned<H1Front> make(Loop& loop, const FrontOptions& options, FrontOwner& owner);
  // Takes the connection over, with the deadline it has: ready, accepted at `since_ms` of the loop. To be called once,
  // before anything happens.
  void start(Owned<Connection> connection, std::uint64_t since_ms);

  Connection& connection() override { return *connection_; }
  bool waiting() const override { return state_ == State::Idle || state_ == State::Head; }
  void set_options(const FrontOptions& options) override;
  void leave() override;

 private:
  class Request;
  enum class State : std::uint8_t { Idle, Head, Serving, Draining, Lingering, Over };

  H1Front(Loop& loop, const FrontOptions& options, FrontOwner& owner);
  ~H1Front() override;
  Request& request();
  bool has_input() const;
  void on_close() override;
  void on_ready() override {}  // It was.
  void on_bytes(Slice bytes) override;
  void on_read_end(bool clean) override;
  void on_sent() override;
  void on_lost(const Loss& loss) override;
  void on_time_out() override;
  void run_later() override;

  void wait_for_request();
  void wait_for_head();
  void process();
  bool take_step();
  void begin_serving();
  void refuse(const Failure& failure);
  void request_ended();
  void end_dropping();
  void cut_off();
  void drain();
  void next_request();
  void linger();
  void linger_on();
  void end();
  bool may_keep_alive() const { return !last_ && !read_ended_; }
  void touch();

  const FrontOptions* options_;
  FrontOwner& owner_;
  Owned<Connection> connection_;
  std::unique_ptr<Request> request_;  // From the first byte of one on: who waits for it holds none.
  std::uint64_t waiting_since_ = 0;
  std::uint32_t handshake_ms_ = 0;
  std::uint32_t client_ms_ = 0;
  std::uint32_t drained_ = 0;
  std::uint32_t requests_ = 0;  // Begun on this connection.
  State state_ = State::Idle;
  bool last_ = false;
  bool says_no_more_ = false;  // The client said that its request, without a body, is its last.
  bool read_ended_ = false;
  bool processing_ = false;
  bool stuck_ = false;  // The client was given its time to read what is unsent.
};

}  // namespace penstock
