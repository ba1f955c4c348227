#include "penstock/http/h1_front.h"

#include <algorithm>
#include <utility>

#include "penstock/base/require.h"
#include "penstock/http/h1_parser.h"
#include "penstock/http/h1_writer.h"

namespace penstock {
namespace {

// What is left of a body that nobody wants is read and dropped up to this much, for this long.
constexpr std::uint64_t kDrainLimit = 256 * 1024;
constexpr std::uint64_t kDrainMs = 5000;
constexpr std::uint64_t kServedDrainMs = 30000;
// A closing connection is read from for so long, and so much, until the client's own end.
constexpr std::uint64_t kLingerMs = 1000;
constexpr std::uint64_t kLingerLimit = 256 * 1024;
// A client that has not asked anything yet has this long for its first request when it is to leave.
constexpr std::uint64_t kFreshMs = 3000;

std::uint32_t as_patience(std::uint64_t ms) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(ms, UINT32_MAX));
}

}  // namespace

// One request and its answer: the stream that a transaction sees.
class H1Front::Request final : public InBlock, public Drain, public FrontStream {
 public:
  Request(H1Front& front, const HeadLimits& limits);

  void send_head(const Head& head) override;
  bool send_body(Slice bytes) override;
  void send_end(const Trailers& trailers) override;
  void set_reading(bool on) override;
  void abandon(const Failure& failure) override;

  Arena& arena() override { return arena_; }
  Tally tally() const override;
  std::uint64_t bytes_written() const override { return bytes_written_; }
  const Hop& hop() const override { return parser_.hop(); }
  std::string_view raw_head() const override { return parser_.raw_head(); }
  bool all_sent() override { return front_.connection_->all_sent(); }
  std::uint64_t body_left() const override;
  void drop_rest(Rest rest) override;
  void detach() override;
  void vanish() override;
  void close_after_answer() override { front_.last_ = true; }
  void set_client_ms(std::uint64_t ms) override;
  void set_abort_on_close(bool on) override { abort_on_close_ = on; }

 private:
  friend class H1Front;
  // What was asked for, from the last byte of its head on.
  enum class Upload : std::uint8_t {
    Coming,
    Dropped,   // Is read for nobody.
    Withheld,  // Has ended, which is told once an answer says whether it is an upgrade.
    Done,
  };
  enum class Answer : std::uint8_t { None, Begun, Done };  // Begun: its final head was sent.
  // By what the answer's end is known.
  enum class Ending : std::uint8_t { Framing, Close, Tunnel };

  void cut_off() override { front_.cut_off(); }
  void start_anew();
  void begin(StreamEvents& events);
  bool came() const { return upload_ == Upload::Withheld || upload_ == Upload::Done; }
  bool is_tunnel() const { return ending_ == Ending::Tunnel; }
  // The transaction hears of it, and of nothing more.
  void tell_failure(const Failure& failure);
  void tell_end();
  ConnectionToken token_for(const Head& head) const;
  void count(std::size_t before);

  H1Front& front_;
  StreamEvents* events_ = nullptr;
  Arena arena_;
  H1Parser parser_;
  Slice input_;  // Not looked at yet.
  std::uint64_t begun_at_ = 0;
  std::uint64_t bytes_written_ = 0;
  std::uint64_t body_length_ = 0;  // As far as it is known.
  std::uint64_t body_bytes_ = 0;   // That came.
  std::uint64_t drop_limit_ = 0;   // Of those, where dropping ends; and when, in loop time.
  std::uint64_t drop_until_ = 0;
  H1Writer writer_;
  Upload upload_ = Upload::Coming;
  Answer answer_ = Answer::None;
  Ending ending_ = Ending::Framing;
  bool reading_ = true;  // What the transaction wants.
  bool due_ = false;     // The parser has more to say without more input.
  bool to_head_ = false;
  bool to_http10_ = false;
  bool abort_on_close_ = false;
  bool heard_ = false;
};

