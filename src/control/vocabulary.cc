#include "penstock/control/vocabulary.h"

#include <algorithm>
#include <map>
#include <vector>

#include "command.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/not_offered.h"
#include "penstock/config/read.h"
#include "penstock/rules/vocabulary.h"

namespace penstock {

namespace {

using Kind = config::NotOffered::Kind;

constexpr std::string_view kWorks = "works";
constexpr std::string_view kLater = "not offered yet";

// What the help of a keyword begins with, where it is not carried out.
std::string_view state_of(std::string_view help) {
  if (help.starts_with("Has no effect")) return "no effect";
  if (help.starts_with("Not offered yet")) return kLater;
  if (help.starts_with("Not offered")) return "error";
  if (help.starts_with("Obsolete")) return "old, error";
  if (help.starts_with("An old word")) return "old";
  return kWorks;
}

std::string configuration_words() {
  std::string out;
  const std::string list = config::keyword_list();
  for (std::string_view rest = list; !rest.empty();) {
    std::string_view help = cut(rest, '\n');
    const std::string_view section = cut(help, '\t');
    const std::string_view word = cut(help, '\t');
    append_format(out, "{}\t{}\t{}\n", section, word, state_of(help));
  }
  for (const config::NotOffered& word : config::not_offered_words()) {
    if (word.kind == Kind::Keyword) append_format(out, "proxy\t{}\t{}\n", word.name, kLater);
  }
  return out;
}

std::string rule_words(std::string_view name, rules::WordClass word_class, std::optional<Kind> lacking) {
  std::map<std::string, std::string_view> states;
  for (const std::string& word : rules::words_of(word_class)) states.emplace(word, kWorks);
  for (const config::NotOffered& word : config::not_offered_words()) {
    if (lacking == word.kind) states.emplace(word.name, kLater);
  }
  std::string out;
  for (const auto& [word, state] : states) append_format(out, "{}\t{}\t{}\n", name, word, state);
  return out;
}

std::string command_words() {
  std::string out;
  for (const Command* command : all_commands())
    append_format(out, "cli\t{}{}{}\t{}\n", command->words, command->arguments.empty() ? "" : " ", command->arguments,
                  kWorks);
  return out;
}

struct Class {
  std::string_view name;
  std::string (*words)();
};

constexpr Class kClasses[] = {
    {"acl", [] { return rule_words("acl", rules::WordClass::Acl, Kind::Acl); }},
    {"act", [] { return rule_words("action", rules::WordClass::Action, Kind::Action); }},
    {"cfg", configuration_words},
    {"cli", command_words},
    {"cnv", [] { return rule_words("converter", rules::WordClass::Converter, Kind::Converter); }},
    {"flt", [] { return std::string(); }},
    {"log", [] { return rule_words("log variable", rules::WordClass::LogVariable, std::nullopt); }},
    {"smp", [] { return rule_words("sample", rules::WordClass::Sample, Kind::Sample); }},
    {"svc", [] { return std::string("service\tprometheus-exporter\tworks\n"); }},
};

}  // namespace

std::string_view vocabulary_classes() { return "all, acl, act, cfg, cli, cnv, flt, log, smp, svc"; }

std::optional<std::string> vocabulary(std::string_view classes) {
  std::string out;
  while (!classes.empty()) {
    const std::string_view name = cut(classes, ',');
    const auto fits = [name](const Class& one) { return name == "all" || name == one.name; };
    if (std::none_of(std::begin(kClasses), std::end(kClasses), fits)) return std::nullopt;
    for (const Class& one : kClasses) {
      if (fits(one)) out += one.words();
    }
  }
  return out;
}

}  // namespace penstock
