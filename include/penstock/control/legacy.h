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

// What was set by command and ends with a reload.
struct KeptThing {
  std::string name;           // "frontend fe disabled"
  std::vector<Secret> redos;  // Each as pack_redo() has it. None: it cannot be made again.
};

// How that changes.
struct KeptChange {
  enum class Kind : std::uint8_t {
    Set,        // It is there, made by `redo` alone; without words it cannot be made again.
    Append,     // `redo` belongs to it, too, if it is there.
    Join,       // What belongs to `from` does, and that is there no more.
    Forget,     // It is there no more.
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
  std::string story;            // How it ended.
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
