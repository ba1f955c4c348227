// What a TlsContext is built from: files in PEM, words of the configuration, and what it says when
// they are wrong.
#include <ctime>

#include "penstock/net/tls_counts.h"
#include "unit/catch.h"
#include "unit/net/tls_pair.h"

using namespace penstock;
using namespace penstock::test;

namespace {

std::string complaint_about(const std::string& text) {
  const auto credentials = TlsCredentials::read({"site.pem", text});
  return credentials ? std::string("no complaint") : credentials.error().text;
}

std::vector<CertificateFacts> facts_in(const std::string& text) {
  const auto credentials = TlsCredentials::read({"site.pem", text});
  REQUIRE(credentials);
  return (*credentials)->facts("site.pem");
}

std::string complaint_about(const TlsOptions& options) {
  TicketKeys keys;
  const IssuedCertificate issued = self_signed({{"a.example"}});
  const ContextResult made = TlsContext::for_clients(options, {offer_of("site.pem", issued)}, false, keys);
  return made ? std::string("no complaint") : made.error().text;
}

TlsOptions with_ciphers(const std::string& ciphers) {
  TlsOptions options;
  options.ciphers = ciphers;
  return options;
}

}  // namespace

TEST_CASE("a certificate tells names, validity and kind of key") {
  CertificateRequest request{{"Mail.Contoso.com", "*.contoso.com"}};
  request.valid_from = -7200;
  request.valid_to = 86400;
  const std::int64_t now = std::time(nullptr);
  const auto facts = facts_in(self_signed(request).both());
  REQUIRE(facts.size() == 1);
  const CertificateFacts& leaf = facts[0];
  CHECK(leaf.file == "site.pem");
  CHECK(leaf.names == std::vector<std::string>{"mail.contoso.com", "*.contoso.com", "test"});
  CHECK(leaf.ecdsa);
  CHECK(leaf.not_before >= now - 7200);
  CHECK(leaf.not_before <= now - 7200 + 60);
  CHECK(leaf.not_after >= now + 86400);
  CHECK(leaf.not_after <= now + 86400 + 60);
}

TEST_CASE("the common name is the name of a certificate that has no other") {
  CertificateRequest request;
  request.common_name = "EX01.contoso.com";
  request.key = KeyType::Rsa2048;
  const auto facts = facts_in(self_signed(request).both());
  CHECK(facts[0].names == std::vector<std::string>{"ex01.contoso.com"});
  CHECK_FALSE(facts[0].ecdsa);
}

TEST_CASE("facts are those of the whole chain, leaf first") {
  TestAuthority root("Root");
  TestAuthority below = root.issue_authority("Below");
  const IssuedCertificate leaf = below.issue({{"a.example"}});
  const auto facts = facts_in(leaf.key + leaf.certificate + below.certificate());
  REQUIRE(facts.size() == 2);
  CHECK(facts[0].names == std::vector<std::string>{"a.example", "test"});
  CHECK(facts[1].names == std::vector<std::string>{"below"});
}

TEST_CASE("key before certificate, parameters, text and a byte order mark do no harm") {
  const IssuedCertificate ec = self_signed({{"a.example"}});
  const std::string parameters =
      "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
      "-----BEGIN DH PARAMETERS-----\nMAYCAQMCAQI=\n-----END DH PARAMETERS-----\n";
  CHECK(complaint_about(parameters + traditional_key(ec) + "subject=CN = test\n" + ec.certificate) == "no complaint");
  CHECK(complaint_about("\xef\xbb\xbf" + ec.both()) == "no complaint");
  CertificateRequest rsa{{"a.example"}};
  rsa.key = KeyType::Rsa2048;
  const IssuedCertificate issued = self_signed(rsa);
  CHECK(complaint_about(issued.certificate + traditional_key(issued)) == "no complaint");
  std::string dos_lines;
  for (const char c : issued.both()) dos_lines += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(complaint_about(dos_lines) == "no complaint");
}

TEST_CASE("an error in a certificate file names the file and the cause") {
  const IssuedCertificate one = self_signed({{"a.example"}});
  const IssuedCertificate other = self_signed({{"b.example"}});
  CHECK(complaint_about("") == "site.pem: the file is empty");
  CHECK(complaint_about("nothing to see") == "site.pem: no certificate in it");
  CHECK(complaint_about(std::string("\x30\x82\x04\x11\x02\x01\x03", 7)) ==
        "site.pem: it cannot be read as PFX (PKCS #12): bad pkcs12 data");
  CHECK(complaint_about(std::string("\x30\x82\x04\x11\x30\x01\x03", 7)) ==
        "site.pem: this is not PEM but binary (DER); convert it to PEM first");
  CHECK(complaint_about(one.key) == "site.pem: no certificate in it");
  CHECK(complaint_about(one.certificate) == "site.pem: no private key in it");
  CHECK(complaint_about(one.certificate + other.key) == "site.pem: the key does not belong to the certificate");
  CHECK(complaint_about(other.certificate + one.certificate + one.key) ==
        "site.pem: the key belongs to certificate 2 of it; that one must come first");
  CHECK(complaint_about(one.certificate + encrypted_key(one, "secret")) ==
        "site.pem: the private key in it is encrypted; nobody can type a password at start, store it in clear");
}

