#include "penstock/tables/peer_codec.h"

#include <algorithm>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/tables/stick_table.h"

namespace penstock::peers {
namespace {

using config::StickData;
using Key = config::StickTable::Key;

constexpr std::string_view kProtocol = "HAProxyS ";
constexpr std::string_view kMajor = "2.";
constexpr std::string_view kVersion = "2.1";
// Messages of this class and above this type have a length.
constexpr std::uint8_t kHasLength = 128;
constexpr std::uint64_t kMostElements = 100;
constexpr std::size_t kLongestName = 1024;  // Of a table.

// Types of keys as HAProxy numbers its samples.
constexpr std::pair<Key, std::uint64_t> kKeyTypes[] = {
    {Key::Integer, 2}, {Key::Ip, 4}, {Key::Ip6, 5}, {Key::String, 6}, {Key::Binary, 7}};

std::uint64_t number_of(Key key) {
  return std::find_if(std::begin(kKeyTypes), std::end(kKeyTypes), [&](const auto& each) { return each.first == key; })
      ->second;
}

// A line up to its end, without it; nothing: it is not there yet.
std::optional<std::string_view> take_line(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::string_view line = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

void put_word(std::string& to, std::uint32_t word) {
  for (int shift = 24; shift >= 0; shift -= 8) to += static_cast<char>(word >> shift);
}

void put_value(std::string& to, const Value& value) {
  if (value.data == StickData::ServerKey) {
    if (value.text_number == 0) return put_number(to, 0);
    std::string inside;
    put_number(inside, value.text_number);
    if (value.text) {
      put_number(inside, value.text->size());
      inside += *value.text;
    }
    put_number(to, inside.size());
    to += inside;
    return;
  }
  put_number(to, value.number);
  if (!config::is_rate(value.data)) return;
  put_number(to, value.current);
  put_number(to, value.previous);
}

void read_value(Reader& reader, Value& value) {
  if (value.data != StickData::ServerKey) {
    value.number = reader.number();
    if (!config::is_rate(value.data)) return;
    value.current = reader.number();
    value.previous = reader.number();
    return;
  }
  const std::uint64_t size = reader.number();
  if (size == 0) return;
  Reader inside(reader.bytes(size));
  value.text_number = inside.number();
  if (!inside.at_end()) value.text = inside.bytes(inside.number());
  if (inside.failed() || value.text_number == 0) reader.fail();
}

}  // namespace

std::string hello_text(const Hello& hello, int pid) {
  return format("{}{}\n{}\n{} {} 1\n", kProtocol, kVersion, hello.to, hello.from, pid);
}

std::string status_text(Status status) { return format("{}\n", static_cast<int>(status)); }

Progress take_hello(std::string_view& bytes, Hello& hello, Status& refusal) {
  refusal = Status::ProtocolError;
  std::string_view rest = bytes;
  // What cannot become a hello any more is refused at once.
  const std::string_view begun = rest.substr(0, kProtocol.size());
  if (begun != kProtocol.substr(0, begun.size())) return Progress::Wrong;
  const bool too_long = rest.size() > kLongestHello;
  const auto first = take_line(rest);
  if (!first) return too_long ? Progress::Wrong : Progress::More;
  if (!first->starts_with(kProtocol)) return Progress::Wrong;
  if (!first->substr(kProtocol.size()).starts_with(kMajor)) {
    refusal = Status::BadVersion;
    return Progress::Wrong;
  }
  const auto second = take_line(rest);
  const auto third = second ? take_line(rest) : std::nullopt;
  if (!third) return too_long ? Progress::Wrong : Progress::More;
  const std::size_t end = third->find(' ');
  if (second->empty() || end == 0 || end == std::string_view::npos) return Progress::Wrong;
  hello.to = *second;
  hello.from = third->substr(0, end);
  bytes = rest;
  return Progress::Done;
}

Progress take_status(std::string_view& bytes, int& status) {
  constexpr std::size_t kDigits = 3;
  std::string_view rest = bytes;
  const auto line = take_line(rest);
  if (!line) return bytes.size() > kDigits + 1 ? Progress::Wrong : Progress::More;
  const bool sound =
      line->size() == kDigits && std::all_of(line->begin(), line->end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!sound) return Progress::Wrong;
  status = 0;
  for (const char digit : *line) status = status * 10 + (digit - '0');
  bytes = rest;
  return Progress::Done;
}

Cut take_message(std::string_view& bytes, Message& message) {
  if (bytes.size() < 2) return Cut::More;
  const auto group = static_cast<std::uint8_t>(bytes[0]);
  const auto type = static_cast<std::uint8_t>(bytes[1]);
  message = {static_cast<std::uint16_t>(group << 8 | type), {}};
  std::string_view rest = bytes.substr(2);
  if (type >= kHasLength) {
    constexpr std::size_t kLongestNumber = 10;
    Reader reader(rest);
    const std::uint64_t size = reader.number();
    if (reader.failed()) return rest.size() >= kLongestNumber ? Cut::Wrong : Cut::More;
    if (size > kLongest) return Cut::TooLong;
    message.body = reader.bytes(size);
    if (reader.failed()) return Cut::More;
    rest.remove_prefix(static_cast<std::size_t>(message.body.data() + message.body.size() - rest.data()));
  }
  bytes = rest;
  return Cut::Done;
}

void put_message(std::string& to, Kind kind, std::string_view body) {
  const auto number = static_cast<std::uint16_t>(kind);
  to += static_cast<char>(number >> 8);
  to += static_cast<char>(number & 0xff);
  if ((number & 0xff) < kHasLength) return;
  put_number(to, body.size());
  to += body;
}

void put_number(std::string& to, std::uint64_t number) {
  if (number < 0xf0) {
    to += static_cast<char>(number);
    return;
  }
  to += static_cast<char>(number | 0xf0);
  number = (number - 0xf0) >> 4;
  while (number >= 0x80) {
    to += static_cast<char>(number | 0x80);
    number = (number - 0x80) >> 7;
  }
  to += static_cast<char>(number);
}

std::uint64_t Reader::number() {
  constexpr unsigned kMostShift = 60;
  if (rest_.empty()) return fail(), 0;
  std::uint64_t value = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  if (value < 0xf0) return value;
  for (unsigned shift = 4;; shift += 7) {
    if (rest_.empty() || shift > kMostShift) return fail(), 0;
    const std::uint64_t next = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    value += next << shift;
    if (next < 0x80) return value;
  }
}

std::uint32_t Reader::word() {
  const std::string_view four = bytes(4);
  std::uint32_t value = 0;
  for (const char byte : four) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

std::string_view Reader::bytes(std::uint64_t count) {
  if (count > rest_.size()) return fail(), std::string_view();
  const std::string_view taken = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return taken;
}

// A text has its end with it.
std::uint64_t wire_key_length(const config::StickTable& table) {
  return longest_key(table) + (table.key == Key::String ? 1 : 0);
}

void put_definition(std::string& to, const Definition& definition) {
  std::string body;
  put_number(body, definition.id);
  put_number(body, definition.name.size());
  body += definition.name;
  put_number(body, number_of(definition.key));
  put_number(body, definition.key_length);
  std::uint64_t bits = 0;
  for (const auto& stored : definition.stored) bits |= std::uint64_t{1} << static_cast<unsigned>(stored.data);
  put_number(body, bits);
  put_number(body, definition.expire_ms);
  for (const auto& stored : definition.stored) {
    if (!config::is_array(stored.data) && !config::is_rate(stored.data)) continue;
    put_number(body, static_cast<std::uint64_t>(stored.data));
    if (config::is_array(stored.data)) put_number(body, stored.count);
    if (config::is_rate(stored.data)) put_number(body, stored.period_ms);
  }
  put_message(to, Kind::Definition, body);
}

std::optional<Definition> read_definition(std::string_view body) {
  Reader reader(body);
  Definition definition;
  definition.id = reader.number();
  definition.name = reader.bytes(reader.number());
  const std::uint64_t type = reader.number();
  definition.key_length = reader.number();
  const std::uint64_t bits = reader.number();
  definition.expire_ms = reader.number();
  const auto* const key =
      std::find_if(std::begin(kKeyTypes), std::end(kKeyTypes), [&](const auto& each) { return each.second == type; });
  if (reader.failed() || definition.name.size() > kLongestName) return std::nullopt;
  definition.understood = key != std::end(kKeyTypes) && bits >> config::kStickDataCount == 0;
  if (!definition.understood) return definition;
  definition.key = key->first;
  for (unsigned bit = 0; bit < config::kStickDataCount; ++bit) {
    if ((bits >> bit & 1) != 0) definition.stored.push_back({static_cast<StickData>(bit)});
  }
  for (auto& stored : definition.stored) {
    if (!config::is_array(stored.data) && !config::is_rate(stored.data)) continue;
    if (reader.number() != static_cast<std::uint64_t>(stored.data)) return std::nullopt;
    if (config::is_array(stored.data)) {
      const std::uint64_t count = reader.number();
      if (count == 0 || count > kMostElements) return std::nullopt;
      stored.count = static_cast<std::uint32_t>(count);
    }
    if (config::is_rate(stored.data)) stored.period_ms = reader.number();
  }
  if (reader.failed()) return std::nullopt;
  return definition;
}

void put_acknowledgement(std::string& to, const Acknowledgement& acknowledgement) {
  std::string body;
  put_number(body, acknowledgement.id);
  put_word(body, acknowledgement.update);
  put_message(to, Kind::Acknowledgement, body);
}

std::optional<Acknowledgement> read_acknowledgement(std::string_view body) {
  Reader reader(body);
  Acknowledgement out;
  out.id = reader.number();
  out.update = reader.word();
  if (reader.failed()) return std::nullopt;
  return out;
}

bool read_update(const Message& message, const Definition& definition, Update& update) {
  const auto kind = static_cast<Kind>(message.kind);
  Reader reader(message.body);
  update.number.reset();
  update.left_ms.reset();
  update.values.clear();
  if (kind == Kind::Update || kind == Kind::TimedUpdate) update.number = reader.word();
  if (kind == Kind::TimedUpdate || kind == Kind::NextTimedUpdate) update.left_ms = reader.word();
  if (!definition.understood) return !reader.failed();
  switch (definition.key) {
    case Key::String:
      update.key = reader.bytes(reader.number());
      break;
    case Key::Integer:
      update.key = reader.bytes(4);
      break;
    case Key::Ip:
    case Key::Ip6:
    case Key::Binary:
      update.key = reader.bytes(definition.key_length);
      break;
  }
  for (const auto& stored : definition.stored) {
    for (std::uint32_t element = 0; element < stored.count && !reader.failed(); ++element) {
      Value& value = update.values.emplace_back();
      value.data = stored.data;
      value.element = element;
      read_value(reader, value);
    }
  }
  return !reader.failed();
}

void put_update(std::string& to, const Definition& definition, const Update& update) {
  std::string body;
  put_word(body, update.number.value_or(0));
  if (update.left_ms) put_word(body, *update.left_ms);
  if (definition.key == Key::String) put_number(body, update.key.size());
  body += update.key;
  for (const Value& value : update.values) put_value(body, value);
  put_message(to, update.left_ms ? Kind::TimedUpdate : Kind::Update, body);
}

}  // namespace penstock::peers
