#include "penstock/balance/backend.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "farm.h"
#include "penstock/net/loop.h"
#include "unit/catch.h"

using namespace penstock;
using penstock::test::farm;
using penstock::test::set_operation;
using Kind = Backend::Choice::Kind;

namespace {

struct Wakings final : LineWaker {
  void wake_lines(BackendState&) override { ++count; }
  int count = 0;
};

struct Rig {
  explicit Rig(BackendSpec farm) : spec(std::move(farm)), backend(loop, spec, waker, 1) {}
  ServerSlot& slot(std::size_t index) { return *backend.slots()[index]; }
  std::string chosen(const ServerSlot* last = nullptr, const ServerSlot* failed = nullptr) {
    const Backend::Choice choice = backend.choose(0, {last}, failed != nullptr ? Tried(*failed) : Tried());
    if (choice.kind == Kind::Chosen) return choice.slot->spec.name;
    return choice.kind == Kind::Full ? "full" : "none";
  }

  Loop loop;
  BackendSpec spec;
  Wakings waker;
  Backend backend;
};

// Takes a place when its turn comes, or goes back in line.
struct Client final : Waiting {
  Client(Rig& rig, std::string name, std::vector<std::string>& served) : rig(rig), name(name), served(served) {}
  ~Client() { rig.backend.leave_line(*this); }
  void on_turn() override {
    if (rig.chosen() == "full") return rig.backend.stand_in_line(*this, nullptr);
    served.push_back(name);
  }
  bool on_moved(Backend&) override { return false; }
  Rig& rig;
  std::string name;
  std::vector<std::string>& served;
};

struct Visitor final : Served {
  void on_server_down() override { ended = true; }
  bool ended = false;
};

BackendSpec limited(std::size_t servers, std::uint32_t maxconn) {
  BackendSpec spec = farm(servers);
  for (ServerSpec& server : spec.servers) server.state->maxconn = server.maxconn = maxconn;
  return spec;
}

}  // namespace

TEST_CASE("servers take turns, and a server that goes DOWN is passed over from the next choice on") {
  Rig rig(farm(3));
  CHECK(rig.chosen() == "s1");
  CHECK(rig.chosen() == "s2");
  CHECK(rig.chosen() == "s3");
  set_operation(rig.spec, 0, Operation::Down);
  std::set<std::string> seen;
  for (int i = 0; i < 10; ++i) seen.insert(rig.chosen());
  CHECK(seen == std::set<std::string>{"s2", "s3"});
  set_operation(rig.spec, 0, Operation::Up);
  for (int i = 0; i < 3; ++i) seen.insert(rig.chosen());
  CHECK(seen.count("s1") == 1);
}

TEST_CASE("two workers share one sequence of turns") {
  Rig one(farm(2));
  Wakings waker;
  Backend other(one.loop, one.spec, waker, 2);
  CHECK(one.chosen() == "s1");
  CHECK(other.choose(0, {}, {}).slot->spec.name == "s2");
  CHECK(one.chosen() == "s1");
}

TEST_CASE("a backend without a server that is UP has nobody to choose") {
  Rig rig(farm(1));
  CHECK(rig.backend.has_server());
  set_operation(rig.spec, 0, Operation::Down);
  CHECK_FALSE(rig.backend.has_server());
  CHECK(rig.chosen() == "none");
  CHECK(!rig.backend.has_server());
}

TEST_CASE("maxconn is never exceeded, and a full server's turn goes to one that has room") {
  Rig rig(limited(2, 1));
  CHECK(rig.chosen() == "s1");
  CHECK(rig.chosen() == "s2");
  CHECK(rig.chosen() == "full");
  CHECK(rig.spec.servers[0].state->in_use == 1);
  rig.backend.release(rig.slot(0));
  CHECK(rig.chosen() == "s1");
  CHECK(rig.chosen() == "full");
}

TEST_CASE("the first policy fills one server before it takes the next") {
  BackendSpec spec = limited(2, 2);
  spec.balance = BalanceKind::First;
  Rig rig(std::move(spec));
  CHECK(rig.chosen() == "s1");
  CHECK(rig.chosen() == "s1");
  CHECK(rig.chosen() == "s2");
}

TEST_CASE("a key that hashes to a full server waits for that server") {
  BackendSpec spec = limited(2, 1);
  spec.balance = BalanceKind::Source;
  Rig rig(std::move(spec));
  CHECK(rig.chosen() == "s1");
  CHECK(rig.chosen() == "full");
}

TEST_CASE("the last server is preferred while it is UP and has room") {
  Rig rig(limited(3, 2));
  CHECK(rig.chosen(&rig.slot(2)) == "s3");
  CHECK(rig.chosen(&rig.slot(2)) == "s3");
  CHECK(rig.chosen(&rig.slot(2)) != "s3");
  set_operation(rig.spec, 1, Operation::Down);
  CHECK(rig.chosen(&rig.slot(1)) != "s2");
}

