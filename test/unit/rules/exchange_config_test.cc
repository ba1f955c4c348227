// The frontend and pools of an Exchange publication (scenario 2: one name, one pool for each virtual
// directory), line by line.
#include <time.h>

#include <deque>

#include "rig.h"
#include "unit/catch.h"

using namespace penstock;
using namespace penstock::rules;

namespace {

constexpr const char* kExchange = R"(frontend ft_exchange
    capture request header Host len 64
    capture request header User-Agent len 128
    unique-id-format %{+X}o\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid
    http-request del-header X-Forwarded-For
    http-request set-header X-Forwarded-Proto https if { ssl_fc }
    http-request set-header X-Forwarded-Port %[dst_port]
    http-request redirect scheme https code 301 unless { ssl_fc }
    http-request redirect location /owa/ code 302 if { path / }
    http-response replace-header Set-Cookie '^(cadata.*)$' '\1; secure' if { ssl_fc }
    http-response set-header Strict-Transport-Security "max-age=31536000" if { ssl_fc }
    acl internal src 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16
    acl is_healthcheck path_end -i /healthcheck.htm
    http-request deny deny_status 404 if is_healthcheck !internal
    acl is_autodiscover path_beg -i /autodiscover
    acl is_owa path_beg -i /owa
    acl is_ecp path_beg -i /ecp
    acl is_ews path_beg -i /ews
    acl is_mapi path_beg -i /mapi
    acl is_eas path_beg -i /microsoft-server-activesync
    acl is_rpc path_beg -i /rpc /rpcwithcert
    acl is_oab path_beg -i /oab
    acl is_powershell path_beg -i /powershell
    http-request deny deny_status 403 if is_powershell !internal
    http-request deny deny_status 403 if is_ecp !internal
    use_backend bk_autodiscover if is_autodiscover
    use_backend bk_owa if is_owa
    use_backend bk_ecp if is_ecp
    use_backend bk_ews if is_ews
    use_backend bk_mapi if is_mapi
    use_backend bk_eas if is_eas
    use_backend bk_rpc if is_rpc
    use_backend bk_oab if is_oab
    use_backend bk_powershell if is_powershell
    default_backend bk_none
backend bk_none
    http-request deny deny_status 404
backend bk_autodiscover
backend bk_owa
    server ex01 x sni req.hdr(Host)
backend bk_ecp
backend bk_ews
backend bk_mapi
backend bk_eas
backend bk_rpc
backend bk_oab
backend bk_powershell
)";

struct Exchange {
  Rig rig{kExchange};
  FrontendRules rules = rig.frontend();

  Verdict run(Try& exchange) {
    rules.begin(exchange.subject);
    return rules.http_request.run(exchange.subject);
  }
  std::string pool(const std::string& path) {
    Try exchange("GET " + path + " HTTP/1.1\nHost: mail.contoso.com\n");
    CHECK(run(exchange).kind == Verdict::Kind::Continue);
    return rig.config().proxies[static_cast<std::size_t>(rules.choose_backend(exchange.subject))].name;
  }
};

}  // namespace

TEST_CASE("the Exchange configuration compiles without a complaint") {
  Exchange exchange;
  for (std::size_t i = 1; i < exchange.rig.config().proxies.size(); ++i) exchange.rig.backend(i);
  CHECK(exchange.rig.complaints() == "");
}

TEST_CASE("each virtual directory goes to its pool, whatever its case") {
  Exchange exchange;
  CHECK(exchange.pool("/Autodiscover/Autodiscover.xml") == "bk_autodiscover");
  CHECK(exchange.pool("/owa/auth/logon.aspx?x") == "bk_owa");
  CHECK(exchange.pool("/ECP/") == "bk_ecp");
  CHECK(exchange.pool("/EWS/Exchange.asmx") == "bk_ews");
  CHECK(exchange.pool("/mapi/emsmdb/?MailboxId=x") == "bk_mapi");
  CHECK(exchange.pool("/Microsoft-Server-ActiveSync?Cmd=Ping") == "bk_eas");
  CHECK(exchange.pool("/rpc/rpcproxy.dll?a:6001") == "bk_rpc");
  CHECK(exchange.pool("/RpcWithCert/rpcproxy.dll") == "bk_rpc");
  CHECK(exchange.pool("/OAB/x.xml") == "bk_oab");
  CHECK(exchange.pool("/powershell") == "bk_powershell");
  CHECK(exchange.pool("/favicon.ico") == "bk_none");
}

