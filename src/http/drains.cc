#include "penstock/http/drains.h"

namespace penstock {

void Drain::leave() {
  if (drains_ == nullptr) return;
  unlink();
  --drains_->count_;
  drains_ = nullptr;
}

void Drains::add(Drain& drain) {
  drain.leave();
  if (count_ >= most && !drains_.empty()) {
    Drain& oldest = drains_.front();
    oldest.leave();
    oldest.cut_off();
  }
  drains_.push_back(drain);
  drain.drains_ = this;
  ++count_;
}

}  // namespace penstock
