#include "penstock/balance/health_watch.h"

#include "unit/catch.h"

using namespace penstock;

namespace {

std::vector<AddressWatch::Pool> two_machines() {
  return {{"owa", "ex01", "10.0.0.15", 10000},
          {"ews", "ex01", "10.0.0.15", 10000},
          {"mapi", "ex01", "10.0.0.15", 10000},
          {"owa", "ex02", "10.0.0.16", 10000},
          {"ews", "ex02", "10.0.0.16", 10000}};
}

AddressWatch watching() {
  AddressWatch watch;
  watch.watch(two_machines());
  return watch;
}

}  // namespace

TEST_CASE("when the last pool of an address goes DOWN within one interval, one line says so") {
  AddressWatch watch = watching();
  CHECK_FALSE(watch.on_change("owa", "ex01", false, 1000));
  CHECK_FALSE(watch.on_change("ews", "ex01", false, 4000));
  CHECK(watch.on_change("mapi", "ex01", false, 11000) ==
        "all 3 checked pools of address 10.0.0.15 went DOWN within 10s: is the server down or in maintenance "
        "(ServerWideOffline)?");
}

TEST_CASE("pools that went DOWN one after the other over hours are no outage of the machine") {
  AddressWatch watch = watching();
  watch.on_change("owa", "ex01", false, 0);
  watch.on_change("ews", "ex01", false, 3600000);
  CHECK_FALSE(watch.on_change("mapi", "ex01", false, 3601000));
}

TEST_CASE("what a check itself takes may come on top of the interval, and is said") {
  AddressWatch watch = watching();
  watch.on_change("owa", "ex02", false, 0);
  CHECK(watch.on_change("ews", "ex02", false, 12500) ==
        "all 2 checked pools of address 10.0.0.16 went DOWN within 13s: is the server down or in maintenance "
        "(ServerWideOffline)?");
  AddressWatch later = watching();
  later.on_change("owa", "ex02", false, 0);
  CHECK_FALSE(later.on_change("ews", "ex02", false, 12501));
}

TEST_CASE("one pool that stays UP keeps the line away") {
  AddressWatch watch = watching();
  CHECK_FALSE(watch.on_change("owa", "ex01", false, 0));
  CHECK_FALSE(watch.on_change("ews", "ex01", false, 1));
  CHECK_FALSE(watch.on_change("owa", "ex02", false, 2));
}

TEST_CASE("the line comes once for each outage") {
  AddressWatch watch = watching();
  watch.on_change("owa", "ex02", false, 0);
  CHECK(watch.on_change("ews", "ex02", false, 1));
  CHECK_FALSE(watch.on_change("ews", "ex02", false, 2));
  CHECK_FALSE(watch.on_change("owa", "ex02", true, 3));
  CHECK_FALSE(watch.on_change("ews", "ex02", true, 4));
  CHECK_FALSE(watch.on_change("owa", "ex02", false, 5));
  CHECK(watch.on_change("ews", "ex02", false, 6));
}

TEST_CASE("an address with one pool needs no line beside that pool's own") {
  AddressWatch watch;
  watch.watch({{"owa", "ex01", "10.0.0.15", 10000}});
  CHECK_FALSE(watch.on_change("owa", "ex01", false, 0));
}

TEST_CASE("a reload keeps what is known of pools that stay and forgets the rest") {
  AddressWatch watch = watching();
  watch.on_change("owa", "ex01", false, 0);
  watch.on_change("ews", "ex01", false, 1);
  // mapi has left: the picture is completed by nobody, and owa's return and fall completes it.
  watch.watch({{"owa", "ex01", "10.0.0.15", 10000}, {"ews", "ex01", "10.0.0.15", 10000}}, two_machines());
  CHECK_FALSE(watch.on_change("mapi", "ex01", false, 2));
  CHECK_FALSE(watch.on_change("owa", "ex01", true, 3));
  CHECK(watch.on_change("owa", "ex01", false, 4));
}

TEST_CASE("a server with another address after a reload is another machine") {
  AddressWatch watch;
  const std::vector<AddressWatch::Pool> before = {{"owa", "ex01", "10.0.0.15", 10000},
                                                  {"ews", "ex01", "10.0.0.15", 10000}};
  watch.watch(before);
  watch.on_change("owa", "ex01", false, 0);
  watch.watch({{"owa", "ex01", "10.0.0.99", 10000}, {"ews", "ex01", "10.0.0.99", 10000}}, before);
  CHECK_FALSE(watch.on_change("ews", "ex01", false, 1));
  CHECK(watch.on_change("owa", "ex01", false, 2));
}

TEST_CASE("pools of one machine differ in port and have one address") {
  BackendSpec backend;
  backend.name = "owa";
  ServerSpec server;
  server.name = "ex01";
  server.check.inter_ms = 5000;
  REQUIRE(SocketAddress::from_ip("10.0.0.15", 443, server.address));
  const AddressWatch::Pool pool = AddressWatch::pool_of(backend, server);
  CHECK(pool.backend == "owa");
  CHECK(pool.server == "ex01");
  CHECK(pool.address == "10.0.0.15:443");
  CHECK(pool.inter_ms == 5000);
}
