// `stats ...` of a proxy: the page of statistics.
#include <utility>

#include "keywords.h"
#include "reading.h"

namespace penstock::config {
namespace {

// What a section says of its page stands alone: nothing of that in `defaults` is left.
StatsPage& page_of(Line& line, Draft& draft) {
  const bool is_own = std::exchange(draft.own_stats, true);
  if (!is_own || !draft.proxy.stats) {
    draft.proxy.stats = StatsPage();
    draft.proxy.stats->place = line.place;
  }
  return *draft.proxy.stats;
}

void parse_enable(Line& line, Draft& draft) { page_of(line, draft); }
void parse_hide_version(Line& line, Draft& draft) { page_of(line, draft).hide_version = true; }
void parse_show_legends(Line& line, Draft& draft) { page_of(line, draft).show_legends = true; }
void parse_show_modules(Line& line, Draft& draft) { page_of(line, draft).show_modules = true; }
void parse_uri(Line& line, Draft& draft) { page_of(line, draft).uri = line.take_text("how the page's target begins"); }
void parse_realm(Line& line, Draft& draft) { page_of(line, draft).realm = line.take_text("a realm"); }
void parse_scope(Line& line, Draft& draft) {
  StatsPage& page = page_of(line, draft);
  const std::string name = line.take_text("the name of a proxy, or '.' for this one");
  if (!line.failed()) page.scope.push_back(name);
}

void parse_auth(Line& line, Draft& draft) {
  StatsPage& page = page_of(line, draft);
  const Word* word = line.take("a user and a password: <user>:<password>");
  if (word == nullptr) return;
  const std::size_t colon = word->text.find(':');
  if (colon == std::string::npos || colon == 0)
    return line.complain(word->place, "'stats auth' expects <user>:<password>");
  page.users.emplace_back(word->text.substr(0, colon), word->text.substr(colon + 1));
}

void parse_refresh(Line& line, Draft& draft) {
  StatsPage& page = page_of(line, draft);
  const std::uint64_t ms = line.take_ms("a time such as 10s", TimeUnit::Second);
  page.refresh_s = ms / 1000;
}

// Words up to the end of the line; none: those of `global`.
std::string take_words(Line& line) {
  std::string text;
  for (const Word& word : line.take_rest()) text += (text.empty() ? "" : " ") + word.text;
  return text;
}
void parse_show_node(Line& line, Draft& draft) {
  StatsPage& page = page_of(line, draft);
  page.node = line.more() ? line.take_text("a name") : std::string();
}
void parse_show_description(Line& line, Draft& draft) {
  StatsPage& page = page_of(line, draft);
  page.description = take_words(line);
}

void parse_admin(Line& line, Draft& draft) {
  page_of(line, draft);
  if (line.peek_text() != "if" && line.peek_text() != "unless")
    return line.complain(line.more() ? line.peek().place : line.end_place(),
                         "'stats admin' expects 'if' or 'unless' and a condition");
  draft.proxy.rules.push_back({Rule::Set::StatsAdmin, line.place, line.take_rest()});
}

void parse_request(Line& line, Draft& draft) {
  constexpr std::string_view kActions[] = {"allow", "auth", "deny"};
  page_of(line, draft);
  if (!line.take_choice(kActions)) return;
  line.step_back();
  draft.proxy.rules.push_back({Rule::Set::StatsRequest, line.place, line.take_rest()});
}

constexpr Keyword<Draft> kStatsKeywords[] = {
    {"admin", parse_admin, "Who may change servers on the page: if|unless <condition>.", kProxies},
    {"auth", parse_auth, "A user who may see the page, and the password: <user>:<password>. None: everybody may."},
    {"enable", parse_enable, "Show the page, with what the other lines do not say."},
    {"hide-version", parse_hide_version, "The page does not say our version."},
    {"http-request", parse_request,
     "A rule for those who ask for the page: allow|deny|auth [realm <realm>] [if|unless <condition>].", kProxies},
    {"realm", parse_realm,
     "What a browser calls that which the password is for; HAProxy Statistics unless said "
     "otherwise."},
    {"refresh", parse_refresh,
     "How often a browser shows the page anew: the page does that itself, without it every five seconds, or the "
     "browser where it runs no scripts."},
    {"scope", parse_scope, "A proxy that the page shows, '.' for this one; all unless any is named."},
    {"show-desc", parse_show_description, "The page shows this text, or that of 'description' in global."},
    {"show-legends", parse_show_legends, "The page shows addresses, cookies and the like."},
    {"show-modules", parse_show_modules, "The page shows counts of TLS and HTTP/1 too."},
    {"show-node", parse_show_node, "The page shows this name, or that of 'node' in global."},
    {"uri", parse_uri, "How targets begin that ask for the page; /haproxy?stats unless said otherwise."},
};
static_assert(is_sorted(kStatsKeywords));

}  // namespace

std::span<const Keyword<Draft>> stats_keywords() { return kStatsKeywords; }

}  // namespace penstock::config
