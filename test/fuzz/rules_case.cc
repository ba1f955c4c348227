#include "fuzz/rules_case.h"

#include <cstdint>
#include <span>

#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock::test {
namespace {

using Words = std::span<const std::string_view>;

// Choices, taken from bytes; the first of each when they are used up.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : bytes_(bytes) {}
  std::size_t below(std::size_t count) {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte % count;
  }
  bool one_in(std::size_t count) { return below(count) == count - 1; }
  std::string_view of(Words words) { return words[below(words.size())]; }

 private:
  std::string_view bytes_;
};

constexpr std::string_view kRequestSamples[] = {"path",
                                                "method",
                                                "url",
                                                "query",
                                                "req.hdr(X)",
                                                "req.hdr(host)",
                                                "req.fhdr(X,-1)",
                                                "req.hdr(Cookie)",
                                                "req.cook(a)",
                                                "req.hdrs",
                                                "req.hdr_names",
                                                "base",
                                                "baseq",
                                                "urlp(a)",
                                                "src",
                                                "dst_port",
                                                "str(text)",
                                                "str()",
                                                "int(204)",
                                                "int(-1)",
                                                "bin(000a0d)",
                                                "rand(10)",
                                                "uuid",
                                                "date",
                                                "var(txn.a)",
                                                "var(sess.b)",
                                                "var(req.c)",
                                                "unique-id",
                                                "req.hdr_cnt(X)",
                                                "req.hdr_ip(X)",
                                                "req.body_size",
                                                "hdr_val(X)",
                                                "capture.req.hdr(0)",
                                                "capture.req.uri",
                                                "http_first_req",
                                                "fe_name",
                                                "be_name",
                                                "srv_name",
                                                "nbsrv(b)",
                                                "hostname",
                                                "req.ver",
                                                "url_ip",
                                                "url_port",
                                                "url32",
                                                "base32",
                                                "ssl_fc",
                                                "req.hdr(Authorization),b64dec",
                                                "bool(true)"};
constexpr std::string_view kResponseSamples[] = {"status",
                                                 "res.hdr(X)",
                                                 "res.hdr(Location)",
                                                 "res.fhdr(Set-Cookie)",
                                                 "res.cook(s)",
                                                 "res.hdrs",
                                                 "res.hdr_names",
                                                 "res.ver",
                                                 "res.hdr_cnt(X)",
                                                 "res.hdr_val(X)",
                                                 "res.body_size",
                                                 "str(text)",
                                                 "str()",
                                                 "int(304)",
                                                 "var(txn.a)",
                                                 "var(sess.b)",
                                                 "var(res.c)",
                                                 "capture.req.hdr(0)",
                                                 "capture.res.hdr(0)",
                                                 "capture.req.method",
                                                 "src",
                                                 "bin(0d0a00)",
                                                 "rand(2)",
                                                 "unique-id",
                                                 "srv_name",
                                                 "date",
                                                 "fe_name",
                                                 "be_name"};
constexpr std::string_view kTcpSamples[] = {
    "req.len", "req.payload(0,4)", "req.payload(0,0)", "req.payload_lv(0,1)", "req.ssl_hello_type", "req.ssl_sni",
    "src",     "dst_port",         "var(sess.b)",      "var(txn.a)",          "wait_end",           "str(text)",
    "rand(3)", "ssl_fc",           "always_true"};
