// Which certificate a client gets: by the name it asks for, then by what it can verify.
#pragma once

#include <openssl/base.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/net/hello_lists.h"

namespace penstock {

enum class KeyKind : std::uint8_t { Rsa, Ecdsa, Ed25519 };
constexpr std::size_t kKeyKinds = 3;

// What a certificate's key asks of a client.
struct KeyNeeds {
  KeyKind kind = KeyKind::Rsa;
  std::uint16_t group = 0;  // ECDSA: its curve as a TLS group (RFC 8422 section 5.1.1).
};
// False: a kind of key that TLS cannot use.
bool needs_of(const EVP_PKEY& key, KeyNeeds& needs);

// What our side would agree to.
struct OwnAbilities {
  std::uint16_t max_version = 0;
  std::vector<std::uint16_t> ecdsa_suites;  // TLS 1.2 and below.
  std::vector<std::uint16_t> rsa_suites;
};

// True if a handshake with this client and such a key can succeed, as far as its hello tells.
bool client_can_use(const SSL_CLIENT_HELLO& hello, const KeyNeeds& needs, const OwnAbilities& own);

// The cipher suites in the hello, as OpenSSL calls them, for a log. The first ones, if they are many.
std::string suites_in(const SSL_CLIENT_HELLO& hello);

// Its lists, of which `most` bytes have room.
HelloLists lists_of(const SSL_CLIENT_HELLO& hello, std::size_t most);

// The name in the hello (RFC 6066 section 3), lower case; empty if there is none.
std::string name_in(const SSL_CLIENT_HELLO& hello);

// Certificates by name. They are known by their place in the configuration.
class NameIndex {
 public:
  static constexpr std::size_t kNone = SIZE_MAX;
  // For one name at most one certificate of each kind of key.
  using Group = std::array<std::size_t, kKeyKinds>;

  // `name` as the certificate has it, "*.example.com" included. The first certificate of a kind wins.
  void add(std::string_view name, std::size_t certificate, KeyKind kind);
  // A name that this certificate does not serve, though its wildcard does.
  void exclude(std::string_view name, std::size_t certificate);
  // The exact name, then the wildcard of its parent, or nothing.
  std::optional<Group> find(std::string_view name) const;

 private:
  struct Entry {
    std::size_t certificate;
    KeyKind kind;
    bool excluded;
  };
  using Entries = std::vector<Entry>;
  static std::optional<Group> group_of(const Entries& entries, const Entries* exact);

  std::map<std::string, Entries, std::less<>> names_;
};

}  // namespace penstock
