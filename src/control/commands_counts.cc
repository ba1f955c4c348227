// What is counted: of the process, and of frontends, backends and servers.
#include <algorithm>
#include <memory>

#include "command.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/control/crew.h"
#include "penstock/control/options.h"
#include "penstock/proxy/statistics_text.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;

bool has(const CallRef& call, std::string_view word) {
  const std::vector<std::string> words = call->arguments();
  return std::find(words.begin(), words.end(), word) != words.end();
}

void show_info(const CallRef& call) {
  const Crew& crew = call->realm().crew();
  const InfoForm form = has(call, "json") ? InfoForm::Json : has(call, "typed") ? InfoForm::Typed : InfoForm::Text;
  call->answer(info_text(form, has(call, "desc"), {program_version(), program_date()}, *crew.snapshot(), crew.process(),
                         crew.now_ms()));
}

// Behind `show stat`: a proxy by number or name, kinds and a number within it, words that narrow or give a form.
statistics::Filter filter_of(const CallRef& call) {
  statistics::Filter filter;
  filter.up_only = has(call, "up");
  filter.no_maint = has(call, "no-maint");
  constexpr std::string_view kWords[] = {"desc", "domain", "json", "no-maint", "typed", "up"};
  const bool is_word = std::find(std::begin(kWords), std::end(kWords), call->argument(0)) != std::end(kWords);
  if (is_word || call->argument(2).empty()) return filter;
  if (const auto number = parse_integer(call->argument(0)))
    filter.proxy_id = *number;
  else
    filter.proxy = call->argument(0);
  filter.kinds = statistics::kinds_of(parse_integer(call->argument(1)).value_or(0));
  filter.id = parse_integer(call->argument(2)).value_or(0);
  return filter;
}

void show_stat(const CallRef& call) {
  const Crew& crew = call->realm().crew();
  const statistics::Filter filter = filter_of(call);
  if (!filter.proxy.empty() && !crew.snapshot()->config.find(filter.proxy)) return call->fail("No such proxy.\n");
  const StatisticsForm form = has(call, "json")    ? StatisticsForm::Json
                              : has(call, "typed") ? StatisticsForm::Typed
                                                   : StatisticsForm::Csv;
  const auto text = std::make_shared<StatisticsText>(
      form, has(call, "desc"), statistics::Walk(crew.snapshot(), crew.process(), crew.now_ms(), filter));
  call->answer_by([text](std::string& to) { return text->next(to); });
}

void clear_counters(const CallRef& call) {
  const bool all = call->argument(0) == "all";
  const AccessLevel needed = all ? AccessLevel::Admin : AccessLevel::Operator;
  if (call->level() < needed) return call->fail("Permission denied\n");
  call->realm().crew().clear_counters(all, [call] { call->done(); });
}

constexpr Command kCommands[] = {
    {"clear counters", "[all]", AccessLevel::Operator, "forget peaks, or all that was counted", clear_counters},
    {"show info", "[desc|json|typed|float]*", AccessLevel::User, "about the process", show_info},
    {"show stat", "[desc|json|no-maint|typed|up]*", AccessLevel::User, "what is counted, by proxies and servers",
     show_stat},
};

}  // namespace

std::span<const Command> counts_commands() { return kCommands; }

}  // namespace penstock
