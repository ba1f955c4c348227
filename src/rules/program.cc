#include "penstock/rules/program.h"

#include "acl.h"
#include "action.h"

namespace penstock::rules {

Program::Program() = default;
Program::Program(std::vector<Step> steps, const AclTable* acls, unsigned available)
    : steps_(std::move(steps)), acls_(acls), available_(available), empty_(steps_.empty()) {}
Program::Program(Program&&) noexcept = default;
Program& Program::operator=(Program&&) noexcept = default;
Program::~Program() = default;

Verdict Program::run(Subject& subject) const {
  Verdict verdict;
  if (empty_) return verdict;
  prepare(subject, acls_, available_);
  bool strict = true;
  const auto in_trouble = [&](const Step& step) {
    if (!subject.in_trouble()) return false;
    subject.note_trouble(step.place);
    verdict.kind = Verdict::Kind::Trouble;
    verdict.final = true;
    verdict.place = &step.place;
    return true;
  };
  for (const Step& step : steps_) {
    if (step.condition != nullptr) {
      const Truth truth = evaluate_condition(*step.condition, acls_, subject);
      if (in_trouble(step)) return verdict;
      if (truth == Truth::Unknown) return verdict.kind = Verdict::Kind::Wait, verdict;
      if (truth == Truth::False) continue;
    }
    const Flow flow = step.action->run(subject, verdict);
    if (in_trouble(step)) return verdict;
    if (flow == Flow::Wait) return verdict.kind = Verdict::Kind::Wait, verdict;
    if (flow == Flow::StrictOn) strict = true;
    if (flow == Flow::StrictOff) strict = false;
    const bool failed = flow == Flow::Failed && strict;
    if (failed) verdict.kind = Verdict::Kind::Error;
    if (!failed && flow != Flow::Stop) continue;
    verdict.final = true;
    verdict.place = &step.place;
    return verdict;
  }
  return verdict;
}

}  // namespace penstock::rules
