#include "penstock/http/h1_front.h"

#include <algorithm>
#include <utility>

#include "penstock/base/require.h"

namespace penstock {
namespace {

// What is left of a body that nobody wants is read and dropped up to this much, for this long.
constexpr std::uint64_t kDrainLimit = 256 * 1024;
constexpr std::uint64_t kDrainMs = 5000;
constexpr std::uint64_t kServedDrainMs = 30000;
// A closing connection waits so long for the client's own end.
constexpr std::uint64_t kLingerMs = 1000;
// A client that has not asked anything yet has this long for its first request when it is to leave.
constexpr std::uint64_t kFreshMs = 3000;

// The shorter of two times, of which 0 is none.
std::uint64_t shorter(std::uint64_t a, std::uint64_t b) { return a == 0 || (b != 0 && b < a) ? b : a; }

std::uint32_t as_patience(std::uint64_t ms) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(ms, UINT32_MAX));
}

}  // namespace

void Drain::leave() {
  if (drains_ == nullptr) return;
  unlink();
  --drains_->count_;
  drains_ = nullptr;
}

void Drains::add(Drain& drain) {
  drain.leave();
  if (count_ >= most && !drains_.empty()) {
    Drain& oldest = drains_.front();
    oldest.leave();
    oldest.cut_off();
  }
  drains_.push_back(drain);
  drain.drains_ = this;
  ++count_;
}

void H1Front::Request::start_anew() {
  leave();
  arena.clear();
  parser.start_request(arena);
  body_length = body_bytes = 0;
}

H1Front::H1Front(Loop& loop, const H1FrontOptions& options, H1FrontOwner& owner)
    : Mortal(loop), options_(&options), owner_(owner) {}

Owned<H1Front> H1Front::make(Loop& loop, const H1FrontOptions& options, H1FrontOwner& owner) {
  return Owned<H1Front>(new H1Front(loop, options, owner));
}

void H1Front::start(Owned<Connection> connection) {
  connection_ = std::move(connection);
  wait_for_request(true);
}

void H1Front::on_close() {
  Later::unlink();
  connection_.reset();
}

void H1Front::on_ready() {
  // The time for the handshake was the time for the first request; it goes on.
  handshake_ms_ = loop().now() - waiting_since_;
  waiting_since_ = loop().now();
}

void H1Front::wait_for_request(bool first) {
  if (has_input()) {
    request_->start_anew();
  } else {
    request_.reset();
  }
  state_ = State::Idle;
  events_ = nullptr;
  reading_ = true;
  due_ = false;
  answer_begun_ = answer_done_ = request_done_ = end_withheld_ = tunnel_ = until_close_ = to_head_ = dropping_ = false;
  to_http10_ = false;
  bytes_written_ = 0;
  client_ms_ = as_patience(options_->client_ms);
  waiting_since_ = loop().now();
  heard_ = false;
  connection_->set_deadline(shorter(first ? options_->head_ms : options_->keep_alive_ms, client_ms_));
  connection_->set_reading(true);
}

// For the rest of a head that has begun: its own time, in which the client must not fall silent either. That of the
// first head began with the connection.
void H1Front::wait_for_head() {
  const std::uint64_t since = requests_ == 0 && !last_ ? waiting_since_ : request_->begun_at;
  const std::uint64_t spent = loop().now() - since;
  const std::uint64_t left = options_->head_ms > spent ? options_->head_ms - spent : 1;
  connection_->set_deadline(shorter(options_->head_ms == 0 ? 0 : left, client_ms_));
}

void H1Front::on_bytes(Slice bytes) {
  heard_ = true;
  if (state_ == State::Lingering) {
    drained_ += static_cast<std::uint32_t>(bytes.size());
    if (drained_ <= kDrainLimit) return;
    if (connection_->all_sent()) return end({});
    return connection_->set_reading(false);
  }
  Slice& input = request().input;
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
  while (!closed() && (due_ || has_input()) && take_step()) {
  }
  processing_ = false;
  if (closed() || state_ == State::Over || state_ == State::Lingering) return;
  if (request_ && request_->input.empty()) request_->input.clear();  // Even no bytes hold their block.
  const bool wanted = reading_ || dropping_ || state_ == State::Draining || (request_done_ && !tunnel_);
  connection_->set_reading(wanted && !has_input(), request_done_ && !tunnel_);
}

