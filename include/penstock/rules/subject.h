// What rules may look at and change: one Subject for each transaction (or, before the first request,
// each connection). A plain struct that the transaction fills as its life goes on; what is not known yet
// is null, empty or -1, and a sample about it finds nothing.
//
// Lifetimes: views written by rules lie in `arena` or in the compiled rules and live as long as both.
// Views that the transaction puts in must live until the log line was written.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "penstock/base/arena.h"
#include "penstock/base/log.h"
#include "penstock/http/head.h"
#include "penstock/net/address.h"
#include "penstock/net/proxy_header.h"
#include "penstock/net/tls_session.h"
#include "penstock/rules/place.h"
#include "penstock/rules/value.h"
#include "penstock/tables/tracking.h"

namespace penstock::rules {

// A variable (`set-var`). The name is without its scope; names are compared by hash first.
struct Variable {
  std::uint64_t hash = 0;
  std::string_view name;
  Value value;
  std::span<char> room;  // Where a text of its value lies; kept when a shorter one or none takes its place.
};

// The variables of one scope. `arena` is where values are kept that must outlive the transaction; null
// means the transaction's own.
struct VariableSet {
  Arena* arena = nullptr;
  ArenaVector<Variable> items;
};

// Of the bind line a client came in by.
struct BindFacts {
  std::string name;  // Empty: none.
  std::uint32_t id = 0;
  bool tls = false;
  const std::atomic<std::uint32_t>* clients = nullptr;  // Of those that came this way, how many are there now.
};

// Scope `sess`: variables that outlive a transaction.
struct ConnectionVariables : VariableSet {
  ConnectionVariables() { arena = &kept; }
  Arena kept;
  std::unique_ptr<ProxyNames> proxy_names;  // Of a PROXY header; null: it had none.
};

// The facts of a client's TLS, gathered when the first asks for one.
class ClientTls {
 public:
  // The session must outlive what asks for its facts, and be established.
  void of(const TlsSession& session) { session_ = &session; }
  // Facts to be filled in where no session is.
  TlsFacts& supposed() { return *(facts_ = std::make_unique<TlsFacts>()); }
  void none() { *this = {}; }
  // False: clear text.
  explicit operator bool() const { return session_ != nullptr || facts_ != nullptr; }
  // Null: clear text.
  const TlsFacts* facts() const {
    if (facts_ == nullptr && session_ != nullptr) facts_ = std::make_unique<TlsFacts>(session_->facts());
    return facts_.get();
  }

