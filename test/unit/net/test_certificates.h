// Certificates for tests, made on the spot, as PEM text. No header of the TLS library is needed to
// use them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "penstock/net/tls_context.h"
#include "penstock/net/tls_credentials.h"

namespace penstock::test {

enum class KeyType { P256, P384, P521, Rsa2048, Ed25519 };

struct CertificateRequest {
  std::vector<std::string> names;           // Subject alternative names, DNS.
  std::vector<std::string> addresses = {};  // The same, IPv4.
  std::string common_name = "test";
  KeyType key = KeyType::P256;
  bool authority = false;
  // Seconds from now.
  std::int64_t valid_from = -3600;
  std::int64_t valid_to = 90 * 86400;
};

struct IssuedCertificate {
  std::string certificate;  // PEM.
  std::string key;          // PEM, PKCS #8.
  std::uint64_t serial = 0;
  std::string both() const { return certificate + key; }
};

// Signs certificates and revocation lists.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& common_name = "Test Authority", KeyType key = KeyType::P256);
  ~TestAuthority();
  TestAuthority(TestAuthority&&) noexcept;

  const std::string& certificate() const { return own_.certificate; }
  IssuedCertificate issue(const CertificateRequest& request) const;
  // An authority below this one; its certificate belongs into the chain.
  TestAuthority issue_authority(const std::string& common_name) const;
  std::string revocation_list(const std::vector<IssuedCertificate>& revoked) const;

 private:
  struct Parts;
  TestAuthority(std::unique_ptr<Parts> parts, IssuedCertificate own);
  std::unique_ptr<Parts> parts_;
  IssuedCertificate own_;
};

IssuedCertificate self_signed(const CertificateRequest& request);

// The key as its algorithm's own format: "RSA PRIVATE KEY", "EC PRIVATE KEY".
std::string traditional_key(const IssuedCertificate& issued);
// As a bind line shows it.
TlsOffer offer_of(const std::string& file, const IssuedCertificate& issued);
// The key under a password.
std::string encrypted_key(const IssuedCertificate& issued, const std::string& password);

}  // namespace penstock::test
