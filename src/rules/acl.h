// ACLs and conditions, compiled. A condition is a disjunction of conjunctions, flattened to one row of
// terms; a term is a named ACL or a test that stands in braces.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "expression.h"
#include "matcher.h"
#include "penstock/rules/environment.h"
#include "penstock/rules/pattern_set.h"
#include "penstock/rules/subject.h"
#include "penstock/rules/witness.h"

namespace penstock::rules {

// What a test or condition says; Unknown while more bytes could change it. The order serves min and max.
enum class Truth : std::uint8_t { False = 0, Unknown = 1, True = 2 };

// One `acl` line or one pair of braces.
struct Test {
  std::unique_ptr<Expression> expression;
  Matcher matcher{Match::Bool};
};

struct Acl {
  std::string name;
  std::vector<Test> tests;  // Alternatives.
  config::Place place;
};

// The ACLs of one proxy. Addresses of its entries stay.
struct AclTable {
  std::deque<Acl> acls;
  std::map<std::string, std::size_t, std::less<>> by_name;
  AclDependence dependence;
};

struct Term {
  std::int32_t acl = -1;   // Index into the table, or
  std::int32_t test = -1;  // into ConditionCode::tests.
  bool negated = false;
  bool ends_group = false;
};

struct ConditionCode {
  std::vector<Term> terms;
  std::vector<Test> tests;
  bool unless = false;
};

// Says nothing that counts once the subject is in trouble.
Truth evaluate_condition(const ConditionCode& code, const AclTable* acls, Subject& subject);
// The same for an explanation, each test told as it is made. What only traffic knows is assumed, so that the answer is
// never Unknown for that.
Truth evaluate_condition(const ConditionCode& code, const AclTable* acls, Subject& subject, Witness& witness);
// Tells what a program is about to be run on. What was remembered of other programs is forgotten.
void prepare(Subject& subject, const AclTable* acls, unsigned available);

// Compiles the `acl` lines of a proxy.
void compile_acls(Compiling& compiling, const std::vector<config::Acl>& acls);
// Words behind `if` or `unless`, whose own word is words[0]. Null after a complaint. `available` (Needs)
// is for warnings about ACLs that can never match here; `what` names the rule.
std::unique_ptr<ConditionCode> compile_condition(Compiling& compiling, std::span<const config::Word> words,
                                                 unsigned available);

// Files that an ACL's words name by -f or -M.
void collect_acl_hosts(std::span<const config::Word> words, std::vector<config::Word>& hosts);
void collect_acl_files(std::span<const config::Word> words, std::vector<NamedFile>& files);

}  // namespace penstock::rules
