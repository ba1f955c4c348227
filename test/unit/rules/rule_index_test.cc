#include <deque>
#include <string>
#include <vector>

#include "rig.h"
#include "unit/catch.h"

namespace penstock::rules {
namespace {

// The same on every run.
class Dice {
 public:
  explicit Dice(std::uint32_t seed) : state_(seed) {}
  std::size_t roll(std::size_t sides) {
    state_ = state_ * 1664525 + 1013904223;
    return (state_ >> 8) % sides;
  }
  template <std::size_t N>
  std::string pick(const char* const (&from)[N]) {
    return from[roll(N)];
  }

 private:
  std::uint32_t state_;
};

const char* const kPaths[] = {"/",     "/owa",       "/owa/",  "/OWA/auth", "/ews",
                              "/ews/", "/ewsextra",  "/o",     "/mapi",     "/MAPI/nspi",
                              "/rpc",  "/oab/a.lzx", "/ecp/x", "//owa",     "/owa/auth/logon.aspx"};
const char* const kHosts[] = {"mail.contoso.com", "MAIL.contoso.com", "autodiscover.contoso.com", "other.example"};
const char* const kAcls =
    "acl is_owa path_beg -i /owa /ecp\nacl is_mail hdr(host) -i mail.contoso.com\n"
    "acl has_x req.hdr(x) -m found\nacl one_of path / /o /oab/a.lzx\n";

std::string test_of(Dice& dice) {
  switch (dice.roll(11)) {
    case 0:
      return "{ path " + dice.pick(kPaths) + " }";
    case 1:
      return "{ path_beg " + dice.pick(kPaths) + " }";
    case 2:
      return "{ path_beg -i " + dice.pick(kPaths) + " " + dice.pick(kPaths) + " }";
    case 3:
      return "{ hdr(host) -i " + dice.pick(kHosts) + " }";
    case 4:
      return "{ hdr(host) " + dice.pick(kHosts) + " }";
    case 5:
      return "{ path,lower -m beg " + dice.pick(kPaths) + " }";
    case 6:
      return "{ path_end " + dice.pick(kPaths) + " }";
    case 7:
      return "{ hdr_beg(host) -i " + dice.pick(kHosts).substr(0, 5) + " }";
    case 8:
      return dice.roll(2) == 0 ? "is_owa" : "is_mail";
    case 9:
      return dice.roll(2) == 0 ? "has_x" : "one_of";
    default:
      return "{ method POST }";
  }
}

std::string condition_of(Dice& dice) {
  std::string text = dice.roll(12) == 0 ? "unless" : "if";
  for (std::size_t left = 1 + dice.roll(3);; --left) {
    text += (dice.roll(6) == 0 ? " !" : " ") + test_of(dice);
    if (left == 1) return text;
    if (dice.roll(3) == 0) text += " or";
  }
}

std::string request_of(Dice& dice) {
  std::string text = (dice.roll(4) == 0 ? "POST " : "GET ") + dice.pick(kPaths) + " HTTP/1.1\n";
  if (dice.roll(8) != 0) text += "Host: " + dice.pick(kHosts) + "\n";
  if (dice.roll(4) == 0) text += "X: 1\n";
  if (dice.roll(8) == 0) text += "Host: " + dice.pick(kHosts) + "," + dice.pick(kHosts) + "\n";
  return text;
}

}  // namespace

TEST_CASE("among many use_backend rules the one is chosen that asking each in turn finds") {
  constexpr std::size_t kRules = 40;
  std::size_t by_rule = 0;
  for (std::uint32_t seed = 1; seed <= 12; ++seed) {
    Dice dice(seed);
    std::string all = std::string("frontend fe\n") + kAcls;
    std::string backends;
    std::deque<Rig> rigs;
    std::vector<FrontendRules> each;
    for (std::size_t i = 0; i < kRules; ++i) {
      const std::string name = format("b{}", i);
      const std::string rule = "use_backend " + name + " " + condition_of(dice) + "\n";
      all += rule;
      backends += "backend " + name + "\n";
      Rig& alone = rigs.emplace_back(std::string("frontend fe\n") + kAcls + rule + "backend " + name + "\n");
      each.push_back(alone.frontend());
      REQUIRE(alone.complaints() == "");
    }
    Rig rig(all + backends);
    const FrontendRules rules = rig.frontend();
    REQUIRE_FALSE(rig.diagnostics.failed());
    for (int i = 0; i < 100; ++i) {
      const std::string request = request_of(dice);
      int expected = -1;
      for (std::size_t rule = 0; rule < kRules && expected < 0; ++rule) {
        Try exchange(request);
        if (each[rule].choose_backend(exchange.subject) >= 0) expected = rig.backend_index(format("b{}", rule));
      }
      Try exchange(request);
      INFO(all << request);
      REQUIRE(rules.choose_backend(exchange.subject) == expected);
      if (expected >= 0) ++by_rule;
    }
  }
  CHECK(by_rule > 500);
}

TEST_CASE("two thousand rules for hosts and paths find theirs, the last too") {
  std::string text = "frontend fe\n";
  std::string backends;
  for (int i = 0; i < 2000; ++i) {
    text += i % 2 == 0 ? format("use_backend b{} if {{ hdr(host) -i h{}.test }}\n", i, i)
                       : format("use_backend b{} if {{ path_beg -i /p{}/ }}\n", i, i);
    backends += format("backend b{}\n", i);
  }
  Rig rig(text + "default_backend none\n" + backends + "backend none\n");
  const FrontendRules rules = rig.frontend();
  REQUIRE(rig.complaints() == "");
  const auto choice = [&](const std::string& request) {
    Try exchange(request);
    return rig.config().proxies[static_cast<std::size_t>(rules.choose_backend(exchange.subject))].name;
  };
  CHECK(choice("GET / HTTP/1.1\nHost: H1998.test\n") == "b1998");
  CHECK(choice("GET /P1999/x HTTP/1.1\nHost: a\n") == "b1999");
  CHECK(choice("GET /p7/ HTTP/1.1\nHost: h8.test\n") == "b7");
  CHECK(choice("GET /p9/ HTTP/1.1\nHost: h8.test\n") == "b8");
  CHECK(choice("GET /p1 HTTP/1.1\nHost: h9.test\n") == "none");
}

}  // namespace penstock::rules
