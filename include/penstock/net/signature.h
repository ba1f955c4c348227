// Signatures by public keys.
#pragma once

#include <memory>
#include <string_view>

#include "penstock/net/digest_names.h"

namespace penstock {

// Immutable: any thread may use it.
class PublicKey {
 public:
  // RFC 8017 sections 8.2 and 8.1, the salt as long as the digest; and ECDSA as JOSE writes it (RFC 7518 section 3.4):
  // two numbers of one length.
  enum class Scheme : std::uint8_t { Pkcs1, Pss, Ecdsa };

  // From PEM: a public key, or the certificate of one. Null: there is none.
  static std::shared_ptr<const PublicKey> of_pem(std::string_view text);
  ~PublicKey();
  PublicKey(const PublicKey&) = delete;
  PublicKey& operator=(const PublicKey&) = delete;

  // False too for a key that is not of the scheme.
  bool verifies(Scheme scheme, Digest digest, std::string_view message, std::string_view signature) const;

 private:
  struct Key;
  explicit PublicKey(std::unique_ptr<Key> key);
  std::unique_ptr<Key> key_;
};

}  // namespace penstock
