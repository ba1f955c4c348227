// Origin servers and their backends as the whole process sees them: what a snapshot says about them
// (specs, immutable) and what changes while they serve (states, shared by all workers). All read their atomics; all
// about one server is written by one worker, its keeper. States outlive a reload: the registry finds them again by
// backend and server name.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "penstock/balance/ledger.h"
#include "penstock/balance/server_state.h"
#include "penstock/balance/shelf.h"
#include "penstock/base/count.h"
#include "penstock/base/history.h"
#include "penstock/net/address.h"
#include "penstock/net/connection.h"
#include "penstock/net/proxy_header.h"
#include "penstock/net/tls_context.h"

namespace penstock {

// What a check came to. Names and texts: health_result.h.
enum class CheckStatus : std::uint8_t {
  Unknown,
  Unchanged,  // Of an agent that says nothing of health.
  Analysis,   // Traffic said so.
  SocketError,
  L4Ok,
  L4Timeout,
  L4Connect,
  L6Ok,
  L6Timeout,
  L6Response,
  L7Ok,
  L7Conditional,
  L7Timeout,
  L7Response,
  L7Status,
  ProcessError,
  ProcessTimeout,
  ProcessOk,
};

class BackendState;
struct ExternalCheck;
struct Head;

namespace rules {
class Sample;
}

// Where an order has put a server, in place of what the file says. Immutable.
struct Moved {
  ServerAddress to;
  ServerAddress file;
  std::uint64_t where = 0;  // A digest of `to`.
};

// One server of one backend, known by both names. Its state belongs to this pair, never to an address.
class Server {
 public:
  Server(std::string backend, std::string name);

  const std::string backend_name;
  const std::string name;

  std::atomic<Standing> standing{Standing{}};
  // As the file or a change has them.
  std::atomic<std::uint32_t> weight{1};
  std::atomic<std::uint32_t> maxconn{0};
  // What slow start leaves of the weight, in 256ths: 256 is all of it.
  std::atomic<std::uint32_t> ramp{256};
  // Requests being served, of all workers.
  std::atomic<std::uint32_t> in_use{0};
  // Idle connections in pools, of all workers; those on shelves are not among them.
  std::atomic<std::int64_t> idle{0};
  std::atomic<std::int64_t> idle_safe{0};  // Of these, such that is_safe() holds.
  // Requests that wait for this very server, of all workers.
  std::atomic<std::uint32_t> waiting{0};
  Peak most_in_use, most_waiting;
  Copies<Ledger> ledgers;
  RequestRate rate{ledgers};   // Of requests that were led here.
  Count failed_checks, downs;  // By its keeper: checks that failed while it was up; turns to where nobody may come.
  Count failed_by_traffic;     // The same: times that `error-limit` was reached.
  // `observe`: since what was well the last time, of all workers.
  std::atomic<std::uint32_t> errors_in_a_row{0};
  Count down_ms;  // The same: how long it was so, up to the last turn.
  // The backend's turn at which leastconn last chose it.
  std::atomic<std::uint32_t> last_turn{0};
  // Loop-independent clock (ms, monotonic) of the last change of its standing.
  std::atomic<std::uint64_t> changed_at_ms{0};
  // The same clock: slow start counts from here; 0: it never was away.
  std::atomic<std::uint64_t> up_since_ms{0};

  bool takes_traffic() const { return standing.load(std::memory_order_relaxed).takes_traffic(); }
  // Whoever belongs to it may still come: one that drains keeps those it has.
  bool keeps_traffic() const { return standing.load(std::memory_order_relaxed).keeps_traffic(); }

  // Null: it is where the file has it. Takes a lock: workers look when `moves` is another number than it was.
  std::shared_ptr<const Moved> moved() const;
  // The keeper says so; null as above.
  void move(std::shared_ptr<const Moved> moved);
  std::atomic<std::uint32_t> moves{0};

  // Which of so many workers is its keeper, as long as the process lives.
  std::uint32_t keeper(std::uint32_t workers) const { return static_cast<std::uint32_t>(number_ % workers); }

