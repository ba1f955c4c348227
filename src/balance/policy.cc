#include "penstock/balance/policy.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace penstock {
namespace {

std::uint32_t weight_now(const ServerSpec& spec) {
  const std::uint32_t weight = spec.state->weight.load(std::memory_order_relaxed);
  const std::uint32_t ramp = spec.state->ramp.load(std::memory_order_relaxed);
  if (weight == 0 || ramp >= 256) return weight * 256;
  return std::max<std::uint32_t>(1, weight * ramp);
}

// Requests there would be for one unit of weight, were one more served. An idle server has none whatever its weight.
std::uint64_t load_of(const Candidate& candidate) {
  const Server& state = *candidate.spec->state;
  const std::uint64_t now =
      std::uint64_t{state.in_use.load(std::memory_order_relaxed)} + state.waiting.load(std::memory_order_relaxed);
  return now == 0 ? 0 : now + 1;
}

bool less_loaded(const Candidate& a, const Candidate& b) { return load_of(a) * b.weight < load_of(b) * a.weight; }

// Weights in their smallest whole proportion. A ramping server makes odd ones; a coarser scale keeps the round short.
std::vector<std::int64_t> shares(std::span<const Candidate> candidates) {
  std::uint32_t divisor = 0;
  for (const Candidate& candidate : candidates) divisor = std::gcd(divisor, candidate.weight);
  if (divisor == 0) return {};
  std::vector<std::int64_t> weights;
  for (const Candidate& candidate : candidates) weights.push_back(candidate.weight / divisor);
  const std::int64_t total = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  const auto limit = static_cast<std::int64_t>(std::max(kScheduleLimit, candidates.size()));
  if (total <= limit) return weights;
  for (std::int64_t& weight : weights) weight = std::max<std::int64_t>(1, weight / (total / limit + 1));
  return weights;
}

// The server that `weights` of the sum draw at `at`.
const Candidate* at_weight(std::span<const Candidate> candidates, std::uint32_t at) {
  std::uint64_t total = 0;
  for (const Candidate& candidate : candidates) total += candidate.weight;
  if (total == 0) return nullptr;
  std::uint64_t left = at % total;
  for (const Candidate& candidate : candidates) {
    if (left < candidate.weight) return &candidate;
    left -= candidate.weight;
  }
  return nullptr;
}

}  // namespace

std::vector<Candidate> usable_servers(const BackendSpec& spec) {
  std::vector<Candidate> active, backup;
  for (std::uint32_t i = 0; i < spec.servers.size(); ++i) {
    const ServerSpec& server = spec.servers[i];
    const std::uint32_t weight = weight_now(server);
    if (!server.state->takes_traffic() || weight == 0) continue;
    (server.backup ? backup : active).push_back({&server, i, weight});
  }
  if (active.empty()) {
    if (!spec.all_backups && backup.size() > 1) backup.resize(1);
    active = std::move(backup);
  }
  // The smallest numbers of the same proportion: hashes then spread as the weights written say.
  std::uint32_t divisor = 0;
  for (const Candidate& candidate : active) divisor = std::gcd(divisor, candidate.weight);
  for (Candidate& candidate : active) candidate.weight /= divisor;
  return active;
}

std::vector<std::uint32_t> weighted_schedule(std::span<const Candidate> candidates) {
  const std::vector<std::int64_t> weights = shares(candidates);
  std::vector<std::int64_t> credit(weights.size(), 0);
  const std::int64_t total = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  std::vector<std::uint32_t> schedule;
  schedule.reserve(static_cast<std::size_t>(total));
  if (total == static_cast<std::int64_t>(candidates.size())) {
    schedule.resize(candidates.size());
    std::iota(schedule.begin(), schedule.end(), 0u);
    return schedule;
  }
  for (std::int64_t step = 0; step < total; ++step) {
    std::size_t best = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      credit[i] += weights[i];
      if (credit[i] > credit[best]) best = i;
    }
    credit[best] -= total;
    schedule.push_back(static_cast<std::uint32_t>(best));
  }
  return schedule;
}

