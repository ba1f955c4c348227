// What a process cannot begin without.
#pragma once

#include <unistd.h>
#include <uv.h>

#include <cstdio>
#include <cstdlib>

namespace penstock {

// Short of descriptors or memory at its start a process says so and ends; whoever watches it tries again.
inline void must_start(int status, const char* what) {
  if (status == 0) return;
  std::fprintf(stderr, "[ALERT] (%d) : cannot start %s: %s\n", static_cast<int>(getpid()), what, uv_strerror(status));
  std::_Exit(1);
}

}  // namespace penstock
