#include "penstock/proxy/persistence.h"

#include <initializer_list>
#include <string>
#include <vector>

#include "penstock/base/xxhash.h"
#include "unit/catch.h"

using namespace penstock;
using persistence::Power;
using Kind = config::Cookie::Kind;

namespace {

constexpr std::int64_t kNow = 1795420800;

// Cookies "s1", "s2", "s3" of as many servers, of which the second may be down.
struct Rig {
  explicit Rig(Kind kind, bool indirect = false) {
    line.name = "X";
    line.kind = kind;
    line.indirect = indirect;
    for (const char* name : {"s1", "s2", "s3"}) {
      ServerSpec& server = servers.emplace_back();
      server.cookie = name;
      server.state = std::make_shared<Server>("be", name);
    }
  }
  persistence::Claim ask(std::initializer_list<std::string_view> lists, Power power = Power::Usual) {
    request.fields.clear();
    for (std::string_view list : lists) request.fields.push_back(arena, {"Cookie", list});
    claim = persistence::read(request, persistence::compile(line), servers, power, kNow, arena);
    return claim;
  }
  std::string sent() const {
    std::string out;
    for (const Field& field : request.fields) out.append(out.empty() ? "" : " | ").append(field.value);
    return out;
  }
  // The answer's fields and the letter, when the server at `index` gave `set`.
  std::string answer(std::size_t index, std::initializer_list<Field> fields = {}, bool direct = false) {
    Head head;
    head.status = 200;
    for (const Field& field : fields) head.fields.push_back(arena, field);
    spec = persistence::compile(line);
    const persistence::Visit visit{request, servers[index], claim, direct, ignored, kNow};
    const char letter = persistence::write(head, spec, visit, arena);
    std::string out(1, letter);
    for (const Field& field : head.fields) out.append(" | ").append(field.value);
    return out;
  }
  Arena arena;
  Head request;
  config::Cookie line;
  persistence::CookieSpec spec;
  std::vector<ServerSpec> servers;
  persistence::Claim claim;
  bool ignored = false;
};

std::string stamp(std::int64_t seconds) {
  std::string text(5, ' ');
  for (int i = 4; i >= 0; --i) {
    const auto digit = static_cast<std::size_t>((seconds / 4) >> (6 * (4 - i)) & 63);
    text[static_cast<std::size_t>(i)] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[digit];
  }
  return text;
}

}  // namespace

TEST_CASE("the first cookie whose server may be had decides") {
  Rig rig(Kind::Insert);
  CHECK(rig.ask({}).letter == 'N');
  CHECK(rig.ask({"a=1", "X=s2"}).server == 1);
  CHECK(rig.ask({"X=s9"}).letter == 'I');
  CHECK(rig.ask({"X=s9; X=s3"}).server == 2);
  CHECK(rig.ask({"X=s2; X=s3"}).server == 1);
  CHECK(rig.ask({"x=s2; X"}).letter == 'N');
  CHECK(rig.ask({"X="}).letter == 'I');
  CHECK(rig.ask({"X=s2"}).letter == 'V');
}

TEST_CASE("a server that is down is had only if it may be, one that drains is") {
  Rig rig(Kind::Insert);
  rig.servers[1].state->standing = Standing{Operation::Down};
  CHECK(rig.ask({"X=s2"}).letter == 'D');
  CHECK(rig.claim.server == -1);
  CHECK(rig.ask({"X=s2; X=s3"}).server == 2);
  CHECK(rig.ask({"X=s2; X=s9"}).letter == 'D');
  CHECK(rig.ask({"X=s2"}, Power::Anyhow).server == 1);
  CHECK(rig.claim.letter == 'D');
  rig.servers[2].cookie = "s2";
  CHECK(rig.ask({"X=s2"}).server == 2);
  rig.servers[1].state->standing = Standing{Operation::Drain};
  CHECK(rig.ask({"X=s2"}).server == 1);
  CHECK(rig.claim.letter == 'V');
}

TEST_CASE("a cookie without power is seen and not used") {
  Rig rig(Kind::Insert, true);
  CHECK(rig.ask({"X=s2; a=1"}, Power::None).letter == 'U');
  CHECK(rig.claim.server == -1);
  CHECK(rig.sent() == "a=1");
  CHECK(rig.ask({"a=1"}, Power::None).letter == 'N');
}

