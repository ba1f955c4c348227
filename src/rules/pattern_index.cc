#include "pattern_index.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "hex.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/base/xxhash.h"
#include "penstock/rules/address_set.h"

namespace penstock::rules {
namespace {

constexpr std::string_view kNames[] = {"found", "bool", "int", "ip",  "bin", "len", "str",
                                       "beg",   "end",  "sub", "dir", "dom", "reg"};
// So few are compared one by one.
constexpr std::size_t kFew = 8;
// Entries of a shard in the mean, when it is made, and when there are to be more shards.
constexpr std::size_t kInShard = 4, kMostInShard = 16;
// Entries of a shard of those that are compared one by one.
constexpr std::size_t kListed = 32;
// Lengths of texts or masks that are told apart; the last stands for all above.
constexpr unsigned kLengths = 320;
// Masks of IPv6 networks are counted from here.
constexpr unsigned kSix = 64;

std::optional<std::int64_t> parse_bound(std::string_view text, bool decimal) {
  if (text.starts_with('+')) return std::nullopt;
  if (!decimal) return parse_integer(text);
  std::string_view minor = text;
  const auto major = parse_integer(cut(minor, '.'));
  if (!major) return std::nullopt;
  if (text.find('.') == std::string_view::npos) return *major << 16;
  const auto low = parse_integer(minor);
  if (!low) return std::nullopt;
  return (*major << 16) + *low;
}

bool covers(const Ip& network, unsigned bits, const unsigned char* bytes) {
  const unsigned whole = bits / 8, left = bits % 8;
  if (std::memcmp(bytes, network.bytes, whole) != 0) return false;
  const auto mask = static_cast<unsigned char>(0xff00u >> left);
  return left == 0 || ((bytes[whole] ^ network.bytes[whole]) & mask) == 0;
}

std::uint32_t hash_of_network(const unsigned char* bytes, bool is6, unsigned bits) {
  char all[18] = {};
  std::memcpy(all, bytes, (bits + 7) / 8);
  if (bits % 8 != 0) all[bits / 8] = static_cast<char>(bytes[bits / 8] & (0xff00u >> (bits % 8)));
  all[16] = is6 ? 1 : 0;
  all[17] = static_cast<char>(bits);
  return static_cast<std::uint32_t>(xxh64({all, sizeof all}));
}

bool all_zero(const unsigned char* bytes, std::size_t count) {
  return std::all_of(bytes, bytes + count, [](unsigned char byte) { return byte == 0; });
}

// The IPv4 address that an IPv6 one carries, as manual section 7.1.6 has it; null: none.
const unsigned char* carried(const unsigned char* six) {
  if (six[0] == 0x20 && six[1] == 0x02) return six + 2;
  const bool compatible = all_zero(six, 12);
  const bool mapped = all_zero(six, 10) && six[10] == 0xff && six[11] == 0xff;
  return compatible || mapped ? six + 12 : nullptr;
}

}  // namespace

std::string_view match_name(Match match) { return kNames[static_cast<std::size_t>(match)]; }

std::optional<Match> match_named(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<Match>(i);
  }
  return std::nullopt;
}

Type input_of(Match match) {
  switch (match) {
    case Match::Found:
      return Type::None;
    case Match::Bool:
      return Type::Bool;
    case Match::Int:
      return Type::Integer;
    case Match::Ip:
      return Type::Address;
    case Match::Bin:
      return Type::Binary;
    case Match::Len:
    case Match::Str:
    case Match::Beg:
    case Match::End:
    case Match::Sub:
    case Match::Dir:
    case Match::Dom:
    case Match::Reg:
      return Type::Text;
  }
  return Type::Text;
}

