// What TLS is told and what it tells, as plain values: files, options, facts of certificates.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "penstock/base/secret.h"

namespace penstock {

class TicketKeys;
class TlsCredentials;
struct TlsCounts;

// Contents of one file with a certificate: its chain, leaf first, and its private key in any order, in PEM; or a PFX
// (PKCS #12) that `password` opens. And of the files beside it, empty where there is none.
struct PemFile {
  std::string name;  // For errors: the path.
  Secret text;
  Secret password;
  std::string issuer;            // PEM.
  std::string ocsp, timestamps;  // DER of what is stapled.
};

// Numbers of X.509 verification errors: 10 has expired, 18 self signed, 23 revoked...
using VerifyErrors = std::bitset<256>;

enum class TlsPeerCheck : std::uint8_t { None, Optional, Required };

// Versions as on the wire: 0x0301 .. 0x0304.
struct TlsOptions {
  std::uint16_t min_version = 0x0303;
  std::uint16_t max_version = 0x0304;
  std::string ciphers;  // TLS 1.2 and below, OpenSSL syntax; empty: default_ciphers().
  std::string curves;   // "X25519:P-256"; empty: default_curves().
  std::vector<std::string> alpn;
  bool prefer_client_ciphers = false;  // Towards clients: their order of ciphers instead of ours.
  // Without tickets there is no resumption at all: we keep no session on our side.
  bool tickets = true;
  std::uint64_t lifetime_s = 300;  // How long a TLS session can be resumed.
  TlsPeerCheck check = TlsPeerCheck::None;
  std::string ca_name, ca_pem;              // ca_name for errors.
  bool system_ca = false;                   // ca_pem then holds the system's bundle.
  std::string extra_ca_name, extra_ca_pem;  // Believed as well, but not named to clients.
  std::string crl_name, crl_pem;
  bool names_authorities = true;                  // Clients are told whose certificates are wanted.
  bool resume = true;                             // Towards servers: sessions are kept to be resumed.
  bool skip_self_issued = false;                  // Authorities that issued themselves are not sent.
  std::shared_ptr<const TicketKeys> ticket_keys;  // Null: the process's.
  std::uint32_t hello_capture = 0;                // Towards clients: bytes of their first message that are kept.
  // Towards clients: signs a certificate that is made up for a name that no certificate is for; null: none is made. Of
  // those made the latest are kept.
  std::shared_ptr<const TlsCredentials> signer;
  std::uint32_t made_up_kept = 1000;
  TlsCounts* counts = nullptr;  // Where conversations are counted, which outlives them; null: nowhere.
  // Of clients' certificates: errors that do not end the handshake, of the leaf and of those above it.
  VerifyErrors leaf_errors_ignored, ca_errors_ignored;
};

// What a certificate says, for -c and logs.
struct CertificateFacts {
  std::string file;
  std::vector<std::string> names;              // DNS names of the leaf, then its common names.
  std::int64_t not_before = 0, not_after = 0;  // Unix time.
  bool ecdsa = false;
};

}  // namespace penstock
