// The choice of a server: pure functions over the servers that may be chosen now.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "penstock/balance/server.h"

namespace penstock {

// Servers in the order of the file, each with the weight in force.
struct Candidate {
  const ServerSpec* spec = nullptr;
  std::uint32_t index = 0;  // In BackendSpec::servers.
  std::uint32_t weight = 0;
};

// The servers that take traffic: active ones, else the first backup (or all, `option allbackups`).
// Weights include slow start; weight 0 takes no new traffic.
std::vector<Candidate> usable_servers(const BackendSpec& spec);

// One round of smooth weighted round robin as positions in `candidates`: each appears in proportion to
// its weight, spread as evenly as can be. At most kScheduleLimit entries.
constexpr std::size_t kScheduleLimit = 16384;
std::vector<std::uint32_t> weighted_schedule(std::span<const Candidate> candidates);

// The map of `hash-type map-based`, and the turns of static-rr: as many places as the weights sum up to. The first
// server of the file is taken among those whose share of the places so far is short by as many whole ones.
std::vector<std::uint32_t> weighted_map(std::span<const Candidate> candidates);

// The candidate with the fewest requests for its weight; among equals the one not chosen for longest, as seen
// from `turn`.
const Candidate* least_loaded(std::span<const Candidate> candidates, std::uint32_t turn);
// The place in the map that `hash` names: the same key reaches the same server while the set stays.
const Candidate* by_hash(std::span<const Candidate> candidates, std::span<const std::uint32_t> map, std::uint32_t hash);
// The same, moving as few keys as can be when the set changes (`hash-type consistent`): each server
// rates the key by itself, and the highest rate wins.
const Candidate* by_rating(std::span<const Candidate> candidates, std::uint32_t hash);
// The least loaded of `draws` drawn by weight; `random` is advanced.
const Candidate* by_chance(std::span<const Candidate> candidates, std::uint32_t draws, std::uint64_t& random);

// HAProxy's default for `hash-type map-based`: SDBM over the bytes.
std::uint32_t sdbm_hash(std::string_view bytes);
// That of `balance source`: the bytes of an address as numbers of 32 bits, IPv6 its four folded into one.
std::uint32_t address_hash(std::string_view bytes);

}  // namespace penstock