TEST_CASE("a damaged certificate file is an error, whatever was damaged") {
  const IssuedCertificate issued = self_signed({{"a.example"}});
  std::string cut_short = issued.certificate.substr(0, issued.certificate.size() / 2);
  CHECK(complaint_about(cut_short).starts_with("site.pem: block 1 of it is damaged: "));
  std::string no_der = issued.certificate;
  no_der.replace(no_der.find('\n') + 1, 4, "AAAA");
  CHECK(complaint_about(no_der + issued.key).starts_with("site.pem: certificate 1 of it cannot be read: "));
  std::string no_key = issued.key;
  no_key.replace(no_key.find('\n') + 1, 4, "AAAA");
  CHECK(complaint_about(issued.certificate + no_key).starts_with("site.pem: the private key in it cannot be read: "));
}

TEST_CASE("a key that belongs to the leaf is found among others") {
  const IssuedCertificate one = self_signed({{"a.example"}});
  const IssuedCertificate other = self_signed({{"b.example"}});
  CHECK(complaint_about(other.key + one.key + one.certificate) == "no complaint");
}

TEST_CASE("for_clients tells the facts of each certificate in order") {
  TicketKeys keys;
  const auto context = front_context({self_signed({{"a.example"}}), self_signed({{"b.example"}})}, keys);
  REQUIRE(context->certificates().size() == 2);
  CHECK(context->certificates()[0].names == std::vector<std::string>{"a.example", "test"});
  CHECK(context->certificates()[1].names == std::vector<std::string>{"b.example", "test"});
}

TEST_CASE("without a certificate clients can be faced only if names are strict") {
  TicketKeys keys;
  const ContextResult made = TlsContext::for_clients({}, {}, false, keys);
  REQUIRE_FALSE(made);
  CHECK(made.error().text == "no certificate was given");
  CHECK(TlsContext::for_clients({}, {}, true, keys));
}

TEST_CASE("lists of ciphers as found in the field are taken, and what is left out is named") {
  TicketKeys keys;
  const IssuedCertificate issued = self_signed({{"a.example"}});
  const auto context =
      front_context({issued}, keys, with_ciphers("ECDH+AESGCM:DH+AESGCM:TLS_AES_128_GCM_SHA256:!aNULL:!MD5:!DSS"));
  REQUIRE(context->warnings().size() == 2);
  CHECK(context->warnings()[0] == "cipher \"DH+AESGCM\" left out: BoringSSL has no such cipher");
  CHECK(context->warnings()[1] ==
        "cipher \"TLS_AES_128_GCM_SHA256\" left out: the suites of TLS 1.3 are all on and cannot be chosen");
  CHECK(front_context({issued}, keys, with_ciphers("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256"))
            ->warnings()
            .empty());
}

TEST_CASE("levels of security in a list of ciphers draw a note and no error") {
  TicketKeys keys;
  for (const std::string list : {"DEFAULT:@SECLEVEL=0", "DEFAULT@SECLEVEL=0", "@SECLEVEL=0:DEFAULT:!aNULL",
                                 "ECDHE-RSA-AES128-GCM-SHA256@SECLEVEL=0"}) {
    const auto context = front_context({self_signed({{"a.example"}})}, keys, with_ciphers(list));
    REQUIRE(context->warnings().size() == 1);
    CHECK(context->warnings()[0] == "\"@SECLEVEL=0\" in ciphers has no effect: BoringSSL knows no security levels");
  }
}

TEST_CASE("a list of ciphers of which none is known is an error that names the words") {
  CHECK(complaint_about(with_ciphers("DHE-RSA-AES128-GCM-SHA256:FOO")) ==
        "ciphers: BoringSSL has none of \"DHE-RSA-AES128-GCM-SHA256:FOO\"");
  CHECK(complaint_about(with_ciphers("!aNULL")) == "ciphers: BoringSSL has none of \"!aNULL\"");
  CHECK(complaint_about(with_ciphers("ECDHE:!ALL")) == "ciphers \"ECDHE:!ALL\" leave none");
}

