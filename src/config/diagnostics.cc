#include "penstock/config/diagnostics.h"

#include <algorithm>
#include <map>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/config/model.h"

namespace penstock::config {

void Diagnostics::add(Severity severity, Place place, std::string text) {
  // A second error at the same word follows from the first.
  const bool is_new =
      severity != Severity::Alert || place.line == 0 || alerted_.insert({place.file, place.line, place.column}).second;
  if (!is_new) return;
  Complaint complaint{severity, place, {}, {}, std::move(text)};
  if (source_ != nullptr && place.line != 0 && place.file < source_->files.size()) {
    complaint.file = source_->files[place.file];
    const auto& lines = source_->lines;
    if (place.file < lines.size() && place.line <= lines[place.file].size()) {
      complaint.line = lines[place.file][place.line - 1];
    }
  }
  if (severity == Severity::Alert) ++alerts_;
  if (severity == Severity::Warning) ++warnings_;
  complaints_.push_back(std::move(complaint));
}

std::vector<Complaint> Diagnostics::in_order() const {
  std::vector<Complaint> sorted = complaints_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Complaint& a, const Complaint& b) {
    return std::pair(a.place.file, a.place.line) < std::pair(b.place.file, b.place.line);
  });
  std::vector<Complaint> out;
  std::map<std::pair<Severity, std::string>, std::pair<std::size_t, std::string>> known;
  for (const Complaint& complaint : sorted) {
    const bool has_line = complaint.place.line != 0;
    const auto [at, is_new] = known.try_emplace({complaint.severity, complaint.text}, out.size(), std::string());
    if (is_new || !has_line) {
      out.push_back(complaint);
      continue;
    }
    const Complaint& first = out[at->second.first];
    std::string& others = at->second.second;
    if (first.place.line == complaint.place.line && first.file == complaint.file) continue;
    if (!others.empty()) others += ", ";
    if (first.file != complaint.file) append_format(others, "{}:", complaint.file);
    append_format(others, "{}", complaint.place.line);
  }
  for (const auto& [what, where] : known) {
    if (!where.second.empty()) append_format(out[where.first].text, " (also in line {})", where.second);
  }
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
