#include "pattern_notes.h"

#include <utility>

#include "penstock/base/format.h"
#include "penstock/base/xxhash.h"
#include "penstock/control/crew.h"
#include "realm.h"

namespace penstock {
namespace {

constexpr std::size_t kInPiece = 1024;

template <class Each>
void for_each_entry(const rules::PatternSet& set, std::uint64_t from, Each each) {
  while (from != 0) {
    for (const rules::PatternSet::Entry& entry : set.entries(from, kInPiece, {})) each(entry);
  }
}

}  // namespace

PatternNote::PatternNote(const CallRef& call, const PatternPlan& plan)
    : call_(call),
      plan_(plan),
      file_(plan.file.empty() ? format("#{}", plan.id) : plan.file),
      what_(format("{} {}", plan.by_map ? "map" : "ACL", file_)) {
  if (call->realm().crew().keeps_until_reload(what_)) return;
  PatternNotes::Given& all = given();
  all.reset();
  if (plan.sets.front()->count() > KeptEntries::kMost) return;
  all.emplace();
  for_each_entry(*plan.sets.front(), 1, [&all](const auto& entry) { all->insert(xxh64(entry.key)); });
}

PatternNotes::Given& PatternNote::given() const { return call_->realm().pattern_notes().given[what_]; }

// What is done again is known already.
void PatternNote::keep(std::string_view key, std::vector<std::string> words, bool of_file) const {
  PatternNotes& notes = call_->realm().pattern_notes();
  call_->realm().crew().keep_entry(
      what_, [&notes, what = what_] { notes.given.erase(what); }, std::string(key),
      {std::move(words), of_file ? "given" : ""}, !call_->rights().again);
}

void PatternNote::added(std::string_view key, std::string_view value) const {
  std::vector<std::string> words{"add", call_->written()[1], file_, std::string(key)};
  if (!value.empty()) words.emplace_back(value);
  keep(key, std::move(words));
}

void PatternNote::set(std::string_view key, std::string_view value) const {
  keep(key, {"set", "map", file_, std::string(key), std::string(value)});
}

void PatternNote::removed(std::string_view key) const {
  const bool of_file = !given() || given()->erase(xxh64(key)) != 0;
  keep(key, {"del", call_->written()[1], file_, std::string(key)}, of_file);
}

void PatternNote::cleared() const {
  given().emplace();
  keep({}, {"clear", call_->written()[1], file_});
}

void PatternNote::replaced() const {
  const rules::PatternSet& set = *plan_.sets.front();
  if (set.count() > KeptEntries::kMost) return changed();
  cleared();
  for_each_entry(set, 1, [this](const auto& entry) { added(entry.key, entry.value); });
}

std::optional<std::string> PatternNote::only_key_of(std::uint64_t id) const {
  const rules::PatternSet& set = *plan_.sets.front();
  std::uint64_t from = id;
  const auto found = set.entries(from, 1, {});
  if (found.empty() || found.front().id != id) return std::nullopt;
  std::size_t same = 0;
  for_each_entry(set, 1, [&](const auto& entry) { same += entry.key == found.front().key ? 1 : 0; });
  return same == 1 ? std::optional(found.front().key) : std::nullopt;
}

void PatternNote::changed() const {
  call_->realm().crew().keep_until_reload(what_, [] {});
}

}  // namespace penstock
