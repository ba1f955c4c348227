#include "penstock/proxy/snapshot.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "flow/folder.h"
#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "penstock/config/read.h"
#include "unit/catch.h"

using namespace penstock;
using penstock::test::Folder;
using Shared = std::shared_ptr<const Snapshot>;

namespace {

const std::string kDefaults = "defaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n";

// A process that builds one snapshot after the other, and binds nothing.
class Process {
 public:
  Shared build(const std::string& text, const Shared& before = nullptr) {
    config::Diagnostics diagnostics;
    config::Config config = config::read({{"a.cfg", kDefaults + text}}, diagnostics);
    GatherOptions options;
    options.check_only = true;
    Bundle bundle = Bundle::gather(config, before ? &before->bundle : nullptr, options, diagnostics);
    Shared made = Snapshot::build(std::move(config), std::move(bundle), before.get(), sources(), diagnostics);
    said = all_of(diagnostics);
    INFO(said);
    REQUIRE(made);
    return made;
  }
  // Null, and why in `said`.
  Shared amend(const Shared& before, const Amendment& amendment) {
    config::Diagnostics diagnostics;
    Shared made = Snapshot::amended(*before, amendment, sources(), diagnostics);
    said = all_of(diagnostics);
    return made;
  }
  Sources sources() { return {servers_, tables_, tickets_, frontends_, logs_, rings_, process_}; }

  std::string said;

 private:
  static std::string all_of(const config::Diagnostics& diagnostics) {
    std::string all;
    for (const config::Complaint& complaint : diagnostics.complaints()) all += complaint.text + "\n";
    return all;
  }

  ServerRegistry servers_;
  StickTableRegistry tables_;
  TicketKeys tickets_;
  std::map<std::string, std::shared_ptr<FrontendState>> frontends_;
  std::map<std::string, std::shared_ptr<LogOutput>> logs_;
  std::map<std::string, std::shared_ptr<Ring>> rings_;
  ProcessState process_;
};

// The line of one server, as a reader of the configuration makes it.
AddServer a_server(const std::string& backend, const std::string& line) {
  config::Diagnostics diagnostics;
  const config::Config config =
      config::read({{"line.cfg", kDefaults + "backend b\n  server " + line + "\n"}}, diagnostics);
  REQUIRE(!diagnostics.failed());
  return {backend, std::make_shared<const config::Server>(config.proxies.back().servers.back())};
}

const BackendPlan* backend_of(const Shared& snapshot, const std::string& name) {
  return snapshot->backend(snapshot->backend_number(name));
}

const ServerSpec* server_of(const Shared& snapshot, const std::string& backend, const std::string& name) {
  for (const ServerSpec& server : backend_of(snapshot, backend)->balance.servers) {
    if (server.name == name) return &server;
  }
  return nullptr;
}

const std::string kFrontend =
    "frontend web\n  bind 127.0.0.1:0\n  http-request deny if { nbsrv(b2) lt 1 }\n  use_backend b2 if { path /2 }\n"
    "  use_backend %[path,field(2,/)] if { path_beg /by-name }\n  default_backend b1\n";
const std::string kBackends =
    "backend b1\n  http-request deny if { path /no }\n  server s1 10.0.0.1:80 check\n"
    "backend b2\n  server s1 10.0.0.2:80\n  use-server s1 if { path /s1 }\n";

// Where the first rule of a backend stands.
rules::RulePlace first_place(const BackendPlan& plan) {
  rules::RulePlace place;
  place.file = plan.making.lines.at(0).file;
  place.line = plan.making.lines.at(0).line;
  place.part = rules::part_of_backend(plan.number());
  return place;
}

}  // namespace

TEST_CASE("a reload that says the same shares every plan") {
  Process process;
  const Shared one = process.build(kFrontend + kBackends);
  const Shared two = process.build("# A remark.\n" + kFrontend + "\n\n" + kBackends, one);
  CHECK(two->frontends == one->frontends);
  CHECK(two->backends == one->backends);
  const Difference change(one.get(), *two);
  CHECK(change.numbers.empty());
}

TEST_CASE("a backend that is put before others leaves their plans, numbers and those who name them alone") {
  Process process;
  const Shared one = process.build(kFrontend + kBackends);
  const Shared two = process.build(kFrontend + "backend b0\n  server s1 10.0.0.9:80\n" + kBackends, one);
  CHECK(two->frontends == one->frontends);
  REQUIRE(two->backends.size() == 3);
  CHECK(two->backends[1] == one->backends[0]);
  CHECK(two->backends[2] == one->backends[1]);
  // What counts in the order of the file does so still.
  const int b1 = one->backend_number("b1");
  CHECK(one->backend_id(b1) == 2);
  CHECK(two->backend_id(b1) == 3);
  // And what is said of a rule names the line where it stands now.
  const rules::RulePlace place = first_place(*backend_of(one, "b1"));
  CHECK(one->place_text(&place) == "a.cfg:13");
  CHECK(two->place_text(&place) == "a.cfg:15");
  // Without the frontend it would have another fullconn.
  const Shared three = process.build(kBackends + kFrontend, two);
  CHECK(three->backends[0] == one->backends[0]);
  CHECK(three->place_text(&place) == "a.cfg:7");
  const Difference change(one.get(), *two);
  CHECK(change.numbers == std::vector<int>{two->backend_number("b0")});
  CHECK(change.gone.empty());
}

