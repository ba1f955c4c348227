#include "penstock/proxy/access_log.h"

#include <string>

#include "penstock/base/format.h"
#include "penstock/rules/json_line.h"

namespace penstock::access_log {
namespace {

// More than any target takes; longer lines are cut.
constexpr std::size_t kLineLimit = 8192;
constexpr std::size_t kDataLimit = 2048;  // Of structured data.

bool went_wrong(const rules::LogFacts& log) {
  const char cause = log.termination[0];
  return (cause != '-' && cause != 'L') || log.status >= 500 || log.retries != 0 || log.redispatched;
}

void count_line(const FrontendPlan& frontend, rules::Subject& subject) {
  if (!frontend.rules.asks_log_counter()) return;
  subject.log.log_counter = frontend.state->logged.fetch_add(1, std::memory_order_relaxed);
}

void send(const FrontendPlan& frontend, rules::Subject& subject, Level level, std::string_view line) {
  if (line.empty()) return;
  char space[kDataLimit];
  const rules::Format& data = frontend.rules.log_sd;
  const std::string_view sd = data.empty() ? std::string_view() : data.write(subject, space);
  for (LogOutput* output : frontend.logs) output->write(level, line, sd);
}

}  // namespace

void write(const FrontendPlan& frontend, rules::Subject& subject, bool heard) {
  const rules::LogFacts& log = subject.log;
  const rules::Effects& effects = subject.effects;
  if (effects.log == rules::Effects::LogLevel::Silent) return;
  if (frontend.dont_log_null && !heard) return;
  const bool wrong = went_wrong(log);
  if (frontend.dont_log_normal && !wrong) return;
  Level level = Level::Info;
  if (frontend.log_separate_errors && wrong) level = Level::Err;
  if (effects.log == rules::Effects::LogLevel::Set) level = effects.log_level;
  char space[kLineLimit];
  count_line(frontend, subject);
  const rules::FrontendRules& rules = frontend.rules;
  // Of who said nothing that could be read.
  const bool is_refusal = subject.received_method.empty() && frontend.mode == config::Mode::Http;
  if (is_refusal && !rules.error_log.empty())
    return send(frontend, subject, level, rules.error_log.write(subject, space));
  if (rules.log_as_json) return send(frontend, subject, level, rules::json_line(subject, {}, space));
  send(frontend, subject, level, rules.log.write(subject, space));
}

void write_refusal(const FrontendPlan& frontend, rules::Subject& subject, std::string_view message) {
  const rules::ClientFacts& client = *subject.client;
  const Level level = frontend.log_separate_errors ? Level::Err : Level::Info;
  char space[kLineLimit];
  if (!frontend.rules.error_log.empty()) {
    count_line(frontend, subject);
    return send(frontend, subject, level, frontend.rules.error_log.write(subject, space));
  }
  if (frontend.rules.log_as_json) return send(frontend, subject, level, rules::json_line(subject, message, space));
  std::string line(frontend.rules.refusal.write(subject, space));
  append_format(line, "/{}: {}", client.bind->name.empty() ? format("{}", client.bind->id) : client.bind->name,
                message);
  for (LogOutput* output : frontend.logs) output->write(level, line);
}

}  // namespace penstock::access_log
