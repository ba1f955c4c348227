#include "penstock/config/diagnostics.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "penstock/config/secrets.h"

namespace penstock::config {

Place inside(const Config& config, Place place, std::string_view before) {
  if (place.file >= config.lines.size() || place.line == 0 || place.line > config.lines[place.file].size())
    return place;
  const std::string& line = config.lines[place.file][place.line - 1];
  // Quotes and the backslashes of escapes are in the line alone.
  std::size_t at = place.column - 1;
  for (std::size_t i = 0; i < before.size();) {
    if (at >= line.size()) return place;
    if (line[at] == before[i]) {
      ++i;
    } else if (line[at] != '"' && line[at] != '\'' && (line[at] != '\\' || line[at + 1] != before[i])) {
      return place;
    }
    ++at;
  }
  return {place.file, place.line, static_cast<std::uint32_t>(at + 1)};
}

namespace {

// The first word that a complaint quotes.
std::string_view quoted_in(std::string_view text) {
  const std::size_t open = text.find_first_of("'\"");
  if (open == std::string_view::npos) return {};
  const std::size_t close = text.find(text[open], open + 1);
  return close == std::string_view::npos ? std::string_view() : text.substr(open + 1, close - open - 1);
}

bool parts(char c) { return static_cast<unsigned char>(c) <= ' ' || std::strchr("'\":,@[]()", c) != nullptr; }

// A complaint about a whole line or another thing of several words, which quotes one of them, is about that one; but not
// if it begins with the word at its place: "server 's1' has ...".
std::uint32_t column_meant(std::string_view line, std::uint32_t column, std::string_view text) {
  const std::string_view word = quoted_in(text);
  if (word.empty() || column == 0 || column > line.size()) return column;
  if (line.substr(column - 1).starts_with(text.substr(0, text.find(' ')))) return column;
  for (std::size_t at = line.find(word, column - 1); at != std::string_view::npos; at = line.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool is_whole = (at == 0 || parts(line[at - 1])) && (end == line.size() || parts(line[end]));
    if (is_whole) return static_cast<std::uint32_t>(at + 1);
  }
  return column;
}

}  // namespace

void Diagnostics::add(Severity severity, Place place, std::string text) {
  const auto* lines = source_ == nullptr || place.file >= source_->lines.size() ? nullptr : &source_->lines[place.file];
  const bool has_line = lines != nullptr && place.line != 0 && place.line <= lines->size();
  if (has_line) place.column = column_meant((*lines)[place.line - 1], place.column, text);
  // A second error at the same word follows from the first.
  const bool is_new =
      severity != Severity::Alert || place.line == 0 || alerted_.insert({place.file, place.line, place.column}).second;
  if (!is_new) return;
  Complaint complaint{severity, place, {}, {}, std::move(text)};
  if (source_ != nullptr && place.line != 0 && place.file < source_->files.size()) {
    complaint.file = source_->files[place.file];
    if (has_line) {
      const std::string& line = (*lines)[place.line - 1];
      complaint.line = blotted(line);
      complaint.text = without_secrets_of(line, std::move(complaint.text));
    }
  }
  if (severity == Severity::Alert) ++alerts_;
  if (severity == Severity::Warning) ++warnings_;
  complaints_.push_back(std::move(complaint));
}

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// A complaint's text without the words that it quotes, which are put into `words`, and without what it proposes instead.
std::string kind_of(std::string_view text, std::vector<std::string>& words) {
  for (const std::string_view proposal : {"; did you mean '", " (did you mean '"}) {
    const std::size_t at = text.find(proposal);
    const std::size_t end = at == std::string_view::npos ? at : text.find('?', at);
    if (end != std::string_view::npos) text = text.substr(0, at);
  }
  std::string kind;
  std::size_t open = std::string_view::npos;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_quote = text[i] == '\'';
    if (open == std::string_view::npos) {
      kind += text[i];
      if (is_quote && (i == 0 || !is_letter(text[i - 1]))) open = i + 1;
    } else if (is_quote && (i + 1 == text.size() || !is_letter(text[i + 1]))) {
      kind += text[i];
      words.emplace_back(text.substr(open, i - open));
      open = std::string_view::npos;
    }
  }
  if (open != std::string_view::npos) kind += text.substr(open);
  return kind;
}

// So many complaints that differ by a word alone are told as one.
constexpr std::size_t kFlood = 5;

// Complaints of one kind: how many texts there are, and which of the quoted words is another in each.
struct Kind {
  std::vector<std::string> words;  // Of the first.
  std::size_t varying = SIZE_MAX;
  std::set<std::string, std::less<>> texts;

