#include "penstock/config/difference.h"

#include <algorithm>
#include <map>
#include <set>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/secrets.h"

namespace penstock::config {

namespace {

using Words = std::vector<std::string_view>;

std::string joined(const Words& words, std::size_t from, std::size_t to) {
  std::string text;
  for (std::size_t i = from; i < to; ++i) append_format(text, "{}{}", i == from ? "" : " ", words[i]);
  return text;
}

struct Section {
  std::string_view title;
  std::vector<std::string_view> lines;
};

std::vector<Section> sections_of(std::string_view dump) {
  std::vector<Section> sections;
  while (!dump.empty()) {
    const std::string_view line = cut(dump, '\n');
    if (line.empty()) continue;
    if (line[0] != ' ')
      sections.push_back({line, {}});
    else if (!sections.empty())
      sections.back().lines.push_back(trim(line));
  }
  return sections;
}

// How many words name what a line is about: two lines that begin alike are one, changed.
std::size_t words_of_name(const Words& words) {
  constexpr std::string_view kNamed[] = {"server", "timeout", "option",     "acl",   "errorfile",
                                         "bind",   "setenv",  "http-check", "stick", "log"};
  const bool named = !words.empty() && std::find(std::begin(kNamed), std::end(kNamed), words[0]) != std::end(kNamed);
  return std::min<std::size_t>(named ? 2 : 1, words.size());
}

// Long lines say how they begin.
std::string shown(std::string text) {
  constexpr std::size_t kMost = 120;
  if (text.size() <= kMost) return text;
  text.resize(kMost);
  return text + "...";
}

std::string change_of(std::string_view before, std::string_view after) {
  const std::string was = without_secrets(before), is = without_secrets(after);
  if (was == is) return shown(is) + " (changed)";
  const Words a = raw_words(was), b = raw_words(is);
  const std::size_t name = std::min(words_of_name(a), words_of_name(b));
  std::size_t from = name, a_end = a.size(), b_end = b.size();
  while (from < a_end && from < b_end && a[from] == b[from]) ++from;
  while (a_end > from && b_end > from && a[a_end - 1] == b[b_end - 1]) --a_end, --b_end;
  std::string text = joined(b, 0, name) + ": ";
  if (from == a_end) return text + "+" + shown(joined(b, from, b_end));
  if (from == b_end) return text + "-" + shown(joined(a, from, a_end));
  // A value alone says little: the word before it says what it is about.
  if (from > name) --from;
  return text + shown(joined(a, from, a_end)) + " -> " + shown(joined(b, from, b_end));
}

std::string name_of(std::string_view line) {
  const Words words = raw_words(line);
  return joined(words, 0, words_of_name(words));
}

// Lines that the other section has too, each counted once, are taken out.
void keep_own(std::vector<std::string_view>& lines, const std::vector<std::string_view>& others) {
  std::map<std::string_view, std::size_t> count;
  for (const std::string_view line : others) ++count[line];
  std::erase_if(lines, [&](std::string_view line) {
    const auto at = count.find(line);
    if (at == count.end() || at->second == 0) return false;
    --at->second;
    return true;
  });
}

void compare_sections(const Section& before, const Section& after, std::vector<std::string>& out) {
  if (before.lines == after.lines) return;
  std::vector<std::string_view> gone = before.lines, added = after.lines;
  keep_own(gone, after.lines);
  keep_own(added, before.lines);
  if (gone.empty() && added.empty()) return out.push_back(format("{}: the order of its lines", after.title));
  for (const std::string_view line : added) {
    const auto pair =
        std::find_if(gone.begin(), gone.end(), [&](std::string_view other) { return name_of(other) == name_of(line); });
    if (pair == gone.end()) {
      out.push_back(format("{}: +{}", after.title, shown(without_secrets(line))));
      continue;
    }
    out.push_back(format("{}: {}", after.title, change_of(*pair, line)));
    gone.erase(pair);
  }
  for (const std::string_view line : gone) out.push_back(format("{}: -{}", after.title, shown(without_secrets(line))));
}

}  // namespace

std::vector<std::string> differences(std::string_view before, std::string_view after) {
  std::vector<std::string> out;
  const std::vector<Section> was = sections_of(before), is = sections_of(after);
  const auto find = [](const std::vector<Section>& sections, std::string_view title) {
    return std::find_if(sections.begin(), sections.end(),
                        [&](const Section& section) { return section.title == title; });
  };
  for (const Section& section : is) {
    const auto other = find(was, section.title);
    if (other != was.end())
      compare_sections(*other, section, out);
    else if (section.title == "global")
      compare_sections({"global", {}}, section, out);
    else
      out.push_back(format("+{}", section.title));
  }
  for (const Section& section : was) {
    if (find(is, section.title) != is.end()) continue;
    if (section.title == "global")
      compare_sections(section, {"global", {}}, out);
    else
      out.push_back(format("-{}", section.title));
  }
  return out;
}

}  // namespace penstock::config
