// What is in rings: the latest lines of logs.
#include <algorithm>
#include <memory>
#include <string>

#include "command.h"
#include "penstock/base/format.h"
#include "penstock/control/crew.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;

constexpr std::size_t kLinesInPiece = 256;
// How soon somebody who waits sees a new line. Whoever writes one looks for nobody.
constexpr std::uint64_t kLookMs = 50;

// Has the call look again, for as long as it waits.
class Watch final : public Living {
 public:
  explicit Watch(Call& call) : Living(call.realm().loop()), call_(call) { set_deadline(kLookMs); }

 private:
  void on_deadline() override {
    set_deadline(kLookMs);
    call_.resume();
  }

  Call& call_;
};

void list_rings(const CallRef& call) {
  std::string text = "Supported events sinks are listed below. Add -w(wait), -n(new). Any key to stop\n";
  append_format(text, "    {:<10} : type=fd, 0 dropped, standard output (fd#1)\n", "stdout");
  append_format(text, "    {:<10} : type=fd, 0 dropped, standard output (fd#2)\n", "stderr");
  const Crew& crew = call->realm().crew();
  for (const RingPlan& plan : crew.snapshot()->rings) {
    const std::uint64_t dropped = (plan.ring ? plan.ring->dropped() : 0) + crew.feeds().lost(plan);
    append_format(text, "    {:<10} : type=buffer, {} dropped, {}\n", plan.name, dropped, plan.description);
  }
  call->answer(std::move(text));
}

// What a ring has, and, if `waits`, what comes to it.
void show_ring(const CallRef& call, std::shared_ptr<Ring> ring, bool waits, bool only_new) {
  if (waits) {
    call->patient = call->listens = true;
    call->keep(Owned<Mortal>(new Watch(*call)));
  }
  Ring::Reader reader;
  if (ring && only_new) reader = ring->from_newest();
  call->answer_by([ring = std::move(ring), reader, waits, &call = *call](std::string& to) mutable {
    std::string line;
    for (std::size_t left = kLinesInPiece; left > 0; --left) {
      if (!ring || !ring->read(reader, line)) {
        if (!waits || call.was_heard()) return false;
        call.pause();
        return true;
      }
      to += line;
      to += '\n';
    }
    return true;
  });
}

void show_events(const CallRef& call) {
  const std::string_view name = call->argument(0);
  if (name.empty()) return list_rings(call);
  if (call->level() < AccessLevel::Operator) return call->fail("Permission denied\n");
  bool waits = false, only_new = false;
  for (std::size_t i = 1; !call->argument(i).empty(); ++i) {
    const std::string_view option = call->argument(i);
    const bool both = option == "-wn" || option == "-nw";
    if (!both && option != "-w" && option != "-n") return call->fail("unknown option");
    waits = waits || both || option == "-w";
    only_new = only_new || both || option == "-n";
  }
  if (name == "stdout" || name == "stderr") return call->fail("Nothing to report for this sink");
  const std::vector<RingPlan>& rings = call->realm().crew().snapshot()->rings;
  const auto found = std::find_if(rings.begin(), rings.end(), [&](const RingPlan& plan) { return plan.name == name; });
  if (found == rings.end()) return call->fail("No such event sink");
  show_ring(call, found->ring, waits, only_new);
}

constexpr Command kCommands[] = {
    {"show events", "[<sink>] [-w] [-n]", AccessLevel::User, "the latest lines of a ring, or all rings", show_events},
};

}  // namespace

std::span<const Command> event_commands() { return kCommands; }

}  // namespace penstock
