#include "penstock/balance/policy.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace penstock {
namespace {

std::uint32_t weight_now(const ServerSpec& spec) {
  const std::uint32_t ramp = spec.state->ramp.load(std::memory_order_relaxed);
  if (spec.weight == 0 || ramp >= 256) return spec.weight * 256;
  return std::max<std::uint32_t>(1, spec.weight * ramp);
}

// Requests now served, for one unit of weight; the coming one counts, so that weight tells from the first.
bool less_loaded(const Candidate& a, const Candidate& b) {
  const auto load = [](const Candidate& c) {
    return static_cast<std::uint64_t>(c.spec->state->in_use.load(std::memory_order_relaxed)) + 1;
  };
  return load(a) * b.weight < load(b) * a.weight;
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
  std::uint32_t divisor = 0;
  for (const Candidate& candidate : candidates) divisor = std::gcd(divisor, candidate.weight);
  if (divisor == 0) return {};
  std::vector<std::int64_t> weights, credit(candidates.size(), 0);
  std::int64_t total = 0;
  for (const Candidate& candidate : candidates) {
    weights.push_back(candidate.weight / divisor);
    total += weights.back();
  }
  // A ramping server makes odd weights; a coarser scale keeps the round short.
  const auto limit = static_cast<std::int64_t>(std::max(kScheduleLimit, candidates.size()));
  if (total > limit) {
    const std::int64_t scale = total / limit + 1;
    total = 0;
    for (std::int64_t& weight : weights) total += weight = std::max<std::int64_t>(1, weight / scale);
  }
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

const Candidate* least_loaded(std::span<const Candidate> candidates, std::uint32_t turn) {
  if (candidates.empty()) return nullptr;
  const std::size_t count = candidates.size();
  std::size_t at = turn % count;
  const Candidate* best = &candidates[at];
  for (std::size_t i = 1; i < count; ++i) {
    at = at + 1 == count ? 0 : at + 1;
    if (less_loaded(candidates[at], *best)) best = &candidates[at];
  }
  return best;
}

const Candidate* by_hash(std::span<const Candidate> candidates, std::uint32_t hash) {
  std::uint64_t total = 0;
  for (const Candidate& candidate : candidates) total += candidate.weight;
  if (total == 0) return nullptr;
  std::uint64_t at = hash % total;
  for (const Candidate& candidate : candidates) {
    if (at < candidate.weight) return &candidate;
    at -= candidate.weight;
  }
  return nullptr;
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
    const Candidate* drawn = by_hash(candidates, static_cast<std::uint32_t>((random * 2685821657736338717ull) >> 32));
    if (drawn != nullptr && (best == nullptr || less_loaded(*drawn, *best))) best = drawn;
  }
  return best;
}

std::uint32_t sdbm_hash(std::string_view bytes) {
  std::uint32_t hash = 0;
  for (unsigned char byte : bytes) hash = byte + (hash << 6) + (hash << 16) - hash;
  return hash;
}

}  // namespace penstock
