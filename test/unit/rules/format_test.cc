#include "penstock/config/model.h"
#include "rig.h"
#include "unit/catch.h"

using namespace penstock;
using namespace penstock::rules;

namespace {

struct Printed {
  explicit Printed(const std::string& lines, const std::string& request = "GET /index.html HTTP/1.1\nHost: 1wt.eu\n")
      : rig("frontend fe\n" + lines + "\n"), exchange(request) {
    rules = rig.frontend();
    CHECK(rig.complaints() == "");
    rules.begin(exchange.subject);
    setenv("TZ", "UTC", 1);
    tzset();
    LogFacts& log = exchange.subject.log;
    log.request_us = 1233922454655000;
    log.accept_us = 1233922454000000;
    log.t_request = 10, log.tw = 0, log.tc = 30, log.t_response = 69, log.ta = 109, log.tt = 120;
    log.th = 1, log.ti = 2, log.tq = 13, log.td = 5, log.tu = 118;
    log.status = 200, log.bytes_read = 2750, log.bytes_uploaded = 99;
    log.actconn = log.feconn = log.beconn = log.srv_conn = 1;
    log.request_counter = 3, log.pid = 30986, log.log_counter = 77;
    exchange.subject.backend = "static";
    exchange.subject.server = "srv1";
  }
  std::string line() {
    char space[2048];
    return std::string(rules.log.write(exchange.subject, space));
  }
  Rig rig;
  Try exchange;
  FrontendRules rules;
};

std::string log_of(const std::string& format_text, const std::string& request = "GET /a?b HTTP/1.1\nHost: h\n") {
  return Printed("log-format '" + format_text + "'", request).line();
}

// A header's value by a format.
std::string http_of(const std::string& format_text) {
  Rig rig("frontend fe\nhttp-request set-header V '" + format_text + "'\n");
  const FrontendRules rules = rig.frontend();
  CHECK(rig.complaints() == "");
  Try exchange;
  rules.http_request.run(exchange.subject);
  return std::string(exchange.subject.request->find("v")->value);
}

}  // namespace

TEST_CASE("option httplog prints the manual's line byte for byte") {
  Printed printed("capture request header Host len 10\ncapture response header Nothing len 10");
  CHECK(printed.line() ==
        "10.1.2.3:40000 [06/Feb/2009:12:14:14.655] fe~ static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "
        "{1wt.eu} {} \"GET /index.html HTTP/1.1\"");
}

TEST_CASE("without captures their braces and blanks are gone") {
  Printed printed("");
  CHECK(printed.line() ==
        "10.1.2.3:40000 [06/Feb/2009:12:14:14.655] fe~ static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "
        "\"GET /index.html HTTP/1.1\"");
}

TEST_CASE("option tcplog prints the manual's line byte for byte") {
  Rig rig("frontend fnt\n", config::Mode::Tcp);
  const FrontendRules rules = rig.frontend();
  Try exchange;
  exchange.clear_text();
  setenv("TZ", "UTC", 1);
  tzset();
  Subject& subject = exchange.subject;
  subject.frontend = "fnt";
  subject.log.accept_us = 1233922371443000;
  subject.log.tw = subject.log.tc = 0;
  subject.log.tt = 5007;
  subject.log.bytes_read = 212;
  subject.log.retries = 3;
  subject.backend = "bck";
  subject.server = "srv1";
  char space[512];
  CHECK(rules.log.write(subject, space) ==
        "10.1.2.3:40000 [06/Feb/2009:12:12:51.443] fnt bck/srv1 0/0/5007 212 -- 0/0/0/0/3 0/0");
}

TEST_CASE("option httpslog and clf print the manual's lines") {
  Printed https("");
  https.rig.config().proxies[0].log_style = config::Proxy::LogStyle::Https;
  https.rules = https.rig.frontend();
  CHECK(https.line().ends_with(
      "\"GET /index.html HTTP/1.1\" 0/0000000000000000/0/0/0 mail.contoso.com/TLSv1.3/TLS_AES_128_GCM_SHA256"));
  Printed clf("capture request header Host len 10\ncapture request header None len 10");
  clf.rig.config().proxies[0].log_style = config::Proxy::LogStyle::Clf;
  clf.rules = clf.rig.frontend();
  CHECK(clf.line() ==
        "10.1.2.3 - - [06/Feb/2009:12:14:14 +0000] \"GET /index.html HTTP/1.1\" 200 2750 \"\" \"\" 40000 000 \"fe~\" "
        "\"static\" \"srv1\" 10 0 30 69 109 ---- "
        "1 1 1 1 0 0 0 \"\" \"\" \"1wt.eu\" \"\" ");
}

