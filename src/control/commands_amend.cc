// Servers that come and go while the process runs: amendments of the snapshot at work, until the next reload.
#include <algorithm>
#include <memory>

#include "command.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/read.h"
#include "penstock/control/crew.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;

// The line as a file would have it: nothing in its words means more than it says.
Result<config::Server> read_line(const CallRef& call, std::string_view name) {
  const config::Global& global = call->realm().crew().snapshot()->config.global;
  std::string text = "global\n";
  if (!global.ca_base.empty()) append_format(text, "  ca-base '{}'\n", global.ca_base);
  if (global.server_verify_none) text += "  ssl-server-verify none\n";
  append_format(text, "backend amended\n  mode http\n  server {}", name);
  const std::vector<std::string> words = call->arguments();
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i].find('\'') != std::string::npos) return Error{format("a quote cannot stand in '{}'", words[i])};
    append_format(text, " '{}'", words[i]);
  }
  config::Diagnostics diagnostics;
  const config::Config config = config::read({{"command", text + "\n"}}, diagnostics);
  for (const config::Complaint& complaint : diagnostics.complaints()) {
    if (complaint.severity == config::Severity::Alert) return Error{complaint.text};
  }
  return config.proxies.back().servers.back();
}

// It begins in maintenance, and unchecked, as HAProxy's does.
void add(const CallRef& call, const std::string& backend, config::Server line) {
  Crew& crew = call->realm().crew();
  line.disabled = true;
  const std::string name = line.name;
  const bool checked = line.check.enabled;
  AddServer wanted{backend, std::make_shared<const config::Server>(std::move(line))};
  call->realm().amend(std::move(wanted), [call, &crew, backend, name, checked](const std::string& why) {
    if (!why.empty()) return call->fail(why + "\n");
    // One of that name may have been deleted: that stays so, and comes before this.
    crew.keep_until_reload(
        added_server(backend, name), [] {}, call->again());
    const auto done = [call] { call->say(Level::Info, "New server registered.\n"); };
    ServerChange change;
    change.checks = false;
    if (!checked || !crew.change(backend, name, change, done)) done();
  });
}

void add_server(const CallRef& call) {
  std::string_view name = call->argument(0);
  if (name.find('/') == std::string_view::npos) return call->fail("Require 'backend/server'.");
  const std::string backend(cut(name, '/'));
  const Snapshot& snapshot = *call->realm().crew().snapshot();
  const BackendPlan* plan = snapshot.backend(snapshot.backend_number(backend));
  if (plan == nullptr) return call->fail("No such backend.");
  if (snapshot.find_server(backend, name) != nullptr)
    return call->fail("Already exists a server with the same name in backend.\n");
  if (call->argument(1).empty()) return call->fail("'server' expects <name> and <addr>[:<port>] as arguments.\n");
  Result<config::Server> line = read_line(call, name);
  if (!line) return call->fail(line.error().text + "\n");
  for (const ServerSpec& other : plan->balance.servers) {
    if (line->id == other.id)
      return call->fail(format("'id' {} is that of server '{}' already\n", other.id, other.name));
  }
  add(call, backend, std::move(*line));
}

void delete_server(const CallRef& call) {
  std::string_view name_there = call->argument(0);
  if (name_there.find('/') == std::string_view::npos) return call->fail("Require 'backend/server'.");
  const Snapshot& snapshot = *call->realm().crew().snapshot();
  const std::string backend(cut(name_there, '/')), name(name_there);
  if (snapshot.backend_number(backend) < 0) return call->fail("No such backend.");
  const ServerSpec* spec = snapshot.find_server(backend, name);
  if (spec == nullptr) return call->fail("No such server.");
  const Server& state = *spec->state;
  const bool again = call->rights().again;
  if (!again && state.standing.load(std::memory_order_relaxed).in_service())
    return call->fail("Only servers in maintenance mode can be deleted.");
  if (!again && state.in_use.load(std::memory_order_relaxed) != 0)
    return call->fail("Server still has connections attached to it, cannot remove it.");
  Crew& crew = call->realm().crew();
  call->realm().amend(DeleteServer{backend, name}, [call, &crew, backend, name](const std::string& why) {
    if (!why.empty()) return call->fail(why + "\n");
    if (crew.keeps_until_reload(added_server(backend, name)))
      crew.forget_until_reload(added_server(backend, name));
    else
      crew.keep_until_reload(
          format("deleted server {}/{}", backend, name), [] {}, call->again());
    call->say(Level::Info, "Server deleted.");
  });
}

constexpr Command kCommands[] = {
    {"add server", "<bk>/<srv>", AccessLevel::Admin,
     "a server more, as a 'server' line would say, until the next reload", add_server},
    {"del server", "<bk>/<srv>", AccessLevel::Admin, "a server in maintenance is gone, until the next reload",
     delete_server},
};

}  // namespace

std::span<const Command> amend_commands() { return kCommands; }

}  // namespace penstock
