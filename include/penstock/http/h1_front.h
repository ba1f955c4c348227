// An HTTP/1 connection facing a client: requests one after the other, each a transaction of its own.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "penstock/base/list.h"
#include "penstock/http/h1_parser.h"
#include "penstock/http/h1_writer.h"
#include "penstock/http/stream.h"
#include "penstock/net/connection.h"

namespace penstock {

class H1Front;

// Times in ms, 0 for none.
struct H1FrontOptions {
  H1Limits limits;
  std::uint64_t head_ms = 0;        // timeout http-request: from the first byte to the last of a head.
  std::uint64_t keep_alive_ms = 0;  // timeout http-keep-alive: silence between requests.
  std::uint64_t client_ms = 0;      // timeout client
  std::uint64_t client_fin_ms = 0;  // timeout client-fin
};

// Requests whose rest is read for nobody, because the server that answered takes no more of them. Beyond
// `most` the one that began first is cut off.
struct DrainTag;
class Drains;
class Drain : private ListNode<DrainTag> {
 protected:
  Drain() = default;
  virtual ~Drain() { leave(); }
  void leave();

 private:
  friend class Drains;
  friend class List<Drain, DrainTag>;
  virtual void cut_off() = 0;
  Drains* drains_ = nullptr;
};

class Drains {
 public:
  void add(Drain& drain);
  std::size_t most = 1000;

 private:
  friend class Drain;
  List<Drain, DrainTag> drains_;
  std::size_t count_ = 0;
};

class H1FrontOwner {
 public:
  // A request begins, or something that should have been one. What is returned hears of it: on_head()
  // follows, or on_failure() alone.
  virtual StreamEvents& on_request(H1Front& front) = 0;
  // Between two requests: which times and limits hold for the next one, or null if there shall be none.
  virtual const H1FrontOptions* next_options() = 0;
  // The connection is over and no transaction is served; the owner drops the front. Not silent: it was
  // not a kept-alive client that went its way, but one that connected and said nothing.
  virtual void on_front_end(H1Front& front, const Failure& why) = 0;
  // It never came to a request: TLS could not be agreed on, or what was to come before it did not
  // come. The owner drops the front.
  virtual void on_refused(H1Front& front, const Loss& loss) = 0;
  // Of this front's worker.
  virtual Drains& drains() = 0;

 protected:
  ~H1FrontOwner() = default;
};

class H1Front final : public Mortal, public Stream, private ConnectionEvents, private Later {
 public:
  // `options` stay in place until next_options() names others.
  static Owned<H1Front> make(Loop& loop, const H1FrontOptions& options, H1FrontOwner& owner);
  // To be called once, before anything happens. The events to give to whoever makes the connection
  // are events().
  void start(Owned<Connection> connection);
  ConnectionEvents& events() { return *this; }
  Connection& connection() { return *connection_; }

  // The arena of the request being served; it goes when the next one is waited for.
  Arena& arena() { return request().arena; }
  // The request's head may go: nobody looks at it any more.
  void release_head() { request().parser.release_head(); }
  // Bytes of a head that could not be read, for the log.
  std::string_view raw_head() const { return request_ ? request_->parser.raw_head() : std::string_view(); }

  void send_head(const Head& head) override;
  bool send_body(Slice bytes) override;
  void send_end(const Trailers& trailers) override;
  void set_reading(bool on) override;
  void abandon(const Failure& failure) override;

