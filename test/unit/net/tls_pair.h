// Two TLS sessions joined in memory: `front` faces a client, `back` faces a server; each is the
// other's peer.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "penstock/net/outbox.h"
#include "penstock/net/tls_context.h"
#include "penstock/net/tls_session.h"
#include "unit/net/test_certificates.h"

namespace penstock::test {

using ContextResult = Result<std::shared_ptr<const TlsContext>>;
using Step = TlsSession::Step;

// One end: what it received in clear, and how far it came.
struct TlsEnd {
  Outbox out;
  std::unique_ptr<TlsSession> tls;
  std::string plain;
  Step step = Step::Wait;

  // Takes all that is to be sent.
  std::string drain();
  // Gives it ciphertext and lets it go as far as it can.
  void take(std::string_view ciphertext);
};

struct TlsPair {
  TlsEnd front;
  TlsEnd back;

  TlsPair(const TlsContext& front_context, const TlsContext& back_context, std::string_view name = {},
          std::string_view verify_name = {}, TlsTicket ticket = {});
  // Starts the handshake and carries bytes until both are silent. True: both agreed.
  bool shake();
  // Carries bytes until both are silent.
  void settle();
};

TlsOptions options_between(std::uint16_t min_version, std::uint16_t max_version);
// Options that trust `ca` and nothing else.
TlsOptions trusting(const std::string& ca, TlsPeerCheck check = TlsPeerCheck::Required);
// Context towards clients with these certificates, or a failed test.
std::shared_ptr<const TlsContext> front_context(const std::vector<IssuedCertificate>& certificates, TicketKeys& keys,
                                                const TlsOptions& options = {}, bool strict_sni = false);
std::shared_ptr<const TlsContext> back_context(const TlsOptions& options = {}, const std::string& certificate = {});

}  // namespace penstock::test
