#include "penstock/net/loop.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "penstock/net/living.h"
#include "unit/catch.h"

using namespace penstock;

namespace {

constexpr std::uint64_t kDay = 24 * 3600 * 1000;

// Something with a deadline, and nothing else.
class Alarm final : public Living {
 public:
  static Owned<Alarm> make(Loop& loop, std::function<void()> rings) {
    return Owned<Alarm>(new Alarm(loop, std::move(rings)));
  }
  using Living::clear_deadline;
  using Living::has_deadline;
  using Living::set_deadline;
  void count_ends(int& ends) { ends_ = &ends; }

 private:
  Alarm(Loop& loop, std::function<void()> rings) : Living(loop), rings_(std::move(rings)) {}
  ~Alarm() override {
    if (ends_ != nullptr) ++*ends_;
  }
  void on_deadline() override { rings_(); }

  std::function<void()> rings_;
  int* ends_ = nullptr;
};

// Keeps this thread busy until the system's clock has moved on: the loop comes late to what is due.
void dawdle(std::uint64_t ms) {
  const std::int64_t end = Loop::wall_us() + static_cast<std::int64_t>(ms) * 1000;
  while (Loop::wall_us() < end) {
  }
}

struct Work final : Later {
  explicit Work(std::function<void()> run) : run(std::move(run)) {}
  void run_later() override { run(); }
  std::function<void()> run;
};

}  // namespace

TEST_CASE("a deadline comes when its time has come, and once") {
  Loop loop;
  for (const std::uint64_t wait : {1, 2, 5, 20, 50}) {
    int rings = 0;
    std::uint64_t rung_at = 0;
    auto after = Alarm::make(loop, [&] { loop.stop(); });
    auto alarm = Alarm::make(loop, [&] {
      ++rings;
      rung_at = loop.now();
      after->set_deadline(2);
    });
    const std::uint64_t due = loop.now() + wait;
    alarm->set_deadline(wait);
    CHECK(alarm->has_deadline());
    loop.run();
    CHECK(rings == 1);
    CHECK(rung_at >= due);
    CHECK_FALSE(alarm->has_deadline());
  }
}

TEST_CASE("deadlines come in the order of their times, however late the loop is") {
  Loop loop;
  std::mt19937 random(11);
  for (int round = 0; round < 5; ++round) {
    constexpr int kAlarms = 2000;
    struct Entry {
      Owned<Alarm> alarm;
      std::uint64_t due = 0;
    };
    std::vector<Entry> entries(kAlarms);
    std::vector<std::uint64_t> rung;
    bool early = false;
    std::size_t expected = 0;
    const auto set = [&](Entry& entry, std::uint64_t wait) {
      entry.due = loop.now() + wait;
      entry.alarm->set_deadline(wait);
    };
    for (Entry& entry : entries) {
      entry.alarm = Alarm::make(loop, [&] {
        early = early || loop.now() < entry.due;
        rung.push_back(entry.due);
        if (rung.size() % 500 == 0) dawdle(30);
        if (rung.size() == expected) loop.stop();
      });
      set(entry, 1 + random() % 200);
    }
    // Some are moved later, some earlier, some given up.
    for (Entry& entry : entries) {
      const unsigned choice = random() % 4;
      if (choice == 0) set(entry, 1 + random() % 200);
      if (choice == 1) entry.alarm->clear_deadline();
      if (choice != 1) ++expected;
    }
    loop.run();
    CHECK(rung.size() == expected);
    CHECK(std::is_sorted(rung.begin(), rung.end()));
    CHECK_FALSE(early);
  }
}