TEST_CASE("a request that ended early prints -1, <NOSRV> and <BADREQ>") {
  Rig rig("frontend fe\n");
  const FrontendRules rules = rig.frontend();
  Try exchange;
  setenv("TZ", "UTC", 1);
  tzset();
  exchange.subject.request = nullptr;
  rules.begin(exchange.subject);
  exchange.subject.log.termination[0] = 'P';
  exchange.subject.log.termination[1] = 'R';
  exchange.subject.log.status = 400;
  exchange.subject.log.redispatched = true;
  exchange.subject.log.asap = true;
  char space[512];
  CHECK(rules.log.write(exchange.subject, space) ==
        "10.1.2.3:40000 [06/Feb/2009:12:14:14.655] fe~ fe/<NOSRV> -1/-1/-1/-1/+-1 400 +0 - - PR-- 0/0/0/0/+0 0/0 "
        "\"<BADREQ>\"");
}

TEST_CASE("each variable prints its part") {
  CHECK(log_of("%HM %HU %HP %HPO %HQ %HV") == "GET /a?b /a /a ?b HTTP/1.1");
  CHECK(log_of("%HU|%HP|%HPO", "GET http://h/p?q HTTP/1.0\nHost: h\n") == "http://h/p?q|http://h/p|/p");
  CHECK(log_of("%Th/%Ti/%Tq/%TR/%Tw/%Tc/%Tr/%Td/%Ta/%Tt/%Tu") == "1/2/13/10/0/30/69/5/109/120/118");
  CHECK(log_of("%B %U %ST %rt %pid %lc") == "2750 99 200 3 30986 77");
  CHECK(log_of("%t %tr") == "06/Feb/2009:12:14:14.000 06/Feb/2009:12:14:14.655");
  CHECK(log_of("%T %Tl %trg %trl %Ts %ms") ==
        "06/Feb/2009:12:14:14 +0000 06/Feb/2009:12:14:14 +0000 06/Feb/2009:12:14:14 +0000 06/Feb/2009:12:14:14 +0000 "
        "1233922454 000");
  CHECK(log_of("%f %ft %b %s %H %ci %cp %fi %fp %bi %bp %si %sp") ==
        "fe fe~ static srv1 proxy1 10.1.2.3 40000 10.0.0.9 443 - - - -");
  CHECK(log_of("%ac/%fc/%bc/%sc/%rc %sq/%bq %ts %tsc %CC %CS %ID") == "1/1/1/1/0 0/0 -- ---- - - -");
  CHECK(log_of("%sslv %sslc") == "TLSv1.3 TLS_AES_128_GCM_SHA256");
  CHECK(log_of("100%% %[src]") == "100% 10.1.2.3");
}

TEST_CASE("flags quote, escape and print in hexadecimal") {
  CHECK(log_of("%{+Q}CC %{+Q}s %{+Q}[str()] %[str()]") == "\"\" \"srv1\" \"\" -");
  CHECK(log_of("%{+X}ci:%{+X}cp %{+X}Ts %{+X}rt %{+X}pid") == "0A010203:9C40 498C2996 0003 790A");
  CHECK(log_of("%{+E}[str(\"a]b\")]") == "a\\]b");
  CHECK(log_of("%{+Q}o %s %{-Q}s") == "\"srv1\" srv1");
  CHECK(log_of("%{+Q,+X}o %cp") == "9C40");
}

TEST_CASE("runs of blanks are one, at the start none") {
  CHECK(log_of("  %s   x  ") == "srv1 x ");
  CHECK(log_of("a %hr %hs b") == "a b");
}

TEST_CASE("what is not printable is escaped as the manual says") {
  Printed printed("capture request header X len 20\nlog-format '%hr %{+Q}r %[capture.req.hdr(0)]'",
                  "GET /a\"b#c\x80 HTTP/1.1\nX: {a|b}\x01\n");
  CHECK(printed.line() == "{#7Ba#7Cb#7D#01} \"GET /a#22b#23c#80 HTTP/1.1\" {a|b}#01");
}

TEST_CASE("a line that does not fit is cut, never overrun") {
  Printed printed("");
  char space[21];
  CHECK(printed.rules.log.write(printed.exchange.subject, space) == "10.1.2.3:40000 [06/Fe");
  CHECK(printed.rules.log.write(printed.exchange.subject, {space, 0}) == "");
}

