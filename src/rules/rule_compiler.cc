#include "rule_compiler.h"

#include <algorithm>
#include <array>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/config/not_offered.h"
#include "penstock/config/rule_words.h"
#include "rows.h"

namespace penstock::rules {

using config::Rule;
using config::Word;

unsigned available_to(Rule::Set set, config::Mode mode) {
  const bool http = mode == config::Mode::Http;
  switch (set) {
    case Rule::Set::TcpConnection:
      return kForConnection;
    case Rule::Set::TcpSession:
      return kForWelcomed;
    case Rule::Set::TcpContent:
    case Rule::Set::UseBackend:
    case Rule::Set::UseServer:
    case Rule::Set::Stick:
      return http ? kForRequest : kForTcpContent;
    case Rule::Set::TcpResponse:
      return http ? kForResponse : kForTcpAnswer;
    case Rule::Set::HttpRequest:
    case Rule::Set::MonitorFail:
    case Rule::Set::ForcePersist:
    case Rule::Set::IgnorePersist:
    case Rule::Set::StatsRequest:
    case Rule::Set::StatsAdmin:
      return kForRequest;
    case Rule::Set::HttpResponse:
    case Rule::Set::HttpAfterResponse:
      return kForResponse;
  }
  return 0;
}

namespace {

std::array<std::span<const ActionRow>, 7> families() {
  return {message_actions(), reply_actions(), other_actions(), track_actions(),
          client_actions(),  name_actions(),  cache_actions()};
}

const ActionRow* find_action(std::string_view name) {
  for (const std::span<const ActionRow> family : families()) {
    for (const ActionRow& row : family) {
      if (row.name == name) return &row;
    }
  }
  return nullptr;
}

class RuleCompiler {
 public:
  RuleCompiler(Compiling& compiling, const Rule& rule, const Slots& slots)
      : compiling_(compiling), rule_(rule), slots_(slots) {}

  std::optional<Step> compile() {
    if (rule_.words.empty()) return complain(rule_.place, format("'{}' expects an action", config::name_of(rule_.set)));
    const Word& word = rule_.words[0];
    std::string_view name = word.text;
    std::string_view argument;
    const std::size_t open = name.find('(');
    const bool has_parentheses = open != std::string_view::npos;
    if (has_parentheses) {
      const std::size_t end = name.rfind(')');
      if (end == std::string_view::npos)
        return complain(word.place, format("the parenthesis of '{}' is not closed", name));
      if (end + 1 != name.size()) {
        return complain(word.place,
                        format("'{}' is not understood behind '{}'", name.substr(end + 1), name.substr(0, end + 1)));
      }
      argument = name.substr(open + 1, name.size() - open - 2);
      name = name.substr(0, open);
    }
    const ActionRow* row = find_action(name);
    if (row == nullptr || (row->sets & in(rule_.set)) == 0) return complain_about(name, row, word.place);
    const Parentheses& inside = row->parentheses;
    if (inside.what.empty() && has_parentheses) return complain(word.place, format("'{}' takes no parentheses", name));
    if (!inside.what.empty() && !inside.optional && argument.empty()) {
      return complain(word.place,
                      format("'{}' expects {} in parentheses: {}({})", name, inside.what, name, inside.example));
    }
    return compile_action(*row, argument);
  }

 private:
  std::nullopt_t complain(config::Place place, std::string text) {
    compiling_.diagnostics.add(place, std::move(text));
    return std::nullopt;
  }

  // Where an action's words end: at its condition, or behind the last of them.
  config::Place end_place(std::size_t end) const {
    return end < rule_.words.size() ? rule_.words[end].place : config::behind(rule_.words.back());
  }

  std::optional<Step> compile_action(const ActionRow& row, std::string_view argument) {
    const bool on_response = (in(rule_.set) & (kResponse | kAfter | kTcpResponse)) != 0;
    const std::size_t end = config::parts_of(rule_).condition;
    RuleWords words(compiling_, std::span<const Word>(rule_.words).subspan(1, end - 1), std::string(row.name),
                    end_place(end));
    Work work{compiling_,
              rule_,
              words,
              slots_,
              argument,
              on_response ? Side::Response : Side::Request,
              available_to(rule_.set, compiling_.proxy->mode)};
    Step step;
    step.place = {rule_.place, compiling_.part()};
    compiling_.asked_users.clear();
    step.is_behind = row.name == "redirect" && work.is_redirect_line();
    step.action = row.compile(work);
    if (step.action == nullptr) return std::nullopt;
    step.asked_users = std::move(compiling_.asked_users);
    if (words.more()) {
      const Word& more = words.peek();
      constexpr std::string_view kConditions[] = {"if", "unless"};
      return complain(more.place,
                      format("'{}' is not understood behind '{}': 'if', 'unless' or the end of the line was expected{}",
                             more.text, row.name, hint(more.text, kConditions)));
    }
    const std::span<const Word> condition = std::span<const Word>(rule_.words).subspan(end);
    if (condition.empty()) return step;
    step.condition = compile_condition(compiling_, condition, work.available);
    if (step.condition == nullptr) return std::nullopt;
    return step;
  }

  std::optional<Step> complain_about(std::string_view name, const ActionRow* row, config::Place place) {
    const std::string_view set = config::name_of(rule_.set);
    if (row != nullptr) return complain(place, format("'{}' is no action of '{}'", name, set));
    if (const auto said = config::not_offered(config::NotOffered::Kind::Action, name))
      return complain(place, format("the action '{}' {}", name, *said));
    std::vector<std::string_view> names;
    for (const std::span<const ActionRow> family : families()) {
      for (const ActionRow& known : family) {
        if ((known.sets & in(rule_.set)) != 0) names.push_back(known.name);
      }
    }
    std::sort(names.begin(), names.end());  // Of names equally near the first is told.
    return complain(place, format("'{}' is no action of '{}'{}", name, set, hint(name, names)));
  }

  Compiling& compiling_;
  const Rule& rule_;
  const Slots& slots_;
};
}  // namespace

std::vector<const ActionRow*> all_actions() {
  std::vector<const ActionRow*> all;
  for (const std::span<const ActionRow> family : families()) {
    for (const ActionRow& row : family) all.push_back(&row);
  }
  return all;
}

std::optional<Step> compile_rule(Compiling& compiling, const Rule& rule, const Slots& slots) {
  return RuleCompiler(compiling, rule, slots).compile();
}

bool makes_slot(const Rule& rule) {
  if (rule.words.empty() || rule.words[0].text != "capture") return false;
  const bool for_request = rule.set == Rule::Set::HttpRequest || rule.set == Rule::Set::TcpContent;
  return for_request && rule.words.size() > 2 && rule.words[2].text == "len";
}

std::uint32_t length_of_slot(const Rule& rule) {
  const auto length = rule.words.size() > 3 ? parse_unsigned(rule.words[3].text) : std::nullopt;
  return length && *length <= 65535 ? static_cast<std::uint32_t>(*length) : 0;  // Another was complained about.
}
void collect_rule_files(const Rule& rule, std::vector<NamedFile>& files) {
  const config::RuleParts parts = config::parts_of(rule);
  for (const Word* file : parts.files) files.push_back({file->text, file->place});
  for (const Word& word : rule.words) collect_map_files(word, files);
  for (const config::ConditionTerm& term : config::terms_of(std::span(rule.words).subspan(parts.condition)))
    collect_acl_files(term.test, files);
}

}  // namespace penstock::rules
