// penstock: reads a configuration in HAProxy's grammar, terminates TLS, routes, probes, forwards.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "penstock/config/read.h"
#include "penstock/control/master.h"
#include "penstock/control/options.h"

using namespace penstock;

namespace {

// 0 true, 1 false, 2 wrong.
int test_condition(const std::string& text) {
  config::Diagnostics diagnostics;
  const auto value = config::evaluate_condition(text, config::Place{}, diagnostics);
  for (const config::Complaint& complaint : diagnostics.complaints()) std::fprintf(stderr, "%s\n", complaint.text.c_str());
  if (!value) return 2;
  return *value ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  const Arguments arguments = parse_arguments(std::vector<std::string>(words + 1, words + count));
  switch (arguments.wish) {
    case Arguments::Wish::Version:
      std::fputs(version_text(false).c_str(), stdout);
      return 0;
    case Arguments::Wish::LongVersion:
      std::fputs(version_text(true).c_str(), stdout);
      return 0;
    case Arguments::Wish::Help:
      std::fputs(usage_text().c_str(), stdout);
      return 0;
    case Arguments::Wish::Keywords:
      std::fputs(config::keyword_list().c_str(), stdout);
      return 0;
    case Arguments::Wish::Wrong:
      std::fprintf(stderr, "penstock: %s\n%s", arguments.wrong.c_str(), usage_text().c_str());
      return 1;
    case Arguments::Wish::Run:
      break;
  }
  const Options& options = arguments.options;
  if (!options.quiet) {
    for (const std::string& warning : arguments.warnings) std::fprintf(stderr, "penstock: %s\n", warning.c_str());
  }
  if (!options.folder.empty() && chdir(options.folder.c_str()) != 0) {
    std::fprintf(stderr, "penstock: cannot change to '%s': %s\n", options.folder.c_str(), std::strerror(errno));
    return 1;
  }
  if (options.test_condition) return test_condition(options.condition);
  Master master(options);
  return options.check ? master.check() : master.run();
}