  // What the keeper remembers; nobody else touches it. A reload finds it as it was.
  struct CheckMemory {
    bool begun = false;         // A check has run since the process knows the server.
    bool off = false;           // A change has turned checks off.
    int health = 0;             // 0 .. rise + fall - 1; UP from rise on.
    std::uint64_t next_ms = 0;  // When the next check is due, monotonic clock.
    std::string last_text;      // Last result in words.
    CheckStatus last_status = CheckStatus::Unknown;
    int last_code = -1;  // -1: none.
    std::uint64_t last_duration_ms = 0;
  };
  CheckMemory check;
  // The last results, for who asks why: the latest last. Keeper's, too.
  struct CheckRecord {
    std::int64_t at_us = 0;  // Wall clock.
    CheckStatus status = CheckStatus::Unknown;
    int code = -1;
    std::uint64_t duration_ms = 0;
    std::string text;
  };
  static constexpr std::size_t kMostRecords = 10;
  std::vector<CheckRecord> records;
  // Of it, for others: as the last check left it. Takes a lock.
  CheckMemory check_seen() const;
  void show_check();
  std::uint64_t where = 0;  // A digest of the address in force; 0: never was one.
  // Its agent, as the keeper knows it; null: it has none.
  struct AgentMemory {
    CheckMemory memory;
    bool says_down = false;
    SocketAddress host;  // This and the next two if a change has said so.
    std::uint16_t port = 0;
    std::optional<std::string> send;
    bool keeps_down() const { return says_down && !memory.off; }
  };
  std::unique_ptr<AgentMemory> agent;
  CheckMemory agent_seen() const;
  void show_agent();
  bool is_down_by_agent() const { return agent && agent->keeps_down(); }
  // Where checks go, if a change has said so.
  SocketAddress check_host;
  std::uint16_t check_port = 0;
  // Of one that is not checked: what a change has said of it.
  std::optional<Operation> told;
  // Few servers have any.
  Orders orders() const { return orders_ ? *orders_ : Orders(); }
  void set_orders(const Orders& orders);

  // Where idle connections to it lie that any worker may take.
  Shelves shelves;

 private:
  const std::size_t number_;
  std::unique_ptr<const Orders> orders_;
  mutable std::mutex lock_;
  std::shared_ptr<const Moved> moved_;
  CheckMemory shown_check_;
  std::unique_ptr<CheckMemory> shown_agent_;
};

// Before whom somebody stands in line: who is of a lower class; then who came earlier, its offset added.
struct Priority {
  std::int32_t of_class = 0, offset_ms = 0;
  bool operator==(const Priority&) const = default;
};

// Who waits for whichever server has room first, of all workers and generations: their tickets. Only
// those who have to wait come here.
class Tickets {
 public:
  // For who comes now; no other is equal.
  std::uint64_t rank(Priority priority);
  // The ticket of that rank.
  std::uint64_t take(std::uint64_t rank);
  // True if it was the oldest one.
  bool give_back(std::uint64_t ticket);
  bool is_oldest(std::uint64_t ticket) const;
  bool empty() const { return count_.load() == 0; }

 private:
  mutable std::mutex lock_;
  std::set<std::uint64_t> taken_;
  std::uint64_t last_ = 0;
  std::atomic<std::size_t> count_{0};
};

// What workers share about one backend.
class BackendState : public std::enable_shared_from_this<BackendState> {
 public:
  explicit BackendState(std::string name, int number = 0) : name(std::move(name)), number(number) {}