TEST_CASE("a section that is another, and one that another defaults section makes another, have a new plan") {
  Process process;
  const Shared one = process.build(kFrontend + kBackends);
  const Shared two = process.build(kFrontend + kBackends + "  retries 7\n", one);
  CHECK(two->backends[0] == one->backends[0]);
  CHECK(two->backends[1] != one->backends[1]);
  CHECK(two->backends[1]->retries == 7);
  CHECK(two->frontends == one->frontends);
  const Shared three = process.build("  retries 5\n" + kFrontend + kBackends, two);
  CHECK(three->backends[0] != two->backends[0]);
  CHECK(three->backends[0]->retries == 5);
  const Shared four = process.build("global\n  tune.http.maxhdr 50\n" + kFrontend + kBackends, two);
  CHECK(four->backends[0] != two->backends[0]);
  CHECK(four->frontends[0] != two->frontends[0]);
}

TEST_CASE("a file that was changed under its name makes the plans anew that read it, and no other") {
  Process process;
  Folder folder;
  const std::string path = folder.file("paths.acl", "/a\n");
  const std::string text = kFrontend + "backend reads\n  http-request deny if { path -f " + path +
                           " }\n  server s1 10.0.0.3:80\n" + kBackends;
  const Shared one = process.build(text);
  folder.file("paths.acl", "/b\n");
  const Shared two = process.build(text, one);
  CHECK(two->backends[0] != one->backends[0]);
  CHECK(two->backends[1] == one->backends[1]);
  CHECK(two->backends[2] == one->backends[2]);
  CHECK(two->frontends == one->frontends);
  const Shared three = process.build(text, two);
  CHECK(three->backends == two->backends);
}

TEST_CASE("a plan that names another section is made anew when the name means another one or none") {
  Process process;
  const std::string front = "frontend web\n  bind 127.0.0.1:0\n  http-request deny if { srv_is_up(b2/s2) }\n";
  const std::string servers = "backend b2\n  server s1 10.0.0.1:80\n  server s2 10.0.0.2:80\n";
  const Shared one = process.build(front + servers);
  // The server stays what it is wherever it stands.
  const Shared two = process.build(front + "backend b2\n  server s0 10.0.0.9:80\n  server s2 10.0.0.2:80\n", one);
  CHECK(two->frontends == one->frontends);
  CHECK(server_of(two, "b2", "s2")->key == server_of(one, "b2", "s2")->key);
  CHECK(server_of(two, "b2", "s0")->key != server_of(one, "b2", "s2")->key);
  const ServerSpec* s2 = server_of(two, "b2", "s2");
  CHECK(&two->backends[0]->balance.servers[static_cast<std::size_t>(two->backends[0]->balance.place_of(s2->key))] ==
        s2);
}

TEST_CASE("who tracks a server keeps its plan while that server is there, and has a new one when it tracks another") {
  Process process;
  const auto text = [](const std::string& address, const std::string& more) {
    return "backend lead\n  server s1 " + address + ":80 check\n" + more +
           "backend led\n  server s1 10.0.0.2:80 track lead/s1\n";
  };
  const Shared one = process.build(text("10.0.0.1", ""));
  const Shared same = process.build(text("10.0.0.1", "backend other\n"), one);
  CHECK(backend_of(same, "led") == backend_of(one, "led"));
  const Shared two = process.build(text("10.0.0.7", ""), one);
  CHECK(backend_of(two, "led") == backend_of(one, "led"));
  CHECK(server_of(two, "led", "s1")->tracked_state == server_of(two, "lead", "s1")->state);
  const std::vector<Follower> followers = two->followers_of(*server_of(two, "lead", "s1")->state);
  REQUIRE(followers.size() == 1);
  CHECK(followers[0].server == server_of(two, "led", "s1"));
  // One that is followed by another plan than before is led anew, though it stays itself.
  const Shared three = process.build(text("10.0.0.7", "") + "  retries 9\n", two);
  const Difference change(two.get(), *three);
  CHECK(change.come == std::vector<const BackendPlan*>{backend_of(three, "led")});
  CHECK(change.led_anew == std::vector<const BackendPlan*>{backend_of(three, "lead")});
  const Shared four = process.build(
      "backend lead\n  server s1 10.0.0.7:80 check\n  server s2 10.0.0.8:80 check\n"
      "backend led\n  server s1 10.0.0.2:80 track lead/s2\n",
      two);
  CHECK(server_of(four, "led", "s1")->tracked_state == server_of(four, "lead", "s2")->state);
}

