// Commands about the program as a whole, and the table that the socket of `-S` shows.
#include <algorithm>

#include "command.h"
#include "processes.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;

void reload(const CallRef& call) {
  call->patient = true;
  call->realm().reload([call](bool success, const std::string& said) { call->answer(reload_text(success, said)); });
}

void show_processes(const CallRef& call) {
  call->realm().processes([call](std::string text) { call->answer(std::move(text)); });
}

void set_debug(const CallRef& call) {
  call->rights().debug = call->argument(0) == "on";
  call->obeyed();
}

void save_states(const CallRef& call) {
  call->realm().save_states([call](bool success, const std::string& said) {
    if (said.empty()) return call->fail("No 'load-server-state-from-file' names a file.\n");
    call->say(success ? Level::Info : Level::Err, said);
  });
}

constexpr Command kCommands[] = {
    {"mcli-debug-mode", "[on|off]", AccessLevel::Admin, "", set_debug},
    {"reload", "", AccessLevel::Operator, "read the configuration anew, and say how that went", reload},
    {"save servers state", "", AccessLevel::Admin, "write the files of server states, as a stop does", save_states},
    {"show proc", "", AccessLevel::User, "the processes of the program", show_processes},
};

constexpr Command kAims[] = {
    {"@!<pid>", "", AccessLevel::User, "send a command to the process of this number", nullptr},
    {"@<relative pid>", "", AccessLevel::User, "send a command to the serving process: @1", nullptr},
    {"@master", "", AccessLevel::User, "send a command to the parent", nullptr},
};

}  // namespace

std::span<const Command> master_commands() { return kCommands; }
std::span<const Command> master_aims() { return kAims; }

bool is_for_master(const Command& command) {
  constexpr std::string_view kWords[] = {
      "help",      "operator",          "prompt",       "quit", "reload", "show cli level", "show cli sockets",
      "show proc", "show startup-logs", "show version", "user"};
  return command.run == nullptr || std::find(std::begin(kWords), std::end(kWords), command.words) != std::end(kWords);
}

}  // namespace penstock
