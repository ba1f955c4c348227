#include "penstock/net/dns.h"

#include <random>
#include <string>

#include "unit/catch.h"

using namespace penstock;
using Status = DnsAnswer::Status;

namespace {

std::string two(unsigned number) { return {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)}; }

const std::string kName("\1a\4test\0", 8);

// To a question of that type, with records that are about its name.
std::string answer_with(DnsType type, const std::vector<std::string>& records, unsigned code = 0) {
  std::string text =
      two(1) + two(0x8180 | code) + two(1) + two(static_cast<unsigned>(records.size())) + two(0) + two(0);
  text += kName + two(static_cast<unsigned>(type)) + two(1);
  for (const std::string& record : records)
    text += "\xc0\x0c" + two(static_cast<unsigned>(type)) + two(1) + two(0) + two(60) +
            two(static_cast<unsigned>(record.size())) + record;
  return text;
}

std::string service(unsigned port) { return two(1) + two(10) + two(port) + kName; }

}  // namespace

TEST_CASE("an answer's addresses and services are read") {
  const DnsAnswer ip4 = read_dns_answer(DnsType::A, answer_with(DnsType::A, {std::string("\xc0\0\2\1", 4)}));
  CHECK(ip4.status == Status::Valid);
  REQUIRE(ip4.addresses.size() == 1);
  CHECK(ip4.addresses[0].ip_text() == "192.0.2.1");
  const DnsAnswer ip6 = read_dns_answer(DnsType::Aaaa, answer_with(DnsType::Aaaa, {std::string(15, '\0') + "\1"}));
  REQUIRE(ip6.addresses.size() == 1);
  CHECK(ip6.addresses[0].ip_text() == "::1");
  const DnsAnswer srv = read_dns_answer(DnsType::Srv, answer_with(DnsType::Srv, {service(80), service(81)}));
  CHECK(srv.services == std::vector<SrvRecord>{{1, 10, 80, "a.test"}, {1, 10, 81, "a.test"}});
}

TEST_CASE("what an answer says beside records is told apart") {
  CHECK(read_dns_answer(DnsType::A, answer_with(DnsType::A, {})).status == Status::Empty);
  CHECK(read_dns_answer(DnsType::A, answer_with(DnsType::A, {}, 3)).status == Status::NoName);
  CHECK(read_dns_answer(DnsType::A, answer_with(DnsType::A, {}, 5)).status == Status::Refused);
  CHECK(read_dns_answer(DnsType::A, answer_with(DnsType::A, {}, 2)).status == Status::Other);
  CHECK(read_dns_answer(DnsType::A, "").status == Status::Invalid);
  CHECK(read_dns_answer(DnsType::A, std::string(11, '\0')).status == Status::Invalid);
}

TEST_CASE("of thousands of records some hundred are taken") {
  const std::vector<std::string> addresses(4000, std::string("\xc0\0\2\1", 4));
  CHECK(read_dns_answer(DnsType::A, answer_with(DnsType::A, addresses)).addresses.size() == 256);
  std::vector<std::string> services;
  for (unsigned port = 0; port < 2000; ++port) services.push_back(service(port));
  CHECK(read_dns_answer(DnsType::Srv, answer_with(DnsType::Srv, services)).services.size() == 256);
}

TEST_CASE("damaged answers are read within bounds") {
  std::minstd_rand chance(7);
  const std::string whole[] = {answer_with(DnsType::A, {std::string("\xc0\0\2\1", 4), std::string("\xc0\0\2\2", 4)}),
                               answer_with(DnsType::Aaaa, {std::string(16, '\1')}),
                               answer_with(DnsType::Srv, {service(80), service(81)})};
  for (int i = 0; i < 30000; ++i) {
    std::string text = whole[chance() % 3];
    if (chance() % 3 == 0) text.resize(chance() % (text.size() + 1));
    for (unsigned damages = chance() % 6; damages != 0 && !text.empty(); --damages) {
      char& at = text[chance() % text.size()];
      // Pointers, lengths and counts break more than chance does.
      constexpr char kLikely[] = {0, 1, 63, 64, static_cast<char>(0xc0), static_cast<char>(0xff), 12};
      at = chance() % 2 == 0 ? kLikely[chance() % sizeof(kLikely)] : static_cast<char>(chance());
    }
    for (const DnsType type : {DnsType::A, DnsType::Aaaa, DnsType::Srv}) {
      const DnsAnswer answer = read_dns_answer(type, text);
      const bool has_any = !answer.addresses.empty() || !answer.services.empty();
      REQUIRE(has_any == (answer.status == Status::Valid));
    }
  }
}
