// `show errors`: the last request and the last answer of each proxy that could not be read.
#include <cstring>
#include <ctime>
#include <optional>
#include <string>

#include "command.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/control/crew.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;

// "[27/Nov/2026:18:35:34.931]"
std::string date_of(std::int64_t us) {
  const std::time_t seconds = static_cast<std::time_t>(us / 1000000);
  std::tm parts = {};
  localtime_r(&seconds, &parts);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S", &parts);
  return format("[{}.{:03}]", std::string_view(text, size), us / 1000 % 1000);
}

std::string escaped(unsigned char c) {
  switch (c) {
    case '\t':
      return "\\t";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case 0x1b:
      return "\\e";
    case '\\':
      return "\\\\";
    default:
      return c >= ' ' && c < 0x7f ? std::string(1, static_cast<char>(c)) : format("\\x{:02X}", c);
  }
}

// A line of the text for each of its own, in pieces of 70 columns, behind where it begins.
void append_text(std::string& to, std::string_view text) {
  constexpr std::size_t kColumns = 70;
  bool goes_on = false;
  for (std::size_t at = 0; at < text.size();) {
    append_format(to, "  {:05}{} ", at, goes_on ? '+' : ' ');
    std::size_t columns = 0;
    bool ended = false;
    while (at < text.size() && !ended) {
      const std::string shown = escaped(static_cast<unsigned char>(text[at]));
      if (columns + shown.size() > kColumns) break;
      columns += shown.size();
      to += shown;
      ended = text[at++] == '\n';
    }
    to += '\n';
    goes_on = !ended;
  }
}

std::string party(std::string_view kind, const std::string& name, std::uint32_t id) {
  return name.empty() ? format("{} <NONE> (#-1)", kind) : format("{} {} (#{})", kind, name, id);
}

std::string text_of(const BadMessage& message) {
  const std::string frontend = party("frontend", message.frontend, message.frontend_id);
  const std::string backend = party("backend", message.backend, message.backend_id);
  std::string text = format(" \n{} {}: invalid {}\n", date_of(message.when_us), message.is_answer ? backend : frontend,
                            message.is_answer ? "response" : "request");
  append_format(text, "  {}, {}, event #{}, src {}\n", message.is_answer ? frontend : backend,
                party("server", message.server, message.server_id), message.event, message.source);
  append_format(text, "  buffer starts at 0 (including 0 out), {} free,\n  len {}, wraps at {}, error at position {}\n",
                BadMessage::kLongest - std::min(BadMessage::kLongest, message.size), message.size, BadMessage::kLongest,
                message.size - 1);
  append_format(text, "  reason: {}\n  \n", message.reason);
  append_text(text, message.text);
  return text;
}

// By name or number, as `show errors` has it; -1: all. Nothing after the call has failed.
std::optional<std::int64_t> wanted_proxy(const CallRef& call) {
  const std::string word(call->argument(0));
  if (word.empty() || word == "request" || word == "response") return -1;
  if (const auto number = parse_integer(word)) return *number;
  const Snapshot& snapshot = *call->realm().crew().snapshot();
  for (const auto& plan : snapshot.frontends) {
    if (plan->name == word) return snapshot.frontend_id(plan->number);
  }
  for (const auto& plan : snapshot.backends) {
    if (plan->balance.name == word) return snapshot.backend_id(plan->number());
  }
  call->fail("No such proxy.\n");
  return std::nullopt;
}

void show_errors(const CallRef& call) {
  const auto proxy = wanted_proxy(call);
  if (!proxy) return;
  const std::string_view side = call->argument(1).empty() ? call->argument(0) : call->argument(1);
  const BadMessages& bad = call->realm().crew().process().bad_messages;
  std::string text = format("Total events captured on {} : {}\n", date_of(Loop::wall_us()), bad.count());
  for (const BadMessage& message : bad.all()) {
    if (*proxy >= 0 && *proxy != message.frontend_id && *proxy != message.backend_id) continue;
    if ((side == "request" && message.is_answer) || (side == "response" && !message.is_answer)) continue;
    text += text_of(message);
  }
  call->answer(std::move(text));
}

constexpr Command kCommands[] = {
    {"show errors", "[<px>] [request|response]", AccessLevel::Operator,
     "the last request and answer of each proxy that could not be read, without credentials", show_errors},
};

}  // namespace

std::span<const Command> error_commands() { return kCommands; }

}  // namespace penstock
