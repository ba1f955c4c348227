// What is wanted of frontends and of the process as a whole. It ends with the next reload, whose line says so.
#include "command.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/control/crew.h"
#include "penstock/proxy/station.h"
#include "realm.h"
#include "target.h"

namespace penstock {
namespace {

using config::AccessLevel;
using Door = FrontendState::Door;

// The frontend that a word names; the call fails if there is none.
std::shared_ptr<FrontendState> frontend_of(const CallRef& call) {
  if (call->argument(0).empty()) {
    call->fail("A frontend name is expected.\n");
    return nullptr;
  }
  const FrontendPlan* plan = find_frontend(*call->realm().crew().snapshot(), call->argument(0));
  if (plan != nullptr) return plan->state;
  call->fail("No such frontend.\n");
  return nullptr;
}

void obey_door(Crew& crew, const std::shared_ptr<FrontendState>& state, Door door, std::function<void()> done) {
  state->door = door;
  crew.ask([state](unsigned, Station& station) { station.obey_door(state->number); }, std::move(done));
}

void move_door(const CallRef& call, const std::shared_ptr<FrontendState>& state, Door door, std::string_view saying) {
  Crew& crew = call->realm().crew();
  const std::string what = format("frontend {} {}", state->name, door == Door::Shut ? "shut down" : "disabled");
  crew.forget_until_reload(format("frontend {} disabled", state->name));
  if (door != Door::Open) {
    crew.keep_until_reload(
        what, [&crew, state] { obey_door(crew, state, Door::Open, [] {}); }, call->again());
  }
  call->realm().log(Level::Warning, format("{} frontend {}.", saying, state->name));
  obey_door(crew, state, door, [call] { call->done(); });
}

void disable_frontend(const CallRef& call) {
  const auto state = frontend_of(call);
  if (!state) return;
  switch (state->door) {
    case Door::Open:
      return move_door(call, state, Door::Paused, "Paused");
    case Door::Paused:
      return call->say(Level::Notice, "All sockets are already disabled.\n");
    case Door::Shut:
      return call->say(Level::Notice, "Frontend was previously shut down, cannot disable.\n");
  }
}

void enable_frontend(const CallRef& call) {
  const auto state = frontend_of(call);
  if (!state) return;
  switch (state->door) {
    case Door::Open:
      return call->say(Level::Notice, "All sockets are already enabled.\n");
    case Door::Paused:
      return move_door(call, state, Door::Open, "Resumed");
    case Door::Shut:
      return call->say(Level::Notice, "Frontend was previously shut down, cannot enable.\n");
  }
}

void shut_down_frontend(const CallRef& call) {
  const auto state = frontend_of(call);
  if (!state) return;
  if (state->door == Door::Shut) return call->say(Level::Notice, "Frontend was already shut down.\n");
  move_door(call, state, Door::Shut, "Stopped");
}

void set_maxconn_frontend(const CallRef& call) {
  const auto state = frontend_of(call);
  if (!state) return;
  const auto number = parse_integer(call->argument(1));
  if (!number) return call->fail("Integer value expected.\n");
  if (*number < 0 || *number > INT32_MAX) return call->fail("Value out of range.\n");
  Crew& crew = call->realm().crew();
  state->maxconn_order = *number;
  crew.keep_until_reload(
      format("maxconn of frontend {}", state->name), [state] { state->maxconn_order = -1; }, call->again());
  // There may be room now.
  crew.wake_who_waits([call] { call->done(); });
}

void set_maxconn_global(const CallRef& call) {
  if (call->argument(0).empty()) return call->fail("Expects an integer value.\n");
  const auto number = parse_integer(call->argument(0));
  if (!number) return call->fail("Expects an integer value.\n");
  Crew& crew = call->realm().crew();
  const std::uint32_t most = crew.process().hard_maxconn;
  if (*number < 0 || *number > most) return call->fail("Value out of range.\n");
  crew.process().maxconn = *number == 0 ? most : static_cast<std::uint32_t>(*number);
  crew.keep_until_reload(
      "maxconn of the process", [] {}, call->again());  // The reload sets it.
  crew.wake_who_waits([call] { call->done(); });
}

// A number as C's atoi reads it: what is none is 0, and what does not fit comes around.
std::int32_t number_at_start(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::uint32_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') break;
    number = number * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return static_cast<std::int32_t>(negative ? 0 - number : number);
}

template <std::atomic<std::uint32_t> Limits::*limit>
void set_rate_limit(const CallRef& call) {
  const std::string_view word = call->argument(0);
  if (word.empty()) return call->fail("Expects an integer value.\n");
  const std::int32_t number = number_at_start(word);
  if (number < 0) return call->fail("Value out of range.\n");
  Crew& crew = call->realm().crew();
  crew.process().limits.*limit = static_cast<std::uint32_t>(number);
  crew.keep_until_reload(
      format("rate limit of {}", call->written()[2]), [] {}, call->again());  // The reload sets it.
  // More may come now.
  crew.wake_who_waits([call] { call->done(); });
}

void set_other_rate_limit(const CallRef& call) {
  call->fail(
      "'set rate-limit' only supports :\n"
      "   - 'connections global' to set the per-process maximum connection rate\n"
      "   - 'sessions global' to set the per-process maximum session rate\n"
      "   - 'ssl-sessions global' to set the per-process maximum SSL session rate\n"
      "   - 'http-compression global' to set the per-process maximum compression speed in kB/s\n");
}

constexpr Command kCommands[] = {
    {"disable frontend", "<frontend>", AccessLevel::Admin, "nobody comes in there, until it is enabled",
     disable_frontend},
    {"enable frontend", "<frontend>", AccessLevel::Admin, "a disabled frontend takes clients again", enable_frontend},
    {"set maxconn frontend", "<frontend> <value>", AccessLevel::Admin, "most clients of a frontend",
     set_maxconn_frontend},
    {"set maxconn global", "<value>", AccessLevel::Admin, "most clients of the process", set_maxconn_global},
    {"set rate-limit", "<setting> <value>", AccessLevel::Admin, "names the rates that can be limited",
     set_other_rate_limit},
    {"set rate-limit connections global", "<value>", AccessLevel::Admin, "most connections a second",
     set_rate_limit<&Limits::connections>},
    {"set rate-limit sessions global", "<value>", AccessLevel::Admin, "most clients a second",
     set_rate_limit<&Limits::arrivals>},
    {"set rate-limit ssl-sessions global", "<value>", AccessLevel::Admin, "most TLS handshakes a second",
     set_rate_limit<&Limits::tls_arrivals>},
    {"shutdown frontend", "<frontend>", AccessLevel::Admin, "nobody comes in there until the next reload",
     shut_down_frontend},
};

}  // namespace

std::span<const Command> frontend_commands() { return kCommands; }

}  // namespace penstock