  // While waiting(): what holds for the next request.
  void set_options(const H1FrontOptions& options);
  // Nobody wants what is still to come of the request. It is read and dropped, since a client may not look at an
  // answer before it has said all: behind an answer of our own as much as costs little, behind a server's up to
  // kServedDrainLimit. What is certain to be more ends the connection after the answer.
  enum class Rest : std::uint8_t { OfOwnAnswer, OfServersAnswer };
  static constexpr std::uint64_t kServedDrainLimit = 64 * 1024 * 1024;
  void drop_rest(Rest rest);
  // Bytes of the request's body that are known to be still missing.
  std::uint64_t body_left() const;
  // The transaction is over. What is left of the request, if the answer came first, is read and dropped.
  void detach();
  // The connection ends without a sign of it to the client.
  void vanish();
  // The answer now being given is this connection's last.
  void close_after_answer() { last_ = true; }
  // As above; a kept connection that serves no request ends at once, a new one soon if nothing comes.
  void leave();
  // From now on silence of the client is judged by this, in ms (timeout client; tunnel once it is one).
  void set_client_ms(std::uint64_t ms);
  // A client that stops sending while its request waits has given up (option abortonclose).
  void set_abort_on_close(bool on) { abort_on_close_ = on; }
  // Requests begun on this connection.
  std::uint32_t requests() const { return requests_; }
  // For a request, or for the rest of its head.
  bool waiting() const { return state_ == State::Idle || state_ == State::Head; }
  // The client will send no more, but may still read.
  bool half_closed() const { return read_ended_; }
  // Bytes of the answer handed over so far, head and framing included.
  std::uint64_t bytes_written() const { return bytes_written_; }
  // Those of them that the client will not get, should it be gone.
  std::uint64_t bytes_never_sent() const { return std::min<std::uint64_t>(bytes_written_, connection_->never_sent()); }
  // False: some of the answer waits for a slow reader; on_writable() tells when all has gone.
  bool all_sent() { return connection_->all_sent(); }
  bool answer_begun() const { return answer_begun_; }
  // Loop time when the connection, or the wait for this request, began, and when its first byte came.
  std::uint64_t waiting_since() const { return waiting_since_; }
  // Of TLS and of the PROXY protocol, before the first request.
  std::uint64_t handshake_ms() const { return handshake_ms_; }
  std::uint64_t begun_at() const { return request_ ? request_->begun_at : 0; }
  // A byte came since that wait began, be it of a request or not.
  bool heard() const { return heard_ || begun_at() != 0; }

 private:
  enum class State : std::uint8_t { Idle, Head, Serving, Draining, Lingering, Over };
  // From the first byte of a request on: who waits for one holds none.
  struct Request final : InBlock, Drain {
    Request(H1Front& front, const H1Limits& limits) : front(front), parser(limits) { parser.start_request(arena); }
    void start_anew();
    void cut_off() override { front.cut_off(); }
    H1Front& front;
    Arena arena;
    H1Parser parser;
    Slice input;  // Not looked at yet.
    std::uint64_t begun_at = 0;
    std::uint64_t body_length = 0;  // As far as it is known.
    std::uint64_t body_bytes = 0;   // That came.
    std::uint64_t drop_limit = 0;   // Of those, where dropping ends; and when, in loop time.
    std::uint64_t drop_until = 0;
  };
  H1Front(Loop& loop, const H1FrontOptions& options, H1FrontOwner& owner);
  Request& request() {
    if (!request_) request_ = std::make_unique<Request>(*this, options_->limits);
    return *request_;
  }
  bool has_input() const { return request_ && !request_->input.empty(); }
  void on_close() override;
  void on_ready() override;
  void on_bytes(Slice bytes) override;
  void on_read_end(bool clean) override;
  void on_sent() override;
  void on_lost(const Loss& loss) override;
  void on_time_out() override;
  void run_later() override;

  void wait_for_request(bool first);
  void wait_for_head();
  void process();
  bool take_step();
  void begin_serving();
  void refuse(const Failure& failure);
  void request_ended();
  void answer_ended();
  void end_dropping();
  void cut_off();
  void next_request();
  void linger();
  void linger_on();
  void end(const Failure& why);
  bool may_keep_alive() const;
  void touch();

  const H1FrontOptions* options_;
  H1FrontOwner& owner_;
  Owned<Connection> connection_;
  StreamEvents* events_ = nullptr;
  std::unique_ptr<Request> request_;
  std::uint64_t bytes_written_ = 0;
  std::uint64_t waiting_since_ = 0;
  std::uint64_t handshake_ms_ = 0;
  std::uint32_t client_ms_ = 0;
  std::uint32_t drained_ = 0;
  std::uint32_t requests_ = 0;
  State state_ = State::Idle;
  H1Writer writer_;
  bool reading_ = true;  // What the transaction wants.
  bool heard_ = false;
  bool last_ = false;
  bool says_no_more_ = false;  // The client said that its request, without a body, is its last.
  bool answer_begun_ = false;  // Its final head was sent.
  bool answer_done_ = false;
  bool request_done_ = false;
  bool end_withheld_ = false;  // An upgrade may follow: the request's end is told later.
  bool tunnel_ = false;
  bool until_close_ = false;  // The answer's end is the connection's.
  bool to_head_ = false;
  bool to_http10_ = false;
  bool read_ended_ = false;
  bool processing_ = false;
  bool due_ = false;       // The parser has more to say without more input.
  bool dropping_ = false;  // The rest of the request is for nobody.
  bool abort_on_close_ = false;
  bool stuck_ = false;  // The client was given its time to read what is unsent.
};

}  // namespace penstock
