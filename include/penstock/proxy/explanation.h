// What the proxy would do with a request that nobody has sent: which rules it looks at and why each holds or not, down
// to the server. The rules are asked by the programs that the proxy runs; only who watches them is new.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/base/result.h"
#include "penstock/net/address.h"
#include "penstock/proxy/snapshot.h"
#include "penstock/rules/subject.h"

namespace penstock::explanation {

// A request that is only thought of.
struct Supposed {
  std::string method = "GET";
  bool tls = false;
  std::string host;          // Of the URL, without brackets.
  std::uint16_t port = 0;    // The same, or what its scheme stands for.
  std::string target = "/";  // Path and query.
  std::string authority;     // Host and port as the URL has them.
  SocketAddress source;      // Port 0: unknown. Empty: all of it is.
  std::vector<std::pair<std::string, std::string>> fields;
  std::string door;  // Frontend, or name or address of a bind line, that is to take it; empty: as fits.
};

// From words as the command line has them: "[METHOD] URL", then "src ADDR", "header 'N: V'", "to WHERE" in any order,
// with or without "--" before them.
Result<Supposed> suppose(const std::vector<std::string>& words);

// Something that is said, in its order.
struct Event {
  enum class Kind : std::uint8_t {
    Heading,  // A part of the way.
    Fact,
    Rule,    // A line that is looked at; what follows is about it.
    Test,    // One of its conditions.
    Effect,  // What it did.
    End,     // What becomes of the request.
  };
  Kind kind = Kind::Fact;
  std::string place;  // "file:line:column"; empty: nowhere.
  std::string text;
  std::vector<std::pair<std::string_view, std::string>> facts;  // Of End: for programs.
  bool operator==(const Event&) const = default;
};

// What happens up to where only traffic knows how it goes on; then both ways, and what they have in common behind.
struct Branch {
  std::vector<Event> events;
  std::string unknown;               // What decides. Empty: nothing is unknown.
  std::unique_ptr<Branch> yes, no;   // Both or none.
  std::unique_ptr<Branch> rejoined;  // Null: they have nothing in common.
};

// `running`: numbers of the process that serves this snapshot; null: none does. At most `most_ways` ways are gone.
Branch explain(const Snapshot& snapshot, const rules::Numbers* running, const Supposed& supposed,
               std::size_t most_ways = 256);
// The outcome is that nobody takes the request.
bool is_taken(const Branch& branch);

std::string text_of(const Branch& branch);
std::string json_of(const Branch& branch);

}  // namespace penstock::explanation
