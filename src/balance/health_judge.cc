#include "health_judge.h"

#include <algorithm>
#include <optional>

#include "penstock/base/require.h"
#include "penstock/base/text.h"

namespace penstock::check {
namespace {

using Kind = Judgement::Kind;
using Match = CheckStepSpec::Match;

std::string with_comment(std::string info, const CheckStepSpec& step) {
  if (!step.comment.empty()) append_format(info, " comment: {}", step.comment);
  return info;
}

Judgement wrong_status(const Head& head, const CheckStepSpec& step) {
  return {Kind::Fail, CheckStatus::L7Status, with_comment(std::string(head.reason), step)};
}

Judgement bad_answer(std::string info, const CheckStepSpec& step) {
  return {Kind::Fail, CheckStatus::L7Response, with_comment(std::move(info), step)};
}

bool found(const CheckStepSpec& step, std::string_view bytes) {
  if (step.match == Match::StringRegex) return step.regex->matches(bytes);
  return bytes.find(step.pattern) != std::string_view::npos;
}

// Text that was found decides at once; text that was not may still come.
bool undecided(const CheckStepSpec& step, const Answer& answer, bool is_found) {
  if (answer.complete) return false;
  return !is_found || answer.bytes.size() < step.min_recv;
}

Judgement judge_body(const CheckStepSpec& expect, const Answer& answer) {
  const bool is_found = found(expect, answer.bytes);
  if (undecided(expect, answer, is_found)) return {};
  if (answer.bytes.empty())
    return bad_answer("HTTP content check could not find a response body", expect);
  if (is_found != expect.negated) return {Kind::Pass};
  return bad_answer(
      expect.negated ? "HTTP check matched unwanted content" : "HTTP content check did not match",
      expect);
}

}  // namespace

Judgement judge_http(const CheckStepSpec& expect, const Answer& answer) {
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
      matched = has_field(head, expect.header_name, expect.pattern);
      break;
    case Match::String:
    case Match::StringRegex:
    case Match::Binary:
    case Match::SmtpReply:
      return judge_body(expect, answer);
  }
  if (matched == expect.negated) return wrong_status(head, expect);
  return {Kind::Pass};
}

Judgement judge_http_by_default(const Answer& answer) {
  const Head& head = *answer.head;
  if (head.status >= 200 && head.status < 400) return {Kind::Pass};
  return wrong_status(head, {});
}

Judgement judge_bytes(const CheckStepSpec& expect, const Answer& answer, std::size_t number) {
  if (expect.match == Match::SmtpReply) return judge_smtp(answer, number);
  const bool is_found = found(expect, answer.bytes);
  if (undecided(expect, answer, is_found)) return {};
  if (answer.bytes.empty())
    return bad_answer(format("TCPCHK got an empty response at step {}", number), expect);
  if (is_found != expect.negated) return {Kind::Pass};
  std::string what = expect.match == Match::Binary        ? "content (binary)"
                     : expect.match == Match::StringRegex ? "content (regex)"
                                                          : format("content '{}'", expect.pattern);
  return bad_answer(format("TCPCHK {} {} at step {}",
                           expect.negated ? "matched unwanted" : "did not match", what, number),
                    expect);
}

Judgement judge_smtp(const Answer& answer, std::size_t number) {
  std::string_view rest = answer.bytes;
  if (rest.empty() && answer.complete)
    return {Kind::Fail, CheckStatus::L7Response,
            format("TCPCHK got an empty response at step {}", number)};
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos && !answer.complete) return {};
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    const std::optional<std::uint64_t> code = parse_unsigned(line.substr(0, 3));
    const char separator = line.size() > 3 ? line[3] : ' ';
    if (line.size() < 3 || !code || *code < 100 || (separator != ' ' && separator != '-'))
      return {Kind::Fail, CheckStatus::L7Response, std::string(line)};
    if (separator == '-' && !(rest.empty() && answer.complete)) continue;
    Judgement judgement{*code / 100 == 2 ? Kind::Pass : Kind::Fail, CheckStatus::L7Status,
                        std::string(trim(line.substr(std::min<std::size_t>(line.size(), 4)))),
                        static_cast<int>(*code)};
    return judgement;
  }
  return {};
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

bool has_field(const Head& head, std::string_view name, std::string_view value) {
  for (const Field& field : head.fields) {
    if (!equal_nocase(field.name, name)) continue;
    if (value.empty()) return true;
    std::string_view values = field.value;
    while (!values.empty()) {
      if (trim(cut(values, ',')) == value) return true;
    }
  }
  return false;
}

bool asks_exchange(std::string_view request) {
  cut(request, ' ');
  std::string_view target = cut(request, ' ');
  const std::string_view path = cut(target, '?');
  return ends_with_nocase(path, "/healthcheck.htm");
}

std::string_view method_of(std::string_view request) {
  return cut(request, ' ');
}

}  // namespace penstock::check