  const std::string name;
  const int number;  // Of no other backend that the process knows. Small: the place in tables.
  // One sequence of turns for the whole process.
  std::atomic<std::uint32_t> turn{0};
  // Moves whenever a server's status or weight does: workers then look again.
  std::atomic<std::uint32_t> version{1};
  // Requests standing in line, of all workers.
  std::atomic<std::uint32_t> waiting{0};
  Tickets tickets;
  // Requests, or connections in mode tcp, that were led here and are not over.
  std::atomic<std::uint32_t> in_use{0};
  Peak most_in_use, most_waiting;
  Copies<Ledger> ledgers;
  RequestRate rate{ledgers};  // Of the same.
  Copies<Durations> durations;
  Copies<CompressionCounts> compressed;
  // By the master: requests that ended and their mean time in ms, those in use, failures.
  History<4> history;
  struct Passed {
    std::uint64_t requests = 0, failures = 0, timed = 0, time_ms = 0;
  };
  Passed passed;  // What the last point was about: all up to then.
  // Whether any server keeps traffic, as keepers found: the one who sees it turn counts that.
  std::atomic<bool> is_down{false};
  std::atomic<std::uint64_t> changed_at_ms{0}, down_ms{0};
  std::atomic<std::uint32_t> downs{0};
  void note_down(bool down, std::uint64_t now_ms);
};

// A regular expression of a check. Whoever compiles the checks brings it.
class CheckRegex {
 public:
  virtual ~CheckRegex() = default;
  virtual bool matches(std::string_view text) const = 0;
};

// What one check under way knows, for texts that ask.
struct CheckTalk {
  std::string_view answer;  // What came since something was sent: a body, or all bytes.
  const Head* head = nullptr;
  // Of the connection; null: there is none.
  const Endpoints* ends = nullptr;
  std::shared_ptr<void> variables;  // Of those who make texts.
};

// A text that a check makes anew each time, from a log-format, or something done.
class CheckText {
 public:
  virtual ~CheckText() = default;
  virtual std::string make(CheckTalk& talk) const = 0;
};

// How a server is checked; compiled from `check`, `option httpchk`, `http-check` and friends.
struct CheckHeader {
  std::string name, value;
};
// What a name or value of a field must be.
struct CheckFieldMatch {
  enum class How : std::uint8_t { Whole, Begin, End, Inside, Regex };
  How how = How::Whole;
  std::string text;                         // Empty: any.
  std::shared_ptr<const CheckRegex> regex;  // For How::Regex.
  std::shared_ptr<const CheckText> made;    // In place of the text, if it is not known beforehand.
};
struct CheckStepSpec {
  enum class Kind : std::uint8_t { Connect, Send, Expect, Do };
  enum class Match : std::uint8_t {
    Status,
    StatusRegex,
    String,
    StringRegex,
    Binary,
    BinaryRegex,
    Header,
    SmtpReply,
    RedisReply,
    LdapReply,
    PostgreSqlReply,
    MySqlGreeting,
    MySqlReply,
    AgentLine
  };
  Kind kind = Kind::Send;
  std::string comment;
  std::string send;  // Send: bytes as they go out (an HTTP request, or raw).
  Match match = Match::Status;
  bool negated = false;
  std::string pattern;
  CheckFieldMatch field_name, field_value;
  bool whole_field = false;                 // Commas part nothing.
  std::shared_ptr<const CheckRegex> regex;  // StatusRegex, StringRegex, BinaryRegex: required.
  std::shared_ptr<const CheckText> text;    // What is sent or done, or the pattern, if it is not known beforehand.
  // Bytes without which nothing is judged, and with which all is. None: only what is found decides.
  std::optional<std::uint64_t> min_recv;
  std::uint32_t number = 0;  // Its place in the rule set, from 1, for the log; 0: that among these steps.
  // Expect: results in place of the usual ones, Unknown for those, and texts about them. What is
  // said of a success counts if it is the last step.
  CheckStatus ok_status = CheckStatus::Unknown;
  CheckStatus error_status = CheckStatus::Unknown;
  CheckStatus timeout_status = CheckStatus::Unknown;
  std::shared_ptr<const CheckText> on_success, on_error;
  std::shared_ptr<const CheckText> status_code;  // A number.
  // Connect
  SocketAddress address;                          // `addr`; empty: the check's.
  std::uint16_t port = 0;                         // 0: the check's.
  std::shared_ptr<const CheckText> made_port;     // In place of a number.
  bool use_default = false;                       // `default`: TLS and SNI as the check has them, unless given here.
  bool tls = false;                               // `ssl`. Without it and without `default` the connection is plain.
  std::shared_ptr<const TlsContext> tls_context;  // For `ssl`; null: the check's, which must then have one.
  std::string sni;
  bool send_proxy = false;
};
struct CheckSpec {
  bool enabled = false;
  bool http = false;      // Answers are HTTP messages; else raw bytes.
  bool scripted = false;  // The administrator's own tcp-check lines: complaints name the step.
  std::uint64_t inter_ms = 2000;
  std::uint64_t fastinter_ms = 0, downinter_ms = 0;  // 0: inter.
  std::uint64_t connect_ms = 0;                      // timeout connect (of the check: the shorter of it and inter).
  std::uint64_t answer_ms = 0;                       // timeout check; 0: inter bounds the whole check.
  int rise = 2, fall = 3;
  SocketAddress address;
  bool own_host = false, own_port = false;  // Else it has the server's, wherever that is.
  std::shared_ptr<const TlsContext> tls;
  std::string sni;
  std::string verify_name;
  std::string greeting;     // The PROXY header of checks that begin with one.
  bool send_proxy = false;  // Those without a Connect step do.
  // Empty: connecting is all. If the first is no Connect, a connection to `address` comes before it. If
  // the last is a Send of an http check, an answer of 2xx or 3xx is expected.
  std::vector<CheckStepSpec> steps;
  bool disable_on_404 = false;
  bool log_all = false;     // option log-health-checks
  bool send_state = false;  // http-check send-state
  std::shared_ptr<const ExternalCheck> external;
};

// `option external-check`: a program whose exit status says it all.
struct ExternalCheck {
  std::string command, path, proxy_address, proxy_port, proxy_name;
  std::uint32_t proxy_id = 0;
};

// `observe`: what of traffic counts like a check.
enum class Observe : std::uint8_t { None, Layer4, Layer7 };
// `on-error`: what follows when that has failed too often.
enum class OnError : std::uint8_t { FailCheck, FastInter, SuddenDeath, MarkDown };

// Which idle connections to a server are kept. Manual section 5.2: pool-max-conn, pool-low-conn,
// pool-purge-delay, max-reuse; -1: no limit.
struct PoolSpec {
  std::int32_t max = -1;
  std::uint32_t low = 0;
  std::uint64_t purge_ms = 5000;
  std::int32_t max_reuse = -1;
  bool shared = false;  // With the other workers (tune.idle-pool.shared).
};

// One server line, resolved. Immutable.
struct ServerSpec {
  std::string name;
  int key = 0;  // Its number within the backend, which rules know it by; it stays over changes of the backend.
  // A digest of all that a connection to it is made with beside its address: source, socket options, TLS with the
  // contents of its files.
  std::uint64_t wire = 0;
  SocketAddress address;
  bool port_from_client = false;  // "*:+0": the port the client came to, plus port_offset.
  int port_offset = 0;
  bool is_of_client = false;  // Its port, or all of its address ("*"), is where the client came to.
  // Of one whose address is a name's: see ServerAddress. What the name had at first, or nothing; and the port.
  std::uint64_t named = 0;
  SocketAddress first;
  std::uint16_t named_port = 0;
  std::uint64_t where = 0;  // A digest of the address, from `address` to here.
  SocketOptions socket;
  ProxyVersion send_proxy = ProxyVersion::None;
  ProxyWishes proxy_wishes;
  std::shared_ptr<const TlsContext> tls;
  std::shared_ptr<const rules::Sample> sni;  // Null: none.
  std::string verify_name;
  std::uint32_t weight = 1;   // Of the file. In force is that of the state.
  std::uint32_t maxconn = 0;  // The same.
  std::uint32_t minconn = 0;  // Less than maxconn: the limit follows the backend's load.
  std::uint32_t maxqueue = 0;
  std::uint32_t id = 0;
  std::string cookie;  // What the backend's cookie calls it; empty: nothing.
  bool backup = false;
  bool disabled = false;
  std::uint64_t slowstart_ms = 0;
  bool shutdown_when_down = false;
  bool shutdown_backups_when_up = false;
  PoolSpec pool;
  bool non_stick = false;  // Stick tables do not learn it.
  CheckSpec check;
  Observe observe = Observe::None;
  OnError on_error = OnError::FailCheck;
  std::uint32_t error_limit = 10;
  std::shared_ptr<const CheckSpec> agent;  // Null: none is asked.
  std::shared_ptr<Server> state;
  // `track`: whose health and administration are this one's too, in words ("backend/server") and as its state.
  std::string tracked;
  std::shared_ptr<const Server> tracked_state;

