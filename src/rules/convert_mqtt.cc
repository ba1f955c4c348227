// Converters about the first packets of MQTT 3.1, 3.1.1 and 5.0: CONNECT and CONNACK (manual section 7.3.1, "mqtt_*").
#include <optional>

#include "expression.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock::rules {

namespace {

enum Packet : std::uint8_t { kConnect = 1, kConnack = 2 };

// How a value is written.
enum class Form : std::uint8_t { Byte, Two, Four, Varint, Text, Pair };

// A property of MQTT 5 (OASIS standard, section 2.2.2.2), the packets it may stand in, and whether those are the
// properties of a client's will.
struct Property {
  std::uint8_t id;
  Form form;
  bool connect, will, connack;
};
constexpr Property kProperties[] = {
    {1, Form::Byte, false, true, false},  {2, Form::Four, false, true, false},  {3, Form::Text, false, true, false},
    {8, Form::Text, false, true, false},  {9, Form::Text, false, true, false},  {17, Form::Four, true, false, true},
    {18, Form::Text, false, false, true}, {19, Form::Two, false, false, true},  {21, Form::Text, true, false, true},
    {22, Form::Text, true, false, true},  {23, Form::Byte, true, false, false}, {24, Form::Four, false, true, false},
    {25, Form::Byte, true, false, false}, {26, Form::Text, false, false, true}, {28, Form::Text, false, false, true},
    {31, Form::Text, false, false, true}, {33, Form::Two, true, false, true},   {34, Form::Two, true, false, true},
    {36, Form::Byte, false, false, true}, {37, Form::Byte, false, false, true}, {38, Form::Pair, true, true, true},
    {39, Form::Four, true, false, true},  {40, Form::Byte, false, false, true}, {41, Form::Byte, false, false, true},
    {42, Form::Byte, false, false, true},
};

// What else can be asked of a packet; numbers above those of properties.
struct FieldName {
  std::string_view name;
  std::int64_t field;
  bool connect, connack;
};
enum Field : std::int64_t {
  kFlags = 256,
  kProtocolName,
  kProtocolVersion,
  kClientIdentifier,
  kWillTopic,
  kWillPayload,
  kUsername,
  kPassword,
  kKeepalive,
  kReasonCode,
  kNoField
};
constexpr FieldName kFieldNames[] = {
    {"flags", kFlags, true, true},
    {"protocol_name", kProtocolName, true, false},
    {"protocol_version", kProtocolVersion, true, true},
    {"client_identifier", kClientIdentifier, true, false},
    {"will_topic", kWillTopic, true, false},
    {"will_payload", kWillPayload, true, false},
    {"username", kUsername, true, false},
    {"password", kPassword, true, false},
    {"keepalive", kKeepalive, true, false},
    {"reason_code", kReasonCode, false, true},
};

// Reads off the front; what is not there leaves it broken.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : rest_(bytes) {}
  bool broken() const { return broken_; }
  bool empty() const { return rest_.empty(); }

  std::string_view take(std::size_t size) {
    if (size > rest_.size()) broken_ = true, size = 0;
    const std::string_view part = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return part;
  }
  std::uint32_t number(std::size_t size) {
    std::uint32_t found = 0;
    for (const char byte : take(size)) found = found << 8 | static_cast<unsigned char>(byte);
    return found;
  }
  std::string_view text() { return take(number(2)); }
  // Of one to four bytes.
  std::uint32_t varint() {
    std::uint32_t found = 0;
    for (int shift = 0; shift < 28; shift += 7) {
      const std::uint32_t byte = number(1);
      found |= (byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return found;
    }
    broken_ = true;
    return 0;
  }

 private:
  std::string_view rest_;
  bool broken_ = false;
};

// A packet as it is read: whether it is one, and the value that is asked for.
class Reading {
 public:
  Reading(std::string_view packet, std::int64_t wanted) : bytes_(packet), wanted_(wanted) {}

