#include "rig.h"
#include "unit/catch.h"

using namespace penstock;
using namespace penstock::rules;

namespace {

constexpr const char* kRequest =
    "GET /smp?z=1&a=2 HTTP/1.1\nHost: ex.com:80\nX: a, b,c\nX: d ,, 7x\nCookie: a=1; b=2; a=3\nX-Forwarded-For: "
    "192.0.2.7, [2001:db8::7]\n"
    "Authorization: Bearer abc.def\nQuoted: \"a,b\",c\n";

std::string of(const std::string& expression) {
  Try exchange(kRequest);
  return sample_text(exchange, expression);
}

}  // namespace

TEST_CASE("samples of the connection say what the client's socket said") {
  CHECK(of("src") == "10.1.2.3");
  CHECK(of("src_port") == "40000");
  CHECK(of("dst") == "10.0.0.9");
  CHECK(of("dst_port") == "443");
  CHECK(of("fc_src") == "10.1.2.3");
  CHECK(of("so_name") == "https");
  CHECK(of("so_id") == "1");
  CHECK(of("fc_rcvd_proxy") == "0");
  CHECK(of("fc_http_major") == "1");
  CHECK(of("http_first_req") == "1");
}

TEST_CASE("a unix client has no source address") {
  Try exchange;
  exchange.ends.source = SocketAddress::unix_path("/run/x");
  CHECK(sample_text(exchange, "src") == "-");
  CHECK(sample_text(exchange, "src_port") == "-");
}

TEST_CASE("samples of TLS say what the handshake agreed on, and nothing without TLS") {
  CHECK(of("ssl_fc") == "1");
  CHECK(of("ssl_fc_sni") == "mail.contoso.com");
  CHECK(of("ssl_fc_has_sni") == "1");
  CHECK(of("ssl_fc_protocol") == "TLSv1.3");
  CHECK(of("ssl_fc_cipher") == "TLS_AES_128_GCM_SHA256");
  CHECK(of("ssl_fc_alpn") == "http/1.1");
  CHECK(of("ssl_fc_is_resumed") == "0");
  CHECK(of("ssl_fc_use_keysize") == "128");
  CHECK(of("ssl_c_used") == "0");
  CHECK(of("ssl_c_err") == "0");
  Try exchange;
  exchange.clear_text();
  CHECK(sample_text(exchange, "ssl_fc") == "0");
  CHECK(sample_text(exchange, "ssl_fc_sni") == "-");
  CHECK(sample_text(exchange, "ssl_fc_is_resumed") == "-");
}

TEST_CASE("samples of the request line take the target apart") {
  CHECK(of("method") == "GET");
  CHECK(of("url") == "/smp?z=1&a=2");
  CHECK(of("path") == "/smp");
  CHECK(of("pathq") == "/smp?z=1&a=2");
  CHECK(of("query") == "z=1&a=2");
  CHECK(of("base") == "ex.com:80/smp");
  CHECK(of("baseq") == "ex.com:80/smp?z=1&a=2");
  CHECK(of("req.ver") == "1.1");
  CHECK(of("url_param(a)") == "2");
  CHECK(of("urlp(z)") == "1");
  CHECK(of("urlp()") == "1");
  CHECK(of("urlp(q)") == "-");
  CHECK(of("urlp_val(a),add(1)") == "3");
  CHECK(of("url_ip") == "-");
}

TEST_CASE("an absolute target has the same path, and an authority") {
  Try exchange("GET http://192.0.2.1:8080/a/b?c HTTP/1.1\nHost: h\n");
  CHECK(sample_text(exchange, "path") == "/a/b");
  CHECK(sample_text(exchange, "query") == "c");
  CHECK(sample_text(exchange, "url_ip") == "192.0.2.1");
  CHECK(sample_text(exchange, "url_port") == "8080");
}