constexpr std::string_view kConverters[] = {"lower",
                                            "upper",
                                            "length",
                                            "hex",
                                            "base64",
                                            "b64dec",
                                            "url_dec",
                                            "url_enc",
                                            "field(1,/)",
                                            "field(-1,/,0)",
                                            "word(2,/)",
                                            "bytes(1,2)",
                                            "concat(-,txn.a,-)",
                                            "add_item(:,sess.b)",
                                            "regsub(a,b)",
                                            "regsub(/,-,g)",
                                            "regsub('x*',y,g)",
                                            "regsub('(.)','\\1\\1',g)",
                                            "map_str(x.map,none)",
                                            "map_beg(x.map)",
                                            "map_reg(x.map)",
                                            "map_regm(x.map)",
                                            "ltrim(/)",
                                            "rtrim(/)",
                                            "crc32",
                                            "sdbm(1)",
                                            "add(5)",
                                            "mul(-3)",
                                            "div(0)",
                                            "mod(txn.a)",
                                            "neg",
                                            "not",
                                            "bool",
                                            "odd",
                                            "hex2i",
                                            "be2dec(:,2)",
                                            "be2hex(:,1)",
                                            "http_date",
                                            "utime(%Y)",
                                            "ipmask(24,64)",
                                            "iif(yes,no)",
                                            "set-var(txn.a)",
                                            "set-var(sess.b,ifnotexists)",
                                            "unset-var(txn.a)",
                                            "capture-req(0)",
                                            "host_only",
                                            "port_only",
                                            "cut_crlf",
                                            "strcmp(txn.a)",
                                            "secure_memcmp(txn.a)",
                                            "htonl",
                                            "ub64enc",
                                            "ub64dec",
                                            "xxh3",
                                            "wt6",
                                            "sha2,hex",
                                            "hmac(sha256,txn.a)",
                                            "aes_gcm_dec(128,txn.a,txn.b,txn.a)",
                                            "json(utf8ps)",
                                            "jwt_header_query",
                                            "jwt_verify(txn.a,txn.b)",
                                            "jwt_verify(HS256,key)",
                                            "language(en;fr,de)",
                                            "protobuf(1.2,int32)",
                                            "protobuf(1)",
                                            "ungrpc(1)",
                                            "fix_is_valid",
                                            "fix_tag_value(35)",
                                            "mqtt_is_valid",
                                            "mqtt_field_value(connect,username)",
                                            "nbsrv"};
constexpr std::string_view kNames[] = {"X",          "Host",    "Cookie", "Set-Cookie",   "Location",
                                       "Connection", "Upgrade", "Expect", "Content-Type", "Authorization",
                                       "X-A",        "Date",    "TE",     "Keep-Alive"};
constexpr std::string_view kPatterns[] = {"a",      "^/",  ".*",     "x*",    "(.)(.)",     "^$",
                                          "[a-z]+", "a|b", "(a+)+$", "\\\\r", "^(.*),(.*)$"};
constexpr std::string_view kReplacements[] = {
    "b", "", "\\\\1-\\\\2", "\\\\0\\\\0", "%[path]", "%[src]", "x\\\\", "/new", "http://a.example/z?q=1", "*"};
constexpr std::string_view kTexts[] = {"text",
                                       "",
                                       "/new",
                                       "/a?b=c",
                                       "http://other.example/x",
                                       "*",
                                       "a.example:80",
                                       "GET",
                                       "HEAD",
                                       "POST",
                                       "CONNECT",
                                       "close",
                                       "upgrade",
                                       "%[rand(3)]",
                                       "%[path]",
                                       "%[req.hdr(X)]",
                                       "%[var(txn.a)]",
                                       "%ci:%cp",
                                       "%HM",
                                       "%{+Q}r",
                                       "%[unique-id]",
                                       "a b",
                                       "%[method]"};
constexpr std::string_view kStatuses[] = {"200", "204", "304", "404", "403", "500", "503",
                                          "401", "407", "302", "429", "205", "206", "599"};
constexpr std::string_view kSetStatuses[] = {"200", "204", "304", "100", "101", "103", "199",
                                             "205", "206", "401", "404", "500", "999"};
constexpr std::string_view kCodes[] = {"301", "302", "303", "307", "308"};
constexpr std::string_view kBodies[] = {"string x", "lf-string %[src]", "string ''", "lf-string %[path,hex]"};
constexpr std::string_view kMethods[] = {"GET",    "HEAD",     "POST",    "PUT",   "OPTIONS",
                                         "DELETE", "PROPFIND", "CONNECT", "TRACE", "RPC_IN_DATA"};
