// Golden tests of the configuration. A .cfgtest file holds cases; a line of '=' parts them, and
// what stands on that line names the next case:
//
//   ==== a frontend needs a name
//   frontend
//   ----
//   [ALERT]   (1) : config : ...
//
// Above "----" the text that is read as one file called "cfg"; below it the complaints in order,
// then, unless one is an error, the canonical dump. Each dump is read again and must give itself.
//
//   golden FILE...            tests
//   golden --write FILE...    writes what is found below each "----": read the difference before
//   you keep it golden --show FILE...     reads configurations and prints what a case would hold
//   golden --coverage FILE... tells which keywords have no line that is taken, or none that is
//                             complained about
#include <cstdio>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/lint.h"
#include "penstock/config/read.h"

namespace {

using penstock::format;
using penstock::config::Config;
using penstock::config::Diagnostics;

struct Case {
  std::string name;
  std::string text;
  std::string expected;
};

std::string load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<Case> split_cases(std::string_view content) {
  std::vector<Case> cases;
  bool below = false;
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    const std::string_view line = content.substr(0, end == std::string_view::npos ? end : end + 1);
    content.remove_prefix(line.size());
    if (line.starts_with("====")) {
      std::string_view name = line.substr(line.find_first_not_of('='));
      while (!name.empty() && (name.back() == '\n' || name.back() == ' ')) name.remove_suffix(1);
      cases.push_back({std::string(penstock::trim(name)), {}, {}});
      below = false;
    } else if (cases.empty()) {
      cases.push_back({"", std::string(line), {}});
    } else if (line == "----\n" && !below) {
      below = true;
    } else {
      (below ? cases.back().expected : cases.back().text) += line;
    }
  }
  return cases;
}

std::string complaints_of(const Diagnostics& diagnostics) {
  std::string text;
  for (const auto& complaint : diagnostics.complaints()) text += Diagnostics::text_of(complaint, 1) + "\n";
  return text;
}

std::string result_of(const std::string& name, const std::string& text) {
  Diagnostics diagnostics;
  const Config config = penstock::config::read({{name, text}}, diagnostics);
  diagnostics.set_source(&config);
  if (!diagnostics.failed()) penstock::config::lint(config, diagnostics);
  std::string result = complaints_of(diagnostics);
  if (!diagnostics.failed()) result += penstock::config::dump(config);
  return result;
}

// Empty when what `text` means is written so that reading gives it again.
std::string flaw_of_dump(const std::string& text) {
  Diagnostics diagnostics;
  const Config config = penstock::config::read({{"cfg", text}}, diagnostics);
  if (diagnostics.failed()) return {};
  const std::string canonical = penstock::config::dump(config);
  Diagnostics again;
  const Config copy = penstock::config::read({{"dump", canonical}}, again);
  if (again.failed()) return "the dump cannot be read:\n" + complaints_of(again);
  const std::string second = penstock::config::dump(copy);
  return second == canonical ? std::string() : "the dump of the dump differs:\n" + second;
}

std::size_t test(const std::string& path) {
  const std::vector<Case> cases = split_cases(load(path));
  if (cases.empty()) {
    std::fprintf(stderr, "golden: nothing in %s\n", path.c_str());
    return 1;
  }
  std::size_t failures = 0;
  for (const Case& one : cases) {
    const std::string result = result_of("cfg", one.text);
    const std::string flaw = flaw_of_dump(one.text);
    if (result == one.expected && flaw.empty()) continue;
    ++failures;
    std::fprintf(stderr, "%s: case '%s' differs. Expected:\n%s\nFound:\n%s\n%s\n", path.c_str(), one.name.c_str(),
                 one.expected.c_str(), result.c_str(), flaw.c_str());
  }
  std::printf("golden: %zu cases of %s, %zu failed\n", cases.size(), path.c_str(), failures);
  return failures;
}

// What the lines of the cases hold: words as "section\tkeyword", as in keyword_list().
struct Covered {
  std::set<std::string> taken, complained;
};

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  while (!(line = penstock::trim(line)).empty()) {
    const std::size_t end = line.find_first_of(" \t");
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(words.back().size());
  }
  if (words.size() > 1 && words[0] == "no") words.erase(words.begin());
  return words;
}

