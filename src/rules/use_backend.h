// One use_backend line, compiled.
#pragma once

#include "penstock/rules/condition.h"
#include "penstock/rules/format.h"

namespace penstock::rules {

// One use_backend line. The choice is made by FrontendRules::choose_backend() alone.
struct UseBackend {
  int backend = -1;
  Format name;  // Unless backend is known.
  Condition condition;
};

}  // namespace penstock::rules
