// Converters that read binary protocols: protocol buffers, gRPC (manual section 7.3.1, "protobuf", "ungrpc") and FIX.
#include <bit>
#include <optional>

#include "expression.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock::rules {

namespace {

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

// Protocol buffers.

enum class Wire : std::uint8_t { Varint = 0, Fixed64 = 1, Length = 2, Fixed32 = 5 };

struct FieldType {
  std::string_view name;
  Wire wire;
  std::int64_t (*number)(std::uint64_t);
};

std::int64_t plain_number(std::uint64_t bits) { return static_cast<std::int64_t>(bits); }
std::int64_t zigzag_number(std::uint64_t bits) { return static_cast<std::int64_t>((bits >> 1) ^ (~(bits & 1) + 1)); }
std::int64_t signed_32(std::uint64_t bits) { return static_cast<std::int32_t>(static_cast<std::uint32_t>(bits)); }

// What no integer can hold is the least of them.
std::int64_t whole_part(double number) {
  constexpr double kBound = 9223372036854775808.0;
  return number >= -kBound && number < kBound ? static_cast<std::int64_t>(number) : INT64_MIN;
}
std::int64_t of_double(std::uint64_t bits) { return whole_part(std::bit_cast<double>(bits)); }
std::int64_t of_float(std::uint64_t bits) {
  return whole_part(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits))));
}

constexpr FieldType kFieldTypes[] = {
    {"int32", Wire::Varint, plain_number},    {"int64", Wire::Varint, plain_number},
    {"uint32", Wire::Varint, plain_number},   {"uint64", Wire::Varint, plain_number},
    {"bool", Wire::Varint, plain_number},     {"enum", Wire::Varint, plain_number},
    {"sint32", Wire::Varint, zigzag_number},  {"sint64", Wire::Varint, zigzag_number},
    {"fixed64", Wire::Fixed64, plain_number}, {"sfixed64", Wire::Fixed64, plain_number},
    {"double", Wire::Fixed64, of_double},     {"fixed32", Wire::Fixed32, plain_number},
    {"sfixed32", Wire::Fixed32, signed_32},   {"float", Wire::Fixed32, of_float},
};

// Up to ten bytes, seven bits of each, off the front.
std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  constexpr std::size_t kMost = 10;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < bytes.size() && i < kMost; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    number |= std::uint64_t{byte & 0x7fu} << (7 * i);
    if ((byte & 0x80) != 0) continue;
    bytes.remove_prefix(i + 1);
    return number;
  }
  return std::nullopt;
}

struct Field {
  std::uint64_t number = 0;
  Wire wire = Wire::Varint;
  std::string_view bytes;  // As they came; of one with a length without that.
};

std::optional<Field> take_field(std::string_view& bytes) {
  const auto key = take_varint(bytes);
  if (!key) return std::nullopt;
  Field field{*key >> 3, static_cast<Wire>(*key & 7), bytes};
  std::uint64_t size = 0;
  switch (field.wire) {
    case Wire::Varint: {
      std::string_view rest = bytes;
      if (!take_varint(rest)) return std::nullopt;
      size = bytes.size() - rest.size();
      break;
    }
    case Wire::Fixed64:
      size = 8;
      break;
    case Wire::Fixed32:
      size = 4;
      break;
    case Wire::Length: {
      const auto length = take_varint(bytes);
      if (!length) return std::nullopt;
      size = *length;
      break;
    }
    default:
      return std::nullopt;
  }
  if (size > bytes.size()) return std::nullopt;
  field.bytes = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return field;
}

// The field that the numbers in `path` lead to, through messages within messages.
std::optional<Field> find_field(std::string_view message, std::string_view path) {
  for (;;) {
    const std::uint64_t wanted = parse_unsigned(cut(path, '.')).value_or(0);
    std::optional<Field> field;
    do {
      field = message.empty() ? std::nullopt : take_field(message);
      if (!field) return std::nullopt;
    } while (field->number != wanted || (!path.empty() && field->wire != Wire::Length));
    if (path.empty()) return field;
    message = field->bytes;
  }
}

bool take_found(const Call& call, const Field& field, Value& value) {
  if (!call.has(1)) return value.set_binary(field.bytes), true;
  const FieldType& type = kFieldTypes[call.arguments[1].integer];
  if (type.wire != field.wire) return false;
  std::string_view bytes = field.bytes;
  value.set_integer(type.number(field.wire == Wire::Varint ? take_varint(bytes).value_or(0) : little_endian(bytes)));
  return true;
}

bool convert_protobuf(const Call& call, Subject&, Value& value) {
  const auto field = find_field(value.text, call.text(0));
  return field && take_found(call, *field, value);
}

// Messages one after the other, each behind five bytes: whether it is compressed, and its length.
bool convert_grpc(const Call& call, Subject&, Value& value) {
  constexpr std::size_t kHead = 5;
  std::string_view rest = value.text;
  while (rest.size() > kHead) {
    std::size_t size = 0;
    for (const char byte : rest.substr(1, 4)) size = size << 8 | static_cast<unsigned char>(byte);
    rest.remove_prefix(kHead);
    if (size > rest.size()) return false;
    if (const auto field = find_field(rest.substr(0, size), call.text(0))) return take_found(call, *field, value);
    rest.remove_prefix(size);
  }
  return false;
}

