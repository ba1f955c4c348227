// A section of peers at work: where others come to, and a link to each of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "peer_link.h"
#include "penstock/base/log.h"
#include "penstock/net/listener.h"

namespace penstock {

class PeerVisitor;

class PeerVisitorOwner {
 public:
  // It has said who it is: it is taken away, or refused.
  virtual void on_hello(PeerVisitor& visitor) = 0;
  virtual void on_visitor_over(PeerVisitor& visitor) = 0;
  virtual void on_refused(PeerVisitor& visitor, peers::Status why) = 0;

 protected:
  ~PeerVisitorOwner() = default;
};

// Who has come and not yet said who it is; or is about to leave.
class PeerVisitor final : public Living, private ConnectionEvents {
 public:
  PeerVisitor(Loop& loop, PeerVisitorOwner& owner);
  static Owned<PeerVisitor> welcome(Listener& listener, Loop& loop, PeerVisitorOwner& owner);
  // Is told this, and waited for to go.
  static Owned<PeerVisitor> leaving(Owned<Connection> connection, std::string_view last_words, Loop& loop,
                                    PeerVisitorOwner& owner);
  const peers::Hello& hello() const { return hello_; }
  Connection& connection() { return *connection_; }
  void refuse(peers::Status status);
  // What came behind the hello.
  Owned<Connection> take(std::string& said);

 private:
  void on_close() override { connection_.reset(); }
  void on_deadline() override { owner_.on_visitor_over(*this); }
  void on_ready() override {}
  void on_bytes(Slice bytes) override;
  void on_read_end(bool) override { owner_.on_visitor_over(*this); }
  void on_sent() override {}
  void on_lost(const Loss&) override { owner_.on_visitor_over(*this); }
  void on_time_out() override { owner_.on_visitor_over(*this); }
  void leave(std::string_view last_words);

  PeerVisitorOwner& owner_;
  Owned<Connection> connection_;
  std::string inbox_;
  peers::Hello hello_;
  bool leaving_ = false;
};

class PeerGroup final : public Living, private PeerLinkOwner, private PeerVisitorOwner, private ListenerOwner {
 public:
  using Report = std::function<void(const std::string& line)>;
  PeerGroup(Loop& loop, const PeersPlan& plan, PeerCounts& counts, Report report);
  const PeersPlan& plan() const { return plan_; }
  // The same section, as a reload has it.
  void adopt(const PeersPlan& plan, const SharedTables& tables);
  const SharedTables& tables() const { return tables_; }
  // Nobody is let in any more, and nobody called but who serves after us, where we were: it is told what we know, and
  // what changes as long as we live.
  void leave();
  // Of one that leaves: there is nobody to be told, or everything was.
  bool all_told();
  void describe(std::string& to, bool with_texts) const;

 private:
  enum class Learning : std::uint8_t { Wanted, Asked, Done };
  Owned<PeerLink> link_to_ourselves(const SocketAddress& address);
  void on_close() override;
  void on_deadline() override;
  void on_linked(PeerLink& link) override;
  void on_parted(PeerLink& link) override;
  void on_lesson_over(PeerLink& link, bool whole) override;
  bool knows_all() const override;
  void see_off(Owned<Connection> connection, std::string_view last_words) override;
  void report(const std::string& what) override;
  PeerCounts& counts() override { return counts_; }
  void on_hello(PeerVisitor& visitor) override;
  void on_visitor_over(PeerVisitor& visitor) override;
  void on_refused(PeerVisitor& visitor, peers::Status why) override;
  void on_connection(Listener& listener) override;
  void listen();
  void ask_somebody();

  PeersPlan plan_;
  PeerCounts& counts_;
  const Report report_;
  const std::int64_t made_us_;
  SharedTables tables_;
  std::vector<Owned<PeerLink>> links_;
  // With a process that has our name: who was here before us comes and tells what it knows; who comes after us is told.
  Owned<PeerLink> ourselves_;
  std::uint64_t leaving_ms_ = 0;  // Since then; 0: we stay.
  std::vector<Owned<PeerVisitor>> visitors_;
  Owned<Listener> listener_;
  std::shared_ptr<const BoundAddress> listens_at_;
  Learning learning_ = Learning::Wanted;
  const PeerLink* asked_ = nullptr;
  std::vector<const PeerLink*> useless_;  // They do not know everything themselves.
  std::uint64_t begun_ms_ = 0, reported_ms_ = 0;
};

}  // namespace penstock
