#include "penstock/proxy/tries.h"

#include "penstock/net/loop.h"
#include "unit/balance/farm.h"
#include "unit/catch.h"

using namespace penstock;
using penstock::test::farm;
using penstock::test::set_operation;
using Next = Tries::Next;

namespace {

struct Deaf final : LineWaker {
  void wake_lines(BackendState&) override {}
};

BackendPlan spec_of(std::size_t servers, BalanceKind balance) {
  BackendPlan spec;
  spec.balance = farm(servers);
  spec.balance.balance = balance;
  spec.redispatch = true;
  spec.retries = 3;
  return spec;
}

struct Rig {
  explicit Rig(std::size_t servers, BalanceKind balance = BalanceKind::RoundRobin) : spec(spec_of(servers, balance)) {}
  Next after(std::size_t server, std::uint32_t retry, bool meant = false, bool forced = false) {
    return tries.after({*backend.slots()[server], retry, meant, meant && forced, forced}, backend, spec);
  }
  BackendPlan spec;
  Loop loop;
  Deaf deaf;
  Backend backend{loop, spec.balance, deaf, 1};
  Tries tries;
};

}  // namespace

TEST_CASE("who comes by turns goes to another server at the first failure") {
  const BalanceKind kinds[] = {BalanceKind::RoundRobin, BalanceKind::LeastConn, BalanceKind::First,
                               BalanceKind::Random};
  for (const BalanceKind kind : kinds) {
    Rig rig(2, kind);
    CHECK(rig.after(0, 1) == Next::Other);
    CHECK(rig.tries.again() == nullptr);
    CHECK(rig.backend.choose(0, {}, rig.tries.passed_over()).slot == rig.backend.slots()[1].get());
  }
}

TEST_CASE("who belongs to a server asks it again until the last retry") {
  for (const bool meant : {true, false}) {
    Rig rig(2, meant ? BalanceKind::RoundRobin : BalanceKind::Source);
    for (const std::uint32_t retry : {1, 2}) {
      CHECK(rig.after(0, retry, meant) == Next::Same);
      CHECK(rig.tries.again() == rig.backend.slots()[0].get());
    }
    CHECK(rig.after(0, 3, meant) == Next::Other);
  }
}

TEST_CASE("a server is asked again where there is no other, or none may be taken") {
  CHECK(Rig(1).after(0, 1) == Next::Same);
  CHECK(Rig(2).after(0, 3, true, true) == Next::Same);
  Rig rig(2);
  rig.spec.redispatch = false;
  CHECK(rig.after(0, 3) == Next::Same);
}

TEST_CASE("a server that went DOWN is left at once, or was the last hope") {
  Rig rig(2);
  set_operation(rig.spec.balance, 0, Operation::Down);
  CHECK(rig.after(0, 1, true) == Next::Other);
  rig.spec.redispatch = false;
  CHECK(rig.after(0, 1) == Next::None);
  CHECK(rig.after(0, 1, true, true) == Next::Same);
}

TEST_CASE("servers that failed are passed over until all have") {
  Rig rig(3, BalanceKind::LeastConn);
  rig.spec.balance.servers[2].state->in_use = 100;
  CHECK(rig.after(0, 1) == Next::Other);
  CHECK(rig.after(1, 2) == Next::Other);
  CHECK(rig.backend.choose(0, {}, rig.tries.passed_over()).slot == rig.backend.slots()[2].get());
  CHECK(rig.after(2, 3) == Next::Other);
  CHECK(rig.backend.choose(0, {}, rig.tries.passed_over()).slot != rig.backend.slots()[2].get());
}

TEST_CASE("option redispatch says which retries may leave the server") {
  const auto due = [](std::int32_t interval, std::uint32_t retries) {
    BackendPlan spec;
    spec.redispatch_interval = interval;
    spec.retries = retries;
    std::string out;
    for (std::uint32_t retry = 1; retry <= retries; ++retry) {
      if (spec.redispatch_due(retry)) out += static_cast<char>('0' + retry);
    }
    return out;
  };
  CHECK(due(0, 3) == "");
  CHECK(due(-1, 3) == "3");
  CHECK(due(-1, 5) == "5");
  CHECK(due(1, 3) == "123");
  CHECK(due(2, 5) == "24");
  CHECK(due(3, 2) == "");
  CHECK(due(-2, 3) == "2");
  CHECK(due(-2, 5) == "4");
  // There is no retry before the first: it is the first.
  CHECK(due(-2, 1) == "1");
  CHECK(due(-9, 3) == "123");
}