bool finish_protobuf(Compiling& compiling, Call& call, config::Place place) {
  std::string_view path = call.text(0);
  const bool ends = !path.ends_with('.');
  do {
    const auto number = parse_unsigned(cut(path, '.'));
    if (ends && number && *number > 0 && *number < 1u << 29) continue;
    compiling.diagnostics.add(
        place, format("'{}' is no number of a field: one, or several with points between, was expected", call.text(0)));
    return false;
  } while (!path.empty());
  if (!call.has(1)) return true;
  std::vector<std::string_view> names;
  for (const FieldType& type : kFieldTypes) {
    if (type.name == call.text(1)) return call.arguments[1].integer = &type - kFieldTypes, true;
    names.push_back(type.name);
  }
  compiling.diagnostics.add(place, format("'{}' is no type of a field{}", call.text(1), hint(call.text(1), names)));
  return false;
}

// FIX: tag=value, an SOH behind each.

constexpr char kEndOfTag = '\x01';

struct Tag {
  std::uint64_t number = 0;
  std::string_view value;
};

// Off the front; nothing if there is no whole one.
std::optional<Tag> take_tag(std::string_view& bytes) {
  const std::size_t end = bytes.find(kEndOfTag);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view all = bytes.substr(0, end);
  const std::size_t equals = all.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const auto number = parse_unsigned(all.substr(0, equals));
  if (!number || *number == 0 || *number > INT32_MAX) return std::nullopt;
  bytes.remove_prefix(end + 1);
  return Tag{*number, all.substr(equals + 1)};
}

constexpr std::uint64_t kBeginString = 8, kBodyLength = 9, kCheckSum = 10, kMessageType = 35;

struct TagName {
  std::string_view name;
  std::uint64_t number;
};
constexpr TagName kTagNames[] = {{"BeginString", kBeginString}, {"BodyLength", kBodyLength}, {"MsgType", kMessageType},
                                 {"SenderCompID", 49},          {"TargetCompID", 56},        {"CheckSum", kCheckSum}};

bool is_fix_version(std::string_view text) {
  if (text == "FIXT.1.1") return true;
  return text.size() == 7 && text.starts_with("FIX.4.") && text[6] >= '0' && text[6] <= '4';
}

// Whether a message stands at the front; nothing while the rest of it may still come. Its body ends where the checksum
// begins.
std::optional<bool> is_fix_message(std::string_view all) {
  constexpr std::string_view kLeast = "8=FIX.4.0|9=5|35=A|10=000|";
  if (all.size() < kLeast.size()) return std::nullopt;
  std::string_view rest = all;
  std::optional<std::uint64_t> size;
  std::size_t body = 0;
  for (int number = 1; !rest.empty(); ++number) {
    const std::size_t begin = all.size() - rest.size();
    if (rest.find(kEndOfTag) == std::string_view::npos || rest.find('=') == std::string_view::npos) return std::nullopt;
    const auto tag = take_tag(rest);
    if (!tag) return false;
    if (number == 1 && (tag->number != kBeginString || !is_fix_version(tag->value))) return false;
    if (number == 2) {
      size = tag->number == kBodyLength ? parse_unsigned(tag->value) : std::nullopt;
      if (!size) return false;
      body = all.size() - rest.size();
    }
    if (number == 3 && (tag->number != kMessageType || tag->value.empty())) return false;
    if (tag->number != kCheckSum) continue;
    unsigned sum = 0;
    for (const char byte : all.substr(0, begin)) sum += static_cast<unsigned char>(byte);
    return *size == begin - body && tag->value.size() == 3 && parse_unsigned(tag->value) == (sum & 0xff);
  }
  return std::nullopt;
}

bool convert_fix_valid(const Call&, Subject&, Value& value) {
  const auto valid = is_fix_message(value.text);
  if (valid) value.set_bool(*valid);
  return valid.has_value();
}

bool convert_fix_value(const Call& call, Subject&, Value& value) {
  std::string_view rest = value.text;
  while (const auto tag = take_tag(rest)) {
    if (tag->number == static_cast<std::uint64_t>(call.arguments[0].integer)) return value.set_binary(tag->value), true;
  }
  return false;
}

bool finish_fix(Compiling& compiling, Call& call, config::Place place) {
  Argument& tag = call.arguments[0];
  for (const TagName& known : kTagNames) {
    if (equal_nocase(known.name, tag.text)) return tag.integer = static_cast<std::int64_t>(known.number), true;
  }
  const auto number = parse_unsigned(tag.text);
  if (number && *number > 0 && *number <= INT32_MAX) return tag.integer = static_cast<std::int64_t>(*number), true;
  std::vector<std::string_view> names;
  for (const TagName& known : kTagNames) names.push_back(known.name);
  compiling.diagnostics.add(place, format("'{}' is no tag of FIX{}", tag.text, hint(tag.text, names)));
  return false;
}

constexpr Converter kConverters[] = {
    {"fix_is_valid", Type::Binary, Type::Bool, "", convert_fix_valid},
    {"fix_tag_value", Type::Binary, Type::Binary, "t", convert_fix_value},
    {"protobuf", Type::Binary, Type::None, "t|t", convert_protobuf},
    {"ungrpc", Type::Binary, Type::None, "t|t", convert_grpc},
};

}  // namespace

std::span<const Converter> wire_converters() { return kConverters; }

bool finish_wire_converter(Compiling& compiling, Call& call, config::Place place) {
  const std::string_view name = call.converter->name;
  if (name == "protobuf" || name == "ungrpc") return finish_protobuf(compiling, call, place);
  return name != "fix_tag_value" || finish_fix(compiling, call, place);
}

}  // namespace penstock::rules