void cover(const Case& one, Covered& covered) {
  Diagnostics diagnostics;
  penstock::config::read({{"cfg", one.text}}, diagnostics);
  std::set<std::uint32_t> alerts, warnings;
  for (const auto& complaint : diagnostics.complaints()) {
    const bool is_alert = complaint.severity == penstock::config::Severity::Alert;
    (is_alert ? alerts : warnings).insert(complaint.place.line);
  }
  std::string section;
  std::string_view rest = one.text;
  for (std::uint32_t number = 1; !rest.empty(); ++number) {
    const std::vector<std::string> words = words_of(penstock::cut(rest, '\n'));
    if (words.empty()) continue;
    std::set<std::string> found = {section + words[0]};
    if (words.size() > 1) found.insert(section + words[0] + " " + words[1].substr(0, words[1].find('(')));
    const bool of_server = words[0] == "server" || words[0] == "default-server";
    for (std::size_t i = 1; i < words.size(); ++i) {
      if (words[0] == "bind") found.insert("bind\t" + words[i]);
      if (words[0] == "stats" && section == "global\t") found.insert("stats socket\t" + words[i]);
      if (of_server) found.insert("server\t" + words[i]);
      if (words[0] == "cookie") found.insert("proxy\tcookie " + words[i]);
      if (words[0] == "stick-table") found.insert("proxy\tstick-table " + words[i]);
    }
    if (!alerts.contains(number)) covered.taken.insert(found.begin(), found.end());
    if (alerts.contains(number) || warnings.contains(number)) covered.complained.insert(found.begin(), found.end());
    const bool begins =
        words[0] == "defaults" || words[0] == "frontend" || words[0] == "backend" || words[0] == "listen";
    for (const char* name : {"global", "ring", "userlist", "resolvers", "peers", "mailers", "cache"}) {
      if (words[0] == name) section = words[0] + "\t";
    }
    if (begins) section = "proxy\t";
  }
}

std::size_t report(const Covered& covered) {
  std::size_t missing = 0, count = 0;
  const std::string list = penstock::config::keyword_list();
  for (std::string_view rest = list; !rest.empty();) {
    std::string_view help = penstock::cut(rest, '\n');
    const std::string_view section = penstock::cut(help, '\t');
    const std::string_view word = penstock::cut(help, '\t');
    if (section == "section") continue;
    ++count;
    const std::string key = format("{}\t{}", section, word);
    const bool is_error = help.starts_with("Obsolete") || help.starts_with("Not offered, an error");
    if (!is_error && !covered.taken.contains(key)) {
      std::fprintf(stderr, "no case takes %s\n", key.c_str());
      ++missing;
    }
    // Any names may stand behind resetenv; the first `stats` line of a section speaks for all.
    if (word == "resetenv" || word.starts_with("stats ")) continue;
    if (covered.complained.contains(key)) continue;
    std::fprintf(stderr, "no case complains about %s\n", key.c_str());
    ++missing;
  }
  std::printf("golden: %zu keywords, %zu without a case\n", count, missing);
  return missing;
}

void write(const std::string& path) {
  std::string content;
  for (const Case& one : split_cases(load(path))) {
    content += format("==== {}\n{}----\n{}", one.name, one.text, result_of("cfg", one.text));
  }
  std::ofstream(path, std::ios::binary) << content;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t failures = 0;
  const std::string_view mode = argc > 1 ? argv[1] : "";
  const bool writes = mode == "--write", shows = mode == "--show", covers = mode == "--coverage";
  Covered covered;
  for (int i = writes || shows || covers ? 2 : 1; i < argc; ++i) {
    if (covers) {
      for (const Case& one : split_cases(load(argv[i]))) cover(one, covered);
    } else if (writes)
      write(argv[i]);
    else if (shows)
      std::fputs(result_of(argv[i], load(argv[i])).c_str(), stdout);
    else
      failures += test(argv[i]);
  }
  if (covers) failures = report(covered);
  return failures == 0 && argc > 1 ? 0 : 1;
}
