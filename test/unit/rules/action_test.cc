#include "penstock/config/not_offered.h"
#include "rig.h"
#include "unit/catch.h"

using namespace penstock;
using namespace penstock::rules;

namespace {

// Runs http-request rules of a frontend with these lines.
struct Run {
  Run(const std::string& lines, const std::string& request = "GET /a/b?x=1 HTTP/1.1\nHost: h.com\nX: 1\n")
      : rig("frontend fe\n" + lines + "\n"), exchange(request) {
    rules = rig.frontend();
    CHECK(rig.complaints() == "");
    rules.begin(exchange.subject);
    verdict = rules.http_request.run(exchange.subject);
  }
  std::string target() const { return std::string(exchange.subject.request->target); }
  std::string reply_fields() const {
    std::string all;
    for (const Field& field : verdict.reply.fields) all += format("{}: {}\n", field.name, field.value);
    return all;
  }
  Rig rig;
  Try exchange;
  FrontendRules rules;
  Verdict verdict;
};

struct RunResponse {
  RunResponse(const std::string& lines, const std::string& response) : rig("frontend fe\n" + lines + "\n") {
    rules = rig.frontend();
    CHECK(rig.complaints() == "");
    exchange.answer(response);
    rules.begin(exchange.subject);
    rules.capture_response(exchange.subject);
    verdict = rules.http_response.run(exchange.subject);
  }
  Rig rig;
  Try exchange;
  FrontendRules rules;
  Verdict verdict;
};

std::string complaint(const std::string& line) {
  Rig rig("frontend fe\n" + line + "\n");
  rig.frontend();
  return rig.complaints();
}

std::string location(const std::string& line, const std::string& request) {
  const Run run(line, request);
  for (const Field& field : run.verdict.reply.fields) {
    if (field.name == "Location") return std::string(field.value);
  }
  return "none";
}

}  // namespace

TEST_CASE("set-header replaces every field of the name, add-header adds one, del-header takes all") {
  CHECK(Run("http-request set-header X new", "GET / HTTP/1.1\nX: 1\nHost: h\nx: 2\n").exchange.request_fields() ==
        "Host: h\nX: new\n");
  CHECK(Run("http-request add-header X new").exchange.request_fields() == "Host: h.com\nX: 1\nX: new\n");
  CHECK(Run("http-request del-header x", "GET / HTTP/1.1\nX: 1\nHost: h\nx: 2\n").exchange.request_fields() ==
        "Host: h\n");
  CHECK(Run("http-request del-header X-F -m beg", "GET / HTTP/1.1\nX-Foo: 1\nHost: h\nx-fa: 2\nY: 3\n")
            .exchange.request_fields() == "Host: h\nY: 3\n");
  CHECK(Run("http-request del-header oo -m end", "GET / HTTP/1.1\nX-Foo: 1\nHost: h\n").exchange.request_fields() ==
        "Host: h\n");
  CHECK(Run("http-request del-header -fo -m sub", "GET / HTTP/1.1\nX-Foo: 1\nHost: h\n").exchange.request_fields() ==
        "Host: h\n");
  CHECK(Run("http-request del-header ^x-.*$ -m reg", "GET / HTTP/1.1\nX-Foo: 1\nHost: h\n").exchange.request_fields() ==
        "Host: h\n");
}

TEST_CASE("the new value of set-header may hold the old one") {
  CHECK(Run("http-request set-header X %[req.hdr(x)]-%[src]:%[dst_port]").exchange.request_fields() ==
        "Host: h.com\nX: 1-10.1.2.3:443\n");
}

TEST_CASE("what a sample yields cannot end a header line") {
  CHECK(Run("http-request set-header X %[bin(610d0a623a2063)]").exchange.request_fields() ==
        "Host: h.com\nX: a%0D%0Ab: c\n");
}

TEST_CASE("deleting by pattern leaves the framing of the message alone") {
  CHECK(Run("http-request del-header .* -m reg", "POST / HTTP/1.1\nHost: h\nContent-Length: 5\nX: 1\n")
            .exchange.request_fields() == "Content-Length: 5\n");
}

TEST_CASE("replace-header replaces whole values that match, replace-value each listed one") {
  const std::string request = "GET / HTTP/1.1\nX: b, aa, c\nX: aa,, b aa\n";
  CHECK(Run("http-request replace-header X a+ <\\\\0>", request).exchange.request_fields() == "X: <aa>\nX: <aa>\n");
  CHECK(Run("http-request replace-value X ^a+ <\\\\0>", request).exchange.request_fields() ==
        "X: b, <aa>, c\nX: <aa>,, b aa\n");
  CHECK(Run("http-request replace-header X nothing y", request).exchange.request_fields() ==
        "X: b, aa, c\nX: aa,, b aa\n");
  CHECK(Run("http-request replace-header X '^(.*)$' '\\1; %[path]'", "GET /p HTTP/1.1\nX: v\n")
            .exchange.request_fields() == "X: v; /p\n");
}

