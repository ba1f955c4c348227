#include "penstock/base/log.h"

namespace penstock {

std::string_view level_name(Level level) {
  constexpr std::string_view kNames[] = {"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"};
  return kNames[static_cast<int>(level)];
}

}  // namespace penstock