bool has_part(std::string_view text, std::string_view pattern, std::string_view delimiters, bool ignore_case) {
  const auto is_delimiter = [&](char c) { return delimiters.find(c) != std::string_view::npos; };
  while (!pattern.empty() && is_delimiter(pattern.front())) pattern.remove_prefix(1);
  while (!pattern.empty() && is_delimiter(pattern.back())) pattern.remove_suffix(1);
  if (pattern.size() > text.size()) return false;
  for (std::size_t at = 0; at + pattern.size() <= text.size(); ++at) {
    if (at != 0 && !is_delimiter(text[at - 1])) continue;
    const std::size_t behind = at + pattern.size();
    if (behind != text.size() && !is_delimiter(text[behind])) continue;
    const std::string_view part = text.substr(at, pattern.size());
    if (ignore_case ? equal_nocase(part, pattern) : part == pattern) return true;
  }
  return false;
}

bool parse_range(std::string_view text, std::int64_t& low, std::int64_t& high, bool decimal) {
  low = std::numeric_limits<std::int64_t>::min();
  high = std::numeric_limits<std::int64_t>::max();
  const std::size_t colon = text.find(':');
  const std::string_view first = text.substr(0, colon);
  const std::string_view second = colon == std::string_view::npos ? first : text.substr(colon + 1);
  if (first.empty() && second.empty()) return false;
  const auto from = parse_bound(first, decimal), to = parse_bound(second, decimal);
  if ((!from && !first.empty()) || (!to && !second.empty())) return false;
  if (from) low = *from;
  if (to) high = *to;
  // "3" of a decimal stands for 3.0 alone, as any integer does for itself.
  return low <= high;
}

bool value_of(const std::string& text, Type type, Value& out) {
  if (type == Type::Text) return out.set_text(text), true;
  if (type == Type::Integer) {
    const auto number = parse_integer(text);
    if (number) out.set_integer(*number);
    return number.has_value();
  }
  Ip ip;
  if (!Ip::parse(text, ip)) return false;
  out.set_ip(ip);
  return true;
}

struct PatternIndex::Table final : TakenOut {
  explicit Table(std::size_t count) : shards(count) {}
  ~Table() override {
    for (auto& shard : shards) delete shard.load(std::memory_order_relaxed);
  }
  const Shard& shard_of(std::uint32_t hash) const { return *shards[hash & (shards.size() - 1)].load(); }

  // Longest first, none above `most`; `each` says true when it has found.
  template <class Each>
  void for_each_length(unsigned most, Each each) const {
    for (unsigned word = most / 64 + 1; word-- > 0;) {
      std::uint64_t bits = lengths[word].load(std::memory_order_relaxed);
      if (word == most / 64 && most % 64 != 63) bits &= (std::uint64_t{2} << most % 64) - 1;
      while (bits != 0) {
        const auto top = static_cast<unsigned>(std::bit_width(bits)) - 1;
        if (each(word * 64 + top)) return;
        bits &= ~(std::uint64_t{1} << top);
      }
    }
  }
  void note_length(std::size_t length) {
    const std::size_t place = std::min<std::size_t>(length, kLengths - 1);
    lengths[place / 64].fetch_or(std::uint64_t{1} << place % 64);
    if (longest.load(std::memory_order_relaxed) < length) longest = length;
  }

  std::vector<std::atomic<const Shard*>> shards;
  std::array<std::atomic<std::uint64_t>, kLengths / 64> lengths{};
  std::atomic<std::size_t> longest{0};
};

PatternIndex::PatternIndex(PatternWay way, std::shared_ptr<PatternBin> bin)
    : way_(way), bin_(std::move(bin)), table_(nullptr) {
  rebuild({});
}

PatternIndex::~PatternIndex() { delete table_.load(); }

bool PatternIndex::hashes() const {
  switch (way_.match) {
    case Match::Str:
    case Match::Beg:
    case Match::Ip:
    case Match::Bin:
      return true;
    case Match::Found:
    case Match::Bool:
    case Match::Int:
    case Match::Len:
    case Match::End:
    case Match::Sub:
    case Match::Dir:
    case Match::Dom:
    case Match::Reg:
      return false;
  }
  return false;
}

std::uint32_t PatternIndex::hash_of(std::string_view text) const {
  if (!way_.ignore_case) return static_cast<std::uint32_t>(xxh64(text));
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(to_lower(c))) * 0x100000001b3ull;
  return static_cast<std::uint32_t>(hash ^ hash >> 32);
}