TEST_CASE("the parts of the target are set one by one") {
  CHECK(Run("http-request set-path /new%[path]").target() == "/new/a/b?x=1");
  CHECK(Run("http-request set-path /new", "GET http://h/p?q HTTP/1.1\nHost: h\n").target() == "http://h/new?q");
  for (const std::string rule :
       {"set-path close", "set-path .evil/x", "set-pathq ?x", "set-pathq :1/", "replace-path ^/ @evil/"}) {
    const Run run("http-request " + rule, "GET http://h/p?q HTTP/1.1\nHost: h\n");
    CHECK(run.verdict.kind == Verdict::Kind::Error);
    CHECK(run.target() == "http://h/p?q");
  }
  CHECK(Run("http-request set-path /star", "OPTIONS * HTTP/1.1\nHost: h\n").target() == "/star");
  CHECK(Run("http-request set-pathq /new").target() == "/new");
  CHECK(Run("http-request set-query y=2").target() == "/a/b?y=2");
  CHECK(Run("http-request set-query %[str()]").target() == "/a/b?");
  CHECK(Run("http-request set-query y=2", "GET /p HTTP/1.1\nHost: h\n").target() == "/p?y=2");
  CHECK(Run("http-request set-query %[str()]", "GET /p HTTP/1.1\nHost: h\n").target() == "/p");
  CHECK(Run("http-request set-uri http://o/x").target() == "http://o/x");
  CHECK(Run("http-request replace-path /a/(.*) /\\\\1").target() == "/b?x=1");
  CHECK(Run("http-request replace-path (.*) /foo\\\\1").target() == "/foo/a/b?x=1");
  CHECK(Run("http-request replace-pathq '([^?]*)(\\?(.*))?' '\\1/foo\\2'").target() == "/a/b/foo?x=1");
  CHECK(Run("http-request replace-uri ^/(.*) https://h/\\\\1").target() == "https://h/a/b?x=1");
  CHECK(Run("http-request replace-path /none /x").target() == "/a/b?x=1");
  const Run method("http-request set-method POST");
  CHECK(method.exchange.subject.request->method == "POST");
}

TEST_CASE("a target or method that would break the request line is an error, or ignored without strict-mode") {
  const Run blank("http-request set-path '/%[str(a b)]'");
  CHECK(blank.verdict.kind == Verdict::Kind::Error);
  CHECK(blank.target() == "/a/b?x=1");
  const Run lenient("http-request strict-mode off\nhttp-request set-path '/%[str(a b)]'\nhttp-request set-header Y 1");
  CHECK(lenient.verdict.kind == Verdict::Kind::Continue);
  CHECK(lenient.target() == "/a/b?x=1");
  CHECK(lenient.exchange.request_fields() == "Host: h.com\nX: 1\nY: 1\n");
  CHECK(Run("http-request set-method '%[str(A B)]'").verdict.kind == Verdict::Kind::Error);
  CHECK(Run("http-request set-method CONNECT").verdict.kind == Verdict::Kind::Error);
  CHECK(Run("http-request set-method GET", "CONNECT h:443 HTTP/1.1\nHost: h:443\n").verdict.kind ==
        Verdict::Kind::Error);
  CHECK(Run("http-request set-method CONNECT", "CONNECT h:443 HTTP/1.1\nHost: h:443\n").verdict.kind ==
        Verdict::Kind::Continue);
  CHECK(Run("http-request set-pathq %[str()]").verdict.kind == Verdict::Kind::Error);
}

TEST_CASE("rules run in order until one ends the set") {
  const Run run("http-request set-header A 1\nhttp-request allow if { path_beg /a }\nhttp-request deny");
  CHECK(run.verdict.kind == Verdict::Kind::Continue);
  CHECK(run.verdict.final);
  CHECK(run.verdict.place->line == 3);
  const Run none("http-request deny if { path /none }");
  CHECK(none.verdict.kind == Verdict::Kind::Continue);
  CHECK_FALSE(none.verdict.final);
}

TEST_CASE("deny answers 403 or its own status from the error pages") {
  const Run plain("http-request deny");
  CHECK(plain.verdict.kind == Verdict::Kind::Deny);
  CHECK(plain.verdict.reply.status == 403);
  CHECK(plain.verdict.reply.reason == "Forbidden");
  CHECK(plain.verdict.reply.standard);
  const Run status("http-request deny deny_status 404 if { path_beg /a }");
  CHECK(status.verdict.reply.status == 404);
  CHECK(status.verdict.reply.reason == "Not Found");
  CHECK(status.verdict.reply.standard);
  const Run own("http-request deny status 429 content-type text/plain string slow hdr Retry-After 5");
  CHECK(own.verdict.reply.status == 429);
  CHECK_FALSE(own.verdict.reply.standard);
  CHECK(own.verdict.reply.body == "slow");
  CHECK(own.reply_fields() == "Retry-After: 5\nContent-Type: text/plain\n");
}

