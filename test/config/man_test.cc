// The manual page and the keyword tables must name the same words: each section's entries (".It Cm
// word") are compared with those of keyword_list().
//
//   man_test PAGE
#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "penstock/base/text.h"
#include "penstock/config/read.h"

namespace {

using Words = std::map<std::string, std::set<std::string>>;

// Headings of the page and the sections of keyword_list() that they hold.
const std::map<std::string, std::string> kHeadings = {{"SECTIONS", "section"},
                                                      {"GLOBAL KEYWORDS", "global"},
                                                      {"PROXY KEYWORDS", "proxy"},
                                                      {"BIND KEYWORDS", "bind"},
                                                      {"SERVER KEYWORDS", "server"}};

Words words_of_page(const std::string& path) {
  Words words;
  std::ifstream page(path);
  std::string section;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with(".Sh ")) {
      const auto at = kHeadings.find(line.substr(4));
      section = at == kHeadings.end() ? std::string() : at->second;
    }
    if (!section.empty() && line.starts_with(".It Cm ")) words[section].insert(line.substr(7));
  }
  return words;
}

Words words_of_tables() {
  Words words;
  const std::string list = penstock::config::keyword_list();
  for (std::string_view rest = list; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() + 1);
    const std::string section(penstock::cut(line, '\t'));
    words[section].insert(std::string(penstock::cut(line, '\t')));
  }
  return words;
}

// Says what `ours` holds and `others` lack; returns how much that is.
std::size_t compare(const Words& ours, const Words& others, const char* text) {
  std::size_t missing = 0;
  for (const auto& [section, words] : ours) {
    const auto other = others.find(section);
    for (const std::string& word : words) {
      if (other != others.end() && other->second.contains(word)) continue;
      std::fprintf(stderr, "%s: %s %s\n", text, section.c_str(), word.c_str());
      ++missing;
    }
  }
  return missing;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const Words page = words_of_page(argv[1]);
  const Words tables = words_of_tables();
  const std::size_t wrong = compare(tables, page, "the page has no entry for") +
                            compare(page, tables, "the page describes what no table holds");
  std::printf("man page: %zu sections, %zu wrong entries\n", page.size(), wrong);
  return wrong == 0 && page.size() == kHeadings.size() ? 0 : 1;
}
