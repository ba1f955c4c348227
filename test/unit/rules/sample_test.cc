#include "penstock/base/xxhash.h"
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
  CHECK(of("fcgi.docroot") == "?the sample 'fcgi.docroot' is not offered: FastCGI is not spoken");
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
  CHECK(of("req.len") == "-");
  CHECK(of("var(foo.x)") == "?the variable 'foo.x' must begin with its scope: proc., sess., txn., req. or res.");
  CHECK(of("var(proc.x)") == "-");
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
TEST_CASE("hashes and digests are HAProxy's") {
  CHECK(of("str(abc),xxh32(7)") == "1473238068");
  CHECK(of("str(abc),xxh32(-1)") == "2989167648");
  CHECK(of("str(abc),xxh64") == "4952883123889572249");
  CHECK(of("int(5),xxh64") == "-2651856156047985796");
  CHECK(of("str(abc),xxh3") == "8696274497037089104");
  CHECK(of("str(abc),xxh3(7)") == "5260018501835528466");
  CHECK(of("str(abc),wt6") == "2483038440");
  CHECK(of("str(abc),wt6(1)") == "266135527");
  CHECK(of("str(abc),wt6(2)") == "266135527");
  CHECK(of("str(),wt6") == "4187620192");
  CHECK(of("str(abc),sha1,hex") == "A9993E364706816ABA3E25717850C26C9CD0D89D");
  CHECK(of("str(abc),sha2,hex") == "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
  CHECK(of("str(abc),digest(SHA2-256),hex") == of("str(abc),sha2(256),hex"));
  CHECK(of("str(abc),digest(RSA-SHA256),hex") == of("str(abc),sha2(256),hex"));
  CHECK(of("str(abc),digest(sha512-256),hex") == "53048E2681941EF99B2E29B76B4C7DABE4C2D0C634FC6D46E0E2F13107E7AF23");
  CHECK(of("str(abc),hmac(sha1,a2V5),hex") == "4FD0B215276EF12F2B3E4C8ECAC2811498B656FC");
  CHECK(of("str(abc),hmac(sha1,),hex") == "9B4A918F398D74D3E367970ABA3CBE54E4D2B5D9");
  CHECK(of("str(abc),hmac(sha1,txn.none)") == "-");
  CHECK(of("str(abc),hmac(sha1,a2V)") == "?what 'hmac' is given is neither base64 nor a variable");
  CHECK(of("str(abc),digest(sha3-256)") ==
        "?'sha3-256' is no digest: md5, sha1, sha224, sha256, sha384, sha512 or sha512-256 was expected");
  CHECK(of("str(abc),sha2(1)") == "?SHA-2 has 224, 256, 384 or 512 bits, not 1");
}

TEST_CASE("XXH3 of texts of every range of sizes") {
  const std::pair<std::size_t, std::uint64_t> kKnown[] = {
      {0, 10239759111265881381ull},   {1, 16285893450381600383ull},   {3, 17282488285829545751ull},
      {4, 555333993862369798ull},     {8, 3962791155206142717ull},    {9, 5706585569988602534ull},
      {16, 15090329181069220138ull},  {17, 13618812417152593139ull},  {32, 8120475797543059784ull},
      {33, 8254398801440038442ull},   {96, 15966960214587778429ull},  {97, 9156213627177999519ull},
      {128, 13355292395717917477ull}, {129, 18190852665717738325ull}, {240, 15737659604714187581ull},
      {241, 12757835438739805258ull}, {1024, 2198985413453611768ull}, {1025, 1924732121121926662ull},
      {2048, 7271250637430177436ull}, {3000, 4244363335626888160ull}};
  std::string text;
  for (std::size_t i = 0; i < 3000; ++i) text += static_cast<char>(i * 7 % 251);
  for (const auto& [size, hash] : kKnown) CHECK(xxh3(std::string_view(text).substr(0, size), 9) == hash);
}

TEST_CASE("AES-GCM gives what was encrypted, and nothing of what was changed") {
  CHECK(of("bin(fb09cba2093b873125a115e555c8),aes_gcm_dec(128,AAECAwQFBgcICQoL,AAECAwQFBgcICQoLDA0ODw==,MfcNqQIy7rvwRs+"
           "7UFXzOw==)") == "hello penstock");
  CHECK(of("bin(fb09cba2093b873125a115e555c8),aes_gcm_dec(128,AAECAwQFBgcICQoL,AAECAwQFBgcICQoLDA0ODw==,MPcNqQIy7rvwRs+"
           "7UFXzOw==)") == "-");
  CHECK(of("bin(fb09cba2093b873125a115e555c8),aes_gcm_dec(128,AAECAwQFBgcICQoL,AAECAwQFBgcICQoLDA0ODw==,MfcNqQ==)") ==
        "-");
  CHECK(of("bin(00),aes_gcm_dec(128,AAECAwQFBgcICQoL,a2V5,MfcNqQIy7rvwRs+7UFXzOw==)") ==
        "?the key of 'aes_gcm_dec(128)' has 16 bytes, not 3");
  CHECK(of("bin(00),aes_gcm_dec(129,txn.a,txn.b,txn.c)") == "?AES has keys of 128, 192 or 256 bits, not 129");
}

TEST_CASE("json escapes what came, and tells what is no UTF-8") {
  CHECK(of("bin(612f622263),json") == "a\\/b\\\"c");
  CHECK(of("bin(c3a4e282ac),json") == "\\u00c3\\u00a4\\u00e2\\u0082\\u00ac");
  CHECK(of("bin(c3a4e282ac),json(utf8)") == "\\u00e4\\u20ac");
  CHECK(of("bin(f09f9880),json(utf8)") == "-");
  CHECK(of("bin(61f09f988062),json(utf8s)") == "ab");
  CHECK(of("bin(61c0af62),json(utf8)") == "-");
  CHECK(of("bin(61c0af62),json(utf8s)") == "ab");
  CHECK(of("bin(61c0af62),json(utf8p)") == "a\\/b");
  CHECK(of("bin(61eda08062),json(utf8ps)") == "ab");
  CHECK(of("bin(61f8888080806264),json(utf8s)") == "abd");
  CHECK(of("bin(61e282),json(utf8s)") == "a");
  CHECK(of("bin(7f),json(utf8)") == "\\u007f");
  CHECK(of("str(a),json(nope)") ==
        "?'nope' is no way to read a text: ascii, utf8, utf8s, utf8p or utf8ps was expected");
}

TEST_CASE("json_query finds texts, numbers and truths") {
  Try exchange(
      "GET / HTTP/1.1\nJ: "
      "{\"a\":1,\"b\":\"x\\ny\",\"c\":true,\"d\":null,\"e\":[1,[],{\"z\":2}],\"f\":{\"g\":1.5,\"i\":123456789012},"
      "\"j.k\":\"dot\",\"m\":1e21,\"o\":\"\\u0041\\u00e4\\ud83d\\ude00\\/"
      "\",\"p\":\"\\ud83d\",\"q\":9223372036854775807}\n");
  const auto query = [&](const std::string& arguments) {
    return sample_text(exchange, "req.fhdr(j),json_query(" + arguments + ")");
  };
  CHECK(query("'$.a'") == "1");
  CHECK(query("'$.a',int") == "1");
  CHECK(query("'$.b'") == "x\ny");
  CHECK(query("'$.c'") == "1");
  CHECK(query("'$.d'") == "-");
  CHECK(query("'$.e'") == "-");
  CHECK(query("'$.e[0]'") == "1");
  CHECK(query("'$.e[2].z'") == "2");
  CHECK(query("'$.e[3]'") == "-");
  CHECK(query("'$.f.g'") == "1.5");
  CHECK(query("'$.f.g',int") == "1");
  CHECK(query("'$.f.i'") == "1.23457e+11");
  CHECK(query("'$.f.i',int") == "123456789012");
  CHECK(query("'$.j\\.k'") == "dot");
  CHECK(query("'$.m'") == "1e+21");
  CHECK(query("'$.o'") == "A\u00e4\U0001F600/");
  CHECK(query("'$.p'") == "-");
  CHECK(query("'$.q',int") == "-");
  CHECK(query("'a'") == "?'a' is no path of a JSON text: $.name or $.list[0] was expected");
  CHECK(query("'$.a',str") == "?'json_query' gives no 'str': nothing or 'int' was expected");
  CHECK(of("str(5),json_query('$')") == "5");
}

TEST_CASE("a token's parts are read, and its signature by a secret is verified") {
  const std::string token =
      "eyJhbGciOiJYIiwidHlwIjoiSldUIn0.eyJzdWIiOiJtZSIsIm4iOjd9.yZHah7VrXOvovYFX50cjpE0uvh-EOHRTBPlmaZAjohg";
  CHECK(of("str(" + token + "),jwt_header_query('$.typ')") == "JWT");
  CHECK(of("str(" + token + "),jwt_payload_query('$.n',int),add(1)") == "8");
  CHECK(of("str(eyJhIjoxfQ),jwt_header_query") == "{\"a\":1}");
  CHECK(of("str(eyJhIjoxfQ),jwt_payload_query") == "-");
  CHECK(of("str(" + token + "),jwt_verify(HS256,key)") == "1");
  CHECK(of("str(" + token + "),jwt_verify(HS256,wrong)") == "0");
  CHECK(of("str(" + token + "),jwt_verify(HS512,key)") == "0");
  CHECK(of("str(" + token + "),jwt_verify(none,key)") == "0");
  CHECK(of("str(eyJhIjoxfQ.),jwt_verify(none,key)") == "1");
  CHECK(of("str(eyJhIjoxfQ),jwt_verify(HS256,key)") == "-3");
  CHECK(of("str(a.b.c.d),jwt_verify(none,key)") == "-3");
  CHECK(of("str(a.b.c),jwt_verify(HS257,key)") ==
        "?'HS257' is no algorithm of a token's signature (did you mean 'HS256'?)");
}

TEST_CASE("a token's signature by a public key, and by the certificate of one, is verified") {
  Rig rig("frontend fe\n");
  rig.files["/key.pem"] = R"(-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEq+WWJoSyBu4ualAjwAJ/VCCxzGXu
zSHO/5lAioSBpBNN8MPptHb+ebAKOsn9gmCgVhI+xDtWsqi2dd9Rk4kAZQ==
-----END PUBLIC KEY-----
)";
  rig.files["/certificate.pem"] = R"(-----BEGIN CERTIFICATE-----
MIIBcTCCARegAwIBAgIUVtb/M1v4catPNYOPOkKNx0EJ+ygwCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDand0MB4XDTI2MTEyNzIxMzcwMloXDTI3MDMwNzIxMzcwMlow
DjEMMAoGA1UEAwwDand0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEq+WWJoSy
Bu4ualAjwAJ/VCCxzGXuzSHO/5lAioSBpBNN8MPptHb+ebAKOsn9gmCgVhI+xDtW
sqi2dd9Rk4kAZaNTMFEwHQYDVR0OBBYEFCjCwzXaCXt5RejX1hBOT/OegmBNMB8G
A1UdIwQYMBaAFCjCwzXaCXt5RejX1hBOT/OegmBNMA8GA1UdEwEB/wQFMAMBAf8w
CgYIKoZIzj0EAwIDSAAwRQIgW8NzAM1k6PwLCNwAjqExAH7VZjcgoSu8Y2pn5l5D
+sQCIQDWqriDgJdLOy8euFUmb2qTNLDa86FtVJRMoiDmGeNB8A==
-----END CERTIFICATE-----
)";
  rig.files["/rsa.pem"] = R"(-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtXFb64rS0jUz1Mfo8Abr
