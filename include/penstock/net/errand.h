// Work that takes so long that no loop may stand still for it: it is done on a thread of the process's pool.
#pragma once

#include <memory>

#include "penstock/net/loop.h"

namespace penstock {

class Errand {
 public:
  virtual ~Errand() = default;
  // On another thread: what it touches must be its own.
  virtual void run() = 0;
  // On the loop that sent it, which then drops it. The loop waits for it before it ends.
  virtual void on_done() = 0;
};

void send_out(Loop& loop, std::unique_ptr<Errand> errand);

}  // namespace penstock
