// One TLS conversation without I/O: ciphertext to plaintext and back.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "penstock/net/outbox.h"
#include "penstock/net/tls_context.h"

namespace penstock {

// A session to resume towards a server, as the library keeps it. Movable between connections of one
// worker; a TLS 1.3 session is used once.
class TlsTicket {
 public:
  struct State;
  TlsTicket();
  explicit TlsTicket(std::unique_ptr<State> state);
  TlsTicket(TlsTicket&&) noexcept;
  TlsTicket& operator=(TlsTicket&&) noexcept;
  ~TlsTicket();
  explicit operator bool() const { return state_ != nullptr; }
  // The same session once more, if it may be used more than once (TLS 1.2); else empty.
  TlsTicket again() const;
  State* state() const { return state_.get(); }

 private:
  std::unique_ptr<State> state_;
};

// What logs and samples may ask about an established conversation.
struct TlsFacts {
  std::string_view version;  // "TLSv1.3"
  std::string_view cipher;   // OpenSSL's name: "TLS_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256".
  std::string_view alpn;     // Empty: none.
  std::string_view sni;      // What the client named; empty: nothing.
  bool resumed = false;
  std::string_view peer_certificate;  // DER; empty: none was shown, nor by whom this resumes.
  std::string_view resumption_id;     // What TLS calls the session ID.
  // Numbers of X.509 verification, 0: none. The result; the first error of the peer's own certificate and of one
  // above it, where such errors are passed over.
  int verify_result = 0;
  int leaf_error = 0;
  int ca_error = 0;
  int ca_error_depth = 0;
  int cipher_bits = 0;
};

class TlsSession {
 public:
  enum class Step {
    Done,    // The handshake is complete (handshake), or bytes were moved (read).
    Wait,    // More ciphertext must come first.
    Closed,  // read: the peer said close_notify.
    Failed,  // See error().
  };
  struct Implementation;  // Each of them is one.

  // Ciphertext to be sent is appended to `out`, which must outlive the session.
  static std::unique_ptr<TlsSession> for_client(const TlsContext& context, Outbox& out);
  // `name` is the SNI to send (empty: none); `verify_name` what the certificate must be for (empty:
  // `name`, and if that is empty too, the chain alone is checked). An address is never sent as SNI
  // (RFC 6066 section 3). `ticket` may be empty; one made under another trust or name is not used.
  static std::unique_ptr<TlsSession> for_server(const TlsContext& context, Outbox& out, std::string_view name,
                                                std::string_view verify_name, TlsTicket ticket);
  virtual ~TlsSession() = default;
  // Nothing that was received waits to be read.
  bool drained() const;
  // Ciphertext goes to `out` from now on; what was appended before stays where it is.
  void set_out(Outbox& out);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Lends received ciphertext. It must stay in place until handshake() or read() says Wait, or the
  // session ends: by then all of it was taken.
  void receive(std::span<const char> ciphertext);
  Step handshake();
  bool established() const;
  // Plaintext into `space` (at least 1 byte); `count` says how much on Done.
  Step read(std::span<char> space, std::size_t& count);
  // Seals `plaintext` (any length) in records as large as may be; the ciphertext is in `out` at once.
  // Only after the handshake; false: see error().
  // While a server has us renegotiate, plaintext is held and sealed when read() has seen it through.
  bool write(std::string_view plaintext);
  // Bytes of plaintext so held.
  std::size_t held() const;
  // Says close_notify, once.
  void close();

  TlsFacts facts() const;
  // The handshake was short, by a session of before.
  bool resumed() const;
  // The newest session the server gave us, to resume by another connection; empty if there is none.
  TlsTicket take_ticket();
  // After Failed: "certificate verify failed: self signed certificate", ... For logs.
  std::string error() const;
  // True if it was the peer's certificate that failed.
  bool certificate_refused() const;

 private:
  TlsSession() = default;
  Implementation& self();
  const Implementation& self() const;
};

}  // namespace penstock
