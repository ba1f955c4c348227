#include "balance/health_judge.h"

#include <memory>

#include "unit/catch.h"

using namespace penstock;
using namespace penstock::check;
using Kind = Judgement::Kind;
using Match = CheckStepSpec::Match;

namespace {

struct StartsWith final : CheckRegex {
  explicit StartsWith(std::string text) : text(std::move(text)) {}
  bool matches(std::string_view subject) const override { return subject.substr(0, text.size()) == text; }
  std::string text;
};

CheckStepSpec expect(Match match, std::string pattern, bool negated = false) {
  CheckStepSpec step;
  step.kind = CheckStepSpec::Kind::Expect;
  step.match = match;
  step.negated = negated;
  if (match == Match::StatusRegex || match == Match::StringRegex) step.regex = std::make_shared<StartsWith>(pattern);
  step.pattern = std::move(pattern);
  return step;
}

struct Answered {
  explicit Answered(std::uint16_t status, std::string_view reason = "") {
    head.status = status;
    head.reason = reason;
  }
  Judgement judged(const CheckStepSpec& step, std::string_view body = "", bool complete = true) {
    CheckTalk talk;
    return judge_http(step, {&head, body, complete}, talk);
  }
  Head head;
};

}  // namespace

TEST_CASE("a status list takes single codes and ranges") {
  CHECK(status_in("200", 200));
  CHECK_FALSE(status_in("200", 201));
  CHECK(status_in("200,401", 401));
  CHECK(status_in("200-299,401", 299));
  CHECK_FALSE(status_in("200-299,401", 300));
  CHECK_FALSE(status_in("", 200));
  CHECK_FALSE(status_in("2xx", 2));
}

TEST_CASE("without an expectation 2xx and 3xx pass, others fail with their reason") {
  for (unsigned status : {200u, 299u, 302u, 399u}) {
    Answered answered(static_cast<std::uint16_t>(status));
    CHECK(judge_http_by_default({&answered.head, "", false}).kind == Kind::Pass);
  }
  for (unsigned status : {400u, 503u, 199u}) {
    Answered answered(static_cast<std::uint16_t>(status), "No");
    const Judgement judgement = judge_http_by_default({&answered.head, "", false});
    CHECK(judgement.kind == Kind::Fail);
    CHECK(judgement.status == CheckStatus::L7Status);
    CHECK(judgement.info == "No");
  }
}

TEST_CASE("a status decides as soon as the head is there") {
  CHECK(Answered(200).judged(expect(Match::Status, "200"), "", false).kind == Kind::Pass);
  const Judgement wrong = Answered(503, "Service Unavailable").judged(expect(Match::Status, "200"), "", false);
  CHECK(wrong.kind == Kind::Fail);
  CHECK(wrong.status == CheckStatus::L7Status);
  CHECK(wrong.info == "Service Unavailable");
}

TEST_CASE("an expectation turned round passes what it would refuse") {
  CHECK(Answered(200).judged(expect(Match::Status, "503", true)).kind == Kind::Pass);
  CHECK(Answered(503).judged(expect(Match::Status, "503", true)).kind == Kind::Fail);
  CHECK(Answered(200).judged(expect(Match::StatusRegex, "5", true)).kind == Kind::Pass);
  CHECK(Answered(503).judged(expect(Match::StatusRegex, "5", true)).kind == Kind::Fail);
}

TEST_CASE("a comment follows the reason") {
  CheckStepSpec step = expect(Match::Status, "200");
  step.comment = "owa";
  CHECK(Answered(503, "Gone").judged(step).info == "Gone comment: owa");
}

TEST_CASE("text in a body passes as soon as it is found, whatever the status") {
  const CheckStepSpec step = expect(Match::String, "200 OK");
  CHECK(Answered(503).judged(step, "200 OK<br/>EX01", false).kind == Kind::Pass);
  CHECK(Answered(200).judged(step, "200 O", false).kind == Kind::Wait);
  const Judgement wrong = Answered(200).judged(step, "200 O", true);
  CHECK(wrong.kind == Kind::Fail);
  CHECK(wrong.status == CheckStatus::L7Response);
  CHECK(wrong.info == "HTTP content check did not match");
  CHECK(Answered(200).judged(step, "", true).info == "HTTP content check could not find a response body");
}

TEST_CASE("text that must not be in a body needs the whole body to pass and is refused at once") {
  const CheckStepSpec step = expect(Match::String, "error", true);
  CHECK(Answered(200).judged(step, "fine so far", false).kind == Kind::Wait);
  CHECK(Answered(200).judged(step, "fine", true).kind == Kind::Pass);
  const Judgement wrong = Answered(200).judged(step, "an error", false);
  CHECK(wrong.kind == Kind::Fail);
  CHECK(wrong.info == "HTTP check matched unwanted content");
}