  bool read_connect() {
    const std::string_view name = keep(kProtocolName, bytes_.text());
    const std::uint32_t version = keep(kProtocolVersion, bytes_.number(1));
    if ((name != "MQTT" && name != "MQIsdp") || version < 3 || version > 5) return false;
    const std::uint32_t flags = keep(kFlags, bytes_.number(1));
    constexpr std::uint32_t kReserved = 1, kWill = 4, kUser = 0x80, kSecret = 0x40;
    if ((flags & kReserved) != 0) return false;
    keep(kKeepalive, bytes_.number(2));
    if (version == 5 && !read_properties(&Property::connect)) return false;
    keep(kClientIdentifier, bytes_.text());
    if ((flags & kWill) != 0) {
      if (version == 5 && !read_properties(&Property::will)) return false;
      keep(kWillTopic, bytes_.text());
      keep(kWillPayload, bytes_.text());
    }
    if ((flags & kUser) != 0) keep(kUsername, bytes_.text());
    if ((flags & kSecret) != 0) keep(kPassword, bytes_.text());
    return ends();
  }

  bool read_connack() {
    constexpr std::uint32_t kIsKnown = 1;
    const std::uint32_t flags = keep(kFlags, bytes_.number(1));
    keep(kReasonCode, bytes_.number(1));
    if (flags > kIsKnown) return false;
    // Only MQTT 5 has more.
    keep(kProtocolVersion, bytes_.empty() ? 4u : 5u);
    return (bytes_.empty() || read_properties(&Property::connack)) && ends();
  }

  bool found() const { return found_; }
  std::string_view text() const { return text_; }
  std::optional<std::uint32_t> number() const { return number_; }

 private:
  bool ends() const { return !bytes_.broken() && bytes_.empty(); }

  std::string_view keep(std::int64_t field, std::string_view text) {
    if (field == wanted_) text_ = text, found_ = true;
    return text;
  }
  std::uint32_t keep(std::int64_t field, std::uint32_t number) {
    if (field == wanted_) number_ = number, found_ = true;
    return number;
  }

  // Each once, but for pairs.
  bool read_properties(bool Property::*place) {
    Bytes all(bytes_.take(bytes_.varint()));
    std::uint64_t seen = 0;
    while (!all.empty() && !bytes_.broken()) {
      const std::uint32_t id = all.number(1);
      const Property* property = nullptr;
      for (const Property& known : kProperties) {
        if (known.id == id && known.*place) property = &known;
      }
      if (property == nullptr) return false;
      if (property->form != Form::Pair && (seen >> id & 1) != 0) return false;
      seen |= std::uint64_t{1} << id;
      read_property(all, *property);
      if (all.broken()) return false;
    }
    return !bytes_.broken();
  }

  void read_property(Bytes& all, const Property& property) {
    switch (property.form) {
      case Form::Byte:
        keep(property.id, all.number(1));
        break;
      case Form::Two:
        keep(property.id, all.number(2));
        break;
      case Form::Four:
        keep(property.id, all.number(4));
        break;
      case Form::Varint:
        keep(property.id, all.varint());
        break;
      case Form::Text:
        keep(property.id, all.text());
        break;
      case Form::Pair:
        all.text();
        all.text();
        break;
    }
  }