// One step of the parser; false when its input must wait.
bool H1Front::take_step() {
  Slice& input = request().input;
  if (state_ == State::Lingering || state_ == State::Over) {
    input.clear();
    return false;
  }
  if (request_done_ && !tunnel_) return false;
  if (state_ == State::Serving && !reading_ && !dropping_) return false;
  if (tunnel_) {
    due_ = false;
    if (input.empty()) return false;
    touch();
    events_->on_body(std::exchange(input, {}));
    return true;
  }
  H1Parser& parser = request_->parser;
  const bool was_begun = parser.begun();
  const H1Parser::Step step = parser.next(input);
  due_ = step == H1Parser::Step::Head || step == H1Parser::Step::Body;
  if (!was_begun && parser.begun() && state_ == State::Idle) {
    state_ = State::Head;
    request_->begun_at = loop().now();
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
      request_->body_bytes += body.size();
      touch();
      if (!dropping_ && state_ == State::Serving) {
        events_->on_body(std::move(body));
        return true;
      }
      if (request_->body_bytes <= request_->drop_limit) return true;
      end_dropping();
      return false;
    }
    case H1Parser::Step::End:
      request_ended();
      return true;
    case H1Parser::Step::Error:
      last_ = true;
      input.clear();
      refuse(Failure::of(Cause::Denied, Phase::Request, parser.error().status, parser.error().what));
      return false;
  }
  return false;
}

void H1Front::begin_serving() {
  state_ = State::Serving;
  ++requests_;
  Head& head = request_->parser.head();
  to_head_ = head.method == "HEAD";
  to_http10_ = head.version == HttpVersion::Http10;
  if (head.body.kind == BodyLength::Kind::Counted) request_->body_length = head.body.bytes;
  if (!head.keep_alive) {
    last_ = true;
    says_no_more_ = head.body.kind == BodyLength::Kind::None;
  }
  events_ = &owner_.on_request(*this);
  touch();
  events_->on_head(head);
}

// What came cannot be served. Whoever answers for it says so.
void H1Front::refuse(const Failure& failure) {
  if (state_ == State::Draining) return linger();
  last_ = true;
  request_done_ = true;
  if (state_ != State::Serving) {
    state_ = State::Serving;
    ++requests_;
    events_ = &owner_.on_request(*this);
  }
  if (events_ != nullptr) std::exchange(events_, nullptr)->on_failure(failure);
}

void H1Front::request_ended() {
  request_done_ = true;
  if (state_ == State::Draining) return next_request();
  if (dropping_) return;
  const Head& head = request_->parser.head();
  if ((head.upgrade || head.method == "CONNECT") && !answer_begun_) {
    end_withheld_ = true;
    return;
  }
  connection_->clear_deadline();
  events_->on_end(request_->parser.trailers());
}

void H1Front::drop_rest(Rest rest) {
  if (request_done_ || dropping_ || !request_ || state_ == State::Over || state_ == State::Lingering) return;
  dropping_ = true;
  const bool served = rest == Rest::OfServersAnswer;
  const std::uint64_t most = served ? kServedDrainLimit : kDrainLimit;
  if (body_left() > most) last_ = true;
  request_->drop_limit = request_->body_bytes + most;
  request_->drop_until = loop().now() + (served ? kServedDrainMs : kDrainMs);
  if (served) owner_.drains().add(*request_);
  touch();
  loop().later(*this);
}

std::uint64_t H1Front::body_left() const {
  if (!request_ || request_->body_length < request_->body_bytes) return 0;
  return request_->body_length - request_->body_bytes;
}

// That was enough of it, or took too long.
void H1Front::end_dropping() {
  last_ = true;
  if (state_ == State::Draining) return linger();
  request_done_ = true;
  request_->input.clear();
  connection_->set_reading(false);
  touch();
}

// Others wait to be read from in its place.
void H1Front::cut_off() {
  last_ = true;
  if (events_ != nullptr)
    std::exchange(events_, nullptr)
        ->on_failure(Failure::of(Cause::ClientTimeout, Phase::Data, 408, "too many bodies are read for nobody"));
  if (!closed() && state_ != State::Over) end({});
}

bool H1Front::may_keep_alive() const { return !last_ && !read_ended_; }

