// What is counted of requests, as `show stat` tells it.
#include "penstock/proxy/statistics.h"

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "flow/rig.h"
#include "penstock/proxy/statistics_text.h"
#include "unit/catch.h"

using namespace penstock;
using penstock::statistics::Filter;
using penstock::statistics::Walk;
using penstock::test::Rig;
using penstock::test::ScriptedClient;

namespace {

const std::string kApp = "backend app\n  server s1 ${s1}\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
// Of HAProxy 2.6.12.
const std::string kColumns =
    "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,act,"
    "bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,"
    "check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,req_rate,"
    "req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,qtime,ctime,"
    "rtime,ttime,agent_status,agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,check_health,"
    "agent_rise,agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,intercepted,dcon,dses,"
    "wrew,connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,ctime_max,rtime_max,ttime_max,eint,"
    "idle_conn_cur,safe_conn_cur,used_conn_cur,need_conn_est,uweight,agg_server_status,agg_server_check_status,"
    "agg_check_status,-,ssl_sess,ssl_reused_sess,ssl_failed_handshake,h2_headers_rcvd,h2_data_rcvd,h2_settings_rcvd,"
    "h2_rst_stream_rcvd,h2_goaway_rcvd,h2_detected_conn_protocol_errors,h2_detected_strm_protocol_errors,"
    "h2_rst_stream_resp,h2_goaway_resp,h2_open_connections,h2_backend_open_streams,h2_total_connections,"
    "h2_backend_total_streams,h1_open_connections,h1_open_streams,h1_total_connections,h1_total_streams,h1_bytes_in,"
    "h1_bytes_out,h1_spliced_bytes_in,h1_spliced_bytes_out,\n";

std::string text_of(Rig& rig, StatisticsForm form, const statistics::Filter& filter = {}) {
  StatisticsText text(form, false, Walk(rig.crew().snapshot(), rig.crew().process(), rig.loop().now(), filter));
  std::string out;
  while (text.next(out)) {
  }
  return out;
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::stringstream stream(line);
  for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
  return cells;
}

// Of each object ("app/s1") its columns by name.
std::map<std::string, std::map<std::string, std::string>> table_of(Rig& rig, const statistics::Filter& filter = {}) {
  std::map<std::string, std::map<std::string, std::string>> table;
  std::stringstream lines(text_of(rig, StatisticsForm::Csv, filter));
  std::string line;
  std::getline(lines, line);
  const std::vector<std::string> names = cells_of(line.substr(2));
  while (std::getline(lines, line)) {
    const std::vector<std::string> cells = cells_of(line);
    REQUIRE(cells.size() == names.size());
    auto& row = table[cells[0] + "/" + cells[1]];
    for (std::size_t i = 0; i < names.size(); ++i) row[names[i]] = cells[i];
  }
  return table;
}

std::string frontend_of(Rig& rig) { return rig.crew().snapshot()->frontends[0]->name + "/FRONTEND"; }

}  // namespace

TEST_CASE("the CSV has the columns of HAProxy, and an object has a line") {
  Rig rig(kApp);
  const std::string text = text_of(rig, StatisticsForm::Csv);
  CHECK(text.substr(0, text.find('\n') + 1) == kColumns);
  const auto table = table_of(rig);
  CHECK(table.size() == 3);
  CHECK(table.at("app/s1").at("type") == "2");
  CHECK(table.at("app/s1").at("status") == "no check");
  CHECK(table.at("app/BACKEND").at("status") == "UP");
  CHECK(table.at(frontend_of(rig)).at("status") == "OPEN");
}

TEST_CASE("a request is counted where it went, on all workers") {
  Rig rig(kApp, 2);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  for (int i = 0; i < 4; ++i) {
    ScriptedClient client(rig);
    CHECK(client.gets("/").status == 200);
    CHECK(client.gets("/").status == 200);
    CHECK(rig.line() == "200 -- s1");
    CHECK(rig.line() == "200 -- s1");
  }
  const auto table = table_of(rig);
  const auto& front = table.at(frontend_of(rig));
  CHECK(front.at("conn_tot") == "4");
  CHECK(front.at("stot") == "4");
  CHECK(front.at("req_tot") == "8");
  CHECK(front.at("hrsp_2xx") == "8");
  const auto& server = table.at("app/s1");
  CHECK(server.at("stot") == "8");
  CHECK(server.at("lbtot") == "8");
  CHECK(server.at("hrsp_2xx") == "8");
  CHECK(std::stoi(server.at("connect")) + std::stoi(server.at("reuse")) == 8);
  CHECK(server.at("smax") == "1");
  CHECK(server.at("scur") == "0");
  CHECK(table.at("app/BACKEND").at("req_tot") == "8");
  CHECK(table.at("app/BACKEND").at("scur") == "0");
}

