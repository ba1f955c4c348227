// Sends what is written to a ring to the servers of its section, over TCP or TLS: one connection each. A server that is slow or
// away is waited for by nobody: what is overwritten before it took it, it never gets, and that is counted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "penstock/net/connection.h"
#include "penstock/net/living.h"
#include "penstock/proxy/ground.h"

namespace penstock {

class Feed final : public Living, private ConnectionEvents {
 public:
  Feed(Loop& loop, std::shared_ptr<Ring> ring, const RingServerPlan& server);
  bool is_of(const Ring* ring, const RingServerPlan& server) const {
    return ring_.get() == ring && server_.is_like(server);
  }
  std::uint64_t lost() const { return reader_.lost; }

 private:
  void on_close() override { connection_.reset(); }
  void on_deadline() override;
  void on_ready() override;
  void on_bytes(Slice) override {}
  void on_read_end(bool) override { part(); }
  void on_sent() override { send(); }
  void on_lost(const Loss&) override { part(); }
  void on_time_out() override { part(); }
  void connect();
  void send();
  void part();

  const std::shared_ptr<Ring> ring_;
  const RingServerPlan server_;
  Ring::Reader reader_;
  Owned<Connection> connection_;
};

class Feeds {
 public:
  // Those of `rings`; the others end. Who stays goes on where it was.
  void adopt(Loop& loop, const std::vector<RingPlan>& rings);
  // Lines that servers of the ring will never get.
  std::uint64_t lost(const RingPlan& plan) const;

 private:
  std::vector<Owned<Feed>> feeds_;
};

}  // namespace penstock
