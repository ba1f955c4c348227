#include "dump_resolvers.h"

#include <string_view>

#include "keywords.h"
#include "lexer.h"

namespace penstock::config {

std::string resolvers_lines(const Resolvers& section) {
  const Resolvers standard;
  std::string out = format("resolvers {}\n", section.name);
  const auto time = [&](std::string_view keyword, std::uint64_t ms, std::uint64_t usual) {
    if (ms != usual) append_format(out, "    {} {}\n", keyword, duration_text(ms));
  };
  for (const Nameserver& server : section.servers) {
    append_format(out, "    nameserver {} {}{}\n", quoted(server.name), server.tcp ? "tcp@" : "",
                  quoted(address_text(server.address, AddressUse::Plain)));
  }
  if (section.system_servers) out += "    parse-resolv-conf\n";
  if (section.payload != standard.payload) append_format(out, "    accepted_payload_size {}\n", section.payload);
  if (section.retries != standard.retries) append_format(out, "    resolve_retries {}\n", section.retries);
  time("timeout resolve", section.resolve_ms, standard.resolve_ms);
  time("timeout retry", section.retry_ms, standard.retry_ms);
  time("hold nx", section.hold.nx_ms, standard.hold.nx_ms);
  time("hold obsolete", section.hold.obsolete_ms, standard.hold.obsolete_ms);
  time("hold other", section.hold.other_ms, standard.hold.other_ms);
  time("hold refused", section.hold.refused_ms, standard.hold.refused_ms);
  time("hold timeout", section.hold.timeout_ms, standard.hold.timeout_ms);
  time("hold valid", section.hold.valid_ms, standard.hold.valid_ms);
  return out;
}

}  // namespace penstock::config
