// The workers and what they share: the snapshot they serve, the states that outlive it, and what
// passes from one worker to the others. Lives on the loop of whoever leads it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/balance/health_watch.h"
#include "penstock/control/changes.h"
#include "penstock/control/feed.h"
#include "penstock/control/legacy.h"
#include "penstock/control/mailing.h"
#include "penstock/control/peers.h"
#include "penstock/control/worker.h"
#include "penstock/net/loop.h"
#include "penstock/proxy/snapshot.h"

namespace penstock::config {
struct Config;
struct Global;
}  // namespace penstock::config

namespace penstock {

// Called on the crew's loop.
class CrewOwner {
 public:
  // The snapshot last put to work is at work on every worker.
  virtual void on_adopted() = 0;
  // Drained, and the last client has left.
  virtual void on_crew_idle() = 0;
  // A server's state has changed: see Crew::note_of().
  virtual void on_server_changed(const Server& server) = 0;
  // Of what ends with a reload: how to do it again.
  virtual void on_kept(const KeptChange& /*change*/) {}
  // A rule wants to know the address of a name. `done` hears it once, on the crew's loop.
  virtual void on_name_wanted(const std::string& /*section*/, const std::string& /*name*/, bool /*ip4_first*/,
                              std::function<void(const SocketAddress& address)> done) {
    done({});
  }

 protected:
  ~CrewOwner() = default;
};

// As many workers as a configuration asks for.
unsigned workers_for(const config::Global& global);

class Crew final : private WorkerOwner {
 public:
  Crew(Loop& loop, CrewOwner& owner);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Its limits are to be set before start().
  ProcessState& process() { return process_; }
  // As many as run, or will once this configuration is started.
  unsigned workers_for(const config::Config& config) const;
  // Compiles; what was counted before is kept where it stays. Null after complaints; nothing has
  // changed then.
  std::shared_ptr<const Snapshot> build(config::Config config, Bundle bundle, bool check_only,
                                        config::Diagnostics& diagnostics);
  // The snapshot at work with one thing changed, to be put to work. Null after complaints.
  std::shared_ptr<const Snapshot> amended(const Amendment& amendment, config::Diagnostics& diagnostics);
  const Feeds& feeds() const { return feeds_; }
  const Peers& peers() const { return peers_; }
  // What the next build() is to keep.
  const Bundle* bundle() const { return snapshot_ ? &snapshot_->bundle : nullptr; }

  // Once, with the snapshot to begin with, and what another process knew about its servers;
  // on_adopted() follows.
  void start(std::shared_ptr<const Snapshot> snapshot, const ServerNotes& notes = {});
  // The next one, when on_adopted() was called for the one before. `notes`: see start().
  void put_to_work(std::shared_ptr<const Snapshot> snapshot, const ServerNotes& notes = {});
  bool adopting() const { return adopting_ != 0; }
  // At work, or about to be; null before start().
  const std::shared_ptr<const Snapshot>& snapshot() const { return snapshot_; }
  // What it changed when it was put to work; `gone` of it is for that moment only.
  const Difference& change() const { return *change_; }

  // Asks the keeper of a server for a change. `done` is called on the crew's loop, never from within, when it is in
  // force and every worker chooses by it. False: there is no such server, and nobody is called.
  bool change(std::string_view backend, std::string_view server, const ServerChange& change,
              std::function<void()> done);
  // Asks every worker, each on its own thread. `done` is called on the crew's loop, never from within, when all have
  // answered.
  using Question = std::function<void(unsigned worker, Station& station)>;
  void ask(Question question, std::function<void()> done);
  unsigned workers() const { return process_.workers; }
  // What runs through this server ends; `done` as above.
  void shut_down_sessions(const std::shared_ptr<Server>& server, std::function<void()> done);
  // A change that ends with the next reload, by its name: `undo` is called then, on the crew's loop. `redo` makes it
  // again, should a process come after this one; more may belong to it. Without words it is lost then.
  void keep_until_reload(const std::string& what, std::function<void()> undo, Redo redo = {});
  void keep_also(const std::string& what, Redo redo);
  // Of a map or ACL: one change of many, see KeptEntries. `told`: else whoever makes it again knows it already.
  void keep_entry(const std::string& what, std::function<void()> undo, std::string key, Redo redo, bool told);
  // What was kept as `from` is so as `to` from now on, with what that was before.
  void join_kept(const std::string& from, const std::string& to);
  void forget_until_reload(const std::string& what);
  bool keeps_until_reload(const std::string& what) const { return until_reload_.contains(what); }
  // Their names; all are undone.
  std::string end_what_was_kept();
  // Clients for whom there was no room may come now; `done` as above.
  void wake_who_waits(std::function<void()> done);
  // On the clock of the states of servers, which never steps back.
  std::uint64_t now_ms() const { return loop_.now(); }
  std::uint64_t started_ms() const { return started_ms_; }
  const ProcessState& process() const { return process_; }
  // What has been set about servers of the snapshot at work.
  const ServerOrders& orders() const { return orders_; }
  // What a process that comes after this one should know.
  ServerNote note_of(const Server& server) const;

