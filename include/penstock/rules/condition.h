// A condition on its own: of `monitor fail`, `use_backend`, `use-server`.
#pragma once

#include <memory>

#include "penstock/rules/place.h"
#include "penstock/rules/subject.h"
#include "penstock/rules/witness.h"

namespace penstock::rules {

struct AclTable;
struct ConditionCode;

// Empty: always true.
class Condition {
 public:
  Condition();
  Condition(std::unique_ptr<ConditionCode> code, const AclTable* acls, unsigned available, const RulePlace& place);
  Condition(Condition&&) noexcept;
  Condition& operator=(Condition&&) noexcept;
  ~Condition();
  // What cannot be known yet counts as false. Says nothing that counts once the subject is in
  // trouble.
  bool holds(Subject& subject) const;
  // The same, told as it goes.
  bool holds(Subject& subject, Witness& witness) const;
  // Null: none.
  const ConditionCode* code() const { return code_.get(); }

 private:
  std::unique_ptr<ConditionCode> code_;
  const AclTable* acls_ = nullptr;
  unsigned available_ = 0;
  RulePlace place_;  // Of its rule.
};

}  // namespace penstock::rules
