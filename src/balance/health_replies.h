// What servers of other protocols answer when they are asked whether they are well. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "penstock/balance/server.h"
#include "penstock/http/head.h"

namespace penstock::check {

// What came so far in answer to the last Send.
struct Answer {
  const Head* head = nullptr;  // Of an HTTP answer, once it is complete.
  std::string_view bytes;      // Its body, or all bytes of a raw conversation.
  bool complete = false;       // No more will come that could change a judgement.
};

struct Judgement {
  enum class Kind : std::uint8_t { Wait, Pass, Fail };
  Kind kind = Kind::Wait;
  CheckStatus status = CheckStatus::Unknown;  // Of Fail.
  std::string info;
  int code = 0;  // Of an SMTP reply.
};

// `match` is one of the replies. `number`: the step's place, for the log.
Judgement judge_reply(CheckStepSpec::Match match, const Answer& answer, std::size_t number);
// Nothing came, and nothing will.
Judgement empty_reply(std::size_t number);

// A whole reply, of one line or several (RFC 5321 section 4.2); 2xx is good.
Judgement judge_smtp(const Answer& answer, std::size_t number);
// A line that ends with CR or LF, whatever it says.
Judgement judge_agent(const Answer& answer, std::size_t number);
Judgement judge_redis(const Answer& answer, std::size_t number);
// RFC 4511 section 4.2.2: a BindResponse that says success.
Judgement judge_ldap(const Answer& answer, std::size_t number);
// A message of version 3.0 that asks who we are, or lets us in.
Judgement judge_postgresql(const Answer& answer, std::size_t number);
// A whole packet that is no error.
Judgement judge_mysql(const Answer& answer, std::size_t number, bool greeting);

}  // namespace penstock::check