TEST_CASE("return answers with a text, a format or a file") {
  const Run empty("http-request return status 204");
  CHECK(empty.verdict.kind == Verdict::Kind::Reply);
  CHECK(empty.verdict.reply.status == 204);
  CHECK_FALSE(empty.verdict.reply.standard);
  CHECK(empty.reply_fields() == "");
  const Run text("http-request return content-type text/plain lf-string 'path %[path] %% %HM' hdr X-P %[path]");
  CHECK(text.verdict.reply.status == 200);
  CHECK(text.verdict.reply.body == "path /a/b % GET");
  CHECK(text.reply_fields() == "X-P: /a/b\nContent-Type: text/plain\n");
  Rig rig(
      "frontend fe\nhttp-request return content-type image/x-icon file /f.ico if { path /i }\nhttp-request return "
      "content-type text/html lf-file /page if { path /p }\n"
      "http-request return errorfile /e.http\n");
  rig.files["/f.ico"] = std::string("\0\1%x", 4);
  rig.files["/page"] = "<p>%[src]</p>";
  rig.files["/e.http"] = "HTTP/1.0 503 Busy now\r\nContent-Type: text/html\r\nContent-Length: 3\r\nX-E: 1\r\n\r\nabc";
  CHECK(collect_files(rig.config()).size() == 3);
  const FrontendRules rules = rig.frontend();
  CHECK(rig.complaints() == "");
  const auto reply = [&](Try& exchange) { return rules.http_request.run(exchange.subject).reply; };
  Try icon("GET /i HTTP/1.1\nHost: h\n"), page("GET /p HTTP/1.1\nHost: h\n"), other("GET /o HTTP/1.1\nHost: h\n");
  CHECK(reply(icon).body == std::string("\0\1%x", 4));
  CHECK(reply(page).body == "<p>10.1.2.3</p>");
  const Reply file = reply(other);
  CHECK(file.status == 503);
  CHECK(file.reason == "Busy now");
  CHECK(file.body == "abc");
  REQUIRE(file.fields.size() == 2);
  CHECK(file.fields[1].name == "X-E");
}

TEST_CASE("tarpit, silent-drop and reject say so") {
  const Run tarpit("http-request tarpit deny_status 429");
  CHECK(tarpit.verdict.kind == Verdict::Kind::Tarpit);
  CHECK(tarpit.verdict.reply.status == 429);
  CHECK(Run("http-request tarpit").verdict.reply.status == 500);
  CHECK(Run("http-request silent-drop").verdict.kind == Verdict::Kind::SilentDrop);
  CHECK(Run("http-request reject").verdict.kind == Verdict::Kind::Reject);
}

TEST_CASE("redirects build their location from scheme, prefix or text") {
  const std::string get = "GET /s?a=b HTTP/1.1\nHost: ex.com:80\n";
  CHECK(location("http-request redirect scheme https", get) == "https://ex.com:80/s?a=b");
  CHECK(location("http-request redirect scheme https drop-query", get) == "https://ex.com:80/s");
  CHECK(location("http-request redirect scheme https", "GET http://abs.com/s?q HTTP/1.1\nHost: abs.com\n") ==
        "https://abs.com/s?q");
  CHECK(location("http-request redirect scheme https", "OPTIONS * HTTP/1.1\nHost: h\n") == "https://h/");
  CHECK(location("http-request redirect scheme https", "GET /s HTTP/1.0\nX: 1\n") == "https:///s");
  CHECK(location("http-request redirect prefix /foo", get) == "/foo/s?a=b");
  CHECK(location("http-request redirect prefix /", get) == "/s?a=b");
  CHECK(location("http-request redirect prefix /foo drop-query append-slash", get) == "/foo/s/");
  CHECK(location("http-request redirect prefix /foo append-slash", get) == "/foo/s?a=b/");
  CHECK(location("http-request redirect prefix / drop-query append-slash", "GET /d/ HTTP/1.1\nHost: h\n") == "/d/");
  CHECK(location("http-request redirect location /owa/ if { path /s }", get) == "/owa/");
  CHECK(location("http-request redirect location /%[urlp(a)]/x", get) == "/b/x");
  CHECK(location("http-request redirect location %[urlp(none)] ignore-empty", get) == "none");
  CHECK(location("redirect location /100%25", get) == "/100%25");
  CHECK(location("redirect prefix https://m.com if { path /s }", get) == "https://m.com/s?a=b");
}

TEST_CASE("a redirect is 302 unless told, and temporary ones are not cached") {
  const Run plain("http-request redirect location /x");
  CHECK(plain.verdict.kind == Verdict::Kind::Reply);
  CHECK(plain.verdict.reply.status == 302);
  CHECK(plain.verdict.reply.reason == "Found");
  CHECK(plain.reply_fields() == "Location: /x\nCache-Control: no-cache\n");
  const Run moved("http-request redirect location /x code 301 set-cookie A=1");
  CHECK(moved.verdict.reply.status == 301);
  CHECK(moved.reply_fields() == "Location: /x\nSet-Cookie: A=1; path=/;\n");
  const Run cleared("http-request redirect code 303 location /x clear-cookie B=");
  CHECK(cleared.reply_fields() == "Location: /x\nCache-Control: no-cache\nSet-Cookie: B=; path=/; Max-Age=0;\n");
  CHECK(Run("http-request redirect location /x code 308").verdict.reply.reason == "Permanent Redirect");
}