bool PatternIndex::equal(std::string_view a, std::string_view b) const {
  return way_.ignore_case ? equal_nocase(a, b) : a == b;
}

// Looking.

const PatternItem* PatternIndex::find(Subject& subject, const Value& key) const {
  const Table& table = *table_.load();
  switch (way_.match) {
    case Match::Str:
    case Match::Bin:
      return find_text(table, key.text);
    case Match::Beg:
      return find_beginning(table, key.text);
    case Match::Ip:
      return find_address(table, key.ip);
    case Match::Found:
    case Match::Bool:
    case Match::Int:
    case Match::Len:
    case Match::End:
    case Match::Sub:
    case Match::Dir:
    case Match::Dom:
    case Match::Reg:
      return find_listed(table, subject, key);
  }
  return nullptr;
}

const PatternItem* PatternIndex::find_text(const Table& table, std::string_view text) const {
  if (table.shards.size() == 1) {
    for (const Slot& slot : table.shards[0].load()->slots) {
      if (equal(slot.text, text)) return slot.item;
    }
    return nullptr;
  }
  const std::uint32_t hash = hash_of(text);
  for (const Slot& slot : table.shard_of(hash).slots) {
    if (slot.hash == hash && equal(slot.text, text)) return slot.item;
  }
  return nullptr;
}

// The longest one.
const PatternItem* PatternIndex::find_beginning(const Table& table, std::string_view text) const {
  const PatternItem* found = nullptr;
  if (table.shards.size() == 1) {
    for (const Slot& slot : table.shards[0].load()->slots) {
      const std::size_t size = slot.text.size();
      if (size > text.size() || (found != nullptr && size <= found->text.size())) continue;
      if (equal(slot.text, text.substr(0, size))) found = slot.item;
    }
    return found;
  }
  const auto look = [&](std::size_t size) {
    const std::uint32_t hash = hash_of(text.substr(0, size));
    for (const Slot& slot : table.shard_of(hash).slots) {
      if (slot.hash == hash && equal(slot.text, text.substr(0, size))) found = slot.item;
      if (found != nullptr) return true;
    }
    return false;
  };
  for (std::size_t size = std::min(text.size(), table.longest.load()); size >= kLengths - 1; --size) {
    if (look(size)) return found;
  }
  table.for_each_length(static_cast<unsigned>(std::min<std::size_t>(text.size(), kLengths - 2)), look);
  return found;
}

// The narrowest one, of the address's own family first.
const PatternItem* PatternIndex::find_address(const Table& table, const Ip& ip) const {
  if (!ip.is6) {
    if (const PatternItem* own = find_network(table, ip.bytes, false)) return own;
    unsigned char mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    std::memcpy(mapped + 12, ip.bytes, 4);
    return find_network(table, mapped, true);
  }
  if (const PatternItem* own = find_network(table, ip.bytes, true)) return own;
  const unsigned char* four = carried(ip.bytes);
  return four == nullptr ? nullptr : find_network(table, four, false);
}

const PatternItem* PatternIndex::find_network(const Table& table, const unsigned char* bytes, bool is6) const {
  const PatternItem* found = nullptr;
  if (table.shards.size() == 1) {
    for (const Slot& slot : table.shards[0].load()->slots) {
      const PatternItem& item = *slot.item;
      if (item.network.is6 != is6 || (found != nullptr && item.bits <= found->bits)) continue;
      if (covers(item.network, item.bits, bytes)) found = &item;
    }
    return found;
  }
  const unsigned least = is6 ? kSix : 0;
  table.for_each_length(is6 ? kSix + 128 : 32, [&](unsigned length) {
    if (length < least) return true;
    const unsigned bits = length - least;
    const std::uint32_t hash = hash_of_network(bytes, is6, bits);
    for (const Slot& slot : table.shard_of(hash).slots) {
      const PatternItem& item = *slot.item;
      if (slot.hash != hash || item.bits != bits || item.network.is6 != is6) continue;
      if (covers(item.network, bits, bytes)) return found = &item, true;
    }
    return false;
  });
  return found;
}

