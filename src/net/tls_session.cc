#include "penstock/net/tls_session.h"

#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <climits>
#include <ctime>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/net/tls_counts.h"
#include "tls_context_parts.h"
#include "tls_library.h"
#include "tls_pem.h"
#include "tls_session_parts.h"
#include "tls_wire.h"

namespace penstock {

using Scope = std::array<std::uint8_t, 32>;

struct TlsTicket::State {
  bssl::UniquePtr<SSL_SESSION> session;
  Scope scope{};  // Of trust and names; only the like may resume it.
};

// What only a conversation with a server needs.
struct ServerSide {
  bssl::UniquePtr<SSL_SESSION> session;  // Offered by us first, then the newest the server gave.
  SSL_SESSION* offered = nullptr;        // To compare with only.
  Scope scope{};
  std::string verify_name;
  std::string held;  // Written while renegotiating.
};

struct TlsSession::Implementation final : TlsSession {
  Implementation(const TlsContext& tls, Outbox& out) : context(tls.parts()), wire{&out} {
    ssl.reset(SSL_new(context->first()));
    BIO* bio = make_bio(context->bio_method, wire);
    SSL_set_bio(ssl.get(), bio, bio);
    SSL_set_shed_handshake_config(ssl.get(), 1);
    if (context->counts == nullptr) return;
    context->counts->now.fetch_add(1, std::memory_order_relaxed);
    context->counts->begun.fetch_add(1, std::memory_order_relaxed);
  }
  ~Implementation() override {
    if (context->counts == nullptr) return;
    context->counts->now.fetch_sub(1, std::memory_order_relaxed);
    if (!established && !failed) count_failure(TlsFailure::Closed);
  }

  Step step_of(int result);
  Step fail();
  void count_failure(TlsFailure failure);
  void count_agreement() const;
  void describe_failure(std::uint32_t packed);
  void agreed();
  void prepare_server(std::string_view name, std::string_view verify_name);
  void offer(TlsTicket ticket, std::string_view name);
  bool seal(std::string_view plaintext);
  bool seal_held();
  void say_close();

