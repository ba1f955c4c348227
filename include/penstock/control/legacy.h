// What a serving process leaves to the one that comes after it, should it die: it tells the parent
// while it lives.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "penstock/balance/keeper.h"
#include "penstock/base/secret.h"

namespace penstock::config {
struct Config;
}

namespace penstock {

// By names of backend and server. Who is not there is as a new server is.
using ServerNotes = std::map<std::pair<std::string, std::string>, ServerNote>;

struct Legacy {
  Secret ticket_keys;
  ServerNotes servers;
  std::string story;  // How it ended.
};

std::string pack_note(const Server& server, const ServerNote& note);
// Adds what pack_note() gave about a server of `config`. Other bytes and names change nothing: who
// speaks may not be the child any more that was started.
void take_note(ServerNotes& notes, std::string_view bytes, const config::Config& config);

}  // namespace penstock
