#include "penstock/config/rule_words.h"

#include <string>

#include "penstock/config/read.h"
#include "unit/catch.h"

using namespace penstock::config;

namespace {

// "action | condition | files" of the only rule of a section with this line.
std::string shape(const std::string& line) {
  Diagnostics diagnostics;
  const Config config =
      read({{"cfg", "listen l\n mode http\n bind :1\n server s 10.0.0.1:1\n " + line + "\n"}}, diagnostics);
  REQUIRE(config.proxies.size() == 1);
  REQUIRE(config.proxies[0].rules.size() == 1);
  const Rule& rule = config.proxies[0].rules[0];
  const RuleParts parts = parts_of(rule);
  std::string action, condition, files;
  for (std::size_t i = 0; i < rule.words.size(); ++i)
    (i < parts.condition ? action : condition) += (i == 0 || i == parts.condition ? "" : " ") + rule.words[i].text;
  for (const Word* file : parts.files) files += " " + file->text;
  for (const ConditionTerm& term : terms_of(std::span(rule.words).subspan(parts.condition)))
    for (const Word* file : flags_of(term.test).files) files += " " + file->text;
  return action + " | " + condition + " |" + files;
}

}  // namespace

TEST_CASE("a rule's value may be any word of the grammar") {
  CHECK(shape("http-request set-header X file if TRUE") == "set-header X file | if TRUE |");
  CHECK(shape("http-request set-header if unless unless FALSE") == "set-header if unless | unless FALSE |");
  CHECK(shape("http-request add-header X if") == "add-header X if |  |");
  CHECK(shape("http-request set-path -f if TRUE") == "set-path -f | if TRUE |");
  CHECK(shape("http-request replace-header A file if if TRUE") == "replace-header A file if | if TRUE |");
  CHECK(shape("http-request del-header if -m str if TRUE") == "del-header if -m str | if TRUE |");
  CHECK(shape("http-request set-var-fmt(txn.a) errorfile if TRUE") == "set-var-fmt(txn.a) errorfile | if TRUE |");
  CHECK(shape("http-request redirect location if code 301 if TRUE") == "redirect location if code 301 | if TRUE |");
  CHECK(shape("redirect prefix unless unless FALSE") == "redirect prefix unless | unless FALSE |");
  CHECK(shape("http-response set-status 404 reason if if TRUE") == "set-status 404 reason if | if TRUE |");
  CHECK(shape("use_backend if if TRUE") == "if | if TRUE |");
  CHECK(shape("use-server unless unless FALSE") == "unless | unless FALSE |");
  CHECK(shape("stick on path table if if TRUE") == "on path table if | if TRUE |");
  CHECK(shape("monitor fail if { nbsrv 0 }") == " | if { nbsrv 0 } |");
}

TEST_CASE("files of a rule are where its action and its tests take files, and nowhere else") {
  CHECK(shape("http-request return status 200 content-type file string errorfile") ==
        "return status 200 content-type file string errorfile |  |");
  CHECK(shape("http-request return content-type if file /a hdr file file if TRUE") ==
        "return content-type if file /a hdr file file | if TRUE | /a");
  CHECK(shape("http-request deny errorfile if if TRUE") == "deny errorfile if | if TRUE | if");
  CHECK(shape("http-request deny lf-file /a content-type x unless { path -i -f /b -f /c d } || !{ "
              "src -f /d }") ==
        "deny lf-file /a content-type x | unless { path -i -f /b -f /c d } || !{ src -f /d } | /a "
        "/b /c /d");
  CHECK(shape("http-request deny if { path a -f /b }") == "deny | if { path a -f /b } |");
  CHECK(shape("http-request deny if { path -i -- -f /b }") == "deny | if { path -i -- -f /b } |");
  CHECK(shape("http-request deny if { path -m -f if }") == "deny | if { path -m -f if } |");
}

TEST_CASE("terms of a condition are told apart from its operators") {
  Diagnostics diagnostics;
  const Config config = read({{"cfg",
                               "listen l\n mode http\n acl a path /\n http-request deny if a !a || "
                               "! { path / } or !!a\n"}},
                             diagnostics);
  const Rule& rule = config.proxies.at(0).rules.at(0);
  const auto terms = terms_of(std::span(rule.words).subspan(parts_of(rule).condition));
  REQUIRE(terms.size() == 4);
  CHECK(terms[0].name == "a");
  CHECK(!terms[0].negated);
  CHECK(terms[1].negated);
  CHECK(terms[2].negated);
  CHECK(terms[2].test.size() == 2);
  CHECK(terms[3].name == "a");
  CHECK(!terms[3].negated);
}
