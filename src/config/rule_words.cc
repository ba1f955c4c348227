#include "penstock/config/rule_words.h"

#include <algorithm>
#include <utility>

#include "penstock/base/text.h"

namespace penstock::config {

namespace {

// A word of an action that takes others with it.
struct Keyed {
  std::string_view name;
  std::size_t values = 1;
  bool is_file = false;
};

constexpr Keyed kReplyWords[] = {
    {"content-type"}, {"deny_status"},      {"errorfile", 1, true}, {"errorfiles"}, {"file", 1, true},
    {"hdr", 2},       {"lf-file", 1, true}, {"lf-string"},          {"status"},     {"string"},
};
constexpr Keyed kRedirectWords[] = {
    {"clear-cookie"}, {"code"}, {"location"}, {"prefix"}, {"scheme"}, {"set-cookie"},
};
constexpr Keyed kDeleteWords[] = {{"-m"}};
constexpr Keyed kStatusWords[] = {{"reason"}};
constexpr Keyed kModeWords[] = {{"proto"}};
constexpr Keyed kAuthWords[] = {{"realm"}};
constexpr Keyed kStickWords[] = {{"table"}};

// What follows an action's word: first so many values, then keyed words in any order.
struct ActionWords {
  std::string_view name;
  std::size_t values = 0;
  std::span<const Keyed> keyed = {};
};

constexpr ActionWords kActions[] = {
    {"add-acl", 1},
    {"add-header", 2},
    {"auth", 0, kAuthWords},
    {"cache-store", 1},
    {"cache-use", 1},
    {"capture", 3},
    {"del-acl", 1},
    {"del-header", 1, kDeleteWords},
    {"del-map", 1},
    {"deny", 0, kReplyWords},
    {"do-resolve", 1},
    {"early-hint", 2},
    {"expect-netscaler-cip", 1},
    {"expect-proxy", 1},
    {"redirect", 0, kRedirectWords},
    {"replace-header", 3},
    {"replace-path", 2},
    {"replace-pathq", 2},
    {"replace-uri", 2},
    {"replace-value", 3},
    {"return", 0, kReplyWords},
    {"sc-set-gpt", 1},
    {"sc-set-gpt0", 1},
    {"send-spoe-group", 2},
    {"set-dst", 1},
    {"set-dst-port", 1},
    {"set-header", 2},
    {"set-log-level", 1},
    {"set-map", 2},
    {"set-mark", 1},
    {"set-method", 1},
    {"set-nice", 1},
    {"set-path", 1},
    {"set-pathq", 1},
    {"set-priority-class", 1},
    {"set-priority-offset", 1},
    {"set-query", 1},
    {"set-src", 1},
    {"set-src-port", 1},
    {"set-status", 1, kStatusWords},
    {"set-timeout", 2},
    {"set-tos", 1},
    {"set-uri", 1},
    {"set-var", 1},
    {"set-var-fmt", 1},
    {"strict-mode", 1},
    {"switch-mode", 1, kModeWords},
    {"tarpit", 0, kReplyWords},
    {"track-sc0", 1, kStickWords},
    {"track-sc1", 1, kStickWords},
    {"track-sc2", 1, kStickWords},
    {"use-service", 1},
};

bool is_condition(const Word& word) { return word.text == "if" || word.text == "unless"; }

// Keyed words from `at` on, up to a condition: where that is, and the files among them.
std::size_t pass_keyed(std::span<const Word> words, std::size_t at, std::span<const Keyed> keyed,
                       bool ends_at_condition, std::vector<const Word*>& files) {
  while (at < words.size() && !(ends_at_condition && is_condition(words[at]))) {
    const auto row = std::find_if(keyed.begin(), keyed.end(), [&](const Keyed& k) { return k.name == words[at].text; });
    ++at;
    if (row == keyed.end()) continue;
    if (row->is_file && at < words.size()) files.push_back(&words[at]);
    at = std::min(at + row->values, words.size());
  }
  return at;
}

ActionWords shape_of(const Rule& rule) {
  switch (rule.set) {
    case Rule::Set::MonitorFail:
    case Rule::Set::ForcePersist:
    case Rule::Set::IgnorePersist:
    case Rule::Set::UseBackend:
    case Rule::Set::UseServer:
    case Rule::Set::StatsAdmin:
      return {};
    case Rule::Set::Stick:
      return {"stick", 1, kStickWords};
    case Rule::Set::TcpConnection:
    case Rule::Set::TcpContent:
    case Rule::Set::TcpSession:
    case Rule::Set::TcpResponse:
    case Rule::Set::HttpRequest:
    case Rule::Set::HttpResponse:
    case Rule::Set::HttpAfterResponse:
    case Rule::Set::StatsRequest:
      break;
  }
  std::string_view rest = rule.words[0].text;
  const std::string_view name = cut(rest, '(');
  for (const ActionWords& action : kActions) {
    if (action.name == name) return action;
  }
  return {};
}

}  // namespace

std::string_view name_of(Rule::Set set) {
  switch (set) {
    case Rule::Set::TcpConnection:
      return "tcp-request connection";
    case Rule::Set::TcpContent:
      return "tcp-request content";
    case Rule::Set::TcpSession:
      return "tcp-request session";
    case Rule::Set::TcpResponse:
      return "tcp-response content";
    case Rule::Set::HttpRequest:
      return "http-request";
    case Rule::Set::HttpResponse:
      return "http-response";
    case Rule::Set::HttpAfterResponse:
      return "http-after-response";
    case Rule::Set::UseBackend:
      return "use_backend";
    case Rule::Set::UseServer:
      return "use-server";
    case Rule::Set::MonitorFail:
      return "monitor fail";
    case Rule::Set::ForcePersist:
      return "force-persist";
    case Rule::Set::IgnorePersist:
      return "ignore-persist";
    case Rule::Set::StatsRequest:
      return "stats http-request";
    case Rule::Set::StatsAdmin:
      return "stats admin";
    case Rule::Set::Stick:
      return "stick";
  }
  return "";
}

RuleParts parts_of(const Rule& rule) {
  RuleParts parts;
  if (rule.words.empty()) return parts;
  const bool bare = rule.set == Rule::Set::MonitorFail || rule.set == Rule::Set::ForcePersist ||
                    rule.set == Rule::Set::IgnorePersist || rule.set == Rule::Set::StatsAdmin;
  const ActionWords shape = shape_of(rule);
  const std::size_t from = std::min((bare ? 0 : 1) + shape.values, rule.words.size());
  parts.condition = pass_keyed(rule.words, from, shape.keyed, true, parts.files);
  return parts;
}

std::vector<const Word*> files_of_reply(std::span<const Word> words) {
  std::vector<const Word*> files;
  pass_keyed(words, 0, kReplyWords, false, files);
  return files;
}

std::vector<ConditionTerm> terms_of(std::span<const Word> words) {
  std::vector<ConditionTerm> terms;
  bool negated = false;
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::string_view name = words[i].text;
    if (name == "||" || equal_nocase(name, "or")) continue;
    for (; name.starts_with('!'); name.remove_prefix(1)) negated = !negated;
    if (name.empty()) continue;
    ConditionTerm term{std::exchange(negated, false), &words[i], name, {}};
    if (name == "{") {
      const std::size_t open = i + 1;
      while (i < words.size() && words[i].text != "}") ++i;
      term.name = {};
      term.test = words.subspan(open, i - open);
    }
    terms.push_back(term);
  }
  return terms;
}

TestFlags flags_of(std::span<const Word> test) {
  TestFlags flags;
  std::size_t at = 1;
  for (; at < test.size() && test[at].text.starts_with('-'); ++at) {
    const std::string& word = test[at].text;
    const bool has_value = word == "-f" || word == "-m" || word == "-u";
    if (word == "--") {
      ++at;
      break;
    }
    if (!has_value && word != "-i" && word != "-n" && word != "-M") break;
    if (word == "-i") flags.folds_case = true;
    if (word == "-n") flags.no_names = true;
    if (!has_value || ++at == test.size()) continue;
    if (word == "-m") flags.method = &test[at];
    if (word == "-f") flags.files.push_back(&test[at]);
  }
  flags.values = std::min(at, test.size());
  return flags;
}

}  // namespace penstock::config
