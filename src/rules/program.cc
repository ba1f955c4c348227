#include "penstock/rules/program.h"

#include <algorithm>

#include "acl.h"
#include "action.h"

namespace penstock::rules {

Program::Program() = default;
Program::Program(std::vector<Step> steps, const AclTable* acls, unsigned available)
    : steps_(std::move(steps)), acls_(acls), available_(available), empty_(steps_.empty()) {}
Program::Program(Program&&) noexcept = default;
Program& Program::operator=(Program&&) noexcept = default;
Program::~Program() = default;

namespace {

// Who watches nothing, for nothing.
struct Nobody {
  void on_rule(const RulePlace&) {}
  void on_judged(bool) {}
  void on_done(bool) {}
};

Truth evaluate(const Step& step, const AclTable* acls, Subject& subject, Nobody&) {
  return evaluate_condition(*step.condition, acls, subject);
}
Truth evaluate(const Step& step, const AclTable* acls, Subject& subject, Witness& witness) {
  return evaluate_condition(*step.condition, acls, subject, witness);
}

// Compiled twice: what is explained is what is done.
template <class Watching>
Verdict run_steps(std::span<const Step> all, const AclTable* acls, Subject& subject, Watching& watching,
                  const Verdict::Wait& from = {}) {
  bool strict = from.strict;
  const std::span<const Step> steps = all.subspan(std::min<std::size_t>(from.next, all.size()));
  Verdict verdict;
  const Step* const judged = from.judged && !steps.empty() ? &steps.front() : nullptr;
  // The rule itself is asked again, the conditions before it are not.
  const auto wait_at = [&](const Step& step, Verdict::Kind kind) {
    verdict = {};
    verdict.kind = kind;
    verdict.wait.next = static_cast<std::uint32_t>(&step - all.data());
    verdict.wait.strict = strict;
    verdict.wait.judged = kind == Verdict::Kind::Name;
    return true;
  };
  const auto in_trouble = [&](const Step& step) {
    if (!subject.in_trouble()) return false;
    if (subject.trouble == Trouble::Password) return wait_at(step, Verdict::Kind::Password);
    if (subject.trouble == Trouble::Name) return wait_at(step, Verdict::Kind::Name);
    subject.note_trouble(step.place);
    verdict.kind = Verdict::Kind::Trouble;
    verdict.final = true;
    verdict.place = &step.place;
    return true;
  };
  bool was_allowed = false;
  for (const Step& step : steps) {
    if (was_allowed && !step.is_behind) continue;
    watching.on_rule(step.place);
    if (step.condition != nullptr && &step != judged) {
      const Truth truth = evaluate(step, acls, subject, watching);
      if (in_trouble(step)) return verdict;
      if (truth == Truth::Unknown) return verdict.kind = Verdict::Kind::Wait, verdict;
      watching.on_judged(truth == Truth::True);
      if (truth == Truth::False) continue;
    } else {
      watching.on_judged(true);
    }
    if (!step.asked_users.empty() && !knows_users(step.asked_users, subject) && in_trouble(step)) return verdict;
    const Flow flow = step.action->run(subject, verdict);
    watching.on_done(flow == Flow::Failed);
    if (in_trouble(step)) return verdict;
    if (flow == Flow::Wait) return verdict.kind = Verdict::Kind::Wait, verdict;
    if (flow == Flow::Body || flow == Flow::Cache) {
      verdict.kind = flow == Flow::Body ? Verdict::Kind::Body : Verdict::Kind::Cache;
      verdict.wait.next = static_cast<std::uint32_t>(&step - all.data()) + 1;
      verdict.wait.strict = strict;
      return verdict;
    }
    if (flow == Flow::StrictOn) strict = true;
    if (flow == Flow::StrictOff) strict = false;
    const bool failed = flow == Flow::Failed && strict;
    if (failed) verdict.kind = Verdict::Kind::Error;
    if (!failed && flow != Flow::Stop) continue;
    verdict.final = true;
    verdict.place = subject.last_rule = &step.place;
    was_allowed = !failed && verdict.kind == Verdict::Kind::Continue;
    if (!was_allowed) return verdict;
  }
  return verdict;
}

}  // namespace

Verdict Program::run(Subject& subject) const {
  if (empty_) return {};
  Nobody nobody;
  prepare(subject, acls_, available_);
  return run_steps(steps_, acls_, subject, nobody);
}

Verdict Program::resume(Subject& subject, const Verdict::Wait& wait) const {
  Nobody nobody;
  prepare(subject, acls_, available_);
  return run_steps(steps_, acls_, subject, nobody, wait);
}

Verdict Program::run(Subject& subject, Witness& witness) const {
  if (empty_) return {};
  prepare(subject, acls_, available_);
  return run_steps(steps_, acls_, subject, witness);
}

}  // namespace penstock::rules
