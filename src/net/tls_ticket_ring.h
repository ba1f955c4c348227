// The ring of keys behind TicketKeys, and what the library asks of it for each ticket.
#pragma once

#include <openssl/base.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <shared_mutex>
#include <string_view>
#include <type_traits>
#include <vector>

#include "penstock/base/secret.h"

namespace penstock {

// Each part drawn by chance. The name travels in the ticket in clear (RFC 5077 section 4).
struct TicketKey {
  std::array<std::uint8_t, 16> name;
  std::array<std::uint8_t, 32> aes;
  std::array<std::uint8_t, 32> hmac;
};
static_assert(std::is_trivially_copyable_v<TicketKey> && sizeof(TicketKey) == 80);

// Sealing and opening take the lock shared, for a few hundred nanoseconds of each handshake that has
// a ticket; rotate() takes it alone. No record of an established session comes near it.
struct TicketRing {
  static constexpr std::size_t kRingSize = 3;

  mutable std::shared_mutex lock;
  std::array<TicketKey, kRingSize> keys;  // Newest first.
  std::size_t count = 0;
  std::vector<Secret> from_file;  // See set_file_keys().

  // Where no core dump takes it.
  static void* operator new(std::size_t size);
  static void operator delete(void* memory);
  ~TicketRing();
  // The two directions of SSL_CTX_set_tlsext_ticket_key_cb, with its return values.
  int seal(std::uint8_t* name, std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* hmac) const;
  int open(const std::uint8_t* name, const std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* hmac) const;
  // See TicketKeys.
  void add(const TicketKey& key);
  // Of a file, oldest first: 48 or 80 bytes each, three of them.
  void set_file_keys(std::vector<Secret> keys_of_file);
  std::vector<Secret> file_keys() const;
  Secret save() const;
  bool restore(std::string_view saved);
};

}  // namespace penstock
