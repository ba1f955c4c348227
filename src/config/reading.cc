#include "reading.h"

namespace penstock::config {

bool Line::accept(std::string_view word) {
  if (!more() || words_[at_].text != word) return false;
  ++at_;
  return true;
}

const Word* Line::take(std::string_view what) {
  if (failed_) return nullptr;
  if (at_ < words_.size()) return &words_[at_++];
  complain(end_place(), subject.empty() ? format("expected {}", what) : format("'{}' expects {}", subject, what));
  return nullptr;
}

const Word* Line::take_filled(std::string_view what) {
  const Word* word = take(what);
  if (word == nullptr || !word->text.empty()) return word;
  complain(word->place, format("'{}' expects {}, and this is empty: is a variable not set?", subject, what));
  return nullptr;
}

std::string Line::take_text(std::string_view what) {
  const Word* word = take_filled(what);
  return word == nullptr ? std::string() : word->text;
}

std::vector<Word> Line::take_rest() {
  std::vector<Word> rest(words_.begin() + static_cast<std::ptrdiff_t>(at_), words_.end());
  at_ = words_.size();
  return rest;
}

void Line::end() {
  if (failed_ || at_ >= words_.size()) return;
  complain(words_[at_].place, format("unexpected argument '{}' behind '{}'", words_[at_].text, subject));
}

std::uint64_t Line::take_number(std::string_view what, std::uint64_t low, std::uint64_t high) {
  const Word* word = take(what);
  if (word == nullptr) return low;
  const auto number = parse_unsigned(word->text);
  if (number && *number >= low && *number <= high) return *number;
  complain(word->place, format("'{}' expects {} from {} to {}, not '{}'", subject, what, low, high, word->text));
  return low;
}

std::uint64_t Line::take_ms(std::string_view what, TimeUnit unit) {
  // The manual's own limit: 2^31-1 ms, near 25 days.
  constexpr std::uint64_t kLongest = 2147483647;
  const Word* word = take(what);
  if (word == nullptr) return 0;
  const auto ms = parse_duration_ms(word->text, unit);
  if (!ms) {
    complain(word->place, format("'{}' expects {}, not '{}'; units are us, ms, s, m, h, d", subject, what, word->text));
    return 0;
  }
  if (*ms <= kLongest) return *ms;
  complain(word->place, format("'{}' is too long a time for '{}': 24d is the most", word->text, subject));
  return 0;
}

std::uint64_t Line::take_size(std::string_view what) {
  const Word* word = take(what);
  if (word == nullptr) return 0;
  const auto size = parse_size(word->text);
  if (size) return *size;
  complain(word->place, format("'{}' expects {}, not '{}'; units are k, m, g", subject, what, word->text));
  return 0;
}

std::optional<std::size_t> Line::take_choice(std::span<const std::string_view> choices) {
  std::string list;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i != 0) list += i + 1 == choices.size() ? " or " : ", ";
    append_format(list, "'{}'", choices[i]);
  }
  const Word* word = take(list);
  if (word == nullptr) return std::nullopt;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (choices[i] == word->text) return i;
  }
  const std::string_view near = nearest(word->text, choices);
  complain(word->place, format("'{}' expects {}, not '{}'{}", subject, list, word->text,
                               near.empty() ? "" : format("; did you mean '{}'?", near)));
  return std::nullopt;
}

void Line::complain(Place place, std::string text) {
  if (!failed_) reading.diagnostics.add(place, std::move(text));
  failed_ = true;
  if (reading.draft != nullptr) reading.draft->broken = true;
}

Place Line::end_place() const {
  if (words_.empty()) return place;
  Place end = words_.back().place;
  std::string_view text = text_;
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  // A comment behind the words is no place to ask for more.
  if (text.find('#', end.column) == std::string_view::npos) end.column = static_cast<std::uint32_t>(text.size() + 1);
  return end;
}

void complain_obsolete(Line& line) {
  line.complain(format("'{}' is no longer part of the grammar. {}", line.subject, line.help));
}

void complain_refused(Line& line) { line.complain(format("'{}' is not offered. {}", line.subject, line.help)); }

void warn_no_effect(Line& line) { line.warn(format("'{}' has no effect. {}", line.subject, line.help)); }

void warn_not_yet(Line& line) {
  line.warn(format("'{}' is not offered yet, the line has no effect. {}", line.subject, line.help));
}

void warn_parameter(Line& line, std::string_view verdict, int arguments) {
  for (int i = 0; i < arguments; ++i) {
    if (line.take("a value") == nullptr) return;
  }
  Draft* draft = line.reading.draft;
  if (draft != nullptr && !draft->said.insert(line.subject).second) return;
  line.warn(format("'{}' {}. {}", line.subject, verdict, line.help));
}

}  // namespace penstock::config
