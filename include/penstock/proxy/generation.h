// A snapshot put to work on one worker: its backends, their idle connections and waiting lines. An
// transaction holds a Ref to the generation it began with; a connection does not, so a reload closes no
// kept-alive client.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "penstock/balance/backend.h"
#include "penstock/base/counted.h"
#include "penstock/base/list.h"
#include "penstock/net/loop.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/rules/subject.h"

namespace penstock {

class Generation final : public Counted<Generation>, public ListNode<>, private rules::Numbers {
 public:
  Generation(Loop& loop, std::shared_ptr<const Snapshot> snapshot, LineWaker& waker, unsigned worker);
  ~Generation();

  const Snapshot& snapshot() const { return *snapshot_; }
  // Made on first use.
  Backend& backend(int index);
  Backend* backend_if_made(int index) { return backends_[static_cast<std::size_t>(index)].get(); }
  // The backend whose state this is, if this generation uses it.
  Backend* find(const BackendState& state);
  void shut_down(const Server& server);
  // The backend that has taken the place of this one of another generation, or null.
  Backend* successor(const BackendSpec& before);
  // It will get no new requests: idle connections to servers that `next` has too go there, others are let go, and who
  // waits goes to the lines of `next`.
  void retire(Generation& next);
  // The name that TLS towards a server of this generation asks for, in a request of a former one.
  std::string_view sni_of(const ServerSpec& server, rules::Subject& subject) const;
  // For samples about servers (nbsrv, be_conn, ...).
  // The process ends with those who are still there.
  void note_stopping() { stopping_ = true; }
  const rules::Numbers& numbers() const { return *this; }

 private:
  std::int64_t backend(rules::BackendNumber number, int backend) const override;
  std::int64_t frontend(rules::FrontendNumber number, int frontend) const override;
  std::int64_t server(rules::ServerNumber number, int backend, int server) const override;
  bool stopping() const override { return stopping_; }

  Loop& loop_;
  std::shared_ptr<const Snapshot> snapshot_;
  LineWaker& waker_;
  const unsigned worker_;
  bool stopping_ = false;
  std::vector<std::unique_ptr<Backend>> backends_;
};

}  // namespace penstock
