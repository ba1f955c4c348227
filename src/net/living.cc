#include "penstock/net/living.h"

#include <uv.h>

#include <utility>

#include "penstock/base/require.h"

namespace penstock {

struct LivingCallbacks {
  static void on_uv_closed(uv_handle_t* handle) { delete static_cast<Living*>(handle->data); }
};

Living::~Living() { require(closed_); }

void Living::hold(uv_handle_s* socket) {
  require(socket_ == nullptr);
  socket->data = this;
  socket_ = socket;
}

void Living::close() {
  if (std::exchange(closed_, true)) return;
  on_close();
  unlink();
  due_ms_ = armed_ms_ = kNever;
  if (socket_ == nullptr) return loop_.bury(*this);
  uv_close(socket_, LivingCallbacks::on_uv_closed);
}

}  // namespace penstock