TEST_CASE("variables, log level, timeouts and retries are effects beside the message") {
  const Run run(
      "http-request set-var(txn.host) req.hdr(host),upper\nhttp-request set-var-fmt(txn.from) "
      "%[src]:%[src_port]\nhttp-request set-var(txn.gone) int(1)\n"
      "http-request unset-var(txn.gone)\nhttp-request set-header V "
      "%[var(txn.host)]/%[var(txn.from)]/%[var(txn.gone,-)]\n"
      "http-request set-log-level silent\nhttp-request set-log-level warning if { path /none }\nhttp-request "
      "set-timeout server 5s\n"
      "http-request set-timeout tunnel int(1500)\nhttp-request set-timeout client 1m\nhttp-request disable-l7-retry");
  CHECK(run.exchange.request_fields() == "Host: h.com\nX: 1\nV: H.COM/10.1.2.3:40000/-\n");
  const Effects& effects = run.exchange.subject.effects;
  CHECK(effects.log == Effects::LogLevel::Silent);
  CHECK(effects.timeout_server_ms == 5000);
  CHECK(effects.timeout_tunnel_ms == 1500);
  CHECK(effects.timeout_client_ms == 60000);
  CHECK(effects.no_l7_retry);
  const Run level("http-request set-log-level err");
  CHECK(level.exchange.subject.effects.log == Effects::LogLevel::Set);
  CHECK(level.exchange.subject.effects.log_level == Level::Err);
}

TEST_CASE("captures fill slots in order of the lines, cut to their length") {
  const Run run(
      "capture request header Host len 3\nhttp-request capture path len 2\ncapture request header None len 9\ncapture "
      "request header X len 9\n"
      "http-request capture src id 2",
      "GET /path HTTP/1.1\nX: first\nHost: h.com\nX: last\n");
  const auto slots = run.exchange.subject.request_captures;
  REQUIRE(slots.size() == 4);
  CHECK(slots[0] == "h.c");
  CHECK(slots[1] == "/p");
  CHECK(slots[2] == "10.1.2.3");
  CHECK(slots[3] == "last");
}

TEST_CASE("response rules change the response") {
  const RunResponse run(
      "capture response header Server len 4\nhttp-response replace-header Set-Cookie '^(cadata.*)$' '\\1; secure' if { "
      "ssl_fc }\n"
      "http-response set-header Strict-Transport-Security \"max-age=31536000\" if { ssl_fc }\nhttp-response del-header "
      "X-Powered-By\n"
      "http-response set-status 503 reason \"Slow Down\" if { status 500 }\nhttp-response set-header N "
      "%[res.hdr(server)]:%[capture.res.hdr(0)]",
      "HTTP/1.1 500 Oops\nServer: IIS/10\nSet-Cookie: cadata=1; path=/\nSet-Cookie: other=2\nX-Powered-By: x\n");
  CHECK(run.exchange.response_fields() ==
        "Server: IIS/10\nSet-Cookie: cadata=1; path=/; secure\nSet-Cookie: other=2\nStrict-Transport-Security: "
        "max-age=31536000\nN: IIS/10:IIS/\n");
  CHECK(run.exchange.subject.response->status == 503);
  CHECK(run.exchange.subject.response->reason == "Slow Down");
  const RunResponse deny("http-response deny if { res.hdr(x) bad }", "HTTP/1.1 200 OK\nX: bad\n");
  CHECK(deny.verdict.kind == Verdict::Kind::Deny);
  CHECK(deny.verdict.reply.status == 502);
  const RunResponse status("http-response set-status 404", "HTTP/1.1 200 OK\n");
  CHECK(status.exchange.subject.response->reason == "Not Found");
}

namespace {

class Names final : public Numbers {
 public:
  explicit Names(const Rig& rig) : rig_(rig) {}
  std::int64_t backend(BackendNumber, int) const override { return -1; }
  std::int64_t frontend(FrontendNumber, int) const override { return -1; }
  std::int64_t server(ServerNumber, int, int) const override { return -1; }
  bool stopping() const override { return false; }
  int backend_named(std::string_view name) const override { return rig_.backend_index(std::string(name)); }
  const std::shared_ptr<StickTable>* table(int) const override { return nullptr; }
  std::uint64_t now_ms() const override { return 0; }

 private:
  const Rig& rig_;
};

}  // namespace

TEST_CASE("use_backend takes the first that holds, else the default") {
  Rig rig(
      "frontend fe\nacl owa path_beg -i /owa\nuse_backend b1 if owa\nuse_backend b_%[req.hdr(tenant),lower] if { "
      "hdr(tenant) -m found }\nuse_backend b2 unless { path_beg /x }\n"
      "default_backend b3\nbackend b1\nbackend b2\nbackend b3\nbackend b_acme\n");
  const FrontendRules rules = rig.frontend();
  CHECK(rig.complaints() == "");
  const Names names(rig);
  const auto choice = [&](const std::string& request) {
    Try exchange(request);
    exchange.subject.numbers = &names;
    const int index = rules.choose_backend(exchange.subject);
    return index < 0 ? std::string("none") : rig.config().proxies[static_cast<std::size_t>(index)].name;
  };
  CHECK(choice("GET /OWA/ HTTP/1.1\nHost: h\n") == "b1");
  CHECK(choice("GET / HTTP/1.1\nHost: h\n") == "b2");
  CHECK(choice("GET /x HTTP/1.1\nHost: h\n") == "b3");
  CHECK(choice("GET /x HTTP/1.1\nTenant: ACME\n") == "b_acme");
  CHECK(choice("GET / HTTP/1.1\nTenant: evil\n") == "b3");
  Rig none("frontend fe\n");
  Try exchange;
  CHECK(none.frontend().choose_backend(exchange.subject) == -1);
  Rig own("listen l\n");
  CHECK(own.frontend().choose_backend(exchange.subject) == 0);
}

