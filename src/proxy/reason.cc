#include "penstock/proxy/reason.h"

#include <string>

#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "penstock/net/loop.h"

namespace penstock::reason {
namespace {

using Kind = rules::Reason::Kind;

std::string client_text(const rules::Subject& subject) {
  if (subject.client == nullptr || subject.client->ends == nullptr) return "a client";
  const SocketAddress& source = subject.source();
  if (source.is_unix() || source.empty()) return "a client";
  char space[64];
  return format("{}:{}", source.write_ip(space), source.port());
}

Level level_of(Kind kind) { return kind == Kind::Request || kind == Kind::Rule ? Level::Notice : Level::Warning; }

}  // namespace

void note(Kind kind, std::string_view text, std::string_view more, rules::Subject& subject) {
  subject.reason.kind = kind;
  subject.reason.text = more.empty() ? text : subject.arena.concat({text, " (", more, ")"});
}

void note_rule(const Snapshot& snapshot, const rules::RulePlace* place, rules::Subject& subject) {
  note(Kind::Rule, "denied by a rule", snapshot.place_text(place), subject);
}

void note_trouble(const Snapshot& snapshot, rules::Subject& subject) {
  const std::string place = snapshot.place_text(subject.trouble_at);
  if (subject.trouble == rules::Trouble::Password)
    return note(Kind::Room, "a password is asked for where it cannot be waited for: refused", place, subject);
  if (subject.trouble != rules::Trouble::Memory) {
    return note(Kind::Match, "a regular expression takes too long to match what came: refused", place, subject);
  }
  char space[160];
  const std::string_view text =
      format_into(space, "rules made more than 'tune.txn.memory' allows ({} bytes) of one request or answer: refused",
                  snapshot.config.global.txn_memory);
  note(Kind::Memory, subject.arena.copy(text), place, subject);
}

void note_request(const Failure& failure, std::string_view seen, rules::Subject& subject) {
  if (failure.cause == Cause::ClientClosed || (subject.request == nullptr && seen.empty())) return;
  char space[32];
  const bool is_place = !seen.empty() && !seen.ends_with("\r\n\r\n") && failure.cause == Cause::Denied;
  const std::string_view where = is_place ? format_into(space, "byte {}", seen.size()) : std::string_view();
  note(rules::Reason::Kind::Request, failure.detail, where, subject);
}

void keep_unread(const Failure& failure, bool is_answer, const rules::Subject& subject, ProcessState& process) {
  if (failure.seen.empty()) return;
  BadMessage message;
  message.is_answer = is_answer;
  message.frontend = subject.frontend;
  message.frontend_id = subject.frontend_id;
  message.backend = subject.backend;
  message.backend_id = subject.backend_id;
  message.server = subject.server;
  message.server_id = subject.server_id;
  message.when_us = Loop::wall_us();
  message.source = client_text(subject);
  message.reason = failure.detail;
  message.size = failure.seen.size();
  message.text = without_credentials(failure.seen.substr(0, BadMessage::kLongest));
  process.bad_messages.note(std::move(message));
}

void note_failure(const Failure& failure, rules::Subject& subject) {
  using Kind = rules::Reason::Kind;
  if (subject.reason.kind != Kind::None || failure.cause == Cause::ClientClosed || failure.cause == Cause::None) return;
  if (failure.cause == Cause::ClientTimeout && subject.request == nullptr) return;
  const bool of_room = failure.phase == Phase::Queue || failure.phase == Phase::Connect || failure.cause == Cause::Down;
  const bool of_request = failure.cause == Cause::ClientTimeout || failure.phase == Phase::Request;
  const Kind kind = of_request ? Kind::Request : of_room ? Kind::Room : Kind::Answer;
  note(kind, failure.detail, {}, subject);
}

void tell(const Snapshot& snapshot, const FrontendPlan& frontend, const rules::Subject& subject) {
  const rules::Reason& reason = subject.reason;
  if (reason.kind == Kind::None || snapshot.logs.empty()) return;
  std::uint32_t passed_over = 0;
  if (!frontend.state->reports[static_cast<std::size_t>(reason.kind)].due(Loop::wall_us(), passed_over)) return;
  std::string line = format("frontend '{}'", frontend.name);
  if (!subject.backend.empty() && subject.backend != subject.frontend)
    append_format(line, ", backend '{}'", subject.backend);
  if (!subject.server.empty()) append_format(line, ", server '{}'", subject.server);
  line += ": ";
  if (subject.log.status > 0) append_format(line, "{} to ", subject.log.status);
  append_format(line, "{}: {}", client_text(subject), reason.text);
  if (passed_over != 0) append_format(line, " ({} more of this kind since the last)", passed_over);
  for (LogOutput* output : snapshot.logs) output->write(level_of(reason.kind), line);
}

}  // namespace penstock::reason