TEST_CASE("'*' and the authority form have no path, and a bare '?' has an empty query") {
  Try star("OPTIONS * HTTP/1.1\nHost: h\n");
  CHECK(sample_text(star, "path") == "-");
  CHECK(sample_text(star, "url") == "*");
  Try connect("CONNECT h:443 HTTP/1.1\nHost: h\n");
  CHECK(sample_text(connect, "path") == "-");
  Try bare("GET /a? HTTP/1.1\nHost: h\n");
  CHECK(sample_text(bare, "query,length") == "0");
  Try none("GET /a HTTP/1.1\nHost: h\n");
  CHECK(sample_text(none, "query,length") == "-");
  Try no_path("GET http://h?q HTTP/1.1\nHost: h\n");
  CHECK(sample_text(no_path, "path") == "-");
  CHECK(sample_text(no_path, "query") == "q");
}

TEST_CASE("hdr takes comma separated values, fhdr whole lines, from either end") {
  CHECK(of("req.hdr(x)") == "7x");
  CHECK(of("hdr(x)") == "7x");
  CHECK(of("req.hdr(X,1)") == "a");
  CHECK(of("req.hdr(x,3)") == "c");
  CHECK(of("req.hdr(x,-2)") == "");
  CHECK(of("req.hdr(x,-6)") == "a");
  CHECK(of("req.hdr(x,-7)") == "-");
  CHECK(of("req.hdr(x,7)") == "-");
  CHECK(of("req.hdr_cnt(x)") == "6");
  CHECK(of("req.fhdr(x)") == "d ,, 7x");
  CHECK(of("req.fhdr(x,1)") == "a, b,c");
  CHECK(of("req.fhdr_cnt(x)") == "2");
  CHECK(of("req.hdr(none)") == "-");
  CHECK(of("req.hdr_val(x)") == "7");
  CHECK(of("req.hdr(quoted,1)") == "\"a,b\"");
  CHECK(of("req.hdr_cnt(quoted)") == "2");
  CHECK(of("req.hdr_names") == "host,x,x,cookie,x-forwarded-for,authorization,quoted");
}

TEST_CASE("hdr_ip reads addresses as proxies write them") {
  CHECK(of("req.hdr_ip(x-forwarded-for)") == "2001:db8::7");
  CHECK(of("req.hdr_ip(x-forwarded-for,1)") == "192.0.2.7");
  CHECK(of("req.hdr_ip(x)") == "-");
  Try exchange("GET / HTTP/1.1\nA: 192.0.2.1:99\nB: 192.0.2.1:x\nC: 192.0.2.1:65536\n");
  CHECK(sample_text(exchange, "req.hdr_ip(a)") == "192.0.2.1");
  CHECK(sample_text(exchange, "req.hdr_ip(b)") == "-");
  CHECK(sample_text(exchange, "req.hdr_ip(c)") == "-");
}

TEST_CASE("a cookie is the last of its name, or the first of all") {
  CHECK(of("req.cook(a)") == "3");
  CHECK(of("cook(b)") == "2");
  CHECK(of("req.cook()") == "1");
  CHECK(of("req.cook(A)") == "-");
  CHECK(of("req.cook_cnt(a)") == "2");
  CHECK(of("req.cook_cnt()") == "3");
  CHECK(of("req.cook_val(b),mul(2)") == "4");
}

TEST_CASE("a bearer token stands behind its scheme") { CHECK(of("http_auth_bearer") == "abc.def"); }

TEST_CASE("constants and internal samples") {
  CHECK(of("str(a b)") == "a b");
  CHECK(of("str()") == "");
  CHECK(of("str('a)b')") == "a)b");
  CHECK(of("int(-5)") == "-5");
  CHECK(of("bool(true)") == "1");
  CHECK(of("bin(6869)") == "hi");
  CHECK(of("ipv4(192.0.2.1)") == "192.0.2.1");
  CHECK(of("ipv6(2001:db8::1)") == "2001:db8::1");
  CHECK(of("always_true") == "1");
  CHECK(of("always_false") == "0");
  CHECK(of("date") == "1700000000");
  CHECK(of("date(10)") == "1700000010");
  CHECK(of("date(1,ms)") == "1700000000124");
  CHECK(of("date(0,us)") == "1700000000123456");
  CHECK(of("date_us") == "123456");
  CHECK(of("hostname") == "proxy1");
  CHECK(of("proc") == "1");
  CHECK(of("fe_name") == "fe");
  CHECK(of("be_name") == "fe");
  CHECK(of("srv_name") == "-");
  CHECK(of("unique-id") == "-");
  CHECK(of("nbsrv(fe)") == "?there is no backend 'fe'");
}

