#include "rig.h"
#include "unit/catch.h"

using namespace penstock;
using namespace penstock::rules;

namespace {

bool path_holds(const std::string& path, const std::string& condition, const std::string& acls = "") {
  Try exchange("GET " + path + " HTTP/1.1\nHost: mail.contoso.com\n");
  return holds(exchange, condition, acls);
}

// What compiling one rule with this condition complains about.
std::string complaint(const std::string& condition, const std::string& acls = "") {
  Rig rig("frontend fe\n" + acls + "http-request deny if " + condition + "\n");
  rig.frontend();
  return rig.complaints();
}

}  // namespace

TEST_CASE("texts are matched whole, at an end, inside, by part and by length") {
  CHECK(path_holds("/owa", "{ path /owa }"));
  CHECK_FALSE(path_holds("/owa/", "{ path /owa }"));
  CHECK(path_holds("/owa/x", "{ path_beg /owa }"));
  CHECK(path_holds("/owa/x", "{ path_beg /ecp /owa }"));
  CHECK_FALSE(path_holds("/OWA/x", "{ path_beg /owa }"));
  CHECK(path_holds("/OWA/x", "{ path_beg -i /owa }"));
  CHECK(path_holds("/a/healthcheck.htm", "{ path_end -i /HealthCheck.htm }"));
  CHECK_FALSE(path_holds("/a/healthcheck.html", "{ path_end -i /healthcheck.htm }"));
  CHECK(path_holds("/a/bcd", "{ path_sub c }"));
  CHECK_FALSE(path_holds("/a/bcd", "{ path_sub x }"));
  CHECK(path_holds("/", "{ path_len 1 }"));
  CHECK_FALSE(path_holds("/a", "{ path_len 1 }"));
  CHECK(path_holds("/abc12", "{ path_reg ^/[a-c]+[0-9]+$ }"));
  CHECK_FALSE(path_holds("/ABC12", "{ path_reg ^/[a-c]+[0-9]+$ }"));
  CHECK(path_holds("/ABC12", "{ path_reg -i ^/[a-c]+[0-9]+$ }"));
}

TEST_CASE("dir matches between slashes") {
  const std::string path = "/images/png/logo/32x32.png";
  for (const char* part : {"/images", "/images/png", "images/png", "/png/logo", "logo/32x32.png", "32x32.png"}) {
    CAPTURE(part);
    CHECK(path_holds(path, std::string("{ path_dir ") + part + " }"));
  }
  CHECK_FALSE(path_holds(path, "{ path_dir 32x32 }"));
  CHECK_FALSE(path_holds(path, "{ path_dir image }"));
}

TEST_CASE("dom matches between dots, colons, slashes and question marks") {
  Try exchange("GET http://www1.dc-eu.example.com:80/blah HTTP/1.1\nHost: x\n");
  for (const char* part : {"http", "www1", ".www1", "dc-eu", "example", "com", "80", "dc-eu.example", "blah",
                           ":www1:", "dc-eu.example", "com:80"}) {
    CAPTURE(part);
    CHECK(holds(exchange, std::string("{ url_dom ") + part + " }"));
  }
  CHECK_FALSE(holds(exchange, "{ url_dom eu }"));
  CHECK_FALSE(holds(exchange, "{ url_dom dc }"));
}

TEST_CASE("derived names, -m and explicit matching mean the same") {
  Try exchange("GET / HTTP/1.1\nHost: www.a.com\n");
  for (const char* criterion :
       {"hdr_beg(host) www.", "hdr_beg(host) -m beg www.", "hdr_dom(host) -m beg www.", "hdr(host) -m beg www.",
        "req.hdr_beg(host) www.", "req.hdr(host) -m reg ^www", "hdr_sub(host) a.c", "hdr_end(host) .com",
        "hdr_len(host) 9", "hdr(host),length 9", "hdr(host),lower -m str www.a.com"}) {
    CAPTURE(criterion);
    CHECK(holds(exchange, std::string("{ ") + criterion + " }"));
  }
  // Behind a converter the derived name's matching is forgotten: the result is compared whole.
  CHECK_FALSE(holds(exchange, "{ hdr_beg(host),lower www. }"));
}