TEST_CASE("what rules deny and servers refuse has a column each") {
  Rig rig("http-request deny if { path /no }\n" + kApp);
  rig.server("s1").stop_listening();
  ScriptedClient client(rig);
  CHECK(client.gets("/no").status == 403);
  CHECK(client.gets("/").status == 503);
  CHECK(rig.line() == "403 PR <NOSRV>");
  CHECK(rig.line() == "503 SC s1");
  const auto table = table_of(rig);
  CHECK(table.at(frontend_of(rig)).at("dreq") == "1");
  CHECK(table.at(frontend_of(rig)).at("hrsp_4xx") == "1");
  CHECK(table.at(frontend_of(rig)).at("hrsp_5xx") == "1");
  CHECK(table.at("app/BACKEND").at("dreq") == "0");
  CHECK(table.at("app/BACKEND").at("econ") == "1");
  CHECK(table.at("app/s1").at("econ") == "1");
  CHECK(table.at("app/s1").at("hrsp_5xx") == "0");
}

TEST_CASE("counts outlive a reload, and are cleared on command") {
  Rig rig(kApp, 2);
  rig.server("s1").next().expects("\r\n\r\n").sends(kOk).repeats();
  CHECK(ScriptedClient(rig).gets("/").status == 200);
  CHECK(rig.line() == "200 -- s1");
  rig.reload(kApp + "  server s2 ${s2}\n");
  CHECK(table_of(rig).at("app/s1").at("stot") == "1");
  bool done = false;
  rig.crew().clear_counters(false, [&] { done = true; });
  rig.run_until([&] { return done; });
  CHECK(table_of(rig).at("app/s1").at("stot") == "1");
  CHECK(table_of(rig).at("app/s1").at("smax") == "0");
  done = false;
  rig.crew().clear_counters(true, [&] { done = true; });
  rig.run_until([&] { return done; });
  CHECK(table_of(rig).at("app/s1").at("stot") == "0");
}

TEST_CASE("a filter leaves what it names") {
  Rig rig(kApp);
  statistics::Filter filter;
  filter.kinds = statistics::kinds_of(4);
  CHECK(table_of(rig, filter).size() == 1);
  filter = {};
  filter.proxy = "app";
  CHECK(table_of(rig, filter).size() == 2);
  filter.id = 0;
  CHECK(table_of(rig, filter).size() == 1);
}

TEST_CASE("typed lines and JSON say what a column is") {
  Rig rig(kApp);
  const std::string typed = text_of(rig, StatisticsForm::Typed);
  CHECK(typed.find(".0.pxname.1:KNS:str:app\n") != std::string::npos);
  CHECK(typed.find(".19.act.1:SGP:u32:1\n") != std::string::npos);
  CHECK(typed.find(".19.act.1:MGP:u32:1\n") != std::string::npos);
  const std::string json = text_of(rig, StatisticsForm::Json);
  CHECK(json.starts_with(R"([[{"objType":")"));
  CHECK(json.ends_with("}]]\n"));
  CHECK(json.find(R"("field":{"pos":0,"name":"pxname"},"processNum":1,"tags":{"origin":"Key","nature":"Name",)"
                  R"("scope":"Service"},"value":{"type":"str","value":"app"}})") != std::string::npos);
}

TEST_CASE("show info has the names of HAProxy") {
  Rig rig(kApp);
  const std::string text =
      info_text(InfoForm::Text, false, {"1", "2"}, *rig.crew().snapshot(), rig.crew().process(), rig.loop().now());
  CHECK(text.starts_with("Name: penstock\nVersion: 1\nRelease_date: 2\nNbthread: 1\n"));
  CHECK(text.find("\nCurrConns: 0\n") != std::string::npos);
  CHECK(text.ends_with("Tainted: 0\n"));
}
