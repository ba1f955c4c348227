#include "penstock/rules/pattern_set.h"

#include <algorithm>
#include <utility>

#include "pattern_index.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/base/xxhash.h"

namespace penstock::rules {
namespace {

// So few are looked through for a key.
constexpr std::size_t kFew = 32;

std::string_view output_name(Type type) {
  switch (type) {
    case Type::Text:
      return "str";
    case Type::Integer:
      return "sint";
    case Type::Address:
      return "ipv4";
    case Type::None:
    case Type::Bool:
    case Type::Binary:
      break;
  }
  return {};
}

std::string number_text(std::int64_t number, bool decimal) {
  return decimal ? format("{}.{}", number >> 16, number & 0xffff) : format("{}", number);
}

// What a comparison of integers is as a range, in HAProxy's words; nothing if it cannot be.
std::optional<std::string> range_of(std::string_view comparison, std::int64_t bound, bool decimal) {
  if (comparison == "ge") return number_text(bound, decimal) + ":";
  if (comparison == "le") return ":" + number_text(bound, decimal);
  if (bound == (comparison == "gt" ? INT64_MAX : INT64_MIN)) return std::nullopt;
  return comparison == "gt" ? number_text(bound + 1, decimal) + ":" : ":" + number_text(bound - 1, decimal);
}

}  // namespace

PatternSet::PatternSet(std::string file, bool two_columns, std::shared_ptr<PatternBin> bin)
    : file_(std::move(file)), two_columns_(two_columns), bin_(std::move(bin)) {}

PatternSet::~PatternSet() = default;

// Making.

void PatternSet::load(std::string_view content) {
  digest_ = xxh64(content);
  for (std::uint32_t number = 1; !content.empty(); ++number) {
    std::string_view line = cut(content, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    // A sharp begins a comment only as the first character; behind a blank it is a key's.
    if (line.starts_with('#')) continue;
    while (!line.empty() && (line[0] == ' ' || line[0] == '\t')) line.remove_prefix(1);
    if (line.empty()) continue;
    Record record;
    record.line = number;
    record.key = std::string(line);
    if (two_columns_) {
      const std::size_t blank = std::min(line.find_first_of(" \t"), line.size());
      record.key = std::string(line.substr(0, blank));
      record.value = std::string(trim(line.substr(blank)));
    }
    append(std::move(record));
  }
}

const PatternIndex* PatternSet::asked_by(const PatternWay& way, std::string& error) {
  const std::lock_guard<std::mutex> held(lock_);
  for (const auto& index : indexes_) {
    if (index->way() == way) return index.get();
  }
  auto index = std::make_unique<PatternIndex>(way, bin_);
  std::vector<std::unique_ptr<PatternItem>> items;
  std::vector<const PatternItem*> seen;
  for (const auto& [id, record] : records_) {
    if (record.version != current_version()) continue;
    auto item = index->compile(record.key, record.value, PatternIndex::Said::OfConfiguration, error);
    if (item == nullptr) return error = format("{}: {}", record.line, error), nullptr;
    item->id = id;
    seen.push_back(item.get());
    items.push_back(std::move(item));
  }
  std::size_t at = 0;
  for (auto& [id, record] : records_) {
    if (record.version == current_version()) record.items.push_back(std::move(items[at++]));
  }
  index->rebuild(seen);
  indexes_.push_back(std::move(index));
  return indexes_.back().get();
}

bool PatternSet::add_value(std::string_view text, std::string_view comparison, std::string& error) {
  Record record;
  record.key = std::string(text);
  const PatternIndex& index = *indexes_.front();
  if (!comparison.empty() && comparison != "eq") {
    std::int64_t low = 0, high = 0;
    if (!parse_range(text, low, high, index.way().decimal))
      return error = format("'{}' is no number or range such as 5, 1:10 or 10:", text), false;
    if (low != high) return error = format("a range cannot be compared by '{}'", comparison), false;
    const auto range = range_of(comparison, low, index.way().decimal);
    if (!range) return true;
    record.key = *range;
  }
  Items items;
  error = compile(record, items);
  if (!error.empty()) return false;
  const auto at = append(std::move(record));
  at->second.items = std::move(items);
  at->second.items.front()->id = at->first;
  return true;
}

void PatternSet::finish() {
  made_ = true;
  if (indexes_.empty()) return;
  std::vector<const PatternItem*> items;
  for (const auto& [id, record] : records_) items.push_back(record.items.front().get());
  indexes_.front()->rebuild(items);
}

PatternSet::Records::iterator PatternSet::append(Record record) {
  const auto at = records_.emplace_hint(records_.end(), next_id_++, std::move(record));
  if (!by_key_.empty()) {
    by_key_.emplace(at->second.key, at->first);
  } else if (records_.size() > kFew) {
    for (const auto& [id, each] : records_) by_key_.emplace(each.key, id);
  }
  return at;
}

// Changing. The lock is held.

std::string PatternSet::compile(const Record& record, Items& items) const {
  const auto said = made_ || !file_.empty() ? PatternIndex::Said::ToCommand : PatternIndex::Said::OfConfiguration;
  std::string error;
  for (const auto& index : indexes_) {
    auto item = index->compile(record.key, record.value, said, error);
    if (item == nullptr) return error;
    items.push_back(std::move(item));
  }
  return {};
}

void PatternSet::publish(Record& record, Items items) {
  record.items = std::move(items);
  for (std::size_t i = 0; i < record.items.size(); ++i) indexes_[i]->add(*record.items[i]);
}

void PatternSet::withdraw(Record& record) {
  for (std::size_t i = 0; i < record.items.size(); ++i) {
    indexes_[i]->remove(*record.items[i]);
    bin_->put(std::move(record.items[i]));
  }
  record.items.clear();
}

PatternSet::Records::iterator PatternSet::erase(Records::iterator at) {
  withdraw(at->second);
  const auto [begin, end] = by_key_.equal_range(at->second.key);
  const auto known = std::find_if(begin, end, [&](const auto& entry) { return entry.second == at->first; });
  if (known != end) by_key_.erase(known);
  return records_.erase(at);
}

// Of the current version.
std::vector<PatternSet::Records::iterator> PatternSet::find(std::string_view key) {
  std::vector<Records::iterator> found;
  const auto take = [&](Records::iterator at) {
    if (at->second.key == key && at->second.version == current_version()) found.push_back(at);
  };
  if (by_key_.empty()) {
    for (auto at = records_.begin(); at != records_.end(); ++at) take(at);
    return found;
  }
  const auto [begin, end] = by_key_.equal_range(key);
  for (auto at = begin; at != end; ++at) take(records_.find(at->second));
  return found;
}

void PatternSet::note_change() {
  changed_.store(true, std::memory_order_relaxed);
  for (const auto& stale : told_) stale->store(true);
}

std::string PatternSet::add_record(std::string_view key, std::string_view value, std::uint32_t version) {
  if (records_.size() >= kMostEntries) return "The set is full.";
  Record record{version, 0, std::string(key), std::string(value), {}};
  Items items;
  if (std::string error = compile(record, items); !error.empty()) return error;
  note_change();
  const auto at = append(std::move(record));
  if (version != current_version()) return {};
  for (const auto& item : items) item->id = at->first;
  publish(at->second, std::move(items));
  return {};
}

std::string PatternSet::revalue(Record& record, std::string_view value) {
  Record next{record.version, record.line, record.key, std::string(value), {}};
  Items items;
  if (std::string error = compile(next, items); !error.empty()) return error;
  note_change();
  record.value = std::move(next.value);
  for (std::size_t i = 0; i < record.items.size(); ++i) {
    items[i]->id = record.items[i]->id;
    indexes_[i]->replace(*record.items[i], *items[i]);
    bin_->put(std::exchange(record.items[i], std::move(items[i])));
  }
  return {};
}

PatternChange PatternSet::add(std::string_view key, std::string_view value, std::optional<std::uint32_t> version) {
  const std::lock_guard<std::mutex> held(lock_);
  PatternChange done;
  done.error = add_record(key, value, version.value_or(current_version()));
  done.entries = done.error.empty() ? 1 : 0;
  return done;
}

PatternChange PatternSet::set(std::string_view key, std::string_view value) {
  const std::lock_guard<std::mutex> held(lock_);
  PatternChange done;
  for (const auto& at : find(key)) {
    done.error = revalue(at->second, value);
    if (!done.error.empty()) return done;
    ++done.entries;
  }
  return done;
}

PatternChange PatternSet::set(std::uint64_t id, std::string_view value) {
  const std::lock_guard<std::mutex> held(lock_);
  PatternChange done;
  const auto at = records_.find(id);
  if (at == records_.end()) return done;
  done.error = revalue(at->second, value);
  done.entries = 1;
  return done;
}

PatternChange PatternSet::remove(std::string_view key) {
  const std::lock_guard<std::mutex> held(lock_);
  PatternChange done;
  for (const auto& at : find(key)) {
    note_change();
    erase(at);
    ++done.entries;
  }
  return done;
}

PatternChange PatternSet::remove(std::uint64_t id) {
  const std::lock_guard<std::mutex> held(lock_);
  const auto at = records_.find(id);
  if (at == records_.end()) return {};
  note_change();
  erase(at);
  return {1, {}};
}

void PatternSet::clear(std::optional<std::uint32_t> version) {
  const std::lock_guard<std::mutex> held(lock_);
  const std::uint32_t wanted = version.value_or(current_version());
  note_change();
  // All at once for those who look.
  if (wanted == current_version()) {
    for (const auto& index : indexes_) index->rebuild({});
  }
  for (auto at = records_.begin(); at != records_.end();) {
    if (at->second.version != wanted) {
      ++at;
      continue;
    }
    for (auto& item : at->second.items) bin_->put(std::move(item));
    at->second.items.clear();
    at = erase(at);
  }
}

void PatternSet::put(std::string_view key, std::string_view value) {
  const std::lock_guard<std::mutex> held(lock_);
  const auto known = find(key);
  if (known.empty()) {
    (void)add_record(key, value, current_version());
    return;
  }
  for (const auto& at : known) {
    if (at->second.value != value) (void)revalue(at->second, value);
  }
}

std::uint32_t PatternSet::prepare() { return next_.fetch_add(1) + 1; }

bool PatternSet::commit(std::uint32_t version) {
  const std::lock_guard<std::mutex> held(lock_);
  if (version > next_version() || version <= current_version()) return false;
  note_change();
  std::vector<std::vector<const PatternItem*>> seen(indexes_.size());
  std::vector<std::uint64_t> old;
  for (auto& [id, record] : records_) {
    if (record.version < version) old.push_back(id);
    if (record.version != version) continue;
    Items items;
    // It was accepted as it came; a way added since may not like it.
    if (!compile(record, items).empty()) continue;
    for (std::size_t i = 0; i < items.size(); ++i) {
      items[i]->id = id;
      seen[i].push_back(items[i].get());
    }
    record.items = std::move(items);
  }
  for (std::size_t i = 0; i < indexes_.size(); ++i) indexes_[i]->rebuild(seen[i]);
  current_ = version;
  for (const std::uint64_t id : old) {
    const auto at = records_.find(id);
    for (auto& item : at->second.items) bin_->put(std::move(item));
    at->second.items.clear();
    erase(at);
  }
  return true;
}

// Looking.

std::vector<PatternSet::Entry> PatternSet::entries(std::uint64_t& from, std::size_t most,
                                                   std::optional<std::uint32_t> version) const {
  const std::lock_guard<std::mutex> held(lock_);
  const std::uint32_t wanted = version.value_or(current_version());
  std::vector<Entry> out;
  auto at = records_.lower_bound(from);
  for (std::size_t seen = 0; at != records_.end() && seen < most; ++at, ++seen) {
    if (at->second.version == wanted) out.push_back({at->first, at->second.key, at->second.value});
  }
  from = at == records_.end() ? 0 : at->first;
  return out;
}

std::size_t PatternSet::count() const {
  const std::lock_guard<std::mutex> held(lock_);
  return records_.size() * indexes_.size();
}

std::vector<std::string> PatternSet::keys(std::shared_ptr<std::atomic<bool>> stale) {
  const std::lock_guard<std::mutex> held(lock_);
  std::erase_if(told_, [](const auto& flag) { return flag.use_count() == 1; });
  if (std::find(told_.begin(), told_.end(), stale) == told_.end()) told_.push_back(std::move(stale));
  std::vector<std::string> out;
  for (const auto& [id, record] : records_) {
    if (record.version == current_version()) out.push_back(record.key);
  }
  return out;
}

std::vector<PatternSet::Answer> PatternSet::ask(std::string_view key, Cast cast) const {
  const std::lock_guard<std::mutex> held(lock_);
  std::vector<Answer> out;
  for (const auto& index : indexes_) {
    const PatternWay& way = index->way();
    Answer answer;
    answer.type = match_name(way.match);
    answer.output = output_name(way.output);
    answer.case_blind = way.ignore_case;
    Arena arena;
    Subject subject(arena);
    Value value;
    value.set_text(key);
    const PatternItem* found = cast(subject, value, input_of(way.match)) ? index->find(subject, value) : nullptr;
    answer.found = found != nullptr || (way.match == Match::Bool && value.type == Type::Bool && value.integer != 0);
    answer.tree = index->hashes() && !way.ignore_case && way.match != Match::Bin;
    answer.has_key = found != nullptr;
    if (found != nullptr) {
      answer.key = found->key;
      answer.value = found->raw;
    }
    out.push_back(std::move(answer));
  }
  return out;
}

// The book.

void PatternBook::offer(const std::shared_ptr<PatternSet>& set, const std::string* content) {
  const bool stays =
      !set->changed() && (set->file().empty() || (content != nullptr && xxh64(*content) == set->digest()));
  const auto [at, is_new] = stays_.try_emplace(set.get(), stays);
  if (is_new && at->second && !set->file().empty()) files_.emplace(set->file(), set);
}

bool PatternBook::stays(const PatternSet& set) const {
  const auto known = stays_.find(&set);
  return known != stays_.end() && known->second;
}

std::shared_ptr<PatternSet> PatternBook::of_file(const std::string& path, const std::string& content,
                                                 bool two_columns) {
  std::shared_ptr<PatternSet>& set = files_[path];
  if (!set) {
    set = std::make_shared<PatternSet>(path, two_columns, bin_);
    set->load(content);
  }
  return set->two_columns() == two_columns ? set : nullptr;
}

std::shared_ptr<PatternSet> PatternBook::of_values(const config::Place& place, std::uint32_t number) {
  if (place.line == 0) return std::make_shared<PatternSet>("", false, bin_);
  std::shared_ptr<PatternSet>& set = values_[{place.file, place.line, place.column, number}];
  if (!set) set = std::make_shared<PatternSet>("", false, bin_);
  return set;
}

std::shared_ptr<PatternSet> PatternBook::find(const std::string& path) const {
  const auto known = files_.find(path);
  return known == files_.end() ? nullptr : known->second;
}

}  // namespace penstock::rules