TEST_CASE("a target longer than the limit is cut in the log alone") {
  Rig rig("frontend fe\nlog-format %HU:%r\n");
  const FrontendRules rules = rig.frontend();
  Try exchange("GET /abcdef HTTP/1.1\nHost: h\n");
  rules.begin(exchange.subject, 18);
  char space[64];
  CHECK(rules.log.write(exchange.subject, space) == "/abc:GET /abc HTTP/1.1");
  CHECK(exchange.subject.request->target == "/abcdef");
}

TEST_CASE("the unique id is the manual's") {
  Rig rig(
      "frontend fe\nunique-id-format '%{+X}o %ci:%cp_%fi:%fp_%Ts_%rt:%pid'\nhttp-request set-header I %[unique-id]\n");
  const FrontendRules rules = rig.frontend();
  CHECK(rig.complaints() == "");
  Try exchange;
  exchange.client("127.0.0.1", 0x8296);
  SocketAddress::from_ip("127.0.0.30", 0x1f90, exchange.ends.destination);
  exchange.subject.log.accept_us = std::int64_t{0x4F7B0A69} * 1000000;
  exchange.subject.log.request_counter = 3;
  exchange.subject.log.pid = 0x790A;
  rules.make_unique_id(exchange.subject);
  CHECK(exchange.subject.unique_id == "7F000001:8296_7F00001E:1F90_4F7B0A69_0003:790A");
  rules.http_request.run(exchange.subject);
  CHECK(exchange.subject.request->find("i")->value == exchange.subject.unique_id);
}

TEST_CASE("in a message blanks stay and empty samples print nothing") {
  CHECK(http_of("a  b %[str()]c") == "a  b c");
  CHECK(http_of("%[bin(0a)]x") == "%0Ax");
  CHECK(http_of("%{+Q}[str(x)] %{+Q}s") == "x \"<NOSRV>\"");
}

TEST_CASE("long values grow in the arena") {
  Try exchange("GET /" + std::string(3000, 'p') + " HTTP/1.1\nHost: h\n");
  Rig rig("frontend fe\nhttp-request set-header V %[path]%[path]x\n");
  const FrontendRules rules = rig.frontend();
  rules.http_request.run(exchange.subject);
  CHECK(exchange.subject.request->find("v")->value.size() == 6003);
}

TEST_CASE("dates are printed once a second when a cache is given") {
  Printed printed("log-format '%tr %trg'");
  DateCache dates;
  printed.exchange.subject.dates = &dates;
  const std::string first = printed.line();
  CHECK(dates.second == 1233922454);
  CHECK(printed.line() == first);
  printed.exchange.subject.log.request_us += 1000000;
  CHECK(printed.line() == "06/Feb/2009:12:14:15.655 06/Feb/2009:12:14:15 +0000");
}

TEST_CASE("a log-format of mode tcp has no words about HTTP") {
  for (const char* name :
       {"r", "tr", "trl", "trg", "CC", "CS", "HM", "HP", "HPO", "HQ", "HU", "HV", "Ta", "Ti", "TR", "Tq", "Tr"}) {
    Rig rig(std::string("frontend fe\nlog-format %ci:%") + name + "\n", config::Mode::Tcp);
    rig.frontend();
    CHECK(rig.complaints() == "2:16 '%" + std::string(name) + "' is about HTTP, and this section is in mode tcp\n");
  }
  Rig rig("frontend fe\nlog-format '%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %hr %hs %ST %U'\n", config::Mode::Tcp);
  rig.frontend();
  CHECK(rig.complaints().empty());
}

TEST_CASE("a log-format cannot use what is gone when it is printed") {
  Rig rig("frontend fe\nlog-format '%[req.hdr(x)]'\n");
  rig.frontend();
  CHECK(rig.complaints() == "2:15 the sample 'req.hdr' cannot be used here: it needs the request's head\n");
  Rig flags("frontend fe\nlog-format '%{+Z}s'\n");
  flags.frontend();
  CHECK(flags.complaints() == "2:12 '+Z' is no flag of a log-format: +Q, +X, +E or the same with '-' were expected\n");
}

TEST_CASE("the default formats say who connected") {
  Rig rig("frontend fe\n");
  rig.config().proxies[0].log_style = config::Proxy::LogStyle::Default;
  const FrontendRules rules = rig.frontend();
  Try exchange;
  char space[256];
  CHECK(rules.log.write(exchange.subject, space) == "Connect from 10.1.2.3:40000 to 10.0.0.9:443 (fe/HTTP)");
}
