#include "penstock/base/require.h"

#include <cstdio>
#include <cstdlib>

namespace penstock {

void require_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "penstock: %s:%d: broken invariant: %s\n", file, line, condition);
  std::abort();
}

}  // namespace penstock
