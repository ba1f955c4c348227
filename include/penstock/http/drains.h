// Requests whose rest is read for nobody, because the server that answered takes no more of them.
#pragma once

#include <cstddef>

#include "penstock/base/list.h"

namespace penstock {

struct DrainTag;
class Drains;

// One of them.
class Drain : private ListNode<DrainTag> {
 protected:
  Drain() = default;
  virtual ~Drain() { leave(); }
  void leave();

 private:
  friend class Drains;
  friend class List<Drain, DrainTag>;
  virtual void cut_off() = 0;
  Drains* drains_ = nullptr;
};

// All of one worker. Beyond `most` the one that began first is cut off.
class Drains {
 public:
  void add(Drain& drain);
  std::size_t most = 1000;

 private:
  friend class Drain;
  List<Drain, DrainTag> drains_;
  std::size_t count_ = 0;
};

}  // namespace penstock
