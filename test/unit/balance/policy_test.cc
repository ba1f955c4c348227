#include "penstock/balance/policy.h"

#include <map>
#include <set>

#include "farm.h"
#include "unit/catch.h"

using namespace penstock;
using penstock::test::farm;
using penstock::test::set_operation;
using penstock::test::set_standing;

namespace {

std::vector<std::string> names(const std::vector<Candidate>& candidates) {
  std::vector<std::string> out;
  for (const Candidate& candidate : candidates) out.push_back(candidate.spec->name);
  return out;
}

std::string sequence(const std::vector<std::uint32_t>& schedule) {
  std::string out;
  for (std::uint32_t at : schedule) out += static_cast<char>('a' + at);
  return out;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("servers that are not UP, or have weight 0, take no traffic") {
  BackendSpec spec = farm(5);
  set_operation(spec, 0, Operation::Down);
  set_operation(spec, 1, Operation::Drain);
  set_standing(spec, 2, {.administration = Administration::Maintenance});
  spec.servers[3].state->weight = 0;
  CHECK(names(usable_servers(spec)) == Names{"s5"});
}

TEST_CASE("backup servers are used when no active one is left: the first, or all of them") {
  BackendSpec spec = farm(3);
  spec.servers[1].backup = spec.servers[2].backup = true;
  CHECK(names(usable_servers(spec)) == Names{"s1"});
  set_operation(spec, 0, Operation::Down);
  CHECK(names(usable_servers(spec)) == Names{"s2"});
  spec.all_backups = true;
  CHECK(names(usable_servers(spec)) == Names{"s2", "s3"});
}

TEST_CASE("a server in slow start has a part of its weight, never none") {
  BackendSpec spec = farm(2);
  for (const std::size_t i : {0, 1}) spec.servers[i].state->weight = 10;
  spec.servers[0].state->ramp = 128;
  const std::vector<Candidate> usable = usable_servers(spec);
  CHECK(usable[0].weight * 2 == usable[1].weight);
  spec.servers[0].state->ramp = 0;
  CHECK(usable_servers(spec)[0].weight == 1);
}

TEST_CASE("equal weights take turns in the order of the file") {
  BackendSpec spec = farm(3);
  CHECK(sequence(weighted_schedule(usable_servers(spec))) == "abc");
}

TEST_CASE("a round has each server in proportion to its weight, spread evenly") {
  BackendSpec spec = farm(3);
  spec.servers[0].state->weight = 5;
  const std::string round = sequence(weighted_schedule(usable_servers(spec)));
  CHECK(round.size() == 7);
  CHECK(std::count(round.begin(), round.end(), 'a') == 5);
  CHECK(round.find("aaaa") == std::string::npos);
}

TEST_CASE("odd weights keep their proportion though the round is kept short") {
  BackendSpec spec = farm(2);
  spec.servers[0].state->weight = 256;
  spec.servers[1].state->weight = 255;
  spec.servers[0].state->ramp = 251;
  const auto round = weighted_schedule(usable_servers(spec));
  CHECK(round.size() <= kScheduleLimit);
  const auto first = std::count(round.begin(), round.end(), 0u);
  CHECK(static_cast<double>(first) / static_cast<double>(round.size()) == Approx(0.496).margin(0.005));
}

TEST_CASE("nobody to choose from gives an empty round and no choice") {
  CHECK(weighted_schedule({}).empty());
  CHECK(least_loaded({}, 0) == nullptr);
  CHECK(by_hash({}, {}, 1) == nullptr);
  std::uint64_t random = 1;
  CHECK(by_chance({}, 2, random) == nullptr);
}

TEST_CASE("the least loaded server is the one with the fewest requests for its weight") {
  BackendSpec spec = farm(3);
  spec.servers[0].state->in_use = 5;
  spec.servers[1].state->in_use = 2;
  spec.servers[2].state->in_use = 4;
  CHECK(least_loaded(usable_servers(spec), 0)->spec->name == "s2");
  spec.servers[2].state->weight = 4;
  CHECK(least_loaded(usable_servers(spec), 0)->spec->name == "s3");
}

TEST_CASE("equally loaded servers take turns") {
  BackendSpec spec = farm(3);
  const auto usable = usable_servers(spec);
  std::set<std::string> seen;
  for (std::uint32_t turn = 1; turn < 4; ++turn) {
    const Candidate* chosen = least_loaded(usable, turn);
    chosen->spec->state->last_turn = turn;
    seen.insert(chosen->spec->name);
  }
  CHECK(seen.size() == 3);
}

TEST_CASE("idle servers are equally loaded whatever their weights, busy ones in proportion to them") {
  BackendSpec spec = farm(2);
  spec.servers[1].state->weight = 3;
  const auto usable = usable_servers(spec);
  std::string order;
  const auto choose = [&](std::uint32_t turn) {
    const Candidate* chosen = least_loaded(usable, turn);
    chosen->spec->state->last_turn = turn;
    order += static_cast<char>('a' + chosen->index);
    return chosen->spec->state.get();
  };
  for (std::uint32_t turn = 1; turn < 5; ++turn) choose(turn);
  CHECK(order == "abab");
  order.clear();
  for (std::uint32_t turn = 5; turn < 15; ++turn) choose(turn)->in_use += 1;
  CHECK(order == "abbbbbabbb");
}

TEST_CASE("the map gives its places to servers as HAProxy's does") {
  const auto map = [](const std::vector<std::uint32_t>& weights) {
    BackendSpec spec = farm(weights.size());
    for (std::size_t i = 0; i < weights.size(); ++i) spec.servers[i].state->weight = weights[i];
    return sequence(weighted_map(usable_servers(spec)));
  };
  CHECK(map({1, 1, 1}) == "abc");
  CHECK(map({10, 20}) == "abb");
  CHECK(map({2, 1}) == "aab");
  CHECK(map({1, 3}) == "abbb");
  CHECK(map({1, 2, 3}) == "acbcbc");
  CHECK(map({3, 2, 1}) == "aababc");
  CHECK(map({5, 1, 1}) == "aaabaac");
  CHECK(map({50, 10, 20}) == "aabcaaac");
  CHECK(map({4, 2, 1}) == "aababac");
  CHECK(map({3, 3, 1}) == "abababc");
  CHECK(map({7, 5}) == "aababaababab");
  CHECK(map({2, 2, 1, 1}) == "ababcd");
  CHECK(map({1, 2, 4, 8}) == "adbcddcdbdcdcdd");
}

TEST_CASE("addresses hash as numbers") {
  CHECK(address_hash(std::string_view("\x7f\0\0\x01", 4)) == 0x7f000001);
  CHECK(address_hash(std::string_view("\xfd\0\0\x01\0\0\0\x02\0\0\0\x04\0\0\x01\0", 16)) == 0xfd000107);
}

TEST_CASE("a key reaches the same server while the set stays, keys spread by weight") {
  BackendSpec spec = farm(3);
  spec.servers[0].state->weight = 2;
  const auto usable = usable_servers(spec);
  const auto map = weighted_map(usable);
  std::map<std::string, int> hits;
  for (std::uint32_t key = 0; key < 4096; ++key) {
    CHECK(by_hash(usable, map, key) == by_hash(usable, map, key));
    ++hits[by_hash(usable, map, key)->spec->name];
  }
  CHECK(hits["s1"] == 2048);
  CHECK(hits["s2"] == 1024);
}

TEST_CASE("chance draws by weight, and of two draws takes the less loaded") {
  BackendSpec spec = farm(2);
  spec.servers[0].state->weight = 3;
  const auto usable = usable_servers(spec);
  std::uint64_t random = 12345;
  int first = 0;
  for (int i = 0; i < 10000; ++i) first += by_chance(usable, 1, random)->index == 0;
  CHECK(first > 7200);
  CHECK(first < 7800);
  spec.servers[0].state->in_use = 1000;
  int busy = 0;
  for (int i = 0; i < 1000; ++i) busy += by_chance(usable, 8, random)->index == 0;
  // Only when all eight draws fall on the busy one.
  CHECK(busy < 200);
}

TEST_CASE("SDBM over bytes is the hash that map-based uses") {
  CHECK(sdbm_hash("") == 0);
  CHECK(sdbm_hash("a") == 97);
  CHECK(sdbm_hash("ab") == 97u * 65599u + 98u);
}

TEST_CASE("a consistent hash moves only the keys of a server that goes, and shares by weight") {
  BackendSpec spec = farm(4);
  spec.servers[3].state->weight = 3;
  const auto all = usable_servers(spec);
  set_operation(spec, 1, Operation::Down);
  const auto left = usable_servers(spec);
  std::map<std::string, int> shares;
  int moved = 0;
  constexpr int kKeys = 6000;
  for (std::uint32_t key = 0; key < kKeys; ++key) {
    const std::string before = by_rating(all, key)->spec->name;
    const std::string after = by_rating(left, key)->spec->name;
    ++shares[before];
    if (before != "s2" && after != before) ++moved;
  }
  CHECK(moved == 0);
  for (const char* name : {"s1", "s2", "s3"}) CHECK(std::abs(shares[name] - kKeys / 6) < kKeys / 60);
  CHECK(std::abs(shares["s4"] - kKeys / 2) < kKeys / 40);
  CHECK(by_rating({}, 1) == nullptr);
}