YHueI4NyUkGWC6UIxOGc0NpyeAn4Bem4bDBm05vUICY+xXWSDFwRRze6UdEzID58
j3gR6+UtxeXxvsno4nC2eRZ3YaaUmbYUKQD2dS0cusFTI8AViXb4jgaatzZ6eBCA
19wTyASkXf53omEzVLP2CzoI3nOuCwHHfBlKo1QZ/jXwwVyV1PJtuBAYtVy0GHdj
TrnMLkI+zaMvEaVBybWC0b8l7QZ41gzLzO+bwRVGmdGufTghLl842oyVZqewho61
ryakXHERi4P4IdUKlpd1Bmbq36LSe4vHwNi0jvDFb/WiJH6o+oA8MJleWlQGIbv2
nQIDAQAB
-----END PUBLIC KEY-----
)";
  Try exchange("GET / HTTP/1.1\n");
  const auto verified = [&](const std::string& token, const std::string& arguments) {
    return sample_text(exchange, "str(" + token + "),jwt_verify(" + arguments + ")", &rig);
  };
  const std::string by_curve =
      "eyJhbGciOiJYIiwidHlwIjoiSldUIn0.eyJzdWIiOiJtZSIsIm4iOjd9.4sRBoZJdfiZ_E691lPbGXYmpubVUUXTWWDRej-"
      "y66kyC1fhOdhkCo2586X8c9NDJfVsicxsdkbhaYKrIzxWgsg";
  const std::string by_rsa =
      "eyJhbGciOiJYIiwidHlwIjoiSldUIn0.eyJzdWIiOiJtZSIsIm4iOjd9.n5U_cwW_"
      "zzUjqnirICX01casDbG6f9NssXjqnPYwWHOTCyTWW6PK63lHWnqsGWtiRaporwqQOjPSQMnXJuf_Lmnq_EqTG17BaTHh08Z0pipuweNliitV-"
      "PJF8jUDoIl58mrLlYmFFMzUcaLiX95J1itT_BDRSm_KA9AiFhUfKNJxYxpR6oIYESQ576aYeKbvPCTbQGgB1nV4RwmD8c1HYDBZa2m6SU5fMEf-"
      "S-rlQXWg2I_CGH2gEPgjndlwbXBPHGtb8us2y5lYa2dWCqbYzOY6w90ICPa18uCYn2kFI6Fd49LNEM6s0O3raUFvWrjKiA_IxGq4Yn-"
      "AE9ClQxefUg";
  const std::string by_pss =
      "eyJhbGciOiJYIiwidHlwIjoiSldUIn0.eyJzdWIiOiJtZSIsIm4iOjd9.YhLgIZCrq2orAxvU6mOk_ck0hJeWpsu4vwVTJgEuvqp_"
      "dUvqc7Wb2y76zFMxhVZ4GMrPlCmNgL7YFZO7GD24wl1jj6g5VePh160eoKIbcYtkEUBtDf09G3yrY4Fk_JrcO_laib8chL7IVM5c85WYobogklP_"
      "g5sykpwIr8i0OuBeHHK3QgTjA7_Q4qXT9yPa7Xv41cSPBJJkZZgLMynocAe_2NJ1nsSFTXOoH2kAtzAtkAvveWQ4yQ44Z_"
      "i6Wz7Gxyk38ZDpsKG6lmkDXCjVQxLCVXQEM_ArLmgV2CK_cHpWqRF_4WEotxy6iyRkMOaGzK1wgxLtwS5wRINAKQChbw";
  CHECK(verified(by_curve, "ES256,/key.pem") == "1");
  CHECK(verified(by_curve, "ES256,/certificate.pem") == "1");
  CHECK(verified(by_curve, "ES384,/key.pem") == "0");
  CHECK(verified(by_curve, "RS256,/key.pem") == "0");
  CHECK(verified(by_rsa, "RS256,/rsa.pem") == "1");
  CHECK(verified(by_rsa, "PS256,/rsa.pem") == "0");
  CHECK(verified(by_pss, "PS256,/rsa.pem") == "1");
  CHECK(verified(by_rsa, "ES256,/rsa.pem") == "0");
  CHECK(verified("a.b.c", "RS256,/nothing.pem") ==
        "?'/nothing.pem' holds neither a public key nor a certificate in PEM");
}