 private:
  const TlsSession* session_ = nullptr;
  mutable std::unique_ptr<TlsFacts> facts_;
};

// What stays the same for all requests of one client connection.
struct ClientFacts {
  // The client, and where it connected to, as the PROXY protocol says if it is used. Null: unknown.
  Endpoints* ends = nullptr;
  ClientTls tls;
  const BindFacts* bind = nullptr;  // Never null where rules run.
  bool proxied = false;             // The PROXY protocol was used.
  bool pinned = false;              // NTLM or Negotiate was spoken: its server connections are its own.
  std::int64_t accepted_us = 0;     // Wall clock, microseconds since 1970.
  const SocketAddress& source() const { return ends->peer(); }
  const SocketAddress& destination() const { return ends->local(); }
  // Made by the first rule that asks for one, or a PROXY header that has names.
  mutable std::unique_ptr<ConnectionVariables> variables;
  mutable std::unique_ptr<ConnectionTracking> tracking;  // Made by the first rule that tracks something.
};

// Numbers and letters of the log (manual sections 8.2 to 8.5). Times are in milliseconds, -1 when that
// step was not reached.
struct LogFacts {
  std::int64_t request_us = 0;  // %tr: wall clock of the request's first byte.
  std::int64_t accept_us = 0;   // %t: of the accept, or the moment the connection became free for this request.
  std::int64_t th = -1, ti = -1, tq = -1, t_request = -1 /* TR */, tw = -1, tc = -1;
  std::int64_t t_response = -1 /* Tr */, ta = -1, td = -1, tt = -1, tu = -1;
  std::uint64_t bytes_read = 0;      // %B: server to client.
  std::uint64_t bytes_uploaded = 0;  // %U
  int status = -1;                   // %ST
  char termination[2] = {'-', '-'};  // %ts
  char cookies[2] = {'-', '-'};      // With the above: %tsc.
  std::uint32_t actconn = 0, feconn = 0, beconn = 0, srv_conn = 0, srv_queue = 0, backend_queue = 0;
  std::uint32_t retries = 0;
  bool redispatched = false;                         // A `+` before the retries.
  bool asap = false;                                 // `option logasap`: a `+` before what may still grow.
  std::uint32_t request_counter = 0;                 // %rt
  std::uint32_t log_counter = 0;                     // %lc
  std::int32_t pid = 0;                              // %pid
  const SocketAddress* back_source = nullptr;        // %bi %bp: our address towards the server.
  const SocketAddress* server_address = nullptr;     // %si %sp
  std::string_view request_cookie, response_cookie;  // %CC %CS: "name=value" captured.
  std::string_view compressed_by;                    // The algorithm; empty: the answer's body is as it came.
};

// Printed dates of one worker, made anew when the second changes. Null in a Subject: printed each time.
struct DateCache {
  std::int64_t second = -1;
  char local[24];      // "06/Feb/2009:12:14:14"
  char local_zone[6];  // "+0100"
  std::int64_t gmt_second = -1;
  char gmt[24];
};

// Numbers that rooms to the right know: samples like nbsrv ask for them. Indexes are those that
// Environment gave when the rules were compiled. -1: unknown, and the sample finds nothing, but
// for be_conn_free, srv_conn_free and connslots, where it means "no limit" as in the manual.
enum class BackendNumber : std::uint8_t {
  UsableServers,
  Connections,
  Queue,
  SessionRate,
  FreeConnections,
  ConnectionSlots,
  AverageQueue,
  ServerTimeoutMs,
  TunnelTimeoutMs
};
enum class FrontendNumber : std::uint8_t { Connections, RequestRate, SessionRate, ClientTimeoutMs };
enum class ServerNumber : std::uint8_t {
  IsUp,
  Connections,
  FreeConnections,
  Queue,
  SessionRate,
  Weight,
  InitialWeight,
  UserWeight
};

class Numbers {
 public:
  virtual std::int64_t backend(BackendNumber number, int backend) const = 0;
  virtual std::int64_t frontend(FrontendNumber number, int frontend) const = 0;
  virtual std::int64_t server(ServerNumber number, int backend, int server) const = 0;
  virtual bool stopping() const = 0;
  // The number of the backend of this name; -1: there is none.
  virtual int backend_named(std::string_view name) const = 0;
  // The number of a backend's server of this name; -1: there is none.
  virtual int server_named(int, std::string_view) const { return -1; }
  // The name of a frontend's default backend; empty: it has none.
  virtual std::string_view default_backend(int) const { return {}; }
  // The file that a rule stands in now, and its line; an empty one: that is not known.
  virtual std::pair<std::string_view, std::uint32_t> place_of(const RulePlace&) const { return {}; }
  // The stick table of that number; null: there is none. And the clock of its entries.
  virtual const std::shared_ptr<StickTable>* table(int number) const = 0;
  virtual std::uint64_t now_ms() const = 0;

