#include "penstock/net/watch.h"

#include <uv.h>

#include "holder.h"
#include "penstock/base/require.h"
#include "starting.h"

namespace penstock {

struct WatchCallbacks {
  static void on_uv_poll(uv_poll_t* poll, int, int) {
    Watch& self = holder_of<Watch>(poll);
    Loop& loop = self.loop();
    self.owner_.on_readable();
    loop.settle();
  }
};

Watch::Watch(Loop& loop, WatchOwner& owner) : Living(loop), owner_(owner) {
  static_assert(sizeof(uv_poll_t) <= kSpace);
}

Owned<Watch> Watch::open(Loop& loop, int fd, WatchOwner& owner) {
  Owned<Watch> self(new Watch(loop, owner));
  auto* poll = reinterpret_cast<uv_poll_t*>(self->space_);
  must_start(uv_poll_init(loop.raw(), poll, fd), "watching for the parent");
  self->hold(reinterpret_cast<uv_handle_t*>(poll));
  require(uv_poll_start(poll, UV_READABLE, WatchCallbacks::on_uv_poll) == 0);
  return self;
}

}  // namespace penstock
