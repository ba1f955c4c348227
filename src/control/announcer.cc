#include "penstock/control/announcer.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/control/notify.h"

namespace penstock {
namespace {

std::uint64_t monotonic_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1000000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

// 0 when the process in the background is ready, else the status it ended with.
int wait_for(pid_t child, int ready) {
  char word = 0;
  ssize_t count = 0;
  do {
    count = ::read(ready, &word, 1);
  } while (count < 0 && errno == EINTR);
  if (count == 1) return 0;
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1;
}

}  // namespace

std::optional<int> Announcer::go_to_background() {
  int ends[2];
  std::fflush(nullptr);  // What is not yet said would be said twice.
  if (::pipe2(ends, O_CLOEXEC) != 0) return 1;
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) {
    std::fprintf(stderr, "penstock: cannot go into the background: %s\n", std::strerror(errno));
    return 1;
  }
  if (child > 0) {
    writing = Descriptor();
    return wait_for(child, reading.get());
  }
  ::setsid();
  const Descriptor nowhere(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (nowhere) ::dup2(nowhere.get(), STDIN_FILENO);
  waiting_ = std::move(writing);
  return std::nullopt;
}

Result<void> Announcer::open_pid_file(const std::string& path) {
  if (path.empty()) return {};
  // What stands there may be the number of a process that goes on if we fail.
  pid_file_ = Descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644));
  if (!pid_file_) return Error{format("cannot write the process id to '{}': {}", path, std::strerror(errno))};
  pid_ = ::getpid();
  return {};
}

void Announcer::write_pid_file() {
  const Descriptor file = std::move(pid_file_);
  if (!file) return;
  const std::string text = format("{}\n", pid_);
  if (::ftruncate(file.get(), 0) == 0 && ::write(file.get(), text.data(), text.size()) > 0) return;
  std::fprintf(stderr, "penstock: cannot write the pid file: %s\n", std::strerror(errno));
}

void Announcer::ready(const std::string& status) {
  if (!std::exchange(was_ready_, true)) {
    pid_file_ = Descriptor();
    for (const int pid : options_.former_pids) ::kill(pid, options_.former_signal);
  }
  notify_supervisor(ready_text(::getpid(), status));
  release_terminal();
}

void Announcer::release_terminal() {
  if (!waiting_) return;
  leave_terminal();
  const char word = 1;
  [[maybe_unused]] const ssize_t done = ::write(waiting_.get(), &word, 1);
  waiting_ = Descriptor();
}

void Announcer::reloading() const { notify_supervisor(reloading_text(monotonic_us())); }

void Announcer::stopping() const { notify_supervisor(stopping_text()); }

void leave_terminal() {
  std::fflush(nullptr);
  ::dup2(STDIN_FILENO, STDOUT_FILENO);
  ::dup2(STDIN_FILENO, STDERR_FILENO);
}

}  // namespace penstock