  Bytes bytes_;
  std::int64_t wanted_;
  bool found_ = false;
  std::string_view text_;
  std::optional<std::uint32_t> number_;
};

// The flags of each type of packet must be these (section 2.2.2), but for PUBLISH; 0 is none, nor is 15 before MQTT 5.
bool fits_flags(unsigned char first) {
  constexpr std::uint8_t kPublish = 3, kPubrel = 6, kSubscribe = 8, kUnsubscribe = 10;
  const std::uint8_t type = first >> 4;
  if (type == 0) return false;
  if (type == kPublish) return true;
  return (first & 15) == (type == kPubrel || type == kSubscribe || type == kUnsubscribe ? 2 : 0);
}

// What stands behind the type and the length, of a packet that is all there; nothing: more may come. `kind` is 0 for what
// is neither of the two packets.
std::optional<std::string_view> packet_of(std::string_view bytes, std::uint8_t& kind) {
  kind = 0;
  constexpr std::size_t kLeast = 2, kMostLength = 4;
  if (bytes.size() < kLeast) return std::nullopt;
  const auto first = static_cast<unsigned char>(bytes[0]);
  if (!fits_flags(first)) return bytes;
  std::size_t size = 0;
  for (std::size_t i = 0; i < kMostLength; ++i) {
    if (i + 1 == bytes.size()) return std::nullopt;
    const auto byte = static_cast<unsigned char>(bytes[i + 1]);
    size |= std::size_t{byte & 0x7fu} << (7 * i);
    if ((byte & 0x80) != 0) continue;
    bytes.remove_prefix(i + 2);
    if (size > bytes.size()) return std::nullopt;
    if (first == kConnect << 4 || first == kConnack << 4) kind = first >> 4;
    return bytes.substr(0, size);
  }
  return bytes;
}

bool read(Reading& reading, std::uint8_t kind) {
  if (kind == kConnect) return reading.read_connect();
  return kind == kConnack && reading.read_connack();
}

bool convert_valid(const Call&, Subject&, Value& value) {
  std::uint8_t kind;
  const auto packet = packet_of(value.text, kind);
  if (!packet) return false;
  Reading reading(*packet, kNoField);
  return value.set_bool(read(reading, kind)), true;
}

bool convert_field(const Call& call, Subject& subject, Value& value) {
  std::uint8_t kind;
  const auto packet = packet_of(value.text, kind);
  if (!packet || kind != call.arguments[0].integer) return false;
  Reading reading(*packet, call.arguments[1].integer);
  if (!read(reading, kind) || !reading.found()) return false;
  value.set_text(reading.number() ? integer_text(subject, *reading.number()) : reading.text());
  return true;
}

constexpr Converter kConverters[] = {
    {"mqtt_field_value", Type::Binary, Type::Text, "tt", convert_field},
    {"mqtt_is_valid", Type::Binary, Type::Bool, "", convert_valid},
};

// The number of a field or of a property in packets of that kind; nothing if they have none of that name.
std::optional<std::int64_t> field_named(std::string_view name, bool connect) {
  for (const FieldName& known : kFieldNames) {
    if (equal_nocase(known.name, name) && (connect ? known.connect : known.connack)) return known.field;
  }
  const auto id = parse_unsigned(name);
  if (!id || name[0] == '0') return std::nullopt;
  for (const Property& known : kProperties) {
    if (known.id == *id && (connect ? known.connect || known.will : known.connack)) return known.id;
  }
  return std::nullopt;
}

}  // namespace

std::span<const Converter> mqtt_converters() { return kConverters; }

bool finish_mqtt_converter(Compiling& compiling, Call& call, config::Place place) {
  if (call.converter->name != "mqtt_field_value") return true;
  const std::string_view kind = call.text(0), name = call.text(1);
  const auto number = parse_unsigned(kind);
  const bool connect = equal_nocase(kind, "connect") || number == kConnect;
  if (!connect && !equal_nocase(kind, "connack") && number != kConnack) {
    compiling.diagnostics.add(
        place, format("'{}' is no packet of MQTT that can be read: connect or connack was expected", kind));
    return false;
  }
  const auto field = field_named(name, connect);
  if (!field) {
    std::vector<std::string_view> names;
    for (const FieldName& known : kFieldNames) {
      if (connect ? known.connect : known.connack) names.push_back(known.name);
    }
    compiling.diagnostics.add(place, format("a packet {} of MQTT has no '{}'{}", kind, name, hint(name, names)));
    return false;
  }
  if (*field == 38)
    compiling.diagnostics.warn(
        place, format("'{}({},38)' never has a value: user properties are not read", call.converter->name, kind));
  call.arguments[0].integer = connect ? kConnect : kConnack;
  call.arguments[1].integer = *field;
  return true;
}

}  // namespace penstock::rules
