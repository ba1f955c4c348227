#include "penstock/http/h1_back.h"

#include <utility>

#include "penstock/base/require.h"

namespace penstock {
namespace {

// A server that has not come to its answer behind so many 1xx will not.
constexpr std::uint32_t kInterimLimit = 100;

}  // namespace

H1Back::H1Back(Loop& loop, const BackOptions& options, BackOwner& owner)
    : Back(loop), owner_(&owner), parser_(options.limits) {}

Owned<H1Back> H1Back::connect(Loop& loop, const SocketAddress& address, const SocketOptions& socket,
                              const TlsTarget& tls, TlsTicket ticket, const BackOptions& options, BackOwner& owner) {
  Owned<H1Back> self(new H1Back(loop, options, owner));
  if (!tls.name.empty()) self->tls_name_ = tls.name;
  self->connection_ = Connection::connect(loop, address, socket, tls, std::move(ticket), *self);
  self->connection_->set_deadline(options.connect_ms);
  return self;
}

Owned<H1Back> H1Back::unpark(Loop& loop, ParkedBack parked, const BackOptions& options, BackOwner& owner) {
  Owned<H1Back> self(new H1Back(loop, options, owner));
  self->tls_name_ = std::move(parked.tls_name);
  self->served_ = parked.served;
  self->connection_ = Connection::attach(loop, std::move(parked.connection), *self);
  if (!self->connection_) return nullptr;
  self->ready_ = true;
  return self;
}

std::optional<ParkedBack> H1Back::park() {
  if (room() == 0 || has_news()) return std::nullopt;
  std::optional<DetachedConnection> detached = connection_->detach();
  if (!detached) return std::nullopt;
  connection_.reset();
  return ParkedBack{std::move(*detached), std::move(tls_name_), served_};
}

// Not later: it may hear of its socket in this very turn, and nobody must hear of it.
void H1Back::on_close() {
  Later::unlink();
  if (!connection_) return;
  // All was said: without a parting from both sides no port stays occupied for it. Of a request answered before its
  // end the server may still want to read what it has not.
  if (ready_ && request_done_ && answer_ == Answer::Done && !is_tunnel() && !answered_early_)
    connection_->reset_on_close();
  connection_.reset();
}

void H1Back::on_ready() {
  ready_ = true;
  connection_->clear_deadline();
  owner_->on_back_ready(*this);
}

BackStream& H1Back::open(StreamEvents& events, Arena& arena, const Ask& ask) {
  require(ready_ && events_ == nullptr);
  events_ = &events;
  parser_.start_response(arena, ask.to_head, ask.to_connect);
  ++served_;
  interim_ = 0;
  answer_ = Answer::Awaited;
  upgrade_ = ask.upgrade ? Upgrade::Asked : Upgrade::None;
  keep_ = !ask.last;
  reading_ = true;
  due_ = request_done_ = answered_early_ = false;
  connection_->set_reading(true);
  return *this;
}

unsigned H1Back::room() const {
  const bool is_free = ready_ && request_done_ && answer_ == Answer::Done && !is_tunnel();
  return is_free && keep_ && read_end_ == ReadEnd::None && input_.empty() ? 1 : 0;
}

void H1Back::send_head(const Head& head) {
  const bool asks_upgrade = upgrade_ == Upgrade::Asked;
  writer_.request_head(connection_->outbox(), head,
                       asks_upgrade ? ConnectionToken::Upgrade
                       : keep_      ? ConnectionToken::None
                                    : ConnectionToken::Close);
  // The end of a request that may become a tunnel is told late; the server owes its answer at once.
  if (head.body.kind == BodyLength::Kind::None && (asks_upgrade || head.method == "CONNECT")) request_done_ = true;
  connection_->wrote();
  touch();
}

bool H1Back::send_body(Slice bytes) {
  writer_.body(connection_->outbox(), std::move(bytes));
  connection_->wrote();
  touch();
  return !connection_->congested();
}

void H1Back::send_end(const Trailers& trailers) {
  if (is_tunnel()) {
    connection_->finish_sending();
    if (answer_ == Answer::Done) all_done();
    return;
  }
  writer_.end(connection_->outbox(), trailers);
  connection_->wrote();
  request_done_ = true;
  if (answer_ == Answer::Done) return all_done();
  touch();
}

void H1Back::all_done() {
  events_ = nullptr;
  connection_->clear_deadline();
}

void H1Back::set_reading(bool on) {
  if (reading_ == on) return;
  reading_ = on;
  if (on && (due_ || !input_.empty())) return loop().later(*this);
  connection_->set_reading(on);
  if (on) touch();
}

void H1Back::abandon(const Failure&) {
  events_ = nullptr;
  keep_ = false;
}

void H1Back::set_server_ms(std::uint64_t ms) {
  server_ms_ = ms;
  touch();
}

void H1Back::touch() {
  if (events_ != nullptr) connection_->set_deadline(server_ms_);
}

void H1Back::on_bytes(Slice bytes) {
  if (events_ == nullptr) {
    // A server that speaks unasked is not to be trusted with the next request.
    keep_ = false;
    owner_->on_back_lost(*this, Failure::of(Cause::ServerClosed, Phase::None), "spoke while idle");
    return;
  }
  // The time for the head of an answer does not begin anew with each of its bytes.
  if (answer_ != Answer::Awaited) touch();
  if (!input_.empty()) {
    std::string all(input_.view());
    all += bytes.view();
    input_ = Slice::copy(all);
  } else {
    input_ = std::move(bytes);
  }
  process();
}

void H1Back::process() {
  if (processing_) return;
  processing_ = true;
  while (!closed() && events_ != nullptr && (due_ || !input_.empty()) && take_step()) {
  }
  processing_ = false;
  if (closed()) return;
  if (input_.empty()) input_.clear();  // An idle connection holds no block.
  if (events_ == nullptr) return;
  connection_->set_reading(reading_ && input_.empty());
}

bool H1Back::take_step() {
  if (!reading_ && answer_ != Answer::Awaited) return false;
  if (answer_ == Answer::Done) {
    // Only the rest of the request is awaited; who speaks meanwhile is not to be trusted with the next.
    keep_ = false;
    input_.clear();
    return false;
  }
  const H1Parser::Step step = parser_.next(input_);
  due_ = step == H1Parser::Step::Head || step == H1Parser::Step::Body;
  switch (step) {
    case H1Parser::Step::More:
      return false;
    case H1Parser::Step::Head:
      return take_head();
    case H1Parser::Step::Body:
      events_->on_body(parser_.take_body());
      return true;
    case H1Parser::Step::End: {
      end_answer();
      return false;
    }
    case H1Parser::Step::Error:
      refuse(parser_.error().what);
      return false;
  }
  return false;
}

bool H1Back::take_head() {
  Head& head = parser_.head();
  if (head.status == 101 && upgrade_ != Upgrade::Asked) {
    refuse("101 without an upgrade asked for");
    return false;
  }
  if (head.status == 101 && !parser_.hop().upgrade) {
    refuse("101 that says no upgrade: HTTP/1.1, an Upgrade field and 'Connection: Upgrade' make one");
    return false;
  }
  if (head.status < 200 && ++interim_ > kInterimLimit) {
    refuse("too many interim answers");
    return false;
  }
  touch();
  if (head.status >= 200 || head.status == 101) {
    answer_ = Answer::Begun;
    answered_early_ = !request_done_;
    upgrade_ = head.body.kind == BodyLength::Kind::Tunnel ? Upgrade::Tunnel : Upgrade::None;
    if (!parser_.hop().keep_alive) keep_ = false;
  }
  events_->on_head(head);
  return true;
}

// A server that answered before it had the whole request may go on to take it, and one that has said all in a
// tunnel may go on to listen.
void H1Back::end_answer() {
  answer_ = Answer::Done;
  StreamEvents& events = *events_;
  const bool said_all = is_tunnel() ? connection_->finished_sending() : request_done_ || read_end_ != ReadEnd::None;
  if (said_all) all_done();
  events.on_end(parser_.trailers());
}

// What was held back while the transaction could take no more.
void H1Back::run_later() {
  if (closed() || events_ == nullptr) return;
  process();
  if (closed() || events_ == nullptr || read_end_ == ReadEnd::None || due_ || !input_.empty()) return;
  on_read_end(read_end_ == ReadEnd::Clean);
}

// What the server says is not HTTP, or not to be trusted.
void H1Back::refuse(const char* what) {
  tell_failure(
      Failure::unread(answer_ == Answer::Awaited ? Phase::Headers : Phase::Data, 502, what, parser_.raw_head()));
}

void H1Back::tell_failure(const Failure& failure) {
  keep_ = false;
  connection_->clear_deadline();
  if (events_ != nullptr) return std::exchange(events_, nullptr)->on_failure(failure);
}

void H1Back::on_sent() {
  touch();
  if (events_ != nullptr) events_->on_writable();
}

void H1Back::on_read_end(bool clean) {
  read_end_ = clean ? ReadEnd::Clean : ReadEnd::Cut;
  keep_ = false;
  if (events_ == nullptr)
    return owner_->on_back_lost(*this, Failure::of(Cause::ServerClosed, Phase::None), "closed while idle");
  if (answer_ == Answer::Done)
    return tell_failure(
        Failure::of(Cause::ServerClosed, Phase::Data, 502, "server closed before it had the whole request"));
  if (due_ || !input_.empty()) return;
  switch (parser_.end_of_input()) {
    case H1Parser::Step::End:
      // Without its close_notify nobody can say that TLS was not cut.
      if (!clean && !is_tunnel()) break;
      return end_answer();
    default:
      break;
  }
  tell_failure(left(parser_.begun() || answer_ != Answer::Awaited ? "server closed inside its answer"
                                                                  : "server closed without an answer"));
}

// The server has gone before the end of its answer.
Failure H1Back::left(const char* detail, int uv_status) const {
  const bool awaited = answer_ == Answer::Awaited;
  Failure failure = Failure::of(Cause::ServerClosed, awaited ? Phase::Headers : Phase::Data, 502, detail);
  failure.uv_status = uv_status;
  // Where others were served before, it may have closed while we were still sending.
  failure.retry_safe = !parser_.begun() && awaited && served_ > 1;
  failure.empty = awaited && interim_ == 0;
  return failure;
}

// Who closes while a body is still on its way to it resets: for an answer that ends by close, that is its end.
bool H1Back::ended_early_by_reset() {
  const bool waits_for_end = answer_ == Answer::Begun && !request_done_ && !is_tunnel() && !due_ && input_.empty();
  return waits_for_end && !connection_->is_tls() && parser_.end_of_input() == H1Parser::Step::End;
}

void H1Back::on_lost(const Loss& loss) {
  keep_ = false;
  read_end_ = ReadEnd::Cut;
  if (!ready_) {
    const bool refused = loss.kind == Loss::Kind::Connect;
    owner_->on_back_lost(
        *this,
        Failure::not_connected(Cause::ServerClosed, refused ? "connect failed" : "TLS handshake failed", loss.status),
        loss.text);
    return;
  }
  if (events_ == nullptr) return owner_->on_back_lost(*this, Failure::of(Cause::ServerClosed, Phase::None), loss.text);
  if (ended_early_by_reset()) return end_answer();
  tell_failure(left("server connection broken", loss.status));
}

void H1Back::on_time_out() {
  if (!ready_) {
    keep_ = false;
    owner_->on_back_lost(*this, Failure::not_connected(Cause::ServerTimeout, "connect timed out"), "timeout");
    return;
  }
  if (events_ == nullptr) return;
  // Only a server that owes something is late: the rest of an answer, or room for what is unsent.
  const bool owes_answer = answer_ == Answer::Begun || (answer_ == Answer::Awaited && request_done_);
  const bool owes = owes_answer || connection_->unsent() != 0;
  if (!owes || !reading_) return touch();
  tell_failure(Failure::of(Cause::ServerTimeout, answer_ == Answer::Awaited ? Phase::Headers : Phase::Data, 504,
                           "server too slow"));
}

}  // namespace penstock