TEST_CASE("the language that a client likes best") {
  CHECK(of("str('en-us,en;q=0.5'),language(en;fr)") == "en");
  CHECK(of("str('en-us,en;q=0.5'),language(en-us;fr)") == "en-us");
  CHECK(of("str('fr;q=0.2, en;q=0.3, de'),language(en;fr)") == "en");
  CHECK(of("str('fr;q=0.2, en;q=0.3, de'),language(en;fr;de)") == "de");
  CHECK(of("str('en;q=0'),language(en,xx)") == "xx");
  CHECK(of("str('en;q=0.5,fr;q=0.5'),language(fr;en)") == "en");
  CHECK(of("str(*),language(en)") == "-");
}

TEST_CASE("fields of protocol buffers and of gRPC") {
  CHECK(of("bin(0a0361626310ac02),protobuf(1)") == "abc");
  CHECK(of("bin(0a0361626310ac02),protobuf(2),hex") == "AC02");
  CHECK(of("bin(0a0361626310ac02),protobuf(2,int32)") == "300");
  CHECK(of("bin(0a0361626310ac02),protobuf(1,int32)") == "-");
  CHECK(of("bin(10ffffffffffffffffff01),protobuf(2,sint64)") == "-9223372036854775808");
  CHECK(of("bin(1003),protobuf(2,sint32)") == "-2");
  CHECK(of("bin(11000000000000f8bf),protobuf(2,double)") == "-1");
  CHECK(of("bin(1501020384),protobuf(2,sfixed32)") == "-2080177663");
  CHECK(of("bin(0a0410052001),protobuf(1.4,int32)") == "1");
  CHECK(of("bin(0aff),protobuf(1)") == "-");
  CHECK(of("bin(1305),protobuf(2)") == "-");
  CHECK(of("bin(00000000080a0361626310ac02),ungrpc(2,int32)") == "300");
  CHECK(of("bin(00000000090a0361626310ac02),ungrpc(1)") == "-");
  CHECK(of("bin(0000000003120161000000000208070000),ungrpc(1,int32)") == "7");
  CHECK(of("bin(00),protobuf(1.x)") ==
        "?'1.x' is no number of a field: one, or several with points between, was expected");
  CHECK(of("bin(00),protobuf(1,int3)") == "?'int3' is no type of a field (did you mean 'int32'?)");
}

