// Commands about maps and the patterns of ACLs.
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "command.h"
#include "pattern_notes.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/control/crew.h"
#include "penstock/rules/pattern_answer.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;
using rules::PatternChange;
using rules::PatternSet;

// Entries looked at for one piece of an answer.
constexpr std::size_t kInPiece = 256;

// Which of the two a command is about.
struct Kind {
  std::string_view name;  // As commands write it.
  std::string_view title;
  bool PatternPlan::*is;
};
constexpr Kind kMap = {"map", "map", &PatternPlan::by_map};
constexpr Kind kAcl = {"acl", "ACL", &PatternPlan::by_acl};

std::string unknown(const Kind& kind) {
  return format("Unknown {} identifier. Please use #<id> or <file>.\n", kind.title);
}

// By "#<id>" or the name of the file. HAProxy's `get`, `add` and `set` do not ask which of the two it is.
const PatternPlan* find_any(const CallRef& call, std::string_view name) {
  const auto id = name.starts_with('#') ? parse_unsigned(name.substr(1)) : std::nullopt;
  for (const PatternPlan& plan : call->realm().crew().snapshot()->patterns) {
    if (id ? plan.id == *id : (!plan.file.empty() && plan.file == name)) return &plan;
  }
  return nullptr;
}

const PatternPlan* find_plan(const CallRef& call, const Kind& kind, std::string_view name) {
  const PatternPlan* plan = find_any(call, name);
  return plan != nullptr && plan->*kind.is ? plan : nullptr;
}

// "@<ver>" in front of the arguments, and those behind it.
struct Arguments {
  explicit Arguments(const CallRef& call) : call(call) {
    const std::string_view first = call->argument(0);
    if (!first.starts_with('@')) return;
    at = 1;
    version = static_cast<std::uint32_t>(std::strtoul(std::string(first.substr(1)).c_str(), nullptr, 10));
  }
  std::string_view operator[](std::size_t number) const { return call->argument(at + number); }

  const CallRef& call;
  std::size_t at = 0;
  std::optional<std::uint32_t> version;
};

void list(const CallRef& call, const Kind& kind) {
  std::string text = "# id (file) description\n";
  for (const PatternPlan& plan : call->realm().crew().snapshot()->patterns) {
    if (!(plan.*kind.is)) continue;
    const PatternSet& set = *plan.sets.front();
    append_format(text, "{} ({}) {}. curr_ver={} next_ver={} entry_cnt={}\n", plan.id, plan.file, plan.description,
                  set.current_version(), set.next_version(), set.count());
  }
  call->answer(std::move(text));
}

// What credentials are compared with is for those who may do everything.
bool hides(const CallRef& call, const PatternPlan& plan) { return plan.secret && call->level() < AccessLevel::Admin; }
constexpr std::string_view kHidden = "(hidden)";

void append_entry(std::string& to, const PatternSet::Entry& entry, bool hidden) {
  append_format(to, "0x{:x} {}", entry.id, hidden ? kHidden : std::string_view(entry.key));
  if (hidden) return to += '\n', void();
  if (!entry.value.empty()) append_format(to, " {}", entry.value);
  to += '\n';
}

template <const Kind& kind>
void show(const CallRef& call) {
  const Arguments arguments(call);
  if (arguments[0].empty() && !arguments.version) return list(call, kind);
  const PatternPlan* plan = find_plan(call, kind, arguments[0]);
  if (plan == nullptr) return call->fail(unknown(kind));
  call->answer_by([set = plan->sets.front(), version = arguments.version, hidden = hides(call, *plan),
                   from = std::uint64_t{1}](std::string& to) mutable {
    for (const PatternSet::Entry& entry : set->entries(from, kInPiece, version)) append_entry(to, entry, hidden);
    return from != 0;
  });
}

void append_answer(std::string& to, const PatternSet::Answer& answer, bool of_map) {
  append_format(to, "type={}, case={}", answer.type, answer.case_blind ? "insensitive" : "sensitive");
  append_format(to, ", {}={}", of_map ? "found" : "match", answer.found ? "yes" : "no");
  if (!answer.found) return to += '\n', void();
  append_format(to, ", idx={}", answer.tree ? "tree" : "list");
  const std::string_view word = of_map ? "key" : "pattern";
  if (answer.has_key)
    append_format(to, ", {}=\"{}\"", word, answer.key);
  else
    append_format(to, ", {}=unknown", word);
  if (of_map && answer.output.empty()) to += ", value=none";
  if (of_map && !answer.output.empty()) append_format(to, ", value=\"{}\", type=\"{}\"", answer.value, answer.output);
  to += '\n';
}

