#include "balance/health_agent.h"

#include "unit/catch.h"

using namespace penstock;

namespace {

AgentSays read(std::string_view line, bool fixed_weights = false, std::uint32_t weight = 10) {
  ServerSpec server;
  server.weight = weight;
  return read_agent_line(line, server, fixed_weights);
}

}  // namespace

TEST_CASE("an agent says how the server is, in any case of letters") {
  for (const char* line : {"up", "UP", " up ", "\tUp,"}) {
    const AgentSays says = read(line);
    CHECK(says.up == true);
    CHECK(!says.change.administration);
  }
  for (const char* line : {"down", "stopped", "Fail"}) CHECK(read(line).up == false);
  CHECK(!read("").up);
  CHECK(read("").text.empty());
}

TEST_CASE("an agent says what is wanted of the server") {
  CHECK(read("ready").change.administration == Administration::Ready);
  CHECK(read("drain").change.administration == Administration::Drain);
  CHECK(read("maint").change.administration == Administration::Maintenance);
  CHECK(!read("readyy").change.administration);
}

TEST_CASE("an agent sets a weight, relative to that of the file and within bounds") {
  CHECK(read("50%").change.weight == 5u);
  CHECK(read("0%").change.weight == 0u);
  CHECK(read("200%").change.weight == 20u);
  CHECK(read("99999999999999999999%").change.weight == std::nullopt);
  CHECK(read("9999999999%").change.weight == 256u);
  CHECK(read("100%", false, 256).change.weight == 256u);
  CHECK(!read("%").change.weight);
  CHECK(!read("-5%").change.weight);
  CHECK(!read("5 %").change.weight);
  CHECK(read("5x%").text == "agent warns : Trailing garbage in weight string");
}

TEST_CASE("where weights are fixed an agent has the choice of all and nothing") {
  CHECK(read("100%", true).change.weight == 10u);
  CHECK(read("0%", true).change.weight == 0u);
  CHECK(!read("50%", true).change.weight);
}

TEST_CASE("an agent sets a maxconn that is a number") {
  CHECK(read("maxconn:30").change.maxconn == 30u);
  CHECK(read("MAXCONN:0").change.maxconn == 0u);
  CHECK(!read("maxconn:").change.maxconn);
  CHECK(!read("maxconn:x").change.maxconn);
  CHECK(!read("maxconn:4294967296").change.maxconn);
  CHECK(!read("maxconn").change.maxconn);
}

TEST_CASE("one line may say several things, and why") {
  const AgentSays says = read("up ready 75% maxconn:5 # all is well");
  CHECK(says.up == true);
  CHECK(says.change.administration == Administration::Ready);
  CHECK(says.change.weight == 7u);
  CHECK(says.change.maxconn == 5u);
  CHECK(read("down#full").text == "via agent : down (full)");
  CHECK(read("down # disk full").text == "via agent : down ( disk full)");
  CHECK(read("up what").text == "via agent : up (what)");
  CHECK(read("what").text == "agent reports an error : what");
  CHECK(!read("what").up);
  CHECK(read("#up").text.empty());
}

TEST_CASE("an endless line of an agent is read") {
  CHECK(!read(std::string(65536, '%')).up);
  CHECK(read(std::string(65536, ',') + "up").up == true);
  CHECK(read("maxconn:" + std::string(65536, '9')).change.maxconn == std::nullopt);
}
