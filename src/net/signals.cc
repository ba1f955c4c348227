#include "penstock/net/signals.h"

#include <pthread.h>
#include <sys/signalfd.h>
#include <uv.h>

#include "starting.h"

namespace penstock {
namespace {

sigset_t set_of(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  return set;
}

}  // namespace

struct SignalCallbacks {
  static void on_uv_signal(uv_signal_t* watch, int number) {
    auto& signals = *static_cast<Signals*>(watch->data);
    Loop& loop = *static_cast<Loop*>(watch->loop->data);
    signals.owner_.on_signal(number);
    loop.settle();
  }
  static void on_uv_closed(uv_handle_t* handle) { delete reinterpret_cast<uv_signal_t*>(handle); }
};

Signals::Signals(Loop& loop, SignalOwner& owner, std::initializer_list<int> numbers) : owner_(owner) {
  loop.raw()->data = &loop;
  for (int number : numbers) {
    auto* watch = new uv_signal_t;
    must_start(uv_signal_init(loop.raw(), watch), "watching for signals");
    watch->data = this;
    must_start(uv_signal_start(watch, SignalCallbacks::on_uv_signal, number), "watching for signals");
    uv_unref(reinterpret_cast<uv_handle_t*>(watch));
    watches_.push_back(watch);
  }
}

Signals::~Signals() {
  for (uv_signal_t* watch : watches_) uv_close(reinterpret_cast<uv_handle_t*>(watch), SignalCallbacks::on_uv_closed);
}

SignalsBlocked::SignalsBlocked() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before_);
}

SignalsBlocked::~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

void hold_signals(std::initializer_list<int> numbers) {
  const sigset_t set = set_of(numbers);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // An action of its own, which never runs, tells those who look (/proc/PID/status) that they are not lost.
  for (const int number : numbers) std::signal(number, [](int) {});
}

void release_signals(std::initializer_list<int> numbers) {
  const sigset_t set = set_of(numbers);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

int signals_as_descriptor(std::initializer_list<int> numbers) {
  hold_signals(numbers);
  const sigset_t set = set_of(numbers);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void ignore_broken_pipes() { std::signal(SIGPIPE, SIG_IGN); }

}  // namespace penstock
