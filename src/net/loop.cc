#include "penstock/net/loop.h"

#include <time.h>
#include <uv.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "penstock/base/require.h"
#include "penstock/net/living.h"
#include "starting.h"

namespace penstock {

struct LoopCallbacks {
  static void on_uv_timer(uv_timer_t* timer) {
    Loop& loop = *static_cast<Loop*>(timer->data);
    loop.armed_for_ = UINT64_MAX;
    loop.expire();
    loop.wake_drowsy();
    loop.go_on_patrol();
    loop.arm();
    loop.settle();
  }
  static void on_uv_async(uv_async_t* async) {
    Loop& loop = *static_cast<Loop*>(async->data);
    loop.run_posted();
    loop.settle();
  }
  static void on_uv_idle(uv_idle_t*) {}
  static void on_uv_check(uv_check_t* check) {
    Loop& loop = *static_cast<Loop*>(check->data);
    loop.settle();
    loop.run_put_off();
    loop.free_buried();
  }
};

Loop::Loop()
    : loop_(std::make_unique<uv_loop_t>()),
      timer_(std::make_unique<uv_timer_t>()),
      async_(std::make_unique<uv_async_t>()),
      check_(std::make_unique<uv_check_t>()),
      restless_(std::make_unique<uv_idle_t>()) {
  must_start(uv_loop_init(loop_.get()), "an event loop");
  require(uv_timer_init(loop_.get(), timer_.get()) == 0);
  must_start(uv_async_init(loop_.get(), async_.get(), LoopCallbacks::on_uv_async), "an event loop");
  require(uv_check_init(loop_.get(), check_.get()) == 0);
  require(uv_idle_init(loop_.get(), restless_.get()) == 0);
  timer_->data = async_->data = check_->data = this;
  require(uv_check_start(check_.get(), LoopCallbacks::on_uv_check) == 0);
  uv_unref(reinterpret_cast<uv_handle_t*>(check_.get()));
  uv_unref(reinterpret_cast<uv_handle_t*>(timer_.get()));
  uv_unref(reinterpret_cast<uv_handle_t*>(restless_.get()));
  wheel_now_ = now();
}

Loop::~Loop() {
  run_dry();
  uv_close(reinterpret_cast<uv_handle_t*>(timer_.get()), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(async_.get()), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(check_.get()), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(restless_.get()), nullptr);
  while (uv_run(loop_.get(), UV_RUN_DEFAULT) != 0) {
  }
  require(uv_loop_close(loop_.get()) == 0);
}

// What uv_now() says, which is asked too often to be a call into another library.
std::uint64_t Loop::now() const { return loop_->time; }

std::int64_t Loop::wall_us() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000000 + now.tv_nsec / 1000;
}

void Loop::run() {
  settle();  // What was asked for before: a turn may wait long for its first event.
  uv_run(loop_.get(), UV_RUN_DEFAULT);
  settle();
}

void Loop::stop() { uv_stop(loop_.get()); }

void Loop::run_dry() {
  // Only the async handle keeps a loop alive that has nothing else; it must not, here.
  uv_unref(reinterpret_cast<uv_handle_t*>(async_.get()));
  do {
    settle();
    while (uv_run(loop_.get(), UV_RUN_DEFAULT) != 0 || !later_.empty()) settle();
    // What is posted may let go of more, and post more.
  } while (run_posted());
  free_buried();
  uv_ref(reinterpret_cast<uv_handle_t*>(async_.get()));
}

void Loop::free_blocks() {
  read_block_.reset();
  gulp_block_.reset();
}

void Loop::post(std::function<void()> task) {
  {
    std::lock_guard guard(posted_lock_);
    posted_.push_back(std::move(task));
  }
  uv_async_send(async_.get());
}

void Loop::forget_posted() {
  std::vector<std::function<void()>> tasks;
  std::lock_guard guard(posted_lock_);
  tasks.swap(posted_);
}

