#include "penstock/net/living.h"

#include <uv.h>

#include <utility>

#include "penstock/base/require.h"

namespace penstock {

struct LivingCallbacks {
  static void on_uv_closed(uv_handle_t* handle) { delete static_cast<Living*>(handle->data); }
};

Mortal::~Mortal() { require(closed_); }

void Mortal::close() {
  if (std::exchange(closed_, true)) return;
  on_close();
  unlink();
  depart();
}

void Mortal::depart() { loop_.bury(*this); }

void Living::hold(uv_handle_s* socket) {
  require(socket_ == nullptr);
  socket->data = this;
  socket_ = socket;
}

void Living::depart() {
  due_ms_ = armed_ms_ = kNever;
  if (socket_ == nullptr) return Mortal::depart();
  uv_close(socket_, LivingCallbacks::on_uv_closed);
}

}  // namespace penstock