 protected:
  ~Numbers() = default;
};

// What rules decided that is not on the message itself.
struct Effects {
  enum class LogLevel : std::uint8_t { Unchanged, Silent, Set };
  LogLevel log = LogLevel::Unchanged;                                                   // `set-log-level`
  Level log_level = Level::Info;                                                        // With LogLevel::Set.
  std::int64_t timeout_client_ms = -1, timeout_server_ms = -1, timeout_tunnel_ms = -1;  // -1: unchanged.
  bool no_l7_retry = false;                                                             // `disable-l7-retry`
  bool expect_proxy = false;                                                            // `expect-proxy layer4`
  // `set-priority-class` and `set-priority-offset`: before whom it stands in line; the offset in milliseconds.
  std::int32_t priority_class = 0, priority_offset = 0;
};

// Why rules could not say what they were asked: they are not known to hold, nor not to hold.
enum class Trouble : std::uint8_t {
  None,
  Match,     // A regular expression was given up: its text takes too long to match.
  Memory,    // What rules made outgrew `memory_limit`.
  Password,  // Whether it fits is to be found out first; see `password`. Who can wait for that runs the rules again.
  Name,      // What address it has is to be found out first; see `names`. Likewise.
};

// Why a request was refused or failed, for the log; `txn.reason`. The text is a literal or lies in the arena.
struct Reason {
  enum class Kind : std::uint8_t {
    None,
    Request,  // It cannot be read, or did not come in time.
    Rule,     // A rule denies it.
    Match,    // As Trouble has them.
    Memory,
    Room,     // No server has room, or none is up.
    Connect,  // The server cannot be connected to.
    Answer,   // The server's answer did not come, or cannot be read.
  };
  static constexpr std::size_t kKinds = 8;
  Kind kind = Kind::None;
  std::string_view text;
};

// The named ACLs of a proxy that can be remembered, as bits, by what makes them forgotten.
struct AclDependence {
  std::uint64_t on_target = 0, on_fields = 0, on_variables = 0, on_moment = 0;
};

// Results of named ACLs that still hold. Used by the programs of rules only.
struct ConditionMemory {
  const AclDependence* owner = nullptr;
  std::uint64_t known = 0;
  std::uint64_t truth = 0;
};

// A target taken apart: "http://host" | "/path" | "?query". Path is empty for "*" and authority form.
struct TargetParts {
  std::string_view prefix;  // Scheme and authority of the absolute form, else empty.
  std::string_view path;    // From the first slash, up to '?'.
  std::string_view query;   // Behind '?'; null data() if there is no '?'.
  std::string_view path_and_query;
};
TargetParts split_target(std::string_view target);

// What stands in a text for what only traffic knows.
constexpr std::string_view kUnknownHere = "(unknown-here)";

// What is known of a client that is only thought of. See Subject::explained.
struct Explained {
  bool source = false;       // Its address, and
  bool source_port = false;  // its port.
  bool destination = false;  // Where it connected to; the port is known always.
  bool numbers = false;      // The proxy runs, and its counts can be asked.
};

// A name that a rule asks for (`do-resolve`), and what came of it. Lies in the arena.
struct NameAsked {
  enum class State : std::uint8_t { Wanted, UnderWay, Known };

  void answer(const SocketAddress& found) {
    state = State::Known;
    has_address = Ip::of(found, address);
  }

  const void* rule = nullptr;
  std::string_view section, name;
  bool ip4_first = false;
  State state = State::Wanted;
  bool has_address = false;
  Ip address;
  // Where rules go on that are asked again and again (mode tcp).
  bool goes_on = false, strict = true;
  std::uint32_t next = 0;
  NameAsked* before = nullptr;  // Asked by another rule, or for another name.
};

class Passwords;
struct CacheUse;

// One that a client has shown, and the hash that it is to fit.
struct ShownPassword {
  std::string_view password, hash;
};

struct Subject {
  explicit Subject(Arena& arena) : arena(arena) {}
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  // Whether `more` bytes may still be made; trouble if not.
  bool has_room(std::size_t more = 0) {
    if (arena.held() <= memory_limit && more <= memory_limit - arena.held()) return true;
    trouble = Trouble::Memory;
    return false;
  }

  bool in_trouble() { return trouble != Trouble::None || !has_room(); }
  // The first place is kept.
  void note_trouble(const RulePlace& place) {
    if (trouble != Trouble::None && trouble_at == nullptr) trouble_at = &place;
  }

  // What was asked is given up; our own answer is begun, with rules and a little room of its own.
  void recover() {
    constexpr std::size_t kRoomForAnswer = 64 * 1024;
    if (trouble == Trouble::Memory) memory_limit = arena.held() + kRoomForAnswer;
    trouble = Trouble::None;
    trouble_at = nullptr;
  }