  std::shared_ptr<const TlsContextParts> context;
  TlsWire wire;
  std::unique_ptr<ServerSide> server;
  ClientNotes notes;
  bssl::UniquePtr<SSL> ssl;  // Goes before what it looks at.
  std::string error;
  bool established = false;
  std::uint8_t clear_alert = 0;  // What the handshake read last, if that was an alert which nothing seals.
  bool failed = false;
  bool read_ended = false;
  bool closed = false;
  bool certificate_refused = false;
};

namespace {

Scope scope_of(const TlsContextParts& context, std::string_view name, std::string_view verify_name) {
  SHA256_CTX digest;
  SHA256_Init(&digest);
  SHA256_Update(&digest, context.terms.scope.data(), context.terms.scope.size());
  mix(digest, name);
  mix(digest, verify_name);
  Scope scope;
  SHA256_Final(scope.data(), &digest);
  return scope;
}

// A server never tells what it would have taken.
constexpr std::string_view kMostlyCiphers =
    " (mostly: no cipher in common; DHE, and CBC with SHA-2, are not in BoringSSL)";

// "a.example, b.example, ", as far as the peer's certificate says in a few words; of its text only
// what is printable.
std::string whose_certificate(const SSL& ssl) {
  constexpr std::size_t kNames = 3, kLength = 64;
  bssl::UniquePtr<X509> certificate(SSL_get_peer_certificate(&ssl));
  if (certificate == nullptr) return {};
  std::string out;
  std::size_t count = 0;
  for (const std::string& name : names_of(*certificate)) {
    if (++count > kNames) {
      out += "..., ";
      break;
    }
    for (const char c : std::string_view(name).substr(0, kLength)) out += c > ' ' && c < 127 ? c : '?';
    out += ", ";
  }
  return out.empty() ? out : "for " + out;
}

// Alerts of a peer that does not want our certificate (RFC 8446 section 6.2).
bool refuses_certificate(int alert) {
  return (alert >= SSL_AD_BAD_CERTIFICATE && alert <= SSL_AD_CERTIFICATE_UNKNOWN) || alert == SSL_AD_UNKNOWN_CA;
}

// OpenSSL's clients of TLS 1.3 refuse a certificate in clear text, where the library expects it sealed. The description
// of an alert that ends `bytes`; 0: none does.
std::uint8_t alert_at_end(std::span<const char> bytes) {
  constexpr std::string_view kFatal("\x15\x03\x03\x00\x02\x02", 6);
  if (bytes.size() <= kFatal.size()) return 0;
  const auto record = bytes.last(kFatal.size() + 1);
  if (std::string_view(record.data(), kFatal.size()) != kFatal) return 0;
  return static_cast<std::uint8_t>(record.back());
}

TlsFailure failure_of(std::uint32_t packed) {
  if (packed == 0) return TlsFailure::Closed;
  if (ERR_GET_LIB(packed) != ERR_LIB_SSL) return TlsFailure::Other;
  const int reason = ERR_GET_REASON(packed);
  if (reason > SSL_AD_REASON_OFFSET) {
    const int alert = reason - SSL_AD_REASON_OFFSET;
    return refuses_certificate(alert) ? TlsFailure::Refused : TlsFailure::Alert;
  }
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
      return TlsFailure::NotTls;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_UNKNOWN_PROTOCOL:
      return TlsFailure::Version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUP:
    case SSL_R_NO_COMMON_SIGNATURE_ALGORITHMS:
      return TlsFailure::Cipher;
    case SSL_R_CLIENTHELLO_TLSEXT:
      return TlsFailure::Name;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return TlsFailure::Certificate;
    default:
      return TlsFailure::Other;
  }
}

std::string_view text_or_empty(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

}  // namespace

std::string_view word_of(TlsFailure failure) {
  static constexpr std::string_view kWords[] = {"closed",      "not_tls", "version", "cipher", "name",
                                                "certificate", "refused", "alert",   "other"};
  static_assert(std::size(kWords) == kTlsFailures);
  return kWords[static_cast<std::size_t>(failure)];
}

TlsTicket::TlsTicket() = default;
TlsTicket::TlsTicket(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsTicket::TlsTicket(TlsTicket&&) noexcept = default;
TlsTicket& TlsTicket::operator=(TlsTicket&&) noexcept = default;
TlsTicket::~TlsTicket() = default;

TlsTicket TlsTicket::again() const {
  if (state_ == nullptr || SSL_SESSION_should_be_single_use(state_->session.get()) == 1) return {};
  auto copy = std::make_unique<State>();
  copy->session = bssl::UpRef(state_->session);
  copy->scope = state_->scope;
  return TlsTicket(std::move(copy));
}

TlsSession::Step TlsSession::Implementation::step_of(int result) {
  switch (SSL_get_error(ssl.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Step::Wait;
    case SSL_ERROR_ZERO_RETURN:
      read_ended = true;
      return Step::Closed;
    default:
      return fail();
  }
}

TlsSession::Step TlsSession::Implementation::fail() {
  failed = true;
  std::uint32_t code = take_library_error_code();
  const bool unsealed = ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_BAD_PACKET_LENGTH;
  if (unsealed && clear_alert != 0) code = ERR_PACK(ERR_LIB_SSL, SSL_AD_REASON_OFFSET + clear_alert);
  describe_failure(code);
  if (!established) count_failure(failure_of(code));
  return Step::Failed;
}

void TlsSession::Implementation::describe_failure(std::uint32_t packed) {
  if (!error.empty()) return;
  error = packed == 0 ? std::string("the peer ended it") : library_error_words(packed);
  if (ERR_GET_LIB(packed) != ERR_LIB_SSL) return;
  switch (ERR_GET_REASON(packed)) {
    case SSL_R_NO_SHARED_CIPHER:
      if (notes.hello && !notes.hello->suites.empty())
        error = format("no cipher in common: the client offers {}", notes.hello->suites);
      return;
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      if (server != nullptr && !established) error += kMostlyCiphers;
      return;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      break;
    default:
      return;
  }
  certificate_refused = true;
  const long reason = SSL_get_verify_result(ssl.get());
  append_format(error, ": {}", X509_verify_cert_error_string(reason));
  const bool is_name = reason == X509_V_ERR_HOSTNAME_MISMATCH || reason == X509_V_ERR_IP_ADDRESS_MISMATCH;
  if (is_name && server != nullptr)
    append_format(error, " (it is {}not for \"{}\")", whose_certificate(*ssl), server->verify_name);
}

void TlsSession::Implementation::count_failure(TlsFailure failure) {
  if (context->counts == nullptr) return;
  TlsCounts& counts = *context->counts;
  TlsCounts::Failures& failures = server == nullptr ? counts.front_failures : counts.back_failures;
  failures[static_cast<std::size_t>(failure)].fetch_add(1, std::memory_order_relaxed);
}

void TlsSession::Implementation::count_agreement() const {
  if (context->counts == nullptr || SSL_session_reused(ssl.get()) == 1) return;
  // The clock of the loops.
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  const std::int64_t now_ms = std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
  (server == nullptr ? context->counts->front_keys : context->counts->back_keys).count(now_ms);
}

// The handshake is complete: what was kept for it alone goes.
void TlsSession::Implementation::agreed() {
  established = true;
  count_agreement();
  if (server == nullptr) return;
  const bool was_refused = server->session.get() == server->offered && SSL_session_reused(ssl.get()) == 0;
  if (was_refused) server->session.reset();
  server->offered = nullptr;
  // TLS 1.3 knows no renegotiation, and what it would need can be freed.
  if (SSL_version(ssl.get()) == TLS1_3_VERSION) SSL_set_renegotiate_mode(ssl.get(), ssl_renegotiate_never);
}

void TlsSession::Implementation::prepare_server(std::string_view name, std::string_view verify_name) {
  SSL_set_connect_state(ssl.get());
  keep_sessions_in(ssl.get(), server->session);
  // IIS asks for an optional client certificate this way when a directory wants one.
  SSL_set_renegotiate_mode(ssl.get(), ssl_renegotiate_freely);
  const std::string sent(name);
  bool good = true;
  if (!sent.empty() && !is_ip_text(sent)) good = SSL_set_tlsext_host_name(ssl.get(), sent.c_str()) == 1;
  server->verify_name = verify_name.empty() ? sent : std::string(verify_name);
  if (good && context->terms.check != TlsPeerCheck::None && !server->verify_name.empty()) {
    X509_VERIFY_PARAM* param = SSL_get0_param(ssl.get());
    const std::string& wanted = server->verify_name;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    good = is_ip_text(wanted) ? X509_VERIFY_PARAM_set1_ip_asc(param, wanted.c_str()) == 1
                              : X509_VERIFY_PARAM_set1_host(param, wanted.data(), wanted.size()) == 1;
  }
  if (good) return;
  failed = true;
  error = format("\"{}\" cannot be a server's name in TLS", verify_name.empty() ? name : verify_name);
  ERR_clear_error();
}

void TlsSession::Implementation::offer(TlsTicket ticket, std::string_view name) {
  server->scope = scope_of(*context, name, server->verify_name);
  if (!ticket || ticket.state()->scope != server->scope) return;
  SSL_SESSION* session = ticket.state()->session.get();
  SSL_set_session(ssl.get(), session);
  // A session of TLS 1.2 may serve again, and resuming it brings no new one.
  if (SSL_SESSION_should_be_single_use(session) == 1) return;
  server->offered = session;
  server->session = std::move(ticket.state()->session);
}

bool TlsSession::Implementation::seal(std::string_view plaintext) {
  while (!plaintext.empty()) {
    const std::size_t count = std::min(plaintext.size(), std::size_t{INT_MAX});
    ERR_clear_error();
    const int written = SSL_write(ssl.get(), plaintext.data(), static_cast<int>(count));
    if (written <= 0) {
      describe_failure(take_library_error_code());
      return false;
    }
    plaintext.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool TlsSession::Implementation::seal_held() {
  if (server == nullptr || server->held.empty() || SSL_in_init(ssl.get()) == 1) return true;
  const std::string held = std::exchange(server->held, {});
  if (!seal(held)) return false;
  if (closed) say_close();
  return true;
}

void TlsSession::Implementation::say_close() {
  ERR_clear_error();
  SSL_shutdown(ssl.get());
  ERR_clear_error();
}

TlsSession::Implementation& TlsSession::self() { return static_cast<Implementation&>(*this); }
const TlsSession::Implementation& TlsSession::self() const { return static_cast<const Implementation&>(*this); }

std::unique_ptr<TlsSession> TlsSession::for_client(const TlsContext& context, Outbox& out) {
  auto implementation = std::make_unique<Implementation>(context, out);
  SSL_set_accept_state(implementation->ssl.get());
  keep_notes_in(implementation->ssl.get(), implementation->notes);
  return implementation;
}

std::unique_ptr<TlsSession> TlsSession::for_server(const TlsContext& context, Outbox& out, std::string_view name,
                                                   std::string_view verify_name, TlsTicket ticket) {
  auto implementation = std::make_unique<Implementation>(context, out);
  implementation->server = std::make_unique<ServerSide>();
  implementation->prepare_server(name, verify_name);
  implementation->offer(std::move(ticket), name);
  return implementation;
}

bool TlsSession::drained() const { return self().wire.input.empty() && SSL_has_pending(self().ssl.get()) == 0; }

void TlsSession::set_out(Outbox& out) { self().wire.out = &out; }

void TlsSession::receive(std::span<const char> ciphertext) {
  Implementation& mine = self();
  if (mine.failed || mine.read_ended) return;  // What follows the end means nothing.
  require(mine.wire.input.empty());
  mine.wire.input = ciphertext;
}

TlsSession::Step TlsSession::handshake() {
  Implementation& mine = self();
  if (mine.failed) return Step::Failed;
  if (mine.established) return Step::Done;
  ERR_clear_error();
  const std::span<const char> input = mine.wire.input;
  const int result = SSL_do_handshake(mine.ssl.get());
  if (result == 1) {
    mine.agreed();
    return Step::Done;
  }
  mine.clear_alert = alert_at_end(input.first(input.size() - mine.wire.input.size()));
  const Step step = mine.step_of(result);
  // A close_notify here ends it as well as an alert would.
  return step == Step::Closed ? mine.fail() : step;
}

bool TlsSession::established() const { return self().established; }

TlsSession::Step TlsSession::read(std::span<char> space, std::size_t& count) {
  Implementation& mine = self();
  count = 0;
  while (count < space.size()) {
    if (mine.failed) break;
    if (mine.read_ended) break;
    if (mine.wire.input.empty() && SSL_pending(mine.ssl.get()) == 0) break;
    ERR_clear_error();
    const std::size_t wanted = std::min(space.size() - count, std::size_t{INT_MAX});
    const int got = SSL_read(mine.ssl.get(), space.data() + count, static_cast<int>(wanted));
    if (got <= 0) {
      mine.step_of(got);
      break;
    }
    count += static_cast<std::size_t>(got);
  }
  if (!mine.failed && !mine.seal_held()) mine.failed = true;
  if (count != 0) return Step::Done;
  if (mine.failed) return Step::Failed;
  return mine.read_ended ? Step::Closed : Step::Wait;
}

bool TlsSession::write(std::string_view plaintext) {
  Implementation& mine = self();
  if (mine.closed || !mine.established) return false;
  if (mine.server != nullptr && SSL_in_init(mine.ssl.get()) == 1) {
    mine.server->held += plaintext;
    return true;
  }
  return mine.seal(plaintext);
}

std::size_t TlsSession::held() const { return self().server == nullptr ? 0 : self().server->held.size(); }

void TlsSession::close() {
  Implementation& mine = self();
  if (std::exchange(mine.closed, true) || !mine.established || mine.failed) return;
  // What is held must go first.
  if (held() == 0) mine.say_close();
}

TlsFacts TlsSession::facts() const {
  const SSL* ssl = self().ssl.get();
  TlsFacts facts;
  facts.version = SSL_get_version(ssl);
  if (const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl); cipher != nullptr) {
    facts.cipher = SSL_CIPHER_get_name(cipher);
    facts.cipher_bits = SSL_CIPHER_get_bits(cipher, nullptr);
  }
  const std::uint8_t* alpn = nullptr;
  unsigned alpn_size = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &alpn_size);
  facts.alpn = std::string_view(reinterpret_cast<const char*>(alpn), alpn_size);
  facts.sni = text_or_empty(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
  facts.resumed = resumed();
  if (const STACK_OF(CRYPTO_BUFFER)* chain = SSL_get0_peer_certificates(ssl);
      chain != nullptr && sk_CRYPTO_BUFFER_num(chain) != 0) {
    const CRYPTO_BUFFER* leaf = sk_CRYPTO_BUFFER_value(chain, 0);
    facts.peer_certificate = {reinterpret_cast<const char*>(CRYPTO_BUFFER_data(leaf)), CRYPTO_BUFFER_len(leaf)};
    facts.verify_result = static_cast<int>(SSL_get_verify_result(ssl));
    // A session remembers its result, but not at which certificate it came about.
    facts.leaf_error = facts.resumed ? facts.verify_result : self().notes.leaf;
    facts.ca_error = self().notes.ca;
    facts.ca_error_depth = self().notes.ca_depth;
  }
  if (const SSL_SESSION* session = SSL_get_session(ssl); session != nullptr) {
    unsigned size = 0;
    const std::uint8_t* id = SSL_SESSION_get_id(session, &size);
    facts.resumption_id = {reinterpret_cast<const char*>(id), size};
  }
  return facts;
}

bool TlsSession::resumed() const { return SSL_session_reused(self().ssl.get()) == 1; }

TlsTicket TlsSession::take_ticket() {
  Implementation& mine = self();
  if (mine.server == nullptr || mine.server->session == nullptr || !mine.established || mine.failed) return {};
  if (SSL_SESSION_is_resumable(mine.server->session.get()) == 0) return {};
  auto state = std::make_unique<TlsTicket::State>();
  state->session = std::move(mine.server->session);
  state->scope = mine.server->scope;
  return TlsTicket(std::move(state));
}

std::string TlsSession::error() const { return self().error; }
bool TlsSession::certificate_refused() const { return self().certificate_refused; }

SSL* library_session_of(TlsSession& session) { return static_cast<TlsSession::Implementation&>(session).ssl.get(); }
const ClientNotes& notes_of(TlsSession& session) { return static_cast<TlsSession::Implementation&>(session).notes; }

}  // namespace penstock
