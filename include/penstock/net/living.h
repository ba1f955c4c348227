// Lifetime and deadline of everything that waits for events.
//
// A Mortal lives on one loop and may be told to die while it is on the call stack. close() is its
// end for the outside world: on_close() runs, and no read, accept or deadline reaches it again. Its
// memory goes when libuv has let go of its socket, or at the end of the turn if it has none; never
// before every frame on the stack returned. A Living is one that may have a deadline, or a socket.
//
// Each has one owner and never closes itself: it tells its owner as its last act, and the owner
// drops it. After close an object touches nobody: destructors only free members.
#pragma once

#include <cstdint>
#include <memory>

#include "penstock/base/list.h"
#include "penstock/net/loop.h"

struct uv_handle_s;

namespace penstock {

class Mortal : public ListNode<> {
 public:
  Mortal(const Mortal&) = delete;
  Mortal& operator=(const Mortal&) = delete;
  bool closed() const { return closed_; }
  Loop& loop() const { return loop_; }

 protected:
  explicit Mortal(Loop& loop) : loop_(loop) {}
  virtual ~Mortal();
  virtual void on_close() {}  // Give back what others wait for.
  virtual void depart();      // The last of close(): memory will go.

 private:
  friend class Loop;
  friend struct LetGo;
  void close();

  Loop& loop_;
  bool closed_ = false;
};

class Living : public Mortal {
 protected:
  explicit Living(Loop& loop) : Mortal(loop) {}
  virtual void on_deadline() = 0;  // Nothing may wait forever, so each must say what happens then.

  // Moving the deadline later, as every arriving byte does, only stores a number. 0 means none.
  void set_deadline(std::uint64_t wait_ms) {
    if (wait_ms == 0) return clear_deadline();
    due_ms_ = loop().now() + wait_ms;
    if (due_ms_ < armed_ms_) loop().schedule(*this, due_ms_);
  }
  void clear_deadline() { due_ms_ = kNever; }
  bool has_deadline() const { return due_ms_ != kNever; }

  // Takes charge of the one socket, a member that was just initialised on the loop.
  void hold(uv_handle_s* socket);

 private:
  friend class Loop;
  friend struct LivingCallbacks;
  static constexpr std::uint64_t kNever = UINT64_MAX;
  void depart() final;

  uv_handle_s* socket_ = nullptr;
  std::uint64_t due_ms_ = kNever;
  std::uint64_t armed_ms_ = kNever;  // When the wheel will look at it.
};

struct LetGo {
  void operator()(Mortal* mortal) const { mortal->close(); }
};

// The one way to own a Mortal: dropping the pointer closes it. Nobody else closes or deletes.
template <class T>
using Owned = std::unique_ptr<T, LetGo>;

}  // namespace penstock
