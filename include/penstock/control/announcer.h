// Tells those outside how we are: the pid file, the service manager, whoever started us and waits,
// the processes before us. One process of the program does, the one that the others know.
#pragma once

#include <optional>
#include <string>

#include "penstock/base/result.h"
#include "penstock/control/options.h"
#include "penstock/net/socket.h"

namespace penstock {

class Announcer {
 public:
  explicit Announcer(const Options& options) : options_(options) {}

  // Goes into the background. Nothing: this is the process that goes on there, and whoever started
  // us waits for ready(). Else it did, and this is the exit status.
  std::optional<int> go_to_background();
  // The pid file, which names this process, in two steps: it tells early whether it can be written,
  // and is written when all else is known to be good. A child may take the second.
  Result<void> open_pid_file(const std::string& path);
  void write_pid_file();

  // We serve: after start, after a reload however it went.
  void ready(const std::string& status);
  void reloading() const;
  void stopping() const;
  // For the child: nobody waits for it.
  void let_parent_speak() { waiting_ = Descriptor(); }

 private:
  void release_terminal();

  const Options& options_;
  Descriptor pid_file_;
  int pid_ = 0;         // What it will say.
  Descriptor waiting_;  // Whoever started us reads the other end.
  bool was_ready_ = false;
};

// In the background nobody reads what we print: stdout and stderr go where stdin leads, nowhere.
void leave_terminal();

}  // namespace penstock
