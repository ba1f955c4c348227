#include "action_row.h"

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/base/token.h"

namespace penstock::rules {

using config::Word;

const Word* RuleWords::take(std::string_view what) {
  const Word* word = take_any(what);
  if (word == nullptr || !word->text.empty()) return word;
  return complain(word->place, format("'{}' expects {}, and this is empty: is a variable not set?", subject_, what));
}

const Word* RuleWords::take_any(std::string_view what) {
  if (at_ < words_.size()) return &words_[at_++];
  return complain(place(), format("'{}' expects {} here", subject_, what));
}

bool Work::is_redirect_line() const {
  const config::Place first = rule.words[0].place;
  return first.file == rule.place.file && first.line == rule.place.line && first.column == rule.place.column;
}

std::optional<Format> Work::take_format(std::string_view what, FormatUse use) const {
  const Word* word = use == FormatUse::Variable ? words.take_any(what) : words.take(what);
  if (word == nullptr) return std::nullopt;
  return compile_format(compiling, word->text, word->place, use, available);
}

std::unique_ptr<Expression> Work::take_expression(std::string_view what) const {
  const Word* word = words.take(what);
  return word == nullptr ? nullptr : parse_whole_expression(compiling, word->text, word->place, available);
}

std::unique_ptr<Regex> Work::take_regex() const {
  const Word* word = words.take("a regular expression");
  if (word == nullptr) return nullptr;
  std::string error;
  std::unique_ptr<Regex> regex = Regex::compile(word->text, false, error);
  if (regex == nullptr) complain(word->place, format("'{}' is no regular expression: {}", word->text, error));
  return regex;
}

const Word* Work::take_field_name() const {
  const Word* word = words.take("the name of a header field");
  if (word == nullptr) return nullptr;
  if (!is_token(word->text)) return complain(word->place, format("'{}' is no name of a header field", word->text));
  if (!equal_nocase(word->text, "content-length") && !equal_nocase(word->text, "transfer-encoding")) return word;
  return complain(word->place, format("'{}' says where the message ends and cannot be changed by a rule", word->text));
}

std::optional<std::uint16_t> Work::take_status(unsigned low, unsigned high) const {
  const Word* word = words.take("a status");
  if (word == nullptr) return std::nullopt;
  const auto status = parse_unsigned(word->text);
  if (status && *status >= low && *status <= high) return static_cast<std::uint16_t>(*status);
  complain(word->place, format("'{}' is no status from {} to {}", word->text, low, high));
  return std::nullopt;
}

}  // namespace penstock::rules
