// The object that holds a libuv handle, for use in callbacks.
#pragma once

#include <uv.h>

#include "penstock/net/living.h"

namespace penstock {

template <class T, class Handle>
T& holder_of(Handle* handle) {
  return *static_cast<T*>(static_cast<Living*>(handle->data));
}

}  // namespace penstock
