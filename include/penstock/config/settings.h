// Those values of a Config that the rooms to the right take as they stand: who works with them need not know the
// model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "penstock/base/log.h"
#include "penstock/config/place.h"

namespace penstock::config {

enum class Mode { Tcp, Http };

// "addr:port" as written, taken apart but not resolved (manual sections 4.2 "bind", 5.2 "server").
struct Address {
  enum class Kind { Any, Ip4, Ip6, Name, Unix, Abstract, Fd };
  Kind kind = Kind::Any;
  std::string host;             // Number form, name, path; empty for Any.
  std::uint16_t port_low = 0;   // 0: none given.
  std::uint16_t port_high = 0;  // Equal to port_low but for a range.
  int port_offset = 0;          // "server s *:+1000": added to the port the client came to.
  bool port_is_offset = false;
  int fd = -1;
  int family = 0;  // Of a Name: 4 or 6 if "ipv4@" or "ipv6@" asked for it, 0 if either will do.
  bool operator==(const Address&) const = default;
};

// `log <target> [len n] [format f] [sample ..] <facility> [<level> [<minlevel>]]`
struct LogTarget {
  enum class Kind { Udp, Unix, Fd, Stdout, Stderr, Ring };
  enum class Format { Rfc3164, Rfc5424, Local, Priority, Short, Timed, Iso, Raw };
  Kind kind = Kind::Udp;
  Address address;  // Udp (port 514 if none), Unix.
  int fd = -1;
  std::string ring;             // `ring@<name>`: lines look as its section says.
  std::uint64_t ring_size = 0;  // Its bytes.
  std::uint32_t length = 1024;
  std::optional<Format> format;  // None given: local, or rfc3164 under `log-send-hostname`.
  int facility = 0;
  Level level = Level::Debug;      // What is less severe is not sent.
  Level min_level = Level::Emerg;  // What is more severe is lowered to it.
  Place place;
  bool operator==(const LogTarget&) const = default;
};

// A line of a rule set, in order of the file. `words` is what stands behind the rule set's name,
// condition included: rules compiles it.
struct Rule {
  enum class Set {
    TcpConnection,  // tcp-request connection
    TcpContent,     // tcp-request content
    TcpSession,     // tcp-request session
    TcpResponse,    // tcp-response content
    HttpRequest,    // http-request; also `redirect` and `block` lines, in their manual's order
    HttpResponse,   // http-response
    HttpAfterResponse,
    UseBackend,   // words: backend name or %[format], condition
    UseServer,    // words: server name, condition
    MonitorFail,  // words: condition
    ForcePersist,
    IgnorePersist,
    StatsRequest,  // words: allow, deny or auth [realm <realm>], condition
    StatsAdmin,    // words: condition
    Stick,         // words: match, on, store-request or store-response; sample, [table <name>], condition
  };
  Set set = Set::HttpRequest;
  Place place;
  std::vector<Word> words;
  bool operator==(const Rule&) const = default;
};

// `compression ...`: answers made smaller on their way (manual, "compression algo").
struct Compression {
  enum class Algorithm { Identity, Gzip, Deflate, RawDeflate };
  std::vector<Algorithm> algorithms;  // None: nothing is compressed.
  std::vector<std::string> types;     // How the Content-Type of what is compressed begins; none: all.
  bool offload = false;               // Servers are not told what a client could read.
  bool operator==(const Compression&) const = default;
};

// `stats ...`: where a frontend or backend shows the statistics.
struct StatsPage {
  std::string uri = "/haproxy?stats";  // How the targets begin that ask for it.
  std::string realm = "HAProxy Statistics";
  std::vector<std::pair<std::string, std::string>> users;  // With their passwords; none: nobody is asked.
  std::uint64_t refresh_s = 0;                             // 0: as the browser likes.
  bool hide_version = false, show_legends = false, show_modules = false;
  std::optional<std::string> node, description;  // Shown; empty: those of `global`.
  std::vector<std::string> scope;                // Names of proxies; none: all. ".": this one.
  Place place;
  bool operator==(const StatsPage&) const = default;
};

// `acl <name> <criterion> [flags] [operator] <value>...`; several of one name are alternatives.
struct Acl {
  Word name;
  std::vector<Word> words;  // Behind the name.
  bool operator==(const Acl&) const = default;
};

struct Capture {
  enum class Side { Request, Response };
  Side side = Side::Request;
  std::string header;
  std::uint32_t length = 0;
  Place place;
  bool operator==(const Capture&) const = default;
};

// `cookie <name> ...`: how a client comes back to its server.
struct Cookie {
  enum class Kind { Passive, Rewrite, Insert, Prefix };
  std::string name;  // Empty: no such line.
  Kind kind = Kind::Passive;
  bool indirect = false;
  bool nocache = false;
  bool postonly = false;
  bool preserve = false;
  bool httponly = false;
  bool secure = false;
  bool dynamic = false;
  std::vector<std::string> domains, attributes;
  std::uint64_t maxidle_s = 0, maxlife_s = 0;  // 0: no limit.
  Place place;
  // The HTTP log tells what became of the cookie.
  bool logged() const { return kind != Kind::Passive || indirect; }
  bool operator==(const Cookie&) const = default;
};

enum class HttpMode { KeepAlive, ServerClose, Close };

// `cache <name>`: answers of servers, kept to be given again (manual section 6).
struct Cache {
  static constexpr std::uint64_t kUsualParts = 256;  // One answer may take such a part of it, unless it says otherwise.

