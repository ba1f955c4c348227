#include "map_table.h"

#include <algorithm>
#include <optional>

#include "matcher.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock::rules {

std::unique_ptr<MapTable> MapTable::read(const std::string& content, MapMatch match, Type output, std::string& error) {
  auto map = std::make_unique<MapTable>(match, output);
  std::string_view rest = content;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    std::string_view line = cut(rest, '\n');
    if (line.ends_with('\r')) line.remove_suffix(1);
    // A sharp begins a comment only as the first character; behind a blank it is a key's.
    if (line.starts_with('#')) continue;
    line = trim(line);
    if (line.empty()) continue;
    const std::size_t blank = std::min(line.find(' '), line.find('\t'));
    const std::string_view key = line.substr(0, blank);
    const std::string_view value = blank == std::string_view::npos ? std::string_view() : trim(line.substr(blank));
    if (map->add(key, value, error)) continue;
    error = format("line {}: {}", number, error);
    return nullptr;
  }
  // The finest network first.
  if (match == MapMatch::Ip) {
    std::stable_sort(map->entries_.begin(), map->entries_.end(),
                     [](const auto& a, const auto& b) { return a->bits > b->bits; });
  }
  return map;
}

bool MapTable::value_of(const std::string& text, Type type, Value& out) {
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

bool MapTable::add(std::string_view key, std::string_view value, std::string& error) {
  auto entry = std::make_unique<Entry>();
  entry->key = std::string(key);
  entry->text = std::string(value);
  if (!value_of(entry->text, output_, entry->value)) {
    error = format("'{}' is no {}", value, output_ == Type::Integer ? "number" : "IP address");
    return false;
  }
  switch (match_) {
    case MapMatch::Ip:
      if (!add_network(*entry)) return error = format("'{}' is no IP network", key), false;
      break;
    case MapMatch::Int:
      if (!add_range(*entry)) return error = format("'{}' is no number or range", key), false;
      break;
    case MapMatch::Reg:
    case MapMatch::Regm:
      entry->regex = Regex::compile(key, false, error);
      if (entry->regex == nullptr) return false;
      break;
    case MapMatch::Str:
    case MapMatch::Beg:
      exact_.try_emplace(entry->key, entry.get());
      longest_ = std::max(longest_, entry->key.size());
      break;
    case MapMatch::Sub:
    case MapMatch::Dir:
    case MapMatch::Dom:
    case MapMatch::End:
      break;
  }
  entries_.push_back(std::move(entry));
  return true;
}

bool MapTable::add_network(Entry& entry) {
  std::string_view mask = entry.key;
  const std::string_view address = cut(mask, '/');
  if (!Ip::parse(address, entry.network)) return false;
  const unsigned most = entry.network.is6 ? 128 : 32;
  const auto bits =
      entry.key.find('/') == std::string::npos ? std::optional<std::uint64_t>(most) : parse_unsigned(mask);
  if (!bits || *bits > most) return false;
  entry.bits = static_cast<unsigned>(*bits);
  return true;
}

bool MapTable::add_range(Entry& entry) { return parse_range(entry.key, entry.low, entry.high); }

const MapTable::Entry* MapTable::find_network(const Ip& ip) const {
  for (const auto& entry : entries_) {
    if (entry->network.is6 != ip.is6) continue;
    const unsigned whole = entry->bits / 8, left = entry->bits % 8;
    if (std::memcmp(ip.bytes, entry->network.bytes, whole) != 0) continue;
    const auto mask = static_cast<unsigned char>(0xff00u >> left);
    if (left == 0 || ((ip.bytes[whole] ^ entry->network.bytes[whole]) & mask) == 0) return entry.get();
  }
  return nullptr;
}

const MapTable::Entry* MapTable::find_text(std::string_view key) const {
  if (match_ == MapMatch::Str) {
    const auto at = exact_.find(key);
    return at == exact_.end() ? nullptr : at->second;
  }
  if (match_ == MapMatch::Beg) {
    for (std::size_t size = std::min(key.size(), longest_) + 1; size-- > 0;) {
      const auto at = exact_.find(key.substr(0, size));
      if (at != exact_.end()) return at->second;
    }
    return nullptr;
  }
  for (const auto& entry : entries_) {
    const bool matches = match_ == MapMatch::Sub   ? key.find(entry->key) != std::string_view::npos
                         : match_ == MapMatch::End ? key.ends_with(entry->key)
                         : match_ == MapMatch::Dir ? has_part(key, entry->key, kDirDelimiters, false)
                                                   : has_part(key, entry->key, kDomDelimiters, false);
    if (matches) return entry.get();
  }
  return nullptr;
}

bool MapTable::look_up(Subject& subject, const Value& key, Value& out) const {
  if (match_ == MapMatch::Reg || match_ == MapMatch::Regm) {
    for (const auto& entry : entries_) {
      RegexGroups groups;
      const std::string_view text = key.text;  // `out` may be `key`.
      if (!entry->regex->find(subject, text, 0, groups)) {
        if (subject.trouble != Trouble::None) return false;
        continue;
      }
      out = entry->value;
      if (match_ == MapMatch::Regm) out.set_text(expand_groups(subject, entry->text, text, groups));
      return true;
    }
    return false;
  }
  const Entry* found = nullptr;
  if (match_ == MapMatch::Ip) {
    found = find_network(key.ip.unmapped());
  } else if (match_ == MapMatch::Int) {
    const auto at = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
      return key.integer >= entry->low && key.integer <= entry->high;
    });
    found = at == entries_.end() ? nullptr : at->get();
  } else {
    found = find_text(key.text);
  }
  if (found == nullptr) return false;
  out = found->value;
  return true;
}

}  // namespace penstock::rules