TEST_CASE("indirect hides the cookie from the server, and nothing else") {
  Rig rig(Kind::Insert, true);
  rig.ask({"a=1; X=s2", "X=s2", "b=2; X=s9; X=s3"});
  CHECK(rig.sent() == "a=1 | b=2");
  Rig open(Kind::Insert);
  open.ask({"a=1; X=s2"});
  CHECK(open.sent() == "a=1; X=s2");
}

TEST_CASE("insert gives a cookie to who has not the right one") {
  Rig rig(Kind::Insert);
  rig.ask({});
  CHECK(rig.answer(0) == "I | X=s1; path=/");
  CHECK(rig.answer(0, {{"Set-Cookie", "X=own"}, {"Set-Cookie", "a=1"}}) == "I | a=1 | X=s1; path=/");
  CHECK(rig.answer(0, {}, true) == "N");
  CHECK(rig.answer(0, {{"set-cookie", "X=own"}}, true) == "D");
  rig.ignored = true;
  CHECK(rig.answer(0) == "N");
  CHECK(rig.answer(0, {{"Set-Cookie", "X=own"}}) == "N | X=own");
}

TEST_CASE("a server without a value makes the client forget its cookie") {
  Rig rig(Kind::Insert);
  rig.servers[0].cookie.clear();
  CHECK(rig.answer(0) == "I | X=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/");
}

TEST_CASE("preserve leaves the server's own cookie alone") {
  Rig rig(Kind::Insert);
  rig.line.preserve = true;
  CHECK(rig.answer(0, {{"Set-Cookie", "X=; Max-Age=0"}}) == "P | X=; Max-Age=0");
  CHECK(rig.answer(0, {{"Set-Cookie", "a=1"}}) == "I | a=1 | X=s1; path=/");
}

TEST_CASE("postonly inserts in answers to POST") {
  Rig rig(Kind::Insert);
  rig.line.postonly = true;
  rig.request.method = "GET";
  CHECK(rig.answer(0) == "N");
  rig.request.method = "POST";
  CHECK(rig.answer(0) == "I | X=s1; path=/");
}

TEST_CASE("attributes follow the path in HAProxy's order") {
  Rig rig(Kind::Insert);
  rig.line.secure = rig.line.httponly = true;
  rig.line.domains = {".contoso.com", "fabrikam.com"};
  rig.line.attributes = {"SameSite=None"};
  CHECK(rig.answer(0) ==
        "I | X=s1; path=/; domain=.contoso.com; domain=fabrikam.com; HttpOnly; Secure; "
        "SameSite=None");
}

TEST_CASE("rewrite puts the server's value in the server's own cookie") {
  Rig rig(Kind::Rewrite);
  CHECK(rig.answer(1) == "N");
  CHECK(rig.answer(1, {{"Set-Cookie", "X=\"y z\" ; path=/x; HttpOnly"}}) == "R | X=s2 ; path=/x; HttpOnly");
  CHECK(rig.answer(1, {{"Set-Cookie", "X="}, {"Set-Cookie", "XX=y"}}) == "R | X=s2 | XX=y");
  rig.servers[1].cookie.clear();
  CHECK(rig.answer(1, {{"Set-Cookie", "X=y"}}) == "P | X=y");
}

TEST_CASE("prefix puts the server's value before that of its cookie, and takes it off again") {
  Rig rig(Kind::Prefix);
  CHECK(rig.answer(1, {{"Set-Cookie", "X=y; path=/"}}) == "R | X=s2~y; path=/");
  CHECK(rig.ask({"a=1; X=s3~y~z; b=2"}).server == 2);
  CHECK(rig.sent() == "a=1; X=y~z; b=2");
  CHECK(rig.ask({"X=s9~y"}).letter == 'I');
  CHECK(rig.sent() == "X=y");
}

TEST_CASE("indirect takes the server's cookie from a client that came by its own") {
  Rig rig(Kind::Passive, true);
  CHECK(rig.answer(1, {{"Set-Cookie", "X=y"}}, true) == "D");
  CHECK(rig.answer(1, {{"Set-Cookie", "X=y"}}) == "P | X=y");
}

