// Certificates, SNI, ALPN, versions, trust: loaded once a snapshot, shared by all threads, immutable.
// Building one does no I/O: contents of files come from the bundle.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/base/result.h"
#include "penstock/net/tls_options.h"
#include "penstock/net/tls_tickets.h"

namespace penstock {

struct TlsContextParts;
class TlsCredentials;

// A certificate of a bind line, and when it is shown.
struct TlsOffer {
  std::string file;
  std::shared_ptr<const TlsCredentials> credentials;
  // Names it is for in place of its own, "!" in front of one that it is not for; see `crt-list`.
  std::vector<std::string> filters;
  // In place of the line's for clients that it is shown to; null: the line's.
  std::shared_ptr<const TlsOptions> options;
};

class TlsContext {
 public:
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // For a bind line. The first certificate is the default one; a client's name picks the exact match,
  // then the wildcard of its parent, then the default (none if `strict_sni`: the handshake fails).
  // For one name an ECDSA and an RSA certificate may both be given: the client's early hello decides.
  // Sessions made under another check, CA or CRL are not resumed. `keys` must outlive the context and
  // every session made with it.
  static Result<std::shared_ptr<const TlsContext>> for_clients(const TlsOptions& options,
                                                               const std::vector<TlsOffer>& certificates,
                                                               bool strict_sni, TicketKeys& keys);
  // For server lines. `certificate` (may be null) is shown when the server asks.
  static Result<std::shared_ptr<const TlsContext>> for_servers(const TlsOptions& options,
                                                               const TlsCredentials* certificate);

  // Facts of every certificate loaded by for_clients, in order.
  std::span<const CertificateFacts> certificates() const;
  // Of these one of each kind of key for a client that asks for `name` (empty: for nothing), the first choice first. None:
  // it is turned away (`strict_sni`).
  std::vector<const CertificateFacts*> certificates_for(std::string_view name) const;
  // What was asked for and left out because this library does not have it, a sentence each: ciphers
  // that nobody has here (DHE) stand in most lists found in the field.
  std::span<const std::string> warnings() const;

  const std::shared_ptr<const TlsContextParts>& parts() const { return parts_; }

 private:
  explicit TlsContext(std::shared_ptr<const TlsContextParts> parts);
  // Shared with its sessions: a connection outlives the snapshot that a reload replaced.
  std::shared_ptr<const TlsContextParts> parts_;
};

}  // namespace penstock