  void add(const std::string& text, std::vector<std::string> its_words) {
    if (texts.empty()) words = its_words;
    texts.insert(text);
    for (std::size_t i = 0; i < words.size() && i < varying; ++i) {
      if (words[i] != its_words[i]) varying = i;
    }
  }
};

// What is told once, and where else it holds.
struct Joined {
  std::size_t first;
  std::vector<std::pair<std::string, std::string>> others;  // The word, empty if it is the same, and its lines.
  std::map<std::string, std::size_t, std::less<>> places;   // Of words in `others`.

  void add(const Complaint& first_one, const Complaint& complaint, const std::string& word) {
    std::string line = format("{}", complaint.place.line);
    if (first_one.file != complaint.file) line = complaint.file + ":" + line;
    const auto [at, is_new] = places.try_emplace(word, others.size());
    if (is_new)
      others.emplace_back(word, std::move(line));
    else
      others[at->second].second += ", " + line;
  }
  std::string text() const {
    std::string list;
    for (const auto& [word, lines] : others) {
      list += list.empty() ? "" : "; ";
      append_format(list, "{}in line {}", word.empty() ? "" : format("'{}' ", word), lines);
    }
    return list.empty() ? list : format(" (also {})", list);
  }
};

}  // namespace

std::vector<Complaint> Diagnostics::in_order() const {
  std::vector<Complaint> sorted = complaints_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Complaint& a, const Complaint& b) {
    return std::pair(a.place.file, a.place.line) < std::pair(b.place.file, b.place.line);
  });
  std::map<std::string, Kind> kinds;
  for (const Complaint& complaint : sorted) {
    std::vector<std::string> words;
    std::string kind = kind_of(complaint.text, words);
    kinds[std::move(kind)].add(complaint.text, std::move(words));
  }
  std::vector<Complaint> out;
  std::map<std::pair<Severity, std::string>, Joined> known;
  for (const Complaint& complaint : sorted) {
    std::vector<std::string> words;
    const std::string name = kind_of(complaint.text, words);
    const Kind& kind = kinds.at(name);
    // A line to write is told of each.
    const bool is_shown = complaint.text.find(": write '") != std::string::npos;
    const bool floods = kind.texts.size() >= kFlood && kind.varying < words.size() && !is_shown;
    const auto [at, is_new] =
        known.try_emplace({complaint.severity, floods ? name : complaint.text}, Joined{out.size(), {}, {}});
    if (is_new || complaint.place.line == 0) {
      out.push_back(complaint);
      continue;
    }
    const Complaint& first = out[at->second.first];
    if (first.place.line == complaint.place.line && first.file == complaint.file && first.text == complaint.text)
      continue;
    at->second.add(first, complaint, first.text == complaint.text ? "" : words[floods ? kind.varying : 0]);
  }
  for (const auto& [what, joined] : known) out[joined.first].text += joined.text();
  return out;
}

namespace {

const char* name_of(Severity severity) {
  switch (severity) {
    case Severity::Notice:
      return "[NOTICE] ";
    case Severity::Warning:
      return "[WARNING]";
    case Severity::Alert:
      return "[ALERT]  ";
  }
  return "";
}

// A line of a file may hold anything; a terminal gets no control characters. One column stays one
// column, so that the caret stands where it should.
std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c == '\t') c = ' ';
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  }
  return out;
}

// Long lines show what stands around the caret.
constexpr std::size_t kShownBefore = 100;
constexpr std::size_t kShown = 160;

void append_line_and_caret(std::string& text, const Complaint& complaint) {
  const std::size_t caret = complaint.place.column == 0 ? 0 : complaint.place.column - 1;
  const std::size_t from = caret > kShownBefore ? caret - kShownBefore : 0;
  const std::string line = printable(complaint.line);
  if (caret > line.size()) return;
  append_format(text, "\n  {}\n  ", std::string_view(line).substr(from, kShown));
  // A byte that continues a UTF-8 character takes no column of its own.
  for (std::size_t i = from; i < caret; ++i) {
    if ((static_cast<unsigned char>(line[i]) & 0xc0) != 0x80) text.push_back(' ');
  }
  text.push_back('^');
}

}  // namespace

std::string Diagnostics::text_of(const Complaint& complaint, int pid) {
  std::string text = format("{} ({}) : config : ", name_of(complaint.severity), pid);
  if (!complaint.file.empty()) {
    append_format(text, "parsing [{}:{}:{}] : ", printable(complaint.file), complaint.place.line,
                  complaint.place.column);
  }
  for (const char c : complaint.text) {
    // Words of the file are quoted in complaints as they are.
    text.push_back(static_cast<unsigned char>(c) < ' ' || c == 0x7f ? '?' : c);
  }
  if (!complaint.line.empty() && complaint.place.column != 0) append_line_and_caret(text, complaint);
  return text;
}

}  // namespace penstock::config
