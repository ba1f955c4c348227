// What everything on one worker borrows of it.
#pragma once

#include <cstdint>
#include <string>

#include "penstock/balance/server_state.h"
#include "penstock/base/counted.h"
#include "penstock/http/deflate.h"
#include "penstock/http/drains.h"
#include "penstock/net/loop.h"
#include "penstock/proxy/counters.h"
#include "penstock/proxy/generation.h"
#include "penstock/rules/passwords.h"
#include "penstock/rules/subject.h"

namespace penstock {

// Who takes up what the page of statistics is to change.
class ChangeTaker {
 public:
  // In force a moment later.
  virtual void take_change(const std::string& backend, const std::string& server, const ServerChange& change) = 0;

 protected:
  ~ChangeTaker() = default;
};

// Who finds out what address a name has.
class NameFinder {
 public:
  // `waiter` is told when it is in `asked`, never from within. False: nobody can be asked now.
  virtual bool find_name(rules::NameAsked& /*asked*/, rules::AnswerWaiter& /*waiter*/) { return false; }

 protected:
  ~NameFinder() = default;
};

struct Kit {
  Kit(Loop& loop, unsigned worker, ProcessState& process);
  // A subject of rules as this worker gives it to a client of `frontend`.
  void equip(rules::Subject& subject, const Generation& generation, const FrontendPlan& frontend);
  // The name that a rule wants. False: nobody can say, and the rule can go on.
  bool find_name(rules::Subject& subject, rules::AnswerWaiter& waiter);

  Loop& loop;
  const unsigned worker;
  ProcessState& process;
  ChangeTaker* changes = nullptr;
  NameFinder* names = nullptr;
  Ref<Generation> generation;  // Of the configuration now in force; null before the first and after the last.
  rules::DateCache dates;
  Drains drains;
  Deflaters deflaters;
  const Ref<rules::Passwords> passwords;
  std::uint64_t random;  // Never 0.
};

}  // namespace penstock
