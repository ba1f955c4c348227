// The inside of a TlsContext: what its sessions and the library's callbacks look at. Nothing in it
// changes after it was built, so that all threads may.
#pragma once

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "penstock/net/tls_context.h"
#include "tls_choice.h"

namespace penstock {

struct FreeBioMethod {
  void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
};

struct TlsContext::Implementation {
  // Towards clients one for each certificate, in order (one without any if there is none): the
  // library keeps one chain in each. Towards servers exactly one.
  std::vector<bssl::UniquePtr<SSL_CTX>> contexts;
  // How sessions read and write; see tls_session.cc.
  std::unique_ptr<BIO_METHOD, FreeBioMethod> bio_method;
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
  TicketKeys* ticket_keys = nullptr;

  SSL_CTX* first() const { return contexts.front().get(); }
  // The context for this client, or null if it must be refused.
  SSL_CTX* choose(const SSL_CLIENT_HELLO& hello) const;
};

// Made by tls_session.cc, owned by each context.
std::unique_ptr<BIO_METHOD, FreeBioMethod> make_bio_method();
// Keeps `session` for take_ticket(); the library's callback towards servers.
int keep_new_session(SSL* ssl, SSL_SESSION* session);

}  // namespace penstock
