// Names that rules of one worker wait for (`do-resolve`), until the master knows them.
#pragma once

#include <cstdint>
#include <map>

#include "penstock/base/list.h"
#include "penstock/net/address.h"
#include "penstock/rules/answer_waiter.h"
#include "penstock/rules/subject.h"

namespace penstock {

class Lookups {
 public:
  // The number to tell the answer by; 0: too many are waited for. `asked` lives as long as `waiter` is linked.
  std::uint64_t wait(rules::NameAsked& asked, rules::AnswerWaiter& waiter);
  // Whoever waited for it may be gone.
  void found(std::uint64_t number, const SocketAddress& address);

 private:
  struct Wanted {
    rules::NameAsked* asked = nullptr;
    List<rules::AnswerWaiter, rules::AnswerTag> waiters;  // One at most.
  };
  std::map<std::uint64_t, Wanted> wanted_;
  std::uint64_t next_ = 1;
};

}  // namespace penstock
