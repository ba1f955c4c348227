#include "penstock/control/legacy.h"

#include <string.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/base/packing.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"

namespace penstock {
namespace {

// Things set by command that another process is to set again.
constexpr std::size_t kMostKept = 1000;
constexpr std::size_t kMostRedos = 200;  // Of one.
// Of all: each has a page of its own.
constexpr std::size_t kMostRedosOfAll = 5000, kMostBytesOfAll = std::size_t{64} * 1024 * 1024;

bool has_server(const config::Config& config, const std::string& backend, const std::string& server) {
  const config::Proxy* proxy = config.find_backend(backend);
  return proxy != nullptr && std::any_of(proxy->servers.begin(), proxy->servers.end(),
                                         [&server](const config::Server& each) { return each.name == server; });
}

bool is_kept(const Legacy& legacy, const std::string& name) {
  return std::any_of(legacy.kept.begin(), legacy.kept.end(),
                     [&](const KeptThing& thing) { return thing.name == name; });
}

void put(Packer& packer, Administration value) { packer.put_number(static_cast<std::uint64_t>(value)); }
void put(Packer& packer, std::uint32_t value) { packer.put_number(value); }
void put(Packer& packer, const ServerAddress& value) {
  packer.put_text({reinterpret_cast<const char*>(value.address.raw()), value.address.length()});
  packer.put_number(value.port_from_client ? 1 : 0);
  packer.put_number(static_cast<std::uint64_t>(std::int64_t{value.port_offset}));
  packer.put_number(value.name);
}

template <class Value>
void put(Packer& packer, const std::optional<Order<Value>>& order) {
  packer.put_number(order ? 1 : 0);
  if (!order) return;
  put(packer, order->value);
  put(packer, order->file);
}

bool take(Unpacker& from, Administration& value) {
  value = static_cast<Administration>(from.take_number());
  return value <= Administration::Maintenance;
}

bool take(Unpacker& from, std::uint32_t& value) {
  const std::uint64_t number = from.take_number();
  value = static_cast<std::uint32_t>(number);
  return number <= UINT32_MAX;
}

bool take(Unpacker& from, ServerAddress& value) {
  const std::string_view bytes = from.take_text();
  value.port_from_client = from.take_number() == 1;
  const auto offset = static_cast<std::int64_t>(from.take_number());
  value.name = from.take_number();
  value.port_offset = static_cast<int>(offset);
  std::optional<SocketAddress> address = SocketAddress::from_bytes(bytes);
  if (!address || offset != value.port_offset) return false;
  value.address = *address;
  return true;
}

template <class Value>
bool take(Unpacker& from, std::optional<Order<Value>>& order) {
  const std::uint64_t there = from.take_number();
  if (there == 0) return true;
  order.emplace();
  return there == 1 && take(from, order->value) && take(from, order->file);
}

}  // namespace

std::string pack_note(const Server& server, const ServerNote& note) {
  Packer packer;
  packer.put_text(server.backend_name);
  packer.put_text(server.name);
  packer.put_number(static_cast<std::uint64_t>(note.operation));
  packer.put_number(note.up_since_ms);
  put(packer, note.orders.administration);
  put(packer, note.orders.weight);
  put(packer, note.orders.maxconn);
  put(packer, note.orders.address);
  return std::string(std::string_view(packer.bytes()));
}

void take_note(Legacy& legacy, std::string_view bytes, const config::Config& config) {
  Unpacker from(bytes);
  const std::string backend(from.take_text());
  const std::string server(from.take_text());
  ServerNote note;
  note.operation = static_cast<Operation>(from.take_number());
  note.up_since_ms = from.take_number();
  Orders& orders = note.orders;
  const bool is_good = note.operation <= Operation::Drain && take(from, orders.administration) &&
                       take(from, orders.weight) && take(from, orders.maxconn) && take(from, orders.address);
  if (is_good && from.ended() &&
      (has_server(config, backend, server) || is_kept(legacy, added_server(backend, server))))
    legacy.servers[{backend, server}] = std::move(note);
}

std::string added_server(std::string_view backend, std::string_view server) {
  return format("added server {}/{}", backend, server);
}

void wipe(Redo& redo) {
  for (std::string& word : redo.words) ::explicit_bzero(word.data(), word.size());
  ::explicit_bzero(redo.payload.data(), redo.payload.size());
}

WipedText pack_redo(const Redo& redo) {
  Packer packer;
  packer.put_number(redo.words.size());
  for (const std::string& word : redo.words) packer.put_text(word);
  packer.put_text(redo.payload);
  return packer.bytes();
}

std::optional<Redo> unpack_redo(std::string_view bytes) {
  Redo redo;
  Unpacker from(bytes);
  for (std::uint64_t words = from.take_count(); words > 0; --words) redo.words.emplace_back(from.take_text());
  redo.payload = from.take_text();
  if (!from.ended()) return std::nullopt;
  return redo;
}

WipedText pack_change(const KeptChange& change) {
  Packer packer;
  packer.put_number(static_cast<std::uint64_t>(change.kind));
  packer.put_text(change.name);
  packer.put_text(change.from);
  packer.put_text(change.redo.words.empty() ? WipedText() : pack_redo(change.redo));
  return packer.bytes();
}

namespace {

KeptThing* find_kept(Legacy& legacy, std::string_view name) {
  const auto found =
      std::find_if(legacy.kept.begin(), legacy.kept.end(), [&](const KeptThing& thing) { return thing.name == name; });
  return found == legacy.kept.end() ? nullptr : &*found;
}

void forget_kept(Legacy& legacy, std::string_view name) {
  std::erase_if(legacy.kept, [&](const KeptThing& thing) { return thing.name == name; });
}

// One of that name; null: there are too many.
KeptThing* kept_of(Legacy& legacy, std::string_view name) {
  if (KeptThing* known = find_kept(legacy, name)) return known;
  if (legacy.kept.size() >= kMostKept) return nullptr;
  return &legacy.kept.emplace_back(KeptThing{std::string(name), {}});
}

bool has_room(const Legacy& legacy, const KeptThing& thing) {
  std::size_t count = 0, bytes = 0;
  for (const KeptThing& each : legacy.kept) {
    count += each.redos.size();
    for (const KeptRedo& redo : each.redos) bytes += redo.packed.view().size();
  }
  return thing.redos.size() < kMostRedos && count < kMostRedosOfAll && bytes < kMostBytesOfAll;
}

void set_redo(Legacy& legacy, std::string_view name, std::string_view redo) {
  forget_kept(legacy, name);
  legacy.entries.erase(std::string(name));
  KeptThing* thing = kept_of(legacy, name);
  if (thing != nullptr && !redo.empty() && has_room(legacy, *thing))
    thing->redos.push_back({legacy.next_redo++, Secret(redo)});
}

// Half of what made it would make something else: then it cannot be made again.
void add_redo(KeptThing& thing, const Legacy& legacy, KeptRedo redo) {
  if (thing.redos.empty()) return;
  if (redo.packed.view().empty() || !has_room(legacy, thing)) return thing.redos.clear();
  thing.redos.push_back(std::move(redo));
}

void join(Legacy& legacy, std::string_view from, std::string_view to) {
  const KeptThing* source = find_kept(legacy, from);
  if (source == nullptr) return;
  const std::vector<KeptRedo> redos = source->redos;
  forget_kept(legacy, from);
  if (find_kept(legacy, to) == nullptr) {
    if (KeptThing* thing = kept_of(legacy, to)) thing->redos = redos;
    return;
  }
  KeptThing& thing = *find_kept(legacy, to);
  if (redos.empty()) thing.redos.clear();
  for (const KeptRedo& redo : redos) add_redo(thing, legacy, redo);
}

// Of one that cannot be made again any more nothing need be known.
void take_entry(Legacy& legacy, std::string_view name, std::string_view key, std::string_view packed) {
  if (find_kept(legacy, name) != nullptr) return;
  const std::optional<Redo> redo = unpack_redo(packed);
  if (!redo || redo->words.empty()) return;
  KeptEntries& entries = legacy.entries[std::string(name)];
  entries.take(key, *redo);
  if (entries.is_too_much() || legacy.entries.size() > kMostKept) set_redo(legacy, name, {});
}

}  // namespace

void take_change(Legacy& legacy, std::string_view bytes) {
  Unpacker unpacker(bytes);
  const auto kind = static_cast<KeptChange::Kind>(std::min<std::uint64_t>(unpacker.take_number(), UINT8_MAX));
  const std::string_view name = unpacker.take_text(), from = unpacker.take_text(), redo = unpacker.take_text();
  // One that was too long to come here whole takes what it was about along.
  if (!unpacker.ended()) return forget_kept(legacy, name);
  switch (kind) {
    case KeptChange::Kind::Set:
      return set_redo(legacy, name, redo);
    case KeptChange::Kind::Append:
      if (KeptThing* thing = find_kept(legacy, name)) add_redo(*thing, legacy, {legacy.next_redo++, Secret(redo)});
      return;
    case KeptChange::Kind::Entry:
      return take_entry(legacy, name, from, redo);
    case KeptChange::Kind::Join:
      return join(legacy, from, name);
    case KeptChange::Kind::Forget:
      return forget_kept(legacy, name);
    case KeptChange::Kind::ForgetAll:
      return legacy.forget_kept();
  }
}

void KeptEntries::add(std::string_view key, const Redo& redo) {
  for (const std::string& word : redo.words) bytes_ += word.size();
  by_key_.emplace(key, next_);
  redos_.emplace(next_++, Redo{redo.words, {}});
}

// Those about a key; with a verb, those alone.
void KeptEntries::drop(const std::string& key, std::string_view verb) {
  const auto [begin, end] = by_key_.equal_range(key);
  for (auto at = begin; at != end;) {
    const auto redo = redos_.find(at->second);
    if (!verb.empty() && redo->second.words[0] != verb) {
      ++at;
      continue;
    }
    for (const std::string& word : redo->second.words) bytes_ -= word.size();
    redos_.erase(redo);
    at = by_key_.erase(at);
  }
}

void KeptEntries::take(std::string_view key, const Redo& redo) {
  const std::string& verb = redo.words[0];
  if (verb == "clear") *this = {};
  if (verb == "set") drop(std::string(key), "set");
  if (verb == "del") drop(std::string(key), {});
  if (verb != "del" || !redo.payload.empty()) add(key, redo);
}

namespace {

constexpr std::size_t kMostPayload = 65536;

// As a line of a payload it would be read as it is.
bool is_plain(const Redo& redo) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::string& key = redo.words[3];
  if (redo.words[0] != "add" || key.empty() || key.find_first_of(kBlanks) != std::string::npos) return false;
  if (redo.words.size() == 4) return true;
  const std::string& value = redo.words[4];
  return value.find_first_of("\r\n") == std::string::npos && trim(value) == value;
}

}  // namespace

std::vector<Redo> KeptEntries::commands() const {
  std::vector<Redo> commands;
  for (const auto& [number, redo] : redos_) {
    if (redo.words.size() < 4 || !is_plain(redo)) {
      commands.push_back(redo);
      continue;
    }
    const std::vector<std::string> begin(redo.words.begin(), redo.words.begin() + 3);
    if (commands.empty() || commands.back().words != begin || commands.back().payload.size() > kMostPayload)
      commands.push_back({begin, {}});
    std::string& payload = commands.back().payload;
    payload += redo.words[3];
    if (redo.words.size() > 4) payload += " " + redo.words[4];
    payload += '\n';
  }
  return commands;
}

std::string take_lost(Legacy& legacy) {
  std::string names;
  std::erase_if(legacy.kept, [&](const KeptThing& thing) {
    if (thing.redos.empty()) names += (names.empty() ? "" : ", ") + thing.name;
    return thing.redos.empty();
  });
  return names;
}

}  // namespace penstock