TEST_CASE("rand stays within its range and uuid has the form of version 4") {
  Try exchange;
  bool varies = false;
  const std::string first = sample_text(exchange, "rand(1000000)");
  for (int i = 0; i < 100; ++i) {
    const std::string now = sample_text(exchange, "rand(1000000)");
    CHECK(std::stoll(now) < 1000000);
    varies = varies || now != first;
    CHECK(std::stoll(sample_text(exchange, "rand(3)")) < 3);
  }
  CHECK(varies);
  const std::string uuid = sample_text(exchange, "uuid");
  REQUIRE(uuid.size() == 36);
  CHECK(uuid[14] == '4');
  CHECK(std::string("89ab").find(uuid[19]) != std::string::npos);
  CHECK(uuid != sample_text(exchange, "uuid"));
}

namespace {

class FixedNumbers final : public Numbers {
 public:
  std::int64_t backend(BackendNumber number, int backend) const override {
    return number == BackendNumber::UsableServers ? 2 + backend : number == BackendNumber::FreeConnections ? -1 : 7;
  }
  std::int64_t frontend(FrontendNumber, int) const override { return 11; }
  std::int64_t server(ServerNumber number, int backend, int server) const override {
    return number == ServerNumber::IsUp ? server : 100 * backend + server;
  }
  bool stopping() const override { return true; }
  int backend_named(std::string_view) const override { return -1; }
  const std::shared_ptr<StickTable>* table(int) const override { return nullptr; }
  std::uint64_t now_ms() const override { return 0; }
};

}  // namespace

TEST_CASE("samples about backends and servers ask whoever knows") {
  Rig rig("frontend fe\nbackend be\nserver s1 x\nserver s2 x\nbackend be2\n");
  const FixedNumbers numbers;
  Try exchange;
  CHECK(sample_text(exchange, "nbsrv(be)", &rig) == "-");
  exchange.subject.numbers = &numbers;
  CHECK(sample_text(exchange, "nbsrv(be)", &rig) == "3");
  CHECK(sample_text(exchange, "nbsrv(be2)", &rig) == "4");
  CHECK(sample_text(exchange, "nbsrv", &rig) == "-");
  exchange.subject.backend_index = 2;
  CHECK(sample_text(exchange, "nbsrv", &rig) == "4");
  CHECK(sample_text(exchange, "be_conn(be)", &rig) == "7");
  CHECK(sample_text(exchange, "be_conn_free(be)", &rig) == "-1");
  CHECK(sample_text(exchange, "fe_conn", &rig) == "11");
  CHECK(sample_text(exchange, "srv_is_up(be/s1)", &rig) == "0");
  CHECK(sample_text(exchange, "srv_is_up(be/s2)", &rig) == "1");
  CHECK(sample_text(exchange, "srv_conn(be/s2)", &rig) == "101");
  CHECK(sample_text(exchange, "stopping", &rig) == "1");
  CHECK(sample_text(exchange, "srv_is_up(be/s3)", &rig) == "?there is no server 'be/s3'");
  CHECK(sample_text(exchange, "nbsrv(bee)", &rig) == "?there is no backend 'bee'");
}

