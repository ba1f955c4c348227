// The inside of a TlsContext: what its sessions and the library's callbacks look at. Nothing in it
// changes after it was built, so that all threads may.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "penstock/net/tls_options.h"
#include "penstock/net/tls_tickets.h"
#include "tls_choice.h"
#include "tls_wire.h"

namespace penstock {

struct TlsContextParts {
  // Towards clients one for each certificate, in order (one without any if there is none): the
  // library keeps one chain in each. Towards servers exactly one.
  std::vector<bssl::UniquePtr<SSL_CTX>> contexts;
  // How sessions read and write.
  BioMethod bio_method;
  TlsPeerCheck check = TlsPeerCheck::None;
  // Digest of what decides whom we trust; sessions made under another are not resumed.
  std::array<std::uint8_t, 32> scope{};
  std::string alpn;  // As on the wire: each name behind its length.
  std::vector<std::string> warnings;

  // Towards clients only.
  std::vector<CertificateFacts> facts;
  std::vector<KeyNeeds> needs;  // Of each context.
  NameIndex names;
  NameIndex::Group fallback{};  // For a client that names nothing we know.
  OwnAbilities own;
  bool strict_sni = false;
  const TicketKeys* ticket_keys = nullptr;
  // Errors of a client's certificate and of those above it that do not end the handshake.
  bool passes_over = false;
  VerifyErrors leaf_errors_ignored, ca_errors_ignored;

  SSL_CTX* first() const { return contexts.front().get(); }
  // The context for this client, or null if it must be refused.
  SSL_CTX* choose(const SSL_CLIENT_HELLO& hello) const;
};

// The first error that was passed over at the client's own certificate, and above it.
struct PassedOver {
  int leaf = 0;
  int ca = 0;
  int ca_depth = 0;
};
// `noted` must outlive `ssl`, which faces a client.
void note_errors_in(SSL* ssl, PassedOver& noted);

// What the server gives us to resume goes to `newest`, which must outlive `ssl`.
void keep_sessions_in(SSL* ssl, bssl::UniquePtr<SSL_SESSION>& newest);

}  // namespace penstock