TEST_CASE("an ACL looks at every value of a field, each cookie and each parameter") {
  Try exchange("GET /?p=1&p=2 HTTP/1.1\nX: a, b\nX: c\nCookie: k=1; k=2\nForwarded: 9.9.9.9, 10.0.0.1\n");
  for (const char* value : {"a", "b", "c"}) CHECK(holds(exchange, std::string("{ hdr(x) ") + value + " }"));
  CHECK_FALSE(holds(exchange, "{ hdr(x) d }"));
  CHECK(holds(exchange, "{ hdr(x,1) a }"));
  CHECK_FALSE(holds(exchange, "{ hdr(x,1) b }"));
  CHECK(holds(exchange, "{ cook(k) 1 }"));
  CHECK(holds(exchange, "{ cook(k) 2 }"));
  CHECK(holds(exchange, "{ urlp(p) 1 } { urlp(p) 2 }"));
  CHECK(holds(exchange, "{ hdr_ip(forwarded) 9.9.9.9 } { hdr_ip(forwarded) 10.0.0.0/8 }"));
  CHECK(holds(exchange, "{ hdr(x),upper C }"));
}

TEST_CASE("-m found asks whether a sample is there, even if it is empty") {
  Try exchange("GET / HTTP/1.1\nEmpty:\n");
  CHECK(holds(exchange, "{ hdr(empty) -m found }"));
  CHECK_FALSE(holds(exchange, "{ hdr(none) -m found }"));
  CHECK(holds(exchange, "!{ hdr(none) -m found }"));
  CHECK(holds(exchange, "{ path -m found }"));
}

TEST_CASE("integers are compared by operators and ranges") {
  Try exchange("GET / HTTP/1.1\nN: 5\nM: -5\n");
  for (const char* good : {"5", "eq 5", "ge 5", "gt 4", "le 5", "lt 6", "1:5", "5:", ":5", "1 5", "eq 1 5", "gt 9 4"}) {
    CAPTURE(good);
    CHECK(holds(exchange, std::string("{ req.hdr_val(n) ") + good + " }"));
  }
  for (const char* bad : {"4", "eq 4", "ge 6", "gt 5", "le 4", "lt 5", "6:", ":4", "1:4"}) {
    CAPTURE(bad);
    CHECK_FALSE(holds(exchange, std::string("{ req.hdr_val(n) ") + bad + " }"));
  }
  CHECK(holds(exchange, "{ req.hdr_val(m) lt 0 }"));
  CHECK(holds(exchange, "{ req.hdr_val(m) -- -5 }"));
  CHECK(holds(exchange, "{ dst_port 443 }"));
  CHECK(holds(exchange, "{ src_port ge 1024 }"));
}

TEST_CASE("addresses are matched against networks") {
  Try exchange;
  CHECK(holds(exchange, "{ src 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 }"));
  CHECK_FALSE(holds(exchange, "{ src 172.16.0.0/12 }"));
  CHECK(holds(exchange, "{ src 10.1.2.3 }"));
  exchange.client("2001:db8::5", 1);
  CHECK(holds(exchange, "{ src 2001:db8::/32 }"));
  exchange.client("::ffff:10.1.2.3", 1);
  CHECK(holds(exchange, "{ src 10.0.0.0/8 }"));
}

TEST_CASE("booleans need no value, and bin compares bytes") {
  Try exchange;
  CHECK(holds(exchange, "{ ssl_fc }"));
  CHECK(holds(exchange, "{ src_port -m bool }"));
  CHECK_FALSE(holds(exchange, "!{ ssl_fc }"));
  CHECK(holds(exchange, "{ str(hi) -m bin 6869 }"));
  CHECK(holds(exchange, "{ bin(6869) -m str hi }"));
  exchange.clear_text();
  CHECK_FALSE(holds(exchange, "{ ssl_fc }"));
}

TEST_CASE("'--' ends the flags, and -i holds for what stands behind it") {
  Try exchange("GET / HTTP/1.1\nX: -i\nY: ABC\n");
  CHECK(holds(exchange, "{ hdr(x) -- -i }"));
  CHECK(holds(exchange, "{ hdr(y) -i -- abc }"));
  CHECK_FALSE(holds(exchange, "{ hdr(y) abc }"));
  CHECK(holds(exchange, "{ hdr(y) -n -u 5 ABC }"));
}

