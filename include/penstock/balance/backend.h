// The servers of one backend on one worker: their policy, their idle connections, and the waiting
// line of requests for which no server has room (maxconn).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/balance/policy.h"
#include "penstock/balance/pool.h"
#include "penstock/balance/server.h"
#include "penstock/base/counted.h"
#include "penstock/base/list.h"
#include "penstock/net/living.h"

namespace penstock {

class Backend;
struct ServerSlot;

struct LineTag;
struct ServedTag;

// Who stands in the waiting line of a backend.
class Waiting : public ListNode<LineTag> {
 public:
  // A server may have room now: choose again. Called from the loop.
  virtual void on_turn() = 0;
  // A reload has put `next` in its backend's place: false if it has to wait on where it is.
  virtual bool on_moved(Backend& next) = 0;

 protected:
  virtual ~Waiting() = default;

 private:
  friend class Backend;
  ServerSlot* wanted_ = nullptr;  // No other will do.
  std::uint64_t ticket_ = 0;      // For any; 0: none.
  std::uint64_t rank_ = 0;        // Who has a lower one is served before.
};

// Who is being served by a server, and must hear when that server's sessions are to be shut down.
class Served : public ListNode<ServedTag> {
 public:
  virtual void on_server_down() = 0;

 protected:
  ~Served() = default;
};

// One server on one worker.
struct ServerSlot {
  ServerSlot(Loop& loop, const ServerSpec& spec, std::uint32_t index) : spec(spec), index(index), loop_(loop) {
    look_again();
  }
  const ServerSpec& spec;
  const std::uint32_t index;
  List<Served, ServedTag> served;

  // Where it is, if that is not where the file has it; else null.
  const std::shared_ptr<const Moved>& moved() const { return moved_; }
  // It may be elsewhere now: then another pool begins, and the one of before closes.
  void look_again();

  // Of connections to where it is. Made on first use; whoever counts there or has something of it keeps hold of it.
  const Ref<Pool>& pool() {
    if (!pool_) pool_ = make_ref<Pool>(loop_, spec.pool, shelf(), spec.state);
    return pool_;
  }
  Pool* pool_if_made() { return pool_.get(); }
  // `next` stands for the same server in the next generation: true if it shares the pool from now on.
  bool share_pool(ServerSlot& next);

 private:
  std::uint64_t identity() const { return spec.identity_at(moved_ ? moved_->where : spec.where); }
  std::shared_ptr<Shelf> shelf() const { return spec.pool.shared ? spec.state->shelves.of(identity()) : nullptr; }
  Loop& loop_;
  std::shared_ptr<const Moved> moved_;
  std::uint32_t seen_moves_ = 0;
  Ref<Pool> pool_;
};

// Servers that did not take a request, told apart as well as 64 bits can.
class Tried {
 public:
  Tried() = default;
  explicit Tried(const ServerSlot& slot) { add(slot); }
  void add(const ServerSlot& slot) { bits_ |= bit(slot.index); }
  bool has(std::uint32_t index) const { return (bits_ & bit(index)) != 0; }
  bool empty() const { return bits_ == 0; }

 private:
  static std::uint64_t bit(std::uint32_t index) { return std::uint64_t{1} << (index % 64); }
  std::uint64_t bits_ = 0;
};

// Wakes the lines of one backend on all workers.
class LineWaker {
 public:
  virtual void wake_lines(BackendState& state) = 0;

 protected:
  ~LineWaker() = default;
};

class Backend final : public Counted<Backend> {
 public:
  Backend(Loop& loop, const BackendSpec& spec, LineWaker& waker, std::uint64_t seed);
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  const BackendSpec& spec() const { return spec_; }

