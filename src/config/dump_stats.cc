#include "dump_stats.h"

#include <string_view>

#include "lexer.h"
#include "penstock/base/format.h"

namespace penstock::config {

std::string stats_lines(const StatsPage& page) {
  const StatsPage standard;
  std::string out;
  const auto line = [&](std::string_view keyword, std::string_view value) {
    append_format(out, "    stats {}{}{}\n", keyword, value.empty() ? "" : " ", value.empty() ? "" : quoted(value));
  };
  line("enable", "");
  if (page.uri != standard.uri) line("uri", page.uri);
  if (page.realm != standard.realm) line("realm", page.realm);
  for (const auto& [user, password] : page.users) line("auth", user + ":" + password);
  if (page.refresh_s != 0) line("refresh", format("{}s", page.refresh_s));
  if (page.hide_version) line("hide-version", "");
  if (page.show_legends) line("show-legends", "");
  if (page.show_modules) line("show-modules", "");
  if (page.node) line("show-node", *page.node);
  if (page.description) line("show-desc", *page.description);
  for (const std::string& name : page.scope) line("scope", name);
  return out;
}

}  // namespace penstock::config