TEST_CASE("use-server, server sni and monitor fail are compiled with the section's ACLs") {
  Rig rig(
      "frontend fe\nmonitor fail if { nbsrv(be) lt 1 } || { hdr(x) -m found }\nbackend be\nacl special path_beg "
      "/s\nserver s1 x sni req.hdr(Host)\nserver s2 x sni str(mail.contoso.com)\n"
      "server s3 x\nuse-server s2 if special\n");
  const FrontendRules frontend = rig.frontend();
  const BackendRules backend = rig.backend(1);
  CHECK(rig.complaints() == "");
  Try exchange("GET /s HTTP/1.1\nHost: h.com\n"), other("GET /t HTTP/1.1\nHost: h.com\nX: 1\n");
  CHECK(backend.choose_server(exchange.subject) == 1);
  CHECK(backend.choose_server(other.subject) == -1);
  CHECK(*rig.sni(1, 0).text(exchange.subject) == "h.com");
  CHECK(*rig.sni(1, 1).text(exchange.subject) == "mail.contoso.com");
  CHECK_FALSE(frontend.monitor_fails(exchange.subject));
  CHECK(frontend.monitor_fails(other.subject));
}

TEST_CASE("error replies come from files and http-error lines") {
  Rig rig(
      "frontend fe\nerrorfile 503 /e503\nerrorfile 408 /dev/null\nhttp-error status 404 content-type text/plain "
      "lf-string 'no %[src]' hdr X-E 1\n");
  rig.files["/e503"] = "HTTP/1.1 503 Gone fishing\nCache-Control: no-cache\nConnection: close\n\n<p>fish</p>\n";
  rig.files["/dev/null"] = "";
  const FrontendRules rules = rig.frontend();
  CHECK(rig.complaints() == "");
  Try exchange;
  REQUIRE(rules.error(503) != nullptr);
  const Reply fish = rules.error(503)->expand(exchange.subject);
  CHECK(fish.reason == "Gone fishing");
  CHECK(fish.body == "<p>fish</p>\n");
  REQUIRE(fish.fields.size() == 1);
  CHECK(fish.fields[0].name == "Cache-Control");
  CHECK(rules.error(408)->expand(exchange.subject).silent);
  CHECK(rules.error(404)->expand(exchange.subject).body == "no 10.1.2.3");
  CHECK(rules.error(500) == nullptr);
  Rig bad("frontend fe\nerrorfile 503 /a\nerrorfile 502 /b\nerrorfile 504 /c\n");
  bad.files["/a"] = "<html>";
  bad.files["/b"] = "HTTP/1.0 502 x\nno field\n\n";
  bad.frontend();
  CHECK(
      bad.complaints() ==
      "2:15 the error file '/a' does not begin with a status line such as 'HTTP/1.0 503 Service Unavailable'\n"
      "3:15 the error file '/b' has a line that is no header field: 'no field'\n4:15 the error file '/c' could not be "
      "read\n");
}

TEST_CASE("an answer whose status allows no content has none, nor is its length another than it says") {
  for (const std::string status : {"204", "304"}) {
    for (const std::string rule : {"http-request return", "http-response return", "http-request deny",
                                   "http-response deny", "http-request tarpit"}) {
      for (const std::string payload : {"string", "lf-string"}) {
        const std::string line = rule + " status " + status + " content-type text/plain ";
        CHECK(complaint(line + payload + " x") ==
              format("2:{} an answer of status {} has no content: take '{}' away\n", line.size() + 1, status, payload));
      }
      CHECK(complaint(rule + " status " + status) == "");
    }
  }
  const auto said = [](const std::string& line, const std::string& file) {
    Rig rig("frontend fe\n" + line + " /f\n");
    rig.files["/f"] = file;
    rig.frontend();
    return rig.complaints();
  };
  for (const std::string line : {"errorfile 503", "http-error status 503 errorfile", "http-request return errorfile"}) {
    const std::string file = format("2:{} the error file '/f' ", line.size() + 2);
    const std::string head = "HTTP/1.1 503 Away\r\n";
    CHECK(said(line, "HTTP/1.1 204 None\r\n\r\nx") ==
          file + "goes on behind its header: an answer of status 204 has no content\n");
    CHECK(said(line, "HTTP/1.1 304 Same\n\n\n") ==
          file + "goes on behind its header: an answer of status 304 has no content\n");
    CHECK(said(line, "HTTP/1.1 204 None\r\nContent-Length: 5\r\n\r\n") == "");
    CHECK(said(line, head + "Content-Length: 3\r\n\r\nabc") == "");
    for (const std::string wrong : {"2", "30", "x", "3, 3"})
      CHECK(said(line, head + "Content-Length: " + wrong + "\r\n\r\nabc") ==
            file + "says 'Content-Length: " + wrong +
                "' and has 3 bytes behind its header: take that line away, the right one is sent\n");
    CHECK(said(line, head + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") ==
          file + "says 'Transfer-Encoding': write its text as it is, and take that line away\n");
  }
}

TEST_CASE("tcp rules accept, reject and wait for bytes") {
  Rig rig(
      "frontend fe\ntcp-request connection reject if { src 192.0.2.0/24 }\ntcp-request connection accept\ntcp-request "
      "session set-var(sess.sni) ssl_fc_sni\ntcp-request inspect-delay 5s\n"
      "tcp-request content accept if { req.len ge 5 }\ntcp-request content reject\n",
      config::Mode::Tcp);
  const FrontendRules rules = rig.frontend();
  CHECK(rig.complaints() == "");
  CHECK(rules.inspect_delay_ms == 5000);
  Try exchange;
  CHECK(rules.tcp_connection.run(exchange.subject).kind == Verdict::Kind::Continue);
  exchange.client("192.0.2.5", 1);
  CHECK(rules.tcp_connection.run(exchange.subject).kind == Verdict::Kind::Reject);
  rules.tcp_session.run(exchange.subject);
  CHECK(sample_text(exchange, "var(sess.sni)") == "mail.contoso.com");
  exchange.subject.buffer = "abc";
  exchange.subject.buffer_final = false;
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Wait);
  exchange.subject.buffer = "abcde";
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Continue);
  CHECK(rules.tcp_content.run(exchange.subject).final);
  exchange.subject.buffer = "abc";
  exchange.subject.buffer_final = true;
  CHECK(rules.tcp_content.run(exchange.subject).kind == Verdict::Kind::Reject);
}

