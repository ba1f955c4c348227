#include "balance/health_tally.h"
#include "farm.h"
#include "unit/catch.h"

using namespace penstock;
using penstock::test::farm;

namespace {

// As a check moves a server: the status, then the count.
void move(BackendTally& tally, BackendSpec& spec, std::size_t server, Operation to) {
  const Standing before = spec.servers[server].state->standing.exchange({.operation = to});
  tally.changed(spec.servers[server], before);
}

}  // namespace

TEST_CASE("a result reads as status, code, info and duration, in that order") {
  CHECK(check_reason({CheckStatus::L7Status, 503, "Service Unavailable", 3}) ==
        "Layer7 wrong status, code: 503, info: \"Service Unavailable\", check duration: 3ms");
  CHECK(check_reason({CheckStatus::L4Timeout, -1, "", 2000}) == "Layer4 timeout, check duration: 2000ms");
  CHECK(check_reason({CheckStatus::L7Ok, 0, "(tcp-check)", 0}) ==
        "Layer7 check passed, code: 0, info: \"(tcp-check)\", check duration: 0ms");
}

TEST_CASE("every status has the name and the words that readers of HAProxy's logs know") {
  const auto known = [](CheckStatus status, std::string_view name, std::string_view text) {
    CHECK(check_status_name(status) == name);
    CHECK(check_status_text(status) == text);
  };
  known(CheckStatus::SocketError, "SOCKERR", "Socket error");
  known(CheckStatus::L4Ok, "L4OK", "Layer4 check passed");
  known(CheckStatus::L4Timeout, "L4TOUT", "Layer4 timeout");
  known(CheckStatus::L4Connect, "L4CON", "Layer4 connection problem");
  known(CheckStatus::L6Ok, "L6OK", "Layer6 check passed");
  known(CheckStatus::L6Timeout, "L6TOUT", "Layer6 timeout");
  known(CheckStatus::L6Response, "L6RSP", "Layer6 invalid response");
  known(CheckStatus::L7Ok, "L7OK", "Layer7 check passed");
  known(CheckStatus::L7Conditional, "L7OKC", "Layer7 check conditionally passed");
  known(CheckStatus::L7Timeout, "L7TOUT", "Layer7 timeout");
  known(CheckStatus::L7Response, "L7RSP", "Layer7 invalid response");
  known(CheckStatus::L7Status, "L7STS", "Layer7 wrong status");
}

TEST_CASE("what a server says cannot break the line nor fill it") {
  const std::string line = check_reason({CheckStatus::L7Status, 500, "a\r\nb\tc", 0});
  CHECK(line == "Layer7 wrong status, code: 500, info: \"a??b?c\", check duration: 0ms");
  CHECK(check_reason({CheckStatus::L7Status, 500, std::string(100000, 'x'), 0}).size() < 400);
}

TEST_CASE("a server that goes DOWN is counted out, and what is left is said") {
  BackendSpec spec = farm(3);
  spec.name = "bk_owa";
  spec.servers[2].backup = true;
  spec.servers[0].state->in_use = 7;
  spec.state->waiting = 2;
  BackendTally tally(spec);
  move(tally, spec, 0, Operation::Down);
  CHECK(down_line(tally, spec.servers[0], {"is DOWN", true, "Layer4 timeout, check duration: 5ms"}) ==
        "Server bk_owa/s1 is DOWN, reason: Layer4 timeout, check duration: 5ms. 1 active and 1 backup servers left. "
        "7 sessions active, 0 requeued, 2 remaining in queue.");
  move(tally, spec, 1, Operation::Down);
  CHECK(down_line(tally, spec.servers[1], {"is DOWN", true, {}}) ==
        "Server bk_owa/s2 is DOWN. 0 active and 1 backup servers left. Running on backup. 0 sessions active, 0 "
        "requeued, 2 remaining in queue.");
  CHECK_FALSE(tally.none());
  move(tally, spec, 2, Operation::Down);
  CHECK(down_line(tally, spec.servers[2], {"is DOWN", true, {}}).substr(0, 27) == "Backup Server bk_owa/s3 is ");
  CHECK(tally.none());
  CHECK(no_server_line(spec) == "backend bk_owa has no server available!");
}

TEST_CASE("a server that comes UP, or stops, says how many are online") {
  BackendSpec spec = farm(2);
  BackendTally tally(spec);
  move(tally, spec, 0, Operation::Down);
  move(tally, spec, 0, Operation::Up);
  CHECK(up_line(tally, spec.servers[0], {"is UP", true, "Layer7 check passed, code: 200, check duration: 1ms"}) ==
        "Server farm/s1 is UP, reason: Layer7 check passed, code: 200, check duration: 1ms. 2 active and 0 backup "
        "servers online. 0 sessions requeued, 0 total in queue.");
  move(tally, spec, 1, Operation::Drain);
  CHECK(up_line(tally, spec.servers[1], {"is stopping", true, {}}) ==
        "Server farm/s2 is stopping. 1 active and 0 backup servers online. 0 sessions requeued, 0 total in queue.");
}

TEST_CASE("the tally stays right when another worker changes servers of the same backend") {
  BackendSpec spec = farm(4);
  BackendTally mine(spec), theirs(spec);
  move(mine, spec, 0, Operation::Down);
  move(theirs, spec, 1, Operation::Down);
  move(theirs, spec, 2, Operation::Down);
  CHECK(theirs.active == 1);
  move(mine, spec, 3, Operation::Down);
  CHECK(mine.active == 0);
}

TEST_CASE("a server of weight 0 takes no traffic and is not counted") {
  BackendSpec spec = farm(2);
  spec.servers[1].state->weight = 0;
  BackendTally tally(spec);
  move(tally, spec, 0, Operation::Down);
  CHECK(tally.none());
}

TEST_CASE("every change moves the version that workers look at") {
  BackendSpec spec = farm(1);
  BackendTally tally(spec);
  const std::uint32_t before = spec.state->version;
  move(tally, spec, 0, Operation::Down);
  CHECK(spec.state->version == before + 1);
  tally.ramped();
  CHECK(spec.state->version == before + 2);
}

TEST_CASE("a check's own line tells the result and the count") {
  BackendSpec spec = farm(2);
  spec.servers[1].backup = true;
  CHECK(check_line(spec, spec.servers[0], {CheckStatus::L7Ok, 200, "", 1}, "3/3 UP") ==
        "Health check for server farm/s1 succeeded, reason: Layer7 check passed, code: 200, check duration: 1ms, "
        "status: 3/3 UP.");
  CHECK(check_line(spec, spec.servers[1], {CheckStatus::L4Connect, -1, "Connection refused", 0}, "0/2 DOWN") ==
        "Health check for backup server farm/s2 failed, reason: Layer4 connection problem, info: \"Connection "
        "refused\", check duration: 0ms, status: 0/2 DOWN.");
  CHECK(check_line(spec, spec.servers[0], {CheckStatus::L7Conditional, 404, "", 1}, "3/3 UP").substr(0, 55) ==
        "Health check for server farm/s1 conditionally succeeded");
}