template <const Kind& kind>
void get(const CallRef& call) {
  if (call->argument(1).empty()) return call->fail(format("Missing {} identifier and/or key.\n", kind.title));
  const PatternPlan* plan = find_any(call, call->argument(0));
  if (plan == nullptr) return call->fail(unknown(kind));
  std::string text;
  for (PatternSet::Answer& answer : rules::ask(*plan->sets.front(), call->argument(1))) {
    if (hides(call, *plan)) answer.key = answer.value = kHidden;
    append_answer(text, answer, &kind == &kMap);
  }
  call->answer(std::move(text));
}

// The same for all sets that a name stands for; what the first says is said.
template <class Change>
PatternChange change_all(const PatternPlan& plan, Change change) {
  std::optional<PatternChange> first;
  for (const auto& set : plan.sets) {
    PatternChange done = change(*set);
    if (!first) first = std::move(done);
  }
  return *first;
}

bool is_matched(const PatternPlan& plan, std::optional<std::uint32_t> version) {
  return !version || *version == plan.sets.front()->current_version();
}

std::string add_entry(const CallRef& call, const PatternPlan& plan, std::string_view key, std::string_view value,
                      std::optional<std::uint32_t> version) {
  const PatternNote note(call, plan);
  const std::string error = change_all(plan, [&](PatternSet& set) { return set.add(key, value, version); }).error;
  if (error.empty() && is_matched(plan, version)) note.added(key, value);
  return error;
}

// Each line of a payload is a key and a value, of an ACL a pattern. Those before one in error stay.
void add_payload(const CallRef& call, const PatternPlan& plan, std::optional<std::uint32_t> version) {
  std::string_view rest = call->payload();
  while (!rest.empty()) {
    const std::string_view line = trim(cut(rest, '\n'));
    if (line.empty()) continue;
    const std::size_t blank = plan.two_columns ? std::min(line.find_first_of(" \t"), line.size()) : line.size();
    const std::string_view key = line.substr(0, blank), value = trim(line.substr(blank));
    if (plan.two_columns && value.empty()) return call->fail(format("Missing value for key '{}'.\n", key));
    const std::string error = add_entry(call, plan, key, value, version);
    if (!error.empty()) return call->fail(error + "\n");
  }
  call->done();
}

template <const Kind& kind>
void add(const CallRef& call) {
  const Arguments arguments(call);
  const bool of_map = &kind == &kMap, has_payload = !call->payload().empty();
  if (of_map ? arguments[0].empty() || (arguments[2].empty() && !has_payload)
             : arguments[0].empty() || (arguments[1].empty() && !has_payload)) {
    return call->fail(of_map ? "'add map' expects three parameters (map identifier, key and value) or one parameter "
                               "(map identifier) and a payload\n"
                             : "'add acl' expects two parameters: ACL identifier and pattern.\n");
  }
  const PatternPlan* plan = find_any(call, arguments[0]);
  if (plan == nullptr) return call->fail(unknown(kind));
  if (arguments.version.value_or(0) > plan->sets.front()->next_version())
    return call->fail(format("Version number in the future, please use 'prepare {}' before.\n", kind.name));
  if (!of_map && plan->two_columns)
    return call->fail(
        "This ACL is shared with a map containing samples. You must use the command 'add map' to add values.\n");
  if (has_payload) return add_payload(call, *plan, arguments.version);
  const std::string error =
      add_entry(call, *plan, arguments[1], of_map ? arguments[2] : std::string_view(), arguments.version);
  if (!error.empty()) return call->fail(error + "\n");
  call->done();
}

// "#0x1f": an entry, as `show` has it.
std::optional<std::uint64_t> reference(std::string_view text) {
  if (!text.starts_with("#0x")) return std::nullopt;
  std::uint64_t id = 0;
  for (const char c : text.substr(3)) {
    const bool digit = c >= '0' && c <= '9';
    const char low = to_lower(c);
    if ((!digit && (low < 'a' || low > 'f')) || id >> 60 != 0) return std::nullopt;
    id = id << 4 | static_cast<std::uint64_t>(digit ? c - '0' : low - 'a' + 10);
  }
  return id;
}

void set_map(const CallRef& call) {
  if (call->argument(2).empty())
    return call->fail("'set map' expects three parameters: map identifier, key and value.\n");
  const PatternPlan* plan = find_any(call, call->argument(0));
  if (plan == nullptr) return call->fail(unknown(kMap));
  const std::string_view key = call->argument(1), value = call->argument(2);
  const auto id = reference(key);
  const PatternNote note(call, *plan);
  const auto only_key = id ? note.only_key_of(*id) : std::optional(std::string(key));
  const PatternChange done =
      change_all(*plan, [&](PatternSet& set) { return id ? set.set(*id, value) : set.set(key, value); });
  if (!done.error.empty()) return call->fail(done.error + "\n");
  if (done.entries == 0) return call->fail(id ? "key or pattern not found.\n" : "entry not found.\n");
  only_key ? note.set(*only_key, value) : note.changed();
  call->done();
}

