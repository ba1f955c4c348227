// One way in which a set of patterns is asked: what a sample is compared with, found fast. Read by every worker without
// a lock; written by one thread at a time, which its set sees to.
//
// Entries lie in shards that never change: a change makes one anew and puts it in the place of the old one. Texts,
// beginnings and networks are found by a hash of the whole, of a beginning of each length there is, or of the address
// with each mask there is; all else is compared one by one, in the order of the set.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/rules/pattern_bin.h"
#include "penstock/rules/subject.h"
#include "penstock/rules/value.h"
#include "regex.h"

namespace penstock::rules {

enum class Match : std::uint8_t { Found, Bool, Int, Ip, Bin, Len, Str, Beg, End, Sub, Dir, Dom, Reg };

constexpr std::string_view kDirDelimiters = "/?";
constexpr std::string_view kDomDelimiters = "/?.:";

// The name that `-m` has for it.
std::string_view match_name(Match match);
std::optional<Match> match_named(std::string_view name);
// The type a sample must be cast to before it is matched.
Type input_of(Match match);
// True if `pattern`, without delimiters at its ends, stands in `text` between delimiters or the ends.
bool has_part(std::string_view text, std::string_view pattern, std::string_view delimiters, bool ignore_case);
// "5", "1:10", ":10", "10:"; with `decimal` also "3.1", which is 3 * 65536 + 1.
bool parse_range(std::string_view text, std::int64_t& low, std::int64_t& high, bool decimal = false);
// A map's value, as its output type; false if `text` is none.
bool value_of(const std::string& text, Type type, Value& out);

struct PatternWay {
  Match match = Match::Str;
  bool ignore_case = false;
  bool decimal = false;
  Type output = Type::None;  // Of a map; None: an ACL, which has none.
  bool operator==(const PatternWay&) const = default;
};

// An entry, as one way has it. Never changes.
struct PatternItem final : TakenOut {
  std::string text;  // What is compared.
  std::uint32_t hash = 0;
  std::uint64_t id = 0;
  std::int64_t low = 0, high = 0;
  Ip network;
  unsigned bits = 0;
  std::unique_ptr<Regex> regex;
  Value value;  // A view into `raw` if it is a text.
  std::string key, raw;
};

class PatternIndex {
 public:
  PatternIndex(PatternWay way, std::shared_ptr<PatternBin> bin);
  ~PatternIndex();
  PatternIndex(const PatternIndex&) = delete;
  PatternIndex& operator=(const PatternIndex&) = delete;

  const PatternWay& way() const { return way_; }
  // What `key`, of the type that the way takes, is compared with and fits; null: nothing. Good until the worker's turn
  // has ended.
  const PatternItem* find(Subject& subject, const Value& key) const;
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  // Whether what it has is found by a hash.
  bool hashes() const;

  // Null, with the reason in `error`, if that is no pattern of this kind: in HAProxy's words for who gives a command, in
  // ours for who wrote the configuration.
  enum class Said : std::uint8_t { OfConfiguration, ToCommand };
  std::unique_ptr<PatternItem> compile(std::string_view key, std::string_view value, Said said,
                                       std::string& error) const;
  void add(const PatternItem& item);
  void remove(const PatternItem& item);
  void replace(const PatternItem& item, const PatternItem& by);
  // All that it has.
  void rebuild(const std::vector<const PatternItem*>& items);

 private:
  struct Slot {
    std::uint32_t hash;
    const PatternItem* item;
    std::string_view text;
  };
  struct Shard final : TakenOut {
    std::vector<Slot> slots;
    std::uint64_t first_id = 0;  // Where they are in order: none before has a greater one.
  };
  struct Table;
  std::uint32_t hash_of(std::string_view text) const;
  bool equal(std::string_view a, std::string_view b) const;
  bool fits(Subject& subject, const PatternItem& item, const Value& key) const;
  const PatternItem* find_text(const Table& table, std::string_view text) const;
  const PatternItem* find_beginning(const Table& table, std::string_view text) const;
  const PatternItem* find_address(const Table& table, const Ip& ip) const;
  const PatternItem* find_network(const Table& table, const unsigned char* bytes, bool is6) const;
  const PatternItem* find_listed(const Table& table, Subject& subject, const Value& key) const;
  std::atomic<const Shard*>* place_of(const Table& table, const PatternItem& item) const;
  template <class Change>
  void change(std::atomic<const Shard*>& place, Change change);
  void make_room(const PatternItem& item);

  const PatternWay way_;
  const std::shared_ptr<PatternBin> bin_;
  std::size_t size_ = 0;
  std::size_t last_ = 0;  // Where they are in order: the last shard in use.
  std::atomic<const Table*> table_;
};

}  // namespace penstock::rules
