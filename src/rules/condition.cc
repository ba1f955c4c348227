#include "penstock/rules/condition.h"

#include "acl.h"

namespace penstock::rules {

Condition::Condition() = default;
Condition::Condition(std::unique_ptr<ConditionCode> code, const AclTable* acls, unsigned available,
                     const RulePlace& place)
    : code_(std::move(code)), acls_(acls), available_(available), place_(place) {}
Condition::Condition(Condition&&) noexcept = default;
Condition& Condition::operator=(Condition&&) noexcept = default;
Condition::~Condition() = default;

bool Condition::holds(Subject& subject) const {
  if (code_ == nullptr) return true;
  prepare(subject, acls_, available_);
  return evaluate_condition(*code_, acls_, subject) == Truth::True;
}

bool Condition::holds(Subject& subject, Witness& witness) const {
  witness.on_rule(place_);
  if (code_ != nullptr) prepare(subject, acls_, available_);
  const bool holds = code_ == nullptr || evaluate_condition(*code_, acls_, subject, witness) == Truth::True;
  witness.on_judged(holds);
  return holds;
}

}  // namespace penstock::rules