TEST_CASE("an unknown curve is an error that names it") {
  TlsOptions options;
  options.curves = "X25519:P-257";
  CHECK(complaint_about(options) == "curve \"P-257\" is unknown to BoringSSL");
  options.curves = "X25519:prime256v1:secp256r1";
  CHECK(complaint_about(options) == "no complaint");
}

TEST_CASE("versions that leave nothing or that nobody speaks are errors") {
  CHECK(complaint_about(options_between(0x0304, 0x0303)) == "no TLS version is left between TLSv1.3 and TLSv1.2");
  CHECK(complaint_about(options_between(0x0305, 0)) == "TLS version 0x0305 is not supported by this BoringSSL");
  CHECK(complaint_about(options_between(0x0303, 0x0303)) == "no complaint");
}

TEST_CASE("checking peers needs certificates of authorities that can be read") {
  CHECK(complaint_about(trusting("")) == "ca.pem: the file is empty");
  CHECK(complaint_about(trusting("garbage")) == "ca.pem: no certificate in it");
  TlsOptions options = trusting(TestAuthority().certificate());
  options.crl_name = "revoked.pem";
  options.crl_pem = "garbage";
  CHECK(complaint_about(options) == "revoked.pem: no revocation list in it");
  options.ca_name.clear();
  options.ca_pem.clear();
  CHECK(complaint_about(options) == "certificates cannot be verified without a CA file");
}

TEST_CASE("an odd certificate in the system's bundle is left out and named") {
  TestAuthority authority;
  std::string odd = authority.certificate();
  odd.replace(odd.find('\n') + 1, 4, "AAAA");
  TlsOptions options = trusting(odd + authority.certificate());
  CHECK(complaint_about(options).starts_with("ca.pem: certificate 1 of it cannot be read: "));
  options.system_ca = true;
  const auto context = back_context(options);
  REQUIRE(context->warnings().size() == 1);
  CHECK(context->warnings()[0].starts_with("ca.pem: certificate 1 of it cannot be read: "));
}

TEST_CASE("a protocol name for ALPN must fit its length byte") {
  TlsOptions options;
  options.alpn = {"http/1.1", std::string(256, 'x')};
  CHECK(complaint_about(options).starts_with("ALPN protocol \"xxx"));
  options.alpn = {"http/1.1", std::string(255, 'x')};
  CHECK(complaint_about(options) == "no complaint");
}

TEST_CASE("saved ticket keys are restored only if they are whole") {
  TicketKeys keys;
  keys.rotate();
  const std::string saved(keys.save().view());
  TicketKeys other;
  CHECK(other.save().view() != saved);
  CHECK_FALSE(other.restore(""));
  CHECK_FALSE(other.restore(std::string_view(saved).substr(1)));
  CHECK_FALSE(other.restore(saved + saved));
  CHECK(other.restore(saved));
  CHECK(other.save().view() == saved);
}

TEST_CASE("one part of a certificate is replaced, and what does not fit is told") {
  const IssuedCertificate one = self_signed({{"a.example"}});
  const IssuedCertificate other = self_signed({{"b.example"}});
  using Part = TlsCredentials::Part;
  const auto empty = TlsCredentials::empty();
  CHECK(empty->trouble() == "no certificate in it");
  auto whole = empty->with(Part::All, one.both());
  REQUIRE(whole);
  CHECK((*whole)->trouble().empty());
  CHECK((*whole)->details().front().names == "DNS:a.example");
  auto mixed = (*whole)->with(Part::Key, other.key);
  REQUIRE(mixed);
  CHECK((*mixed)->trouble() == "the key does not belong to the certificate");
  CHECK((*whole)->trouble().empty());
  auto no_key = (*whole)->with(Part::All, other.certificate);
  REQUIRE(no_key);
  CHECK_FALSE((*no_key)->has_key());
  CHECK_FALSE((*whole)->with(Part::All, one.key));
  CHECK_FALSE((*whole)->with(Part::Key, one.certificate));
  CHECK_FALSE((*whole)->with(Part::Issuer, one.key));
  CHECK_FALSE((*whole)->with(Part::Ocsp, "no base64!"));
  CHECK_FALSE((*whole)->with(Part::Timestamps, "AAAA"));
}

