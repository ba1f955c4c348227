// Words that HAProxy 2.6 has and we have not. Who writes one has made no mistake of spelling, and the
// nearest of our words would lead astray. Words that a keyword table refuses by a row of its own
// ("crt-list") are not here.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace penstock::config {

struct NotOffered {
  enum class Kind { Keyword, Action, Sample, Converter, Acl };
  Kind kind;
  std::string_view name;
  std::string_view instead;  // What to write; empty: nothing comes near.
};
std::span<const NotOffered> not_offered_words();

// "is HAProxy's and is not offered yet", and what to write instead. Nothing if the word is not
// HAProxy's.
std::optional<std::string> not_offered(NotOffered::Kind kind, std::string_view name);

// Why a sample of HAProxy never has a value here; nothing: it is none of those.
std::optional<std::string_view> without_value(std::string_view sample);

}  // namespace penstock::config