constexpr std::string_view kTargets[] = {
    "/",       "/a",     "/a/b?c=d&a=1", "*",        "http://h.example/p", "h.example:443",
    "/%41%zz", "//x//y", "/?",           "/a;b?a=,", "http://h.example",   "/owa/x"};
constexpr std::string_view kFields[] = {"X: a",
                                        "X: a,b, c",
                                        "X:",
                                        "X: \"q,r\",s",
                                        "X: 1",
                                        "X: 10.0.0.1",
                                        "Cookie: a=1; b=2",
                                        "Cookie: a=\"x",
                                        "Cookie: SRV=s",
                                        "Connection: close",
                                        "Connection: keep-alive",
                                        "Connection: X, close",
                                        "Connection: upgrade\\r\nUpgrade: websocket",
                                        "Expect: 100-continue",
                                        "Authorization: NTLM TlRMTVNTUAABAAAA",
                                        "Authorization: Basic YTpi",
                                        "Authorization: Bearer t",
                                        "Accept: */*",
                                        "TE: trailers",
                                        "Transfer-Encoding: gzip",
                                        "Content-Type: text/plain",
                                        "X-Forwarded-For: 1.2.3.4",
                                        "Range: bytes=0-1"};
constexpr std::string_view kAnswerFields[] = {"X: a",
                                              "X: a,b",
                                              "X:",
                                              "Set-Cookie: s=1; Path=/",
                                              "Set-Cookie: SRV=s",
                                              "Location: /x",
                                              "Connection: close",
                                              "Connection: keep-alive",
                                              "WWW-Authenticate: NTLM",
                                              "WWW-Authenticate: Negotiate TlRMTQ==",
                                              "Upgrade: websocket\\r\nConnection: upgrade",
                                              "Content-Type: text/html",
                                              "Keep-Alive: timeout=5",
                                              "Date: x",
                                              "Trailer: X"};
constexpr std::string_view kAnswerStatuses[] = {"200 OK",
                                                "204 No Content",
                                                "304 Not Modified",
                                                "206 Partial",
                                                "301 Moved",
                                                "401 Unauthorized",
                                                "404 Not Found",
                                                "500 Oops",
                                                "205 Reset",
                                                "101 Switching Protocols",
                                                "999 ",
                                                "407 Proxy"};
constexpr std::string_view kOptions[] = {"option forwardfor",
                                         "option http-buffer-request",
                                         "option httpclose",
                                         "option http-server-close",
                                         "option logasap",
                                         "option dontlognull",
                                         "option redispatch",
                                         "unique-id-format %{+X}o%ci_%rt\n  unique-id-header X-Id",
                                         "capture request header X len 5",
                                         "capture response header X len 9",
                                         "capture cookie a len 4",
                                         "declare capture request len 6",
                                         "option httplog",
                                         "option httplog clf",
                                         "monitor-uri /owa/x",
                                         "monitor fail if { path / }",
                                         "cookie SRV insert indirect nocache",
                                         "cookie SRV rewrite",
                                         "cookie s prefix",
                                         "retry-on all-retryable-errors 401 404",
                                         "http-reuse always",
                                         "balance hash path,lower",
                                         "balance uri",
                                         "balance url_param a",
                                         "stick-table type string size 10\n  stick on req.hdr(X)",
                                         "stick-table type ip size 10\n  stick store-response src",
                                         "log-format \"%ST %B %{+Q}r %hr %hs %[capture.req.hdr(0)] %ID %tsc\"",
                                         "errorfile 403 e403.http",
                                         "errorfile 503 e503.http",
                                         "http-error status 400 content-type text/plain string x",
                                         "http-error status 500 content-type text/plain lf-string %[src]",
                                         "http-error status 503 hdr X y",
                                         "option abortonclose",
                                         "persist",
                                         "use-server s if { req.hdr(X) a }",
                                         "force-persist if { path /a }",
                                         "option http-keep-alive"};

class Maker {
 public:
  explicit Maker(std::string_view bytes) : choices_(bytes) {}

