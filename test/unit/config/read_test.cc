#include "penstock/config/read.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "unit/catch.h"

using namespace penstock::config;

namespace {

Config read_text(const std::string& text, Diagnostics& diagnostics) { return read({{"cfg", text}}, diagnostics); }

Config read_good(const std::string& text) {
  Diagnostics diagnostics;
  Config config = read_text(text, diagnostics);
  for (const Complaint& complaint : diagnostics.complaints()) UNSCOPED_INFO(Diagnostics::text_of(complaint, 1));
  REQUIRE(!diagnostics.failed());
  return config;
}

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    char path[] = "/tmp/penstock-config-XXXXXX";
    REQUIRE(mkdtemp(path) != nullptr);
    path_ = path;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string put(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a complaint shows file, line, column, the line and a caret") {
  Diagnostics diagnostics;
  read_text("global\n\tmaxcon 5\n", diagnostics);
  REQUIRE(diagnostics.complaints().size() == 1);
  CHECK(Diagnostics::text_of(diagnostics.complaints()[0], 42) ==
        "[ALERT]   (42) : config : parsing [cfg:2:2] : 'maxcon' is not known in section 'global'; "
        "did you mean 'maxconn'?\n"
        "   maxcon 5\n"
        "   ^");
}

TEST_CASE("a caret stands below its word behind letters of several bytes, and far to the right") {
  Complaint complaint{Severity::Warning, {0, 1, 10}, "f", "  \xc3\xa4\xc3\xb6\xc3\xbc x", "text"};
  CHECK(Diagnostics::text_of(complaint, 1).ends_with("\n        ^"));
  complaint.line = std::string(500, 'a') + " b " + std::string(500, 'c');
  complaint.place.column = 502;
  const std::string text = Diagnostics::text_of(complaint, 1);
  const std::size_t caret_line = text.rfind('\n');
  const std::size_t shown_line = text.rfind('\n', caret_line - 1);
  CHECK(text[shown_line + (text.size() - caret_line) - 1] == 'b');
  CHECK(text.size() < 400);
}

TEST_CASE("a complaint about no file has no place") {
  Diagnostics diagnostics;
  diagnostics.add({}, "nothing to read");
  CHECK(Diagnostics::text_of(diagnostics.complaints()[0], 7) == "[ALERT]   (7) : config : nothing to read");
}

TEST_CASE("a terminal gets no control characters from a file") {
  Diagnostics diagnostics;
  read_text("global\n    \x1b[31mred\n", diagnostics);
  REQUIRE(diagnostics.failed());
  CHECK(Diagnostics::text_of(diagnostics.complaints()[0], 1).find('\x1b') == std::string::npos);
}

TEST_CASE("all complaints of a reading come at once, and warnings do not make it fail") {
  Diagnostics diagnostics;
  read_text("global\n    flurb\n    nbproc 2\n    cpu-map 1 1\n", diagnostics);
  CHECK(diagnostics.alerts() == 2);
  CHECK(diagnostics.warnings() == 1);
  Diagnostics mild;
  read_text("global\n    cpu-map 1 1\n", mild);
  CHECK(!mild.failed());
}

TEST_CASE("the lines stay with the configuration, so that later stages can complain with a caret") {
  const Config config = read_good("listen l\r\n    mode http\r\n    bind :80\r\n");
  CHECK(config.files == std::vector<std::string>{"cfg"});
  REQUIRE(config.lines[0].size() == 3);
  CHECK(config.lines[0][2] == "    bind :80");
  Diagnostics later;
  later.set_source(&config);
  later.add(config.proxies[0].binds[0].place, "later");
  CHECK(later.complaints()[0].line == "    bind :80");
}

TEST_CASE("a last line without its end is read and warned about") {
  Diagnostics diagnostics;
  const Config config = read_text("global\n    maxconn 3", diagnostics);
  CHECK(config.global.maxconn == 3);
  CHECK(diagnostics.warnings() == 1);
  CHECK(!diagnostics.failed());
}

TEST_CASE("several files are one configuration, and each begins with a section of its own") {
  Diagnostics diagnostics;
  const Config config =
      read({{"a", "global\n    maxconn 1\n"}, {"b", "    maxconn 2\nglobal\n    nbthread 2\n"}}, diagnostics);
  CHECK(config.global.maxconn == 1);
  CHECK(config.global.nbthread == 2);
  REQUIRE(diagnostics.alerts() == 1);
  CHECK(diagnostics.complaints()[0].file == "b");
}

TEST_CASE("a backend of a later file serves a frontend of an earlier one") {
  Diagnostics diagnostics;
  read({{"a", "defaults\n mode http\n timeout client 1s\nfrontend f\n bind :80\n default_backend b\n"},
        {"b", "backend b\n mode http\n http-request deny\n"}},
       diagnostics);
  CHECK(diagnostics.complaints().empty());
}

TEST_CASE("a folder gives its .cfg files in order of their names' bytes, hidden ones left out") {
  const Folder folder;
  folder.put("b.cfg", "2\n");
  folder.put("B.cfg", "1\n");
  folder.put(".c.cfg", "hidden\n");
  folder.put("d.txt", "no\n");
  const std::string single = folder.put("single", "3\n");
  Diagnostics diagnostics;
  const auto sources = load_sources({folder.path(), single}, diagnostics);
  REQUIRE(sources.size() == 3);
  CHECK(sources[0].text == "1\n");
  CHECK(sources[1].text == "2\n");
  CHECK(sources[2].text == "3\n");
  CHECK(sources[2].name == single);
  CHECK(diagnostics.complaints().empty());
}

TEST_CASE("a file that cannot be read is a complaint") {
  const Folder folder;
  Diagnostics diagnostics;
  const auto sources = load_sources({folder.path() + "/none.cfg", folder.path()}, diagnostics);
  CHECK(sources.empty());
  CHECK(diagnostics.alerts() == 1);
  CHECK(diagnostics.warnings() == 1);
}

TEST_CASE("setenv changes what the file sees, not the process") {
  const Config config = read_good("global\n    setenv PENSTOCK_TEST_NAME here\n    node \"$PENSTOCK_TEST_NAME\"\n");
  CHECK(config.global.node == "here");
  CHECK(config.global.set_env.at("PENSTOCK_TEST_NAME") == std::optional<std::string>("here"));
  CHECK(getenv("PENSTOCK_TEST_NAME") == nullptr);
}

TEST_CASE("what unsetenv and resetenv take away stays known") {
  setenv("PENSTOCK_TEST_NAME", "of the process", 1);
  const Config unset = read_good("global\n    setenv OTHER x\n    unsetenv OTHER PENSTOCK_TEST_NAME\n");
  CHECK(unset.global.set_env.size() == 1);
  CHECK(unset.global.set_env.at("PENSTOCK_TEST_NAME") == std::nullopt);
  const Config reset = read_good("global\n    setenv OTHER x\n    resetenv A B\n    resetenv B C\n    setenv C y\n");
  CHECK(reset.global.kept_env == std::vector<std::string>{"B"});
  CHECK(reset.global.set_env.size() == 1);
  CHECK(reset.global.set_env.at("C") == std::optional<std::string>("y"));
  unsetenv("PENSTOCK_TEST_NAME");
}

TEST_CASE("members hold the documented defaults until a line changes them") {
  const Config config =
      read_good("backend b\n    timeout connect 1s\n    timeout server 1s\n    server s 10.0.0.1:80\n");
  const Proxy& proxy = config.proxies[0];
  CHECK(proxy.mode == Mode::Tcp);
  CHECK(proxy.retries == 3);
  CHECK(proxy.reuse == Reuse::Safe);
  CHECK(proxy.servers[0].check.inter_ms == 2000);
  CHECK(proxy.servers[0].weight == 1);
  CHECK(!proxy.timeout.queue.has_value());
}

TEST_CASE("TLS settings of a server are those of global until its line says otherwise") {
  const Config config = read_good(
      "global\n    ssl-default-server-options ssl-min-ver TLSv1.2 no-tls-tickets\n    "
      "ssl-default-server-ciphers HIGH\n"
      "backend b\n    timeout connect 1s\n    timeout server 1s\n"
      "    server a 10.0.0.1:443 ssl ca-file x\n    server b 10.0.0.1:444 ssl verify none "
      "ssl-min-ver TLSv1.3 tls-tickets\n");
  const Tls& a = config.proxies[0].servers[0].tls;
  CHECK(a.min_version == TlsVersion::Tls12);
  CHECK(!a.tickets);
  CHECK(a.ciphers == "HIGH");
  CHECK(a.verify == Tls::Verify::Required);
  const Tls& b = config.proxies[0].servers[1].tls;
  CHECK(b.min_version == TlsVersion::Tls13);
  CHECK(b.tickets);
  CHECK(b.verify == Tls::Verify::None);
}

TEST_CASE("redirect lines act behind all http-request lines, wherever they stand") {
  const Config config = read_good(
      "frontend f\n mode http\n timeout client 1s\n bind :80\n redirect location /a if { path / "
      "}\n http-request deny if { path /b }\n http-request deny\n");
  REQUIRE(config.proxies[0].rules.size() == 3);
  CHECK(config.proxies[0].rules[2].words[0].text == "redirect");
  CHECK(config.proxies[0].rules[2].set == Rule::Set::HttpRequest);
}

TEST_CASE("a backend's own check drops the steps of its defaults, and its own steps all count") {
  const Config config = read_good(
      "defaults\n mode http\n timeout connect 1s\n timeout server 1s\n option httpchk\n http-check "
      "expect status 200\n"
      "backend a\n server s 10.0.0.1:80\n"
      "backend b\n http-check send hdr A b\n option httpchk GET /x\n http-check expect status 204\n"
      " server s 10.0.0.1:80\n");
  CHECK(config.proxies[0].health.steps.size() == 1);
  REQUIRE(config.proxies[1].health.steps.size() == 2);
  CHECK(config.proxies[1].health.steps[1].pattern == "204");
  CHECK(config.proxies[1].health.uri == "/x");
}

TEST_CASE("addresses are taken apart") {
  const Config config = read_good(
      "frontend f\n mode http\n timeout client 1s\n http-request deny\n bind "
      "*:443,[::1]:80-90,/run/x,abns@y,fd@3,ipv6@mail:25\n");
  const auto& addresses = config.proxies[0].binds[0].addresses;
  REQUIRE(addresses.size() == 6);
  CHECK(addresses[0].kind == Address::Kind::Any);
  CHECK(addresses[0].port_low == 443);
  CHECK(addresses[0].port_high == 443);
  CHECK(addresses[1].kind == Address::Kind::Ip6);
  CHECK(addresses[1].host == "::1");
  CHECK(addresses[1].port_high == 90);
  CHECK(addresses[2].kind == Address::Kind::Unix);
  CHECK(addresses[2].host == "/run/x");
  CHECK(addresses[3].kind == Address::Kind::Abstract);
  CHECK(addresses[4].fd == 3);
  CHECK(addresses[5].kind == Address::Kind::Name);
  CHECK(addresses[5].family == 6);
}

TEST_CASE("a hundred thousand servers are read without looking at each other") {
  std::string text = "backend b\n mode http\n timeout connect 1s\n timeout server 1s\n";
  for (int i = 0; i < 100000; ++i) {
    text += " server s" + std::to_string(i) + " 10.0.0.1:80 check inter 10s weight 5 maxconn 100\n";
  }
  const Config config = read_good(text);
  CHECK(config.proxies[0].servers.size() == 100000);
}

TEST_CASE("find tells a frontend from a backend of the same name") {
  const Config config = read_good(
      "frontend x\n mode http\n timeout client 1s\n bind :80\n default_backend x\n"
      "backend x\n mode http\n http-request deny\n");
  CHECK(config.find_frontend("x") == &config.proxies[0]);
  CHECK(config.find_backend("x") == &config.proxies[1]);
  CHECK(config.find_backend("y") == nullptr);
}

TEST_CASE("every keyword has a section, a name and a sentence") {
  const std::string list = keyword_list();
  CHECK(list.find("global\tmaxconn\t") != std::string::npos);
  CHECK(list.find("proxy\toption httplog\t") != std::string::npos);
  CHECK(list.find("proxy\ttimeout connect\t") != std::string::npos);
  CHECK(list.find("bind\tcrt\t") != std::string::npos);
  CHECK(list.find("server\tweight\t") != std::string::npos);
  CHECK(list.find("\t\n") == std::string::npos);
}

TEST_CASE("complaints are in the order of the file, and what is said of several lines is said once") {
  Diagnostics diagnostics;
  read_text(
      "backend b\n mode http\n timeout connect 1s\n timeout server 1s\n server s1 10.0.0.1:80 id "
      "5\n"
      "backend c\n mode http\n timeout connect 1s\n timeout server 1s\n option nolinger\n balance "
      "x\n"
      "backend d\n option nolinger\n",
      diagnostics);
  std::string all;
  for (const Complaint& complaint : diagnostics.in_order()) all += complaint.text + "\n";
  CHECK(all.find("(also in line 13)") != std::string::npos);
  CHECK(all.find("nolinger") < all.find("'balance'"));
  CHECK(all.find("nolinger") == all.rfind("nolinger"));
}

TEST_CASE("complaints that differ by a word alone are told as one when they are many") {
  const auto told = [](int count) {
    std::string text = "global\n";
    for (int i = 0; i < count; ++i) text += " wrod" + std::to_string(i) + "x 1\n";
    Diagnostics diagnostics;
    read_text(text + " maxcon 5\n maxcon 6\n", diagnostics);
    CHECK(diagnostics.alerts() == static_cast<std::size_t>(count) + 2);
    std::string all;
    for (const Complaint& complaint : diagnostics.in_order()) all += complaint.text + "\n";
    return all;
  };
  CHECK(told(2) ==
        "'wrod0x' is not known in section 'global'\n'wrod1x' is not known in section 'global'\n"
        "'maxcon' is not known in section 'global'; did you mean 'maxconn'? (also in line 5)\n");
  CHECK(told(4) ==
        "'wrod0x' is not known in section 'global' (also 'wrod1x' in line 3; 'wrod2x' in line 4; 'wrod3x' in line 5; "
        "'maxcon' in line 6, 7)\n");
  const std::string flood = told(40);
  CHECK(std::count(flood.begin(), flood.end(), '\n') == 1);
  CHECK(flood.find("'wrod39x' in line 41; 'maxcon' in line 42, 43)") != std::string::npos);
}

TEST_CASE("the caret stands at the word that a complaint quotes") {
  Diagnostics diagnostics;
  read_text(
      "backend b\n mode http\n timeout connect 1s\n timeout server 1s\n"
      " server s1 10.0.0.1:80 alpn h2 check ssl verify none\n server s1 10.0.0.1:80\n server s2 10.0.0.1 check\n",
      diagnostics);
  std::string places;
  for (const Complaint& complaint : diagnostics.in_order())
    places += std::to_string(complaint.place.line) + ":" + std::to_string(complaint.place.column) + " ";
  CHECK(places == "5:24 6:9 7:2 ");
}
