// Who may talk to whom: versions, names, keys, protocols, certificates of either side.
#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "unit/catch.h"
#include "unit/net/tls_pair.h"

using namespace penstock;
using namespace penstock::test;

namespace {

CertificateRequest rsa_for(const std::string& name) {
  CertificateRequest request{{name}};
  request.key = KeyType::Rsa2048;
  return request;
}

// True if a client that names `name` is shown `expected` and no other certificate.
bool is_shown(const TlsContext& front, const std::string& name, const IssuedCertificate& expected,
              const std::string& its_name, TlsOptions back = {}) {
  back.check = TlsPeerCheck::Required;
  back.ca_pem = expected.certificate;
  TlsPair pair(front, *back_context(back), name, its_name);
  return pair.shake();
}

// A client that accepts only some signature algorithms, which no option of ours can say.
class PickyClient {
 public:
  explicit PickyClient(std::vector<std::uint16_t> algorithms) : ctx_(SSL_CTX_new(TLS_method())) {
    SSL_CTX_set_verify_algorithm_prefs(ctx_.get(), algorithms.data(), algorithms.size());
    ssl_.reset(SSL_new(ctx_.get()));
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(ssl_.get()), -1);
    SSL_set_connect_state(ssl_.get());
  }
  bool shake(const TlsContext& context) {
    TlsEnd front;
    front.tls = TlsSession::for_client(context, front.out);
    while (SSL_do_handshake(ssl_.get()) != 1) {
      const std::uint8_t* bytes = nullptr;
      std::size_t size = 0;
      BIO_mem_contents(SSL_get_wbio(ssl_.get()), &bytes, &size);
      if (size == 0) return false;
      const std::string sent(reinterpret_cast<const char*>(bytes), size);
      BIO_reset(SSL_get_wbio(ssl_.get()));
      front.take(sent);
      const std::string answer = front.drain();
      if (answer.empty()) return false;
      BIO_write(SSL_get_rbio(ssl_.get()), answer.data(), static_cast<int>(answer.size()));
    }
    return true;
  }
  int key_type() const {
    bssl::UniquePtr<X509> certificate(SSL_get_peer_certificate(ssl_.get()));
    bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(certificate.get()));
    return EVP_PKEY_id(key.get());
  }

 private:
  bssl::UniquePtr<SSL_CTX> ctx_;
  bssl::UniquePtr<SSL> ssl_;
};

}  // namespace

TEST_CASE("a full handshake of TLS 1.2 and of TLS 1.3 tells its facts") {
  const std::uint16_t version = GENERATE(0x0303, 0x0304);
  TicketKeys keys;
  const auto front = front_context({self_signed({{"a.example"}})}, keys);
  const auto back = back_context(options_between(version, version));
  TlsPair pair(*front, *back, "a.example");
  CHECK_FALSE(pair.front.tls->established());
  REQUIRE(pair.shake());
  for (const TlsEnd* end : {&pair.front, &pair.back}) {
    const TlsFacts facts = end->tls->facts();
    CHECK(facts.version == (version == 0x0304 ? "TLSv1.3" : "TLSv1.2"));
    CHECK(facts.cipher.starts_with(version == 0x0304 ? "TLS_" : "ECDHE-ECDSA-"));
    CHECK(facts.sni == "a.example");
    CHECK(facts.alpn.empty());
    CHECK(facts.cipher_bits >= 128);
    CHECK_FALSE(facts.resumed);
  }
  CHECK(pair.front.tls->facts().peer_certificate.empty());
  CHECK_FALSE(pair.back.tls->facts().peer_certificate.empty());
}

TEST_CASE("versions without overlap fail on both sides with words") {
  TicketKeys keys;
  const auto front = front_context({self_signed({{"a.example"}})}, keys, options_between(0x0304, 0x0304));
  TlsPair pair(*front, *back_context(options_between(0x0303, 0x0303)));
  CHECK_FALSE(pair.shake());
  CHECK(pair.front.step == Step::Failed);
  CHECK(pair.front.tls->error() == "unsupported protocol");
  CHECK(pair.back.step == Step::Failed);
  CHECK(pair.back.tls->error() == "the peer's alert: protocol version");
  CHECK_FALSE(pair.back.tls->certificate_refused());
}