H1Front::Request::Request(H1Front& front, const HeadLimits& limits) : front_(front), parser_(limits) {
  parser_.start_request(arena_);
}

// For what has come behind the one before.
void H1Front::Request::start_anew() {
  leave();
  arena_.clear();
  parser_.start_request(arena_);
  events_ = nullptr;
  begun_at_ = bytes_written_ = body_length_ = body_bytes_ = 0;
  upload_ = Upload::Coming;
  answer_ = Answer::None;
  ending_ = Ending::Framing;
  reading_ = true;
  due_ = to_head_ = to_http10_ = abort_on_close_ = false;
}

void H1Front::Request::begin(StreamEvents& events) {
  events_ = &events;
  const Head& head = parser_.head();
  to_head_ = head.method == "HEAD";
  to_http10_ = head.version == HttpVersion::Http10;
  if (head.body.kind == BodyLength::Kind::Counted) body_length_ = head.body.bytes;
}

void H1Front::Request::tell_failure(const Failure& failure) {
  if (events_ != nullptr) std::exchange(events_, nullptr)->on_failure(failure);
}

void H1Front::Request::tell_end() {
  front_.connection_->clear_deadline();
  events_->on_end(parser_.trailers());
}

Tally H1Front::Request::tally() const {
  return {.number = front_.requests_,
          .waiting_since = front_.waiting_since_,
          .begun_at = begun_at_,
          .heard = heard_,
          .handshake_ms = front_.handshake_ms_,
          .bytes_written = bytes_written_,
          .bytes_unsent = std::min<std::uint64_t>(bytes_written_, front_.connection_->never_sent())};
}

std::uint64_t H1Front::Request::body_left() const {
  return body_length_ < body_bytes_ ? 0 : body_length_ - body_bytes_;
}

void H1Front::Request::drop_rest(Rest rest) {
  if (upload_ != Upload::Coming || front_.state_ == State::Over || front_.state_ == State::Lingering) return;
  upload_ = Upload::Dropped;
  const bool served = rest == Rest::OfServersAnswer;
  const std::uint64_t most = served ? kServedDrainLimit : kDrainLimit;
  if (body_left() > most) front_.last_ = true;
  drop_limit_ = body_bytes_ + most;
  drop_until_ = front_.loop().now() + (served ? kServedDrainMs : kDrainMs);
  if (served) front_.owner_.drains().add(*this);
  front_.touch();
  front_.loop().later(front_);
}

// What becomes of the connection, as the answer's head says it.
ConnectionToken H1Front::Request::token_for(const Head& head) const {
  if (head.status == 101) return ConnectionToken::Upgrade;
  if (is_tunnel()) return ConnectionToken::None;
  if (!front_.may_keep_alive()) return ConnectionToken::Close;
  return to_http10_ ? ConnectionToken::KeepAlive : ConnectionToken::None;
}

void H1Front::Request::send_head(const Head& head) {
  if (front_.state_ != State::Serving) return;
  Outbox& out = front_.connection_->outbox();
  const std::size_t before = out.bytes();
  if (head.status < 200 && head.status != 101) {
    if (!to_http10_) writer_.response_head(out, head, ConnectionToken::None, true, true);
    return count(before);
  }
  answer_ = Answer::Begun;
  if (head.body.kind == BodyLength::Kind::Tunnel) ending_ = Ending::Tunnel;
  const bool no_body = to_head_ || head.status == 204 || head.status == 304 || is_tunnel();
  const bool in_chunks = head.body.kind == BodyLength::Kind::Chunked;
  if (!no_body && (head.body.kind == BodyLength::Kind::UntilClose || (to_http10_ && in_chunks))) {
    ending_ = Ending::Close;
    front_.last_ = true;
  }
  writer_.response_head(out, head, token_for(head), no_body, !to_http10_);
  if (upload_ == Upload::Withheld || is_tunnel()) front_.loop().later(front_);
  count(before);
}

// Of what was just written.
void H1Front::Request::count(std::size_t before) {
  bytes_written_ += front_.connection_->outbox().bytes() - before;
  front_.connection_->wrote();
  front_.touch();
}

