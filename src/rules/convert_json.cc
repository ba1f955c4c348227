// Converters about JSON and the tokens made of it (manual section 7.3.1; RFC 8259, RFC 7515).
#include <array>
#include <bit>
#include <charconv>
#include <optional>

#include "expression.h"
#include "json_path.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/net/hashing.h"
#include "penstock/net/signature.h"
#include "penstock/rules/key_files.h"

namespace penstock::rules {

namespace {

// What `json` takes its input for: bytes, or UTF-8 of which some mistakes are forgiven.
struct Coding {
  std::string_view name;
  bool utf8, keeps_overlong, passes_over;
};
constexpr Coding kCodings[] = {{"ascii", false, false, false},
                               {"utf8", true, false, false},
                               {"utf8s", true, false, true},
                               {"utf8p", true, true, false},
                               {"utf8ps", true, true, true}};

// One letter off the front of UTF-8, forms of up to six bytes too, with all that is wrong about it.
struct Letter {
  std::uint32_t code = 0;
  std::size_t size = 1;
  bool broken = false, overlong = false, forbidden = false;
};

Letter letter_at(std::string_view bytes) {
  const auto first = static_cast<unsigned char>(bytes[0]);
  Letter letter;
  letter.code = first;
  if (first < 0x80) return letter;
  const auto more = static_cast<std::size_t>(std::countl_one(first)) - 1;
  if (more == 0 || more > 5) return letter.broken = true, letter;
  letter.code = first & (0x3fu >> more);
  for (; letter.size <= more; ++letter.size) {
    const auto byte = letter.size < bytes.size() ? static_cast<unsigned char>(bytes[letter.size]) : 0;
    if ((byte & 0xc0) != 0x80) return letter.broken = true, letter;
    letter.code = letter.code << 6 | (byte & 0x3f);
  }
  // The least code of forms of two to six bytes.
  constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000};
  letter.overlong = letter.code < kLeast[more];
  letter.forbidden = (letter.code >= 0xd800 && letter.code < 0xe000) || letter.code == 0xfffe || letter.code == 0xffff;
  return letter;
}

char* put_escaped(std::uint32_t code, char* to) {
  constexpr std::string_view kNamed = "\"\\/\b\f\n\r\t", kLetters = "\"\\/bfnrt";
  const std::size_t which = code < 0x80 ? kNamed.find(static_cast<char>(code)) : std::string_view::npos;
  if (which != std::string_view::npos) {
    *to++ = '\\';
    *to++ = kLetters[which];
    return to;
  }
  if (code >= 0x20 && code < 0x7f) return *to++ = static_cast<char>(code), to;
  return to + format_into({to, 6}, "\\u{:04x}", code).size();
}

bool convert_json(const Call& call, Subject& subject, Value& value) {
  constexpr std::size_t kMostOfByte = 6;
  const Coding& coding = kCodings[call.integer(0, 0)];
  std::string_view rest = value.text;
  if (!subject.has_room(kMostOfByte * rest.size())) return false;
  char* const to = static_cast<char*>(subject.arena.allocate(kMostOfByte * rest.size() + 1, 1));
  char* at = to;
  while (!rest.empty()) {
    Letter letter;
    letter.code = static_cast<unsigned char>(rest[0]);
    if (coding.utf8) letter = letter_at(rest);
    rest.remove_prefix(letter.size);
    const bool bad =
        letter.broken || letter.forbidden || (letter.overlong && !coding.keeps_overlong) || letter.code > 0xffff;
    if (!bad)
      at = put_escaped(letter.code, at);
    else if (!coding.passes_over)
      return false;
  }
  value.set_text({to, static_cast<std::size_t>(at - to)});
  return true;
}

// Integers that a double holds exactly, as HAProxy takes them.
constexpr std::int64_t kMostInteger = (std::int64_t{1} << 53) - 1;

bool take_number(const JsonFound& found, bool as_integer, Subject& subject, Value& value) {
  if (as_integer) {
    const std::int64_t number = leading_integer(found.text);
    if (number > kMostInteger || number < -kMostInteger) return false;
    return value.set_integer(number), true;
  }
  double number = 0;
  // One too large or too small stays 0, and is none.
  if (std::from_chars(found.text.data(), found.text.data() + found.text.size(), number).ec != std::errc()) return false;
  constexpr std::size_t kSpace = 32;
  char* space = static_cast<char*>(subject.arena.allocate(kSpace, 1));
  return value.set_text(format_into({space, kSpace}, "{:g}", number)), true;
}

// The argument behind the path says whether numbers are wanted as such.
bool query(const Argument& path, bool as_integer, Subject& subject, Value& value) {
  const JsonFound found = find_json(value.text, *path.json);
  switch (found.kind) {
    case JsonFound::Kind::None:
      return false;
    case JsonFound::Kind::Number:
      return take_number(found, as_integer, subject, value);
    case JsonFound::Kind::True:
    case JsonFound::Kind::False:
      return value.set_bool(found.kind == JsonFound::Kind::True), true;
    case JsonFound::Kind::Text:
      break;
  }
  if (!subject.has_room(found.text.size())) return false;
  char* const to = static_cast<char*>(subject.arena.allocate(found.text.size() + 1, 1));
  const auto size = unescape_json(found.text, to);
  if (size) value.set_text({to, *size});
  return size.has_value();
}

bool convert_query(const Call& call, Subject& subject, Value& value) {
  return query(call.arguments[0], call.has(1), subject, value);
}

// Tokens (RFC 7519): three parts of base64 between points.

constexpr std::size_t kTokenParts = 3;

// How many parts there are; of more than three no more than that is said.
std::size_t split_token(std::string_view token, std::array<std::string_view, kTokenParts>& parts) {
  std::size_t count = 0;
  for (;;) {
    const std::size_t point = token.find('.');
    if (count == kTokenParts) return count + 1;
    parts[count++] = token.substr(0, point);
    if (point == std::string_view::npos) return count;
    token.remove_prefix(point + 1);
  }
}

bool decode(std::string_view text, Subject& subject, std::string_view& out) {
  if (!subject.has_room(text.size())) return false;
  char* const to = static_cast<char*>(subject.arena.allocate(text.size() + 1, 1));
  const auto size = read_base64(text, to, Base64::ForUrls);
  if (size) out = {to, *size};
  return size.has_value();
}

template <std::size_t which>
bool convert_token(const Call& call, Subject& subject, Value& value) {
  std::array<std::string_view, kTokenParts> parts;
  std::string_view part;
  if (split_token(value.text, parts) <= which || !decode(parts[which], subject, part)) return false;
  value.set_text(part);
  return !call.has(0) || query(call.arguments[0], call.has(1), subject, value);
}

// RFC 7518 section 3.1.
struct Algorithm {
  std::string_view name;
  enum class Kind : std::uint8_t { None, Secret, Key } kind;
  Digest digest = Digest::Sha256;
  PublicKey::Scheme scheme = PublicKey::Scheme::Pkcs1;
};
constexpr Algorithm kAlgorithms[] = {
    {"HS256", Algorithm::Kind::Secret, Digest::Sha256},
    {"HS384", Algorithm::Kind::Secret, Digest::Sha384},
    {"HS512", Algorithm::Kind::Secret, Digest::Sha512},
    {"RS256", Algorithm::Kind::Key, Digest::Sha256, PublicKey::Scheme::Pkcs1},
    {"RS384", Algorithm::Kind::Key, Digest::Sha384, PublicKey::Scheme::Pkcs1},
    {"RS512", Algorithm::Kind::Key, Digest::Sha512, PublicKey::Scheme::Pkcs1},
    {"ES256", Algorithm::Kind::Key, Digest::Sha256, PublicKey::Scheme::Ecdsa},
    {"ES384", Algorithm::Kind::Key, Digest::Sha384, PublicKey::Scheme::Ecdsa},
    {"ES512", Algorithm::Kind::Key, Digest::Sha512, PublicKey::Scheme::Ecdsa},
    {"PS256", Algorithm::Kind::Key, Digest::Sha256, PublicKey::Scheme::Pss},
    {"PS384", Algorithm::Kind::Key, Digest::Sha384, PublicKey::Scheme::Pss},
    {"PS512", Algorithm::Kind::Key, Digest::Sha512, PublicKey::Scheme::Pss},
    {"none", Algorithm::Kind::None},
};

const Algorithm* algorithm_named(std::string_view name) {
  for (const Algorithm& algorithm : kAlgorithms) {
    if (algorithm.name == name) return &algorithm;
  }
  return nullptr;
}

// The numbers that jwt_verify answers with beside 0 and 1.
constexpr std::int64_t kUnknownAlgorithm = -1, kInvalidToken = -3, kUnknownKey = -5;

std::int64_t verify(const Algorithm& algorithm, const Argument& key, std::string_view key_text, std::string_view token,
                    Subject& subject) {
  std::array<std::string_view, kTokenParts> parts;
  const std::size_t count = split_token(token, parts);
  if (count < 2 || count > kTokenParts) return kInvalidToken;
  if (algorithm.kind == Algorithm::Kind::None) return parts[2].empty() ? 1 : 0;
  std::string_view signature;
  if (parts[2].empty() || !decode(parts[2], subject, signature)) return kInvalidToken;
  const std::string_view signed_text = token.substr(0, token.size() - parts[2].size() - 1);
  if (algorithm.kind == Algorithm::Kind::Secret) {
    char space[kMostDigest];
    return is_same_secret(keyed_digest_of(algorithm.digest, key_text, signed_text, space), signature) ? 1 : 0;
  }
  if (key.keys != nullptr) {
    for (const auto& [name, public_key] : *key.keys) {
      if (name == key_text) return public_key->verifies(algorithm.scheme, algorithm.digest, signed_text, signature);
    }
  }
  return kUnknownKey;
}

// The text of an argument, or of its variable; false if there is none.
bool text_of(const Argument& argument, Subject& subject, std::string_view& out) {
  if (!argument.is_variable) return out = argument.text, true;
  const Value* found = find_variable(subject, argument.variable);
  if (found == nullptr) return false;
  Value text = *found;
  if (!cast(subject, text, Type::Text)) return false;
  return out = text.text, true;
}

bool convert_verify(const Call& call, Subject& subject, Value& value) {
  std::string_view name, key;
  if (!text_of(call.arguments[0], subject, name) || !text_of(call.arguments[1], subject, key)) return false;
  const Algorithm* algorithm = algorithm_named(name);
  value.set_integer(algorithm == nullptr ? kUnknownAlgorithm
                                         : verify(*algorithm, call.arguments[1], key, value.text, subject));
  return true;
}

constexpr Converter kConverters[] = {
    {"json", Type::Text, Type::Text, "|t", convert_json},
    {"json_query", Type::Text, Type::None, "t|t", convert_query},
    {"jwt_header_query", Type::Text, Type::None, "|tt", convert_token<0>},
    {"jwt_payload_query", Type::Text, Type::None, "|tt", convert_token<1>},
    {"jwt_verify", Type::Binary, Type::Integer, "xx", convert_verify},
};

bool finish_query(Compiling& compiling, Call& call, config::Place place) {
  if (call.has(1) && call.text(1) != "int") {
    compiling.diagnostics.add(
        place, format("'{}' gives no '{}': nothing or 'int' was expected", call.converter->name, call.text(1)));
    return false;
  }
  if (!call.has(0) || (call.text(0).empty() && call.converter->name != "json_query")) {
    if (!call.arguments.empty()) call.arguments[0].given = false;
    return true;
  }
  auto path = parse_json_path(call.text(0));
  if (!path) {
    compiling.diagnostics.add(place,
                              format("'{}' is no path of a JSON text: $.name or $.list[0] was expected", call.text(0)));
    return false;
  }
  call.arguments[0].json = std::make_unique<JsonPath>(std::move(*path));
  return true;
}

bool add_key(Compiling& compiling, const std::string& file, NamedKeys& keys) {
  const std::string* content = compiling.environment.content(file);
  auto key = content == nullptr ? nullptr : PublicKey::of_pem(*content);
  if (key == nullptr) return false;
  keys.emplace_back(file, std::move(key));
  return true;
}

// All that others name.
void add_named_keys(Compiling& compiling, NamedKeys& keys) {
  if (compiling.config == nullptr) return;
  for (const KeyFile& file : collect_key_files(*compiling.config)) add_key(compiling, file.path, keys);
}

// Keys are read here.
bool finish_verify(Compiling& compiling, Call& call, config::Place place) {
  const Argument& name = call.arguments[0];
  Argument& key = call.arguments[1];
  const Algorithm* algorithm = name.is_variable ? nullptr : algorithm_named(name.text);
  if (!name.is_variable && algorithm == nullptr) {
    std::vector<std::string_view> names;
    for (const Algorithm& known : kAlgorithms) names.push_back(known.name);
    compiling.diagnostics.add(
        place, format("'{}' is no algorithm of a token's signature{}", name.text, hint(name.text, names)));
    return false;
  }
  if (algorithm != nullptr && algorithm->kind != Algorithm::Kind::Key) return true;
  NamedKeys keys;
  if (key.is_variable) {
    add_named_keys(compiling, keys);
  } else if (!add_key(compiling, key.text, keys) && algorithm != nullptr) {
    compiling.diagnostics.add(place, format("'{}' holds neither a public key nor a certificate in PEM", key.text));
    return false;
  }
  if (keys.empty() && !key.is_variable && key.text.find('/') != std::string::npos)
    compiling.diagnostics.warn(
        place, format("'{}' holds no public key: it is a secret of algorithms HS256 to HS512", key.text));
  key.keys = std::make_shared<const NamedKeys>(std::move(keys));
  return true;
}

}  // namespace

std::span<const Converter> json_converters() { return kConverters; }

bool names_key_file(std::string_view algorithm) {
  const Algorithm* known = algorithm_named(algorithm);
  return known != nullptr && known->kind == Algorithm::Kind::Key;
}

bool finish_json_converter(Compiling& compiling, Call& call, config::Place place) {
  const std::string_view name = call.converter->name;
  if (!name.starts_with("json") && !name.starts_with("jwt")) return true;
  if (name == "jwt_verify") return finish_verify(compiling, call, place);
  if (name != "json") return finish_query(compiling, call, place);
  if (!call.has(0) || call.text(0).empty()) return true;
  for (std::size_t i = 0; i < std::size(kCodings); ++i) {
    call.arguments[0].integer = static_cast<std::int64_t>(i);
    if (kCodings[i].name == call.text(0)) return true;
  }
  compiling.diagnostics.add(
      place, format("'{}' is no way to read a text: ascii, utf8, utf8s, utf8p or utf8ps was expected", call.text(0)));
  return false;
}

}  // namespace penstock::rules
