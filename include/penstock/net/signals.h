// Signals as events of a loop. From construction on the named signals no longer have their default
// action; those that come before the loop runs are kept, each kind once.
#pragma once

#include <csignal>
#include <initializer_list>
#include <vector>

#include "penstock/net/loop.h"

struct uv_signal_s;

namespace penstock {

class SignalOwner {
 public:
  virtual void on_signal(int number) = 0;

 protected:
  ~SignalOwner() = default;
};

class Signals {
 public:
  Signals(Loop& loop, SignalOwner& owner, std::initializer_list<int> numbers);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  friend struct SignalCallbacks;
  SignalOwner& owner_;
  std::vector<uv_signal_s*> watches_;
};

// For threads that must not take signals: blocks all of them, to be called before they start, and
// unblocks again.
class SignalsBlocked {
 public:
  SignalsBlocked();
  ~SignalsBlocked();

 private:
  sigset_t before_;
};

// From now on these are kept, each kind once, until somebody takes them: Signals or a descriptor, after
// release_signals().
void hold_signals(std::initializer_list<int> numbers);
void release_signals(std::initializer_list<int> numbers);
// Holds them and gives a descriptor (signalfd(2)) to take them from; for a process without a loop.
int signals_as_descriptor(std::initializer_list<int> numbers);

// A peer that is gone must cost an error code, not the process.
void ignore_broken_pipes();

}  // namespace penstock