  RulesCase make() {
    RulesCase made;
    const bool tcp = choices_.one_in(8);
    made.lines = tcp ? tcp_lines() : http_lines();
    for (std::size_t i = choices_.below(3) + 1; i-- > 0;) made.requests.push_back(request(i == 0));
    for (std::size_t i = choices_.below(3) + 1; i-- > 0;) made.answers.push_back(answer());
    return made;
  }

 private:
  std::string sample(Words fetches) {
    std::string text(choices_.of(fetches));
    for (std::size_t i = choices_.below(4); i-- > 1;) text += format(",{}", choices_.of(kConverters));
    return text;
  }
  std::string test(Words fetches) {
    if (choices_.one_in(4)) return std::string(choices_.of(std::span(kPredefined)));
    constexpr std::string_view kWays[] = {"-m found",       "-m str a",    "-m beg -i /A", "-m sub x y",
                                          "-m reg ^/?a+$",  "-m len gt 2", "-m end b",     "-m dir a",
                                          "-m dom example", "-m int ge 1", "-m str -- -i", "-m reg (a+)+$"};
    return format("{{ {} {} }}", sample(fetches), choices_.of(kWays));
  }
  std::string condition(Words fetches) {
    if (!choices_.one_in(2)) return "";
    std::string text = choices_.one_in(4) ? " unless" : " if";
    for (std::size_t i = choices_.below(2) + 1;; --i) {
      text += format(" {}{}", choices_.one_in(3) ? "!" : "", test(fetches));
      if (i == 1) return text;
      if (choices_.one_in(2)) text += " ||";
    }
  }
  std::string quoted(std::string_view text) { return format("\"{}\"", text); }
  std::string value(Words fetches) {
    return choices_.one_in(2) ? quoted(format("%[{}]", sample(fetches))) : quoted(choices_.of(kTexts));
  }
  std::string reply() {
    std::string text = format(" status {}", choices_.of(kStatuses));
    if (choices_.one_in(2))
      text += format(" content-type text/plain {}", choices_.of(kBodies));
    else if (choices_.one_in(6))
      text += " errorfile e403.http";
    else if (choices_.one_in(6))
      text += " default-errorfiles";
    if (choices_.one_in(3)) text += format(" hdr X {}", quoted(choices_.of(kTexts)));
    return text;
  }
  std::string redirect() {
    constexpr std::string_view kKinds[] = {"location", "prefix", "scheme"};
    constexpr std::string_view kMore[] = {
        "", " drop-query", " append-slash", " set-cookie a=b", " clear-cookie a", " ignore-empty"};
    const std::string_view kind = choices_.of(kKinds);
    return format("redirect {} {} code {}{}", kind, kind == "scheme" ? "https" : quoted(choices_.of(kTexts)),
                  choices_.of(kCodes), choices_.of(kMore));
  }
  std::string field_action(Words fetches) {
    const std::string_view name = choices_.of(kNames);
    switch (choices_.below(5)) {
      case 0:
        return format("set-header {} {}", name, value(fetches));
      case 1:
        return format("add-header {} {}", name, value(fetches));
      case 2:
        return format("del-header {}{}", name, choices_.one_in(3) ? " -m beg" : "");
      case 3:
        return format("replace-header {} {} {}", name, format("'{}'", choices_.of(kPatterns)),
                      quoted(choices_.of(kReplacements)));
      default:
        return format("replace-value {} {} {}", name, format("'{}'", choices_.of(kPatterns)),
                      quoted(choices_.of(kReplacements)));
    }
  }
  std::string any_action(Words fetches, bool after = false) {
    constexpr std::string_view kVariables[] = {"txn.a", "sess.b", "req.c", "txn.d"};
    switch (choices_.below(8)) {
      case 0:
        return format("set-var({}) {}", choices_.of(kVariables), sample(fetches));
      case 1:
        return format("set-var-fmt({}) {}", choices_.of(kVariables), quoted(choices_.of(kTexts)));
      case 2:
        return format("unset-var({})", choices_.of(kVariables));
      case 3:
        return after ? "allow" : "set-log-level silent";
      case 4:
        return choices_.one_in(2) ? "strict-mode off" : "strict-mode on";
      case 5:
        return "allow";
      default:
        return field_action(fetches);
    }
  }
  std::string request_rule() {
    std::string action;
    switch (choices_.below(16)) {
      case 0:
        action = "deny" + reply();
        break;
      case 1:
        action = "return" + reply();
        break;
      case 2:
        action = redirect();
        break;
      case 3:
        action = "set-method " + quoted(choices_.of(kTexts));
        break;
      case 4:
        action = "set-path " + value(kRequestSamples);
        break;
      case 5:
        action = "set-uri " + value(kRequestSamples);
        break;
      case 6:
        action = "set-query " + value(kRequestSamples);
        break;
      case 7:
        action = "set-pathq " + value(kRequestSamples);
        break;
      case 8:
        action = format("replace-{} {} {}", choices_.of(std::span(kParts)), format("'{}'", choices_.of(kPatterns)),
                        quoted(choices_.of(kReplacements)));
        break;
      case 9:
        action = format("capture {} len 7", sample(kRequestSamples));
        break;
      case 10:
        action = "disable-l7-retry";
        break;
      case 11:
        action = choices_.one_in(2) ? "silent-drop" : "reject";
        break;
      case 12:
        action = "tarpit";
        break;
      case 13:
        action = "set-timeout server 20ms";
        break;
      default:
        action = any_action(kRequestSamples);
    }
    return "http-request " + action + condition(kRequestSamples);
  }
  std::string response_rule(std::string_view set) {
    std::string action;
    const bool after = set == "http-after-response";
    switch (choices_.below(8)) {
      case 0:
        action = format("set-status {}{}", choices_.of(kSetStatuses), choices_.one_in(3) ? " reason why" : "");
        break;
      case 1:
        action = after ? "allow" : "deny" + reply();
        break;
      case 2:
        action = after ? "allow" : "return" + reply();
        break;
      case 3:
        action = after ? "allow" : redirect();
        break;
      case 4:
        action = after ? "strict-mode on" : format("capture {} id 0", sample(kResponseSamples));
        break;
      default:
        action = any_action(kResponseSamples, after);
    }
    return format("{} {}{}", set, action, condition(kResponseSamples));
  }
  std::string rule() {
    switch (choices_.below(8)) {
      case 0:
      case 1:
      case 2:
        return request_rule();
      case 3:
        return response_rule("http-response");
      case 4:
        return response_rule("http-after-response");
      case 5:
        return std::string(choices_.of(kOptions));
      case 6:
        return redirect() + condition(kRequestSamples);
      default:
        if (choices_.one_in(2))
          return "use_backend " + std::string(choices_.one_in(3) ? "%[req.hdr(X)]" : "b") + condition(kRequestSamples);
        return format("tcp-request content {}{}", choices_.one_in(2) ? "reject" : "accept", condition(kRequestSamples));
    }
  }
  std::string http_lines() {
    std::string text =
        choices_.one_in(2) ? "listen b\n  bind 127.0.0.1:0\n" : "frontend f\n  bind 127.0.0.1:0\n  default_backend b\n";
    const bool is_listen = text.starts_with("listen");
    for (std::size_t i = choices_.below(7); i-- > 0;) text += format("  {}\n", rule());
    if (!is_listen) {
      text += "backend b\n";
      for (std::size_t i = choices_.below(4); i-- > 0;) text += format("  {}\n", rule());
    }
    return text + "  server s ${server} cookie s\n";
  }
  std::string tcp_lines() {
    std::string text = "listen b\n  mode tcp\n  bind 127.0.0.1:0\n  tcp-request inspect-delay 10ms\n";
    for (std::size_t i = choices_.below(5); i-- > 0;) {
      constexpr std::string_view kSets[] = {"tcp-request content", "tcp-request session", "tcp-request connection",
                                            "tcp-response content"};
      const std::string_view set = choices_.of(kSets);
      constexpr std::string_view kActions[] = {"accept", "reject", "set-var(sess.b) src", "silent-drop",
                                               "set-var(txn.a) str(x),hex"};
      constexpr std::string_view kSimple[] = {"src", "dst_port", "always_true", "rand(3)", "var(sess.b)"};
      text += format("  {} {}{}\n", set, choices_.of(kActions),
                     condition(set == "tcp-request content" ? Words(kTcpSamples) : Words(kSimple)));
    }
    return text + "  server s ${server}\n";
  }