bool Loop::run_posted() {
  std::vector<std::function<void()>> tasks;
  {
    std::lock_guard guard(posted_lock_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) task();
  return !tasks.empty();
}

char* Loop::scratch() {
  if (!scratch_) scratch_ = std::make_unique<char[]>(kGulpSize + 1024);
  return scratch_.get();
}

void Loop::bury(Mortal& mortal) { buried_.push_back(mortal); }

void Loop::free_buried() {
  while (!buried_.empty()) delete &buried_.pop_front();
}

void Loop::schedule(Living& living, std::uint64_t due_ms) {
  living.unlink();
  living.armed_ms_ = due_ms;
  if (due_ms <= wheel_now_) due_ms = wheel_now_ + 1;
  // The level is that of the highest bit in which the due time differs from now.
  const std::uint64_t difference = due_ms ^ wheel_now_;
  int level = (63 - std::countl_zero(difference)) / 6;
  if (level >= kLevels) {
    level = kLevels - 1;
    due_ms = wheel_now_ + (std::uint64_t{kSlots - 1} << (6 * level));
  }
  const auto slot = static_cast<std::size_t>((due_ms >> (6 * level)) % kSlots);
  wheel_[static_cast<std::size_t>(level)][slot].push_back(living);
  occupied_[static_cast<std::size_t>(level)] |= std::uint64_t{1} << slot;
  if (due_ms < armed_for_) arm();
}

// The earliest time at which some slot must be looked at.
std::uint64_t Loop::next_expiry() const {
  std::uint64_t earliest = UINT64_MAX;
  for (std::size_t level = 0; level < kLevels; ++level) {
    if (occupied_[level] == 0) continue;
    const unsigned shift = static_cast<unsigned>(6 * level);
    const std::uint64_t position = wheel_now_ >> shift;
    const auto here = static_cast<int>(position % kSlots);
    // Slots ahead of here, nearest first; a slot at or behind here belongs to the next round.
    const std::uint64_t ahead = std::rotr(occupied_[level], here);
    int distance = std::countr_zero(ahead & ~std::uint64_t{1});
    if ((ahead & ~std::uint64_t{1}) == 0) distance = kSlots;
    const std::uint64_t at = (position + static_cast<std::uint64_t>(distance)) << shift;
    if (at < earliest) earliest = at;
  }
  return earliest;
}

void Loop::put_off(PutOff& work) {
  put_off_.push_back(work);
  uv_idle_start(restless_.get(), LoopCallbacks::on_uv_idle);
}

void Loop::run_put_off() {
  if (uv_is_active(reinterpret_cast<uv_handle_t*>(restless_.get())) == 0) return;
  while (!put_off_.empty()) later(put_off_.pop_front());
  settle();
  if (put_off_.empty()) uv_idle_stop(restless_.get());
}

void Loop::doze(PutOff& work) {
  drowsy_.push_back(work);
  if (wake_at_ != UINT64_MAX) return;
  wake_at_ = now() + kDozeMs;
  arm();
}

void Loop::wake_drowsy() {
  if (now() < wake_at_) return;
  wake_at_ = UINT64_MAX;
  while (!drowsy_.empty()) later(drowsy_.pop_front());
}

void Loop::begin_patrol() {
  patrol_at_ = now() + kPatrolMs;
  arm();
}

void Loop::go_on_patrol() {
  if (now() < patrol_at_) return;
  patrol_at_ = UINT64_MAX;
  List<Patrolled, PatrolTag> all;
  all.take_all(patrol_);
  while (!all.empty()) {
    all.pop_front().look();
    settle();
  }
}

void Loop::arm() {
  const std::uint64_t next = std::min({next_expiry(), wake_at_, patrol_at_});
  if (next == UINT64_MAX || next == armed_for_) return;
  armed_for_ = next;
  const std::uint64_t wait = next > now() ? next - now() : 0;
  uv_timer_start(timer_.get(), LoopCallbacks::on_uv_timer, wait, 0);
}

// Looks at every slot whose time has come, in order of time: entries that are due fire, those that
// moved later are scheduled anew. So are those that share a slot with earlier ones, even if by now they
// are due too: however late we are, deadlines come in order.
void Loop::expire() {
  const std::uint64_t target = now();
  while (true) {
    const std::uint64_t next = next_expiry();
    if (next > target) break;
    wheel_now_ = next;
    List<Living> due;
    for (std::size_t level = 0; level < kLevels; ++level) {
      const unsigned shift = static_cast<unsigned>(6 * level);
      if (level != 0 && (next & ((std::uint64_t{1} << shift) - 1)) != 0) break;
      const auto slot = static_cast<std::size_t>((next >> shift) % kSlots);
      due.take_all(wheel_[level][slot]);
      occupied_[level] &= ~(std::uint64_t{1} << slot);
    }
    while (!due.empty()) {
      Living& living = due.pop_front();
      living.armed_ms_ = Living::kNever;
      if (living.due_ms_ == Living::kNever) continue;  // Cleared meanwhile.
      if (next < living.due_ms_) {                     // Later than its slot, or moved meanwhile.
        schedule(living, living.due_ms_);
        continue;
      }
      living.due_ms_ = Living::kNever;
      living.on_deadline();
      settle();
    }
  }
  if (target > wheel_now_) {
    // Nothing lies between: moving on must not skip a slot of a higher level.
    wheel_now_ = target;
  }
}

}  // namespace penstock
