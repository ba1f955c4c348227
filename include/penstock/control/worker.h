// One thread: a loop, its station, and the servers that fell to it as their keeper.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "penstock/balance/keeper.h"
#include "penstock/net/loop.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/proxy/station.h"

namespace penstock {

class Lookups;

// Checks under way at once in the whole process, each with a descriptor.
constexpr std::size_t kChecksInFlight = 256;

// What workers ask of the process. Called from their threads.
class WorkerOwner {
 public:
  virtual void wake_lines(std::shared_ptr<BackendState> state) = 0;
  virtual void wake_listeners() = 0;
  virtual void on_worker_empty(unsigned worker) = 0;
  virtual void on_server_changed(const BackendSpec& backend, const ServerSpec& server, KeeperEvents::Turn turn) = 0;
  // The server that this one tracks may be another now: its keeper is to hear of it.
  virtual void lead(std::shared_ptr<Server> follower) = 0;
  virtual void mail(const MailPlan& plan, std::string line) = 0;
  // An administrator wants it, on the page of statistics.
  virtual void take_change(const std::string& backend, const std::string& server, const ServerChange& change) = 0;

  // A rule wants to know the address of a name; the worker is to be told it by `number`.
  virtual void find_name(unsigned worker, std::uint64_t number, const rules::NameAsked& asked) = 0;

 protected:
  ~WorkerOwner() = default;
};

class Worker final : private StationOwner, private KeeperEvents, private HealthLog {
 public:
  Worker(unsigned index, unsigned workers, ProcessState& process, WorkerOwner& owner);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // From the master's thread. What is posted runs in order.
  void start();
  // `done` runs on the worker's thread when the snapshot is at work.
  void adopt(std::shared_ptr<const Snapshot> snapshot, std::shared_ptr<const Difference> change,
             std::function<void()> done);
  void drain();
  void serve_lines(std::shared_ptr<BackendState> state);
  void shut_down_sessions(std::shared_ptr<Server> server);
  void resume_listeners();
  // Of its servers one is to be changed, or follows another; `done` runs on the worker's thread.
  void change(std::shared_ptr<Server> server, const ServerChange& change, std::function<void()> done);
  void follow(std::shared_ptr<Server> server);
  // `question` runs on the worker's thread.
  void ask(std::function<void(Station&)> question);
  // What came of a name that it asked for; empty: nothing.
  void name_found(std::uint64_t number, const SocketAddress& address);
  // `done` runs on the worker's thread, after all that was posted to it before.
  void pass(std::function<void()> done);
  // Ends everything; returns when the thread has ended.
  void stop();

 private:
  void run();
  void take(std::shared_ptr<const Snapshot> snapshot, const Difference& change);
  bool keeps(const ServerSpec& server) const { return server.state->keeper(workers_) == index_; }
  const BackendSpec& backend_of(const Server& server) const;
  void lead_all(const BackendPlan& plan);
  void lead_followers(const ServerSpec& server);
  void end();
  void wake_lines(BackendState& state) override { owner_.wake_lines(state.shared_from_this()); }
  void wake_listeners() override { owner_.wake_listeners(); }
  void take_change(const std::string& backend, const std::string& server, const ServerChange& change) override {
    owner_.take_change(backend, server, change);
  }
  bool find_name(rules::NameAsked& asked, rules::AnswerWaiter& waiter) override;
  void on_station_empty(unsigned worker) override { owner_.on_worker_empty(worker); }
  void on_server_changed(const BackendSpec& backend, const ServerSpec& server, Turn turn) override;
  void write(const BackendSpec& backend, Level level, std::string_view line) override;
  void mail(const BackendSpec& backend, Level level, std::string_view line) override;

  const unsigned index_;
  const unsigned workers_;
  WorkerOwner& owner_;
  Loop loop_;
  std::shared_ptr<const Snapshot> snapshot_;  // What the keeper looks at.
  const std::unique_ptr<Lookups> lookups_;
  std::unique_ptr<Station> station_;
  std::unique_ptr<Keeper> keeper_;
  std::thread thread_;
};

}  // namespace penstock