  Arena& arena;
  std::size_t memory_limit = SIZE_MAX;  // Of the arena; looked at as rules go along, not by the arena.
  // Stays once it is there, whatever asked: whoever ran rules or conditions looks, and lets nothing
  // pass.
  Trouble trouble = Trouble::None;
  const RulePlace* trouble_at = nullptr;  // Of what was asked; null: nowhere that can be named.
  ShownPassword password;                 // With Trouble::Password.
  NameAsked* names = nullptr;             // The latest first; with Trouble::Name that one is wanted.
  Passwords* passwords = nullptr;         // Null: whoever asks for one waits until it is hashed.
  const RulePlace* last_rule = nullptr;   // The latest that ended its set; null: none has.
  unsigned worker = 0;
  Endpoints* back = nullptr;  // Of the server's connection, while rules are asked about its answer.
  Reason reason;
  const ClientFacts* client = nullptr;
  // `set-src`, `set-dst` and their ports, of this request alone; null: as the connection has it.
  const SocketAddress *source_as_set = nullptr, *destination_as_set = nullptr;
  const SocketAddress& source() const { return source_as_set != nullptr ? *source_as_set : client->source(); }
  const SocketAddress& destination() const {
    return destination_as_set != nullptr ? *destination_as_set : client->destination();
  }
  // Rules change method, target and fields in place; new texts lie in the arena.
  Head* request = nullptr;
  Head* response = nullptr;  // Null until it came, or until ours was made (http-after-response).

  std::string_view frontend;  // Names; the indexes are those of Environment.
  std::string_view backend;   // Empty until one was chosen; the log then prints the frontend.
  std::string_view server;    // Empty: <NOSRV>.
  int frontend_index = -1;
  int backend_index = -1;
  int server_index = -1;
  std::uint32_t frontend_id = 0, backend_id = 0, server_id = 0;
  bool first_request = true;
  bool to_proxy = false;  // The client speaks to us as to its proxy: Proxy-Authorization says who it is.

  // The request line as it came, for the log and capture.req.*; see remember_request_line().
  std::string_view received_method;
  std::string_view received_target;
  HttpVersion received_version = HttpVersion::Http11;

  // `tcp-request content`: the bytes received so far, and whether more may still come. At the end of
  // inspect-delay, at a full buffer or at the client's end, `buffer_final` is set and rules run again.
  std::string_view buffer;
  bool buffer_final = true;

  std::size_t held_body = 0;  // Bytes of the request's body that have come and wait (`option http-buffer-request`).
  // The same, while rules are asked and the backend's key is made; then that of the answer, as far as it was waited for.
  std::string_view body;
  // `early-hint`: fields of a 103 that the client is to get before anything else.
  ArenaVector<Field> early_hints;

  VariableSet transaction, request_variables, response_variables;
  Tracking* tracking = nullptr;  // Of what the transaction tracks; null: nothing. See tracked::end().
  // Slots of `capture request|response header` and the capture actions, in order of declaration;
  // null data() where nothing was captured. Made by FrontendRules::begin().
  std::span<std::string_view> request_captures;
  std::span<std::string_view> response_captures;
  // How much each slot holds.
  std::span<const std::uint32_t> request_capture_lengths, response_capture_lengths;
  CacheUse* caching = nullptr;  // See cache_use.h.
  std::string_view unique_id;   // Made by FrontendRules::make_unique_id().

  LogFacts log;
  Effects effects;
  const Numbers* numbers = nullptr;
  DateCache* dates = nullptr;
  std::uint64_t* random = nullptr;  // State of the worker's generator; must not be 0. Null: from the clock.
  std::int64_t now_us = 0;          // Wall clock for `date`; 0: ask the system.

  // Internal to rules.
  ConditionMemory memory;
  const char* split_data = nullptr;
  std::size_t split_size = 0;
  TargetParts split;
  void* regex_space = nullptr;
  char* hello_space = nullptr;
  unsigned available = ~0u;
  // The request is only thought of: what only traffic knows is kUnknownHere. Null where a client is served.
  const Explained* explained = nullptr;
};

// Copies the request line for the log and capture.req.*; to be called when the head came, before any
// rule runs. The target is cut so that the line has less than `uri_limit` bytes (tune.http.logurilen).
void remember_request_line(Subject& subject, std::size_t uri_limit);

}  // namespace penstock::rules
