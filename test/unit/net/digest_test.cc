#include "penstock/net/digest.h"

#include "unit/catch.h"

using namespace penstock;

TEST_CASE("base64 of all lengths, as RFC 4648 section 10 has it") {
  CHECK(base64_of("").empty());
  CHECK(base64_of("f") == "Zg==");
  CHECK(base64_of("fo") == "Zm8=");
  CHECK(base64_of("foo") == "Zm9v");
  CHECK(base64_of("foobar") == "Zm9vYmFy");
  CHECK(base64_of("\xff\xef", Base64::ForUrls) == "_-8");
  CHECK(base64_of("\xff\xef") == "/+8=");
}

TEST_CASE("a key signs the same text alike, and another key otherwise") {
  const MacKey key, other;
  CHECK(key.sign("text").size() == 43);
  CHECK(key.sign("text") == key.sign("text"));
  CHECK(key.sign("text") != key.sign("texts"));
  CHECK(key.sign("text") != other.sign("text"));
}

TEST_CASE("secrets of different lengths are not the same") {
  CHECK(is_same_secret("", ""));
  CHECK(is_same_secret("ab", "ab"));
  CHECK_FALSE(is_same_secret("ab", "abc"));
  CHECK_FALSE(is_same_secret("ab", "ac"));
}
