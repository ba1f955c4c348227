// Certificates, SNI, ALPN, versions, trust: loaded once a snapshot, shared by all threads, immutable.
// Building one does no I/O: contents of files come from the bundle.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/base/result.h"

namespace penstock {

class TlsSession;

// Contents of one PEM file: certificate chain, leaf first, and its private key in any order.
struct PemFile {
  std::string name;  // For errors: the path.
  std::string text;
};

enum class TlsPeerCheck : std::uint8_t { None, Optional, Required };

// Versions as on the wire: 0x0301 .. 0x0304; 0 = the library's own limit.
struct TlsOptions {
  std::uint16_t min_version = 0;
  std::uint16_t max_version = 0;
  std::string ciphers;  // TLS 1.2 and below, OpenSSL syntax; empty: the library's.
  std::string curves;   // "X25519:P-256"; empty: the library's.
  std::vector<std::string> alpn;
  bool prefer_client_ciphers = false;  // Towards clients: their order of ciphers instead of ours.
  // Without tickets there is no resumption at all: we keep no session on our side.
  bool tickets = true;
  TlsPeerCheck check = TlsPeerCheck::None;
  std::string ca_name, ca_pem;    // ca_name for errors.
  bool system_ca = false;         // ca_pem then holds the system's bundle.
  std::string crl_name, crl_pem;
};

// Keys that seal session tickets: they belong to the process, are the same for all workers, survive
// reloads and rotate on the master. Thread safe.
class TicketKeys {
 public:
  TicketKeys();
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;
  // A new sealing key; those before it still open tickets, the oldest of three goes.
  void rotate();
  // All keys as bytes, newest first, for a process that takes over; they are secret.
  std::string save() const;
  // Takes the keys that save() gave in place of its own; false, and nothing changed, if they are not such.
  bool restore(std::string_view saved);
  struct State;
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

// What a certificate says, for -c and logs.
struct CertificateFacts {
  std::string file;
  std::vector<std::string> names;    // DNS names of the leaf, else its common name.
  std::int64_t not_before = 0, not_after = 0;  // Unix time.
  bool ecdsa = false;
};

class TlsContext {
 public:
  struct Implementation;
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // For a bind line. The first certificate is the default one; a client's name picks the exact match,
  // then the wildcard of its parent, then the default (none if `strict_sni`: the handshake fails).
  // For one name an ECDSA and an RSA certificate may both be given: the client's early hello decides.
  // Sessions made under another check, CA or CRL are not resumed. `keys` must outlive the context and
  // every session made with it.
  static Result<std::shared_ptr<const TlsContext>> for_clients(const TlsOptions& options,
                                                               const std::vector<PemFile>& certificates,
                                                               bool strict_sni, TicketKeys& keys);
  // For server lines. `certificate`, if its text is not empty, is shown when the server asks.
  static Result<std::shared_ptr<const TlsContext>> for_servers(const TlsOptions& options, const PemFile& certificate);

  // Facts of every certificate loaded by for_clients, in order.
  std::span<const CertificateFacts> certificates() const;
  // What was asked for and left out because this library does not have it, a sentence each: ciphers
  // that nobody has here (DHE) stand in most lists found in the field.
  std::span<const std::string> warnings() const;

  // Parses without keeping anything: errors name the file and the cause ("no private key in it",
  // "the key does not belong to the certificate"). Facts of all certificates in the file, leaf first.
  static Result<std::vector<CertificateFacts>> inspect(const PemFile& file, bool needs_key);

  const std::shared_ptr<const Implementation>& implementation() const { return implementation_; }

 private:
  explicit TlsContext(std::shared_ptr<const Implementation> implementation);
  // Shared with its sessions: a connection outlives the snapshot that a reload replaced.
  std::shared_ptr<const Implementation> implementation_;
};

}  // namespace penstock
