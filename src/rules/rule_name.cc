// `do-resolve(<variable>,<resolvers>[,ipv4|ipv6]) <sample>`: the address that a name has, found out while the client waits.
#include <new>

#include "action_row.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock::rules {
namespace {

using State = NameAsked::State;

class FindName final : public Action {
 public:
  FindName(VariableName variable, std::string section, bool ip4_first, std::unique_ptr<Expression> expression)
      : variable_(std::move(variable)),
        section_(std::move(section)),
        ip4_first_(ip4_first),
        expression_(std::move(expression)) {}

  // What is not found leaves the variable as it is.
  Flow run(Subject& subject, Verdict&) const override {
    Value value;
    Cursor cursor;
    if (!evaluate(*expression_, subject, cursor, value)) return cursor.undecided ? Flow::Wait : Flow::Next;
    if (!cast(subject, value, Type::Text) || value.text.empty()) return Flow::Next;
    if (subject.explained != nullptr) {
      value.set_text(kUnknownHere);
      set_variable(subject, variable_, value, 0);
      return Flow::Next;
    }
    const NameAsked& asked = asked_for(value.text, subject);
    if (asked.state != State::Known) {
      subject.trouble = Trouble::Name;
    } else if (asked.has_address) {
      value.set_ip(asked.address);
      set_variable(subject, variable_, value, 0);
    }
    return Flow::Next;
  }

 private:
  const NameAsked& asked_for(std::string_view name, Subject& subject) const {
    for (const NameAsked* one = subject.names; one != nullptr; one = one->before) {
      if (one->rule == this && one->name == name) return *one;
    }
    auto* asked = new (subject.arena.allocate(sizeof(NameAsked), alignof(NameAsked))) NameAsked;
    asked->rule = this;
    asked->section = section_;
    asked->name = subject.arena.copy(name);
    asked->ip4_first = ip4_first_;
    asked->before = subject.names;
    subject.names = asked;
    return *asked;
  }

  const VariableName variable_;
  const std::string section_;
  const bool ip4_first_;
  const std::unique_ptr<Expression> expression_;
};

// Whether there is such a section `resolvers` was seen when the file was read.
std::unique_ptr<Action> compile_find_name(Work& work) {
  const config::Place place = work.rule.words[0].place;
  std::string_view rest = work.argument;
  VariableName variable;
  if (!parse_variable_name(work.compiling, cut(rest, ','), place, variable)) return nullptr;
  const std::string section(cut(rest, ','));
  if (section.empty())
    return work.complain(place, "'do-resolve' expects a variable and a section 'resolvers': do-resolve(txn.ip,dns)");
  const bool ip4_first = rest == "ipv4";
  if (!rest.empty() && !ip4_first && rest != "ipv6")
    return work.complain(place, format("'{}' is neither 'ipv4' nor 'ipv6'", rest));
  std::unique_ptr<Expression> expression = work.take_expression();
  if (expression == nullptr) return nullptr;
  if (!castable(expression->type, Type::Text))
    return work.complain(expression->place, format("'{}' is no text", expression->name));
  return std::make_unique<FindName>(std::move(variable), section, ip4_first, std::move(expression));
}

constexpr ActionRow kActions[] = {
    {"do-resolve", kContent | kRequest, compile_find_name, kVariableAndSection},
};

}  // namespace

std::span<const ActionRow> name_actions() { return kActions; }

}  // namespace penstock::rules