  // What the file says where a change may say something else.
  ServerValues values() const;
  // Of connections to it at an address of this digest. A change that leaves it alone leaves idle connections and TLS
  // sessions alone.
  std::uint64_t identity_at(std::uint64_t address) const;
};

enum class BalanceKind : std::uint8_t { RoundRobin, LeastConn, First, Source, Random, Hash };
enum class ReuseMode : std::uint8_t { Never, Safe, Aggressive, Always };

// What the choice of a server needs to know of a backend section. Immutable.
struct BackendSpec {
  std::string name;
  BalanceKind balance = BalanceKind::RoundRobin;
  std::uint32_t random_draws = 2;
  bool consistent = false;     // hash-type
  std::uint32_t factor = 0;    // hash-balance-factor
  bool fixed_turns = false;    // Those of static-rr.
  std::uint32_t fullconn = 0;  // Load at which every server reaches its maxconn.
  ReuseMode reuse = ReuseMode::Safe;
  bool all_backups = false;
  bool prefer_last_server = false;
  std::vector<ServerSpec> servers;
  std::shared_ptr<BackendState> state;
  // Balancing has weights built in: they can be 0 and what the file says only.
  bool has_fixed_weights() const {
    return fixed_turns || ((balance == BalanceKind::Source || balance == BalanceKind::Hash) && !consistent);
  }
  // Where the server of this key stands in `servers`; -1: it is gone.
  int place_of(int key) const;
};

// A server whose health and administration are those of another.
struct Follower {
  const BackendSpec* backend = nullptr;
  const ServerSpec* server = nullptr;
  bool operator==(const Follower&) const = default;
};

// Finds states again after a reload. Used by the master's thread only.
class ServerRegistry {
 public:
  std::shared_ptr<BackendState> backend(const std::string& name);
  std::shared_ptr<Server> server(const std::string& backend, const std::string& name);
  // The configuration has it no more: should it come back, it is another one.
  void forget(const Server& server);
  // Forgets what no snapshot uses any more.
  void sweep();

 private:
  std::unordered_map<std::string, std::shared_ptr<BackendState>> backends_;
  std::vector<int> free_numbers_;  // Of backends forgotten; all below the count of backends are in use else.
  std::unordered_map<std::string, std::shared_ptr<Server>> servers_;
};

}  // namespace penstock
