#include "pattern_list.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "penstock/config/secrets.h"

namespace penstock {

std::vector<PatternPlan> PatternList::make(std::vector<Found> found) {
  std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return std::tie(a.line, a.use->place.column, a.use->number) < std::tie(b.line, b.use->place.column, b.use->number);
  });
  std::set<const rules::PatternSet*> secret;
  for (const Found& each : found) {
    if (each.use->asks) add(each);
    if (is_secret(each)) secret.insert(each.use->set.get());
  }
  for (PatternPlan& plan : plans_) {
    plan.secret =
        std::any_of(plan.sets.begin(), plan.sets.end(), [&](const auto& set) { return secret.contains(set.get()); });
  }
  number();
  return std::move(plans_);
}

void PatternList::add(const Found& found) {
  const rules::PatternUse& use = *found.use;
  const bool is_file = !use.set->file().empty();
  const std::string place = format("file '{}' line {}", config_.files[found.line.file], found.line.line);
  const std::string name = is_file ? use.set->file() : format("\n{} {} {}", place, use.place.column, use.number);
  const auto [at, is_new] = by_name_.try_emplace(name, plans_.size());
  if (is_new) {
    ids_.push_back(use.id);
    PatternPlan& plan = plans_.emplace_back();
    plan.file = use.set->file();
    plan.two_columns = use.set->two_columns();
    plan.description =
        is_file ? format("pattern loaded from file '{}' used", plan.file) : format("acl '{}' {}", use.criterion, place);
  }
  PatternPlan& plan = plans_[at->second];
  (use.criterion.empty() ? plan.by_map : plan.by_acl) = true;
  plan.by_map = plan.by_map || plan.two_columns;
  const bool known_set = std::find(plan.sets.begin(), plan.sets.end(), use.set) != plan.sets.end();
  if (!known_set) plan.sets.push_back(use.set);
  // A section that is both sides of a proxy says it twice.
  if (is_file && said_.emplace(at->second, found.line, use.place.column, use.number).second)
    plan.description += format("{} by {} at {}", is_new ? "" : ",", plan.two_columns ? "map" : "acl", place);
}

bool PatternList::is_secret(const Found& found) const {
  if (!found.use->criterion.empty()) return found.use->secret;
  const auto [file, line] = found.line;
  return file < config_.lines.size() && line > 0 && line <= config_.lines[file].size() &&
         config::asks_credential(config_.lines[file][line - 1]);
}

void PatternList::number() {
  const std::set<std::int64_t> taken(ids_.begin(), ids_.end());
  std::int64_t next = 0;
  for (std::size_t i = 0; i < plans_.size(); ++i) {
    while (taken.contains(next)) ++next;
    plans_[i].id = static_cast<std::uint32_t>(ids_[i] >= 0 ? ids_[i] : next++);
  }
  std::stable_sort(plans_.begin(), plans_.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
}

}  // namespace penstock
