#include "penstock/net/program.h"

#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "penstock/net/errand.h"

namespace penstock {
namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// With none of our descriptors but the first three, no signal of ours blocked or ignored, and a group of its own.
int spawn(const std::vector<std::string>& words, const std::vector<std::string>& environment) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t how;
  if (::posix_spawn_file_actions_init(&files) != 0 || ::posix_spawnattr_init(&how) != 0) return 0;
  ::posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&how, &none);
  ::posix_spawnattr_setsigdefault(&how, &all);
  ::posix_spawnattr_setpgroup(&how, 0);
  ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  const std::vector<char*> arguments = pointers_to(words), variables = pointers_to(environment);
  if (::posix_spawn(&pid, words.front().c_str(), &files, &how, arguments.data(), variables.data()) != 0) pid = 0;
  ::posix_spawnattr_destroy(&how);
  ::posix_spawn_file_actions_destroy(&files);
  return pid;
}

// At once, since the program has ended or was told to.
int status_of(int pid) {
  siginfo_t end{};
  if (::waitid(P_PID, static_cast<id_t>(pid), &end, WEXITED) != 0 || end.si_code != CLD_EXITED) return -1;
  return end.si_status;
}

// One that was killed. Mostly it ends at once, but not while the system keeps it (a disk that does not answer).
class Burial final : public Errand {
 public:
  explicit Burial(int pid) : pid_(pid) {}
  void run() override { status_of(pid_); }
  void on_done() override {}

 private:
  const int pid_;
};

// It may have left its group.
void bury(Loop& loop, int pid) {
  ::kill(-pid, SIGKILL);
  ::kill(pid, SIGKILL);
  send_out(loop, std::make_unique<Burial>(pid));
}

}  // namespace

Owned<Program> Program::start(Loop& loop, const std::vector<std::string>& words,
                              const std::vector<std::string>& environment, std::uint64_t limit_ms,
                              ProgramOwner& owner) {
  const int pid = spawn(words, environment);
  if (pid == 0) return nullptr;
  Descriptor end(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (end.get() < 0) {
    bury(loop, pid);
    return nullptr;
  }
  return Owned<Program>(new Program(loop, pid, std::move(end), limit_ms, owner));
}

Program::Program(Loop& loop, int pid, Descriptor end, std::uint64_t limit_ms, ProgramOwner& owner)
    : Living(loop), pid_(pid), end_(std::move(end)), owner_(owner) {
  WatchOwner& for_watch = *this;
  watch_ = Watch::open(loop, end_.get(), for_watch);
  set_deadline(limit_ms);
}

void Program::on_readable() {
  watch_.reset();
  owner_.on_program_end(status_of(std::exchange(pid_, 0)));
}

void Program::on_close() {
  watch_.reset();
  if (pid_ != 0) bury(loop(), std::exchange(pid_, 0));
}

}  // namespace penstock