void H1Front::send_head(const Head& head) {
  if (state_ != State::Serving) return;
  const bool interim = head.status < 200 && head.status != 101;
  const std::size_t before = connection_->outbox().bytes();
  if (interim) {
    if (!to_http10_) writer_.response_head(connection_->outbox(), head, ConnectionToken::None, true, true);
  } else {
    answer_begun_ = true;
    tunnel_ = head.body.kind == BodyLength::Kind::Tunnel;
    const bool no_body = to_head_ || head.status == 204 || head.status == 304 || tunnel_;
    until_close_ = !no_body && (head.body.kind == BodyLength::Kind::UntilClose ||
                                (to_http10_ && head.body.kind == BodyLength::Kind::Chunked));
    if (until_close_) last_ = true;
    ConnectionToken token = ConnectionToken::None;
    if (head.status == 101) {
      token = ConnectionToken::Upgrade;
    } else if (!tunnel_ && !may_keep_alive()) {
      token = ConnectionToken::Close;
    } else if (!tunnel_ && to_http10_) {
      token = ConnectionToken::KeepAlive;
    }
    writer_.response_head(connection_->outbox(), head, token, no_body, !to_http10_);
    if (end_withheld_ || tunnel_) loop().later(*this);
  }
  bytes_written_ += connection_->outbox().bytes() - before;
  connection_->wrote();
  touch();
}

bool H1Front::send_body(Slice bytes) {
  if (state_ != State::Serving) return true;
  const std::size_t before = connection_->outbox().bytes();
  writer_.body(connection_->outbox(), std::move(bytes));
  bytes_written_ += connection_->outbox().bytes() - before;
  connection_->wrote();
  touch();
  return !connection_->congested();
}

void H1Front::send_end(const Trailers& trailers) {
  if (state_ != State::Serving) return;
  const std::size_t before = connection_->outbox().bytes();
  if (tunnel_) {
    connection_->finish_sending();
  } else {
    writer_.end(connection_->outbox(), trailers);
  }
  bytes_written_ += connection_->outbox().bytes() - before;
  connection_->wrote();
  if (tunnel_) {
    if (options_->client_fin_ms != 0) set_client_ms(options_->client_fin_ms);
    // The client may go on sending; the transaction lets go by abandon() when both directions ended.
    answer_done_ = true;
    return;
  }
  answer_ended();
}

// What is still to come of the request goes its way.
void H1Front::answer_ended() {
  answer_done_ = true;
  if (until_close_) connection_->finish_sending();
  touch();
}

void H1Front::detach() {
  if (state_ != State::Serving) return;
  events_ = nullptr;
  state_ = State::Draining;
  loop().later(*this);
}

// The end of the callback in which an answer was completed, or its head decided about an upgrade.
void H1Front::run_later() {
  if (closed() || state_ == State::Over) return;
  if (state_ == State::Serving) {
    if (end_withheld_ && !tunnel_ && events_ != nullptr) {
      end_withheld_ = false;
      connection_->clear_deadline();
      events_->on_end(request_->parser.trailers());
      if (closed()) return;
    }
    if (tunnel_ && read_ended_ && !has_input() && events_ != nullptr) {
      events_->on_end(Trailers());
      return;
    }
    return process();
  }
  if (state_ == State::Lingering) return linger_on();
  if (state_ != State::Draining) return;
  if (request_done_) return next_request();
  if (read_ended_ && !has_input()) return linger();  // Nothing of the rest will come.
  drop_rest(Rest::OfOwnAnswer);
  if (last_) connection_->finish_sending();
  process();
}

void H1Front::next_request() {
  const H1FrontOptions* options = may_keep_alive() ? owner_.next_options() : nullptr;
  if (options == nullptr) return linger();
  options_ = options;
  wait_for_request(false);
  if (has_input()) process();
}

// Says that nothing more comes, and reads on for a moment: a reset would destroy an answer that the
// client has not read yet. One that said itself that it would send no more needs no such care.
void H1Front::linger() {
  state_ = State::Lingering;
  events_ = nullptr;
  says_no_more_ = says_no_more_ && request_done_ && !has_input();
  if (request_) request_->input.clear();
  drained_ = 0;
  // Lost, or not yet as far as to be spoken to.
  if (!connection_->ready()) return end({});
  if (!says_no_more_ || connection_->is_tls()) connection_->finish_sending();
  connection_->set_reading(true);
  loop().later(*this);
}

void H1Front::linger_on() {
  if (connection_->lost()) return end({});
  if (!connection_->all_sent()) return connection_->set_deadline(stuck_ ? kLingerMs : client_ms_);
  if (read_ended_ || says_no_more_) return end({});
  connection_->set_reading(true);
  connection_->set_deadline(kLingerMs);
}