TEST_CASE("requests get their X-Forwarded fields, and the client's own is gone") {
  Exchange exchange;
  Try request("GET /owa/ HTTP/1.1\nHost: mail.contoso.com\nX-Forwarded-For: 6.6.6.6\nx-forwarded-proto: ftp\n");
  CHECK(exchange.run(request).kind == Verdict::Kind::Continue);
  CHECK(request.request_fields() == "Host: mail.contoso.com\nX-Forwarded-Proto: https\nX-Forwarded-Port: 443\n");
}

TEST_CASE("clear text is redirected to https with its path, and the root to /owa/") {
  Exchange exchange;
  Try clear("GET /owa/?a=b HTTP/1.1\nHost: mail.contoso.com\n");
  clear.clear_text();
  const Verdict to_https = exchange.run(clear);
  CHECK(to_https.kind == Verdict::Kind::Reply);
  CHECK(to_https.reply.status == 301);
  CHECK(to_https.reply.fields[0].value == "https://mail.contoso.com/owa/?a=b");
  Try root("GET / HTTP/1.1\nHost: mail.contoso.com\n");
  const Verdict to_owa = exchange.run(root);
  CHECK(to_owa.reply.status == 302);
  CHECK(to_owa.reply.fields[0].value == "/owa/");
}

TEST_CASE("health pages, PowerShell and ECP are for inside only") {
  Exchange exchange;
  const auto status = [&](const std::string& path, const char* client) {
    Try request("GET " + path + " HTTP/1.1\nHost: h\n");
    request.client(client, 1);
    return exchange.run(request).reply.status;
  };
  CHECK(status("/owa/HealthCheck.htm", "203.0.113.5") == 404);
  CHECK(status("/owa/healthcheck.htm", "192.168.4.4") == 0);
  CHECK(status("/PowerShell/x", "203.0.113.5") == 403);
  CHECK(status("/powershell/x", "172.31.0.1") == 0);
  CHECK(status("/ecp/", "203.0.113.5") == 403);
  CHECK(status("/owa/", "203.0.113.5") == 0);
}

TEST_CASE("responses get their security, over TLS only") {
  Exchange exchange;
  Try request;
  request.answer("HTTP/1.1 200 OK\nSet-Cookie: cadata=x; path=/\nSet-Cookie: UC=1\n");
  exchange.rules.http_response.run(request.subject);
  CHECK(request.response_fields() ==
        "Set-Cookie: cadata=x; path=/; secure\nSet-Cookie: UC=1\nStrict-Transport-Security: max-age=31536000\n");
  Try clear;
  clear.clear_text();
  clear.answer("HTTP/1.1 200 OK\nSet-Cookie: cadata=x\n");
  exchange.rules.http_response.run(clear.subject);
  CHECK(clear.response_fields() == "Set-Cookie: cadata=x\n");
}

TEST_CASE("what no pool serves is denied with 404, and a server's SNI is the request's host") {
  Exchange exchange;
  const BackendRules none = exchange.rig.backend(1);
  Try request;
  const Verdict verdict = none.http_request.run(request.subject);
  CHECK(verdict.kind == Verdict::Kind::Deny);
  CHECK(verdict.reply.status == 404);
  CHECK(*exchange.rig.sni(3, 0).text(request.subject) == "mail.contoso.com");
}

TEST_CASE("a request's rules fit the arena's first block") {
  Exchange exchange;
  Try request("GET /powershell HTTP/1.1\nHost: mail.contoso.com\nUser-Agent: x\n");
  exchange.run(request);
  exchange.rules.make_unique_id(request.subject);
  exchange.rules.choose_backend(request.subject);
  CHECK(request.arena_held() <= 16384);
}

// Not run by default: prints CPU time, which no test can promise.
TEST_CASE("the rules of one request take little time", "[.bench]") {
  Exchange exchange;
  constexpr int kRequests = 20000;
  std::int64_t took_ns = 0;
  const auto cpu_ns = [] {
    timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
  };
  constexpr int kAtOnce = 20;
  for (int i = 0; i < kRequests / kAtOnce; ++i) {
    std::deque<Try> requests;
    for (int k = 0; k < kAtOnce; ++k)
      requests.emplace_back(
          "GET /powershell HTTP/1.1\nHost: mail.contoso.com\nUser-Agent: Outlook\nAccept: */*\nCookie: a=1\n");
    const std::int64_t begin = cpu_ns();
    for (Try& request : requests) {
      exchange.rules.http_request.run(request.subject);
      exchange.rules.choose_backend(request.subject);
    }
    took_ns += cpu_ns() - begin;
  }
  WARN("ns for each request: " << took_ns / kRequests);
}
