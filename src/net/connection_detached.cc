#include <fcntl.h>

#include <utility>

#include "penstock/net/connection.h"

namespace penstock {

DetachedConnection::~DetachedConnection() {
  if (!fd_) return;
  if (count_ != nullptr) count_->fetch_sub(1, std::memory_order_relaxed);
  make_close_a_reset(fd_.get());
}

bool DetachedConnection::quiet() const { return is_quiet(fd_.get()); }

std::optional<DetachedConnection> Connection::detach() {
  const bool rests = state_ == State::Ready && unsent() == 0 && !held_ && !request_;
  if (!rests || read_end_ != ReadEnd::None || broken_.noted || sending_ != Sending::Open || (tls_ && !tls_->drained()))
    return std::nullopt;
  // The handle closes its own descriptor.
  Descriptor fd(::fcntl(descriptor(), F_DUPFD_CLOEXEC, 0));
  if (!fd) return std::nullopt;
  DetachedConnection detached;
  detached.fd_ = std::move(fd);
  detached.is_unix_ = is_unix_;
  detached.tls_ = std::move(tls_);
  detached.count_ = loop().descriptors;
  if (detached.count_ != nullptr) detached.count_->fetch_add(1, std::memory_order_relaxed);
  state_ = State::Lost;
  return detached;
}

}  // namespace penstock