bool H1Front::Request::send_body(Slice bytes) {
  if (front_.state_ != State::Serving) return true;
  Outbox& out = front_.connection_->outbox();
  const std::size_t before = out.bytes();
  writer_.body(out, std::move(bytes));
  count(before);
  return !front_.connection_->congested();
}

// What is still to come of the request goes its way. In a tunnel the client may go on sending; the transaction lets go
// by abandon() when both directions ended.
void H1Front::Request::send_end(const Trailers& trailers) {
  if (front_.state_ != State::Serving) return;
  answer_ = Answer::Done;
  if (is_tunnel()) {
    front_.connection_->finish_sending();
    front_.connection_->wrote();
    if (front_.options_->client_fin_ms != 0) set_client_ms(front_.options_->client_fin_ms);
    return;
  }
  Outbox& out = front_.connection_->outbox();
  const std::size_t before = out.bytes();
  writer_.end(out, trailers);
  count(before);
  if (ending_ == Ending::Close) front_.connection_->finish_sending();
}

void H1Front::Request::set_reading(bool on) {
  if (reading_ == on) return;
  reading_ = on;
  if (front_.state_ != State::Serving) return;
  if (on && (due_ || !input_.empty())) return front_.loop().later(front_);
  front_.connection_->set_reading(on && input_.empty());
  if (on) front_.touch();
}

void H1Front::Request::detach() {
  if (front_.state_ != State::Serving) return;
  events_ = nullptr;
  front_.state_ = State::Draining;
  front_.loop().later(front_);
}

void H1Front::Request::abandon(const Failure&) {
  events_ = nullptr;
  if (front_.state_ == State::Over || front_.state_ == State::Lingering) return;
  // Only a reset tells the client of an answer without length that it is not whole.
  if (ending_ == Ending::Close && answer_ == Answer::Begun) {
    front_.connection_->reset_on_close();
    front_.state_ = State::Over;
    return front_.connection_->set_deadline(1);
  }
  front_.last_ = true;
  front_.state_ = State::Draining;
  upload_ = Upload::Done;
  front_.loop().later(front_);
}

void H1Front::Request::vanish() {
  events_ = nullptr;
  front_.connection_->vanish();
  front_.state_ = State::Over;
  front_.connection_->set_deadline(1);
}

void H1Front::Request::set_client_ms(std::uint64_t ms) {
  front_.client_ms_ = as_patience(ms);
  if (front_.state_ == State::Serving) front_.connection_->set_deadline(ms);
}

// ---- The connection.

H1Front::H1Front(Loop& loop, const FrontOptions& options, FrontOwner& owner)
    : Front(loop), options_(&options), owner_(owner) {}

H1Front::~H1Front() = default;

Owned<H1Front> H1Front::make(Loop& loop, const FrontOptions& options, FrontOwner& owner) {
  return Owned<H1Front>(new H1Front(loop, options, owner));
}

// The time to be greeted was the time for the first request; it goes on.
void H1Front::start(Owned<Connection> connection, std::uint64_t since_ms) {
  connection_ = std::move(connection);
  connection_->set_events(*this);
  waiting_since_ = loop().now();
  handshake_ms_ = as_patience(waiting_since_ - since_ms);
  client_ms_ = as_patience(options_->client_ms);
  connection_->set_reading(true);
}

void H1Front::on_close() {
  Later::unlink();
  connection_.reset();
}

H1Front::Request& H1Front::request() {
  if (!request_) request_ = std::make_unique<Request>(*this, options_->limits);
  return *request_;
}

bool H1Front::has_input() const { return request_ && !request_->input_.empty(); }

void H1Front::wait_for_request() {
  if (has_input()) {
    request_->start_anew();
  } else {
    request_.reset();
  }
  state_ = State::Idle;
  client_ms_ = as_patience(options_->client_ms);
  waiting_since_ = loop().now();
  connection_->set_deadline(shorter(options_->keep_alive_ms, client_ms_));
  connection_->set_reading(true);
}

