#include "action_row.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/base/token.h"

namespace penstock::rules {

using config::Word;

namespace {

// Message fields.

std::unique_ptr<Action> compile_field(Work& work, bool keep_others) {
  const Word* name = work.take_field_name();
  if (name == nullptr) return nullptr;
  auto value = work.take_format("the field's value");
  if (!value) return nullptr;
  if (value->constant() && !is_field_value(*value->constant()))
    return work.complain(name->place, format("the value of '{}' holds a line end", name->text));
  return make_set_field(work.side, name->text, std::move(*value), keep_others);
}

std::unique_ptr<Action> compile_set_header(Work& work) { return compile_field(work, false); }
std::unique_ptr<Action> compile_add_header(Work& work) { return compile_field(work, true); }

std::unique_ptr<Action> compile_del_header(Work& work) {
  const Word* name = work.words.take("the name of a header field");
  if (name == nullptr) return nullptr;
  Match match = Match::Str;
  if (work.words.accept("-m")) {
    const Word* method = work.words.take("str, beg, end, sub or reg");
    if (method == nullptr) return nullptr;
    if (method->text == "beg")
      match = Match::Beg;
    else if (method->text == "end")
      match = Match::End;
    else if (method->text == "sub")
      match = Match::Sub;
    else if (method->text == "reg")
      match = Match::Reg;
    else if (method->text != "str")
      return work.complain(
          method->place,
          format("'{}' is no way to match a field's name: str, beg, end, sub or reg was expected", method->text));
  }
  std::unique_ptr<Regex> regex;
  if (match == Match::Reg) {
    std::string error;
    regex = Regex::compile(name->text, true, error);
    if (regex == nullptr)
      return work.complain(name->place, format("'{}' is no regular expression: {}", name->text, error));
  } else if (match == Match::Str) {
    if (!is_token(name->text))
      return work.complain(name->place, format("'{}' is no name of a header field", name->text));
    if (equal_nocase(name->text, "content-length") || equal_nocase(name->text, "transfer-encoding")) {
      return work.complain(name->place,
                           format("'{}' says where the message ends and cannot be changed by a rule", name->text));
    }
  }
  return make_delete_field(work.side, match, name->text, std::move(regex));
}

std::unique_ptr<Action> compile_replace(Work& work, bool each_value) {
  const Word* name = work.take_field_name();
  if (name == nullptr) return nullptr;
  std::unique_ptr<Regex> regex = work.take_regex();
  if (regex == nullptr) return nullptr;
  auto replacement = work.take_format("the replacement");
  if (!replacement) return nullptr;
  if (replacement->constant() && !is_field_value(*replacement->constant()))
    return work.complain(name->place, "the replacement holds a line end");
  return make_replace_field(work.side, name->text, std::move(regex), std::move(*replacement), each_value);
}

std::unique_ptr<Action> compile_replace_header(Work& work) { return compile_replace(work, false); }
std::unique_ptr<Action> compile_replace_value(Work& work) { return compile_replace(work, true); }

// The request line and the status line.

template <TargetPart part>
std::unique_ptr<Action> compile_set_target(Work& work) {
  auto value = work.take_format("the new text");
  return value ? make_set_target(part, std::move(*value)) : nullptr;
}

template <TargetPart part>
std::unique_ptr<Action> compile_replace_target(Work& work) {
  std::unique_ptr<Regex> regex = work.take_regex();
  if (regex == nullptr) return nullptr;
  auto replacement = work.take_format("the replacement");
  return replacement ? make_replace_target(part, std::move(regex), std::move(*replacement)) : nullptr;
}

std::unique_ptr<Action> compile_set_method(Work& work) {
  const config::Place place = work.words.place();
  auto value = work.take_format("the method");
  if (!value) return nullptr;
  if (value->constant() && !is_token(*value->constant()))
    return work.complain(place, format("'{}' is no method", *value->constant()));
  return make_set_method(std::move(*value));
}

struct NormalizerWord {
  std::string_view word;
  Normalizer normalizer;
  std::string_view option;  // That may stand behind it.
};
constexpr NormalizerWord kNormalizers[] = {
    {"fragment-encode", Normalizer::FragmentEncode, ""},
    {"fragment-strip", Normalizer::FragmentStrip, ""},
    {"path-merge-slashes", Normalizer::MergeSlashes, ""},
    {"path-strip-dot", Normalizer::StripDot, ""},
    {"path-strip-dotdot", Normalizer::StripDotDot, "full"},
    {"percent-decode-unreserved", Normalizer::DecodeUnreserved, "strict"},
    {"percent-to-uppercase", Normalizer::UpperCase, "strict"},
    {"query-sort-by-name", Normalizer::SortQuery, ""},
};

std::unique_ptr<Action> compile_normalize_uri(Work& work) {
  const Word* word = work.words.take("a normalizer such as path-merge-slashes");
  if (word == nullptr) return nullptr;
  for (const NormalizerWord& row : kNormalizers) {
    if (row.word != word->text) continue;
    const bool with_option = !row.option.empty() && work.words.accept(row.option);
    const bool is_full = with_option && row.normalizer == Normalizer::StripDotDot;
    return make_normalize_uri(is_full ? Normalizer::StripDotDotFull : row.normalizer, with_option);
  }
  std::vector<std::string_view> names;
  for (const NormalizerWord& row : kNormalizers) names.push_back(row.word);
  return work.complain(word->place, format("'{}' is no normalizer{}", word->text, hint(word->text, names)));
}

std::unique_ptr<Action> compile_set_status(Work& work) {
  const auto status = work.take_status(100, 999);
  if (!status) return nullptr;
  std::string reason(reason_of(*status));
  if (work.words.accept("reason")) {
    const Word* word = work.words.take("the reason");
    if (word == nullptr) return nullptr;
    if (!is_field_value(word->text)) return work.complain(word->place, "the reason holds a line end");
    reason = word->text;
  }
  return make_set_status(*status, std::move(reason));
}
constexpr ActionRow kActions[] = {
    {"add-header", kHttp, compile_add_header},
    {"del-header", kHttp, compile_del_header},
    {"normalize-uri", kRequest, compile_normalize_uri},
    {"replace-header", kHttp, compile_replace_header},
    {"replace-path", kRequest, compile_replace_target<TargetPart::Path>},
    {"replace-pathq", kRequest, compile_replace_target<TargetPart::PathAndQuery>},
    {"replace-uri", kRequest, compile_replace_target<TargetPart::Uri>},
    {"replace-value", kHttp, compile_replace_value},
    {"set-header", kHttp, compile_set_header},
    {"set-method", kRequest, compile_set_method},
    {"set-path", kRequest, compile_set_target<TargetPart::Path>},
    {"set-pathq", kRequest, compile_set_target<TargetPart::PathAndQuery>},
    {"set-query", kRequest, compile_set_target<TargetPart::Query>},
    {"set-status", kResponse | kAfter, compile_set_status},
    {"set-uri", kRequest, compile_set_target<TargetPart::Uri>},
};

}  // namespace

std::span<const ActionRow> message_actions() { return kActions; }

}  // namespace penstock::rules
