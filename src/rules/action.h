// Actions: what a rule does when its condition holds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "acl.h"
#include "expression.h"
#include "normalize_uri.h"
#include "penstock/rules/format.h"
#include "penstock/rules/verdict.h"
#include "regex.h"

namespace penstock::rules {

enum class Flow : std::uint8_t {
  Next,      // Go on with the next rule.
  Stop,      // The set ends here; the verdict says how.
  Failed,    // A rewrite could not be made: an error under strict-mode, else as Next.
  StrictOn,  // `strict-mode on` and off, for the rules behind.
  StrictOff,
  Body,   // More of the body is to come, as the verdict says; then the rules behind are asked.
  Cache,  // What is kept may answer; if not, the rules behind are asked.
  Wait,   // What it looks at has not come yet: all rules are asked again when more has.
};

class Action {
 public:
  virtual ~Action() = default;
  virtual Flow run(Subject& subject, Verdict& verdict) const = 0;
};

struct Step {
  std::unique_ptr<ConditionCode> condition;  // Null: always.
  std::unique_ptr<Action> action;
  RulePlace place;
  // Whose passwords the action asks for: they are known before it begins, since it must not begin twice.
  std::vector<std::shared_ptr<const Users>> asked_users;
  bool is_behind = false;  // A `redirect` line, past which no `allow` leads.
};

enum class Side : std::uint8_t { Request, Response };

// Of the request or the response, as the rule set says.
std::unique_ptr<Action> make_set_field(Side side, std::string name, Format value, bool keep_others);
std::unique_ptr<Action> make_delete_field(Side side, Match match, std::string name, std::unique_ptr<Regex> regex);
std::unique_ptr<Action> make_replace_field(Side side, std::string name, std::unique_ptr<Regex> regex,
                                           Format replacement, bool each_value);

enum class TargetPart : std::uint8_t { Path, PathAndQuery, Query, Uri };
std::unique_ptr<Action> make_set_target(TargetPart part, Format value);
std::unique_ptr<Action> make_replace_target(TargetPart part, std::unique_ptr<Regex> regex, Format replacement);
std::unique_ptr<Action> make_set_method(Format value);
// See normalize_uri.h. Strict: what cannot be normalized is refused.
std::unique_ptr<Action> make_normalize_uri(Normalizer normalizer, bool strict);
std::unique_ptr<Action> make_set_status(std::uint16_t status, std::string reason);

std::unique_ptr<Action> make_end(Verdict::Kind kind);
std::unique_ptr<Action> make_reply(Verdict::Kind kind, ReplyTemplate reply);

struct RedirectPlan {
  enum class Kind : std::uint8_t { Location, Prefix, Scheme };
  Kind kind = Kind::Location;
  Format text;
  std::uint16_t code = 302;
  bool drop_query = false, append_slash = false, ignore_empty = false;
  std::string cookie;  // The whole Set-Cookie value; empty: none.
};
std::unique_ptr<Action> make_redirect(RedirectPlan plan);

// By an expression or, if that is null, by a format.
std::unique_ptr<Action> make_set_variable(VariableName name, std::unique_ptr<Expression> expression, Format format,
                                          unsigned conditions);
std::unique_ptr<Action> make_unset_variable(VariableName name);
std::unique_ptr<Action> make_capture(Side side, std::unique_ptr<Expression> expression, std::size_t slot);
std::unique_ptr<Action> make_set_log_level(Effects::LogLevel kind, Level level);
enum class Timeout : std::uint8_t { Client, Server, Tunnel };
std::unique_ptr<Action> make_set_timeout(Timeout timeout, std::int64_t ms, std::unique_ptr<Expression> expression);
std::unique_ptr<Action> make_no_l7_retry();
std::unique_ptr<Action> make_expect_proxy();
std::unique_ptr<Action> make_strict_mode(bool on);
// `set-map` and `add-acl`, or `del-map` and `del-acl`. An ACL has no value.
enum class PatternAct : std::uint8_t { Put, Remove };
std::unique_ptr<Action> make_change_patterns(PatternAct act, std::shared_ptr<PatternSet> set, Format key,
                                             std::optional<Format> value);

// What is done to the client's connection, and where its request stands in line.
enum class End : std::uint8_t { Source, Destination };
// Of an address or, for `is_port`, a number. Lasts: for the connection, else for the request.
std::unique_ptr<Action> make_set_end(End end, bool is_port, bool lasts, std::unique_ptr<Expression> expression);
std::unique_ptr<Action> make_set_tos(int tos);
std::unique_ptr<Action> make_set_mark(std::uint32_t mark);
std::unique_ptr<Action> make_set_priority(bool is_class, std::unique_ptr<Expression> expression);
std::unique_ptr<Action> make_nothing();
std::unique_ptr<Action> make_early_hint(std::string name, Format value);
std::unique_ptr<Action> make_wait_for_body(std::uint64_t limit_ms, std::uint64_t at_least);
std::unique_ptr<Action> make_ask_password(std::string realm);

// Without CR, LF and NUL.
bool is_field_value(std::string_view text);

}  // namespace penstock::rules
