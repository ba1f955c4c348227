// What the process counts about frontends, bind lines and itself: shared by all workers. What is counted for each
// request lies in ledgers, of which each worker has its own.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "penstock/balance/ledger.h"
#include "penstock/base/count.h"
#include "penstock/base/log.h"
#include "penstock/http/deflate.h"
#include "penstock/net/digest.h"
#include "penstock/net/tls_counts.h"
#include "penstock/proxy/bad_messages.h"
#include "penstock/rules/password_places.h"

namespace penstock {

using ConnectionCount = std::atomic<std::uint32_t>;

// One frontend; outlives reloads, found again by name.
struct FrontendState {
  FrontendState(std::string name, int number) : name(std::move(name)), number(number) {}
  const std::string name;
  const int number;  // Of no other frontend. Small: the place in tables.
  ConnectionCount connections{0};
  Peak most_connections;
  Copies<Ledger> ledgers;
  Copies<CompressionCounts> compressed;
  // What administrators have said of it, until the next reload. Paused: nobody comes in; Shut: nor will, whatever they
  // say next.
  enum class Door : std::uint8_t { Open, Paused, Shut };
  std::atomic<Door> door{Door::Open};
  std::atomic<std::int64_t> maxconn_order{-1};  // Most clients; -1: as the file says.
  // What was refused or failed is told of, by rules::Reason::Kind.
  std::array<AtMostEvery, 8> reports;
  Rate accepted, arrivals;               // Connections, and clients let in.
  Rate welcomed;                         // Whom `tcp-request connection` let pass; counted where their rate is limited.
  RequestRate requests{ledgers};         // What they asked for.
  std::atomic<std::uint32_t> logged{0};  // Lines of the log, counted where its format asks (%lc).
};

// One address of a bind line. Its own: clients outlive the sockets.
struct ListenerState {
  ConnectionCount connections{0};  // Clients that came this way.
  Peak most_connections;
  Copies<Ledger> ledgers;
};

// Most of something within a second, or at one time; 0: no limit. From the configuration, or an administrator.
struct Limits {
  std::atomic<std::uint32_t> connections{0}, arrivals{0}, tls_arrivals{0};  // A second.
  std::atomic<std::uint32_t> tls_connections{0};
};

// Of all processes that stick tables are shared with: those that are talked to, or called, and those that also are who
// they should be.
struct PeerCounts {
  std::atomic<std::uint32_t> active{0}, connected{0};
};

// The whole process.
struct ProcessState {
  ConnectionCount connections{0};  // Of clients.
  Peak most_connections;
  Rate accepted, arrivals, handshakes;  // Connections, clients let in, and those of TLS.
  // Whom `tcp-request connection` let pass, and those of them that use TLS; counted where their rate is limited.
  Rate welcomed, tls_welcomed;
  Limits limits;
  TlsCounts tls;
  DeflateTotals compressed;
  rules::PasswordPlaces passwords;
  std::atomic<std::uint32_t> failed_names{0};  // That rules wanted, and that could not be asked for.
  std::atomic<std::uint32_t> maxconn{0};
  std::uint32_t hard_maxconn = 0;          // As the configuration and the system allow; for the master.
  std::atomic<std::uint32_t> requests{0};  // Names requests: %rt, unique ids.
  // Clients that spoke NTLM or Negotiate, whose server connections are theirs alone.
  std::atomic<std::uint32_t> pinned{0};
  // Descriptors for connections: how many are open, and how many may be.
  std::atomic<std::int32_t> descriptors{0};
  std::atomic<std::int32_t> descriptor_limit{0};
  // Listeners that left a connection waiting for want of room; whoever makes room wakes them.
  std::atomic<std::uint32_t> paused{0};
  PeerCounts peers;
  std::atomic<bool> stopping{false};  // Whoever is still there is the last.
  // By the master, once a second: how much of their time workers had nothing to do, and what went to clients.
  std::atomic<std::uint32_t> idle_percent{100};
  std::atomic<std::uint64_t> bytes_out_a_second{0};
  // By the master: reloads done and refused, and when the last one was, Unix time; 0: there was none.
  Count reloads, refused_reloads;
  std::atomic<std::int64_t> reloaded_at_s{0};
  std::atomic<bool> reload_refused{false};  // The last one.
  const MacKey page_key;                    // Signs the forms of the statistics page.
  unsigned workers = 1;
  bool in_background = false;  // Nobody reads its stdout and stderr.
  int pid = 0;
  std::int64_t started_us = 0;
  std::uint64_t started_ms = 0;  // The loops' clock.
  std::string hostname;
  std::string version;
  BadMessages bad_messages;
};

}  // namespace penstock
