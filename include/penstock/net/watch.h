// Tells when a descriptor that libuv does not own can be read.
#pragma once

#include "penstock/net/living.h"

namespace penstock {

class WatchOwner {
 public:
  // There is something to read, or the other side is gone. May drop the watch.
  virtual void on_readable() = 0;

 protected:
  ~WatchOwner() = default;
};

class Watch final : public Living {
 public:
  // `fd` stays its owner's and must stay open until the watch is dropped; it becomes non-blocking.
  static Owned<Watch> open(Loop& loop, int fd, WatchOwner& owner);

 private:
  friend struct WatchCallbacks;
  Watch(Loop& loop, WatchOwner& owner);
  void on_deadline() override {}

  static constexpr std::size_t kSpace = 192;
  alignas(8) char space_[kSpace];
  WatchOwner& owner_;
};

}  // namespace penstock