  void add_fields(std::string& text, Words fields) {
    for (std::size_t i = choices_.below(6); i-- > 0;) text += format("{}\\r\n", choices_.of(fields));
  }
  void add_body(std::string& text) {
    switch (choices_.below(4)) {
      case 0:
        text += "\\r\n";
        return;
      case 1:
        text += "Content-Length: 5\\r\n\\r\nhello";
        return;
      case 2:
        text += "Transfer-Encoding: chunked\\r\n\\r\n3\\r\nabc\\r\n0\\r\n\\r\n";
        return;
      default:
        text += "Content-Length: 0\\r\n\\r\n";
    }
  }
  std::string request(bool last) {
    std::string text =
        format("{} {} HTTP/1.{}\\r\n", choices_.of(kMethods), choices_.of(kTargets), choices_.one_in(8) ? 0 : 1);
    if (!choices_.one_in(16)) text += "Host: h.example\\r\n";
    add_fields(text, kFields);
    if (last) text += "Connection: close\\r\n";
    add_body(text);
    return text;
  }
  std::string answer() {
    std::string text;
    if (choices_.one_in(8)) text += "HTTP/1.1 100 Continue\\r\n\\r\n";
    if (choices_.one_in(8)) text += "HTTP/1.1 103 Early Hints\\r\nLink: x\\r\n\\r\n";
    text += format("HTTP/1.{} {}\\r\n", choices_.one_in(8) ? 0 : 1, choices_.of(kAnswerStatuses));
    add_fields(text, kAnswerFields);
    add_body(text);
    if (choices_.one_in(16)) text.resize(text.size() / 2);
    return text;
  }