TEST_CASE("a server to avoid is taken only when there is no other") {
  Rig rig(farm(2));
  for (int i = 0; i < 4; ++i) CHECK(rig.chosen(nullptr, &rig.slot(0)) == "s2");
  set_operation(rig.spec, 1, Operation::Down);
  CHECK(rig.chosen(nullptr, &rig.slot(0)) == "s1");
}

TEST_CASE("who waits in line is served in order as places come free") {
  Rig rig(limited(1, 1));
  std::vector<std::string> served;
  Client first(rig, "first", served), second(rig, "second", served);
  REQUIRE(rig.chosen() == "s1");
  rig.backend.stand_in_line(first, nullptr);
  rig.backend.stand_in_line(second, nullptr);
  CHECK(rig.spec.state->waiting == 2);
  rig.backend.release(rig.slot(0));
  CHECK(served == std::vector<std::string>{"first"});
  CHECK(rig.backend.line_length() == 1);
  rig.backend.release(rig.slot(0));
  CHECK(served == std::vector<std::string>{"first", "second"});
  CHECK(rig.spec.state->waiting == 0);
}

TEST_CASE("of those who wait the lowest class is served first, and of one class who came first, offsets added") {
  Rig rig(limited(1, 1));
  std::vector<std::string> served;
  Client late(rig, "late", served), usual(rig, "usual", served), next(rig, "next", served), early(rig, "early", served),
      prior(rig, "prior", served);
  REQUIRE(rig.chosen() == "s1");
  rig.backend.stand_in_line(late, nullptr, {.offset_ms = 60000});
  rig.backend.stand_in_line(usual, nullptr);
  rig.backend.stand_in_line(next, nullptr);
  rig.backend.stand_in_line(early, nullptr, {.offset_ms = -60000});
  rig.backend.stand_in_line(prior, nullptr, {.of_class = -1});
  for (int i = 0; i < 5; ++i) rig.backend.release(rig.slot(0));
  CHECK(served == std::vector<std::string>{"prior", "early", "usual", "next", "late"});
}

TEST_CASE("who leaves the line is not served, and the line stays in order behind it") {
  Rig rig(limited(1, 1));
  std::vector<std::string> served;
  Client first(rig, "first", served), second(rig, "second", served), third(rig, "third", served);
  REQUIRE(rig.chosen() == "s1");
  for (Client* client : {&first, &second, &third}) rig.backend.stand_in_line(*client, nullptr);
  rig.backend.leave_line(second);
  rig.backend.leave_line(second);
  rig.backend.release(rig.slot(0));
  rig.backend.release(rig.slot(0));
  CHECK(served == std::vector<std::string>{"first", "third"});
}

TEST_CASE("who finds no room in its turn keeps its place at the head of the line") {
  Rig rig(limited(1, 1));
  std::vector<std::string> served;
  Client first(rig, "first", served), second(rig, "second", served);
  REQUIRE(rig.chosen() == "s1");
  rig.backend.stand_in_line(first, nullptr);
  rig.backend.stand_in_line(second, nullptr);
  rig.backend.serve_line();
  CHECK(served.empty());
  CHECK(rig.backend.line_length() == 2);
  rig.backend.release(rig.slot(0));
  CHECK(served == std::vector<std::string>{"first"});
}

TEST_CASE("room made on a worker without a line of its own wakes the lines of the others") {
  Rig rig(limited(1, 1));
  Wakings waker;
  Backend other(rig.loop, rig.spec, waker, 2);
  std::vector<std::string> served;
  Client client(rig, "client", served);
  const Backend::Choice choice = other.choose(0, {}, {});
  REQUIRE(choice.kind == Kind::Chosen);
  rig.backend.stand_in_line(client, nullptr);
  other.release(*choice.slot);
  CHECK(waker.count == 1);
  rig.backend.serve_line();
  CHECK(served == std::vector<std::string>{"client"});
}

TEST_CASE("sessions of a server that is marked down are told, those of others are not") {
  Rig rig(farm(2));
  Visitor here, there;
  rig.slot(0).served.push_back(here);
  rig.slot(1).served.push_back(there);
  rig.backend.shut_down(*rig.spec.servers[0].state);
  CHECK(here.ended);
  CHECK_FALSE(there.ended);
}

TEST_CASE("the registry finds a server's state again by backend and name, until it is told to forget it") {
  ServerRegistry registry;
  const auto first = registry.server("owa", "ex01");
  first->standing = Standing{.operation = Operation::Down};
  CHECK(registry.server("owa", "ex01") == first);
  CHECK(registry.server("owa", "ex02") != first);
  CHECK(registry.server("ews", "ex01") != first);
  registry.forget(*first);
  const auto next = registry.server("owa", "ex01");
  CHECK(next != first);
  registry.forget(*first);
  CHECK(registry.server("owa", "ex01") == next);
  CHECK(registry.backend("owa") == registry.backend("owa"));
}

