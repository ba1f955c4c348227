#include "penstock/base/format.h"
#include "penstock/rules/address_set.h"
#include "unit/catch.h"

using namespace penstock;
using namespace penstock::rules;

namespace {

bool contains(const AddressSet& set, const char* text) {
  Ip ip;
  REQUIRE(Ip::parse(text, ip));
  return set.contains(ip);
}

AddressSet set_of(std::initializer_list<const char*> networks) {
  AddressSet set;
  for (const char* network : networks) REQUIRE(set.add(network));
  set.finish();
  return set;
}

}  // namespace

TEST_CASE("a set of networks contains their first and last address and nothing beside") {
  const AddressSet set = set_of({"172.16.0.0/12", "10.0.0.0/8", "192.168.1.7", "10.3.0.0/16", "2001:db8::/33"});
  CHECK(contains(set, "10.0.0.0"));
  CHECK(contains(set, "10.255.255.255"));
  CHECK_FALSE(contains(set, "11.0.0.0"));
  CHECK_FALSE(contains(set, "9.255.255.255"));
  CHECK(contains(set, "172.31.255.255"));
  CHECK_FALSE(contains(set, "172.32.0.0"));
  CHECK(contains(set, "192.168.1.7"));
  CHECK_FALSE(contains(set, "192.168.1.8"));
  CHECK(contains(set, "2001:db8:7fff::1"));
  CHECK_FALSE(contains(set, "2001:db8:8000::"));
}

TEST_CASE("abbreviated addresses, dotted masks, host bits and /0") {
  CHECK(contains(set_of({"10.12"}), "10.0.0.12"));
  CHECK(contains(set_of({"192.168.1"}), "192.168.0.1"));
  CHECK(contains(set_of({"127.1/8"}), "127.99.0.1"));
  CHECK(contains(set_of({"192.168.0.1/255.255.252.0"}), "192.168.3.255"));
  CHECK(contains(set_of({"0.0.0.0/0"}), "255.255.255.255"));
  CHECK(contains(set_of({"::/0"}), "::ffff"));
}

TEST_CASE("networks that are none are refused") {
  AddressSet set;
  for (const char* text :
       {"", "10", "10/8", "10.0.0.256", "10.0.0.0/33", "10.0.0.0/", "1.2.3.4.5", "host.name", "10.0.0.0/255.0.255.0",
        "2001:db8::/129", "2001:zz::", "10..1", "10.0.0.0/8x", "10.0.0.010", "010.1"}) {
    CAPTURE(text);
    CHECK_FALSE(set.add(text));
  }
}

TEST_CASE("addresses match across families as the manual says") {
  const AddressSet four = set_of({"192.0.2.0/24"});
  CHECK(contains(four, "::ffff:192.0.2.9"));
  CHECK(contains(four, "::192.0.2.9"));
  CHECK(contains(four, "2002:c000:0209::1"));
  CHECK_FALSE(contains(four, "2001:db8::c000:209"));
  const AddressSet six = set_of({"::ffff:0:0/96"});
  CHECK(contains(six, "192.0.2.9"));
  CHECK_FALSE(contains(set_of({"2001:db8::/32"}), "192.0.2.9"));
}

TEST_CASE("a long list is searched, not walked, and gives the same answers") {
  AddressSet set;
  for (int i = 0; i < 50000; ++i) REQUIRE(set.add(format("{}.{}.{}.0/25", 1 + i / 10000, i % 250, i / 250 % 40)));
  set.finish();
  CHECK(contains(set, "1.0.0.5"));
  CHECK_FALSE(contains(set, "1.0.0.200"));
}