TEST_CASE("nothing is judged before min-recv bytes have come") {
  CheckStepSpec step = expect(Match::StringRegex, "ab");
  step.min_recv = 4;
  CHECK(Answered(200).judged(step, "abc", false).kind == Kind::Wait);
  CHECK(Answered(200).judged(step, "abcd", false).kind == Kind::Pass);
  CHECK(Answered(200).judged(step, "abc", true).kind == Kind::Pass);
}

TEST_CASE("a field matches by name without case and by one of its comma separated values") {
  Arena arena;
  Answered answered(200, "OK");
  answered.head.fields.push_back(arena, {"X-State", "up, ready"});
  answered.head.fields.push_back(arena, {"x-state", "green"});
  CheckStepSpec step = expect(Match::Header, "");
  const auto has = [&](std::string_view name, std::string_view value) {
    step.field_name.text = name;
    step.field_value.text = value;
    CheckTalk talk;
    return has_field(answered.head, step, talk);
  };
  CHECK(has("x-state", "ready"));
  CHECK(has("X-STATE", "green"));
  CHECK(has("X-State", ""));
  CHECK_FALSE(has("X-State", "read"));
  CHECK_FALSE(has("X-Other", ""));
  CHECK_FALSE(has("x-state", "red"));
  CHECK(answered.judged(step).status == CheckStatus::L7Status);
}

TEST_CASE("names and values of fields are matched by beginning, end and part, whole or by commas") {
  using How = CheckFieldMatch::How;
  Arena arena;
  Answered answered(200, "OK");
  answered.head.fields.push_back(arena, {"X-State", "Up, ready now"});
  CheckStepSpec step = expect(Match::Header, "");
  const auto has = [&](How name_how, std::string_view name, How value_how, std::string_view value) {
    step.field_name.how = name_how;
    step.field_name.text = name;
    step.field_value.how = value_how;
    step.field_value.text = value;
    CheckTalk talk;
    return has_field(answered.head, step, talk);
  };
  CHECK(has(How::Begin, "X-ST", How::Whole, "Up"));
  CHECK(has(How::End, "STATE", How::Whole, "ready now"));
  CHECK(has(How::Inside, "-s", How::Begin, "U"));
  CHECK_FALSE(has(How::Whole, "x-state", How::Begin, "u"));
  CHECK(has(How::Whole, "x-state", How::End, "p"));
  CHECK(has(How::Whole, "x-state", How::Inside, "y n"));
  CHECK_FALSE(has(How::Whole, "x-state", How::Inside, ","));
  step.whole_field = true;
  CHECK(has(How::Whole, "x-state", How::Inside, ","));
  CHECK(has(How::Whole, "x-state", How::Whole, "Up, ready now"));
  CHECK_FALSE(has(How::Whole, "x-state", How::Whole, "Up"));
}

TEST_CASE("a raw answer that does not match names the step and what was sought") {
  const auto info = [](const CheckStepSpec& step, std::string_view bytes) {
    CheckTalk talk;
    const Judgement judgement = judge_bytes(step, {nullptr, bytes, true}, 2, talk);
    CHECK(judgement.kind == Kind::Fail);
    CHECK(judgement.status == CheckStatus::L7Response);
    return judgement.info;
  };
  CHECK(info(expect(Match::String, "+OK"), "-ERR") == "TCPCHK did not match content '+OK' at step 2");
  CHECK(info(expect(Match::StringRegex, "+OK"), "-ERR") == "TCPCHK did not match content (regex) at step 2");
  CHECK(info(expect(Match::Binary, "+OK"), "-ERR") == "TCPCHK did not match content (binary) at step 2");
  CHECK(info(expect(Match::String, "-ERR", true), "-ERR") == "TCPCHK matched unwanted content '-ERR' at step 2");
  CHECK(info(expect(Match::String, "+OK"), "") == "TCPCHK got an empty response at step 2");
}

TEST_CASE("a raw answer may come in pieces") {
  const CheckStepSpec step = expect(Match::String, "+OK ready");
  CheckTalk talk;
  CHECK(judge_bytes(step, {nullptr, "", false}, 1, talk).kind == Kind::Wait);
  CHECK(judge_bytes(step, {nullptr, "+OK re", false}, 1, talk).kind == Kind::Wait);
  CHECK(judge_bytes(step, {nullptr, "+OK ready\r\n", false}, 1, talk).kind == Kind::Pass);
}

TEST_CASE("Exchange's health page is known by the end of its path") {
  CHECK(asks_exchange("GET /owa/healthcheck.htm HTTP/1.1\r\nHost: a\r\n\r\n"));
  CHECK(asks_exchange("GET /EWS/HealthCheck.htm?x=1 HTTP/1.0\r\n\r\n"));
  CHECK_FALSE(asks_exchange("GET /owa/ HTTP/1.1\r\n\r\n"));
  CHECK_FALSE(asks_exchange("GET /?a=/healthcheck.htm HTTP/1.1\r\n\r\n"));
  CHECK_FALSE(asks_exchange(""));
}
