// What a serving process leaves to the one that comes after it, should it die: it tells the parent
// while it lives.
#pragma once

#include <map>
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
  std::string name;  // "frontend fe disabled"
  Secret redos;      // As pack_redos() has them.
};

struct Legacy {
  Secret ticket_keys;
  ServerNotes servers;
  std::vector<KeptThing> kept;  // In the order in which they were set.
  std::string story;            // How it ended.
};

std::string added_server(std::string_view backend, std::string_view server);

WipedText pack_redos(const std::vector<Redo>& redos);
// Of what is no such bytes: nothing.
std::vector<Redo> unpack_redos(std::string_view bytes);
// One thing more, or the same set anew; without redos it is none any more. What is beyond a measure is not kept.
void keep(Legacy& legacy, std::string_view name, std::string_view redos);

std::string pack_note(const Server& server, const ServerNote& note);
// Adds what pack_note() gave about a server of `config`, or one that was added. Other bytes and names change nothing: who
// speaks may not be the child any more that was started.
void take_note(Legacy& legacy, std::string_view bytes, const config::Config& config);

}  // namespace penstock