TEST_CASE("methods are compared with their case") {
  Try get("GET / HTTP/1.1\nHost: h\n");
  CHECK(holds(get, "{ method GET POST }"));
  CHECK(holds(get, "METH_GET"));
  CHECK_FALSE(holds(get, "METH_POST"));
  Try lower_case("get / HTTP/1.1\nHost: h\n");
  CHECK_FALSE(holds(lower_case, "METH_GET"));
  CHECK(holds(lower_case, "{ method -i GET }"));
  Try head("HEAD / HTTP/1.1\nHost: h\n");
  CHECK(holds(head, "METH_GET METH_HEAD"));
}

TEST_CASE("predefined ACLs need no declaration, and can be declared over") {
  Try exchange("OPTIONS * HTTP/1.0\nContent-Length: 5\n");
  CHECK(
      holds(exchange,
            "TRUE !FALSE HTTP HTTP_1.0 !HTTP_1.1 HTTP_CONTENT HTTP_URL_STAR METH_OPTIONS !HTTP_URL_SLASH !LOCALHOST"));
  exchange.client("127.0.0.9", 1);
  CHECK(holds(exchange, "LOCALHOST"));
  CHECK(holds(exchange, "WAIT_END"));
  Try absolute("GET http://h/ HTTP/1.1\nHost: h\n");
  CHECK(holds(absolute, "HTTP_URL_ABS"));
  CHECK(holds(exchange, "FALSE", "acl FALSE always_true\n"));
}

TEST_CASE("conditions are alternatives of conjunctions, with negation") {
  const std::string acls = "acl yes always_true\nacl no always_false\n";
  Try exchange;
  for (const char* good : {"yes", "!no", "yes yes", "yes !no", "no || yes", "no or yes", "no OR yes",
                           "no Or no || yes yes", "! no", "yes ! no", "!!yes", "no no || !no", "yes or no no"}) {
    CAPTURE(good);
    CHECK(holds(exchange, good, acls));
  }
  for (const char* bad : {"no", "!yes", "yes no", "no yes", "no || no", "no || yes no", "yes !yes || no", "! yes"}) {
    CAPTURE(bad);
    CHECK_FALSE(holds(exchange, bad, acls));
  }
}

TEST_CASE("several acl lines of one name are alternatives") {
  const std::string acls = "acl ews url_beg /ews\nacl ews url_beg /EWS\nacl ews path -i /Other\n";
  CHECK(path_holds("/ews/x", "ews", acls));
  CHECK(path_holds("/EWS/x", "ews", acls));
  CHECK(path_holds("/other", "ews", acls));
  CHECK_FALSE(path_holds("/Ews/x", "ews", acls));
}

TEST_CASE("unless is the opposite of if") {
  Rig rig("frontend fe\nhttp-request deny unless { path /ok }\n");
  const FrontendRules rules = rig.frontend();
  Try good("GET /ok HTTP/1.1\nHost: h\n"), bad("GET /no HTTP/1.1\nHost: h\n");
  CHECK(rules.http_request.run(good.subject).kind == Verdict::Kind::Continue);
  CHECK(rules.http_request.run(bad.subject).kind == Verdict::Kind::Deny);
}

TEST_CASE("patterns come from files, with comments, and from the line") {
  Rig rig(
      "frontend fe\nacl bad src -f /etc/bad.lst 192.0.2.1\nacl agent hdr(user-agent) -f /etc/exact.lst -i -f "
      "/etc/generic.lst Test\n"
      "http-request deny if bad\nhttp-request deny deny_status 429 if agent\n");
  rig.files["/etc/bad.lst"] = "# comment\n\n  10.1.0.0/16  \r\n2001:db8::/32\n";
  rig.files["/etc/exact.lst"] = "Exact\n #Sharp\n";
  rig.files["/etc/generic.lst"] = "Generic\n";
  const std::vector<NamedFile> files = collect_files(rig.config());
  REQUIRE(files.size() == 3);
  CHECK(files[0].path == "/etc/bad.lst");
  CHECK(files[0].place.line == 2);
  const FrontendRules rules = rig.frontend();
  CHECK(rig.complaints() == "");
  const auto status = [&](const std::string& agent, const char* ip) {
    Try exchange("GET / HTTP/1.1\nUser-Agent: " + agent + "\n");
    exchange.client(ip, 1);
    return rules.http_request.run(exchange.subject).reply.status;
  };
  CHECK(status("x", "10.1.2.3") == 403);
  CHECK(status("x", "192.0.2.1") == 403);
  CHECK(status("x", "10.2.2.3") == 0);
  CHECK(status("Exact", "1.1.1.1") == 429);
  CHECK(status("exact", "1.1.1.1") == 0);
  CHECK(status("#Sharp", "1.1.1.1") == 429);
  CHECK(status("generic", "1.1.1.1") == 429);
  CHECK(status("test", "1.1.1.1") == 429);
}

