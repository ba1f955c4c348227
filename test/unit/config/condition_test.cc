#include "../../../src/config/condition.h"

#include "penstock/config/read.h"
#include "unit/catch.h"

using penstock::config::ConditionError;
using penstock::config::Environment;
using penstock::config::judge_condition;

namespace {

std::string judged(std::string_view text) {
  Environment environment;
  environment.set("SET", "");
  environment.unset("UNSET");
  ConditionError error;
  const auto value = judge_condition(text, environment, error);
  if (!value) return std::to_string(error.offset) + ": " + error.text;
  return *value ? "yes" : "no";
}

}  // namespace

TEST_CASE("an empty condition is false, zero is false, any other integer true") {
  CHECK(judged("") == "no");
  CHECK(judged("  ") == "no");
  CHECK(judged("0") == "no");
  CHECK(judged("1") == "yes");
  CHECK(judged("-3") == "yes");
  CHECK(judged("00") == "no");
}

TEST_CASE("and binds tighter than or, not tighter than both, parentheses tightest") {
  CHECK(judged("1 || 1 && 0") == "yes");
  CHECK(judged("(1 || 1) && 0") == "no");
  CHECK(judged("0&&1||1") == "yes");
  CHECK(judged("!0 && !0") == "yes");
  CHECK(judged("!1 || 0") == "no");
  CHECK(judged("!(0 || 1)") == "no");
  CHECK(judged("!!1") == "yes");
  CHECK(judged("((( 1 )))") == "yes");
}

TEST_CASE("predicates about variables and strings") {
  CHECK(judged("defined(SET)") == "yes");
  CHECK(judged("defined(UNSET)") == "no");
  CHECK(judged("streq(a,a)") == "yes");
  CHECK(judged("streq(a,b)") == "no");
  CHECK(judged("strneq(a,b)") == "yes");
  CHECK(judged("streq(,)") == "yes");
  CHECK(judged("streq(\"a,b\",'a,b')") == "yes");
  CHECK(judged("streq(a\\)b,'a)b')") == "yes");
}

TEST_CASE("the grammar covered is that of version 2.6") {
  CHECK(judged("version_atleast(2.6)") == "yes");
  CHECK(judged("version_atleast(2.6-dev12)") == "yes");
  CHECK(judged("version_atleast(2.4.0)") == "yes");
  CHECK(judged("version_atleast(1.9)") == "yes");
  CHECK(judged("version_atleast(2.7-dev1)") == "no");
  CHECK(judged("version_atleast(3.0)") == "no");
  CHECK(judged("version_before(2.6)") == "no");
  CHECK(judged("version_before(2.7-dev0)") == "yes");
  CHECK(judged("version_before(2.6.1)") == "yes");
}

TEST_CASE("what is built in, and what is not") {
  CHECK(judged("feature(OPENSSL) && feature(PCRE2) && feature(THREAD) && feature(PROMEX)") == "yes");
  CHECK(judged("feature(LUA) || feature(QUIC)") == "no");
  CHECK(judged("feature(NO_SUCH_THING)") == "no");
  CHECK(judged("enabled(EPOLL)") == "yes");
  CHECK(judged("enabled(KQUEUE)") == "no");
  CHECK(judged("ssllib_name_startswith(BoringSSL)") == "yes");
  CHECK(judged("ssllib_name_startswith(OpenSSL)") == "no");
  CHECK(judged("openssl_version_atleast(1.1.1)") == "yes");
  CHECK(judged("openssl_version_atleast(3.0.0)") == "no");
  CHECK(judged("openssl_version_before(3.0.0)") == "yes");
  CHECK(judged("openssl_version_atleast(1.0.2k)") == "yes");
  CHECK(judged("fips_mode()") == "no");
  CHECK(judged("awslc_api_atleast(17)") == "no");
}

TEST_CASE("a mistake is found wherever it stands, also where the result is known already") {
  CHECK(judged("1 || foo(1)").starts_with("5: "));
  CHECK(judged("0 && streq(a)").starts_with("10: "));
  CHECK(judged("1 &&").starts_with("4: "));
  CHECK(judged("(1").starts_with("0: "));
  CHECK(judged("1)").starts_with("1: "));
  CHECK(judged("streq(a,b").starts_with("5: "));
  CHECK(judged("version_atleast(two)").starts_with("16: "));
  CHECK(judged("version_atleast(2.)").starts_with("16: "));
  CHECK(judged("defined").starts_with("0: "));
  CHECK(judged("!").starts_with("1: "));
  CHECK(judged(std::string(5000, '(')).find("nested too deeply") != std::string::npos);
}

TEST_CASE("an unknown predicate names the nearest known one") {
  CHECK(judged("defned(X)").find("did you mean 'defined'?") != std::string::npos);
}

TEST_CASE("a condition from the command line resolves its quotes and variables itself") {
  penstock::config::Diagnostics diagnostics;
  CHECK(penstock::config::evaluate_condition("streq(\"${NO_SUCH_VARIABLE-x}\",x)", {}, diagnostics) == true);
  CHECK(penstock::config::evaluate_condition("feature(OPENSSL) && !feature(LUA)", {}, diagnostics) == true);
  CHECK(diagnostics.complaints().empty());
  CHECK(penstock::config::evaluate_condition("nothing(1)", {}, diagnostics) == std::nullopt);
  CHECK(penstock::config::evaluate_condition("streq(\"a", {}, diagnostics) == std::nullopt);
  CHECK(diagnostics.alerts() == 2);
}
