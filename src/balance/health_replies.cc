#include "health_replies.h"

#include <algorithm>
#include <optional>
#include <string>

#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock::check {
namespace {

using Kind = Judgement::Kind;
using Match = CheckStepSpec::Match;

Judgement wrong(std::string info, int code = 0) { return {Kind::Fail, CheckStatus::L7Status, std::move(info), code}; }

Judgement unreadable(std::string info) { return {Kind::Fail, CheckStatus::L7Response, std::move(info)}; }

// More bytes may come; when none do, it is no answer.
Judgement unfinished(const Answer& answer, std::string info) {
  return answer.complete ? unreadable(std::move(info)) : Judgement();
}

unsigned byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

// Bytes of BER (ITU-T X.690), one element after the other.
class Ber {
 public:
  explicit Ber(std::string_view bytes) : rest_(bytes) {}
  enum class Step { Good, Short, Bad };
  // Into the contents of the next element, which must bear this tag.
  Step enter(unsigned tag) {
    if (rest_.size() < 2) return Step::Short;
    if (byte_at(rest_, 0) != tag) return Step::Bad;
    std::size_t length = byte_at(rest_, 1), taken = 2;
    if (length >= 0x80) {
      const std::size_t count = length & 0x7f;
      if (count == 0 || count > 4) return Step::Bad;
      if (rest_.size() < 2 + count) return Step::Short;
      length = 0;
      for (; taken < 2 + count; ++taken) length = length << 8 | byte_at(rest_, taken);
    }
    rest_.remove_prefix(taken);
    length_ = length;
    return Step::Good;
  }
  // Enters one that is a number, and leaves it.
  Step number(unsigned tag, int& value) {
    const Step step = enter(tag);
    if (step != Step::Good) return step;
    if (length_ == 0 || length_ > 4) return Step::Bad;
    if (rest_.size() < length_) return Step::Short;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < length_; ++i) sum = sum << 8 | byte_at(rest_, i);
    rest_.remove_prefix(length_);
    value = static_cast<int>(sum);
    return Step::Good;
  }

 private:
  std::string_view rest_;
  std::size_t length_ = 0;
};

}  // namespace

Judgement empty_reply(std::size_t number) {
  return unreadable(format("TCPCHK got an empty response at step {}", number));
}

Judgement judge_reply(Match match, const Answer& answer, std::size_t number) {
  switch (match) {
    case Match::SmtpReply:
      return judge_smtp(answer, number);
    case Match::RedisReply:
      return judge_redis(answer, number);
    case Match::LdapReply:
      return judge_ldap(answer, number);
    case Match::PostgreSqlReply:
      return judge_postgresql(answer, number);
    case Match::MySqlGreeting:
      return judge_mysql(answer, number, true);
    case Match::MySqlReply:
      return judge_mysql(answer, number, false);
    case Match::AgentLine:
      return judge_agent(answer, number);
    case Match::Status:
    case Match::StatusRegex:
    case Match::String:
    case Match::StringRegex:
    case Match::Binary:
    case Match::BinaryRegex:
    case Match::Header:
      break;
  }
  return {};
}

Judgement judge_smtp(const Answer& answer, std::size_t number) {
  std::string_view rest = answer.bytes;
  if (rest.empty() && answer.complete) return empty_reply(number);
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
                        std::string(trim(line.substr(std::min<std::size_t>(line.size(), 4)))), static_cast<int>(*code)};
    return judgement;
  }
  return {};
}

Judgement judge_agent(const Answer& answer, std::size_t number) {
  const std::size_t end = answer.bytes.find_first_of("\r\n");
  if (end != std::string_view::npos)
    return {Kind::Pass, CheckStatus::Unknown, std::string(answer.bytes.substr(0, end))};
  if (!answer.complete) return {};
  if (answer.bytes.empty()) return empty_reply(number);
  return {Kind::Fail, CheckStatus::Unchanged, "Ignoring incomplete line from agent"};
}