TEST_CASE("what the administrator was warned of is said again at each reload") {
  Process process;
  const std::string text = kFrontend +
                           "backend b1\n  http-request deny if { res.hdr(x) -m found }\n  server s1 10.0.0.1:80\n"
                           "backend b2\n  server s1 10.0.0.2:80\n";
  const Shared one = process.build(text);
  const std::string first = process.said;
  CHECK(first.find("never matches here") != std::string::npos);
  const Shared two = process.build(text, one);
  CHECK(process.said == first);
  CHECK(two->backends[1] == one->backends[1]);
}

TEST_CASE("a stick table keeps its number when another comes before it, and so do those who use it") {
  Process process;
  const std::string table = "backend t1\n  stick-table type ip size 10\n";
  const std::string user = "backend b1\n  stick on src table t1\n  server s1 10.0.0.1:80\n";
  const Shared one = process.build(table + user);
  const Shared two = process.build("backend t0\n  stick-table type string size 10\n" + table + user, one);
  CHECK(backend_of(two, "b1") == backend_of(one, "b1"));
  CHECK(two->tables[0].proxy == "t1");
  CHECK(two->tables[1].proxy == "t0");
  // Keys of another kind are another table.
  const Shared three = process.build("backend t1\n  stick-table type string size 10\n" + user, two);
  CHECK(backend_of(three, "b1") != backend_of(one, "b1"));
}

TEST_CASE("the order of captures and of rules that capture counts, though each alone says the same") {
  Process process;
  const auto text = [](const std::string& first, const std::string& second) {
    return "frontend web\n  bind 127.0.0.1:0\n" + first + second + "  default_backend b1\n" + kBackends;
  };
  const std::string line = "  capture request header X len 9\n";
  const std::string rule = "  http-request capture path len 5\n";
  const Shared one = process.build(text(line, rule));
  const Shared two = process.build(text(rule, line), one);
  CHECK(two->frontends[0] != one->frontends[0]);
  CHECK(two->backends == one->backends);
}

TEST_CASE("a server is added to one plan of ten thousand, and all others are the same objects") {
  Process process;
  std::string text = "frontend web\n  bind 127.0.0.1:0\n  default_backend b1\n";
  for (int i = 0; i < 10000; ++i) text += format("backend b{}\n  server s1 10.0.0.1:80\n", i);
  const Shared one = process.build(text);
  const Shared two = process.amend(one, a_server("b5000", "s2 10.0.0.2:80 check weight 7"));
  INFO(process.said);
  REQUIRE(two);
  CHECK(two->frontends == one->frontends);
  std::size_t others = 0;
  for (std::size_t i = 0; i < two->backends.size(); ++i) others += two->backends[i] == one->backends[i] ? 0 : 1;
  CHECK(others == 1);
  CHECK(&two->config == &one->config);
  const ServerSpec* added = server_of(two, "b5000", "s2");
  REQUIRE(added != nullptr);
  CHECK(added->weight == 7);
  CHECK(added->id == 2);
  CHECK(added->check.enabled);
  CHECK(added->state->backend_name == "b5000");
  CHECK(backend_of(two, "b5000")->rules == backend_of(one, "b5000")->rules);
  const Difference change(one.get(), *two);
  CHECK(change.numbers == std::vector<int>{one->backend_number("b5000")});
  CHECK(change.come == std::vector<const BackendPlan*>{backend_of(two, "b5000")});
}

