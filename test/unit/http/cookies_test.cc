#include "penstock/http/cookies.h"

#include <string>

#include "unit/catch.h"

using namespace penstock;

namespace {

// "name=value|name=value", "(text)" for what is no pair.
std::string read(std::string_view list) {
  std::string out;
  cookies::Cookie cookie;
  for (std::size_t at = 0; cookies::next(list, at, cookie);) {
    if (!out.empty()) out += "|";
    if (!cookie.is_pair)
      out.append("(").append(cookie.name).append(")");
    else
      out.append(cookie.name).append("=").append(cookie.value);
  }
  return out;
}

std::string without(std::string_view list) {
  Arena arena;
  return std::string(cookies::without(list, "X", arena));
}

std::string without_prefix(std::string_view list) {
  Arena arena;
  return std::string(cookies::without_prefix(list, "X", '~', arena));
}

}  // namespace

TEST_CASE("cookies are read as browsers write them") {
  CHECK(read("a=1; b=2") == "a=1|b=2");
  CHECK(read(" a = 1 ;\tb=2 ") == "a=1|b=2");
  CHECK(read("a=b=c; d==") == "a=b=c|d==");
  CHECK(read("OutlookSession=\"{43A9; x=y} Outlook=16\"; b=2") == "OutlookSession=\"{43A9; x=y} Outlook=16\"|b=2");
  CHECK(read("a=\"open; b=2") == "a=\"open|b=2");
  CHECK(read("a; =1; b=") == "(a)|=1|b=");
  CHECK(read("") == "");
  CHECK(read(";") == "()");
  CHECK(read("a=1, b=2") == "a=1|b=2");
}

TEST_CASE("Set-Cookie sets its first pair") {
  CHECK(cookies::set_by("X=y; path=/; a=b")->value == "y");
  CHECK(cookies::set_by("X=\"y; z\"; path=/")->value == "\"y; z\"");
  CHECK(cookies::set_by(" X = y ;path=/")->name == "X");
  CHECK(cookies::set_by("X=a,b; path=/")->value == "a,b");
  CHECK(!cookies::set_by("X; path=/"));
  CHECK(!cookies::set_by(""));
}

TEST_CASE("a cookie goes with its separator, all others stay as they were") {
  CHECK(without("a=1; X=s2; b=2") == "a=1; b=2");
  CHECK(without("X=s2; b=2") == "b=2");
  CHECK(without("a=1; X=s2") == "a=1");
  CHECK(without("a=1; X=s2;") == "a=1");
  CHECK(without("X=s2; a=1; X=s3; b=2; X=s4") == "a=1; b=2");
  CHECK(without("X=s2") == "");
  CHECK(without("X=s2; X=s3;") == "");
  CHECK(without("XX=1; x=2; a=\"X=3; X=4\"; X") == "XX=1; x=2; a=\"X=3; X=4\"; X");
  CHECK(without("a=1; X=s2; $Path=/; $Domain=b; c=3") == "a=1; c=3");
}

TEST_CASE("a list without that cookie is not copied") {
  Arena arena;
  const std::string_view list = "a=1; b=2";
  CHECK(cookies::without(list, "X", arena).data() == list.data());
  CHECK(cookies::without_prefix(list, "X", '~', arena).data() == list.data());
  CHECK(arena.held() == 0);
}

TEST_CASE("a head full of one cookie is cut in one pass") {
  std::string list;
  for (int i = 0; i < 20000; ++i) list += "X=1;";
  Arena arena;
  CHECK(cookies::without(list + "a=2", "X", arena) == "a=2");
  CHECK(arena.held() < 4 * list.size());
}

TEST_CASE("a prefix ends at its mark") {
  CHECK(without_prefix("a=1; X=s2~abc; b=s2~d") == "a=1; X=abc; b=s2~d");
  CHECK(without_prefix("X=s3~a; X=s2~b~c") == "X=a; X=b~c");
  CHECK(without_prefix("X=s2~") == "X=");
  CHECK(without_prefix("X=~a") == "X=a");
  CHECK(without_prefix("X=s2") == "X=s2");
}

TEST_CASE("a stamp is read as it was written, to four seconds") {
  char text[cookies::kStampSize];
  cookies::write_stamp(1795420802, text);
  CHECK(cookies::read_stamp({text, sizeof(text)}) == 1795420800);
  CHECK(cookies::read_stamp(std::string(text, sizeof(text)) + "x") == 1795420800);
  cookies::write_stamp(0, text);
  CHECK(std::string_view(text, sizeof(text)) == "AAAAA");
  CHECK(cookies::read_stamp("/////") == 4294967292);
  CHECK(cookies::read_stamp("AAAA") == 0);
  CHECK(cookies::read_stamp("AAA-A") == 0);
}

TEST_CASE("whatever stands in a list, none of the cookies that are to go is left in it") {
  constexpr std::string_view kLetters = "X=;,\" $~a\t";
  std::uint32_t random = 1;
  for (int round = 0; round < 50000; ++round) {
    std::string list;
    for (std::uint32_t left = round % 24; left != 0; --left) {
      random = random * 1664525 + 1013904223;
      list += kLetters[(random >> 16) % kLetters.size()];
    }
    const std::string rest = without(list);
    CHECK(rest.size() <= list.size());
    cookies::Cookie cookie;
    for (std::size_t at = 0; cookies::next(rest, at, cookie);) CHECK_FALSE((cookie.is_pair && cookie.name == "X"));
    CHECK(without_prefix(list).size() <= list.size());
  }
}