TEST_CASE("the registry forgets what no snapshot uses") {
  ServerRegistry registry;
  auto kept = registry.server("owa", "ex01");
  std::weak_ptr<Server> gone = registry.server("owa", "ex02");
  registry.sweep();
  CHECK(gone.expired());
  CHECK(registry.server("owa", "ex01") == kept);
}

TEST_CASE("minconn lets the limit follow the backend's load up to maxconn at fullconn") {
  BackendSpec spec = limited(1, 10);
  spec.servers[0].minconn = 2;
  spec.fullconn = 20;
  Rig rig(spec);
  Server& server = *rig.spec.servers[0].state;
  CHECK(rig.chosen() == "s1");
  CHECK(rig.chosen() == "s1");
  CHECK(rig.chosen() == "full");
  // The fifth would make a load of 9, for which 9 * 10 / 20 may be served at once.
  rig.spec.state->waiting = 4;
  while (rig.chosen() == "s1") {
  }
  CHECK(server.in_use == 4);
  rig.spec.state->waiting = 100;
  while (rig.chosen() == "s1") {
  }
  CHECK(server.in_use == 10);
}

TEST_CASE("a full server's queue takes maxqueue requests, then others serve what wanted it") {
  BackendSpec spec = limited(2, 1);
  spec.balance = BalanceKind::Source;
  for (ServerSpec& server : spec.servers) server.maxqueue = 1;
  Rig rig(spec);
  std::vector<std::string> served;
  Client waiting(rig, "first", served);
  const Backend::Choice one = rig.backend.choose(0, {}, {});
  const Backend::Choice two = rig.backend.choose(0, {}, {});
  REQUIRE(two.kind == Kind::Full);
  CHECK(two.slot == one.slot);
  rig.backend.stand_in_line(waiting, two.slot);
  const Backend::Choice three = rig.backend.choose(0, {}, {});
  REQUIRE(three.kind == Kind::Chosen);
  CHECK(three.slot != one.slot);
}

TEST_CASE("a firm wish waits for its server, another goes where there is room") {
  Rig rig(limited(2, 1));
  const ServerSlot* first = &rig.slot(0);
  CHECK(rig.backend.choose(0, {first, true}, {}).slot == first);
  const Backend::Choice firm = rig.backend.choose(0, {first, true}, {});
  CHECK(firm.kind == Kind::Full);
  CHECK(firm.slot == first);
  CHECK(rig.backend.choose(0, {first, false}, {}).slot == &rig.slot(1));
}

TEST_CASE("who waits for one server holds up nobody who waits for another") {
  Rig rig(limited(2, 1));
  struct Wanting final : Waiting {
    Wanting(Rig& rig, ServerSlot* slot) : rig(rig), slot(slot) { rig.backend.stand_in_line(*this, slot); }
    ~Wanting() { rig.backend.leave_line(*this); }
    bool on_moved(Backend&) override { return false; }
    void on_turn() override {
      const Backend::Choice choice = rig.backend.choose(0, {slot, true}, {});
      if (choice.kind == Kind::Full) return rig.backend.stand_in_line(*this, choice.slot);
      served = true;
    }
    Rig& rig;
    ServerSlot* slot;
    bool served = false;
  };
  CHECK(rig.chosen() == "s1");
  CHECK(rig.chosen() == "s2");
  Wanting a(rig, &rig.slot(0)), b(rig, &rig.slot(1)), c(rig, &rig.slot(0)), d(rig, &rig.slot(1));
  rig.backend.release(rig.slot(1));
  CHECK_FALSE(a.served);
  CHECK(b.served);
  CHECK_FALSE(d.served);
  // Each line is still in its order.
  rig.backend.release(rig.slot(0));
  CHECK(a.served);
  CHECK_FALSE(c.served);
}

TEST_CASE("a server that takes no new traffic is had by who wishes it anyhow, even if no other is there") {
  Rig rig(farm(2));
  for (const std::size_t i : {0, 1}) set_operation(rig.spec, i, Operation::Down);
  ServerSlot* second = &rig.slot(1);
  CHECK(rig.backend.choose(0, {second, true}, {}).kind == Backend::Choice::Kind::None);
  CHECK(rig.backend.choose(0, {second, true, false, true}, {}).slot == second);
}

TEST_CASE("another server is one that takes new traffic") {
  Rig rig(farm(2));
  CHECK(rig.backend.has_server_besides(Tried(rig.slot(0))));
  set_operation(rig.spec, 0, Operation::Down);
  CHECK_FALSE(rig.backend.has_server_besides(Tried(rig.slot(1))));
  CHECK(rig.backend.has_server_besides(Tried(rig.slot(0))));
}
