// Who watches rules being asked, for an explanation of what they would do: the programs are those that the proxy runs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/rules/place.h"

namespace penstock::rules {

// An ACL, or a test in braces, as it was asked.
struct Tested {
  std::string_view acl;             // Its name; empty: it stands in braces.
  RulePlace place;                  // Of what was compared last. No line: the ACL is built in.
  std::vector<std::string> values;  // What was compared, one after the other; none: there was nothing of the kind.
  std::size_t alternatives = 1;     // How many lines of the ACL were asked.
  bool unknown = false;             // Only traffic knows; `matches` is what was assumed.
  bool matches = false;
};

class Witness {
 public:
  // A rule is looked at; its tests follow.
  virtual void on_rule(const RulePlace& place) = 0;
  virtual void on_test(const Tested& test) = 0;
  // Only traffic knows what this test says: what shall be assumed? `what` is it for as long as the rules live; null:
  // each time it is asked it may say something else.
  virtual bool assume(const void* what, const Tested& test) = 0;
  // All tests of the rule are made. If it holds, it is carried out next.
  virtual void on_judged(bool holds) = 0;
  // `failed`: what the rule wanted to write cannot stand there.
  virtual void on_done(bool failed) = 0;

 protected:
  ~Witness() = default;
};

}  // namespace penstock::rules
