#include "control/servers_state.h"

#include "unit/catch.h"

using namespace penstock;

namespace {

const std::string kRest = " 6 3 2 6 0 0 0 mail 9 - 0 0 - - 0";
std::string line(const std::string& facts) { return "3 bk 1 " + facts + kRest + "\n"; }

// What an administrator has ordered.
Orders ordered(Orders orders) {
  if (orders.address && orders.address->value.name != 0) orders.address.reset();
  return orders;
}

}  // namespace

TEST_CASE("states of servers become what was found, what was ordered, and since when") {
  const ServersState state =
      read_servers_state("1\n# comment\n\n" + line("s1 10.0.0.1 0 0 5 5 10") + line("s2 10.0.0.2 2 8 3 5 99999") +
                             line("s3 10.0.0.3 3 4 1 1 0") + line("s4 - 0 1 1 1 0"),
                         50000);
  CHECK(state.complaints.empty());
  const ServerNote& s1 = state.notes.at({"bk", "s1"});
  CHECK(s1.operation == Operation::Down);
  CHECK(ordered(s1.orders).empty());
  // What its name had, under a file that says that name.
  REQUIRE(s1.orders.address);
  CHECK(s1.orders.address->value.address.ip_text() == "10.0.0.1");
  CHECK(s1.orders.address->file.is_unknown());
  CHECK(s1.orders.address->file.name == digest_of_name("mail", s1.orders.address->value.address.port()));
  CHECK(s1.changed_ms == 40000);
  CHECK(s1.status == CheckStatus::L4Ok);
  const ServerNote& s2 = state.notes.at({"bk", "s2"});
  CHECK(s2.orders.administration == Order<Administration>{Administration::Drain, Administration::Ready});
  CHECK(s2.orders.weight == Order<std::uint32_t>{3, 5});
  CHECK(s2.changed_ms == 1);
  const ServerNote& s3 = state.notes.at({"bk", "s3"});
  CHECK(s3.operation == Operation::Drain);
  CHECK(s3.orders.administration == Order<Administration>{Administration::Ready, Administration::Maintenance});
  // Who is away is not down for that.
  CHECK(state.notes.at({"bk", "s4"}).operation == Operation::Up);
  CHECK(state.addresses.at("mail").ip_text() == "10.0.0.1");
}

TEST_CASE("orders that the format has no room for are comments") {
  const std::string s1 = line("s1 10.0.0.1 2 0 1 1 0");
  const auto read = [&](const std::string& orders) {
    const ServersState state = read_servers_state("1\n" + s1 + orders, 0);
    CHECK(state.complaints.empty());
    return state.notes.at({"bk", "s1"}).orders;
  };
  CHECK(read("# order bk s1 maxconn 5 in place of 0\n").maxconn == Order<std::uint32_t>{5, 0});
  const Orders moved = read("# order bk s1 address ::1 10 in place of 10.0.0.1 9\n");
  REQUIRE(moved.address);
  CHECK(moved.address->value.address.text() == "[::1]:10");
  CHECK(moved.address->file.address.text() == "10.0.0.1:9");
  for (const char* other :
       {"# order bk s2 maxconn 5 in place of 0\n", "# order bk s1 maxconn 5\n", "# order\n",
        "# order bk s1 maxconn x in place of 0\n", "# order bk s1 address x 1 in place of ::1 9\n",
        "# order bk s1 address ::1 99999 in place of ::1 9\n", "# order bk s1 other 1 in place of 2\n"})
    CHECK(ordered(read(other)).empty());
}

TEST_CASE("a line that cannot be one is named and costs nothing else") {
  const ServersState state =
      read_servers_state("1\nhello\n" + line("s1 10.0.0.1 4 0 5 5 10") + line("s1 10.0.0.1 2 9 5 5 10") +
                             line("s1 10.0.0.1 2 0 -1 5 10") + line("s2 10.0.0.1 2 1 1 1 10") + "3 bk 1 s3",
                         0);
  REQUIRE(state.complaints.size() == 5);
  CHECK(state.complaints[0] == "line 2: 1 fields where there should be 25");
  CHECK(state.complaints[1] == "line 3: '4' cannot be srv_op_state");
  CHECK(state.complaints[2] == "line 4: '9' cannot be srv_admin_state: maintenance and drain at one time");
  CHECK(state.complaints[3] == "line 5: '-1' cannot be srv_uweight");
  CHECK(state.complaints[4] == "line 7: 4 fields where there should be 25");
  CHECK(state.notes.size() == 1);
  for (const char* text : {"", "2\n", "# be_id\n"}) {
    CHECK(read_servers_state(std::string(text) + line("s1 10.0.0.1 2 0 5 5 10"), 0).complaints.size() == 1);
  }
}
