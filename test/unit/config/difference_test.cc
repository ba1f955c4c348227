#include "penstock/config/difference.h"

#include <string>

#include "penstock/config/read.h"
#include "unit/catch.h"

using namespace penstock::config;

namespace {

std::string dump_of(const std::string& text) {
  Diagnostics diagnostics;
  return dump(read({{"cfg", text}}, diagnostics));
}

// Each difference on a line of its own.
std::string between(const std::string& before, const std::string& after) {
  std::string all;
  for (const std::string& one : differences(dump_of(before), dump_of(after))) all += one + "\n";
  return all;
}

const std::string kBefore =
    "backend b\n mode http\n timeout server 5s\n option httpchk GET /x\n"
    " server s1 10.0.0.1:443 check ssl verify none\n server s2 10.0.0.2:443\n";

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  return text.replace(text.find(what), what.size(), with);
}

}  // namespace

TEST_CASE("between two equal configurations there is no difference, however they are written") {
  CHECK(between(kBefore, kBefore).empty());
  CHECK(between(kBefore, "# text\n" + replaced(kBefore, "5s", "5000")).empty());
}

TEST_CASE("each difference is named by its section and line") {
  const auto change = [](const std::string& what, const std::string& with) {
    return between(kBefore, replaced(kBefore, what, with));
  };
  CHECK(change("server 5s", "server 10s") == "backend b: timeout server: 5s -> 10s\n");
  CHECK(change("10.0.0.2:443", "10.0.0.2:443 disabled") == "backend b: server s2: +disabled\n");
  CHECK(change("verify none", "verify required ca-file /ca.pem") ==
        "backend b: server s1: verify none -> verify required ca-file /ca.pem\n");
  CHECK(change("option httpchk GET /x\n", "option httpchk GET /x\n http-check expect status 200\n") ==
        "backend b: +http-check expect status 200\n");
  CHECK(change(" server s2 10.0.0.2:443\n", "") == "backend b: -server s2 10.0.0.2:443\n");
  CHECK(change("backend b", "backend c") == "+backend c\n-backend b\n");
  CHECK(between(kBefore, "global\n maxconn 5\n" + kBefore) == "global: +maxconn 5\n");
  CHECK(between("global\n maxconn 5\n" + kBefore, "global\n maxconn 6\n" + kBefore) == "global: maxconn: 5 -> 6\n");
}

TEST_CASE("rules that change places are a difference") {
  const std::string one = " http-request deny if { path /a }\n", other = " http-request deny if { path /b }\n";
  CHECK(between(kBefore + one + other, kBefore + other + one) == "backend b: the order of its lines\n");
}

TEST_CASE("a difference shows no secret") {
  const auto changed = [](const std::string& line) {
    const std::string text = between(kBefore + " " + line + "xold1x\n", kBefore + " " + line + "xnew2x\n");
    CHECK(text.find("xold1x") == std::string::npos);
    CHECK(text.find("xnew2x") == std::string::npos);
    CHECK(text.find("(changed)") != std::string::npos);
    const std::string added = between(kBefore, kBefore + " " + line + "xnew2x\n");
    CHECK(added.find("xnew2x") == std::string::npos);
    CHECK(added.find("(hidden)") != std::string::npos);
  };
  changed("dynamic-cookie-key ");
  changed("http-request set-header Authorization Basic\\ ");
  changed("http-response add-header Set-Cookie SID=");
  changed("http-check send hdr authorization Basic\\ ");
  changed("http-check send body ");
  changed("http-request set-var(txn.password) str(");
  changed("http-request redirect location http://user:xpassx@host/");
  changed("option httpchk GET /health?token=");
  changed("acl known req.hdr(Authorization) -m str -f known.lst Bearer\\ ");
  changed("acl known req.cook(sid) ");
  changed("acl known http_auth_bearer -m str ");
  for (const std::string test : {"{ url_param(api_key)", "!{ req.hdr(X-Auth-Token),lower -m str"}) {
    const std::string line = " http-request deny if " + test;
    CHECK(between(kBefore + line + " xold1x }\n", kBefore + line + " xnew2x }\n") ==
          "backend b: http-request deny if " + test + " (hidden) } (changed)\n");
  }
  const std::string env = "global\n setenv PASSWORD ";
  CHECK(between(env + "a\n" + kBefore, env + "b\n" + kBefore) == "global: setenv PASSWORD (hidden) (changed)\n");
}
