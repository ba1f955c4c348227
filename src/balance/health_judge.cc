#include "health_judge.h"

#include <algorithm>
#include <optional>

#include "penstock/base/format.h"
#include "penstock/base/require.h"
#include "penstock/base/text.h"

namespace penstock::check {
namespace {

using Kind = Judgement::Kind;
using Match = CheckStepSpec::Match;

Judgement failed(const CheckStepSpec& step, CheckStatus usual, std::string info, CheckTalk& talk) {
  if (step.on_error) info = step.on_error->make(talk);
  if (!step.comment.empty()) append_format(info, " comment: {}", step.comment);
  return {Kind::Fail, step.error_status != CheckStatus::Unknown ? step.error_status : usual, std::move(info)};
}

Judgement wrong_status(const Head& head, const CheckStepSpec& step, CheckTalk& talk) {
  return failed(step, CheckStatus::L7Status, std::string(head.reason), talk);
}

Judgement bad_answer(std::string info, const CheckStepSpec& step, CheckTalk& talk) {
  return failed(step, CheckStatus::L7Response, std::move(info), talk);
}

std::string hexadecimal(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) append_format(out, "{:02X}", static_cast<unsigned char>(byte));
  return out;
}

bool found(const CheckStepSpec& step, std::string_view bytes, std::string_view pattern) {
  if (step.match == Match::StringRegex) return step.regex->matches(bytes);
  if (step.match == Match::BinaryRegex) return step.regex->matches(hexadecimal(bytes));
  return bytes.find(pattern) != std::string_view::npos;
}

// Text that was found decides at once; text that was not may still come, unless min-recv says how
// much is enough, which cannot be less than the text itself.
bool undecided(const CheckStepSpec& step, const Answer& answer, bool is_found, std::string_view pattern) {
  if (answer.complete) return false;
  if (!step.min_recv) return !is_found;
  const bool by_regex = step.match == Match::StringRegex || step.match == Match::BinaryRegex;
  const std::size_t least = *step.min_recv == 0 || by_regex ? 1 : pattern.size();
  return answer.bytes.size() < std::max<std::uint64_t>(*step.min_recv, least);
}

std::string pattern_of(const CheckStepSpec& step, CheckTalk& talk) {
  return step.text ? step.text->make(talk) : step.pattern;
}

std::string_view kind_of(const CheckStepSpec& expect) {
  switch (expect.match) {
    case Match::Binary:
      return expect.text ? "log-format binary" : "binary";
    case Match::BinaryRegex:
      return "binary regex";
    case Match::StringRegex:
      return "regex";
    default:
      return expect.text ? "log-format string" : "string";
  }
}

Judgement judge_body(const CheckStepSpec& expect, const Answer& answer, CheckTalk& talk) {
  const std::string pattern = pattern_of(expect, talk);
  const bool is_found = found(expect, answer.bytes, pattern);
  if (undecided(expect, answer, is_found, pattern)) return {};
  if (answer.bytes.empty()) return bad_answer("HTTP content check could not find a response body", expect, talk);
  if (is_found != expect.negated) return {Kind::Pass};
  return bad_answer(expect.negated ? "HTTP check matched unwanted content" : "HTTP content check did not match", expect,
                    talk);
}

}  // namespace

Judgement judge_http(const CheckStepSpec& expect, const Answer& answer, CheckTalk& talk) {
  const Head& head = *answer.head;
  bool matched = false;
  switch (expect.match) {
    case Match::Status:
      matched = status_in(expect.pattern, head.status);
      break;
    case Match::StatusRegex:
      matched = expect.regex->matches(format("{:03}", head.status));
      break;
    case Match::Header:
      matched = has_field(head, expect, talk);
      break;
    case Match::String:
    case Match::StringRegex:
    case Match::Binary:
    case Match::BinaryRegex:
    case Match::SmtpReply:
    case Match::RedisReply:
    case Match::LdapReply:
    case Match::PostgreSqlReply:
    case Match::MySqlGreeting:
    case Match::MySqlReply:
    case Match::AgentLine:
      return judge_body(expect, answer, talk);
  }
  if (matched == expect.negated) return wrong_status(head, expect, talk);
  return {Kind::Pass};
}

