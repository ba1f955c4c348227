// Who has the same stick tables.
#include <string>

#include "command.h"
#include "penstock/control/crew.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;

void show_peers(const CallRef& call) {
  const std::string_view first = call->argument(0);
  const bool is_option = first == "dict" || first == "-";
  const std::string_view section = is_option ? call->argument(1) : first;
  std::string text;
  if (!call->realm().crew().peers().describe(text, section, first == "dict")) return call->fail("No such peers\n");
  call->answer(text + "\n");
}

constexpr Command kCommands[] = {
    {"show peers", "[dict|-] [section]", AccessLevel::User, "who has the same stick tables, and what was exchanged",
     show_peers},
};

}  // namespace

std::span<const Command> peer_commands() { return kCommands; }

}  // namespace penstock