TEST_CASE("deadlines moved about while others come keep their order too") {
  Loop loop;
  std::mt19937 random(5);
  constexpr std::size_t kAlarms = 300;
  std::vector<Owned<Alarm>> alarms(kAlarms);
  std::vector<std::uint64_t> due(kAlarms, 0);
  std::uint64_t last = 0;
  bool in_order = true, early = false;
  int left = 3000;
  const auto set = [&](std::size_t i, std::uint64_t wait) {
    due[i] = loop.now() + wait;
    alarms[i]->set_deadline(wait);
  };
  for (std::size_t i = 0; i < kAlarms; ++i) {
    alarms[i] = Alarm::make(loop, [&, i] {
      early = early || loop.now() < due[i];
      in_order = in_order && due[i] >= last;
      last = due[i];
      if (left == 0) return;  // Due in the turn that stops.
      if (--left == 0) return loop.stop();
      set(i, 1 + random() % 100);
      set(random() % kAlarms, 1 + random() % 100);
      if (left % 200 == 0) dawdle(10);
    });
    set(i, 1 + random() % 100);
  }
  loop.run();
  CHECK(left == 0);
  CHECK(in_order);
  CHECK_FALSE(early);
}

TEST_CASE("a deadline moved later comes at its new time only") {
  Loop loop;
  std::uint64_t rung_at = 0;
  auto alarm = Alarm::make(loop, [&] {
    rung_at = loop.now();
    loop.stop();
  });
  alarm->set_deadline(2);
  auto mover = Alarm::make(loop, [&] { alarm->set_deadline(20); });
  mover->set_deadline(1);
  const std::uint64_t start = loop.now();
  loop.run();
  CHECK(rung_at >= start + 21);
}

TEST_CASE("a deadline of days moved earlier comes at its new time") {
  for (const std::uint64_t days : {1, 11, 12, 13, 30, 400}) {
    Loop loop;
    std::uint64_t rung_at = 0;
    auto alarm = Alarm::make(loop, [&] {
      rung_at = loop.now();
      loop.stop();
    });
    alarm->set_deadline(days * kDay);
    const std::uint64_t start = loop.now();
    alarm->set_deadline(3);
    // Fails instead of waiting for days.
    auto limit = Alarm::make(loop, [&] { loop.stop(); });
    limit->set_deadline(10000);
    loop.run();
    CHECK(rung_at >= start + 3);
  }
}

TEST_CASE("deadlines of days do not come within the hour") {
  Loop loop;
  int rings = 0;
  std::vector<Owned<Alarm>> alarms;
  for (const std::uint64_t days : {1, 11, 12, 13, 30, 400, 40000}) {
    alarms.push_back(Alarm::make(loop, [&] { ++rings; }));
    alarms.back()->set_deadline(days * kDay);
  }
  auto end = Alarm::make(loop, [&] { loop.stop(); });
  end->set_deadline(40);
  loop.run();
  CHECK(rings == 0);
  for (const auto& alarm : alarms) CHECK(alarm->has_deadline());
}

TEST_CASE("a deadline given up does not come") {
  Loop loop;
  int rings = 0;
  auto cleared = Alarm::make(loop, [&] { ++rings; });
  auto zero = Alarm::make(loop, [&] { ++rings; });
  cleared->set_deadline(1);
  zero->set_deadline(1);
  cleared->clear_deadline();
  zero->set_deadline(0);
  auto end = Alarm::make(loop, [&] { loop.stop(); });
  end->set_deadline(5);
  loop.run();
  CHECK(rings == 0);
}

TEST_CASE("a deadline set while it comes comes again, in a later turn") {
  Loop loop;
  std::vector<std::uint64_t> rung;
  Owned<Alarm> alarm;
  alarm = Alarm::make(loop, [&] {
    rung.push_back(loop.now());
    if (rung.size() == 5) return loop.stop();
    alarm->set_deadline(2);
  });
  alarm->set_deadline(2);
  loop.run();
  REQUIRE(rung.size() == 5);
  for (std::size_t i = 1; i < rung.size(); ++i) CHECK(rung[i] >= rung[i - 1] + 2);
}

TEST_CASE("who is dropped in its own deadline lives until the call returns, and not long after") {
  Loop loop;
  int ends = 0;
  bool alive_inside = false;
  Owned<Alarm> alarm;
  alarm = Alarm::make(loop, [&] {
    Alarm* self = alarm.get();
    alarm.reset();
    alive_inside = self->closed() && ends == 0;
  });
  alarm->count_ends(ends);
  alarm->set_deadline(1);
  auto end = Alarm::make(loop, [&] {
    CHECK(ends == 1);
    loop.stop();
  });
  end->set_deadline(10);
  loop.run();
  CHECK(alive_inside);
  CHECK(ends == 1);
}