  static constexpr std::string_view kParts[] = {"path", "pathq", "uri"};
  static constexpr std::string_view kPredefined[] = {"METH_GET",  "TRUE",         "FALSE",    "HTTP_1.1",
                                                     "METH_POST", "HTTP_URL_ABS", "METH_HEAD"};
  Choices choices_;
};

constexpr std::string_view kRequestMark = "---- request", kAnswerMark = "---- answer";

}  // namespace

RulesCase make_rules_case(std::string_view bytes) { return Maker(bytes).make(); }

bool read_rules_case(std::string_view text, RulesCase& out) {
  if (!text.starts_with("listen ") && !text.starts_with("frontend ")) return false;
  std::string* part = &out.lines;
  while (!text.empty()) {
    const std::string_view line = cut(text, '\n');
    if (line == kRequestMark) {
      part = &out.requests.emplace_back();
    } else if (line == kAnswerMark) {
      part = &out.answers.emplace_back();
    } else {
      // Line ends stand between the lines of a message, and behind each of the configuration.
      if (part != &out.lines && !part->empty()) *part += '\n';
      *part += line;
      if (part == &out.lines) *part += '\n';
    }
  }
  return true;
}

std::string text_of(const RulesCase& one) {
  std::string text = one.lines;
  for (const std::string& part : one.requests) text += format("{}\n{}\n", kRequestMark, part);
  for (const std::string& part : one.answers) text += format("{}\n{}\n", kAnswerMark, part);
  return text;
}

std::string on_the_wire(std::string_view message) {
  std::string bytes;
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (message.substr(i, 2) == "\\r")
      bytes += '\r', ++i;
    else
      bytes += message[i];
  }
  return bytes;
}

}  // namespace penstock::test
