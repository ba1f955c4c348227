#include "penstock/tables/journal.h"

#include <algorithm>

namespace penstock {

Journal::Journal(std::shared_ptr<StickTable> table) : table_(std::move(table)) { table_->share(); }

void Journal::sweep() {
  swept_.clear();
  table_->take_changed(swept_);
  for (const StickTable::Name& entry : swept_) {
    std::uint64_t& number = number_of(entry);
    if (number == 0) ++current_;
    number = ++last_;
    changes_.push_back({number, entry});
  }
  if (changes_.size() > 2 * current_ + 1024) shrink();
}

std::optional<Journal::Change> Journal::next(std::uint64_t number) const {
  auto at = std::upper_bound(changes_.begin(), changes_.end(), number,
                             [](std::uint64_t wanted, const Change& change) { return wanted < change.number; });
  while (at != changes_.end() && !is_current(*at)) ++at;
  return at == changes_.end() ? std::nullopt : std::optional(*at);
}

std::uint64_t& Journal::number_of(const StickTable::Name& entry) {
  if (numbers_.size() <= entry.shard) numbers_.resize(entry.shard + 1);
  std::vector<std::uint64_t>& shard = numbers_[entry.shard];
  if (shard.size() <= entry.number) shard.resize(entry.number + 1);
  return shard[entry.number];
}

bool Journal::is_current(const Change& change) const {
  return numbers_[change.entry.shard][change.entry.number] == change.number;
}

void Journal::shrink() {
  std::erase_if(changes_, [&](const Change& change) { return !is_current(change); });
}

}  // namespace penstock
