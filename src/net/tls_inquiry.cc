#include "penstock/net/tls_inquiry.h"

#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <array>

#include "tls_library.h"
#include "tls_session_parts.h"

namespace penstock {
namespace {

using Random = std::array<std::uint8_t, SSL3_RANDOM_SIZE>;

std::string random_of(const SSL* ssl, std::size_t (*get)(const SSL*, std::uint8_t*, std::size_t)) {
  Random bytes;
  const std::size_t size = get(ssl, bytes.data(), bytes.size());
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

}  // namespace

const HelloLists* TlsInquiry::hello() const {
  const ClientNotes& notes = notes_of(session_);
  return notes.hello == nullptr ? nullptr : notes.hello->lists.get();
}

std::string TlsInquiry::peer_chain(bool with_own) const {
  std::string chain;
  const STACK_OF(CRYPTO_BUFFER)* all = SSL_get0_peer_certificates(library_session_of(session_));
  for (std::size_t i = with_own ? 0 : 1; all != nullptr && i < sk_CRYPTO_BUFFER_num(all); ++i) {
    const CRYPTO_BUFFER* one = sk_CRYPTO_BUFFER_value(all, i);
    chain.append(reinterpret_cast<const char*>(CRYPTO_BUFFER_data(one)), CRYPTO_BUFFER_len(one));
  }
  return chain;
}

// Of the context, since a session forgets its own configuration once it is established.
std::string TlsInquiry::own_certificate() const {
  X509* const certificate = SSL_CTX_get0_certificate(SSL_get_SSL_CTX(library_session_of(session_)));
  std::uint8_t* bytes = nullptr;
  const int size = certificate == nullptr ? 0 : i2d_X509(certificate, &bytes);
  const bssl::UniquePtr<std::uint8_t> owned(bytes);
  return size <= 0 ? std::string() : std::string(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

std::string TlsInquiry::client_random() const { return random_of(library_session_of(session_), SSL_get_client_random); }

std::string TlsInquiry::server_random() const { return random_of(library_session_of(session_), SSL_get_server_random); }

std::string TlsInquiry::unique_id() const {
  constexpr std::size_t kMost = 64;
  std::array<std::uint8_t, kMost> bytes;
  std::size_t size = 0;
  if (SSL_get_tls_unique(library_session_of(session_), bytes.data(), &size, bytes.size()) != 1) return {};
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

}  // namespace penstock