const PatternItem* PatternIndex::find_listed(const Table& table, Subject& subject, const Value& key) const {
  for (const auto& shard : table.shards) {
    for (const Slot& slot : shard.load()->slots) {
      if (fits(subject, *slot.item, key)) return slot.item;
      if (subject.trouble != Trouble::None) return nullptr;
    }
  }
  return nullptr;
}

bool PatternIndex::fits(Subject& subject, const PatternItem& item, const Value& key) const {
  const auto within = [&](std::int64_t number) { return number >= item.low && number <= item.high; };
  const std::string_view text = key.text;
  switch (way_.match) {
    case Match::Int:
      return within(key.integer);
    case Match::Len:
      return within(static_cast<std::int64_t>(text.size()));
    case Match::End:
      return text.size() >= item.text.size() && equal(text.substr(text.size() - item.text.size()), item.text);
    case Match::Sub:
      return (way_.ignore_case ? find_nocase(text, item.text) : text.find(item.text)) != std::string_view::npos;
    case Match::Dir:
      return has_part(text, item.text, kDirDelimiters, way_.ignore_case);
    case Match::Dom:
      return has_part(text, item.text, kDomDelimiters, way_.ignore_case);
    case Match::Reg:
      return item.regex->matches(subject, text);
    case Match::Found:
    case Match::Bool:
    case Match::Ip:
    case Match::Bin:
    case Match::Str:
    case Match::Beg:
      break;
  }
  return false;
}

// Making items.

std::unique_ptr<PatternItem> PatternIndex::compile(std::string_view key, std::string_view value, Said said,
                                                   std::string& error) const {
  const bool to_command = said == Said::ToCommand;
  auto item = std::make_unique<PatternItem>();
  const bool exact = way_.match == Match::Str || way_.match == Match::Reg;
  item->key = std::string(key);
  item->text = std::string(exact ? key : trim(key));
  item->raw = std::string(value);
  if (way_.output != Type::None && !value_of(item->raw, way_.output, item->value)) {
    error = to_command ? format("unable to parse '{}'.", value)
                       : format("'{}' is no {}", value, way_.output == Type::Integer ? "number" : "IP address");
    return nullptr;
  }
  switch (way_.match) {
    case Match::Int:
    case Match::Len:
      if (parse_range(item->text, item->low, item->high, way_.decimal)) return item;
      error = !to_command ? format("'{}' is no number or range such as 5, 1:10 or 10:", item->text)
              : item->text.find(':') == std::string::npos ? format("'{}' is not a number.", item->text)
                                                          : format("'{}' is not a valid number range.", item->text);
      return nullptr;
    case Match::Ip:
      if (!parse_network(item->text, item->network, item->bits)) {
        error = to_command ? format("'{}' is not a valid IPv4 or IPv6 address.", item->text)
                           : format("'{}' is no IP address or network such as 10.0.0.0/8 or 2001:db8::/32", item->text);
        return nullptr;
      }
      item->hash = hash_of_network(item->network.bytes, item->network.is6, item->bits);
      return item;
    case Match::Bin: {
      std::string bytes;
      if (!decode_hex(item->text, bytes)) {
        error = format("'{}' is no even number of hexadecimal digits", item->text);
        return nullptr;
      }
      item->text = std::move(bytes);
      break;
    }
    case Match::Reg:
      item->regex = Regex::compile(item->text, way_.ignore_case, error);
      if (item->regex != nullptr) return item;
      error = format("'{}' is no regular expression: {}", item->text, error);
      return nullptr;
    case Match::Found:
    case Match::Bool:
    case Match::Str:
    case Match::Beg:
    case Match::End:
    case Match::Sub:
    case Match::Dir:
    case Match::Dom:
      break;
  }
  item->hash = hash_of(item->text);
  return item;
}

// Changing.

std::atomic<const PatternIndex::Shard*>* PatternIndex::place_of(const Table& table, const PatternItem& item) const {
  auto& shards = const_cast<Table&>(table).shards;
  if (hashes()) return &shards[item.hash & (shards.size() - 1)];
  const auto end = shards.begin() + static_cast<std::ptrdiff_t>(last_) + 1;
  const auto behind = std::upper_bound(shards.begin() + 1, end, item.id,
                                       [](std::uint64_t id, const auto& shard) { return id < shard.load()->first_id; });
  return &*(behind - 1);
}

