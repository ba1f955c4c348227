// A rule set, compiled: what to do with a subject. Immutable, shared by all workers; running it
// allocates in the subject's arena only.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "penstock/rules/condition.h"
#include "penstock/rules/sample.h"
#include "penstock/rules/subject.h"
#include "penstock/rules/verdict.h"
#include "penstock/rules/witness.h"

namespace penstock::rules {

struct Step;

class Program {
 public:
  Program();
  Program(std::vector<Step> steps, const AclTable* acls, unsigned available);
  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;
  ~Program();

  bool empty() const { return empty_; }
  Verdict run(Subject& subject) const;
  // Goes on where a rule had to wait.
  Verdict resume(Subject& subject, const Verdict::Wait& wait) const;
  // The same, told as it goes.
  Verdict run(Subject& subject, Witness& witness) const;

 private:
  std::vector<Step> steps_;
  const AclTable* acls_ = nullptr;
  unsigned available_ = 0;
  bool empty_ = true;
};

}  // namespace penstock::rules