// For the rest of a head that has begun: its own time, in which the client must not fall silent either. That of the
// first head began with the connection.
void H1Front::wait_for_head() {
  const std::uint64_t since = requests_ == 0 && !last_ ? waiting_since_ : request_->begun_at_;
  const std::uint64_t spent = loop().now() - since;
  const std::uint64_t left = options_->head_ms > spent ? options_->head_ms - spent : 1;
  connection_->set_deadline(shorter(options_->head_ms == 0 ? 0 : left, client_ms_));
}

void H1Front::on_bytes(Slice bytes) {
  if (state_ == State::Lingering) {
    drained_ += static_cast<std::uint32_t>(bytes.size());
    if (drained_ <= kLingerLimit) return;
    if (connection_->all_sent()) return end();
    return connection_->set_reading(false);
  }
  Slice& input = request().input_;
  request_->heard_ = true;
  if (input.empty()) {
    input = std::move(bytes);
  } else {
    // Behind what waits for its turn. Reading is paused meanwhile, so this is at most one block.
    std::string all;
    all.reserve(input.size() + bytes.size());
    all.append(input.view()).append(bytes.view());
    input = Slice::copy(all);
  }
  process();
}

// Gives what came to the parser, as far as the transaction will have it.
void H1Front::process() {
  if (processing_) return;
  processing_ = true;
  while (!closed() && request_ && (request_->due_ || has_input()) && take_step()) {
  }
  processing_ = false;
  if (closed() || state_ == State::Over || state_ == State::Lingering) return;
  if (!request_) return connection_->set_reading(true);
  Request& request = *request_;
  if (request.input_.empty()) request.input_.clear();  // Even no bytes hold their block.
  const bool quiet = request.came() && !request.is_tunnel();
  const bool wanted =
      request.reading_ || request.upload_ == Request::Upload::Dropped || state_ == State::Draining || quiet;
  connection_->set_reading(wanted && !has_input(), quiet);
}

// One step of the parser; false when its input must wait.
bool H1Front::take_step() {
  Request& request = *request_;
  Slice& input = request.input_;
  if (state_ == State::Lingering || state_ == State::Over) {
    input.clear();
    return false;
  }
  if (request.came() && !request.is_tunnel()) return false;
  const bool dropped = request.upload_ == Request::Upload::Dropped;
  if (state_ == State::Serving && !request.reading_ && !dropped) return false;
  if (request.is_tunnel()) {
    request.due_ = false;
    if (input.empty()) return false;
    touch();
    request.events_->on_body(std::exchange(input, {}));
    return true;
  }
  H1Parser& parser = request.parser_;
  const bool was_begun = parser.begun();
  const H1Parser::Step step = parser.next(input);
  request.due_ = step == H1Parser::Step::Head || step == H1Parser::Step::Body;
  if (!was_begun && parser.begun() && state_ == State::Idle) {
    state_ = State::Head;
    request.begun_at_ = loop().now();
  }
  switch (step) {
    case H1Parser::Step::More:
      if (state_ == State::Head) wait_for_head();
      return false;
    case H1Parser::Step::Head:
      begin_serving();
      return true;
    case H1Parser::Step::Body: {
      Slice body = parser.take_body();
      request.body_bytes_ += body.size();
      touch();
      if (!dropped && state_ == State::Serving) {
        request.events_->on_body(std::move(body));
        return true;
      }
      if (request.body_bytes_ <= request.drop_limit_) return true;
      end_dropping();
      return false;
    }
    case H1Parser::Step::End:
      request_ended();
      return true;
    case H1Parser::Step::Error:
      last_ = true;
      input.clear();
      refuse(Failure::unread(Phase::Request, parser.error().status, parser.error().what, parser.raw_head()));
      return false;
  }
  return false;
}