Judgement judge_redis(const Answer& answer, std::size_t number) {
  const std::size_t end = answer.bytes.find('\n');
  if (end == std::string_view::npos && !answer.complete) return {};
  if (answer.bytes.empty()) return wrong(format("TCPCHK got an empty response at step {}", number));
  std::string_view line = answer.bytes.substr(0, end);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line == "+PONG" && end != std::string_view::npos) return {Kind::Pass, CheckStatus::Unknown, "Redis server is ok"};
  return wrong(std::string(line));
}

Judgement judge_ldap(const Answer& answer, std::size_t number) {
  constexpr unsigned kSequence = 0x30, kInteger = 0x02, kBindResponse = 0x61, kEnumerated = 0x0a;
  constexpr std::string_view kNoLdap = "Not LDAPv3 protocol";
  if (answer.bytes.empty()) return answer.complete ? empty_reply(number) : Judgement();
  Ber ber(answer.bytes);
  int message = 0, code = 0;
  Ber::Step step = ber.enter(kSequence);
  if (step == Ber::Step::Good) step = ber.number(kInteger, message);
  if (step == Ber::Step::Good) step = ber.enter(kBindResponse);
  if (step == Ber::Step::Good) step = ber.number(kEnumerated, code);
  if (step == Ber::Step::Short) return unfinished(answer, std::string(kNoLdap));
  if (step == Ber::Step::Bad) return unreadable(std::string(kNoLdap));
  if (code != 0) return wrong("See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9", code);
  return {Kind::Pass, CheckStatus::Unknown, "Success"};
}

Judgement judge_postgresql(const Answer& answer, std::size_t number) {
  // A letter, a length; of 'R' then what is asked for.
  constexpr std::size_t kHead = 5, kLeast = 9;
  // Letter and severity come first: "E....SFATAL".
  constexpr std::size_t kSeverity = 6;
  const std::string_view bytes = answer.bytes;
  if (bytes.empty()) return answer.complete ? empty_reply(number) : Judgement();
  if (bytes.front() == 'E') {
    const std::size_t end = bytes.find('\0', kSeverity);
    if (end == std::string_view::npos && !answer.complete) return {};
    return unreadable(std::string(bytes.substr(std::min(kSeverity, bytes.size())).substr(0, end - kSeverity)));
  }
  if (bytes.size() < kLeast && !answer.complete) return {};
  const bool is_login = bytes.size() >= kLeast && bytes.front() == 'R' && bytes[kHead] == 0 && bytes[kHead + 1] == 0;
  if (!is_login) return wrong("PostgreSQL unknown error");
  return {Kind::Pass, CheckStatus::Unknown, "PostgreSQL server is ok"};
}

// Three bytes of length, lowest first, and one of sequence. An error is 0xff, a code in two bytes, a text.
Judgement judge_mysql(const Answer& answer, std::size_t number, bool greeting) {
  constexpr std::size_t kHead = 4, kErrorHead = 3;
  const std::string_view bytes = answer.bytes;
  if (bytes.empty() && answer.complete) return greeting ? empty_reply(number) : unreadable("");
  if (bytes.size() < kHead) return unfinished(answer, "");
  const std::size_t length = byte_at(bytes, 0) | byte_at(bytes, 1) << 8 | byte_at(bytes, 2) << 16;
  if (bytes.size() < kHead + length) return unfinished(answer, "");
  const std::string_view packet = bytes.substr(kHead, length);
  if (packet.empty()) return unreadable("");
  // The greeting goes on with the server's version.
  if (byte_at(packet, 0) != 0xff)
    return {Kind::Pass, CheckStatus::Unknown, std::string(greeting ? packet.substr(1, packet.find('\0') - 1) : "")};
  if (packet.size() < kErrorHead) return wrong("");
  const std::size_t end = packet.find('\0', kErrorHead);
  return wrong(std::string(packet.substr(kErrorHead, end == std::string_view::npos ? end : end - kErrorHead)),
               static_cast<int>(byte_at(packet, 1) | byte_at(packet, 2) << 8));
}

}  // namespace penstock::check
