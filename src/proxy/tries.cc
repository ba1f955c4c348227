#include "penstock/proxy/tries.h"

#include <algorithm>

namespace penstock {

Tries::Next Tries::after(const Failed& failed, Backend& backend, const BackendPlan& spec) {
  last_ = &failed.slot;
  again_ = nullptr;
  passed_over_.add(failed.slot);
  if (!backend.has_server_besides(passed_over_)) passed_over_ = Tried(failed.slot);
  const bool others = backend.has_server_besides(passed_over_);
  const bool down = !failed.slot.spec.state->takes_traffic();
  const bool may_leave = spec.redispatch && !failed.forced;
  const bool due = spec.redispatch_due(failed.retry);
  const bool belongs = failed.meant || backend.hashes();
  if (may_leave && (down || (others && (due || !belongs)))) return Next::Other;
  passed_over_ = {};
  if (down && !failed.stays) return Next::None;
  // Where it is due there is no other: chosen anew, it is the same.
  if (!may_leave || !due) again_ = &failed.slot;
  return Next::Same;
}

bool Tries::chosen(const ServerSlot& slot) {
  again_ = nullptr;
  return last_ != nullptr && last_ != &slot;
}

bool Tries::asked_for(const RetryOn& on, std::uint16_t status) {
  return std::find(on.statuses.begin(), on.statuses.end(), status) != on.statuses.end();
}

bool Tries::asked_for(const RetryOn& on, const Failure& failure) {
  return (on.empty && failure.empty) || (on.junk && failure.cause == Cause::Denied) ||
         (on.late && failure.cause == Cause::ServerTimeout);
}

bool Tries::may_repeat(const Head& request) { return request.body.kind == BodyLength::Kind::None; }

bool Tries::changes_nothing(const Head& request) {
  return may_repeat(request) && (request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS");
}

}  // namespace penstock
