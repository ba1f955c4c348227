#include "target.h"

#include "penstock/base/text.h"
#include "penstock/control/crew.h"
#include "realm.h"

namespace penstock {

std::optional<Target> target_of(const CallRef& call) {
  std::string_view rest = call->argument(0);
  if (rest.find('/') == std::string_view::npos) {
    call->fail("Require 'backend/server'.\n");
    return std::nullopt;
  }
  Target target;
  target.backend = cut(rest, '/');
  target.name = rest;
  const Snapshot& snapshot = *call->realm().crew().snapshot();
  target.plan = snapshot.backend(snapshot.backend_number(target.backend));
  if (target.plan == nullptr) {
    call->fail("No such backend.\n");
    return std::nullopt;
  }
  target.spec = snapshot.find_server(target.backend, target.name);
  if (target.spec != nullptr) return target;
  call->fail("No such server.\n");
  return std::nullopt;
}

}  // namespace penstock
