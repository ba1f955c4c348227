// Sessions resumed by ticket: when they are, and above all when they are not.
#include <thread>

#include "unit/catch.h"
#include "unit/net/tls_pair.h"

using namespace penstock;
using namespace penstock::test;

namespace {

// A full handshake and a word each way, since TLS 1.3 gives tickets after it.
TlsTicket ticket_from(const TlsContext& front, const TlsContext& back, std::string_view name = "a.example") {
  TlsPair pair(front, back, name);
  REQUIRE(pair.shake());
  REQUIRE(pair.front.tls->write("welcome"));
  pair.settle();
  return pair.back.tls->take_ticket();
}

bool resumes(const TlsContext& front, const TlsContext& back, TlsTicket ticket, std::string_view name = "a.example") {
  TlsPair pair(front, back, name, {}, std::move(ticket));
  REQUIRE(pair.shake());
  CHECK(pair.front.tls->facts().resumed == pair.back.tls->facts().resumed);
  return pair.back.tls->facts().resumed;
}

}  // namespace

TEST_CASE("a ticket resumes with another context under the same keys") {
  const std::uint16_t version = GENERATE(0x0303, 0x0304);
  TicketKeys keys;
  const IssuedCertificate issued = self_signed({{"a.example"}});
  const TlsOptions options = options_between(version, version);
  const auto back = back_context(options);
  TlsTicket ticket = ticket_from(*front_context({issued}, keys), *back);
  REQUIRE(ticket);
  CHECK(resumes(*front_context({issued}, keys), *back, std::move(ticket)));
}

TEST_CASE("a ticket does not resume under other keys") {
  TicketKeys keys;
  TicketKeys others;
  const IssuedCertificate issued = self_signed({{"a.example"}});
  const auto back = back_context();
  TlsTicket ticket = ticket_from(*front_context({issued}, keys), *back);
  CHECK_FALSE(resumes(*front_context({issued}, others), *back, std::move(ticket)));
}

TEST_CASE("a ticket opens until its key was rotated out") {
  const std::uint16_t version = GENERATE(0x0303, 0x0304);
  TicketKeys keys;
  const auto front = front_context({self_signed({{"a.example"}})}, keys);
  const auto back = back_context(options_between(version, version));
  TlsTicket once = ticket_from(*front, *back);
  TlsTicket twice = ticket_from(*front, *back);
  TlsTicket thrice = ticket_from(*front, *back);
  keys.rotate();
  CHECK(resumes(*front, *back, std::move(once)));
  keys.rotate();
  CHECK(resumes(*front, *back, std::move(twice)));
  keys.rotate();
  CHECK_FALSE(resumes(*front, *back, std::move(thrice)));
}

TEST_CASE("a ticket under an older key is replaced while it still opens") {
  const std::uint16_t version = GENERATE(0x0303, 0x0304);
  TicketKeys keys;
  const auto front = front_context({self_signed({{"a.example"}})}, keys);
  const auto back = back_context(options_between(version, version));
  TlsTicket ticket = ticket_from(*front, *back);
  for (int i = 0; i < 6; ++i) {
    keys.rotate();
    TlsPair pair(*front, *back, "a.example", {}, std::move(ticket));
    REQUIRE(pair.shake());
    CHECK(pair.back.tls->facts().resumed);
    REQUIRE(pair.front.tls->write("welcome"));
    pair.settle();
    ticket = pair.back.tls->take_ticket();
    REQUIRE(ticket);
  }
}

TEST_CASE("restored keys open what the saved ones sealed") {
  TicketKeys keys;
  const IssuedCertificate issued = self_signed({{"a.example"}});
  const auto back = back_context();
  TlsTicket ticket = ticket_from(*front_context({issued}, keys), *back);
  TicketKeys next_process;
  REQUIRE(next_process.restore(keys.save().view()));
  CHECK(resumes(*front_context({issued}, next_process), *back, std::move(ticket)));
}

TEST_CASE("a session of TLS 1.3 serves once, one of TLS 1.2 again and again") {
  TicketKeys keys;
  const auto front = front_context({self_signed({{"a.example"}})}, keys);
  TlsTicket modern = ticket_from(*front, *back_context(options_between(0x0304, 0x0304)));
  REQUIRE(modern);
  CHECK_FALSE(modern.again());
  const auto back = back_context(options_between(0x0303, 0x0303));
  TlsTicket classic = ticket_from(*front, *back);
  REQUIRE(classic.again());
  CHECK(resumes(*front, *back, classic.again()));
  TlsPair pair(*front, *back, "a.example", {}, std::move(classic));
  REQUIRE(pair.shake());
  TlsTicket after = pair.back.tls->take_ticket();
  REQUIRE(after);
  CHECK(resumes(*front, *back, std::move(after)));
}

TEST_CASE("a session that the server did not resume is forgotten") {
  TicketKeys keys;
  TicketKeys others;
  const IssuedCertificate issued = self_signed({{"a.example"}});
  const auto back = back_context(options_between(0x0303, 0x0303));
  TlsTicket ticket = ticket_from(*front_context({issued}, keys), *back);
  TlsOptions no_tickets;
  no_tickets.tickets = false;
  TlsPair pair(*front_context({issued}, others, no_tickets), *back, "a.example", {}, std::move(ticket));
  REQUIRE(pair.shake());
  CHECK_FALSE(pair.back.tls->facts().resumed);
  CHECK_FALSE(pair.back.tls->take_ticket());
}