  Place place;
  std::string name;
  std::uint64_t size = 0;         // Bytes of all together. `total-max-size` says them in MiB.
  std::uint64_t object_size = 0;  // Of one answer at most.
  std::uint64_t max_age_s = 60;
  bool process_vary = false;
  std::uint32_t most_variants = 10;  // Of one target at a time.
  bool operator==(const Cache&) const = default;
};

// What an entry of a stick table may hold (manual section 4.2, "stick-table"), in the order in which an entry is shown. A
// rate stands behind the count that it is the rate of. The last three are arrays.
enum class StickData : std::uint8_t {
  ServerId,
  Gpt0,
  Gpc0,
  Gpc0Rate,
  ConnCnt,
  ConnRate,
  ConnCur,
  SessCnt,
  SessRate,
  HttpReqCnt,
  HttpReqRate,
  HttpErrCnt,
  HttpErrRate,
  BytesInCnt,
  BytesInRate,
  BytesOutCnt,
  BytesOutRate,
  Gpc1,
  Gpc1Rate,
  ServerKey,
  HttpFailCnt,
  HttpFailRate,
  Gpt,
  Gpc,
  GpcRate,
};
constexpr std::size_t kStickDataCount = 25;
constexpr bool is_array(StickData data) { return data >= StickData::Gpt; }
constexpr bool is_rate(StickData data) {
  switch (data) {
    case StickData::Gpc0Rate:
    case StickData::ConnRate:
    case StickData::SessRate:
    case StickData::HttpReqRate:
    case StickData::HttpErrRate:
    case StickData::BytesInRate:
    case StickData::BytesOutRate:
    case StickData::Gpc1Rate:
    case StickData::HttpFailRate:
    case StickData::GpcRate:
      return true;
    default:
      return false;
  }
}

// `stick-table type <key> [len <n>] size <n> [expire <time>] [nopurge] [srvkey addr|name] [store <data>...]`
struct StickTable {
  enum class Key : std::uint8_t { Ip, Ip6, Integer, String, Binary };
  struct Stored {
    StickData data = StickData::ServerId;
    std::uint32_t count = 1;      // Of elements; more than one in arrays only.
    std::uint64_t period_ms = 0;  // Of rates.
    bool operator==(const Stored&) const = default;
  };
  Key key = Key::Ip;
  std::uint32_t length = 32;       // Most of a String that counts; all of a Binary.
  std::uint64_t size = 0;          // Most entries.
  std::uint64_t expire_ms = 0;     // 0: never.
  bool no_purge = false;           // When it is full, new keys are turned away.
  bool server_by_address = false;  // Servers are known by their addresses, not by their names.
  std::vector<Stored> store;       // ServerId is among them if a line says so; every entry has room for a server.
  std::string peers;               // The section whose peers have this table too; empty: it is told to nobody.
  Place place, peers_place;
  bool operator==(const StickTable&) const = default;
};

// Of the runtime socket: what may be asked there, the more the later; whether answers begin with how severe they are.
enum class AccessLevel : std::uint8_t { User, Operator, Admin };
enum class SeverityOutput : std::uint8_t { None, Number, String };

struct ForwardFor {
  bool enabled = false;
  bool if_none = false;
  std::string header = "X-Forwarded-For";
  std::vector<std::string> except;  // Networks.
  Place place;
  bool operator==(const ForwardFor&) const = default;
};

}  // namespace penstock::config
