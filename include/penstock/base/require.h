// An invariant, checked in every build: what only a bug of ours can break. Never for what the
// network or the administrator can cause.
#pragma once

namespace penstock {

[[noreturn]] void require_failed(const char* condition, const char* file, int line);

}  // namespace penstock

#define require(condition) \
  ((condition) ? static_cast<void>(0) : ::penstock::require_failed(#condition, __FILE__, __LINE__))
