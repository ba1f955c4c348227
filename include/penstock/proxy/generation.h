// A snapshot put to work on one worker. A transaction holds a Ref to the generation it began with; a connection does
// not, so a reload closes no kept-alive client. Backends that a snapshot shares with the one before serve both: their
// idle connections and waiting lines are the same.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "penstock/balance/backend.h"
#include "penstock/base/counted.h"
#include "penstock/base/list.h"
#include "penstock/net/loop.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/rules/subject.h"

namespace penstock {

// The backends of the present generation of one worker, by number; each made on first use.
struct BackendTable final : Counted<BackendTable> {
  Ref<Backend>& at(int number) { return backends[static_cast<std::size_t>(number)]; }
  std::vector<Ref<Backend>> backends;
};

class Generation final : public Counted<Generation>, public ListNode<>, private rules::Numbers {
 public:
  // The present one from now on. `before`, which was it, keeps the backends that `change` replaces; null: this is the
  // first.
  Generation(Loop& loop, std::shared_ptr<const Snapshot> snapshot, LineWaker& waker, unsigned worker,
             Generation* before, const Difference& change);
  ~Generation();

  const Snapshot& snapshot() const { return *snapshot_; }
  // For who works on it longer than a transaction.
  const std::shared_ptr<const Snapshot>& shared_snapshot() const { return snapshot_; }
  Backend& backend(int number);
  // The backend whose state this is, if it is made, and this generation is the last one that uses it.
  Backend* find(const BackendState& state);
  void shut_down(const Server& server);
  // The backend that has taken the place of this one of another generation, or null.
  Backend* successor(const BackendSpec& before);
  // Backends that the next generation, `next`, has others for get no new requests: idle connections to servers that
  // these have too go there, others are let go, and who waits goes to their lines.
  void retire(Generation& next);
  // The name that TLS towards a server of this generation asks for, in a request of a former one.
  std::string_view sni_of(const ServerSpec& server, rules::Subject& subject) const;
  // The process ends with those who are still there.
  void note_stopping() { stopping_ = true; }
  // For samples about servers (nbsrv, be_conn, ...).
  const rules::Numbers& numbers() const { return *this; }

 private:
  std::int64_t backend(rules::BackendNumber number, int backend) const override;
  std::int64_t frontend(rules::FrontendNumber number, int frontend) const override;
  std::int64_t server(rules::ServerNumber number, int backend, int server) const override;
  bool stopping() const override { return stopping_; }
  int backend_named(std::string_view name) const override { return snapshot_->backend_number(name); }
  int server_named(int backend, std::string_view name) const override;
  std::string_view default_backend(int frontend) const override { return snapshot_->default_backend(frontend); }
  std::pair<std::string_view, std::uint32_t> place_of(const rules::RulePlace& place) const override {
    return snapshot_->file_and_line(place);
  }
  const std::shared_ptr<StickTable>* table(int number) const override;
  std::uint64_t now_ms() const override { return loop_.now(); }
  Ref<Backend>& place_of(int number);
  // If it is the last generation that uses it.
  Backend* own(int number);
  void end_as_present();

  Loop& loop_;
  std::shared_ptr<const Snapshot> snapshot_;
  LineWaker& waker_;
  const unsigned worker_;
  bool stopping_ = false;
  Ref<BackendTable> table_;
  // Those that lie between the next generation and this one: used by this one and former ones. Null: not made yet.
  std::map<int, Ref<Backend>> replaced_;
  Generation* before_;
  Generation* after_ = nullptr;  // Null: this is the present one.
};

}  // namespace penstock