void H1Front::set_reading(bool on) {
  if (reading_ == on) return;
  reading_ = on;
  if (state_ != State::Serving) return;
  if (on && (due_ || has_input())) return loop().later(*this);
  connection_->set_reading(on && !has_input());
  if (on) touch();
}

void H1Front::abandon(const Failure&) {
  events_ = nullptr;
  if (state_ == State::Over || state_ == State::Lingering) return;
  // Only a reset tells the client of an answer without length that it is not whole.
  if (answer_begun_ && until_close_ && !answer_done_) {
    connection_->reset_on_close();
    state_ = State::Over;
    connection_->set_deadline(1);
    return;
  }
  last_ = true;
  state_ = State::Draining;
  request_done_ = true;
  loop().later(*this);
}

void H1Front::vanish() {
  events_ = nullptr;
  connection_->vanish();
  state_ = State::Over;
  connection_->set_deadline(1);
}

void H1Front::set_options(const H1FrontOptions& options) {
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

void H1Front::set_client_ms(std::uint64_t ms) {
  client_ms_ = as_patience(ms);
  if (state_ == State::Serving) connection_->set_deadline(ms);
}

// Something moved: the client's time starts anew. What is dropped must come to its end in time as well.
void H1Front::touch() {
  if (state_ != State::Serving && state_ != State::Draining) return;
  if (!dropping_ || request_done_) return connection_->set_deadline(client_ms_);
  const std::uint64_t now = loop().now();
  const std::uint64_t left_ms = request_->drop_until > now ? request_->drop_until - now : 1;
  connection_->set_deadline(client_ms_ == 0 ? left_ms : std::min<std::uint64_t>(client_ms_, left_ms));
}

void H1Front::on_sent() {
  touch();
  if (state_ == State::Lingering) return linger_on();
  if (state_ == State::Serving && events_ != nullptr) events_->on_writable();
}

void H1Front::on_read_end(bool) {
  read_ended_ = true;
  switch (state_) {
    case State::Idle:
      if (requests_ != 0) return end({});
      [[fallthrough]];
    case State::Head:
      return refuse(Failure::of(Cause::ClientClosed, Phase::Request, 400, "client closed inside a request head"));
    case State::Serving:
      if (tunnel_) {
        if (!has_input() && events_ != nullptr) events_->on_end(Trailers());
        return;
      }
      if (abort_on_close_ && request_done_ && !answer_begun_ && events_ != nullptr) {
        return std::exchange(events_, nullptr)
            ->on_failure(Failure::of(Cause::ClientClosed, Phase::Headers, 400, "client closed while waiting"));
      }
      if (!request_done_)
        refuse(Failure::of(Cause::ClientClosed, Phase::Data, 400, "client closed inside a request body"));
      return;
    case State::Draining:
      if (!request_done_) linger();
      return;
    case State::Lingering:
      return linger_on();
    case State::Over:
      return;
  }
}

void H1Front::on_lost(const Loss& loss) {
  if (loss.kind == Loss::Kind::Handshake) return owner_.on_refused(*this, loss);
  const Failure failure{Cause::ClientClosed, Phase::Request, false, 400, loss.status, "client connection broken"};
  read_ended_ = true;
  last_ = true;
  if (state_ == State::Serving && events_ != nullptr) return std::exchange(events_, nullptr)->on_failure(failure);
  if (state_ == State::Head || (state_ == State::Idle && requests_ == 0)) return refuse(failure);
  if (state_ != State::Serving) end({});
}

void H1Front::on_time_out() {
  const Failure late{Cause::ClientTimeout, Phase::Request, false, 408, 0, "client too slow"};
  switch (state_) {
    case State::Idle:
      // A kept-alive client that has nothing to ask is let go without a word.
      if (requests_ != 0 || last_) return end({});
      if (!connection_->ready()) return on_lost(connection_->late());
      return refuse(late);
    case State::Head:
      return refuse(late);
    case State::Serving: {
      if (dropping_ && !request_done_ && connection_->unsent() == 0) return end_dropping();
      const bool owes_body = !request_done_ && !dropping_ && reading_;
      if (events_ == nullptr || (!tunnel_ && !owes_body && connection_->unsent() == 0)) return touch();
      stuck_ = connection_->unsent() != 0;
      last_ = true;
      return std::exchange(events_, nullptr)->on_failure(late);
    }
    case State::Draining:
      return linger();
    case State::Lingering:
    case State::Over:
      return end({});
  }
}

void H1Front::end(const Failure& why) {
  state_ = State::Over;
  owner_.on_front_end(*this, why);
}

}  // namespace penstock