TEST_CASE("a server is taken away unless a rule names it or another tracks it") {
  Process process;
  const std::string text =
      "frontend web\n  bind 127.0.0.1:0\n  http-request deny if { srv_is_up(b1/s2) }\n"
      "backend b1\n  server s1 10.0.0.1:80\n  server s2 10.0.0.2:80\n  server s3 10.0.0.3:80 check\n  server s4 "
      "10.0.0.4:80\n"
      "  use-server s4 if { path /4 }\nbackend b2\n  server s1 10.0.0.9:80 track b1/s3\n";
  const Shared one = process.build(text);
  CHECK_FALSE(process.amend(one, DeleteServer{"b1", "s2"}));
  CHECK(process.said == "a rule names b1/s2\n");
  CHECK_FALSE(process.amend(one, DeleteServer{"b1", "s3"}));
  CHECK(process.said == "another server tracks b1/s3\n");
  CHECK_FALSE(process.amend(one, DeleteServer{"b1", "s4"}));
  CHECK_FALSE(process.amend(one, DeleteServer{"b1", "s9"}));
  CHECK(process.said == "the backend 'b1' has no server 's9'\n");
  CHECK_FALSE(process.amend(one, DeleteServer{"b9", "s1"}));
  CHECK(process.said == "there is no backend 'b9'\n");
  const Shared two = process.amend(one, DeleteServer{"b1", "s1"});
  REQUIRE(two);
  CHECK(server_of(two, "b1", "s1") == nullptr);
  // The rules, which are those of before, find the others.
  const BackendSpec& after = backend_of(two, "b1")->balance;
  for (const char* name : {"s2", "s3", "s4"}) {
    const int key = server_of(one, "b1", name)->key;
    CHECK(after.servers[static_cast<std::size_t>(after.place_of(key))].name == name);
  }
  CHECK(after.place_of(server_of(one, "b1", "s1")->key) == -1);
  const std::vector<Follower> followers = two->followers_of(*server_of(two, "b1", "s3")->state);
  REQUIRE(followers.size() == 1);
  CHECK(followers[0].backend == &backend_of(two, "b2")->balance);
}

TEST_CASE("a server that cannot be had without reading files or asking for names is not added") {
  Process process;
  const Shared one = process.build(kFrontend + kBackends);
  CHECK_FALSE(process.amend(one, a_server("b1", "s1 10.0.0.9:80")));
  CHECK(process.said == "b1 has a server 's1' already\n");
  CHECK_FALSE(process.amend(one, a_server("b9", "s1 10.0.0.9:80")));
  CHECK_FALSE(process.amend(one, a_server("b1", "s2 name.test:80")));
  CHECK(process.said.find("needs an address") != std::string::npos);
  CHECK_FALSE(process.amend(one, a_server("b1", "s2 10.0.0.9:80 ssl ca-file /nowhere/ca.pem")));
  CHECK(process.said == "the file '/nowhere/ca.pem' was not read with the configuration\n");
  CHECK_FALSE(process.amend(one, a_server("b1", "s2 10.0.0.9:80 ssl verify none crt /nowhere/own.pem")));
}

TEST_CASE("a server added, an expression for its TLS name too, lasts until the next reload") {
  Process process;
  const Shared one = process.build(kFrontend + kBackends);
  const Shared two = process.amend(one, a_server("b1", "s2 10.0.0.9:443 ssl verify none sni req.hdr(Host)"));
  REQUIRE(two);
  CHECK(server_of(two, "b1", "s2")->tls);
  CHECK(server_of(two, "b1", "s2")->sni);
  const Shared three = process.amend(two, a_server("b1", "s3 10.0.0.10:80"));
  REQUIRE(three);
  CHECK(three->backends[0]->balance.servers.size() == 3);
  const Shared four = process.build(kFrontend + kBackends, three);
  CHECK(four->backends[0]->balance.servers.size() == 1);
  CHECK(four->backends[1] == one->backends[1]);
}

TEST_CASE("clients are asked where they come from if anything depends on it, and else not") {
  const auto asks = [](const std::string& front, const std::string& back) {
    Process process;
    const std::string server = "  server a 127.0.0.1:1\n";
    return process
        .build("frontend f\n  bind 127.0.0.1:1\n  default_backend b\n" + front + "backend b\n" +
               (back.starts_with("  server") ? back : back + server))
        ->asks_source();
  };
  CHECK(!asks("", ""));
  CHECK(!asks("  http-request deny if { path /x }\n", "  balance leastconn\n"));
  CHECK(asks("  http-request deny if { src 192.0.2.1 }\n", ""));
  CHECK(asks("  acl inside src 192.0.2.0/24\n  use_backend b if inside\n", ""));
  CHECK(asks("  http-request set-header X-Client %ci\n", ""));
  CHECK(asks("  http-request set-header X-Client %[src,lower]\n", ""));
  CHECK(asks("  tcp-request connection reject if { src_port lt 1024 }\n", ""));
  CHECK(asks("", "  balance source\n"));
  CHECK(asks("", "  option forwardfor\n"));
  CHECK(asks("", "  stick-table type ip size 10\n  stick on src\n"));
  CHECK(asks("", "  http-request deny if { src 192.0.2.1 }\n"));
  CHECK(asks("", "  server a 127.0.0.1:1 send-proxy\n"));
}

TEST_CASE("clients are asked where they come from once a server is added that is told") {
  Process process;
  const Shared before = process.build(
      "frontend f\n  bind 127.0.0.1:1\n  default_backend b\nbackend b\n  balance leastconn\n  server a 127.0.0.1:1\n");
  REQUIRE(!before->asks_source());
  const Shared after = process.amend(before, a_server("b", "c 127.0.0.1:2 send-proxy"));
  INFO(process.said);
  REQUIRE(after);
  CHECK(after->asks_source());
}