Judgement judge_http_by_default(const Answer& answer) {
  const Head& head = *answer.head;
  if (head.status >= 200 && head.status < 400) return {Kind::Pass};
  CheckTalk nobody;
  return wrong_status(head, {}, nobody);
}

Judgement judge_bytes(const CheckStepSpec& expect, const Answer& answer, std::size_t number, CheckTalk& talk) {
  if (expect.match >= Match::SmtpReply) return judge_reply(expect.match, answer, number);
  const std::string pattern = pattern_of(expect, talk);
  const bool is_found = found(expect, answer.bytes, pattern);
  if (undecided(expect, answer, is_found, pattern)) return {};
  if (answer.bytes.empty()) return bad_answer(format("TCPCHK got an empty response at step {}", number), expect, talk);
  if (is_found != expect.negated) return {Kind::Pass};
  const bool is_shown = expect.match == Match::String && !expect.text;
  return bad_answer(format("TCPCHK {} content {} at step {}", expect.negated ? "matched unwanted" : "did not match",
                           is_shown ? format("'{}'", expect.pattern) : format("({})", kind_of(expect)), number),
                    expect, talk);
}

std::string expectation(const CheckStepSpec& expect) {
  const bool is_shown = !expect.text && (expect.match == Match::String || expect.match == Match::Binary);
  return is_shown ? format("{} '{}'", kind_of(expect), expect.pattern) : std::string(kind_of(expect));
}

bool status_in(std::string_view list, unsigned status) {
  while (!list.empty()) {
    std::string_view range = trim(cut(list, ','));
    const std::string_view first = cut(range, '-');
    const std::optional<std::uint64_t> low = parse_unsigned(first);
    const std::optional<std::uint64_t> high = range.empty() ? low : parse_unsigned(range);
    if (low && high && status >= *low && status <= *high) return true;
  }
  return false;
}

namespace {

bool suits(const CheckFieldMatch& match, std::string_view text, std::string_view wanted) {
  switch (match.how) {
    case CheckFieldMatch::How::Whole:
      return text == wanted;
    case CheckFieldMatch::How::Begin:
      return text.starts_with(wanted);
    case CheckFieldMatch::How::End:
      return text.ends_with(wanted);
    case CheckFieldMatch::How::Inside:
      return text.find(wanted) != std::string_view::npos;
    case CheckFieldMatch::How::Regex:
      return match.regex != nullptr && match.regex->matches(text);
  }
  return false;
}

bool has_value(const CheckStepSpec& expect, std::string_view values, std::string_view wanted) {
  if (expect.whole_field) return suits(expect.field_value, values, wanted);
  while (!values.empty()) {
    if (suits(expect.field_value, trim(cut(values, ',')), wanted)) return true;
  }
  return false;
}

}  // namespace

bool has_field(const Head& head, const CheckStepSpec& expect, CheckTalk& talk) {
  const CheckFieldMatch &name = expect.field_name, &value = expect.field_value;
  // Names in any case.
  const std::string wanted = lower(name.made ? name.made->make(talk) : name.text);
  const std::string wanted_value = value.made ? value.made->make(talk) : value.text;
  const bool any_value = value.text.empty();
  for (const Field& field : head.fields) {
    if (!suits(name, lower(field.name), wanted)) continue;
    if (any_value || has_value(expect, field.value, wanted_value)) return true;
  }
  return false;
}

bool asks_exchange(std::string_view request) {
  cut(request, ' ');
  std::string_view target = cut(request, ' ');
  const std::string_view path = cut(target, '?');
  return ends_with_nocase(path, "/healthcheck.htm");
}

std::string_view method_of(std::string_view request) { return cut(request, ' '); }

}  // namespace penstock::check