TEST_CASE("an expression that is not understood is an error that names the word") {
  CHECK(of("pth") == "?the sample 'pth' is not known here (did you mean 'path'?)");
  CHECK(of("path,lowr") == "?the converter 'lowr' is not known here (did you mean 'lower'?)");
  CHECK(of("path,json(ascii)") == "?the converter 'json' is HAProxy's and is not offered yet");
  CHECK(of("path x") == "?' x' behind the sample 'path' is not understood: ',<converter>' or the end was expected");
  CHECK(of("req.hdr(a") == "?the parenthesis behind 'req.hdr' is not closed");
  CHECK(of("req.hdr(a,b)") == "?'b' of 'req.hdr' is no number");
  CHECK(of("path(a)") == "?'path' takes no arguments");
  CHECK(of("req.hdr(a,1,2)") == "?'req.hdr' takes at most 2 arguments, not 3");
  CHECK(of("int()") == "?'int' needs 1 argument");
  CHECK(of("bool(x)") == "?'x' is no bool: true or false was expected");
  CHECK(of("bin(abc)") == "?'abc' is no even number of hexadecimal digits");
  CHECK(of("ipv4(::1)") == "?'::1' is no IPv4 address");
  CHECK(of("") == "?a sample such as req.hdr(host) was expected, not ''");
  CHECK(of("res.hdr(a)") == "?the sample 'res.hdr' cannot be used here: it needs the response's head");
  CHECK(of("req.len") ==
        "?the sample 'req.len' cannot be used here: it needs raw bytes of a client, which only 'tcp-request content' "
        "in mode tcp has");
  CHECK(of("var(foo.x)") == "?the variable 'foo.x' must begin with its scope: sess., txn., req. or res.");
  CHECK(of("var(proc.x)") == "?'proc.x': variables of the process are not offered here; sess, txn, req and res are");
  CHECK(of("var(txn.a-b)") == "?the variable 'txn.a-b' may hold letters, digits, '.' and '_' only");
  CHECK(of("src,regsub(a,b)") != "?");
}

TEST_CASE("converters of texts") {
  CHECK(of("str(AbC),lower") == "abc");
  CHECK(of("str(AbC),upper") == "ABC");
  CHECK(of("str(hello),length") == "5");
  CHECK(of("str(hi),hex") == "6869");
  CHECK(of("int(10),hex") == "000000000000000A");
  CHECK(of("src,hex") == "0A010203");
  CHECK(of("str(ff),hex2i") == "255");
  CHECK(of("str(xy),hex2i") == "-");
  CHECK(of("str(hi),base64") == "aGk=");
  CHECK(of("str(a),base64") == "YQ==");
  CHECK(of("str(aGk=),b64dec") == "hi");
  CHECK(of("str(aGk),b64dec") == "-");
  CHECK(of("str(a*k=),b64dec") == "-");
  CHECK(of("bin(fbff),ub64enc") == "-_8");
  CHECK(of("str(-_8),ub64dec,hex") == "FBFF");
  CHECK(of("str(abcdef),bytes(1,3)") == "bcd");
  CHECK(of("str(abcdef),bytes(4)") == "ef");
  CHECK(of("str(abcdef),bytes(9)") == "");
  CHECK(of("str(xxab),ltrim(x)") == "ab");
  CHECK(of("str(abxx),rtrim(x)") == "ab");
  CHECK(of("str(xx),ltrim(x)") == "");
  CHECK(of("str(xx),rtrim(x)") == "");
  CHECK(of("str('a b/c?d=e&f%g+h~-._*'),url_enc") == "a%20b%2Fc%3Fd%3De%26f%25g%2Bh~-._%2A");
  CHECK(of("str('a%20b+c?d+e'),url_dec") == "a b+c?d e");
  CHECK(of("str('a+b'),url_dec(1)") == "a b");
  CHECK(of("str('a%2'),url_dec") == "-");
  CHECK(of("str('ExA.com:80'),host_only") == "exa.com");
  CHECK(of("str('[::1]:80'),host_only") == "[::1]");
  CHECK(of("str('[::1]'),host_only") == "[::1]");
  CHECK(of("str('ExA.com:80'),port_only") == "80");
  CHECK(of("str('[::1]'),port_only") == "0");
  CHECK(of("bin(61620d63),cut_crlf") == "ab");
  CHECK(of("bin(01020304050607),be2dec(:,2)") == "258:772:1286:7");
  CHECK(of("bin(01020304050607),be2dec(-,2,1)") == "258-772-1286");
  CHECK(of("bin(7f000001),be2dec(.,1)") == "127.0.0.1");
  CHECK(of("bin(01020304050607),be2hex") == "01020304050607");
  CHECK(of("bin(01020304050607),be2hex(--,2,1)") == "0102--0304--0506");
}