TEST_CASE("plain HTTP on a TLS port fails with words") {
  TicketKeys keys;
  const auto context = front_context({self_signed({{"a.example"}})}, keys);
  TlsEnd front;
  front.tls = TlsSession::for_client(*context, front.out);
  front.take("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
  CHECK(front.step == Step::Failed);
  CHECK(front.tls->error() == "http request");
}

TEST_CASE("the client's name picks the exact certificate, then the wildcard, then the first") {
  TicketKeys keys;
  const IssuedCertificate first = self_signed({{"first.example"}});
  const IssuedCertificate exact = self_signed({{"mail.contoso.com"}});
  const IssuedCertificate wild = self_signed({{"*.contoso.com"}});
  const auto front = front_context({first, wild, exact}, keys);
  CHECK(is_shown(*front, "mail.contoso.com", exact, "mail.contoso.com"));
  CHECK(is_shown(*front, "MAIL.Contoso.COM", exact, "mail.contoso.com"));
  CHECK(is_shown(*front, "autodiscover.contoso.com", wild, "autodiscover.contoso.com"));
  CHECK(is_shown(*front, "contoso.com", first, "first.example"));
  CHECK(is_shown(*front, "a.b.contoso.com", first, "first.example"));
  CHECK(is_shown(*front, "unknown.example", first, "first.example"));
  CHECK(is_shown(*front, "", first, "first.example"));
}

TEST_CASE("of two certificates for one name and kind of key the first is shown") {
  TicketKeys keys;
  const IssuedCertificate one = self_signed({{"a.example"}});
  const IssuedCertificate two = self_signed({{"a.example", "b.example"}});
  const auto front = front_context({one, two}, keys);
  CHECK(is_shown(*front, "a.example", one, "a.example"));
  CHECK(is_shown(*front, "b.example", two, "b.example"));
}

TEST_CASE("with strict names a client that names nothing known is refused") {
  TicketKeys keys;
  const auto front = front_context({self_signed({{"a.example"}})}, keys, {}, true);
  const auto back = back_context();
  CHECK(TlsPair(*front, *back, "a.example").shake());
  CHECK_FALSE(TlsPair(*front, *back, "b.example").shake());
  CHECK_FALSE(TlsPair(*front, *back, "").shake());
  TlsPair unknown(*front, *back, "b.example");
  unknown.shake();
  CHECK(unknown.back.tls->error() == "the peer's alert: unrecognized name");
  const ContextResult empty = TlsContext::for_clients({}, {}, true, keys);
  REQUIRE(empty);
  CHECK_FALSE(TlsPair(**empty, *back, "a.example").shake());
}

TEST_CASE("a client that can use ECDSA gets it, another gets RSA, in any order of files") {
  const bool ecdsa_first = GENERATE(true, false);
  TicketKeys keys;
  const IssuedCertificate ecdsa = self_signed({{"a.example"}});
  const IssuedCertificate rsa = self_signed(rsa_for("a.example"));
  const auto front = ecdsa_first ? front_context({ecdsa, rsa}, keys) : front_context({rsa, ecdsa}, keys);
  const std::string name = GENERATE("a.example", "");
  CHECK(is_shown(*front, name, ecdsa, "a.example"));
  CHECK(is_shown(*front, name, ecdsa, "a.example", options_between(0x0303, 0x0303)));
  SECTION("by cipher suites") {
    TlsOptions options = options_between(0x0303, 0x0303);
    options.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
    CHECK(is_shown(*front, name, rsa, "a.example", options));
  }
  SECTION("by signature algorithms") {
    PickyClient rsa_only({SSL_SIGN_RSA_PSS_RSAE_SHA256});
    REQUIRE(rsa_only.shake(*front));
    CHECK(rsa_only.key_type() == EVP_PKEY_RSA);
    PickyClient both({SSL_SIGN_RSA_PSS_RSAE_SHA256, SSL_SIGN_ECDSA_SECP256R1_SHA256});
    REQUIRE(both.shake(*front));
    CHECK(both.key_type() == EVP_PKEY_EC);
    // TLS 1.3 ties an algorithm to a curve.
    PickyClient other_curve({SSL_SIGN_RSA_PSS_RSAE_SHA256, SSL_SIGN_ECDSA_SECP384R1_SHA384});
    REQUIRE(other_curve.shake(*front));
    CHECK(other_curve.key_type() == EVP_PKEY_RSA);
  }
}

TEST_CASE("up to TLS 1.2 a client must know the curve of an ECDSA certificate") {
  TicketKeys keys;
  CertificateRequest p384{{"a.example"}};
  p384.key = KeyType::P384;
  const IssuedCertificate ecdsa = self_signed(p384);
  const IssuedCertificate rsa = self_signed(rsa_for("a.example"));
  const auto front = front_context({ecdsa, rsa}, keys);
  TlsOptions options = options_between(0x0303, 0x0303);
  options.curves = "X25519:P-384";
  CHECK(is_shown(*front, "a.example", ecdsa, "a.example", options));
  options.curves = "X25519:P-256";
  CHECK(is_shown(*front, "a.example", rsa, "a.example", options));
}

TEST_CASE("our own ciphers decide too which kind of key can be used") {
  TicketKeys keys;
  const IssuedCertificate ecdsa = self_signed({{"a.example"}});
  const IssuedCertificate rsa = self_signed(rsa_for("a.example"));
  TlsOptions ours = options_between(0x0303, 0x0303);
  ours.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
  const auto front = front_context({ecdsa, rsa}, keys, ours);
  CHECK(is_shown(*front, "a.example", rsa, "a.example"));
}

TEST_CASE("an Ed25519 certificate alone is refused by clients that cannot use it, without harm") {
  TicketKeys keys;
  CertificateRequest request{{"a.example"}};
  request.key = KeyType::Ed25519;
  const IssuedCertificate ed25519 = self_signed(request);
  const auto front = front_context({ed25519}, keys);
  PickyClient client({SSL_SIGN_RSA_PSS_RSAE_SHA256, SSL_SIGN_ECDSA_SECP256R1_SHA256});
  CHECK_FALSE(client.shake(*front));
  CHECK(is_shown(*front, "a.example", ed25519, "a.example"));
}

TEST_CASE("every kind of key is understood, of servers and of clients") {
  const KeyType kind = GENERATE(KeyType::P256, KeyType::P384, KeyType::P521, KeyType::Rsa2048, KeyType::Ed25519);
  const std::uint16_t version = GENERATE(0x0303, 0x0304);
  TicketKeys keys;
  TestAuthority authority("An authority", kind == KeyType::Rsa2048 ? KeyType::P256 : kind);
  CertificateRequest site{{"a.example"}};
  CertificateRequest phone{{"phone"}};
  site.key = phone.key = kind;
  const auto front = front_context({authority.issue(site)}, keys, trusting(authority.certificate()));
  TlsOptions theirs = trusting(authority.certificate());
  theirs.min_version = theirs.max_version = version;
  TlsPair pair(*front, *back_context(theirs, authority.issue(phone).both()), "a.example");
  CHECK(pair.shake());
  CHECK(pair.front.tls->error() == "");
  CHECK(pair.back.tls->error() == "");
}

TEST_CASE("unless said otherwise TLS 1.2 is the oldest, and nothing weak is spoken") {
  TicketKeys keys;
  const IssuedCertificate site = self_signed(rsa_for("a.example"));
  const auto front = front_context({site}, keys);
  const auto back = back_context();
  for (const std::uint16_t old : {0x0301, 0x0302}) {
    CHECK_FALSE(TlsPair(*front, *back_context(options_between(old, old))).shake());
    CHECK_FALSE(TlsPair(*front_context({site}, keys, options_between(old, old)), *back).shake());
    CHECK(TlsPair(*front_context({site}, keys, options_between(old, old)), *back_context(options_between(old, old)))
              .shake());
  }
  const auto speaks = [&](const std::string& cipher) {
    TlsOptions options = options_between(0x0303, 0x0303);
    options.ciphers = cipher;
    return std::pair(TlsPair(*front, *back_context(options)).shake(),
                     TlsPair(*front_context({site}, keys, options), *back).shake());
  };
  using Both = std::pair<bool, bool>;  // By clients, with servers.
  CHECK(speaks("ECDHE-RSA-AES128-GCM-SHA256") == Both(true, true));
  CHECK(speaks("ECDHE-RSA-AES256-GCM-SHA384") == Both(true, true));
  CHECK(speaks("ECDHE-RSA-CHACHA20-POLY1305") == Both(true, true));
  CHECK(speaks("ECDHE-RSA-AES128-SHA") == Both(true, true));
  CHECK(speaks("ECDHE-RSA-AES256-SHA") == Both(true, true));
  CHECK(speaks("AES128-GCM-SHA256") == Both(false, true));
  CHECK(speaks("AES256-GCM-SHA384") == Both(false, true));
  CHECK(speaks("AES128-SHA") == Both(false, true));
  CHECK(speaks("AES256-SHA") == Both(false, true));
  CHECK(speaks("DES-CBC3-SHA") == Both(false, false));
}

TEST_CASE("of wide words for ciphers 3DES is no part, and by its name it is spoken") {
  TicketKeys keys;
  const IssuedCertificate site = self_signed(rsa_for("a.example"));
  TlsOptions weak = options_between(0x0303, 0x0303);
  weak.ciphers = "DES-CBC3-SHA";
  TlsOptions ours;
  for (const char* wide : {"ALL", "HIGH", "DEFAULT:@SECLEVEL=0", "HIGH:!aNULL:!MD5", "kRSA"}) {
    ours.ciphers = wide;
    CHECK_FALSE(TlsPair(*front_context({site}, keys, ours), *back_context(weak)).shake());
  }
  ours.ciphers = "HIGH:3DES";
  CHECK(TlsPair(*front_context({site}, keys, ours), *back_context(weak)).shake());
}

TEST_CASE("authenticated ciphers go before CBC, whatever a client prefers") {
  TicketKeys keys;
  TlsOptions theirs = options_between(0x0303, 0x0303);
  theirs.ciphers = "ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-GCM-SHA384";
  TlsPair pair(*front_context({self_signed({{"a.example"}})}, keys), *back_context(theirs));
  REQUIRE(pair.shake());
  CHECK(pair.front.tls->facts().cipher == "ECDHE-ECDSA-AES256-GCM-SHA384");
}

TEST_CASE("without a cipher in common the failure names what the client offers") {
  TicketKeys keys;
  TlsOptions theirs = options_between(0x0303, 0x0303);
  theirs.ciphers = "DES-CBC3-SHA:AES256-SHA";
  TlsPair pair(*front_context({self_signed(rsa_for("a.example"))}, keys), *back_context(theirs));
  REQUIRE_FALSE(pair.shake());
  CHECK(pair.front.tls->error() == "no cipher in common: the client offers DES-CBC3-SHA, AES256-SHA");
  CHECK(pair.back.tls->error() ==
        "the peer's alert: handshake failure (mostly: no cipher in common; DHE, and CBC with SHA-2, are not in "
        "BoringSSL)");
}

TEST_CASE("a name that is the common name alone picks its certificate too") {
  TicketKeys keys;
  CertificateRequest request{{"san.example"}};
  request.common_name = "cn.example";
  const IssuedCertificate site = self_signed(request);
  const auto front = front_context({self_signed({{"a.example"}}), site}, keys);
  CHECK(is_shown(*front, "cn.example", site, "san.example"));
}

TEST_CASE("ALPN follows our order, and without a protocol in common the handshake goes on") {
  TicketKeys keys;
  TlsOptions ours;
  ours.alpn = {"h2", "http/1.1"};
  const auto front = front_context({self_signed({{"a.example"}})}, keys, ours);
  TlsOptions theirs;
  theirs.alpn = {"http/1.1", "h2"};
  TlsPair both(*front, *back_context(theirs));
  REQUIRE(both.shake());
  CHECK(both.front.tls->facts().alpn == "h2");
  CHECK(both.back.tls->facts().alpn == "h2");
  theirs.alpn = {"spdy/1"};
  TlsPair none(*front, *back_context(theirs));
  REQUIRE(none.shake());
  CHECK(none.front.tls->facts().alpn.empty());
}

TEST_CASE("our order of ciphers wins, or the client's where that is asked for") {
  TicketKeys keys;
  const IssuedCertificate issued = self_signed({{"a.example"}});
  TlsOptions ours = options_between(0x0303, 0x0303);
  ours.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256";
  TlsOptions theirs;
  theirs.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384";
  const auto back = back_context(theirs);
  TlsPair server_order(*front_context({issued}, keys, ours), *back);
  REQUIRE(server_order.shake());
  CHECK(server_order.front.tls->facts().cipher == "ECDHE-ECDSA-AES256-GCM-SHA384");
  ours.prefer_client_ciphers = true;
  TlsPair client_order(*front_context({issued}, keys, ours), *back);
  REQUIRE(client_order.shake());
  CHECK(client_order.front.tls->facts().cipher == "ECDHE-ECDSA-AES128-GCM-SHA256");
}

TEST_CASE("a required client certificate must be there and be trusted") {
  const std::uint16_t version = GENERATE(0x0303, 0x0304);
  TicketKeys keys;
  TestAuthority authority;
  TestAuthority stranger("Stranger");
  TestAuthority forger;
  const IssuedCertificate site = self_signed({{"a.example"}});
  const IssuedCertificate good = authority.issue({{"phone"}});
  const IssuedCertificate bad = stranger.issue({{"phone"}});
  const auto front = front_context({site}, keys, trusting(authority.certificate()));
  const TlsOptions theirs = options_between(version, version);
  TlsPair trusted(*front, *back_context(theirs, good.both()));
  REQUIRE(trusted.shake());
  CHECK_FALSE(trusted.front.tls->facts().peer_certificate.empty());
  TlsPair missing(*front, *back_context(theirs));
  missing.shake();
  CHECK(missing.front.step == Step::Failed);
  CHECK(missing.front.tls->error() == "peer did not return a certificate");
  CHECK_FALSE(missing.front.tls->certificate_refused());
  TlsPair unknown(*front, *back_context(theirs, bad.both()));
  unknown.shake();
  CHECK(unknown.front.step == Step::Failed);
  CHECK(unknown.front.tls->error() == "certificate verify failed: unable to get local issuer certificate");
  CHECK(unknown.front.tls->certificate_refused());
  CHECK(unknown.back.step == Step::Failed);
  CHECK(unknown.back.tls->error() == "the peer's alert: unknown CA");
  TlsPair forged(*front, *back_context(theirs, forger.issue({{"phone"}}).both()));
  forged.shake();
  CHECK(forged.front.step == Step::Failed);
  CHECK(forged.front.tls->error() == "certificate verify failed: certificate signature failure");
  CHECK(forged.front.tls->certificate_refused());
}

TEST_CASE("an optional client certificate may be missing but not be bad") {
  TicketKeys keys;
  TestAuthority authority;
  const auto front =
      front_context({self_signed({{"a.example"}})}, keys, trusting(authority.certificate(), TlsPeerCheck::Optional));
  TlsPair missing(*front, *back_context());
  REQUIRE(missing.shake());
  CHECK(missing.front.tls->facts().peer_certificate.empty());
  TlsPair good(*front, *back_context({}, authority.issue({{"phone"}}).both()));
  REQUIRE(good.shake());
  CHECK_FALSE(good.front.tls->facts().peer_certificate.empty());
  TlsPair bad(*front, *back_context({}, self_signed({{"phone"}}).both()));
  bad.shake();
  CHECK(bad.front.step == Step::Failed);
  CHECK(bad.front.tls->certificate_refused());
}

TEST_CASE("a revoked client certificate is refused") {
  TicketKeys keys;
  TestAuthority authority;
  const IssuedCertificate good = authority.issue({{"phone"}});
  const IssuedCertificate revoked = authority.issue({{"lost phone"}});
  TlsOptions ours = trusting(authority.certificate());
  ours.crl_name = "revoked.pem";
  ours.crl_pem = authority.revocation_list({revoked});
  const auto front = front_context({self_signed({{"a.example"}})}, keys, ours);
  CHECK(TlsPair(*front, *back_context({}, good.both())).shake());
  TlsPair refused(*front, *back_context({}, revoked.both()));
  refused.shake();
  CHECK(refused.front.step == Step::Failed);
  CHECK(refused.front.tls->error() == "certificate verify failed: certificate revoked");
}

TEST_CASE("a server's certificate must come from a known authority") {
  TicketKeys keys;
  TestAuthority root;
  TestAuthority below = root.issue_authority("Below");
  const IssuedCertificate leaf = below.issue({{"ex01.contoso.com"}});
  IssuedCertificate with_chain = leaf;
  with_chain.certificate += below.certificate();
  const auto back = back_context(trusting(root.certificate()));
  CHECK(TlsPair(*front_context({with_chain}, keys), *back, "ex01.contoso.com").shake());
  TlsPair no_chain(*front_context({leaf}, keys), *back, "ex01.contoso.com");
  no_chain.shake();
  CHECK(no_chain.back.step == Step::Failed);
  CHECK(no_chain.back.tls->error() == "certificate verify failed: unable to get local issuer certificate");
  CHECK(no_chain.back.tls->certificate_refused());
  CHECK(no_chain.front.step == Step::Failed);
  CHECK(no_chain.front.tls->error() == "the peer's alert: unknown CA");
  TlsPair unchecked(*front_context({leaf}, keys), *back_context(), "other.example");
  CHECK(unchecked.shake());
}

TEST_CASE("a server's certificate must be for the name that is asked for") {
  TicketKeys keys;
  TestAuthority authority;
  CertificateRequest request{{"ex01.contoso.com", "*.wild.com"}};
  request.addresses = {"10.0.0.15"};
  const auto front = front_context({authority.issue(request)}, keys);
  const auto back = back_context(trusting(authority.certificate()));
  CHECK(TlsPair(*front, *back, "ex01.contoso.com").shake());
  CHECK(TlsPair(*front, *back, "x.wild.com").shake());
  CHECK(TlsPair(*front, *back, "mail.contoso.com", "ex01.contoso.com").shake());
  CHECK(TlsPair(*front, *back, "", "10.0.0.15").shake());
  CHECK(TlsPair(*front, *back).shake());
  TlsPair wrong(*front, *back, "ex01.contoso.com", "ex02.contoso.com");
  wrong.shake();
  CHECK(wrong.back.step == Step::Failed);
  CHECK(wrong.back.tls->error() ==
        "certificate verify failed: Hostname mismatch (it is for ex01.contoso.com, *.wild.com, not "
        "for \"ex02.contoso.com\")");
  CHECK(wrong.back.tls->certificate_refused());
  const auto many = front_context({authority.issue({{"a.x", "b.x", "c.x", "d.x"}})}, keys);
  TlsPair other(*many, *back, "", "ex.x");
  other.shake();
  CHECK(other.back.tls->error() ==
        "certificate verify failed: Hostname mismatch (it is for a.x, b.x, c.x, ..., not for \"ex.x\")");
  CHECK_FALSE(TlsPair(*front, *back, "a.x.wild.com").shake());
  CHECK_FALSE(TlsPair(*front, *back, "", "10.0.0.16").shake());
}

TEST_CASE("an address is never sent as a name, but the certificate must be for it") {
  TicketKeys keys;
  TestAuthority authority;
  CertificateRequest request{{"a.example"}};
  request.addresses = {"10.0.0.15"};
  const auto front = front_context({authority.issue(request)}, keys);
  TlsPair pair(*front, *back_context(trusting(authority.certificate())), "10.0.0.15");
  REQUIRE(pair.shake());
  CHECK(pair.front.tls->facts().sni.empty());
}

TEST_CASE("an expired and a future certificate are refused") {
  TicketKeys keys;
  TestAuthority authority;
  const auto back = back_context(trusting(authority.certificate()));
  CertificateRequest request{{"a.example"}};
  request.valid_from = -86400;
  request.valid_to = -10;
  TlsPair expired(*front_context({authority.issue(request)}, keys), *back, "a.example");
  expired.shake();
  CHECK(expired.back.tls->error() == "certificate verify failed: certificate has expired");
  CHECK(expired.front.tls->error() == "the peer's alert: certificate expired");
  request.valid_from = 86400;
  request.valid_to = 2 * 86400;
  TlsPair future(*front_context({authority.issue(request)}, keys), *back, "a.example");
  future.shake();
  CHECK(future.back.tls->error() == "certificate verify failed: certificate is not yet valid");
}

TEST_CASE("a server's self-signed certificate can be its own authority, as Exchange sets up") {
  TicketKeys keys;
  const IssuedCertificate own = self_signed({{"ex01.contoso.com"}});
  CHECK(TlsPair(*front_context({own}, keys), *back_context(trusting(own.certificate)), "ex01.contoso.com").shake());
  TlsPair other(*front_context({self_signed({{"ex01.contoso.com"}})}, keys), *back_context(trusting(own.certificate)),
                "ex01.contoso.com");
  CHECK_FALSE(other.shake());
  CHECK(other.back.tls->certificate_refused());
}

TEST_CASE("a name that TLS cannot carry fails the handshake with words") {
  TicketKeys keys;
  const auto front = front_context({self_signed({{"a.example"}})}, keys);
  TlsPair pair(*front, *back_context(), std::string(300, 'x'));
  CHECK_FALSE(pair.shake());
  CHECK(pair.back.step == Step::Failed);
  CHECK(pair.back.tls->error().ends_with("cannot be a server's name in TLS"));
}

TEST_CASE("a session goes on when its context is gone, as after a reload") {
  TicketKeys keys;
  auto front = front_context({self_signed({{"a.example"}})}, keys);
  auto back = back_context();
  TlsPair pair(*front, *back, "a.example");
  front.reset();
  back.reset();
  REQUIRE(pair.shake());
  REQUIRE(pair.back.tls->write("hello"));
  pair.settle();
  CHECK(pair.front.plain == "hello");
}
