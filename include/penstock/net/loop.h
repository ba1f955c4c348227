// One event loop of one thread: its clock, its deadlines, work from other threads, and proof at the
// end that nothing is left.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "penstock/base/block.h"
#include "penstock/base/list.h"

struct uv_loop_s;
struct uv_timer_s;
struct uv_async_s;
struct uv_check_s;
struct uv_idle_s;

namespace penstock {

class Living;
class Mortal;

// Work to be done when the callback that asked for it has returned: what a turn wrote goes out in
// one call, what was paused goes on. Each is run once for each time it was asked for.
struct LaterTag;
class Later : public ListNode<LaterTag> {
 public:
  virtual void run_later() = 0;

 protected:
  ~Later() = default;
};

// Work that can also be put off: to the end of the turn, or for a while. Unlinking it puts it off for good.
struct PutOffTag;
class PutOff : public Later, public ListNode<PutOffTag> {
 protected:
  ~PutOff() = default;
};

// Whom libuv does not watch for now, and who is looked at once in a while instead.
struct PatrolTag;
class Patrolled : public ListNode<PatrolTag> {
 public:
  virtual void look() = 0;

 protected:
  ~Patrolled() = default;
};

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Milliseconds of a clock that never steps back; moves once a turn.
  std::uint64_t now() const;
  // Unix time in microseconds.
  static std::int64_t wall_us();
  // Serves until stop() or until nothing is left to wait for.
  void run();
  void stop();
  // Runs until everything that was let go has ended; then the loop can die.
  void run_dry();
  // Gives back the blocks kept for reading; the last thing its thread does with it.
  void free_blocks();
  // From any thread: `task` runs on this loop, soon, in order.
  void post(std::function<void()> task);
  // What was posted and has not run yet never will.
  void forget_posted();

  // Runs `work` at the end of the callback now on the stack.
  void later(Later& work) {
    if (!work.linked()) later_.push_back(work);
  }
  // Runs `work` when all that had happened by the end of this turn, or of the next if this one has come
  // to its end, was dealt with. The turn waits for nothing new meanwhile.
  void put_off(PutOff& work);
  // Runs `work` some time within kDozeMs.
  static constexpr std::uint64_t kDozeMs = 100;
  void doze(PutOff& work);
  // Has a look at it within kPatrolMs, once.
  static constexpr std::uint64_t kPatrolMs = 500;
  void patrol(Patrolled& one) {
    if (one.linked()) return;
    patrol_.push_back(one);
    if (patrol_at_ == UINT64_MAX) begin_patrol();
  }
  // Every libuv callback ends with this.
  void settle() {
    while (!later_.empty()) later_.pop_front().run_later();
  }

  // Where reads of this loop land; see Connection.
  Filling& read_block() { return read_block_; }
  Filling& gulp_block() { return gulp_block_; }
  // For ciphertext, which no one keeps: at least kGulpSize bytes.
  char* scratch();

  // Bytes that directions in bulk may hold at once on this worker.
  std::size_t gulp_budget = 16 * 1024 * 1024;
  bool may_gulp(std::size_t size) const { return Block::gulps_in_use() + size <= gulp_budget; }

  // Descriptors of connections that the whole process has open, and how many it may have; null: not
  // counted.
  std::atomic<std::int32_t>* descriptors = nullptr;
  std::int32_t descriptor_limit = 0;

  uv_loop_s* raw() const { return loop_.get(); }

 private:
  friend class Living;
  friend class Mortal;
  friend struct LoopCallbacks;

  // Timer wheel: five levels of 64 slots; one slot of a level spans all slots of the level below.
  // An entry in a slot is not due before the slot's time, and is looked at again when it comes.
  static constexpr int kLevels = 5;
  static constexpr int kSlots = 64;
  void schedule(Living& living, std::uint64_t due_ms);
  void expire();
  void arm();
  void run_put_off();
  void wake_drowsy();
  void begin_patrol();
  void go_on_patrol();
  std::uint64_t next_expiry() const;
  void bury(Mortal& mortal);
  void free_buried();
  bool run_posted();  // False: there was nothing.

  std::unique_ptr<uv_loop_s> loop_;
  std::unique_ptr<uv_timer_s> timer_;
  std::unique_ptr<uv_async_s> async_;
  std::unique_ptr<uv_check_s> check_;
  std::unique_ptr<uv_idle_s> restless_;  // Active: the turn must not wait.
  std::array<std::array<List<Living>, kSlots>, kLevels> wheel_;
  std::array<std::uint64_t, kLevels> occupied_{};
  std::uint64_t wheel_now_ = 0;
  std::uint64_t armed_for_ = UINT64_MAX;
  List<Later, LaterTag> later_;
  List<PutOff, PutOffTag> put_off_;
  List<PutOff, PutOffTag> drowsy_;
  std::uint64_t wake_at_ = UINT64_MAX;
  List<Patrolled, PatrolTag> patrol_;
  std::uint64_t patrol_at_ = UINT64_MAX;
  List<Mortal> buried_;
  Filling read_block_;
  Filling gulp_block_;
  std::unique_ptr<char[]> scratch_;
  std::mutex posted_lock_;
  std::vector<std::function<void()>> posted_;
};

}  // namespace penstock
