// The inside of a TlsContext: what its sessions and the library's callbacks look at. Nothing in it
// changes after it was built, so that all threads may.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "penstock/net/hello_lists.h"
#include "penstock/net/tls_counts.h"
#include "penstock/net/tls_options.h"
#include "penstock/net/tls_tickets.h"
#include "tls_choice.h"
#include "tls_made_up.h"
#include "tls_wire.h"

namespace penstock {

struct TlsContextParts;

// What is agreed with a peer: as the line has it, or as the line of a crt-list has it for one certificate.
struct TlsTerms {
  const TlsContextParts* parts = nullptr;
  TlsPeerCheck check = TlsPeerCheck::None;
  // Digest of what decides whom we trust; sessions made under another are not resumed.
  std::array<std::uint8_t, 32> scope{};
  std::string alpn;  // As on the wire: each name behind its length.
  // Towards clients only.
  OwnAbilities own;
  std::uint16_t min_version = 0, max_version = 0;
  std::string ciphers, curves;
  // Errors of a client's certificate and of those above it that do not end the handshake.
  bool passes_over = false;
  VerifyErrors leaf_errors_ignored, ca_errors_ignored;
};

struct TlsContextParts {
  // Towards clients one for each certificate, in order (one without any if there is none): the
  // library keeps one chain in each. Towards servers exactly one.
  std::vector<bssl::UniquePtr<SSL_CTX>> contexts;
  // How sessions read and write.
  BioMethod bio_method;
  TlsTerms terms;                                 // Of the line.
  std::vector<std::unique_ptr<TlsTerms>> others;  // Of certificates that have their own.
  std::vector<std::string> warnings;
  TlsCounts* counts = nullptr;

  // Towards clients only.
  std::uint32_t hello_capture = 0;
  std::vector<CertificateFacts> facts;
  std::vector<KeyNeeds> needs;  // Of each context.
  NameIndex names;
  NameIndex::Group fallback{};  // For a client that names nothing we know.
  bool strict_sni = false;
  std::unique_ptr<MadeUpCertificates> made_up;  // Null: a name that no certificate is for gets none of its own.
  const TicketKeys* ticket_keys = nullptr;
  std::shared_ptr<const TicketKeys> own_ticket_keys;  // Where those are not the process's.

  SSL_CTX* first() const { return contexts.front().get(); }
  struct Choice {
    SSL_CTX* context;
    bool fits;  // False: as far as its hello tells, the client can use no certificate of that name.
  };
  Choice choose(const SSL_CLIENT_HELLO& hello) const;
};

// Of a client's first message.
struct HelloNotes {
  std::string suites;  // What it offers, if that may be why no handshake comes about; empty: that is not noted.
  std::unique_ptr<const HelloLists> lists;
};

// What is noted of a client on the way.
struct ClientNotes {
  // The first error that was passed over at the client's own certificate, and above it.
  int leaf = 0;
  int ca = 0;
  int ca_depth = 0;
  bool sees_made_up = false;  // The certificate shown was made up for the name it asked for.
  std::unique_ptr<HelloNotes> hello;
};
// `notes` must outlive `ssl`, which faces a client.
void keep_notes_in(SSL* ssl, ClientNotes& notes);

// What the server gives us to resume goes to `newest`, which must outlive `ssl`.
void keep_sessions_in(SSL* ssl, bssl::UniquePtr<SSL_SESSION>& newest);

}  // namespace penstock
