#include "penstock/base/text.h"

#include "unit/catch.h"

using namespace penstock;

TEST_CASE("a duration is digits and a unit, a bare number is in the unit of its place") {
  CHECK(parse_duration_ms("10s") == 10000);
  CHECK(parse_duration_ms("1500") == 1500);
  CHECK(parse_duration_ms("2h") == 7200000);
  CHECK(parse_duration_ms("1d") == 86400000);
  CHECK(parse_duration_ms("3m") == 180000);
  CHECK(parse_duration_ms("5", TimeUnit::Second) == 5000);
  CHECK(parse_duration_us("7us") == 7);
}

TEST_CASE("a time shorter than a millisecond is rounded up, never to none") {
  CHECK(parse_duration_ms("1us") == 1);
  CHECK(parse_duration_ms("1001us") == 2);
}

TEST_CASE("what is no duration is refused") {
  for (const char* text : {"", "s", "10x", "10 s", "-1", "1.5s", "99999999999999999999s", "18446744073709551615h"}) {
    CAPTURE(text);
    CHECK(!parse_duration_ms(text));
  }
}

TEST_CASE("a size takes k, m and g in powers of 1024") {
  CHECK(parse_size("16k") == 16384);
  CHECK(parse_size("2M") == 2097152);
  CHECK(parse_size("1g") == 1073741824);
  CHECK(parse_size("512") == 512);
  CHECK(!parse_size("1t"));
  CHECK(!parse_size("k"));
}

TEST_CASE("a duration is printed in the largest unit that is exact") {
  CHECK(duration_text(10000) == "10s");
  CHECK(duration_text(1500) == "1500ms");
  CHECK(duration_text(7200000) == "2h");
  CHECK(duration_text(0) == "0");
}

TEST_CASE("the nearest known word is found for a slip and not for a stranger") {
  constexpr std::string_view kWords[] = {"default_backend", "use_backend", "bind", "server"};
  CHECK(nearest("defualt_backend", kWords) == "default_backend");
  CHECK(nearest("binds", kWords) == "bind");
  CHECK(nearest("sever", kWords) == "server");
  CHECK(nearest("elephant", kWords) == "");
}

namespace {

// With every byte in place of each of `name`'s.
template <std::size_t N>
void compare_with_all(const char (&name)[N]) {
  for (std::size_t at = 0; at + 1 < N; ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text(name);
      text[at] = static_cast<char>(byte);
      INFO(name << ", byte " << byte << " at " << at);
      REQUIRE(equal_nocase(text, name) == (to_lower(text[at]) == to_lower(name[at])));
    }
  }
  REQUIRE(!equal_nocase(std::string(name) + "x", name));
  REQUIRE(!equal_nocase(std::string(name).substr(1), name));
}

}  // namespace

TEST_CASE("a text equals a name in any case, and no other text does") {
  compare_with_all("te");
  compare_with_all("host");
  compare_with_all("Expect");
  compare_with_all("upgrade");
  compare_with_all("connection");
  compare_with_all("keep-alive");
  compare_with_all("Content-Length");
  compare_with_all("www-authenticate");
  compare_with_all("Transfer-Encoding");
}

TEST_CASE("comparing without case knows ASCII only") {
  CHECK(equal_nocase("Content-Length", "content-length"));
  CHECK(!equal_nocase("\xC3\x84", "\xC3\xA4"));
  CHECK(find_nocase("abcDEF", "cde") == 2);
  CHECK(ends_with_nocase("/owa/HealthCheck.htm", "healthcheck.htm"));
}
