// What a serving process leaves to the one that comes after it, should it die: it tells the parent
// while it lives.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/balance/keeper.h"
#include "penstock/base/secret.h"

namespace penstock::config {
struct Config;
}

namespace penstock {

// By names of backend and server. Who is not there is as a new server is.
using ServerNotes = std::map<std::pair<std::string, std::string>, ServerNote>;

// A command to be given again, as if an administrator did.
struct Redo {
  std::vector<std::string> words;
  std::string payload;
};

// Overwrites what may be a key.
void wipe(Redo& redo);

struct KeptRedo {
  std::uint64_t number = 0;  // They came in this order, whatever they belong to.
  Secret packed;             // As pack_redo() has it.
};

// What was set by command and ends with a reload.
struct KeptThing {
  std::string name;             // "frontend fe disabled"
  std::vector<KeptRedo> redos;  // None: it cannot be made again.
};

// What commands changed of a map or of the patterns of an ACL: what they add up to, not all that were given. Those that
// add a pattern, set a value or take something out, each about one key, and what makes the commands before it needless
// takes their place.
class KeptEntries {
 public:
  static constexpr std::size_t kMost = 100'000, kMostBytes = std::size_t{32} * 1024 * 1024;

  // `key`: empty for what concerns all. A `del` has a payload if the configuration gave what it takes out.
  void take(std::string_view key, const Redo& redo);
  // Too much for another process to be given.
  bool is_too_much() const { return redos_.size() > kMost || bytes_ > kMostBytes; }
  // In order. Many of a kind become one.
  std::vector<Redo> commands() const;

 private:
  void add(std::string_view key, const Redo& redo);
  void drop(const std::string& key, std::string_view verb);

  std::map<std::uint64_t, Redo> redos_;
  std::multimap<std::string, std::uint64_t, std::less<>> by_key_;
  std::uint64_t next_ = 0;
  std::size_t bytes_ = 0;
};

// How that changes.
struct KeptChange {
  enum class Kind : std::uint8_t {
    Set,        // It is there, made by `redo` alone; without words it cannot be made again.
    Append,     // `redo` belongs to it, too, if it is there.
    Join,       // What belongs to `from` does, and that is there no more.
    Forget,     // It is there no more.
    Entry,      // `redo` is about the key `from` of that map or ACL: see KeptEntries.
    ForgetAll,  // None is.
  };
  Kind kind = Kind::ForgetAll;
  std::string name;
  Redo redo;
  std::string from;
};

struct Legacy {
  Secret ticket_keys;
  ServerNotes servers;
  std::vector<KeptThing> kept;  // In the order in which they were set.
  std::map<std::string, KeptEntries> entries;
  std::uint64_t next_redo = 0;
  std::string story;  // How it ended.

  bool has_kept() const { return !kept.empty() || !entries.empty(); }
  void forget_kept() {
    kept.clear();
    entries.clear();
  }
};

std::string added_server(std::string_view backend, std::string_view server);

WipedText pack_redo(const Redo& redo);
// Of what is no such bytes: nothing.
std::optional<Redo> unpack_redo(std::string_view bytes);
WipedText pack_change(const KeptChange& change);
// Takes what pack_change() gave, up to a measure. Of a piece of it nothing is taken, and what it names is forgotten.
void take_change(Legacy& legacy, std::string_view bytes);
// The names of what cannot be made again, which is forgotten.
std::string take_lost(Legacy& legacy);

std::string pack_note(const Server& server, const ServerNote& note);
// Adds what pack_note() gave about a server of `config`, or one that was added. Other bytes and names change nothing: who
// speaks may not be the child any more that was started.
void take_note(Legacy& legacy, std::string_view bytes, const config::Config& config);

}  // namespace penstock