void H1Front::begin_serving() {
  state_ = State::Serving;
  ++requests_;
  Head& head = request_->parser_.head();
  if (!request_->hop().keep_alive) {
    last_ = true;
    says_no_more_ = head.body.kind == BodyLength::Kind::None;
  }
  StreamEvents& events = owner_.on_request(*request_);
  request_->begin(events);
  touch();
  events.on_head(head);
}

// What came cannot be served. Whoever answers for it says so.
void H1Front::refuse(const Failure& failure) {
  if (state_ == State::Draining) return linger();
  last_ = true;
  Request& request = this->request();
  request.upload_ = Request::Upload::Done;
  if (state_ != State::Serving) {
    state_ = State::Serving;
    ++requests_;
    request.events_ = &owner_.on_request(request);
  }
  request.tell_failure(failure);
}

void H1Front::request_ended() {
  Request& request = *request_;
  const bool dropped = request.upload_ == Request::Upload::Dropped;
  request.upload_ = Request::Upload::Done;
  if (state_ == State::Draining) return next_request();
  if (dropped) return;
  const Head& head = request.parser_.head();
  if ((request.hop().upgrade || head.method == "CONNECT") && request.answer_ == Request::Answer::None) {
    request.upload_ = Request::Upload::Withheld;
    return;
  }
  request.tell_end();
}

// That was enough of it, or took too long.
void H1Front::end_dropping() {
  last_ = true;
  if (state_ == State::Draining) return linger();
  request_->upload_ = Request::Upload::Done;
  request_->input_.clear();
  connection_->set_reading(false);
  touch();
}

// Others wait to be read from in its place.
void H1Front::cut_off() {
  last_ = true;
  request_->tell_failure(Failure::of(Cause::ClientTimeout, Phase::Data, 408, "too many bodies are read for nobody"));
  if (!closed() && state_ != State::Over) end();
}

// The end of the callback in which an answer was completed, or its head decided about an upgrade.
void H1Front::run_later() {
  if (closed() || state_ == State::Over) return;
  if (state_ == State::Lingering) return linger_on();
  if (state_ == State::Draining) return drain();
  if (state_ != State::Serving) return;
  Request& request = *request_;
  if (request.upload_ == Request::Upload::Withheld && !request.is_tunnel() && request.events_ != nullptr) {
    request.upload_ = Request::Upload::Done;
    request.tell_end();
    if (closed()) return;
  }
  if (request.is_tunnel() && read_ended_ && !has_input() && request.events_ != nullptr) {
    touch();
    return request.events_->on_end(Trailers());
  }
  process();
}

// The answer is given and nobody is there any more for what is left of the request.
void H1Front::drain() {
  Request& request = *request_;
  if (request.came()) return next_request();
  if (read_ended_ && !has_input()) return linger();  // Nothing of the rest will come.
  request.drop_rest(FrontStream::Rest::OfOwnAnswer);
  if (last_) connection_->finish_sending();
  process();
}

void H1Front::next_request() {
  const FrontOptions* options = may_keep_alive() ? owner_.next_options() : nullptr;
  if (options == nullptr) return linger();
  options_ = options;
  wait_for_request();
  if (has_input()) process();
}

// Says that nothing more comes, and reads on for a moment: a reset would destroy an answer that the
// client has not read yet. One that said itself that it would send no more needs no such care.
void H1Front::linger() {
  state_ = State::Lingering;
  says_no_more_ = says_no_more_ && request_ && request_->came() && !has_input();
  if (request_) {
    request_->events_ = nullptr;
    request_->input_.clear();
  }
  drained_ = 0;
  if (!connection_->ready()) return end();  // Lost.
  if (!says_no_more_ || connection_->is_tls()) connection_->finish_sending();
  connection_->set_reading(true);
  loop().later(*this);
}

void H1Front::linger_on() {
  if (connection_->lost()) return end();
  if (!connection_->all_sent()) return connection_->set_deadline(stuck_ ? kLingerMs : client_ms_);
  if (read_ended_ || says_no_more_) return end();
  connection_->set_reading(true);
  connection_->set_deadline(kLingerMs);
}

