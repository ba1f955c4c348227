// Asks the system's resolver in a process of its own: it may take its time, and the parent has a
// child to look after.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "penstock/base/result.h"
#include "penstock/net/socket.h"
#include "penstock/proxy/bundle.h"

namespace penstock {

class Resolver final {
 public:
  // From a process with one thread.
  static Result<std::unique_ptr<Resolver>> start(const std::set<Name>& names);
  // Who does not wait for the answers any more ends the asking.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Readable when there is something to take.
  int fd() const { return answers_.get(); }
  // All answers; none if they have not come yet. If the process died they are fewer than the names.
  std::optional<NameAnswers> take();

 private:
  Resolver(pid_t pid, Descriptor answers) : pid_(pid), answers_(std::move(answers)) {}

  const pid_t pid_;
  const Descriptor answers_;
  std::string bytes_;
};

}  // namespace penstock
