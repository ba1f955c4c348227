#include "penstock/config/secrets.h"

#include "unit/catch.h"

using namespace penstock::config;

TEST_CASE("a line shown with a complaint is as wide as it was, without its secrets") {
  CHECK(blotted("  dynamic-cookie-key abc # x") == "  dynamic-cookie-key *** * *");
  CHECK(blotted("  http-request set-header Authorization \"Basic abc\" iff x") ==
        "  http-request set-header Authorization *********** iff x");
  CHECK(blotted("\thttp-request set-header Authorization Basic abc if x") ==
        "\thttp-request set-header Authorization ***** *** if x");
  CHECK(blotted("acl a req.hdr(X-Token) -m str -f t.lst abc -i") == "acl a req.hdr(X-Token) -m str -f t.lst *** -i");
  CHECK(blotted("stats auth admin:abc") == "stats auth *********");
  CHECK(blotted("http-request set-header X-A abc if x") == "http-request set-header X-A abc if x");
  CHECK(blotted("setenv A 'open") == "setenv A *****");
  CHECK(blotted("user x groups g insecure-password abc") == "user x groups g insecure-password ***");
  CHECK(blotted("http-request set-var(txn.a) path,hmac(sha256,YWJj) if x") ==
        "http-request set-var(txn.a) ********************** if x");
}

TEST_CASE("what is said about a line does not name its secrets either") {
  const std::string line = "http-request set-header Authorization Basic abcdef";
  CHECK(without_secrets_of(line, "'abcdef' is not understood behind 'set-header'") ==
        "'(hidden)' is not understood behind 'set-header'");
}
