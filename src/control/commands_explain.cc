// What the configuration at work would do with a request that nobody has sent.
#include <memory>
#include <string>

#include "command.h"
#include "penstock/base/format.h"
#include "penstock/control/crew.h"
#include "penstock/proxy/explanation.h"
#include "penstock/proxy/station.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;

// A worker serves nobody while it explains.
constexpr std::size_t kMostWays = 64;

void explain(const CallRef& call) {
  std::vector<std::string> words = call->arguments();
  const bool as_json = !words.empty() && words.front() == "json";
  if (as_json) words.erase(words.begin());
  const Result<explanation::Supposed> supposed = explanation::suppose(words);
  if (!supposed) return call->fail(format("{}\n", supposed.error().text));
  const auto explained = std::make_shared<explanation::Branch>();
  call->realm().crew().ask(
      [explained, request = *supposed](unsigned worker, Station& station) {
        if (worker != 0 || !station.generation()) return;
        const Generation& generation = *station.generation();
        *explained = explanation::explain(generation.snapshot(), &generation.numbers(), request, kMostWays);
      },
      [call, explained, as_json] {
        call->answer(as_json ? explanation::json_of(*explained) : explanation::text_of(*explained));
      });
}

constexpr Command kCommands[] = {
    {"explain", "[json] [METHOD] <url> [src <addr>] [header <name: value>]* [to <where>]", AccessLevel::Operator,
     "what the rules would do with this request", explain},
};

}  // namespace

std::span<const Command> explain_commands() { return kCommands; }

}  // namespace penstock
