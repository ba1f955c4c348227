#include "balance/health_replies.h"

#include <random>
#include <string>

#include "unit/catch.h"

using namespace penstock;
using namespace penstock::check;
using Kind = Judgement::Kind;
using Match = CheckStepSpec::Match;

namespace {

constexpr Match kAll[] = {Match::SmtpReply,     Match::RedisReply, Match::LdapReply, Match::PostgreSqlReply,
                          Match::MySqlGreeting, Match::MySqlReply, Match::AgentLine};

Judgement judge(Match match, std::string_view bytes, bool complete = false) {
  Answer answer;
  answer.bytes = bytes;
  answer.complete = complete;
  return judge_reply(match, answer, 2);
}

std::string packet(std::string_view text) {
  std::string out{static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8 & 0xff),
                  static_cast<char>(text.size() >> 16), '\0'};
  return out.append(text);
}

std::string text_of(const char* bytes, std::size_t size) { return {bytes, size}; }
template <std::size_t size>
std::string bytes(const char (&text)[size]) {
  return text_of(text, size - 1);
}

struct Good {
  Match match;
  std::string answer;
};

const Good kGood[] = {
    {Match::SmtpReply, "220-hello\r\n220 there\r\n"},
    {Match::RedisReply, "+PONG\r\n"},
    {Match::LdapReply, bytes("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00")},
    {Match::LdapReply, bytes("\x30\x84\0\0\0\x10\x02\x01\x01\x61\x84\0\0\0\7\x0a\x01\0\x04\0\x04\0")},
    {Match::PostgreSqlReply, bytes("R\0\0\0\x08\0\0\0\0")},
    {Match::MySqlGreeting, packet(bytes("\x0a"
                                        "5.7.1\0rest"))},
    {Match::MySqlReply, packet(bytes("\0\0\0\2\0\0\0"))},
    {Match::AgentLine, "up\n"},
};

}  // namespace

TEST_CASE("a good answer passes when it is whole, and no piece of it does before") {
  for (const Good& good : kGood) {
    CHECK(judge(good.match, good.answer).kind == Kind::Pass);
    CHECK(judge(good.match, good.answer + "more").kind == Kind::Pass);
  }
  for (const Good& good : kGood) {
    const bool is_ldap = good.match == Match::LdapReply;
    // What follows the result of LDAP is not looked at.
    const std::size_t needed = is_ldap ? good.answer.size() - 4 : good.answer.size();
    for (std::size_t size = 0; size < needed; ++size) {
      INFO(size);
      CHECK(judge(good.match, std::string_view(good.answer).substr(0, size)).kind == Kind::Wait);
      // SMTP's last line may lack its end.
      if (good.match == Match::SmtpReply) continue;
      CHECK(judge(good.match, std::string_view(good.answer).substr(0, size), true).kind == Kind::Fail);
    }
  }
}

TEST_CASE("whoever says nothing fails when it has closed, not before") {
  for (const Match match : kAll) {
    CHECK(judge(match, "").kind == Kind::Wait);
    CHECK(judge(match, "", true).kind == Kind::Fail);
  }
}

TEST_CASE("packets of MySQL without a length or with too much of it fail") {
  CHECK(judge(Match::MySqlGreeting, bytes("\0\0\0\0")).kind == Kind::Fail);
  CHECK(judge(Match::MySqlReply, bytes("\0\0\0\0\0")).kind == Kind::Fail);
  CHECK(judge(Match::MySqlReply, bytes("\xff\xff\xff\0\0")).kind == Kind::Wait);
  CHECK(judge(Match::MySqlReply, bytes("\xff\xff\xff\0\0"), true).kind == Kind::Fail);
  // A greeting that begins with the byte that ends its version.
  CHECK(judge(Match::MySqlGreeting, packet(bytes("\0"))).kind == Kind::Pass);
  const Judgement denied = judge(Match::MySqlReply, packet(bytes("\xff\x15\x04"
                                                                 "denied\0x")));
  CHECK(denied.kind == Kind::Fail);
  CHECK(denied.code == 1045);
  CHECK(denied.info == "denied");
  CHECK(judge(Match::MySqlReply, packet(bytes("\xff"))).kind == Kind::Fail);
}

TEST_CASE("elements of LDAP that are none fail") {
  for (const char* text : {"\x31\x0c", "\x30\x80", "\x30\x85\1\1\1\1\1"})
    CHECK(judge(Match::LdapReply, text).kind == Kind::Fail);
  // A number of no bytes, one of too many.
  CHECK(judge(Match::LdapReply, bytes("\x30\x0c\x02\x00\x61\x07\x0a\x01\x00")).kind == Kind::Fail);
  CHECK(judge(Match::LdapReply, bytes("\x30\x0c\x02\x05\1\1\1\1\1\x61\x07")).kind == Kind::Fail);
  CHECK(judge(Match::LdapReply, bytes("\x30\x84\xff\xff\xff\xff\x02")).kind == Kind::Wait);
  const Judgement denied = judge(Match::LdapReply, bytes("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x31"));
  CHECK(denied.kind == Kind::Fail);
  CHECK(denied.code == 49);
}

TEST_CASE("errors of PostgreSQL are told, however short") {
  CHECK(judge(Match::PostgreSqlReply, bytes("E\0\0\0\x14SFATAL\0C\0\0")).info == "FATAL");
  CHECK(judge(Match::PostgreSqlReply, bytes("E\0\0\0\x14SFATAL")).kind == Kind::Wait);
  CHECK(judge(Match::PostgreSqlReply, bytes("E\0\0\0\x14SFATAL"), true).info == "FATAL");
  CHECK(judge(Match::PostgreSqlReply, "E", true).kind == Kind::Fail);
  CHECK(judge(Match::PostgreSqlReply, bytes("R\0\0\0\x08\1\0\0\0")).kind == Kind::Fail);
}

TEST_CASE("whatever comes is judged, and what has been whole stays so") {
  std::minstd_rand chance(11);
  for (int i = 0; i < 20000; ++i) {
    const Good& good = kGood[chance() % std::size(kGood)];
    std::string text = good.answer;
    for (unsigned damages = chance() % 4; damages != 0 && !text.empty(); --damages)
      text[chance() % text.size()] = static_cast<char>(chance());
    if (chance() % 3 == 0) text.resize(chance() % (text.size() + 1));
    for (const Match match : kAll) {
      const Kind kind = judge(match, text).kind;
      REQUIRE(judge(match, text, true).kind != Kind::Wait);
      if (kind == Kind::Pass) REQUIRE(judge(match, text + "x").kind == Kind::Pass);
    }
  }
}
