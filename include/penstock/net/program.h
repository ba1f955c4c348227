// A program of somebody else's, started and waited for while the loop goes on. It ends with whoever started it, and is
// killed then with all that it has started itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "penstock/net/living.h"
#include "penstock/net/socket.h"
#include "penstock/net/watch.h"

namespace penstock {

// Called from the loop; may drop the program.
class ProgramOwner {
 public:
  // Its exit status; -1: something ended it.
  virtual void on_program_end(int status) = 0;
  virtual void on_program_late() = 0;

 protected:
  ~ProgramOwner() = default;
};

class Program final : public Living, private WatchOwner {
 public:
  // The first word is its path. Null: it could not be started.
  static Owned<Program> start(Loop& loop, const std::vector<std::string>& words,
                              const std::vector<std::string>& environment, std::uint64_t limit_ms, ProgramOwner& owner);

 private:
  Program(Loop& loop, int pid, Descriptor end, std::uint64_t limit_ms, ProgramOwner& owner);
  void on_readable() override;
  void on_deadline() override { owner_.on_program_late(); }
  void on_close() override;

  int pid_;  // 0: it has ended.
  Descriptor end_;
  Owned<Watch> watch_;
  ProgramOwner& owner_;
};

}  // namespace penstock
