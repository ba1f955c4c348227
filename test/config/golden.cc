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
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

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
  for (const auto& complaint : diagnostics.complaints())
    text += Diagnostics::text_of(complaint, 1) + "\n";
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
    std::fprintf(stderr, "%s: case '%s' differs. Expected:\n%s\nFound:\n%s\n%s\n", path.c_str(),
                 one.name.c_str(), one.expected.c_str(), result.c_str(), flaw.c_str());
  }
  std::printf("golden: %zu cases of %s, %zu failed\n", cases.size(), path.c_str(), failures);
  return failures;
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
  const bool writes = mode == "--write", shows = mode == "--show";
  for (int i = writes || shows ? 2 : 1; i < argc; ++i) {
    if (writes)
      write(argv[i]);
    else if (shows)
      std::fputs(result_of(argv[i], load(argv[i])).c_str(), stdout);
    else
      failures += test(argv[i]);
  }
  return failures == 0 && argc > 1 ? 0 : 1;
}