TEST_CASE("what is not understood in a rule is an error with its place") {
  CHECK(complaint("http-request sett-header X 1") ==
        "2:14 'sett-header' is no action of 'http-request' (did you mean 'set-header'?)\n");
  CHECK(complaint("http-request set-map(/m) %[path] x") ==
        "warning 2:22 no map reads the file '/m': what this rule changes is looked at by nobody\n");
  CHECK(complaint("http-request add-acl %[path]") ==
        "2:14 'add-acl' expects a file in parentheses: add-acl(/etc/penstock/a.map)\n");
  CHECK(complaint("http-request lua.mine") == "2:14 the action 'lua.mine' is HAProxy's and is not offered yet\n");
  CHECK(complaint("http-request set-status 404") == "2:14 'set-status' is no action of 'http-request'\n");
  CHECK(complaint("http-request sc-inc-gpc0(0") == "2:14 the parenthesis of 'sc-inc-gpc0(0' is not closed\n");
  CHECK(complaint("http-request sc-inc-gpc0(0)x") == "2:28 'x' is not understood behind 'sc-inc-gpc0(0)'\n");
  CHECK(complaint("http-request set-header X") == "2:26 'set-header' expects the field's value here\n");
  CHECK(complaint("http-request set-header X 1 2") ==
        "2:29 '2' is not understood behind 'set-header': 'if', 'unless' or the end of the line was expected\n");
  CHECK(complaint("http-request set-header X 1 fi TRUE") ==
        "2:29 'fi' is not understood behind 'set-header': 'if', 'unless' or the end of the line was expected (did you "
        "mean 'if'?)\n");
  CHECK(complaint("http-request set-header 'X Y' 1") == "2:25 'X Y' is no name of a header field\n");
  CHECK(complaint("http-request set-header Content-Length 1") ==
        "2:25 'Content-Length' says where the message ends and cannot be changed by a rule\n");
  CHECK(complaint("http-request del-header transfer-encoding") ==
        "2:25 'transfer-encoding' says where the message ends and cannot be changed by a rule\n");
  CHECK(complaint("http-request deny deny_status 600") == "2:31 '600' is no status from 200 to 599\n");
  CHECK(complaint("http-request deny deny_stat 404") ==
        "2:19 'deny_stat' is not understood in 'deny' (did you mean 'deny_status'?)\n");
  CHECK(complaint("http-request return string hi") == "2:21 'string' needs a 'content-type' for its text\n");
  CHECK(complaint("http-request return file /none") == "2:26 the file '/none' could not be read\n");
  CHECK(complaint("http-request redirect code 305 location /") ==
        "2:28 '305' is no code of a redirect: 301, 302, 303, 307 or 308 was expected\n");
  CHECK(complaint("http-request redirect code 301") ==
        "2:31 'redirect' expects 'location', 'prefix' or 'scheme' and its text\n");
  CHECK(complaint("http-request redirect loction /") ==
        "2:23 'loction' is not understood in 'redirect' (did you mean 'location'?)\n");
  CHECK(complaint("http-request redirect location / prefix /") ==
        "2:34 'redirect' goes one way: location, prefix or scheme was given before\n");
  CHECK(complaint("http-response redirect scheme https") == "2:24 a response can be redirected by 'location' only\n");
  CHECK(complaint("http-response set-header X %[path]") ==
        "2:30 the sample 'path' cannot be used here: it needs the request's head\n");
  CHECK(complaint("http-request set-header X %[pth]") ==
        "2:29 the sample 'pth' is not known here (did you mean 'path'?)\n");
  CHECK(complaint("http-request set-header X %[path") == "2:27 ']' was expected behind the sample 'path', not ''\n");
  CHECK(complaint("http-request set-header X %zz") ==
        "2:27 '%zz' is no variable of a log-format; a '%' itself is written '%%'\n");
  CHECK(complaint("http-request replace-header X ( y") ==
        "2:31 '(' is no regular expression: missing closing parenthesis at character 2\n");
  CHECK(complaint("http-request set-var(x) int(1)") ==
        "2:22 the variable 'x' must begin with its scope: proc., sess., txn., req. or res.\n");
  CHECK(complaint("http-request set-var int(1)") ==
        "2:14 'set-var' expects a variable in parentheses: set-var(txn.name)\n");
  CHECK(complaint("http-request set-log-level loud") == "2:28 'loud' is no level of the log\n");
  CHECK(complaint("http-request capture path id 0") == "2:30 there is no capture slot 0: the section has 0\n");
  CHECK(complaint("http-request set-timeout queue 5s") ==
        "2:26 'queue' is no timeout that a rule can set: client, server or tunnel was expected\n");
  CHECK(complaint("http-request strict-mode maybe") == "2:26 'maybe' is neither 'on' nor 'off'\n");
  CHECK(complaint("http-request return status 256 default-errorfiles") ==
        "2:32 there is no page for status 256: give the answer a content\n");
  CHECK(complaint("http-request strict-mode OFF").empty());
  CHECK(complaint("http-request set-timeout server 25d") == "2:33 '25d' is too long a time: 24d is the most\n");
  CHECK(complaint("http-request set-header() X 1") == "2:14 'set-header' takes no parentheses\n");
  CHECK(complaint("http-request set-path") == "2:22 'set-path' expects the new text here\n");
  CHECK(complaint("use_backend nowhere") == "2:13 there is no backend 'nowhere'\n");
  CHECK(complaint("default_backend nowhere") == "2:17 there is no backend 'nowhere'\n");
}

