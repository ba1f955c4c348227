// The manual page and the keyword tables must name the same words and say the same of them: each
// section's entries (".It Cm word" and the line below) are compared with those of keyword_list().
//
//   man_test PAGE
#include <cstdio>
#include <fstream>
#include <map>
#include <string>
#include <string_view>

#include "penstock/base/text.h"
#include "penstock/config/read.h"

namespace {

// Of each section the words, and what is said of them.
using Words = std::map<std::string, std::map<std::string, std::string>>;

// Headings of the page and the sections of keyword_list() that they hold.
const std::map<std::string, std::string> kHeadings = {{"SECTIONS", "section"},
                                                      {"GLOBAL KEYWORDS", "global"},
                                                      {"PROXY KEYWORDS", "proxy"},
                                                      {"BIND KEYWORDS", "bind"},
                                                      {"STATS SOCKET KEYWORDS", "stats socket"},
                                                      {"RESOLVERS KEYWORDS", "resolvers"},
                                                      {"PEERS KEYWORDS", "peers"},
                                                      {"RING KEYWORDS", "ring"},
                                                      {"MAILERS KEYWORDS", "mailers"},
                                                      {"CACHE KEYWORDS", "cache"},
                                                      {"USERLIST KEYWORDS", "userlist"},
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
    if (section.empty() || !line.starts_with(".It Cm ")) continue;
    const std::string word = line.substr(7);
    std::string& text = words[section][word];
    std::getline(page, text);
    if (text.starts_with("\\&")) text.erase(0, 2);  // Without it a quote would begin a request.
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
    const std::string word(penstock::cut(line, '\t'));
    words[section][word] = line;
  }
  return words;
}

// Says what `ours` holds and `others` lack; returns how much that is.
std::size_t compare(const Words& ours, const Words& others, const char* text) {
  std::size_t missing = 0;
  for (const auto& [section, words] : ours) {
    const auto other = others.find(section);
    for (const auto& [word, said] : words) {
      if (other != others.end()) {
        const auto same = other->second.find(word);
        if (same != other->second.end() && same->second == said) continue;
      }
      std::fprintf(stderr, "%s: %s %s: %s\n", text, section.c_str(), word.c_str(), said.c_str());
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
  const std::size_t wrong =
      compare(tables, page, "the page does not say") + compare(page, tables, "the page says what no table does");
  std::printf("man page: %zu sections, %zu wrong entries\n", page.size(), wrong);
  return wrong == 0 && page.size() == kHeadings.size() ? 0 : 1;
}