TEST_CASE("without tickets nothing is given and nothing resumed") {
  const std::uint16_t version = GENERATE(0x0303, 0x0304);
  TicketKeys keys;
  const IssuedCertificate issued = self_signed({{"a.example"}});
  TlsOptions options;
  options.tickets = false;
  const auto without = front_context({issued}, keys, options);
  const auto back = back_context(options_between(version, version));
  CHECK_FALSE(ticket_from(*without, *back));
  TlsTicket ticket = ticket_from(*front_context({issued}, keys), *back);
  REQUIRE(ticket);
  CHECK_FALSE(resumes(*without, *back, std::move(ticket)));
}

TEST_CASE("a session is not resumed where clients are checked otherwise") {
  const std::uint16_t version = GENERATE(0x0303, 0x0304);
  TicketKeys keys;
  TestAuthority authority;
  TestAuthority other;
  const IssuedCertificate issued = self_signed({{"a.example"}});
  const auto open_to_all = front_context({issued}, keys);
  TlsOptions checked = trusting(authority.certificate(), TlsPeerCheck::Optional);
  const auto optional = front_context({issued}, keys, checked);
  checked.check = TlsPeerCheck::Required;
  const auto required = front_context({issued}, keys, checked);
  const auto other_ca = front_context({issued}, keys, trusting(authority.certificate() + other.certificate()));
  checked.crl_pem = authority.revocation_list({});
  const auto with_crl = front_context({issued}, keys, checked);
  const auto back = back_context(options_between(version, version), authority.issue({{"phone"}}).both());
  CHECK_FALSE(resumes(*required, *back, ticket_from(*open_to_all, *back)));
  CHECK_FALSE(resumes(*required, *back, ticket_from(*optional, *back)));
  CHECK_FALSE(resumes(*other_ca, *back, ticket_from(*required, *back)));
  CHECK_FALSE(resumes(*with_crl, *back, ticket_from(*required, *back)));
  CHECK_FALSE(resumes(*open_to_all, *back, ticket_from(*required, *back)));
  CHECK(resumes(*required, *back, ticket_from(*required, *back)));
}

TEST_CASE("a resumed session still tells that the client had shown a certificate") {
  const std::uint16_t version = GENERATE(0x0303, 0x0304);
  TicketKeys keys;
  TestAuthority authority;
  const auto front = front_context({self_signed({{"a.example"}})}, keys, trusting(authority.certificate()));
  const auto back = back_context(options_between(version, version), authority.issue({{"phone"}}).both());
  TlsPair pair(*front, *back, "a.example", {}, ticket_from(*front, *back));
  REQUIRE(pair.shake());
  CHECK(pair.front.tls->facts().resumed);
  CHECK_FALSE(pair.front.tls->facts().peer_certificate.empty());
}

TEST_CASE("what is written to a client with a chain of any length arrives") {
  const std::uint16_t version = GENERATE(0x0303, 0x0304);
  const std::size_t certificates = GENERATE(as<std::size_t>(), 2, 20, 40, 60, 80, 120, 160);
  TicketKeys keys;
  TestAuthority authority;
  const IssuedCertificate phone = authority.issue({{"phone"}});
  std::string chain = phone.both();
  for (std::size_t i = 1; i < certificates; ++i) chain += authority.certificate();
  const auto front = front_context({self_signed({{"a.example"}})}, keys, trusting(authority.certificate()));
  TlsPair pair(*front, *back_context(options_between(version, version), chain), "a.example");
  REQUIRE(pair.shake());
  const std::string answer(100000, 'x');
  CHECK(pair.front.tls->write(answer));
  pair.settle();
  CHECK((pair.back.plain == answer));
  CHECK(pair.front.tls->error().empty());
  if (certificates == 2) CHECK(pair.back.tls->take_ticket());
}

TEST_CASE("towards a server a session is not resumed under another trust, name or certificate of ours") {
  TicketKeys keys;
  TestAuthority authority;
  const auto front = front_context({authority.issue({{"a.example", "b.example"}})}, keys);
  const auto unchecked = back_context();
  const auto checked = back_context(trusting(authority.certificate()));
  const auto with_certificate = back_context({}, self_signed({{"proxy"}}).both());
  CHECK_FALSE(resumes(*front, *checked, ticket_from(*front, *unchecked)));
  CHECK_FALSE(resumes(*front, *with_certificate, ticket_from(*front, *unchecked)));
  CHECK_FALSE(resumes(*front, *checked, ticket_from(*front, *checked), "b.example"));
  CHECK(resumes(*front, *checked, ticket_from(*front, *checked)));
}

TEST_CASE("a certificate chosen by name resumes as the default does") {
  TicketKeys keys;
  const auto front = front_context({self_signed({{"first.example"}}), self_signed({{"a.example"}})}, keys);
  const auto back = back_context();
  CHECK(resumes(*front, *back, ticket_from(*front, *back)));
}

TEST_CASE("keys rotate while other threads shake hands") {
  TicketKeys keys;
  const auto front = front_context({self_signed({{"a.example"}})}, keys);
  const auto back = back_context();
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) keys.rotate();
  });
  for (int i = 0; i < 10; ++i) {
    TlsPair pair(*front, *back, "a.example");
    CHECK(pair.shake());
  }
  other.join();
}
