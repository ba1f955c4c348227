// What is counted: of the process, and of frontends, backends and servers.
#include <algorithm>
#include <memory>

#include "command.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/control/crew.h"
#include "penstock/control/names.h"
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

// A cell of what is counted of a name server, in any form.
class NameserverText {
 public:
  NameserverText(StatisticsForm form, bool described) : form_(form), described_(described) {
    if (form == StatisticsForm::Json) text_ = "[";
    if (form != StatisticsForm::Csv) return;
    text_ = "# id,pid,";
    for (const NameserverColumn& column : nameserver_columns()) append_format(text_, "{},", column.column);
    text_ += '\n';
  }

  void add(const std::string& section, const std::string& server, const NameserverCounts& counts) {
    at_ = 0;
    if (form_ == StatisticsForm::Json) text_ += text_ == "[" ? "[" : ",[";
    cell("id", "ID", "CGP", "str", server);
    cell("pid", "Parent ID", "CGP", "str", section);
    for (const NameserverColumn& column : nameserver_columns())
      cell(column.column, column.help, "MGP", "u64", format("{}", counts.*column.count));
    if (form_ == StatisticsForm::Json) text_ += ']';
    if (form_ == StatisticsForm::Csv) text_ += '\n';
  }

  std::string end() { return std::move(text_) + (form_ == StatisticsForm::Json ? "]\n" : ""); }

 private:
  void cell(std::string_view name, std::string_view help, std::string_view tags, std::string_view type,
            const std::string& value) {
    const std::size_t at = at_++;
    if (form_ == StatisticsForm::Csv) return void(append_format(text_, "{},", value));
    if (form_ == StatisticsForm::Typed) {
      append_format(text_, "N.{}.{}:{}:{}:{}", at, name, tags, type, value);
      if (described_) append_format(text_, ":\"{}\"", help);
      return void(text_ += '\n');
    }
    append_format(text_, R"({}{{"field":{{"pos":{},"name":"{}"}},"tags":{{"origin":"{}","nature":"Gauge",)",
                  at == 0 ? "" : ",", at, name, tags[0] == 'C' ? "Config" : "Metric");
    append_format(text_, R"("scope":"Process"}},"value":{{"type":"{}","value":)", type);
    if (type == "str")
      append_json_text(value, text_);
    else
      text_ += value;
    text_ += "}}";
  }

  const StatisticsForm form_;
  const bool described_;
  std::string text_;
  std::size_t at_ = 0;
};

StatisticsForm form_of(const CallRef& call) {
  return has(call, "json") ? StatisticsForm::Json : has(call, "typed") ? StatisticsForm::Typed : StatisticsForm::Csv;
}

void show_nameservers(const CallRef& call) {
  NameserverText text(form_of(call), has(call, "desc"));
  call->realm().names().for_each_nameserver([&](const std::string& section, const std::string& server,
                                                const NameserverCounts& counts) { text.add(section, server, counts); });
  call->answer(text.end());
}

void show_stat(const CallRef& call) {
  if (call->argument(0) == "domain") {
    if (call->argument(1) == "resolvers") return show_nameservers(call);
    if (call->argument(1) != "proxy") return call->fail("Invalid statistics domain.\n");
  }
  const Crew& crew = call->realm().crew();
  const statistics::Filter filter = filter_of(call);
  if (!filter.proxy.empty() && !crew.snapshot()->config.find(filter.proxy)) return call->fail("No such proxy.\n");
  const StatisticsForm form = form_of(call);
  const auto text = std::make_shared<StatisticsText>(
      form, has(call, "desc"), statistics::Walk(crew.snapshot(), crew.process(), crew.now_ms(), filter));
  call->answer_by([text](std::string& to) { return text->next(to); });
}

void clear_counters(const CallRef& call) {
  const bool all = call->argument(0) == "all";
  const AccessLevel needed = all ? AccessLevel::Admin : AccessLevel::Operator;
  if (call->level() < needed) return call->fail("Permission denied\n");
  call->realm().names().clear_counts();
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
