// The patterns of an ACL, or the lines of a map: named, shared by all that use one file, and changed while workers look.
// Whoever looks takes no lock and waits for nobody. A change makes anew the few entries that lie together with the one
// concerned, and what it takes out goes to a bin, which is emptied when every worker has passed a turn since.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "penstock/rules/pattern_bin.h"
#include "penstock/rules/place.h"
#include "penstock/rules/value.h"

namespace penstock::rules {

class PatternIndex;
struct Subject;
struct PatternItem;
struct PatternWay;

// What came of a change.
struct PatternChange {
  std::size_t entries = 0;  // Concerned.
  std::string error;        // Empty: none.
};

class PatternSet {
 public:
  // More are added to a set neither by command nor by a rule.
  static constexpr std::size_t kMostEntries = 1'000'000;

  struct Entry {
    std::uint64_t id = 0;  // As `#<ref>` of commands.
    std::string key, value;
  };
  // An answer to `get`: one for each way the set is asked.
  struct Answer {
    std::string_view type;    // "str"
    std::string_view output;  // Of a map's value; empty: none.
    bool case_blind = false, found = false, tree = false;
    std::string key, value;
    bool has_key = false;
  };

  // `file`: empty for values that stand in the configuration. `two_columns`: each line is a key and a value.
  PatternSet(std::string file, bool two_columns, std::shared_ptr<PatternBin> bin);
  ~PatternSet();
  PatternSet(const PatternSet&) = delete;
  PatternSet& operator=(const PatternSet&) = delete;

  const std::string& file() const { return file_; }
  bool two_columns() const { return two_columns_; }

  // Making it. The lines of its file:
  void load(std::string_view content);
  // Null, with the line of the file and the reason in `error`, if its entries are none of that kind. Known ways are shared.
  const PatternIndex* asked_by(const PatternWay& way, std::string& error);
  // A value of the configuration, for the one way it has. `comparison` is "eq", "ge", ... for integers.
  bool add_value(std::string_view text, std::string_view comparison, std::string& error);
  // After the last value.
  void finish();
  bool made() const { return made_; }

  // Changing it, on any thread. Without a version it is the one that is matched.
  PatternChange add(std::string_view key, std::string_view value, std::optional<std::uint32_t> version = {});
  PatternChange set(std::string_view key, std::string_view value);
  PatternChange set(std::uint64_t id, std::string_view value);
  PatternChange remove(std::string_view key);
  PatternChange remove(std::uint64_t id);
  void clear(std::optional<std::uint32_t> version = {});
  // As rules do it: sets or adds; adds what is not there.
  void put(std::string_view key, std::string_view value);
  // A new version, to be filled and then committed; false: there is none of that number.
  std::uint32_t prepare();
  bool commit(std::uint32_t version);

  // Looking at it, a piece at a time. `from`: entries of at least that id; advanced, 0 at the end.
  std::vector<Entry> entries(std::uint64_t& from, std::size_t most, std::optional<std::uint32_t> version) const;
  // `cast`: how a key becomes what a way takes; see pattern_answer.h.
  using Cast = bool (*)(Subject& subject, Value& value, Type type);
  std::vector<Answer> ask(std::string_view key, Cast cast) const;
  // Counted once for each way it is asked, as HAProxy does.
  std::size_t count() const;
  std::uint32_t current_version() const { return current_.load(std::memory_order_relaxed); }
  std::uint32_t next_version() const { return next_.load(std::memory_order_relaxed); }
  // What its file, or the configuration, says no longer holds.
  bool changed() const { return changed_.load(std::memory_order_relaxed); }
  // A digest of the file it was loaded from.
  std::uint64_t digest() const { return digest_; }
  // The keys that are matched, for who must know beforehand; `stale` is set by whatever changes them.
  std::vector<std::string> keys(std::shared_ptr<std::atomic<bool>> stale);

 private:
  struct Record {
    std::uint32_t version = 0;
    std::uint32_t line = 0;  // Of the file; 0: it was added.
    std::string key, value;
    std::vector<std::unique_ptr<PatternItem>> items;  // One for each index, if it is of the current version.
  };
  using Records = std::map<std::uint64_t, Record>;
  using Items = std::vector<std::unique_ptr<PatternItem>>;
  Records::iterator append(Record record);
  // Empty: there is an item for each index.
  std::string compile(const Record& record, Items& items) const;
  void publish(Record& record, Items items);
  void withdraw(Record& record);
  Records::iterator erase(Records::iterator at);
  std::vector<Records::iterator> find(std::string_view key);
  std::string revalue(Record& record, std::string_view value);
  std::string add_record(std::string_view key, std::string_view value, std::uint32_t version);
  void note_change();

  const std::string file_;
  const bool two_columns_;
  const std::shared_ptr<PatternBin> bin_;
  mutable std::mutex lock_;  // Of those that change it.
  std::vector<std::unique_ptr<PatternIndex>> indexes_;
  Records records_;  // By id, which grows: in the order they came.
  // From keys to ids, once there are many.
  std::unordered_multimap<std::string_view, std::uint64_t> by_key_;
  std::vector<std::shared_ptr<std::atomic<bool>>> told_;
  std::uint64_t next_id_ = 1;
  std::uint64_t digest_ = 0;
  bool made_ = false;
  std::atomic<std::uint32_t> current_{0}, next_{0};
  std::atomic<bool> changed_{false};
};

// Where a set is used.
struct PatternUse {
  std::shared_ptr<PatternSet> set;
  RulePlace place;
  std::uint32_t number = 0;  // Of several at one place.
  std::int64_t id = -1;      // As `-u` says.
  bool as_acl = false;       // Loaded as an ACL, else as a map.
  std::string criterion;     // The first word of an ACL; empty: a map's converter.
  bool asks = true;          // Else a rule that changes it.
  bool secret = false;       // Of an ACL: what it compares with them may be a credential.
};

// The sets of one configuration, as it is compiled. A file's set of the configuration before is used again if nothing
// has changed it and the file says the same.
class PatternBook {
 public:
  explicit PatternBook(std::shared_ptr<PatternBin> bin) : bin_(std::move(bin)) {}
  // Of the configuration before. Whether it still says what its file says is asked once.
  void offer(const std::shared_ptr<PatternSet>& set, const std::string* content);
  bool stays(const PatternSet& set) const;
  std::shared_ptr<PatternSet> of_file(const std::string& path, const std::string& content, bool two_columns);
  // Of the values at a place: the same for each section that inherits them.
  std::shared_ptr<PatternSet> of_values(const config::Place& place, std::uint32_t number);
  std::shared_ptr<PatternSet> find(const std::string& path) const;

 private:
  struct PlaceKey {
    std::uint32_t file, line, column, number;
    auto operator<=>(const PlaceKey&) const = default;
  };
  std::shared_ptr<PatternBin> bin_;
  std::map<const PatternSet*, bool> stays_;
  std::map<std::string, std::shared_ptr<PatternSet>> files_;
  std::map<PlaceKey, std::shared_ptr<PatternSet>> values_;
};

}  // namespace penstock::rules
