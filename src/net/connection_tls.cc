// What a connection does with the TLS session inside it.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "penstock/net/connection.h"

namespace penstock {
namespace {

constexpr std::size_t kRecordSize = 16 * 1024;
// Sealed before the system was asked to take it.
constexpr std::size_t kSealAhead = 64 * 1024;

}  // namespace

void Connection::start_tls(std::unique_ptr<TlsSession> session) {
  tls_ = std::move(session);
  if (!plain_) plain_ = std::make_unique<Outbox>();
  state_ = State::Handshake;
}

void Connection::cipher_arrived(std::size_t count) {
  heard_ = true;
  tls_->receive({loop().scratch(), count});
  loop().later(*this);
  const bool is_new = state_ == State::Handshake;
  if (is_new && !shake()) return;
  adapt_gulp(count, sealed_space());
  if (!decipher() && is_new && !closed() && unsent() == 0) acknowledge();
}

// A client under Nagle's algorithm holds its first request back until the end of its handshake is
// acknowledged, which the system would leave for 40 ms to an answer that cannot come.
void Connection::acknowledge() {
  const int on = 1;
  setsockopt(descriptor(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

// True once the handshake is complete and the connection still there.
bool Connection::shake() {
  switch (tls_->handshake()) {
    case TlsSession::Step::Wait:
      return false;
    case TlsSession::Step::Done:
      state_ = State::Ready;
      events_->on_ready();
      return !closed() && state_ == State::Ready;
    case TlsSession::Step::Closed:
    case TlsSession::Step::Failed:
      break;
  }
  flush();  // The alert that tells the peer why.
  if (state_ != State::Lost) fail(Loss::Kind::Handshake, 0);
  return false;
}

// Opens all records that came; as many as fit one block reach the user in one call. False: none held data.
bool Connection::decipher() {
  bool found = false;
  while (!closed() && state_ == State::Ready) {
    Filling& filling = landing();
    const std::size_t room = appetite_.gulp != 0 ? appetite_.gulp : filling.room();
    std::size_t used = 0;
    TlsSession::Step step = TlsSession::Step::Done;
    while (step == TlsSession::Step::Done && (used == 0 || room - used >= kRecordSize)) {
      std::size_t count = 0;
      step = tls_->read({filling.space() + used, room - used}, count);
      if (step == TlsSession::Step::Done) used += count;
    }
    found = found || used != 0;
    if (used != 0) deliver(filling.filled(used));
    if (closed() || state_ != State::Ready || step == TlsSession::Step::Wait) break;
    if (step == TlsSession::Step::Closed) {
      ended(true);
      break;
    }
    if (step == TlsSession::Step::Failed) {
      flush();  // The alert that tells the peer why.
      if (!closed() && state_ != State::Lost) fail(Loss::Kind::Broken, 0);
      break;
    }
  }
  return found;
}

bool Connection::seal() {
  // Small pieces share a record; a piece that fills records is sealed where it lies.
  char gathered[kRecordSize];
  while (!plain_->empty() && out_.bytes() < kSealAhead) {
    const Slice& first = plain_->peek(0);
    if (first.size() >= kRecordSize || plain_->slices() == 1) {
      const std::size_t size = first.size();
      if (!tls_->write(first.view())) return false;
      plain_->remove(size);
      continue;
    }
    std::size_t used = 0;
    while (!plain_->empty() && used < kRecordSize) {
      const Slice& slice = plain_->peek(0);
      const std::size_t count = std::min(slice.size(), kRecordSize - used);
      std::memcpy(gathered + used, slice.data(), count);
      used += count;
      plain_->remove(count);
    }
    if (!tls_->write({gathered, used})) return false;
  }
  return true;
}

}  // namespace penstock