TEST_CASE("a long list of exact texts is hashed, with and without case") {
  Rig rig("frontend fe\nhttp-request deny if { path -i -f /l }\nhttp-request deny deny_status 404 if { path -f /l }\n");
  for (int i = 0; i < 5000; ++i) rig.files["/l"] += format("/Page{}\n", i);
  const FrontendRules rules = rig.frontend();
  Try other("GET /PAGE4999 HTTP/1.1\nHost: h\n");
  CHECK(rules.http_request.run(other.subject).reply.status == 403);
  Try none("GET /page5000 HTTP/1.1\nHost: h\n");
  CHECK(rules.http_request.run(none.subject).reply.status == 0);
}

TEST_CASE("a named ACL is evaluated anew when a rule changed what it looks at") {
  Rig rig(
      "frontend fe\nacl at_a path /a\nacl has_x hdr(x) -m found\nacl set var(txn.v) -m str 1\n"
      "http-request set-header A-Before 1 if at_a !has_x !set\nhttp-request set-path /b if at_a\nhttp-request "
      "set-header X 1\n"
      "http-request set-var(txn.v) str(1)\nhttp-request set-header A-After 1 if at_a\nhttp-request set-header X-After "
      "1 if has_x set\n");
  const FrontendRules rules = rig.frontend();
  Try exchange("GET /a HTTP/1.1\nHost: h\n");
  rules.http_request.run(exchange.subject);
  CHECK(exchange.request_fields() == "Host: h\nA-Before: 1\nX: 1\nX-After: 1\n");
}

TEST_CASE("ACLs past the sixty-fourth work as the others") {
  std::string text = "frontend fe\n";
  for (int i = 0; i < 80; ++i) text += format("acl a{} path /{}\n", i, i);
  text += "http-request deny deny_status 404 if a79\nhttp-request deny if a79\n";
  Rig rig(text);
  const FrontendRules rules = rig.frontend();
  Try exchange("GET /79 HTTP/1.1\nHost: h\n");
  CHECK(rules.http_request.run(exchange.subject).reply.status == 404);
  Try other("GET /78 HTTP/1.1\nHost: h\n");
  CHECK(rules.http_request.run(other.subject).reply.status == 0);
}

TEST_CASE("a word that begins like a flag is one, or an error") {
  const std::string behind = "; a value that begins so is written behind '--'\n";
  for (const std::string flag : {"-I", "-ignore", "--i", "--I"}) {
    CHECK(complaint("{ path_beg " + flag + " /ecp }") ==
          "2:33 '" + flag + "' is no flag of an ACL (did you mean '-i'?)" + behind);
    CHECK(complaint("adm", "acl adm path_beg " + flag + " /ecp\n") ==
          "2:18 '" + flag + "' is no flag of an ACL (did you mean '-i'?)" + behind);
  }
  CHECK(complaint("{ path_beg -i -F /x }") == "2:36 '-F' is no flag of an ACL (did you mean '-f'?)" + behind);
  for (const std::string word : {"-", "-1", "-E"}) {
    CHECK(complaint("{ req.hdr(x) " + word + " }") ==
          "2:35 '" + word + "' is no flag of an ACL: -f, -i, -M, -m, -n and -u are" + behind);
  }
  CHECK(complaint("{ dst_port -5:5 }").find("'-5:5' is no flag") != std::string::npos);
  CHECK(complaint("{ dst_port -- -5:5 } { dst_port gt -5 }").empty());
  CHECK(complaint("{ path_beg -i -- -I }").empty());
  CHECK(complaint("{ path_beg /ecp -i }") ==
        "warning 2:38 '-i' behind a value is a value too: flags stand before the first one\n");
  CHECK(complaint("{ path_beg -- /ecp -i }").empty());
}

