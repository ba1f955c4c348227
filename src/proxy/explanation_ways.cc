// The ways that a request may go, one walk for each, as a tree.
#include <algorithm>
#include <optional>

#include "explanation_walk.h"
#include "penstock/base/format.h"
#include "penstock/proxy/explanation.h"

namespace penstock::explanation {

namespace {

using Events = std::vector<Event>;

bool is_detail(const Event& event) { return event.kind == Event::Kind::Test || event.kind == Event::Kind::Effect; }

// How long the longest common part of what is left of both is, from each place of one and of the other.
std::vector<std::vector<std::size_t>> common_parts(const Events& a, const Events& b) {
  std::vector<std::vector<std::size_t>> table(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = a.size(); i-- > 0;) {
    for (std::size_t j = b.size(); j-- > 0;)
      table[i][j] = a[i] == b[j] ? table[i + 1][j + 1] + 1 : std::max(table[i + 1][j], table[i][j + 1]);
  }
  return table;
}

// Both in one, if they differ in effects alone; of those it is said when they are.
std::optional<Events> merged(const Events& yes, const Events& no, const std::string& what) {
  constexpr std::size_t kMostCompared = 1'000'000;
  if (yes.size() * no.size() > kMostCompared) return std::nullopt;
  const auto table = common_parts(yes, no);
  Events out;
  for (std::size_t i = 0, j = 0; i < yes.size() || j < no.size();) {
    if (i < yes.size() && j < no.size() && yes[i] == no[j]) {
      out.push_back(yes[i++]);
      ++j;
      continue;
    }
    const bool of_yes = j == no.size() || (i < yes.size() && table[i + 1][j] >= table[i][j + 1]);
    Event event = of_yes ? yes[i++] : no[j++];
    if (event.kind != Event::Kind::Effect) return std::nullopt;
    event.text += format(" ({} {})", of_yes ? "if" : "unless", what);
    out.push_back(std::move(event));
  }
  return out;
}

std::unique_ptr<Branch> merged(const Branch& yes, const Branch& no, const std::string& what) {
  if (yes.unknown != no.unknown || (yes.rejoined == nullptr) != (no.rejoined == nullptr)) return nullptr;
  auto events = merged(yes.events, no.events, what);
  if (!events) return nullptr;
  auto out = std::make_unique<Branch>();
  out->events = std::move(*events);
  out->unknown = yes.unknown;
  if (yes.yes != nullptr) {
    out->yes = merged(*yes.yes, *no.yes, what);
    out->no = merged(*yes.no, *no.no, what);
    if (out->yes == nullptr || out->no == nullptr) return nullptr;
  }
  if (yes.rejoined != nullptr && (out->rejoined = merged(*yes.rejoined, *no.rejoined, what)) == nullptr) return nullptr;
  return out;
}

// What is said of the rule that was looked at when the ways parted.
Events cut_details(Branch& branch) {
  const auto end = std::find_if_not(branch.events.begin(), branch.events.end(), is_detail);
  Events out(branch.events.begin(), end);
  branch.events.erase(branch.events.begin(), end);
  return out;
}

// Moves what both ways have in common behind them.
void rejoin(Branch& branch) {
  Events of_yes = cut_details(*branch.yes), of_no = cut_details(*branch.no);
  branch.rejoined = merged(*branch.yes, *branch.no, branch.unknown);
  if (branch.rejoined != nullptr) {
    *branch.yes = Branch{std::move(of_yes), {}, {}, {}, {}};
    *branch.no = Branch{std::move(of_no), {}, {}, {}, {}};
    if (branch.rejoined->events.empty() && branch.rejoined->yes == nullptr) branch.rejoined = nullptr;
    return;
  }
  branch.yes->events.insert(branch.yes->events.begin(), of_yes.begin(), of_yes.end());
  branch.no->events.insert(branch.no->events.begin(), of_no.begin(), of_no.end());
}

class Explorer {
 public:
  Explorer(const Snapshot& snapshot, const rules::Numbers* running, const Supposed& supposed, std::size_t most_ways)
      : snapshot_(snapshot), running_(running), supposed_(supposed), left_(most_ways) {}

  // From where the last of `assumed` was assumed on.
  Branch go(std::vector<bool>& assumed) {
    Walk walk(snapshot_, running_, supposed_, assumed);
    Branch branch;
    branch.events = walk.go();
    if (!walk.unknown()) return branch;
    if (left_ < 2) {
      branch.events.push_back({Event::Kind::Fact, "", "what follows is not shown: too much of it is unknown here", {}});
      return branch;
    }
    --left_;
    branch.unknown = *walk.unknown();
    for (const bool holds : {true, false}) {
      assumed.push_back(holds);
      (holds ? branch.yes : branch.no) = std::make_unique<Branch>(go(assumed));
      assumed.pop_back();
    }
    rejoin(branch);
    return branch;
  }

 private:
  const Snapshot& snapshot_;
  const rules::Numbers* running_;
  const Supposed& supposed_;
  std::size_t left_;
};

}  // namespace

Branch explain(const Snapshot& snapshot, const rules::Numbers* running, const Supposed& supposed,
               std::size_t most_ways) {
  std::vector<bool> assumed;
  return Explorer(snapshot, running, supposed, most_ways).go(assumed);
}

}  // namespace penstock::explanation