TEST_CASE("messages of FIX and packets of MQTT") {
  const std::string fix = "bin(383d4649582e342e3401393d350133353d410131303d31373801),";
  CHECK(of("bin(383d4649582e342e3201393d350133353d410131303d31373801),fix_is_valid") == "1");
  CHECK(of(fix + "fix_is_valid") == "0");
  CHECK(of(fix + "fix_tag_value(MsgType)") == "A");
  CHECK(of(fix + "fix_tag_value(49)") == "-");
  CHECK(of("str(8=),fix_is_valid") == "-");
  CHECK(of("bin(00),fix_tag_value(Nope)") == "?'Nope' is no tag of FIX");
  const std::string packet = "bin(101e00044d51545404c2003c0006636c69656e74000475736572000470617373),";
  CHECK(of(packet + "mqtt_is_valid") == "1");
  CHECK(of(packet + "mqtt_field_value(connect,username)") == "user");
  CHECK(of(packet + "mqtt_field_value(CONNECT,Flags)") == "194");
  CHECK(of(packet + "mqtt_field_value(1,17)") == "-");
  CHECK(of(packet + "mqtt_field_value(2,flags)") == "-");
  CHECK(of("bin(10),mqtt_is_valid") == "-");
  CHECK(of("bin(3003616263),mqtt_is_valid") == "0");
  CHECK(of("bin(10),mqtt_field_value(connect,99)") == "?a packet connect of MQTT has no '99'");
}

TEST_CASE("bytes of a head are samples") {
  CHECK(of("base32+src,length") == "8");
  CHECK(of("url32+src,bytes(4,4),hex") == "0A010203");
  Try exchange("POST / HTTP/1.1\nHost: h\nX-A: v\n");
  CHECK(sample_text(exchange, "req.hdrs_bin,hex") == "04686F7374016803782D6101760000");
}