TEST_CASE("a filter decides what a certificate is for") {
  TicketKeys keys;
  TlsOffer first = offer_of("first.pem", self_signed({{"a.example"}}));
  TlsOffer wild = offer_of("wild.pem", self_signed({{"ignored.example"}}));
  wild.filters = {"*.w.example", "!not.w.example"};
  TlsOffer hidden = offer_of("hidden.pem", self_signed({{"hidden.example"}}));
  hidden.filters = {"!*"};
  const ContextResult made = TlsContext::for_clients({}, {first, wild, hidden}, false, keys);
  REQUIRE(made);
  const auto back = back_context();
  const auto shown = [&](std::string_view name) {
    TlsPair pair(**made, *back, name);
    REQUIRE(pair.shake());
    return std::string(pair.back.tls->facts().peer_certificate);
  };
  const std::string of_first = shown("a.example");
  const std::string of_wild = shown("b.w.example");
  CHECK(of_wild != of_first);
  CHECK(shown("not.w.example") == of_first);
  CHECK(shown("ignored.example") == of_first);
  CHECK(shown("hidden.example") == of_first);
}

TEST_CASE("a certificate with terms of its own is shown under these") {
  TicketKeys keys;
  TlsOffer first = offer_of("first.pem", self_signed({{"a.example"}}));
  TlsOffer old = offer_of("old.pem", self_signed({{"old.example"}}));
  auto terms = std::make_shared<TlsOptions>(options_between(0x0303, 0x0303));
  terms->alpn = {"own"};
  old.options = terms;
  const ContextResult made = TlsContext::for_clients({}, {first, old}, false, keys);
  REQUIRE(made);
  TlsOptions asked;
  asked.alpn = {"own", "http/1.1"};
  const auto back = back_context(asked);
  TlsPair common(**made, *back, "a.example");
  REQUIRE(common.shake());
  CHECK(common.front.tls->facts().version == "TLSv1.3");
  CHECK(common.front.tls->facts().alpn.empty());
  TlsPair own(**made, *back, "old.example");
  REQUIRE(own.shake());
  CHECK(own.front.tls->facts().version == "TLSv1.2");
  CHECK(own.front.tls->facts().alpn == "own");
}

TEST_CASE("conversations are counted, and by their reason those that did not come about") {
  TicketKeys keys;
  TlsCounts counts;
  TlsOptions options = options_between(0x0303, 0x0304);
  options.counts = &counts;
  const auto front = front_context({self_signed({{"a.example"}})}, keys, options, true);
  const auto failures = [&](TlsFailure reason) {
    return counts.front_failures[static_cast<std::size_t>(reason)].load();
  };
  {
    TlsPair pair(*front, *back_context(), "a.example");
    REQUIRE(pair.shake());
    CHECK(counts.now == 1);
  }
  CHECK(counts.now == 0);
  CHECK(counts.begun == 1);
  CHECK(counts.front_keys.most() == 1);
  CHECK_FALSE(TlsPair(*front, *back_context(), "b.example").shake());
  CHECK(failures(TlsFailure::Name) == 1);
  CHECK_FALSE(TlsPair(*front, *back_context(options_between(0x0302, 0x0302)), "a.example").shake());
  CHECK(failures(TlsFailure::Version) == 1);
  { TlsPair unfinished(*front, *back_context(), "a.example"); }
  CHECK(failures(TlsFailure::Closed) == 1);
  CHECK(word_of(TlsFailure::Closed) == "closed");
  CHECK(word_of(TlsFailure::Other) == "other");
}

TEST_CASE("keys of tickets come from a file, and one more takes the place of the oldest") {
  const std::string one(64, 'A'), two = "BBBB" + one.substr(4), three = "CCCC" + one.substr(4);
  const auto complaint = [](const std::string& text) {
    const auto keys = TicketKeys::of_file(text);
    return keys ? std::string("no complaint") : keys.error().text;
  };
  CHECK(complaint("") == "at least 3 keys are needed, and it has 0");
  CHECK(complaint(one + "\n" + two + "\n") == "at least 3 keys are needed, and it has 2");
  CHECK(complaint(one + "\nAAAA\n") == "key 2 of it is not base64 of 48 or 80 bytes");
  CHECK(complaint(one + "\n" + std::string(106, 'A') + "A=\n") == "key 2 of it has another size than those before");
  auto keys = TicketKeys::of_file(one + "\r\n\n" + two + "\n" + three);
  REQUIRE(keys);
  CHECK((*keys)->texts() == std::vector<std::string>{one, two, three});
  CHECK((*keys)->append("AAAA") == TicketKeys::Appended::WrongSize);
  CHECK((*keys)->append("A!") == TicketKeys::Appended::NotBase64);
  CHECK((*keys)->append(one) == TicketKeys::Appended::Yes);
  CHECK((*keys)->texts() == std::vector<std::string>{two, three, one});
  CHECK(TicketKeys().append(one) == TicketKeys::Appended::WrongSize);
}
