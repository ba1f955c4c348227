#include "penstock/rules/vocabulary.h"

#include <algorithm>

#include "action_row.h"
#include "penstock/base/format.h"
#include "penstock/config/rule_words.h"
#include "rows.h"

namespace penstock::rules {

namespace {

std::vector<std::string> action_words() {
  using Set = config::Rule::Set;
  std::vector<std::string> words;
  for (const ActionRow* row : all_actions()) {
    for (const Set set : {Set::TcpConnection, Set::TcpSession, Set::TcpContent, Set::TcpResponse, Set::HttpRequest,
                          Set::HttpResponse, Set::HttpAfterResponse}) {
      if ((row->sets & in(set)) != 0) words.push_back(format("{} {}", config::name_of(set), row->name));
    }
  }
  return words;
}

std::vector<std::string> as_texts(const std::vector<std::string_view>& names) { return {names.begin(), names.end()}; }

std::vector<std::string> unsorted_words(WordClass word_class) {
  switch (word_class) {
    case WordClass::Acl:
      return as_texts(predefined_acls());
    case WordClass::Sample:
      return as_texts(fetch_names());
    case WordClass::Converter:
      return as_texts(converter_names());
    case WordClass::Action:
      return action_words();
    case WordClass::LogVariable:
      return as_texts(log_variables());
  }
  return {};
}

}  // namespace

std::vector<std::string> words_of(WordClass word_class) {
  std::vector<std::string> words = unsorted_words(word_class);
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

}  // namespace penstock::rules
