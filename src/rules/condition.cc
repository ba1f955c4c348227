#include "penstock/rules/condition.h"

#include "acl.h"

namespace penstock::rules {

Condition::Condition() = default;
Condition::Condition(std::unique_ptr<ConditionCode> code, const AclTable* acls, unsigned available)
    : code_(std::move(code)), acls_(acls), available_(available) {}
Condition::Condition(Condition&&) noexcept = default;
Condition& Condition::operator=(Condition&&) noexcept = default;
Condition::~Condition() = default;

bool Condition::holds(Subject& subject) const {
  if (code_ == nullptr) return true;
  prepare(subject, acls_, available_);
  return evaluate_condition(*code_, acls_, subject) == Truth::True;
}

}  // namespace penstock::rules