TEST_CASE("field counts what stands between delimiters, word skips what is empty") {
  CHECK(of("str(f1_f2_f3__f5),field(5,_)") == "f5");
  CHECK(of("str(f1_f2_f3__f5),field(4,_)") == "");
  CHECK(of("str(f1_f2_f3__f5),field(2,_,0)") == "f2_f3__f5");
  CHECK(of("str(f1_f2_f3__f5),field(2,_,2)") == "f2_f3");
  CHECK(of("str(f1_f2_f3__f5),field(-2,_,3)") == "f2_f3_");
  CHECK(of("str(f1_f2_f3__f5),field(-3,_,0)") == "f1_f2_f3");
  CHECK(of("str(f1_f2_f3__f5),word(4,_)") == "f5");
  CHECK(of("str(f1_f2_f3__f5),word(2,_,0)") == "f2_f3__f5");
  CHECK(of("str(f1_f2_f3__f5),word(3,_,2)") == "f3__f5");
  CHECK(of("str(f1_f2_f3__f5),word(-2,_,3)") == "f1_f2_f3");
  CHECK(of("str(f1_f2_f3__f5),word(-3,_,0)") == "f1_f2");
  CHECK(of("str(/f1/f2/f3/f4),word(1,/)") == "f1");
  CHECK(of("str(a),field(9,_)") == "-");
  CHECK(of("str(a),word(0,_)") == "?index 0 of 'word' does not exist: 1 is the first, -1 the last");
}

TEST_CASE("regsub replaces the first match or all, with groups") {
  CHECK(of("str('/////a///b/c'),regsub('/+','/','g')") == "/a/b/c");
  CHECK(of("str('aXbX'),regsub('X','<\\0>')") == "a<X>bX");
  CHECK(of("str('aXbx'),regsub('x','-','gi')") == "a-b-");
  CHECK(of("str('foo12'),regsub('(foo|bar)([0-9]+)?','\\2\\1')") == "12foo");
  CHECK(of("str('abc'),regsub('x*','-','g')") == "-a-b-c-");
  CHECK(of("str('abc'),regsub('z','-')") == "abc");
  CHECK(of("str(a),regsub('(','')").starts_with("?'(' is no regular expression: missing closing parenthesis"));
  CHECK(of("str(a),regsub(a,b,x)") == "?'x' are no flags of regsub: g, i or both were expected");
}

TEST_CASE("converters of numbers do not wrap around") {
  CHECK(of("int(5),add(3)") == "8");
  CHECK(of("int(5),sub(8)") == "-3");
  CHECK(of("int(5),mul(3)") == "15");
  CHECK(of("int(7),div(2)") == "3");
  CHECK(of("int(7),mod(4)") == "3");
  CHECK(of("int(5),div(0)") == "9223372036854775807");
  CHECK(of("int(5),mod(0)") == "0");
  CHECK(of("int(9223372036854775807),add(1)") == "9223372036854775807");
  CHECK(of("int(9223372036854775807),mul(-2)") == "-9223372036854775808");
  CHECK(of("int(-9223372036854775808),div(-1)") == "9223372036854775807");
  CHECK(of("int(-9223372036854775808),mod(-1)") == "0");
  CHECK(of("int(-9223372036854775808),neg") == "9223372036854775807");
  CHECK(of("int(5),neg") == "-5");
  CHECK(of("int(12),and(10)") == "8");
  CHECK(of("int(12),or(3)") == "15");
  CHECK(of("int(12),xor(10)") == "6");
  CHECK(of("int(0),cpl") == "-1");
  CHECK(of("int(5),bool") == "1");
  CHECK(of("int(5),not") == "0");
  CHECK(of("int(5),odd") == "1");
  CHECK(of("int(5),even") == "0");
  CHECK(of("bool(true),iif(y,n)") == "y");
  CHECK(of("bool(false),iif(y,n)") == "n");
  CHECK(of("int(1),htonl,hex") == "00000001");
  CHECK(of("str(12abc),add(1)") == "13");
}