TEST_CASE("complaints about conditions name the word and its place") {
  CHECK(complaint("is_owaa", "acl is_owa path /owa\n") ==
        "3:22 there is no ACL 'is_owaa' in this section (did you mean 'is_owa'?)\n");
  CHECK(complaint("METH_GETT") == "2:22 there is no ACL 'METH_GETT' in this section (did you mean 'METH_GET'?)\n");
  CHECK(complaint("{ path /a") == "2:22 '{' is not closed: a '}' between blanks was expected\n");
  CHECK(complaint("{ pth_beg /a }") == "2:24 the sample 'pth_beg' is not known here\n");
  CHECK(complaint("{ src 10.0.0.0/40 }") ==
        "2:28 '10.0.0.0/40' is no IP address or network such as 10.0.0.0/8 or 2001:db8::/32\n");
  CHECK(complaint("{ dst_port x }") == "2:33 'x' is no number or range such as 5, 1:10 or 10:\n");
  CHECK(complaint("{ dst_port +5 }") == "2:33 '+5' is no number or range such as 5, 1:10 or 10:\n");
  CHECK(complaint("{ dst_port gt }") == "2:33 'gt' must be followed by a number\n");
  CHECK(complaint("{ dst_port gt 1:5 }") == "2:36 a range cannot be compared by 'gt'\n");
  CHECK(complaint("{ path_reg ( }") ==
        "2:33 '(' is no regular expression: missing closing parenthesis at character 2\n");
  CHECK(complaint("{ path -m bge /a }") == "2:32 'bge' is no way of matching (did you mean 'beg'?)\n");
  CHECK(complaint("{ path -f /none }") == "2:32 the file '/none' could not be read\n");
  CHECK(complaint("{ path -f }") == "2:29 '-f' must be followed by its value\n");
  CHECK(complaint("{ path -x /a }") ==
        "2:29 '-x' is no flag of an ACL: -f, -i, -M, -m, -n and -u are; a value that begins so is "
        "written behind '--'\n");
  CHECK(complaint("{ bin(00) 00 }") ==
        "2:24 'bin(00)' may be of any kind: say by '-m' how it is to be matched, as in '-m str'\n");
  CHECK(complaint("{ var(txn.a) 1 }") ==
        "2:24 'var(txn.a)' may be of any kind: say by '-m' how it is to be matched, as in '-m str'\n");
  CHECK(complaint("{ bin(00) -m ip ::1 }") == "2:24 'bin(00)' cannot be matched that way\n");
  CHECK(complaint("{ method -m int 1 }") == "2:24 'method' cannot be matched that way\n");
  CHECK(complaint("TRUE ||") == "2:27 an ACL was expected behind '||'\n");
  CHECK(complaint("|| TRUE") == "2:22 an ACL was expected before '||'\n");
  CHECK(complaint("TRUE !") == "2:27 an ACL was expected behind '!'\n");
  CHECK(complaint("") == "2:19 an ACL was expected behind 'if'\n");
  CHECK(complaint("{ }") == "2:22 a criterion such as path_beg was expected\n");
  CHECK(complaint("a", "acl a*b path /\nacl a path /\n") ==
        "2:5 'a*b' is no name for an ACL: letters, digits, '-', '_', '.' and ':' can be used\n");
  // A broken ACL is complained about once, not at each use.
  CHECK(complaint("a a", "acl a pat /\n") == "2:7 the sample 'pat' is not known here (did you mean 'path'?)\n");
}

TEST_CASE("an ACL that can never match where it stands is a warning") {
  CHECK(complaint("{ status 200 }") == "warning 2:24 'status' never matches here: it needs an HTTP response\n");
  CHECK(complaint("{ path }") ==
        "warning 2:24 'path' is compared with no value and never matches; '-m found' asks whether there is one\n");
  Rig rig("frontend fe\nacl owa path /owa\nhttp-response deny if owa\ntcp-request connection reject if { ssl_fc }\n");
  const FrontendRules rules = rig.frontend();
  CHECK(rig.complaints() ==
        "warning 4:36 'ssl_fc' never matches here: it needs the end of the TLS handshake\n"
        "warning 3:23 the ACL 'owa' never matches here: it needs the request's head\n");
  Try exchange("GET /owa HTTP/1.1\nHost: h\n");
  exchange.answer("HTTP/1.1 200 OK\n");
  CHECK(rules.http_response.run(exchange.subject).kind == Verdict::Kind::Continue);
  CHECK(rules.tcp_connection.run(exchange.subject).kind == Verdict::Kind::Continue);
}
