#include "rules/normalize_uri.h"

#include "unit/catch.h"

using namespace penstock;
using rules::Normalizer;

namespace {

std::string normalized(Normalizer normalizer, std::string_view text, bool strict = false) {
  Arena arena;
  const auto made = rules::normalize(normalizer, text, strict, arena);
  return made ? std::string(*made) : "refused";
}

}  // namespace

TEST_CASE("what a normalizer makes of a target is what the manual says") {
  CHECK(normalized(Normalizer::FragmentEncode, "/#foo") == "/%23foo");
  CHECK(normalized(Normalizer::FragmentStrip, "/#foo") == "/");
  CHECK(normalized(Normalizer::StripDot, "/.") == "/");
  CHECK(normalized(Normalizer::StripDot, "/./bar/") == "/bar/");
  CHECK(normalized(Normalizer::StripDot, "/a/./a") == "/a/a");
  CHECK(normalized(Normalizer::StripDot, "/.well-known/") == "/.well-known/");
  CHECK(normalized(Normalizer::StripDotDot, "/foo/../") == "/");
  CHECK(normalized(Normalizer::StripDotDot, "/foo/../bar/") == "/bar/");
  CHECK(normalized(Normalizer::StripDotDot, "/foo/bar/../") == "/foo/");
  CHECK(normalized(Normalizer::StripDotDot, "/../bar/") == "/../bar/");
  CHECK(normalized(Normalizer::StripDotDot, "/bar/../../") == "/../");
  CHECK(normalized(Normalizer::StripDotDot, "/foo//../") == "/foo/");
  CHECK(normalized(Normalizer::StripDotDot, "/foo/%2E%2E/") == "/foo/%2E%2E/");
  CHECK(normalized(Normalizer::StripDotDotFull, "/../bar/") == "/bar/");
  CHECK(normalized(Normalizer::StripDotDotFull, "/bar/../../") == "/");
  CHECK(normalized(Normalizer::MergeSlashes, "//") == "/");
  CHECK(normalized(Normalizer::MergeSlashes, "/foo//bar?a//b") == "/foo/bar?a//b");
  CHECK(normalized(Normalizer::DecodeUnreserved, "/%61dmin") == "/admin");
  CHECK(normalized(Normalizer::DecodeUnreserved, "/foo%3Fbar=baz") == "/foo%3Fbar=baz");
  CHECK(normalized(Normalizer::DecodeUnreserved, "/%%36%36") == "/%66");
  CHECK(normalized(Normalizer::DecodeUnreserved, "/%ZZ") == "/%ZZ");
  CHECK(normalized(Normalizer::DecodeUnreserved, "/%ZZ", true) == "refused");
  CHECK(normalized(Normalizer::DecodeUnreserved, "/%4", true) == "refused");
  CHECK(normalized(Normalizer::UpperCase, "/%6f%c3?%aF") == "/%6F%C3?%AF");
  CHECK(normalized(Normalizer::SortQuery, "/?c=3&a=1&b=2") == "/?a=1&b=2&c=3");
  CHECK(normalized(Normalizer::SortQuery, "/?aaa=3&a=1&aa=2") == "/?a=1&aa=2&aaa=3");
  CHECK(normalized(Normalizer::SortQuery, "/?a=3&b=4&a=1&b=5&a=2") == "/?a=3&a=1&a=2&b=4&b=5");
}