TEST_CASE("a word that is empty is none, and the caret stands at it") {
  const std::string empty = ", and this is empty: is a variable not set?\n";
  for (const char* rule :
       {"http-request return ", "http-request deny ", "http-request tarpit ", "http-response return ",
        "http-response deny ", "http-request return content-type text/plain ", "http-request return status 204 ",
        "http-error status 503 "}) {
    const auto said = [&](std::string_view words, std::string_view expected) {
      const std::string line = rule + std::string(words);
      const std::string all = complaint(line);
      const std::string place = "2:" + std::to_string(line.find("\"\"") + 1) + " ";
      CHECK(all.starts_with(place));
      CHECK(all.ends_with(std::string(expected) + empty));
    };
    said("string \"\"", "expects a text");
    said("lf-string \"\"", "expects a text");
    said("file \"\"", "expects a name");
    said("errorfile \"\"", "expects a name");
    said("hdr X \"\"", "expects the field's value");
    said("content-type \"\"", "expects a media type such as text/plain");
  }
  for (const char* line :
       {"redirect location \"\"", "http-request redirect prefix \"\"",
        "http-request redirect location / set-cookie \"\"", "http-request set-header X \"\"",
        "http-response add-header X \"\"", "http-request replace-header X \"\" y",
        "http-request replace-value X a \"\"", "http-request set-path \"\"", "http-request set-query \"\"",
        "http-request replace-uri a \"\"", "http-response set-status 200 reason \"\""}) {
    const std::string all = complaint(line);
    CHECK(all.starts_with("2:" + std::to_string(std::string(line).find("\"\"") + 1) + " "));
    CHECK(all.ends_with(empty));
  }
  CHECK(complaint("http-request set-var-fmt(txn.a) \"\"").empty());
  CHECK(complaint("http-request return deny_status 403") == "2:21 'deny_status' is not understood in 'return'\n");
}

TEST_CASE("what is wrong inside a word has its own place") {
  CHECK(complaint("http-request set-var(txn.a) path,lower,uper") ==
        "2:40 the converter 'uper' is not known here (did you mean 'upper'?)\n");
  CHECK(complaint("http-request set-var(txn.a) \"path,field(1,'/'),uper\"") ==
        "2:48 the converter 'uper' is not known here (did you mean 'upper'?)\n");
  CHECK(complaint("http-request set-header X a\\ b%[path,length,nope]") ==
        "2:45 the converter 'nope' is not known here\n");
  CHECK(complaint("http-request set-header X \"a %[path] %zz\"") ==
        "2:38 '%zz' is no variable of a log-format; a '%' itself is written '%%'\n");
  CHECK(complaint("http-request set-header X \"a %[path]\" if { path,lowr /a }") ==
        "2:49 the converter 'lowr' is not known here (did you mean 'lower'?)\n");
  CHECK(complaint("http-request deny if { path)x /a }") == "2:28 ')x' behind 'path' is not understood\n");
}

TEST_CASE("the metrics service answers, and there is no other") {
  Rig rig("frontend fe\nhttp-request use-service prometheus-exporter if { path /metrics }\n");
  const FrontendRules rules = rig.frontend();
  CHECK(rig.complaints().empty());
  CHECK(!rules.http_request.empty());
  CHECK(complaint("http-request use-service lua.x") == "2:26 there is no service 'lua.x'\n");
}

TEST_CASE("all complaints of a section come in one go, and a listen's come once") {
  Rig rig("listen l\nacl a pth /\nhttp-request deny if b\nhttp-request set-headr X 1\nserver s x sni bad.sample\n");
  rig.frontend();
  rig.backend(0);
  rig.sni(0, 0);
  CHECK(rig.complaints() ==
        "2:7 the sample 'pth' is not known here (did you mean 'path'?)\n3:22 there is no ACL 'b' in this section\n"
        "4:14 'set-headr' is no action of 'http-request' (did you mean 'set-header'?)\n5:16 the sample 'bad.sample' is "
        "not known here\n");
}