  struct Choice {
    enum class Kind { Chosen, Full, None };
    Kind kind = Kind::None;  // None: no server is up.
    // Chosen: one request more is counted on it until release(). Full: the one to wait for, or null
    // if any will do.
    ServerSlot* slot = nullptr;
  };
  // Which server the request should go to. A firm wish waits while that server is full; `anyhow` one
  // that takes no new traffic will do, as who wishes has looked at it; a pinned one is granted whatever
  // the server's health, since a connection to it is there.
  struct Wish {
    static Wish none() { return {}; }
    static Wish usual(const ServerSlot& slot) { return {.slot = &slot}; }
    static Wish firmly(const ServerSlot& slot, bool anyhow = false) {
      return {.slot = &slot, .firm = true, .anyhow = anyhow};
    }
    static Wish to_pinned(const ServerSlot& slot) { return {.slot = &slot, .firm = true, .pinned = true}; }
    const ServerSlot* slot = nullptr;
    bool firm = false;
    bool pinned = false;
    bool anyhow = false;
  };
  // `hash` is the key of policies that hash. `wish` is granted if the server is usable; those
  // tried are not taken while another can be had.
  Choice choose(std::uint32_t hash, Wish wish, Tried tried);
  // One request on `slot` is over; who waits may come.
  void release(ServerSlot& slot);
  // A server that is up takes requests, whether it has room or not.
  bool has_server();
  bool has_server_besides(Tried tried);
  // Who chooses goes by a key, not by turns.
  bool hashes() const { return spec_.balance == BalanceKind::Source || spec_.balance == BalanceKind::Hash; }
  // Requests being served by its servers, of all workers.
  std::uint32_t in_use() const;

  // The place that who comes now has in the line for `wanted`, or in the backend's: 1 if nobody is before it, since
  // 0 in a log line says that there was no waiting.
  std::uint32_t last_place(const ServerSlot* wanted) const;
  // `wanted` as the choice said.
  void stand_in_line(Waiting& waiting, ServerSlot* wanted, Priority priority = {});
  void leave_line(Waiting& waiting);
  std::size_t line_length() const { return line_length_; }
  // Lets those in line choose again, in order, until one has to go on waiting.
  void serve_line();
  // Something about its servers may have changed: takes it up.
  void look_again();
  // Those in line stand in that of `next` from now on, in their order, and are served as it has it.
  void hand_line_to(Backend& next);
  ServerSlot* find(const Server& server);
  // `on-marked-down shutdown-sessions`
  void shut_down(const Server& server);

  std::vector<std::unique_ptr<ServerSlot>>& slots() { return slots_; }
  // A reload has put `next` in its place, or nothing: servers that it leaves alone keep their idle connections and
  // TLS sessions, those of others close.
  void hand_pools_to(Backend* next);
  bool has_pools() const;

 private:
  const Candidate* candidate_by_policy(std::uint32_t hash, Tried tried);
  const Candidate* candidate_by_turn(Tried tried);
  std::span<const Candidate> candidates_besides(Tried tried);
  std::span<const Candidate> candidates_within_share(std::span<const Candidate> candidates);
  std::uint32_t limit_of(const ServerSpec& server) const;
  bool is_full(const ServerSlot& slot) const;
  bool acquire(ServerSlot& slot);
  void put_in_line(Waiting& waiting);
  void put_in_order();
  void step_out(Waiting& waiting);
  void give_back(std::uint64_t ticket);
  bool has_oldest();
  static bool may_wait(const ServerSlot& slot);

  Loop& loop_;
  const BackendSpec& spec_;
  LineWaker& waker_;
  std::vector<std::unique_ptr<ServerSlot>> slots_;
  std::vector<Candidate> candidates_;
  std::vector<Candidate> besides_;  // Of them, while some are passed over.
  std::vector<Candidate> within_share_;
  std::vector<std::uint32_t> schedule_;
  std::uint32_t seen_version_ = 0;
  std::uint64_t random_;
  List<Waiting, LineTag> line_;
  std::size_t line_length_ = 0;
  bool serving_line_ = false;
  bool by_rank_ = false;              // Somebody has come who is not to stand behind all others.
  std::uint64_t ticket_in_turn_ = 0;  // Of who is choosing again.
};

}  // namespace penstock
