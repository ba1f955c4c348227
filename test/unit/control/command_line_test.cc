#include "control/command_line.h"

#include "unit/catch.h"

using namespace penstock;

TEST_CASE("commands of a line have ';' between them, and words blanks") {
  const WrittenLine line = read_command_line(" show  info;get weight\tbe/s1; ");
  REQUIRE(line.commands.size() == 3);
  CHECK(line.commands[0] == std::vector<std::string>{"show", "info"});
  CHECK(line.commands[1] == std::vector<std::string>{"get", "weight", "be/s1"});
  CHECK(line.commands[2].empty());
  CHECK_FALSE(line.has_payload);
}

TEST_CASE("what is escaped parts nothing") {
  const WrittenLine line = read_command_line("a\\ b\\;c \\\\ d\\");
  REQUIRE(line.commands.size() == 1);
  CHECK(line.commands[0] == std::vector<std::string>{"a b;c", "\\", "d"});
}

TEST_CASE("a last word << announces a payload, a glued one does not") {
  CHECK(read_command_line("set ssl cert x <<").has_payload);
  CHECK(read_command_line("set ssl cert x << ").commands[0].size() == 4);
  CHECK_FALSE(read_command_line("set ssl cert x<<").has_payload);
  CHECK_FALSE(read_command_line("set << ssl cert").has_payload);
}

TEST_CASE("more than 64 words are passed over") {
  std::string line;
  for (int i = 0; i < 1000; ++i) line += "w ";
  CHECK(read_command_line(line).commands[0].size() == 64);
}

TEST_CASE("the first line of a request looks like HTTP, a command does not") {
  CHECK(looks_like_http("GET / HTTP/1.1"));
  CHECK(looks_like_http("M-SEARCH * HTTP/1.1"));
  CHECK_FALSE(looks_like_http("show info"));
  CHECK_FALSE(looks_like_http("show HTTP/1.1"));
  CHECK_FALSE(looks_like_http(""));
}