TEST_CASE("no word that is said not to be offered is known, and none is taken for a slip") {
  using Kind = config::NotOffered::Kind;
  const auto said = [](Kind kind, const std::string& name) {
    switch (kind) {
      case Kind::Action:
        return complaint("http-request " + name + " x");
      case Kind::Sample:
        return complaint("http-request set-var(txn.a) " + name);
      case Kind::Converter:
        return complaint("http-request set-var(txn.a) str(a)," + name);
      case Kind::Acl:
        return complaint("http-request deny if " + name);
      case Kind::Keyword:
        break;
    }
    return std::string("'" + name + "' is HAProxy's and is not offered yet");
  };
  for (const config::NotOffered& word : config::not_offered_words()) {
    CAPTURE(word.name);
    CHECK(said(word.kind, std::string(word.name))
              .find("'" + std::string(word.name) + "' is HAProxy's and is not offered yet") != std::string::npos);
  }
  CHECK(said(Kind::Sample, "lua.mine").find("is HAProxy's and is not offered yet") != std::string::npos);
  for (const std::string name :
       {"internal.htx.data", "cpu_calls", "lat_ns_tot", "ssl_fc_session_key", "ssl_fc_exporter_secret"})
    CHECK(said(Kind::Sample, name).find("the sample '" + name + "' has no effect, it never has a value: ") !=
          std::string::npos);
  for (const std::string name : {"fcgi.docroot"})
    CHECK(said(Kind::Sample, name).find("the sample '" + name + "' is not offered: ") != std::string::npos);
  CHECK(said(Kind::Sample, "origin_of") == "2:29 the sample 'origin_of' is not known here\n");
}

TEST_CASE("what is wrong in a rule that tracks or counts is said with its place") {
  const auto said = [](const std::string& line) {
    Rig rig("frontend fe\n" + line + "\nbackend all\nstick-table\n");
    rig.frontend();
    return rig.complaints();
  };
  CHECK(said("http-request track-sc0 src table all") == "");
  CHECK(said("http-request track-sc0 src") == "2:14 'fe' has no stick-table: name a proxy that has one\n");
  CHECK(said("http-request track-sc0") == "2:23 'track-sc0' expects a sample such as src here\n");
  CHECK(said("http-request track-sc0 src table") ==
        "2:33 'track-sc0' expects the name of a proxy with a stick-table here\n");
  CHECK(said("http-request track-sc0 src table alll") == "2:34 there is no stick-table 'alll' (did you mean 'all'?)\n");
  CHECK(said("http-request track-sc0 bool(true) table all") == "2:24 'bool' cannot be a key of this table\n");
  CHECK(said("http-request track-sc3 src table all") ==
        "2:14 'track-sc3' is no action of 'http-request' (did you mean 'track-sc0'?)\n");
  CHECK(said("http-request track-sc0(1) src table all") == "2:14 'track-sc0' takes no parentheses\n");
  CHECK(said("http-after-response track-sc0 src table all") ==
        "2:21 'track-sc0' is no action of 'http-after-response'\n");
  CHECK(said("http-request sc-inc-gpc0") == "");
  CHECK(said("http-request sc-inc-gpc") ==
        "2:14 'sc-inc-gpc' expects an element and the number of a counter in parentheses: sc-inc-gpc(0,0)\n");
  CHECK(said("http-request sc-inc-gpc(1)") == "2:14 '' is no number of a counter from 0 to 2\n");
  CHECK(said("http-request sc-inc-gpc(100,0)") == "2:25 '100' is no element of an array from 0 to 99\n");
  CHECK(said("http-request sc-inc-gpc0(3)") == "2:26 '3' is no number of a counter from 0 to 2\n");
  CHECK(said("http-request sc-inc-gpc0(0,1)") == "2:28 '1' is not understood behind the number of a counter\n");
  CHECK(said("http-request sc-set-gpt0(0)") == "2:28 'sc-set-gpt0' expects a number or a sample here\n");
  CHECK(said("http-request deny if { sc_http_req_rat(0) gt 1 }") ==
        "2:24 the sample 'sc_http_req_rat' is not known here (did you mean 'sc_http_req_rate'?)\n");
  CHECK(said("http-request deny if { sc_http_req_rate gt 1 }") == "2:24 'sc_http_req_rate' needs 1 argument\n");
  CHECK(said("http-request deny if { sc_http_req_rate(5) gt 1 }") ==
        "warning 2:24 'sc_http_req_rate(5)' never has a value: counters are 0 to 2\n");
  CHECK(said("http-request deny if { src_conn_cnt gt 1 }") ==
        "2:24 'fe' has no stick-table: name a proxy that has one\n");
  CHECK(said("http-request deny if { src,table_conn_cnt(al) gt 1 }") ==
        "2:43 there is no stick-table 'al' (did you mean 'all'?)\n");
  CHECK(said("http-request deny if { src,table_gpc(all) gt 1 }") == "2:38 'all' of 'table_gpc' is no number\n");
  CHECK(said("http-request deny if { sc0_get_gpc(0) gt 1 }").find("the sample 'sc0_get_gpc' is not known here") !=
        std::string::npos);
}
