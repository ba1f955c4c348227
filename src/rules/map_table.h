// A map file (manual section 7.3.1, "map"): keys matched in one of the ways of ACLs, and a value for each.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "penstock/rules/subject.h"
#include "penstock/rules/value.h"
#include "regex.h"

namespace penstock::rules {

enum class MapMatch : std::uint8_t { Str, Beg, Sub, Dir, Dom, End, Reg, Regm, Int, Ip };

class MapTable {
 public:
  MapTable(MapMatch match, Type output) : match_(match), output_(output) {}
  // Null, and the line (from 1) with what is wrong in `error`, if `content` cannot be read as such a map.
  static std::unique_ptr<MapTable> read(const std::string& content, MapMatch match, Type output, std::string& error);
  MapMatch match() const { return match_; }
  Type output() const { return output_; }
  // The value as the map's output type; false: no key matches. `key` has the type the match takes.
  bool look_up(Subject& subject, const Value& key, Value& out) const;
  // The default of a map, as its output type; false if `text` is none.
  static bool value_of(const std::string& text, Type type, Value& out);

 private:
  struct Entry {
    std::string key;
    std::string text;
    Value value;
    std::int64_t low = 0, high = 0;
    std::unique_ptr<Regex> regex;
    Ip network;
    unsigned bits = 0;
  };
  bool add(std::string_view key, std::string_view value, std::string& error);
  bool add_network(Entry& entry);
  bool add_range(Entry& entry);
  const Entry* find_text(std::string_view key) const;
  const Entry* find_network(const Ip& ip) const;

  MapMatch match_;
  Type output_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::unordered_map<std::string_view, const Entry*> exact_;
  std::size_t longest_ = 0;
};

}  // namespace penstock::rules