TEST_CASE("hashes have the values of their algorithms") {
  CHECK(of("str(hello),crc32") == "907060870");
  CHECK(of("str(hello),crc32(1)") == "3902247103");
  CHECK(of("str(hello),crc32c") == "2591144780");
  CHECK(of("int(5),crc32") == "357051366");
  CHECK(of("str(hello),djb2") == "261238937");
  CHECK(of("str(hello),djb2(1)") == "1119739105");
  CHECK(of("str(hello),sdbm") == "684824882");
  CHECK(of("str(hello),sdbm(1)") == "2061535398");
}

TEST_CASE("dates are printed in GMT and by a format") {
  CHECK(of("int(784111777),http_date") == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(of("int(784111777),http_date(3)") == "Sun, 06 Nov 1994 08:49:40 GMT");
  CHECK(of("int(784111777000),http_date(0,ms)") == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(of("int(784111777),utime(%Y-%m-%d)") == "1994-11-06");
}

TEST_CASE("ipmask keeps the network, and nothing of IPv6 without a mask for it") {
  CHECK(of("ipv4(10.1.2.3),ipmask(16)") == "10.1.0.0");
  CHECK(of("ipv4(10.1.2.3),ipmask(255.255.255.0)") == "10.1.2.0");
  CHECK(of("ipv6(2001:db8:1::1),ipmask(24,32)") == "2001:db8::");
  CHECK(of("ipv6(2001:db8::1),ipmask(24)") == "-");
  CHECK(of("src,ipmask(33)") == "?'33' is no IPv4 mask");
}

TEST_CASE("variables keep their type and value until their scope ends") {
  Try exchange(kRequest);
  CHECK(sample_text(exchange, "var(txn.a)") == "-");
  CHECK(sample_text(exchange, "var(txn.a,none)") == "none");
  CHECK(sample_text(exchange, "int(5),set-var(txn.a)") == "5");
  CHECK(sample_text(exchange, "var(txn.a),add(1)") == "6");
  CHECK(sample_text(exchange, "var(req.a)") == "-");
  CHECK(sample_text(exchange, "int(2),add(txn.a)") == "7");
  CHECK(sample_text(exchange, "int(2),add(txn.none)") == "-");
  CHECK(sample_text(exchange, "int(9),set-var(txn.a,ifnotexists)") == "9");
  CHECK(sample_text(exchange, "var(txn.a)") == "5");
  CHECK(sample_text(exchange, "str(),set-var(txn.a,ifnotempty)") == "");
  CHECK(sample_text(exchange, "var(txn.a)") == "5");
  CHECK(sample_text(exchange, "int(3),set-var(txn.a,ifgt)") == "3");
  CHECK(sample_text(exchange, "var(txn.a)") == "3");
  CHECK(sample_text(exchange, "int(2),set-var(txn.a,iflt)") == "2");
  CHECK(sample_text(exchange, "var(txn.a)") == "3");
  CHECK(sample_text(exchange, "src,set-var(sess.ip)") == "10.1.2.3");
  CHECK(sample_text(exchange, "var(sess.ip),ipmask(8)") == "10.0.0.0");
  CHECK(exchange.facts.variables->items.size() == 1);
  CHECK(sample_text(exchange, "str(long text),set-var(sess.t)") == "long text");
  CHECK(sample_text(exchange, "str(short),set-var(sess.t)") == "short");
  CHECK(sample_text(exchange, "var(sess.t)") == "short");
  CHECK(sample_text(exchange, "str(x),unset-var(txn.a)") == "x");
  CHECK(sample_text(exchange, "var(txn.a)") == "-");
  CHECK(sample_text(exchange, "str(a),concat(<,sess.ip,>)") == "a<10.1.2.3>");
  CHECK(sample_text(exchange, "str(a),concat(-,txn.none,+)") == "a-+");
  CHECK(sample_text(exchange, "str(),add_item(',',sess.ip)") == "10.1.2.3");
  CHECK(sample_text(exchange, "str(a),add_item(',',sess.ip)") == "a,10.1.2.3");
  CHECK(sample_text(exchange, "str(a),add_item(',',,x)") == "a,x");
  CHECK(sample_text(exchange, "str(a),add_item(',',txn.none)") == "a");
  CHECK(sample_text(exchange, "str(10.1.2.3),strcmp(sess.ip)") == "0");
  CHECK(sample_text(exchange, "ipv4(10.1.2.3),secure_memcmp(sess.ip)") == "1");
  CHECK(sample_text(exchange, "ipv4(10.1.2.4),secure_memcmp(sess.ip)") == "0");
  CHECK(sample_text(exchange, "str(10.1.2.3),secure_memcmp(sess.ip)") == "0");
  CHECK(sample_text(exchange, "str(a),set-var(txn.a,ifx)").starts_with("?'ifx' is no condition of set-var"));
}

TEST_CASE("a variable of a connection whose texts are long and short in turns does not grow") {
  Try exchange;
  const std::string text(900, 'x');
  for (int i = 0; i < 100; ++i) {
    CHECK(sample_text(exchange, "str(" + text + "),set-var(sess.a)") == text);
    CHECK(sample_text(exchange, "str(y),set-var(sess.a)") == "y");
    CHECK(sample_text(exchange, "int(1),set-var(sess.a)") == "1");
    CHECK(sample_text(exchange, "str(z),set-var(sess.a)") == "z");
    CHECK(sample_text(exchange, "var(sess.a)") == "z");
  }
  CHECK(exchange.facts.variables->kept.held() < 5000);
}

TEST_CASE("maps give the value of the finest key") {
  Rig rig("frontend fe\n");
  rig.files["/m/str"] = "# comment\n\n  a.com   one two  \nb.com 2\r\n#c.com x\n";
  rig.files["/m/ip"] = "10.0.0.0/8 wide\n10.1.0.0/16 narrow\n2001:db8::/32 six\n";
  rig.files["/m/beg"] = "/a short\n/a/b long\n";
  rig.files["/m/reg"] = "^/x(.)$ found-\\1\n";
  rig.files["/m/int"] = "1:10 low\n11: high\n";
  rig.files["/m/num"] = "a 5\n";
  rig.files["/m/bad"] = "a five\n";
  Try exchange("GET /a/b/c HTTP/1.1\nHost: a.com\n");
  CHECK(sample_text(exchange, "req.hdr(host),map(/m/str)", &rig) == "one two");
  CHECK(sample_text(exchange, "str(b.com),map_str(/m/str)", &rig) == "2");
  CHECK(sample_text(exchange, "str(c.com),map(/m/str)", &rig) == "-");
  CHECK(sample_text(exchange, "str(c.com),map(/m/str,none)", &rig) == "none");
  CHECK(sample_text(exchange, "src,map_ip(/m/ip)", &rig) == "narrow");
  CHECK(sample_text(exchange, "ipv4(10.9.9.9),map_ip(/m/ip)", &rig) == "wide");
  CHECK(sample_text(exchange, "ipv4(11.9.9.9),map_ip(/m/ip)", &rig) == "-");
  CHECK(sample_text(exchange, "ipv6(2001:db8:1::),map_ip(/m/ip)", &rig) == "six");
  CHECK(sample_text(exchange, "path,map_beg(/m/beg)", &rig) == "long");
  CHECK(sample_text(exchange, "str(/a/c),map_beg(/m/beg)", &rig) == "short");
  CHECK(sample_text(exchange, "str(/x1),map_regm(/m/reg)", &rig) == "found-1");
  CHECK(sample_text(exchange, "str(/x1),map_reg(/m/reg)", &rig) == "found-\\1");
  CHECK(sample_text(exchange, "int(10),map_int(/m/int)", &rig) == "low");
  CHECK(sample_text(exchange, "int(11),map_int(/m/int)", &rig) == "high");
  CHECK(sample_text(exchange, "str(a),map_str_int(/m/num),add(1)", &rig) == "6");
  CHECK(sample_text(exchange, "str(b),map_str_int(/m/num,7),add(1)", &rig) == "8");
  CHECK(sample_text(exchange, "str(a),map_str_int(/m/bad)", &rig) == "?the map '/m/bad', line 1: 'five' is no number");
  CHECK(sample_text(exchange, "str(a),map(/m/none)", &rig) == "?the map '/m/none' could not be read");
  CHECK(sample_text(exchange, "str(a),map_str_int(/m/num,x)", &rig) ==
        "?the default 'x' of 'map_str_int' is no number");
}
