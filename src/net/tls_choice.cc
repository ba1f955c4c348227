#include "tls_choice.h"

#include <openssl/bytestring.h>
#include <openssl/ec.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/base/xxhash.h"

namespace penstock {
namespace {

// RFC 8446 section 4.1.2: extensions by number.
constexpr std::uint16_t kServerName = 0;
constexpr std::uint16_t kSupportedGroups = 10;
constexpr std::uint16_t kPointFormats = 11;
constexpr std::uint16_t kSignatureAlgorithms = 13;
constexpr std::uint16_t kSupportedVersions = 43;

// RFC 8446 section 4.2.7: the groups that are curves of certificates too.
constexpr std::uint16_t kP256 = 23;
constexpr std::uint16_t kP384 = 24;
constexpr std::uint16_t kP521 = 25;

bool extension(const SSL_CLIENT_HELLO& hello, std::uint16_t type, CBS& content) {
  const std::uint8_t* data = nullptr;
  std::size_t size = 0;
  if (SSL_early_callback_ctx_extension_get(&hello, type, &data, &size) != 1) return false;
  CBS_init(&content, data, size);
  return true;
}

// True if `numbers`, 16 bits each, has one that `wanted` accepts.
template <class Wanted>
bool any_of_u16(CBS numbers, Wanted wanted) {
  std::uint16_t number = 0;
  while (CBS_get_u16(&numbers, &number) == 1) {
    if (wanted(number)) return true;
  }
  return false;
}

bool speaks_tls13(const SSL_CLIENT_HELLO& hello, const OwnAbilities& own) {
  if (own.max_version < TLS1_3_VERSION) return false;
  CBS content;
  CBS versions;
  if (!extension(hello, kSupportedVersions, content) || CBS_get_u8_length_prefixed(&content, &versions) != 1)
    return false;
  return any_of_u16(versions, [](std::uint16_t version) { return version == TLS1_3_VERSION; });
}

// RFC 8446 section 4.2.3. TLS 1.3 ties an ECDSA scheme to a curve and wants PSS of RSA keys.
bool scheme_fits(std::uint16_t scheme, const KeyNeeds& needs, bool tls13) {
  switch (needs.kind) {
    case KeyKind::Rsa:
      if (scheme == SSL_SIGN_RSA_PSS_RSAE_SHA256 || scheme == SSL_SIGN_RSA_PSS_RSAE_SHA384 ||
          scheme == SSL_SIGN_RSA_PSS_RSAE_SHA512) {
        return true;
      }
      return !tls13 && (scheme == SSL_SIGN_RSA_PKCS1_SHA256 || scheme == SSL_SIGN_RSA_PKCS1_SHA384 ||
                        scheme == SSL_SIGN_RSA_PKCS1_SHA512);
    case KeyKind::Ed25519:
      return scheme == SSL_SIGN_ED25519;
    case KeyKind::Ecdsa:
      if (scheme == SSL_SIGN_ECDSA_SECP256R1_SHA256) return !tls13 || needs.group == kP256;
      if (scheme == SSL_SIGN_ECDSA_SECP384R1_SHA384) return !tls13 || needs.group == kP384;
      if (scheme == SSL_SIGN_ECDSA_SECP521R1_SHA512) return !tls13 || needs.group == kP521;
      return false;
  }
  return false;
}

// Without the extension (RFC 5246 section 7.4.1.4.1) the client is an old one: RSA is what it surely can.
bool signatures_fit(const SSL_CLIENT_HELLO& hello, const KeyNeeds& needs, bool tls13) {
  CBS content;
  CBS schemes;
  if (!extension(hello, kSignatureAlgorithms, content)) return needs.kind == KeyKind::Rsa;
  if (CBS_get_u16_length_prefixed(&content, &schemes) != 1) return false;
  return any_of_u16(schemes, [&](std::uint16_t scheme) { return scheme_fits(scheme, needs, tls13); });
}

// RFC 8422 section 5.1: up to TLS 1.2 the groups limit the curves of certificates too.
bool groups_fit(const SSL_CLIENT_HELLO& hello, const KeyNeeds& needs) {
  if (needs.kind != KeyKind::Ecdsa) return true;
  CBS content;
  CBS groups;
  if (!extension(hello, kSupportedGroups, content)) return true;
  if (CBS_get_u16_length_prefixed(&content, &groups) != 1) return false;
  return any_of_u16(groups, [&](std::uint16_t group) { return group == needs.group; });
}

bool suites_fit(const SSL_CLIENT_HELLO& hello, const KeyNeeds& needs, const OwnAbilities& own) {
  const std::vector<std::uint16_t>& ours = needs.kind == KeyKind::Rsa ? own.rsa_suites : own.ecdsa_suites;
  CBS suites;
  CBS_init(&suites, hello.cipher_suites, hello.cipher_suites_len);
  return any_of_u16(suites,
                    [&](std::uint16_t suite) { return std::find(ours.begin(), ours.end(), suite) != ours.end(); });
}

// Suites that the library has no name for, and that clients and servers in the field have (RFC 5246, RFC 5289).
struct NamedSuite {
  std::uint16_t number;
  std::string_view name;
};
constexpr NamedSuite kForeignSuites[] = {
    {0x0004, "RC4-MD5"},
    {0x0005, "RC4-SHA"},
    {0x0016, "DHE-RSA-DES-CBC3-SHA"},
    {0x0032, "DHE-DSS-AES128-SHA"},
    {0x0033, "DHE-RSA-AES128-SHA"},
    {0x0038, "DHE-DSS-AES256-SHA"},
    {0x0039, "DHE-RSA-AES256-SHA"},
    {0x003c, "AES128-SHA256"},
    {0x003d, "AES256-SHA256"},
    {0x0067, "DHE-RSA-AES128-SHA256"},
    {0x006b, "DHE-RSA-AES256-SHA256"},
    {0x009e, "DHE-RSA-AES128-GCM-SHA256"},
    {0x009f, "DHE-RSA-AES256-GCM-SHA384"},
    {0xc008, "ECDHE-ECDSA-DES-CBC3-SHA"},
    {0xc012, "ECDHE-RSA-DES-CBC3-SHA"},
    {0xc023, "ECDHE-ECDSA-AES128-SHA256"},
    {0xc024, "ECDHE-ECDSA-AES256-SHA384"},
    {0xc027, "ECDHE-RSA-AES128-SHA256"},
    {0xc028, "ECDHE-RSA-AES256-SHA384"},
};
constexpr std::size_t kSuitesNamed = 8;

// Empty: nobody knows it.
std::string_view known_name_of(std::uint16_t suite) {
  if (const SSL_CIPHER* cipher = SSL_get_cipher_by_value(suite); cipher != nullptr) return SSL_CIPHER_get_name(cipher);
  for (const NamedSuite& foreign : kForeignSuites) {
    if (foreign.number == suite) return foreign.name;
  }
  return {};
}

std::string name_of(std::uint16_t suite) {
  const std::string_view known = known_name_of(suite);
  return known.empty() ? format("{:#06x}", suite) : std::string(known);
}

// RFC 8701, and RFC 5746 and RFC 7507: numbers that stand for no cipher.
bool is_signal(std::uint16_t suite) { return (suite & 0x0f0f) == 0x0a0a || suite == 0x00ff || suite == 0x5600; }

std::uint16_t group_of(const EVP_PKEY& key) {
  const EC_KEY* ec = EVP_PKEY_get0_EC_KEY(&key);
  switch (EC_GROUP_get_curve_name(EC_KEY_get0_group(ec))) {
    case NID_X9_62_prime256v1:
      return kP256;
    case NID_secp384r1:
      return kP384;
    case NID_secp521r1:
      return kP521;
    default:
      return 0;
  }
}

}  // namespace

bool needs_of(const EVP_PKEY& key, KeyNeeds& needs) {
  switch (EVP_PKEY_id(&key)) {
    case EVP_PKEY_RSA:
      needs = {KeyKind::Rsa, 0};
      return true;
    case EVP_PKEY_ED25519:
      needs = {KeyKind::Ed25519, 0};
      return true;
    case EVP_PKEY_EC:
      needs = {KeyKind::Ecdsa, group_of(key)};
      return needs.group != 0;
    default:
      return false;
  }
}

bool client_can_use(const SSL_CLIENT_HELLO& hello, const KeyNeeds& needs, const OwnAbilities& own) {
  const bool tls13 = speaks_tls13(hello, own);
  if (!signatures_fit(hello, needs, tls13)) return false;
  return tls13 || (groups_fit(hello, needs) && suites_fit(hello, needs, own));
}

std::string suites_in(const SSL_CLIENT_HELLO& hello) {
  std::string text;
  std::size_t count = 0;
  CBS suites;
  CBS_init(&suites, hello.cipher_suites, hello.cipher_suites_len);
  for (std::uint16_t suite = 0; CBS_get_u16(&suites, &suite) == 1;) {
    if (is_signal(suite) || ++count > kSuitesNamed) continue;
    if (!text.empty()) text += ", ";
    text += name_of(suite);
  }
  if (count == 0) return "none";
  if (count > kSuitesNamed) append_format(text, " and {} more", count - kSuitesNamed);
  return text;
}

HelloLists lists_of(const SSL_CLIENT_HELLO& hello, std::size_t most) {
  const auto text = [](const std::uint8_t* bytes, std::size_t size) {
    return std::string_view(reinterpret_cast<const char*>(bytes), size);
  };
  const auto take = [&](std::string_view bytes) {
    const std::string_view taken = bytes.substr(0, most);
    most -= taken.size();
    return std::string(taken);
  };
  HelloLists lists;
  lists.version = hello.version;
  const std::string_view suites = text(hello.cipher_suites, hello.cipher_suites_len);
  lists.suites_hash = xxh64(suites);
  lists.suites = take(suites);
  CBS extensions, content, list;
  CBS_init(&extensions, hello.extensions, hello.extensions_len);
  std::uint16_t type = 0;
  for (; CBS_get_u16(&extensions, &type) == 1 && CBS_get_u16_length_prefixed(&extensions, &content) == 1 && most >= 2;
       most -= 2) {
    lists.extensions += {static_cast<char>(type >> 8), static_cast<char>(type)};
  }
  if (extension(hello, kSupportedGroups, content) && CBS_get_u16_length_prefixed(&content, &list) == 1)
    lists.groups = take(text(CBS_data(&list), CBS_len(&list)));
  if (extension(hello, kPointFormats, content) && CBS_get_u8_length_prefixed(&content, &list) == 1)
    lists.point_formats = take(text(CBS_data(&list), CBS_len(&list)));
  return lists;
}

std::string tls_suite_name(std::uint16_t suite) {
  constexpr std::uint16_t kRenegotiation = 0x00ff, kFallback = 0x5600;
  if (suite == kRenegotiation) return "TLS_EMPTY_RENEGOTIATION_INFO_SCSV";
  if (suite == kFallback) return "TLS_FALLBACK_SCSV";
  const std::string_view known = known_name_of(suite);
  return known.empty() ? format("UNKNOWN({:04x})", suite) : std::string(known);
}

std::string name_in(const SSL_CLIENT_HELLO& hello) {
  CBS content;
  CBS list;
  CBS name;
  std::uint8_t type = 0;
  if (!extension(hello, kServerName, content) || CBS_get_u16_length_prefixed(&content, &list) != 1) return {};
  // Only type 0, a host name, was ever defined.
  if (CBS_get_u8(&list, &type) != 1 || type != 0 || CBS_get_u16_length_prefixed(&list, &name) != 1) return {};
  return lower({reinterpret_cast<const char*>(CBS_data(&name)), CBS_len(&name)});
}

void NameIndex::add(std::string_view name, std::size_t certificate, KeyKind kind) {
  names_[lower(name)].push_back({certificate, kind, false});
}

void NameIndex::exclude(std::string_view name, std::size_t certificate) {
  names_[lower(name)].push_back({certificate, KeyKind::Rsa, true});
}

std::optional<NameIndex::Group> NameIndex::group_of(const Entries& entries, const Entries* exact) {
  Group group;
  group.fill(kNone);
  bool found = false;
  for (const Entry& entry : entries) {
    const auto excludes = [&](const Entry& other) { return other.excluded && other.certificate == entry.certificate; };
    if (entry.excluded || (exact != nullptr && std::any_of(exact->begin(), exact->end(), excludes))) continue;
    found = true;
    std::size_t& place = group[static_cast<std::size_t>(entry.kind)];
    if (place == kNone) place = entry.certificate;
  }
  return found ? std::optional(group) : std::nullopt;
}

std::optional<NameIndex::Group> NameIndex::find(std::string_view name) const {
  const auto exact = names_.find(name);
  if (exact != names_.end()) {
    if (const auto group = group_of(exact->second, nullptr)) return group;
  }
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  const auto wildcard = names_.find("*" + std::string(name.substr(dot)));
  if (wildcard == names_.end()) return std::nullopt;
  return group_of(wildcard->second, exact == names_.end() ? nullptr : &exact->second);
}

}  // namespace penstock
