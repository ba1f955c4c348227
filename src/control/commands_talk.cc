// Commands about the conversation itself.
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <map>

#include "command.h"
#include "desk.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/control/crew.h"
#include "penstock/control/options.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;

void help(const CallRef& call) {
  call->say(Level::Info, help_text(call->arguments(), call->rights().aim == Aim::Parent));
}

void prompt(const CallRef& call) {
  call->rights().prompt = !call->rights().prompt;
  call->obeyed();
}

void quit(const CallRef& call) {
  call->rights().leaving = true;
  call->finish_in_silence();
}

template <AccessLevel Level>
void lower_level(const CallRef& call) {
  call->rights().level = Level;
  call->obeyed();
}

void show_level(const CallRef& call) {
  static constexpr const char* kLevels[] = {"user\n", "operator\n", "admin\n"};
  call->say(Level::Info, kLevels[static_cast<std::size_t>(call->level())]);
}

void show_sockets(const CallRef& call) {
  call->answer("# socket lvl processes\n" + call->realm().desk().sockets_text());
}

void set_timeout(const CallRef& call) {
  if (call->argument(0) != "cli") return call->fail("'set timeout' only supports 'cli'.\n");
  if (call->argument(1).empty()) return call->fail("Expects an integer value.\n");
  const auto time = parse_duration_ms(call->argument(1), TimeUnit::Second);
  if (!time || *time == 0 || *time > INT32_MAX) return call->fail("Invalid timeout value.\n");
  call->rights().timeout_ms = *time;
  call->done();
}

void set_severity(const CallRef& call) {
  constexpr std::string_view kChoices[] = {"none", "number", "string"};
  for (std::size_t i = 0; i < std::size(kChoices); ++i) {
    if (call->argument(0) != kChoices[i]) continue;
    call->rights().severity = static_cast<config::SeverityOutput>(i);
    return call->done();
  }
  call->fail("one of 'none', 'number', 'string' is a required argument\n");
}

// `expert-mode` and `experimental-mode`: asked without a word they tell how they are.
template <bool Rights::*Mode>
void set_mode(const CallRef& call) {
  bool& mode = call->rights().*Mode;
  if (call->argument(0).empty() && call->rights().aim != Aim::Parent)
    return call->say(Level::Info, format("{} is {}\n", call->written().front(), mode ? "ON" : "OFF"));
  mode = call->argument(0) == "on";
  call->obeyed();
}

void show_version(const CallRef& call) { call->say(Level::Info, format("{}\n", program_version())); }

// Names that say of themselves that they hold a secret.
bool is_secret(std::string_view name) {
  for (const std::string_view part : {"PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL", "AUTH", "PWD"}) {
    if (find_nocase(name, part) != std::string_view::npos && name != "PWD" && name != "OLDPWD") return true;
  }
  return false;
}

// As the configuration has it.
std::map<std::string, std::string> environment(const config::Global& global) {
  std::map<std::string, std::string> all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view value = *entry;
    const std::string_view name = cut(value, '=');
    all[std::string(name)] = value;
  }
  if (global.kept_env) {
    std::map<std::string, std::string> kept;
    for (const std::string& name : *global.kept_env) {
      if (const auto found = all.find(name); found != all.end()) kept.insert(*found);
    }
    all = std::move(kept);
  }
  for (const auto& [name, value] : global.set_env) {
    if (value)
      all[name] = *value;
    else
      all.erase(name);
  }
  return all;
}

void show_env(const CallRef& call) {
  const auto all = environment(call->realm().crew().snapshot()->config.global);
  const std::string wanted(call->argument(0));
  if (!wanted.empty() && !all.contains(wanted)) return call->fail("Variable not found\n");
  std::string text;
  for (const auto& [name, value] : all) {
    if (wanted.empty() || name == wanted) append_format(text, "{}={}\n", name, is_secret(name) ? "(hidden)" : value);
  }
  call->answer(std::move(text));
}

void show_startup_logs(const CallRef& call) { call->answer(call->realm().complaints()); }

constexpr Command kCommands[] = {
    {"expert-mode", "", AccessLevel::Admin, "", set_mode<&Rights::expert>},
    {"experimental-mode", "", AccessLevel::Admin, "", set_mode<&Rights::experimental>},
    {"help", "[<command>]", AccessLevel::User, "commands that begin so, or all", help},
    {"operator", "", AccessLevel::Operator, "go on as an operator", lower_level<AccessLevel::Operator>},
    {"prompt", "", AccessLevel::User, "stay, and answer command after command", prompt},
    {"quit", "", AccessLevel::User, "leave", quit},
    {"set severity-output", "[none|number|string]", AccessLevel::User,
     "whether messages begin with how severe they are", set_severity},
    {"set timeout", "[cli] <delay>", AccessLevel::User, "how long this connection may be silent", set_timeout},
    {"show cli level", "", AccessLevel::User, "what this connection may do", show_level},
    {"show cli sockets", "", AccessLevel::User, "the runtime sockets", show_sockets},
    {"show env", "[var]", AccessLevel::Operator, "variables of the environment, secret ones hidden", show_env},
    {"show startup-logs", "", AccessLevel::Operator, "what was complained about at the start or the last reload",
     show_startup_logs},
    {"show version", "", AccessLevel::User, "which program this is", show_version},
    {"user", "", AccessLevel::User, "go on as a user, who changes nothing", lower_level<AccessLevel::User>},
};

}  // namespace

std::span<const Command> talk_commands() { return kCommands; }

}  // namespace penstock