TEST_CASE("who is dropped by another's deadline of the same time does not hear its own") {
  Loop loop;
  int rings = 0;
  std::vector<Owned<Alarm>> alarms(2);
  for (std::size_t i = 0; i < 2; ++i) {
    alarms[i] = Alarm::make(loop, [&, i] {
      ++rings;
      alarms[1 - i].reset();
    });
    alarms[i]->set_deadline(3);
  }
  auto end = Alarm::make(loop, [&] { loop.stop(); });
  end->set_deadline(10);
  loop.run();
  CHECK(rings == 1);
}

TEST_CASE("work from other threads runs on the loop, each thread's in order") {
  Loop loop;
  constexpr int kThreads = 3, kTasks = 2000;
  std::vector<std::vector<int>> seen(kThreads);
  int done = 0;
  bool elsewhere = false;
  const auto here = std::this_thread::get_id();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kTasks; ++i) {
        loop.post([&, thread, i] {
          elsewhere = elsewhere || std::this_thread::get_id() != here;
          seen[static_cast<std::size_t>(thread)].push_back(i);
          if (++done == kThreads * kTasks) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(elsewhere);
  for (const auto& numbers : seen) {
    CHECK(numbers.size() == kTasks);
    CHECK(std::is_sorted(numbers.begin(), numbers.end()));
  }
}

TEST_CASE("later work runs when the callback has returned, once for all who asked") {
  Loop loop;
  std::string story;
  Work work([&] { story += "later "; });
  loop.post([&] {
    loop.later(work);
    loop.later(work);
    story += "callback ";
  });
  loop.post([&] { loop.post([&] { loop.stop(); }); });
  loop.run();
  CHECK(story == "callback later ");
}

TEST_CASE("later work may ask for more, and for itself again") {
  Loop loop;
  int first_runs = 0, second_runs = 0;
  Work second([&] { ++second_runs; });
  std::unique_ptr<Work> first;
  first = std::make_unique<Work>([&] {
    if (++first_runs < 3) loop.later(*first);
    loop.later(second);
  });
  loop.post([&] {
    loop.later(*first);
    loop.stop();
  });
  loop.run();
  CHECK(first_runs == 3);
  CHECK(second_runs >= 1);
}

TEST_CASE("later work that dies before its turn is not done") {
  Loop loop;
  int runs = 0;
  loop.post([&] {
    Work work([&] { ++runs; });
    loop.later(work);
  });
  loop.post([&] { loop.stop(); });
  loop.run();
  CHECK(runs == 0);
}

TEST_CASE("work asked for before the loop runs waits for no event") {
  Loop loop;
  std::string story;
  Work work([&] { story += "work "; });
  loop.later(work);
  loop.post([&] {
    story += "event";
    loop.stop();
  });
  loop.run();
  CHECK(story == "work event");
}

TEST_CASE("a loop run dry has done what was posted and buried what was let go") {
  int ends = 0, tasks = 0;
  {
    Loop loop;
    auto alarm = Alarm::make(loop, [] {});
    alarm->count_ends(ends);
    alarm->set_deadline(kDay);
    loop.post([&] {
      ++tasks;
      alarm.reset();
      loop.post([&] { ++tasks; });
    });
    loop.run_dry();
    CHECK(ends == 1);
    CHECK(tasks == 2);
    // And can go on.
    alarm = Alarm::make(loop, [&] { loop.stop(); });
    alarm->set_deadline(1);
    loop.run();
  }
  CHECK(tasks == 2);
}

TEST_CASE("a loop that had nothing to wait for keeps later deadlines exact") {
  Loop loop;
  // The wheel stands still while nobody waits.
  dawdle(30);
  loop.post([&] { loop.stop(); });
  loop.run();
  dawdle(30);
  loop.post([&] { loop.stop(); });
  loop.run();
  std::uint64_t rung_at = 0;
  auto alarm = Alarm::make(loop, [&] {
    rung_at = loop.now();
    loop.stop();
  });
  const std::uint64_t due = loop.now() + 10;
  alarm->set_deadline(10);
  loop.run();
  CHECK(rung_at >= due);
}