template <const Kind& kind>
void remove(const CallRef& call) {
  if (call->argument(1).empty())
    return call->fail(format("This command expects two parameters: {} identifier and key.\n", kind.title));
  const PatternPlan* plan = find_plan(call, kind, call->argument(0));
  if (plan == nullptr) return call->fail(unknown(kMap));
  const std::string_view key = call->argument(1);
  const auto id = reference(key);
  const PatternNote note(call, *plan);
  const auto only_key = id ? note.only_key_of(*id) : std::optional(std::string(key));
  const PatternChange done = change_all(*plan, [&](PatternSet& set) { return id ? set.remove(*id) : set.remove(key); });
  if (!done.error.empty()) return call->fail(done.error + "\n");
  if (done.entries == 0) return call->fail("Key not found.\n");
  only_key ? note.removed(*only_key) : note.changed();
  call->done();
}

template <const Kind& kind>
void clear(const CallRef& call) {
  const Arguments arguments(call);
  if (arguments[0].empty()) return call->fail(format("Missing {} identifier.\n", kind.title));
  const PatternPlan* plan = find_plan(call, kind, arguments[0]);
  if (plan == nullptr) return call->fail(unknown(kind));
  const PatternNote note(call, *plan);
  for (const auto& set : plan->sets) set->clear(arguments.version);
  if (is_matched(*plan, arguments.version)) note.cleared();
  call->done();
}

template <const Kind& kind>
void prepare(const CallRef& call) {
  const PatternPlan* plan = find_plan(call, kind, call->argument(0));
  if (plan == nullptr) return call->fail(unknown(kind));
  std::uint32_t version = 0;
  for (const auto& set : plan->sets) version = set->prepare();
  call->say(Level::Info, format("New version created: {}\n", version));
}

template <const Kind& kind>
void commit(const CallRef& call) {
  const Arguments arguments(call);
  if (!arguments.version) return call->fail("Missing version number.\n");
  if (arguments[0].empty()) return call->fail(format("Missing {} identifier.\n", kind.title));
  const PatternPlan* plan = find_plan(call, kind, arguments[0]);
  if (plan == nullptr) return call->fail(unknown(kind));
  const PatternNote note(call, *plan);
  bool known = false;
  for (const auto& set : plan->sets) known = set->commit(*arguments.version);
  if (!known) return call->fail("Version number out of range.\n");
  note.replaced();
  call->done();
}

constexpr Command kCommands[] = {
    {"add acl", "[@<ver>] <acl> <pattern>", AccessLevel::User, "one more pattern of an ACL", add<kAcl>},
    {"add map", "[@<ver>] <map> <key> <val>", AccessLevel::User, "one more line of a map, or lines as a payload",
     add<kMap>},
    {"clear acl", "[@<ver>] <acl>", AccessLevel::User, "take all patterns out of an ACL", clear<kAcl>},
    {"clear map", "[@<ver>] <map>", AccessLevel::User, "take all lines out of a map", clear<kMap>},
    {"commit acl", "@<ver> <acl>", AccessLevel::User, "match what was added to this version", commit<kAcl>},
    {"commit map", "@<ver> <map>", AccessLevel::User, "look up what was added to this version", commit<kMap>},
    {"del acl", "<acl> [<key>|#<ref>]", AccessLevel::User, "take a pattern out of an ACL", remove<kAcl>},
    {"del map", "<map> [<key>|#<ref>]", AccessLevel::User, "take the lines of a key out of a map", remove<kMap>},
    {"get acl", "<acl> <value>", AccessLevel::User, "which pattern of an ACL a value matches", get<kAcl>},
    {"get map", "<map> <value>", AccessLevel::User, "which line of a map is found for a value", get<kMap>},
    {"prepare acl", "<acl>", AccessLevel::User, "begin a version of an ACL that is matched only when committed",
     prepare<kAcl>},
    {"prepare map", "<map>", AccessLevel::User, "begin a version of a map that is looked up only when committed",
     prepare<kMap>},
    {"set map", "<map> [<key>|#<ref>] <value>", AccessLevel::User, "another value for a key of a map", set_map},
    {"show acl", "[[@<ver>] <acl>]", AccessLevel::User, "ACLs, or the patterns of one", show<kAcl>},
    {"show map", "[[@<ver>] <map>]", AccessLevel::User, "maps, or the lines of one", show<kMap>},
};

}  // namespace

std::span<const Command> pattern_commands() { return kCommands; }

}  // namespace penstock