  void drain();
  // `clear counters [all]`; `done` is called on the crew's loop when every worker has.
  void clear_counters(bool all, std::function<void()> done);
  // Where unix log sockets are out of reach; to be set before build().
  void set_log_reach(LogReach& reach) { log_reach_ = &reach; }
  // What was wanted of it.
  void reached_log(const std::string& name, const Descriptor& connected);
  // To be called now and then: what nobody uses any more is freed.
  void sweep();
  TicketKeys& tickets() { return tickets_; }

 private:
  // These eight are called by workers, on their threads; what they do to the crew is posted to its loop.
  void wake_lines(std::shared_ptr<BackendState> state) override;
  void wake_listeners() override;
  void on_worker_empty(unsigned worker) override;
  void on_server_changed(const BackendSpec& backend, const ServerSpec& server, KeeperEvents::Turn turn) override;
  void lead(std::shared_ptr<Server> follower) override;
  void take_change(const std::string& backend, const std::string& server, const ServerChange& change) override;
  void mail(const MailPlan& plan, std::string line) override;
  void find_name(unsigned worker, std::uint64_t number, const rules::NameAsked& asked) override;

  void tell(KeptChange change);
  void warn(const std::string& line);
  void begin_servers(const ServerNotes& notes);
  void settle_orders();
  void keep_orders(const Server& server, const Orders& orders);
  Orders orders_of(const Server& server) const;
  void pass_all(std::function<void()> done);
  Sources sources(bool check_only);
  bool open_logs(const Snapshot& snapshot, config::Diagnostics& diagnostics);
  bool share_sockets(const Snapshot& snapshot, config::Diagnostics& diagnostics) const;
  void tell_of_address(const BackendState& backend, const Server& server, bool up);
  void adopted();
  void watch_addresses();
  void empty_bin();

  Loop& loop_;
  CrewOwner& owner_;
  ProcessState process_;
  ServerRegistry servers_;
  StickTableRegistry tables_;
  TicketKeys tickets_;
  const std::shared_ptr<rules::PatternBin> taken_out_ = std::make_shared<rules::PatternBin>();
  const std::shared_ptr<rules::ProcessVariables> variables_ = std::make_shared<rules::ProcessVariables>(taken_out_);
  LogDescriptors log_descriptors_;
  LogReach* log_reach_ = nullptr;
  std::map<std::string, std::shared_ptr<FrontendState>> frontend_states_;
  std::map<std::string, std::shared_ptr<LogOutput>> log_outputs_;
  std::map<std::string, std::shared_ptr<Ring>> rings_;
  const std::shared_ptr<Caches> caches_ = std::make_shared<Caches>();
  Feeds feeds_;
  Mailing mailing_;
  Peers peers_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::shared_ptr<const Difference> change_;             // From the snapshot before it.
  std::vector<std::shared_ptr<const Snapshot>> former_;  // Freed here when nobody uses them any more.
  std::vector<std::unique_ptr<Worker>> workers_;
  ServerOrders orders_;  // As keepers have told.
  AddressWatch watch_;
  std::size_t adopting_ = 0;
  std::uint64_t started_ms_ = 0;
  std::map<std::string, std::function<void()>> until_reload_;
  std::size_t empty_workers_ = 0;
};

}  // namespace penstock
