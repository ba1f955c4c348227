#include "penstock/balance/server_state.h"

#include <string>
#include <vector>

#include "unit/catch.h"

using namespace penstock;

namespace {

ServerAddress at(const std::string& ip, std::uint16_t port = 443) {
  ServerAddress out;
  REQUIRE(SocketAddress::from_ip(ip, port, out.address));
  return out;
}

ServerValues file() { return {Administration::Ready, 5, 100, at("10.0.0.1")}; }

using Overruled = std::vector<std::string>;

}  // namespace

TEST_CASE("who takes traffic is up and ready; who drains keeps those it has; maintenance and DOWN keep nobody") {
  for (const auto operation : {Operation::Up, Operation::Drain, Operation::Down}) {
    for (const auto administration : {Administration::Ready, Administration::Drain, Administration::Maintenance}) {
      const Standing standing{.operation = operation, .administration = administration};
      CHECK(standing.takes_traffic() == (operation == Operation::Up && administration == Administration::Ready));
      CHECK(standing.keeps_traffic() ==
            (operation != Operation::Down && administration != Administration::Maintenance));
    }
  }
}

TEST_CASE("without orders the file is in force") {
  const Settled settled = settle(file(), {});
  CHECK(settled.values == file());
  CHECK(settled.orders.empty());
  CHECK(settled.overruled.empty());
}

TEST_CASE("what a change has set is in force while the file says what it said") {
  const ServerChange change{Administration::Maintenance, 7, 3, at("10.0.0.2", 444)};
  const Orders orders = with_change({}, file(), change);
  const Settled settled = settle(file(), orders);
  CHECK(settled.values == ServerValues{Administration::Maintenance, 7, 3, at("10.0.0.2", 444)});
  CHECK(settled.orders == orders);
  CHECK(settled.overruled.empty());
}

TEST_CASE("a change sets what it names and leaves other orders as they are") {
  Orders orders = with_change({}, file(), {.weight = 7});
  orders = with_change(orders, file(), {.administration = Administration::Drain});
  CHECK(settle(file(), orders).values == ServerValues{Administration::Drain, 7, 100, at("10.0.0.1")});
  orders = with_change(orders, file(), {.weight = 8});
  CHECK(settle(file(), orders).values.weight == 8);
}

TEST_CASE("setting what the file says is no order, and ends one") {
  Orders orders = with_change({}, file(), {.weight = 7, .maxconn = 100});
  CHECK_FALSE(orders.maxconn);
  orders = with_change(orders, file(), {.weight = 5});
  CHECK(orders.empty());
}

TEST_CASE("another value of the file wins over the order about it, alone, and is told") {
  const Orders orders = with_change({}, file(), {Administration::Drain, 7, 3, at("10.0.0.2")});
  ServerValues next = file();
  next.weight = 20;
  Settled settled = settle(next, orders);
  CHECK(settled.values == ServerValues{Administration::Drain, 20, 3, at("10.0.0.2")});
  CHECK(settled.overruled == Overruled{"weight 20 in place of 7"});
  CHECK_FALSE(settled.orders.weight);
  // Back as it was: the order does not come back.
  CHECK(settle(file(), settled.orders).values.weight == 5);

  next = {Administration::Maintenance, 5, 0, at("10.0.0.3")};
  settled = settle(next, orders);
  CHECK(settled.values == ServerValues{Administration::Maintenance, 7, 0, at("10.0.0.3")});
  CHECK(settled.overruled == Overruled{"state maintenance in place of drain", "maxconn 0 in place of 3",
                                       "address 10.0.0.3:443 in place of 10.0.0.2:443"});
}

TEST_CASE("a file that comes to say what was ordered ends the order without a word") {
  const Orders orders = with_change({}, file(), {.weight = 7});
  ServerValues next = file();
  next.weight = 7;
  const Settled settled = settle(next, orders);
  CHECK(settled.values.weight == 7);
  CHECK(settled.orders.empty());
  CHECK(settled.overruled.empty());
}

TEST_CASE("a server that the file disables is made ready by an order, until the file says something else") {
  ServerValues disabled = file();
  disabled.administration = Administration::Maintenance;
  const Orders orders = with_change({}, disabled, {.administration = Administration::Ready});
  CHECK(settle(disabled, orders).values.administration == Administration::Ready);
  CHECK(settle(file(), orders).orders.empty());
}