std::vector<std::uint32_t> weighted_map(std::span<const Candidate> candidates) {
  const std::vector<std::int64_t> weights = shares(candidates);
  const std::int64_t total = std::accumulate(weights.begin(), weights.end(), std::int64_t{0});
  std::vector<std::int64_t> given(weights.size(), 0);
  std::vector<std::uint32_t> map;
  map.reserve(static_cast<std::size_t>(total));
  for (std::int64_t place = 1; place <= total; ++place) {
    // What a server is short of, in places of which each is `total` parts; never less than minus one.
    const auto short_of = [&](std::size_t i) { return (weights[i] * place - given[i] * total + total) / total; };
    std::size_t best = 0;
    for (std::size_t i = 1; i < weights.size(); ++i) {
      if (short_of(i) > short_of(best)) best = i;
    }
    ++given[best];
    map.push_back(static_cast<std::uint32_t>(best));
  }
  return map;
}

const Candidate* least_loaded(std::span<const Candidate> candidates, std::uint32_t turn) {
  const Candidate* best = nullptr;
  std::uint64_t least = 0;
  std::uint32_t longest = 0;
  for (const Candidate& candidate : candidates) {
    const std::uint64_t load = load_of(candidate);
    const std::uint32_t age = turn - candidate.spec->state->last_turn.load(std::memory_order_relaxed);
    if (best != nullptr) {
      const std::uint64_t here = load * best->weight, there = least * candidate.weight;
      if (here > there || (here == there && age <= longest)) continue;
    }
    best = &candidate;
    least = load;
    longest = age;
  }
  return best;
}

const Candidate* by_hash(std::span<const Candidate> candidates, std::span<const std::uint32_t> map,
                         std::uint32_t hash) {
  return map.empty() ? nullptr : &candidates[map[hash % map.size()]];
}

// Weighted rendezvous hashing: with u even in (0, 1), -weight / ln(u) is highest in proportion to weight.
const Candidate* by_rating(std::span<const Candidate> candidates, std::uint32_t hash) {
  const Candidate* best = nullptr;
  double highest = 0;
  for (const Candidate& candidate : candidates) {
    std::uint64_t mixed = (static_cast<std::uint64_t>(hash) << 32) ^ sdbm_hash(candidate.spec->name);
    // The finaliser of splitmix64: every bit of the key reaches every bit of the rate.
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ull;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebull;
    mixed ^= mixed >> 31;
    const double even = (static_cast<double>(mixed >> 11) + 0.5) / 9007199254740992.0;
    const double rate = -static_cast<double>(candidate.weight) / std::log(even);
    if (best != nullptr && rate <= highest) continue;
    best = &candidate;
    highest = rate;
  }
  return best;
}

const Candidate* by_chance(std::span<const Candidate> candidates, std::uint32_t draws, std::uint64_t& random) {
  const Candidate* best = nullptr;
  for (std::uint32_t i = 0; i < std::max(draws, 1u); ++i) {
    // xorshift64*: quick, and nobody gains by guessing it.
    random ^= random >> 12;
    random ^= random << 25;
    random ^= random >> 27;
    const Candidate* drawn = at_weight(candidates, static_cast<std::uint32_t>((random * 2685821657736338717ull) >> 32));
    if (drawn != nullptr && (best == nullptr || less_loaded(*drawn, *best))) best = drawn;
  }
  return best;
}

std::uint32_t sdbm_hash(std::string_view bytes) {
  std::uint32_t hash = 0;
  for (unsigned char byte : bytes) hash = byte + (hash << 6) + (hash << 16) - hash;
  return hash;
}

std::uint32_t address_hash(std::string_view bytes) {
  std::uint32_t hash = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    hash ^= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (24 - i % 4 * 8);
  return hash;
}

}  // namespace penstock
