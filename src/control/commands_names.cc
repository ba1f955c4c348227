// What is counted of name servers.
#include "command.h"
#include "penstock/base/format.h"
#include "penstock/control/names.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;

void show_resolvers(const CallRef& call) {
  const Names& names = call->realm().names();
  const std::string_view wanted = call->argument(0);
  if (!wanted.empty() && !names.has_section(wanted)) return call->fail("Can't find that resolvers section\n");
  std::string text, last;
  names.for_each_nameserver([&](const std::string& section, const std::string& server, const NameserverCounts& counts) {
    if (!wanted.empty() && section != wanted) return;
    if (section != last) append_format(text, "Resolvers section {}\n", section);
    last = section;
    append_format(text, " nameserver {}:\n", server);
    for (const NameserverColumn& column : nameserver_columns())
      append_format(text, "  {:<13}{}\n", format("{}:", column.text), counts.*column.count);
  });
  call->answer(std::move(text));
}

constexpr Command kCommands[] = {
    {"show resolvers", "[id]", AccessLevel::User, "what name servers were asked, and said", show_resolvers},
};

}  // namespace

std::span<const Command> names_commands() { return kCommands; }

}  // namespace penstock
