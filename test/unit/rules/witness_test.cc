// Rules that somebody watches: what is told, what is assumed, and that the answer is that of rules nobody watches.
#include "penstock/rules/witness.h"

#include <utility>

#include "../../../src/rules/expression.h"
#include "rig.h"
#include "unit/catch.h"

using namespace penstock;
using namespace penstock::rules;

namespace {

class Listening final : public Witness {
 public:
  std::string take() { return std::exchange(heard_, {}); }
  bool assumes = false;

 private:
  void on_rule(const RulePlace& place) override { heard_ += format("{}: ", place.line); }
  void on_test(const Tested& told) override {
    heard_ += format("{}{}{}[", told.acl, told.unknown ? "?" : "", told.matches ? "+" : "-");
    for (const std::string& value : told.values) heard_ += value + ",";
    heard_ += "] ";
  }
  bool assume(const void* what, const Tested&) override {
    heard_ += what == nullptr ? "each time " : "";
    return assumes;
  }
  void on_judged(bool holds) override { heard_ += holds ? "holds\n" : "passed over\n"; }
  void on_done(bool failed) override { heard_ += failed ? "  failed\n" : "  done\n"; }
  std::string heard_;
};

}  // namespace

TEST_CASE("a witness hears of each rule, its tests and what was compared, and the verdict is the same") {
  Rig rig(
      "frontend fe\n"
      "acl api path_beg /ews /mapi\n"
      "acl many hdr(x-a) two\n"
      "http-request set-var(txn.a) str(1) if api !many\n"
      "http-request deny deny_status 403 if many || { src 10.0.0.0/8 }\n"
      "http-request deny\n");
  const FrontendRules rules = rig.frontend();
  REQUIRE(rig.complaints().empty());
  Try watched("GET /ews/x HTTP/1.1\nHost: h\nX-A: one, three\n"),
      plain("GET /ews/x HTTP/1.1\nHost: h\nX-A: one, three\n");
  Listening listening;
  const Verdict seen = rules.http_request.run(watched.subject, listening);
  CHECK(listening.take() ==
        "4: api+[/ews/x,] many-[one,three,] holds\n  done\n"
        "5: many-[one,three,] +[10.1.2.3,] holds\n  done\n");
  const Verdict verdict = rules.http_request.run(plain.subject);
  CHECK(seen.kind == verdict.kind);
  CHECK(seen.reply.status == verdict.reply.status);
  CHECK(seen.place->line == verdict.place->line);
}

TEST_CASE("what only traffic knows is assumed, and stands in texts that are made of it") {
  Rig rig(
      "frontend fe\n"
      "acl busy rand(2) eq 1\n"
      "http-request deny if busy\n"
      "http-request set-header X-A a-%[rand(5),add(1)]\n"
      "http-request set-var(txn.n) req.hdr(x-a),length\n"
      "http-request deny deny_status 429 if { var(txn.n) -m int 3 }\n");
  const FrontendRules rules = rig.frontend();
  REQUIRE(rig.complaints().empty());
  const Explained explained;
  Listening listening;
  for (const bool assumes : {false, true}) {
    Try exchange;
    exchange.subject.explained = &explained;
    listening.assumes = assumes;
    const Verdict verdict = rules.http_request.run(exchange.subject, listening);
    CHECK((verdict.kind == Verdict::Kind::Deny) == assumes);
    CHECK(listening.take().starts_with(assumes ? "3: each time busy?+[] holds" : "3: each time busy?-[] passed over"));
    if (!assumes) CHECK(exchange.request_fields().find("X-A: a-(unknown-here)\n") != std::string::npos);
  }
}

TEST_CASE("each sample is known before there is traffic, or not") {
  // Of those that an explanation cannot know, whatever it was told of the client.
  std::string unknown;
  for (const std::string_view name : fetch_names()) {
    Expression expression;
    expression.fetch.fetch = find_fetch(name);
    expression.needs = expression.fetch.fetch->needs;
    const Explained explained{true, true, true, true};
    Try exchange;
    exchange.subject.explained = &explained;
    if (only_traffic_knows(expression, exchange.subject)) (unknown += name) += ' ';
  }
  for (const std::string_view wanted : {"rand ", "uuid ", "ssl_c_s_dn ", "ssl_fc_cipher ", "status ", "res.hdr ",
                                        "req.payload ", "unique-id ", "srv_name "})
    CHECK(unknown.find(wanted) != std::string::npos);
  for (const std::string_view known : {"src ", "nbsrv ", "ssl_fc ", "ssl_fc_sni ", "req.hdr ", "path ", "req.ssl_sni ",
                                       "date ", "hdr ", "wait_end ", "dst_port "})
    CHECK((" " + unknown).find(" " + std::string(known)) == std::string::npos);
}