TEST_CASE("maxidle ends a cookie that rested too long and renews the others") {
  Rig rig(Kind::Insert);
  rig.line.maxidle_s = 60;
  const std::string fresh = "X=s2|" + stamp(kNow + 3), used = "X=s2|" + stamp(kNow - 60),
                    late = "X=s2|" + stamp(kNow - 64);
  const std::string ahead = "X=s2|" + stamp(kNow + 86400), far = "X=s2|" + stamp(kNow + 86404);
  CHECK(rig.ask({used}).letter == 'V');
  CHECK(rig.answer(1, {}, true) == "U | X=s2|" + stamp(kNow + 3) + "; path=/");
  CHECK(rig.ask({late}).letter == 'E');
  CHECK(rig.ask({fresh}).server == 1);
  CHECK(rig.answer(1, {}, true) == "N");
  CHECK(rig.ask({ahead}).letter == 'V');
  CHECK(rig.ask({far}).letter == 'E');
  // Without a date it is taken, and gets one.
  CHECK(rig.ask({"X=s2"}).letter == 'V');
  CHECK(rig.answer(1, {}, true) == "U | X=s2|" + stamp(kNow + 3) + "; path=/");
}

TEST_CASE("maxlife counts from the first visit, which renewing does not move") {
  Rig rig(Kind::Insert);
  rig.line.maxlife_s = 3600;
  const std::string last = "X=s2|" + stamp(kNow - 8) + "|";
  CHECK(rig.ask({last + stamp(kNow - 3600)}).letter == 'V');
  CHECK(rig.answer(1, {}, true) == "U | X=s2|" + stamp(kNow + 3) + "|" + stamp(kNow - 3600) + "; path=/");
  CHECK(rig.ask({last + stamp(kNow - 3604)}).letter == 'O');
  CHECK(rig.answer(0) == "I | X=s1|" + stamp(kNow + 3) + "|" + stamp(kNow + 3) + "; path=/");
}

TEST_CASE("dates that the configuration no longer asks for are taken off") {
  Rig rig(Kind::Insert);
  CHECK(rig.ask({"X=s2|" + stamp(kNow - 8) + "|" + stamp(kNow - 8)}).letter == 'V');
  CHECK(rig.answer(1, {}, true) == "U | X=s2; path=/");
}

TEST_CASE("nocache makes private what a cache might keep") {
  Rig rig(Kind::Insert);
  rig.line.nocache = true;
  rig.request.method = "GET";
  CHECK(rig.answer(0) == "I | X=s1; path=/");
  CHECK(rig.answer(0, {{"ETag", "\"1\""}}) == "I | \"1\" | X=s1; path=/ | private");
  CHECK(rig.answer(0, {{"Cache-Control", "public, Max-Age=60"}}) == "I | public, Max-Age=60 | X=s1; path=/ | private");
  CHECK(rig.answer(0, {{"Cache-Control", "max-age=60, private"}}) == "I | max-age=60, private | X=s1; path=/");
  CHECK(rig.answer(0, {{"ETag", "\"1\""}, {"Pragma", "no-cache"}}) == "I | \"1\" | no-cache | X=s1; path=/");
  rig.request.method = "POST";
  CHECK(rig.answer(0, {{"ETag", "\"1\""}}) == "I | \"1\" | X=s1; path=/");
  CHECK(rig.answer(0, {{"Cache-Control", "public, max-age=60"}}) == "I | public, max-age=60 | X=s1; path=/ | private");
  CHECK(rig.answer(0, {{"Cache-Control", "public"}}) == "I | public | X=s1; path=/");
}

TEST_CASE("the hash of dynamic cookies is XXH64") {
  CHECK(xxh64("") == 0xEF46DB3751D8E999);
  CHECK(xxh64("a") == 0xD24EC4F1A98C6E5B);
  CHECK(xxh64("abc") == 0x44BC2CF5AD770999);
  CHECK(xxh64("Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1);
}

TEST_CASE("a dynamic value is HAProxy's for the same key and address") {
  SocketAddress four, six;
  REQUIRE(SocketAddress::from_ip("127.0.0.1", 8080, four));
  REQUIRE(SocketAddress::from_ip("::1", 8080, six));
  CHECK(persistence::dynamic_value("secret", four) == "f22943d7bfe33914");
  CHECK(persistence::dynamic_value("secret", six) == "7068fe4e8403eb4c");
  CHECK(persistence::dynamic_value("", four) == "");
  CHECK(persistence::dynamic_value("secret", SocketAddress()) == "");
}
