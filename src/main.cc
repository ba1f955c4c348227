// penstock: reads a configuration in HAProxy's grammar, terminates TLS, routes, probes, forwards.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "penstock/config/read.h"
#include "penstock/control/announcer.h"
#include "penstock/control/handover.h"
#include "penstock/control/inspection.h"
#include "penstock/control/master.h"
#include "penstock/control/options.h"
#include "penstock/control/parent.h"
#include "penstock/control/vocabulary.h"
#include "penstock/net/signals.h"

using namespace penstock;

namespace {

// 0 true, 1 false, 2 wrong.
int test_condition(const std::string& text) {
  config::Diagnostics diagnostics;
  const auto value = config::evaluate_condition(text, config::Place{}, diagnostics);
  for (const config::Complaint& complaint : diagnostics.complaints())
    std::fprintf(stderr, "%s\n", complaint.text.c_str());
  if (!value) return 2;
  return *value ? 0 : 1;
}

// Whoever starts us may have closed standard streams. No socket should come to stand in their
// place, where complaints are written.
void open_standard_streams() {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO) fd = open("/dev/null", O_RDWR);
  if (fd >= 0) close(fd);
}

int serve(Options options) {
  // A reload or soft stop asked for during the start is not lost.
  hold_signals({SIGHUP, SIGUSR1, SIGUSR2});
  ignore_broken_pipes();
  Handover first = gather(options, {});
  const config::Global& global = first.config.global;
  options.daemon = (options.daemon || global.daemon) && !options.foreground;
  options.master_worker = options.master_worker || global.master_worker;
  Announcer announcer(options);
  if (options.daemon) {
    if (const std::optional<int> status = announcer.go_to_background()) return *status;
  }
  if (auto file = announcer.open_pid_file(options.pid_file.empty() ? global.pid_file : options.pid_file); !file) {
    std::fprintf(stderr, "[ALERT] (%d) : %s\n", static_cast<int>(getpid()), file.error().text.c_str());
    return 1;
  }
  // Who gives up privileges leaves a parent that keeps them, to read and bind at a reload.
  const bool drops = geteuid() == 0 && differs(first.account);
  if (options.master_worker || drops) return Parent(options, std::move(first), announcer).run();
  if (!options.master_socket.empty())
    std::fprintf(stderr, "penstock: -S: without -W there is no parent, the option has no effect\n");
  return Master(options, announcer).run(std::move(first));
}

// HAProxy lists the words of the configuration in a form of its own; ours has the help of each.
int list_words(const std::string& classes) {
  if (classes == "cfg") return std::fputs(config::keyword_list().c_str(), stdout) < 0;
  if (const auto words = vocabulary(classes); words && !classes.empty()) return std::fputs(words->c_str(), stdout) < 0;
  const bool is_help = classes == "help";
  std::fprintf(is_help ? stdout : stderr, "penstock: -dK with classes, commas between them: %s\n",
               std::string(vocabulary_classes()).c_str());
  return is_help ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  open_standard_streams();
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
      return list_words(arguments.classes);
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
  set_environment(options);
  if (options.test_condition) return test_condition(options.condition);
  return inspects(options) ? Inspection(options).run() : serve(options);
}
