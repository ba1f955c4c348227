// What the process counts about frontends: shared by all workers, written when connections come and
// go, never for each request.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "penstock/base/log.h"
#include "penstock/base/rate.h"

namespace penstock {

using ConnectionCount = std::atomic<std::uint32_t>;

// One frontend; outlives reloads, found again by name.
struct FrontendState {
  FrontendState(std::string name, int number) : name(std::move(name)), number(number) {}
  const std::string name;
  const int number;  // Of no other frontend. Small: the place in tables.
  ConnectionCount connections{0};
  // What was refused or failed is told of, by rules::Reason::Kind.
  std::array<AtMostEvery, 8> reports;
  Rate arrivals, requests;               // Clients let in, and what they asked for.
  std::atomic<std::uint32_t> logged{0};  // Lines of the log, counted where its format asks (%lc).
};

// The whole process.
struct ProcessState {
  ConnectionCount connections{0};  // Of clients.
  std::atomic<std::uint32_t> maxconn{0};
  std::atomic<std::uint32_t> requests{0};  // Names requests: %rt, unique ids.
  // Clients that spoke NTLM or Negotiate, whose server connections are theirs alone.
  std::atomic<std::uint32_t> pinned{0};
  // Descriptors for connections: how many are open, and how many may be.
  std::atomic<std::int32_t> descriptors{0};
  std::atomic<std::int32_t> descriptor_limit{0};
  // Listeners that left a connection waiting for want of room; whoever makes room wakes them.
  std::atomic<std::uint32_t> paused{0};
  unsigned workers = 1;
  bool in_background = false;  // Nobody reads its stdout and stderr.
  int pid = 0;
  std::int64_t started_us = 0;
  std::string hostname;
};

}  // namespace penstock
