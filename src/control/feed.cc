#include "penstock/control/feed.h"

#include <algorithm>
#include <utility>

#include "penstock/base/format.h"

namespace penstock {
namespace {

// How soon a server gets a new line, and how long one that went is left alone.
constexpr std::uint64_t kSoonMs = 20, kIdleMs = 200, kAgainMs = 1000;
constexpr std::size_t kGulp = 16384;

}  // namespace

Feed::Feed(Loop& loop, std::shared_ptr<Ring> ring, const RingServerPlan& server)
    : Living(loop), ring_(std::move(ring)), server_(server) {
  connect();
}

void Feed::connect() {
  ConnectionEvents& events = *this;
  const TlsTarget tls{server_.tls.get(), server_.tls_name, server_.verify_name, {}};
  connection_ = Connection::connect(loop(), server_.address, {}, tls, {}, events);
  if (!connection_) return set_deadline(kAgainMs);
  connection_->set_deadline(server_.connect_ms);
}

void Feed::on_ready() {
  connection_->clear_deadline();
  // Only its end is of interest.
  connection_->set_reading(true);
  send();
}

void Feed::on_deadline() { connection_ ? send() : connect(); }

void Feed::send() {
  std::string piece, line;
  bool sent = false;
  for (; !connection_->congested(); sent = true) {
    piece.clear();
    while (piece.size() < kGulp && ring_->read(reader_, line)) {
      if (server_.octet_count)
        append_format(piece, "{} {}", line.size(), line);
      else
        append_format(piece, "{}\n", line);
    }
    if (piece.empty()) break;
    connection_->send(piece);
  }
  if (connection_->congested()) return connection_->set_deadline(server_.server_ms);
  connection_->clear_deadline();
  set_deadline(sent ? kSoonMs : kIdleMs);
}

void Feed::part() {
  connection_.reset();
  set_deadline(kAgainMs);
}

void Feeds::adopt(Loop& loop, const std::vector<RingPlan>& rings) {
  std::vector<Owned<Feed>> before = std::exchange(feeds_, {});
  for (const RingPlan& plan : rings) {
    for (const RingServerPlan& server : plan.servers) {
      if (!plan.ring || server.address.empty()) continue;
      const auto same = std::find_if(before.begin(), before.end(),
                                     [&](const auto& feed) { return feed && feed->is_of(plan.ring.get(), server); });
      feeds_.push_back(same != before.end() ? std::move(*same) : Owned<Feed>(new Feed(loop, plan.ring, server)));
    }
  }
}

std::uint64_t Feeds::lost(const RingPlan& plan) const {
  std::uint64_t lost = 0;
  for (const auto& feed : feeds_) {
    for (const RingServerPlan& server : plan.servers) lost += feed->is_of(plan.ring.get(), server) ? feed->lost() : 0;
  }
  return lost;
}

}  // namespace penstock