template <class Change>
void PatternIndex::change(std::atomic<const Shard*>& place, Change change) {
  const Shard* old = place.load();
  auto next = std::make_unique<Shard>(*old);
  change(next->slots);
  place.store(next.release());
  bin_->put(std::unique_ptr<TakenOut>(const_cast<Shard*>(old)));
}

// Its id is greater than any before.
void PatternIndex::add(const PatternItem& item) {
  make_room(item);
  auto& table = const_cast<Table&>(*table_.load());
  // Whoever finds it must look for its length.
  if (way_.match == Match::Beg) table.note_length(item.text.size());
  if (way_.match == Match::Ip) table.note_length(item.network.is6 ? kSix + item.bits : item.bits);
  change(*place_of(table, item), [&](std::vector<Slot>& slots) { slots.push_back({item.hash, &item, item.text}); });
  ++size_;
}

void PatternIndex::remove(const PatternItem& item) {
  change(*place_of(*table_.load(), item),
         [&](std::vector<Slot>& slots) { std::erase_if(slots, [&](const Slot& it) { return it.item == &item; }); });
  --size_;
}

void PatternIndex::replace(const PatternItem& item, const PatternItem& by) {
  change(*place_of(*table_.load(), item), [&](std::vector<Slot>& slots) {
    for (Slot& slot : slots) {
      if (slot.item == &item) slot = {by.hash, &by, by.text};
    }
  });
}

void PatternIndex::make_room(const PatternItem& item) {
  const Table& table = *table_.load();
  if (hashes()) {
    const std::size_t most = table.shards.size() == 1 ? kFew : table.shards.size() * kMostInShard;
    if (size_ < most) return;
  } else {
    if (table.shards[last_].load()->slots.size() < kListed) return;
    if (last_ + 1 < table.shards.size()) {
      auto next = std::make_unique<Shard>();
      next->first_id = item.id;
      auto& place = const_cast<Table&>(table).shards[++last_];
      bin_->put(std::unique_ptr<TakenOut>(const_cast<Shard*>(place.exchange(next.release()))));
      return;
    }
  }
  std::vector<const PatternItem*> all;
  all.reserve(size_);
  for (const auto& shard : table.shards) {
    for (const Slot& slot : shard.load()->slots) all.push_back(slot.item);
  }
  std::sort(all.begin(), all.end(), [](const PatternItem* a, const PatternItem* b) { return a->id < b->id; });
  rebuild(all);
  if (!hashes()) make_room(item);
}

void PatternIndex::rebuild(const std::vector<const PatternItem*>& items) {
  std::size_t count = 1;
  if (hashes()) {
    if (items.size() >= kFew) count = std::bit_ceil(items.size() / kInShard + 1);
  } else if (items.size() >= kListed) {
    count = std::bit_ceil(items.size() / kListed + 1) * 2;
  }
  std::vector<std::unique_ptr<Shard>> shards(count);
  for (auto& shard : shards) shard = std::make_unique<Shard>();
  auto next = std::make_unique<Table>(count);
  last_ = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const PatternItem& item = *items[i];
    if (!hashes()) last_ = i / kListed;
    Shard& shard = *shards[hashes() ? item.hash & (count - 1) : last_];
    if (shard.slots.empty()) shard.first_id = item.id;
    shard.slots.push_back({item.hash, &item, item.text});
    if (way_.match == Match::Beg) next->note_length(item.text.size());
    if (way_.match == Match::Ip) next->note_length(item.network.is6 ? kSix + item.bits : item.bits);
  }
  for (std::size_t i = 0; i < count; ++i) next->shards[i] = shards[i].release();
  size_ = items.size();
  if (const Table* old = table_.exchange(next.release())) bin_->put(std::unique_ptr<TakenOut>(const_cast<Table*>(old)));
}

}  // namespace penstock::rules
