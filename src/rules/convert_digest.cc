// Converters by hashes, digests and ciphers (manual section 7.3.1).
#include <optional>

#include "expression.h"
#include "hash.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/base/xxhash.h"
#include "penstock/net/hashing.h"

namespace penstock::rules {

namespace {

template <std::uint32_t (*hash)(std::string_view)>
bool convert_hash(const Call& call, Subject&, Value& value) {
  const std::uint32_t plain = hash(value.text);
  value.set_integer(call.integer(0, 0) != 0 ? avalanche(plain) : plain);
  return true;
}

bool convert_xxh32(const Call& call, Subject&, Value& value) {
  return value.set_integer(xxh32(value.text, static_cast<std::uint32_t>(call.integer(0, 0)))), true;
}

template <std::uint64_t (*hash)(std::string_view, std::uint64_t)>
bool convert_xxh(const Call& call, Subject&, Value& value) {
  const std::uint64_t found = hash(value.text, static_cast<std::uint64_t>(call.integer(0, 0)));
  return value.set_integer(static_cast<std::int64_t>(found)), true;
}

char* space_for_digest(Subject& subject) { return static_cast<char*>(subject.arena.allocate(kMostDigest, 1)); }

bool convert_sha1(const Call&, Subject& subject, Value& value) {
  return value.set_binary(digest_of(Digest::Sha1, value.text, space_for_digest(subject))), true;
}

constexpr Digest kSha2[] = {Digest::Sha224, Digest::Sha256, Digest::Sha384, Digest::Sha512};
constexpr std::int64_t kSha2Bits[] = {224, 256, 384, 512};

bool convert_sha2(const Call& call, Subject& subject, Value& value) {
  Digest digest = Digest::Sha256;
  for (std::size_t i = 0; i < std::size(kSha2); ++i) {
    if (call.integer(0, 256) == kSha2Bits[i]) digest = kSha2[i];
  }
  return value.set_binary(digest_of(digest, value.text, space_for_digest(subject))), true;
}

bool convert_digest(const Call& call, Subject& subject, Value& value) {
  const auto digest = static_cast<Digest>(call.arguments[0].integer);
  return value.set_binary(digest_of(digest, value.text, space_for_digest(subject))), true;
}

// What an argument says, as bytes: those of its text, which were decoded when it was read, or of what is in its
// variable as base64. False if there is none.
bool bytes_of(const Argument& argument, Subject& subject, std::string_view& out) {
  if (!argument.is_variable) return out = argument.text, true;
  const Value* found = find_variable(subject, argument.variable);
  if (found == nullptr) return false;
  Value text = *found;
  if (!cast(subject, text, Type::Text) || !subject.has_room(text.text.size())) return false;
  char* to = static_cast<char*>(subject.arena.allocate(text.text.size() + 1, 1));
  const std::optional<std::size_t> size = read_base64(text.text, to);
  if (size) out = {to, *size};
  return size.has_value();
}

bool convert_keyed_digest(const Call& call, Subject& subject, Value& value) {
  std::string_view key;
  if (!bytes_of(call.arguments[1], subject, key)) return false;
  const auto digest = static_cast<Digest>(call.arguments[0].integer);
  return value.set_binary(keyed_digest_of(digest, key, value.text, space_for_digest(subject))), true;
}

bool convert_decrypt(const Call& call, Subject& subject, Value& value) {
  std::string_view nonce, key, tag;
  if (!bytes_of(call.arguments[1], subject, nonce) || !bytes_of(call.arguments[2], subject, key) ||
      !bytes_of(call.arguments[3], subject, tag) || !subject.has_room(value.text.size()))
    return false;
  char* to = static_cast<char*>(subject.arena.allocate(value.text.size() + 1, 1));
  if (!open_aes_gcm(static_cast<unsigned>(call.arguments[0].integer), nonce, key, tag, value.text, to)) return false;
  return value.set_binary({to, value.text.size()}), true;
}

constexpr Converter kConverters[] = {
    {"aes_gcm_dec", Type::Binary, Type::Binary, "i666", convert_decrypt},
    {"crc32", Type::Binary, Type::Integer, "|i", convert_hash<hash_crc<0xedb88320u>>},
    {"crc32c", Type::Binary, Type::Integer, "|i", convert_hash<hash_crc<0x82f63b78u>>},
    {"digest", Type::Binary, Type::Binary, "t", convert_digest},
    {"djb2", Type::Binary, Type::Integer, "|i", convert_hash<hash_djb2>},
    {"hmac", Type::Binary, Type::Binary, "t6", convert_keyed_digest},
    {"sdbm", Type::Binary, Type::Integer, "|i", convert_hash<hash_sdbm>},
    {"sha1", Type::Binary, Type::Binary, "", convert_sha1},
    {"sha2", Type::Binary, Type::Binary, "|i", convert_sha2},
    {"wt6", Type::Binary, Type::Integer, "|i", convert_hash<hash_wt6>},
    {"xxh3", Type::Binary, Type::Integer, "|i", convert_xxh<xxh3>},
    {"xxh32", Type::Binary, Type::Integer, "|i", convert_xxh32},
    {"xxh64", Type::Binary, Type::Integer, "|i", convert_xxh<xxh64>},
};

bool finish_decrypt(Compiling& compiling, const Call& call, config::Place place) {
  const std::int64_t bits = call.arguments[0].integer;
  if (bits != 128 && bits != 192 && bits != 256) {
    compiling.diagnostics.add(place, format("AES has keys of 128, 192 or 256 bits, not {}", bits));
    return false;
  }
  const Argument& key = call.arguments[2];
  if (key.is_variable || key.text.size() >= static_cast<std::size_t>(bits / 8)) return true;
  compiling.diagnostics.add(
      place, format("the key of 'aes_gcm_dec({})' has {} bytes, not {}", bits, bits / 8, key.text.size()));
  return false;
}

}  // namespace

std::span<const Converter> digest_converters() { return kConverters; }

bool finish_digest_converter(Compiling& compiling, Call& call, config::Place place) {
  const std::string_view name = call.converter->name;
  if (name == "aes_gcm_dec") return finish_decrypt(compiling, call, place);
  if (name == "digest" || name == "hmac") {
    const auto digest = digest_named(call.text(0));
    if (!digest) {
      compiling.diagnostics.add(place, format("'{}' is no digest: md5, sha1, sha224, sha256, sha384, sha512 or "
                                              "sha512-256 was expected",
                                              call.text(0)));
      return false;
    }
    call.arguments[0].integer = static_cast<std::int64_t>(*digest);
  }
  if (name == "sha2" && call.has(0)) {
    for (const std::int64_t bits : kSha2Bits) {
      if (call.arguments[0].integer == bits) return true;
    }
    compiling.diagnostics.add(place, format("SHA-2 has 224, 256, 384 or 512 bits, not {}", call.text(0)));
    return false;
  }
  return true;
}

}  // namespace penstock::rules
