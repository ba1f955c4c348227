// Why a server is as it is: since when, who said so, and what its last checks found.
#include <ctime>
#include <memory>

#include "command.h"
#include "penstock/balance/health_count.h"
#include "penstock/balance/health_result.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/control/crew.h"
#include "penstock/proxy/station.h"
#include "realm.h"
#include "target.h"

namespace penstock {
namespace {

using config::AccessLevel;

std::string date_text(std::int64_t wall_us) {
  const std::time_t seconds = wall_us / 1'000'000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char text[32] = "";
  return std::string(text, std::strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S", &parts));
}

const char* word_of(const ServerSpec& server, Operation operation) {
  if (!server.check.enabled && !server.tracked_state && operation == Operation::Up)
    return "taken for UP: it is not checked";
  switch (operation) {
    case Operation::Up:
      return "UP";
    case Operation::Down:
      return "DOWN";
    case Operation::Drain:
      return "UP, but asks for no new traffic (404)";
  }
  return "";
}

std::string administration_text(const ServerSpec& server, Standing standing) {
  const std::string by = standing.by_name     ? std::string("until its name has an address")
                         : standing.by_leader ? format("by {}, which it tracks", server.tracked)
                         : standing.by_order  ? std::string("by command")
                                              : std::string("by the configuration");
  switch (standing.administration) {
    case Administration::Ready:
      return standing.by_order ? "ready by command" : "ready";
    case Administration::Drain:
      return "draining " + by;
    case Administration::Maintenance:
      return "in maintenance " + by;
  }
  return {};
}

// What its keeper knows.
struct Known {
  Server::CheckMemory check;
  std::vector<Server::CheckRecord> records;
};

std::string text_of(const Crew& crew, const ServerSpec& server, const Known& known) {
  const Server& state = *server.state;
  const Standing standing = state.standing.load(std::memory_order_relaxed);
  const std::uint64_t changed_ms = state.changed_at_ms.load(std::memory_order_relaxed);
  const std::uint64_t age_ms = crew.now_ms() > changed_ms ? crew.now_ms() - changed_ms : 0;
  std::string text = format("{}/{}: {}, {}\n", state.backend_name, state.name, word_of(server, standing.operation),
                            administration_text(server, standing));
  append_format(text, "since {} ({})\n", date_text(Loop::wall_us() - static_cast<std::int64_t>(age_ms) * 1000),
                duration_text(age_ms / 1000 * 1000));
  const auto moved = state.moved();
  append_format(text, "at {}{}\n", (moved ? moved->to.address : server.address).text(), moved ? " by command" : "");
  append_format(text, "weight {} (of the file: {}), {} requests now, {} wait for it\n",
                state.weight.load(std::memory_order_relaxed), server.weight,
                state.in_use.load(std::memory_order_relaxed), state.waiting.load(std::memory_order_relaxed));
  if (server.tracked_state) return text + format("tracks {}\n", server.tracked);
  if (!server.check.enabled) return text;
  append_format(text, "checked every {}{}: {}\n",
                duration_text(check_interval_ms(server.check, known.check.health, true)),
                known.check.off ? ", if it were not disabled by command" : "",
                HealthCount(server.check.rise, server.check.fall).text(known.check.health));
  for (const Server::CheckRecord& record : known.records) {
    append_format(text, "{} {} {}\n", date_text(record.at_us), check_status_name(record.status),
                  check_reason({record.status, record.code, record.text, record.duration_ms}));
  }
  return text;
}

void show_why(const CallRef& call) {
  const auto target = target_of(call);
  if (!target) return;
  Crew& crew = call->realm().crew();
  const auto known = std::make_shared<Known>();
  const auto snapshot = crew.snapshot();
  const ServerSpec* server = target->spec;
  crew.ask(
      [known, state = server->state, workers = crew.workers()](unsigned worker, Station&) {
        if (state->keeper(workers) != worker) return;
        known->check = state->check;
        known->records = state->records;
      },
      [call, known, snapshot, server] { call->answer(text_of(call->realm().crew(), *server, *known)); });
}

constexpr Command kCommands[] = {
    {"show why", "<bk>/<srv>", AccessLevel::User, "why a server is as it is: since when, its last ten checks",
     show_why},
};

}  // namespace

std::span<const Command> why_commands() { return kCommands; }

}  // namespace penstock