void H1Front::set_options(const FrontOptions& options) {
  require(waiting());
  options_ = &options;
  client_ms_ = as_patience(options.client_ms);
}

void H1Front::leave() {
  last_ = true;
  if (state_ != State::Idle) return;
  if (requests_ != 0) return linger();
  // It came to ask something, and its request may be on the way.
  connection_->set_deadline(options_->head_ms == 0 ? kFreshMs : std::min(options_->head_ms, kFreshMs));
}

// Something moved: the client's time starts anew. What is dropped must come to its end in time as well.
void H1Front::touch() {
  if (state_ != State::Serving && state_ != State::Draining) return;
  // Who has ended its half of a tunnel owes no more than to take what it is sent.
  if (request_->is_tunnel() && read_ended_ && !has_input() && connection_->all_sent())
    return connection_->clear_deadline();
  if (request_->upload_ != Request::Upload::Dropped) return connection_->set_deadline(client_ms_);
  const std::uint64_t now = loop().now();
  const std::uint64_t left_ms = request_->drop_until_ > now ? request_->drop_until_ - now : 1;
  connection_->set_deadline(client_ms_ == 0 ? left_ms : std::min<std::uint64_t>(client_ms_, left_ms));
}

void H1Front::on_sent() {
  touch();
  if (state_ == State::Lingering) return linger_on();
  if (state_ == State::Serving && request_->events_ != nullptr) request_->events_->on_writable();
}

void H1Front::on_read_end(bool) {
  read_ended_ = true;
  switch (state_) {
    case State::Idle:
      if (requests_ != 0) return end();
      [[fallthrough]];
    case State::Head:
      return refuse(Failure::of(Cause::ClientClosed, Phase::Request, 400, "client closed inside a request head"));
    case State::Serving: {
      Request& request = *request_;
      if (request.is_tunnel()) {
        touch();
        if (!has_input() && request.events_ != nullptr) request.events_->on_end(Trailers());
        return;
      }
      if (!request.came())
        return refuse(Failure::of(Cause::ClientClosed, Phase::Data, 400, "client closed inside a request body"));
      if (request.abort_on_close_ && request.answer_ == Request::Answer::None)
        request.tell_failure(Failure::of(Cause::ClientClosed, Phase::Headers, 400, "client closed while waiting"));
      return;
    }
    case State::Draining:
      if (!request_->came()) linger();
      return;
    case State::Lingering:
      return linger_on();
    case State::Over:
      return;
  }
}

void H1Front::on_lost(const Loss& loss) {
  const Failure failure{Cause::ClientClosed, Phase::Request, false, 400, loss.status, "client connection broken"};
  read_ended_ = true;
  last_ = true;
  if (state_ == State::Serving) return request_->tell_failure(failure);
  if (state_ == State::Head || (state_ == State::Idle && requests_ == 0)) return refuse(failure);
  end();
}

void H1Front::on_time_out() {
  const Failure late{Cause::ClientTimeout, Phase::Request, false, 408, 0, "client too slow"};
  switch (state_) {
    case State::Idle:
      // A kept-alive client that has nothing to ask is let go without a word.
      if (requests_ != 0 || last_) return end();
      return refuse(late);
    case State::Head:
      return refuse(late);
    case State::Serving: {
      Request& request = *request_;
      const std::size_t unsent = connection_->unsent();
      if (request.upload_ == Request::Upload::Dropped && unsent == 0) return end_dropping();
      const bool owes_body = request.upload_ == Request::Upload::Coming && request.reading_;
      if (request.events_ == nullptr || (!request.is_tunnel() && !owes_body && unsent == 0)) return touch();
      stuck_ = unsent != 0;
      last_ = true;
      return request.tell_failure(late);
    }
    case State::Draining:
      return linger();
    case State::Lingering:
    case State::Over:
      return end();
  }
}

void H1Front::end() {
  state_ = State::Over;
  owner_.on_front_end();
}

}  // namespace penstock
