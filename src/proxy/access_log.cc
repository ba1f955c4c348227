#include "penstock/proxy/access_log.h"

#include <string>

#include "penstock/base/format.h"

namespace penstock::access_log {
namespace {

// More than any target takes; longer lines are cut.
constexpr std::size_t kLineLimit = 8192;

bool went_wrong(const rules::LogFacts& log) {
  const char cause = log.termination[0];
  return (cause != '-' && cause != 'L') || log.status >= 500 || log.retries != 0 || log.redispatched;
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
  if (frontend.rules.log.asks_log_counter()) {
    subject.log.log_counter = frontend.state->logged.fetch_add(1, std::memory_order_relaxed);
  }
  const std::string_view line = frontend.rules.log.write(subject, space);
  if (line.empty()) return;
  for (LogOutput* output : frontend.logs) output->write(level, line);
}

void write_refusal(const FrontendPlan& frontend, rules::Subject& subject, std::string_view message) {
  const rules::ClientFacts& client = *subject.client;
  char space[kLineLimit];
  std::string line(frontend.rules.refusal.write(subject, space));
  append_format(line, "/{}: {}", client.bind->name.empty() ? format("{}", client.bind->id) : client.bind->name,
                message);
  const Level level = frontend.log_separate_errors ? Level::Err : Level::Info;
  for (LogOutput* output : frontend.logs) output->write(level, line);
}

}  // namespace penstock::access_log
