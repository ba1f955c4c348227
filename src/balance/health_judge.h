// What an answer must be for a check to pass (configuration manual, "http-check expect", "tcp-check
// expect"). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "health_replies.h"
#include "penstock/balance/server.h"
#include "penstock/http/head.h"

namespace penstock::check {

// An expectation of an http check; `answer.head` is there.
Judgement judge_http(const CheckStepSpec& expect, const Answer& answer, CheckTalk& talk);
// Without an expectation: 2xx and 3xx.
Judgement judge_http_by_default(const Answer& answer);
// `number`: the step's place, for the log.
Judgement judge_bytes(const CheckStepSpec& expect, const Answer& answer, std::size_t number, CheckTalk& talk);

// "string '+OK'", "regex"
std::string expectation(const CheckStepSpec& expect);

// "200", "200-299,401"
bool status_in(std::string_view list, unsigned status);
// Some value, of those that commas part or the whole, of some field of such a name.
bool has_field(const Head& head, const CheckStepSpec& expect, CheckTalk& talk);

// The path of this HTTP request is Exchange's own health page.
bool asks_exchange(std::string_view request);
// "GET", "HEAD"
std::string_view method_of(std::string_view request);

}  // namespace penstock::check
