#include <algorithm>

#include "acl.h"
#include "penstock/base/format.h"
#include "stopwatch.h"

namespace penstock::rules {

namespace {

// For matching all values of a list.
constexpr std::int64_t kListNs = matching_ns(128 * 1024);

Truth negated_if(bool negated, Truth truth) {
  return negated ? static_cast<Truth>(2 - static_cast<int>(truth)) : truth;
}

// Who watches nothing, for nothing.
struct Nobody {
  static constexpr bool kWatches = false;
  bool sees(const Value&) { return true; }
  Truth ends(const Acl*, const Test*, Truth truth) { return truth; }
};

// Tells a witness of each test.
class Watching {
 public:
  static constexpr bool kWatches = true;
  explicit Watching(Subject& subject, Witness& witness) : subject_(subject), witness_(witness) {}

  // False: only traffic knows what it is.
  bool sees(const Value& value) {
    if (value.is_text() && value.text.find(kUnknownHere) != std::string_view::npos) return told_.unknown = true, false;
    Value text = value;
    const bool is_known = cast(subject_, text, Type::Text);
    constexpr std::size_t kMostTold = 20;
    const bool is_new = told_.values.empty() || told_.values.back() != text.text;
    if (is_known && is_new && told_.values.size() < kMostTold) told_.values.emplace_back(text.text);
    return true;
  }

  // Of an ACL, or of a test in braces.
  Truth ends(const Acl* acl, const Test* test, Truth truth) {
    Tested told = std::exchange(told_, {});
    if (acl != nullptr) told.acl = acl->name;
    if (acl != nullptr) told.alternatives = static_cast<std::size_t>(test - acl->tests.data()) + 1;
    told.place = test->expression->place;
    told.unknown = told.unknown && truth != Truth::True;
    told.matches = truth == Truth::True;
    if (told.unknown) {
      const void* what = acl != nullptr ? static_cast<const void*>(acl) : test;
      told.matches = witness_.assume(test->expression->fetch.fetch->name == "rand" ? nullptr : what, told);
    }
    witness_.on_test(told);
    return told.matches ? Truth::True : told.unknown ? Truth::False : truth;
  }

 private:
  Subject& subject_;
  Witness& witness_;
  Tested told_;
};

template <class Watch>
Truth evaluate_test(const Test& test, Subject& subject, Watch& watch) {
  const Expression& expression = *test.expression;
  if (!offered(expression.needs, subject.available)) return Truth::False;
  Cursor cursor;
  cursor.all = true;
  Stopwatch stopwatch(kListNs);
  do {
    Value value;
    if (evaluate(expression, subject, cursor, value) && watch.sees(value) &&
        cast(subject, value, test.matcher.input()) && test.matcher.matches(subject, value)) {
      return Truth::True;
    }
    const bool may_match_regex = test.matcher.match() == Match::Reg || !expression.converters.empty();
    if (cursor.more && may_match_regex && stopwatch.over()) subject.trouble = Trouble::Match;
    if (subject.trouble != Trouble::None) return subject.note_trouble(expression.place), Truth::False;
  } while (cursor.more);
  return cursor.undecided ? Truth::Unknown : Truth::False;
}

// Of an ACL, or of a test in braces.
template <class Watch>
Truth evaluate_tests(const Acl* acl, std::span<const Test> tests, Subject& subject, Watch& watch) {
  Truth truth = Truth::False;
  const Test* last = nullptr;
  for (const Test& test : tests) {
    last = &test;
    truth = std::max(truth, evaluate_test(test, subject, watch));
    if (truth == Truth::True) break;
  }
  return last == nullptr ? truth : watch.ends(acl, last, truth);
}

template <class Watch>
Truth evaluate_acl(const AclTable& table, std::size_t index, Subject& subject, Watch& watch) {
  const auto evaluate_now = [&] {
    const Acl& acl = table.acls[index];
    return evaluate_tests(&acl, acl.tests, subject, watch);
  };
  // What is remembered was not compared again, and would not be told.
  if (Watch::kWatches || index >= 64) return evaluate_now();
  const std::uint64_t bit = std::uint64_t{1} << index;
  ConditionMemory& memory = subject.memory;
  if ((memory.known & bit) != 0) return (memory.truth & bit) != 0 ? Truth::True : Truth::False;
  const Truth truth = evaluate_now();
  if (subject.trouble != Trouble::None) return truth;
  if (truth != Truth::Unknown && (table.dependence.on_moment & bit) == 0) {
    memory.known |= bit;
    memory.truth = truth == Truth::True ? memory.truth | bit : memory.truth & ~bit;
  }
  return truth;
}

// Compiled twice: what is explained is what is done.
template <class Watch>
Truth evaluate_terms(const ConditionCode& code, const AclTable* acls, Subject& subject, Watch& watch) {
  Truth any = Truth::False;
  Truth group = Truth::True;
  for (const Term& term : code.terms) {
    // Left to right: what is not decided yet leaves those behind it unasked, whose answers may change too.
    if (group == Truth::True) {
      const Truth truth = term.acl >= 0 ? evaluate_acl(*acls, static_cast<std::size_t>(term.acl), subject, watch)
                                        : evaluate_tests(nullptr, {&code.tests[static_cast<std::size_t>(term.test)], 1},
                                                         subject, watch);
      if (subject.trouble != Trouble::None) return Truth::False;
      group = std::min(group, negated_if(term.negated, truth));
    }
    if (!term.ends_group) continue;
    any = std::max(any, group);
    if (any == Truth::True) break;
    group = Truth::True;
  }
  return negated_if(code.unless, any);
}

}  // namespace

void prepare(Subject& subject, const AclTable* acls, unsigned available) {
  const AclDependence* owner = acls == nullptr ? nullptr : &acls->dependence;
  if (subject.memory.owner == owner && subject.available == available) return;
  subject.memory = {owner, 0, 0};
  subject.available = available;
}

Truth evaluate_condition(const ConditionCode& code, const AclTable* acls, Subject& subject) {
  Nobody nobody;
  return evaluate_terms(code, acls, subject, nobody);
}

Truth evaluate_condition(const ConditionCode& code, const AclTable* acls, Subject& subject, Witness& witness) {
  Watching watching(subject, witness);
  return evaluate_terms(code, acls, subject, watching);
}

}  // namespace penstock::rules
