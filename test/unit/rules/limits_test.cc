// What hostile input may cost: time and memory in proportion to it, and no rule passed over.
#include <time.h>

#include "rig.h"
#include "unit/catch.h"

using namespace penstock;
using namespace penstock::rules;

namespace {

std::string repeated(std::string_view part, std::size_t size) {
  std::string text;
  while (text.size() < size) text += part;
  text.resize(size);
  return text;
}

std::int64_t cpu_ms() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

// Ten times what is promised: this may be a slow machine, and sanitizers are slow.
constexpr std::int64_t kMostMs = 100;

struct Evil {
  std::string_view pattern;
  std::string text;
};

const std::size_t k16 = 16 * 1024;
const Evil kEvil[] = {
    {"(a+)+$", repeated("a", k16) + "!"},
    {"(a|aa)+$", repeated("a", k16) + "!"},
    {"(a|a?)+$", repeated("a", k16) + "!"},
    {"(.*)*x", repeated("a", k16)},
    {"(.*)*[xy]", repeated("a", k16)},
    {"(.*a){25}", repeated("a", k16)},
    {"(.*a){25}[bc]", repeated("a", k16)},
    {"\\s+$", "x" + repeated(" ", k16) + "x"},
    {"a*[bc]", repeated("a", k16)},
    {"(?:a?){30}a*[bc]", repeated("a", k16)},
    {"(?:a?){8}a*[bc]", repeated("a", k16)},
    {"(a*)\\1[bc]", repeated("a", k16)},
    {"(a+)(a+)\\2\\1[bc]", repeated("a", k16)},
    {"(?=(?=a+)(?!a+b))a+[bc]", repeated("a", k16)},
    {"(?:a|b){0,50}[cd]", repeated("ab", k16)},
    {"^/.*/secret/.*/file.*\\.txt", repeated("/secret/a/file", k16)},
    {"^(([a-z])+.)+[A-Z]([a-z])+$", repeated("a", k16)},
    {"a(?R)?[bc]", repeated("a", k16)},
    {"(a(?1)?b)+$", repeated("a", k16)},
};

Verdict::Kind run(Try& exchange, const std::string& lines, Rig* given = nullptr) {
  Rig own("frontend fe\n" + lines);
  Rig& rig = given != nullptr ? *given : own;
  const FrontendRules rules = rig.frontend();
  CHECK(rig.complaints().empty());
  return rules.http_request.run(exchange.subject).kind;
}

const std::string kSlow = "/x" + repeated("/secret/a/file", k16);
const std::string kSlowPattern = "^/.*/secret/.*/file.*/.*/.*[.]txt$";
const std::string kSlowRequest = "GET " + kSlow + " HTTP/1.1\nHost: h\nX: " + kSlow + "\n";

Trouble after(const std::string& lines) {
  Try exchange(kSlowRequest);
  const Verdict::Kind kind = run(exchange, lines);
  CHECK((kind == Verdict::Kind::Trouble) == (exchange.subject.trouble != Trouble::None));
  return exchange.subject.trouble;
}

}  // namespace

TEST_CASE("no regular expression takes long on 16 KiB, whatever it is") {
  for (const Evil& evil : kEvil) {
    CAPTURE(evil.pattern);
    Rig rig("frontend fe\nhttp-request deny if { req.fhdr(X) -m reg '" + std::string(evil.pattern) + "' }\n");
    const FrontendRules rules = rig.frontend();
    REQUIRE(rig.complaints().empty());
    Try exchange("GET / HTTP/1.1\nX: " + evil.text + "\n");
    const std::int64_t begun = cpu_ms();
    rules.http_request.run(exchange.subject);
    CHECK(cpu_ms() - begun < kMostMs);
  }
}

TEST_CASE("no regular expression takes long on many short values of one field") {
  const std::string list =
      repeated("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!,", 64 * 1024);
  for (const std::string rule : {"http-request deny if { req.hdr(X) -m reg (?:a|b){0,60}[cd] }",
                                 "http-request replace-value X (?:a?){6}a*[cd] y",
                                 "http-request set-header Y \"%[req.hdr(X),regsub('(?=(a|b){0,60}[!])a',x,g)]\""}) {
    CAPTURE(rule);
    Try exchange("GET / HTTP/1.1\nHost: h\nX: " + list + "\n");
    const std::int64_t begun = cpu_ms();
    run(exchange, rule + "\n");
    CHECK(cpu_ms() - begun < 5 * kMostMs);
  }
}

TEST_CASE("a match that is given up is trouble, whatever asked for it") {
  const std::string to = " if { path_reg " + kSlowPattern + " }\n";
  CHECK(after("http-request deny" + to) == Trouble::Match);
  CHECK(after("http-request deny if !{ path_reg " + kSlowPattern + " }\n") == Trouble::Match);
  CHECK(after("http-request deny unless { path_reg " + kSlowPattern + " }\n") == Trouble::Match);
  CHECK(after("acl slow path_reg " + kSlowPattern + "\nhttp-request deny if slow\n") == Trouble::Match);
  CHECK(after("http-request deny if { path_reg " + kSlowPattern + " } || TRUE\n") == Trouble::Match);
  CHECK(after("http-request set-path /" + to) == Trouble::Match);
  CHECK(after("http-request set-header Y %[path,regsub(" + kSlowPattern + ",x)]\n") == Trouble::Match);
  CHECK(after("http-request set-var(txn.y) path,regsub(" + kSlowPattern + ",x)\n") == Trouble::Match);
  CHECK(after("http-request replace-path " + kSlowPattern + " /\n") == Trouble::Match);
  CHECK(after("http-request replace-uri " + kSlowPattern + " /\n") == Trouble::Match);
  CHECK(after("http-request replace-header X " + kSlowPattern + " y\n") == Trouble::Match);
  CHECK(after("http-request replace-value X " + kSlowPattern + " y\n") == Trouble::Match);
  CHECK(after("http-request redirect location /%[path,regsub(" + kSlowPattern + ",x)]\n") == Trouble::Match);
  CHECK(after("http-request deny if { path_reg ^/y }\n") == Trouble::None);
}

TEST_CASE("a match that a map gives up is trouble, not the map's default") {
  Rig rig("frontend fe\nhttp-request deny if { path,map_reg(/m,ok) -m str bad }\n");
  rig.files["/m"] = kSlowPattern + " bad\n^/ fine\n";
  Try exchange(kSlowRequest);
  CHECK(run(exchange, "", &rig) == Verdict::Kind::Trouble);
  CHECK(exchange.subject.trouble == Trouble::Match);
}

TEST_CASE("trouble names the rule, and stays until it was answered") {
  Rig rig("frontend fe\nhttp-request set-header A b\nhttp-request deny if { path_reg " + kSlowPattern + " }\n");
  const FrontendRules rules = rig.frontend();
  Try exchange(kSlowRequest);
  const Verdict verdict = rules.http_request.run(exchange.subject);
  CHECK(verdict.kind == Verdict::Kind::Trouble);
  REQUIRE(exchange.subject.trouble_at != nullptr);
  CHECK(exchange.subject.trouble_at->line == 3);
  CHECK(rules.http_request.run(exchange.subject).kind == Verdict::Kind::Trouble);
  exchange.subject.recover();
  CHECK_FALSE(exchange.subject.in_trouble());
}

TEST_CASE("replacing in a long text takes time and memory of its length") {
  const std::size_t size = 120'000;
  const std::string path = repeated("/a", size), list = repeated("a,", size);
  for (const std::string rule :
       {"set-header Y %[path,regsub(/,-,g)]", "set-header Y \"%[path,regsub('(/)a','\\\\1\\\\1',g)]\"",
        "set-header Y %[path,regsub(x*,y,g)]", "replace-value X a bb", "replace-value X a b%[method]",
        "replace-value X (a) '\\1\\1'", "replace-header X a b", "replace-path / x/", "set-header Y %[path,be2dec(:,1)]",
        "set-header Y %[path,be2hex(:,1)]", "set-header Y %[url,url_enc]"}) {
    CAPTURE(rule);
    Try exchange("GET " + path + " HTTP/1.1\nHost: h\nX: " + list + "\n");
    const std::size_t held = exchange.arena_held();
    const std::int64_t begun = cpu_ms();
    CHECK(run(exchange, "http-request " + rule + "\n") == Verdict::Kind::Continue);
    CHECK(cpu_ms() - begun < 5 * kMostMs);
    CHECK(exchange.arena_held() - held < 16 * size);
  }
}

TEST_CASE("each value of a list is replaced, blanks and quotes as they were") {
  const auto replaced = [](const std::string& value, const std::string& rule) {
    Try exchange("GET / HTTP/1.1\nX: " + value + "\n");
    CHECK(run(exchange, "http-request replace-value X " + rule + "\n") == Verdict::Kind::Continue);
    return exchange.request_fields();
  };
  CHECK(replaced("a , b,a,  ab ,,c", "a x") == "X: x , b,x,  x ,,c\n");
  CHECK(replaced("a,b", "^$ x") == "X: a,b\n");
  CHECK(replaced("a,,b,", "^$ x") == "X: a,x,b,x\n");
  CHECK(replaced("\"a,a\",a", "^a y") == "X: \"a,a\",y\n");
  CHECK(replaced("one", "^(o)(n)e$ '\\2\\1\\0'") == "X: noone\n");
  CHECK(replaced("a,b", "c x") == "X: a,b\n");
  CHECK(replaced("a", "a %[str(),lower]") == "X: \n");
}

TEST_CASE("what rules make is bounded, and beyond it nothing passes") {
  std::string doubling = "http-request set-var(txn.a) path\n";
  for (int i = 0; i < 40; ++i) doubling += "http-request set-var(txn.a) var(txn.a),concat(,txn.a)\n";
  std::string growing = "http-request set-var(sess.a) path\n";
  for (int i = 0; i < 40; ++i) growing += "http-request set-var(sess.a) var(sess.a),concat(,sess.a)\n";
  std::string encoding = "http-request set-header Y %[path";
  for (int i = 0; i < 40; ++i) encoding += ",hex";
  const std::string many = "http-request replace-value X a " + std::string(2000, 'y') + "\n";
  const std::string many_paths = "http-request replace-value X a %[path]\n";
  const std::string listed = "http-request deny if { req.hdr(X),concat(" + std::string(2000, 'y') + ") -m str no }\n";
  const std::string dates = "http-request deny if { req.hdr(X),utime(%Y) -m str no }\n";
  for (const std::string& lines : {doubling, growing, encoding + "]\n", many, many_paths, listed, dates}) {
    CAPTURE(lines.substr(0, 100));
    Try exchange("GET " + repeated("/a", 30'000) + " HTTP/1.1\nHost: h\nX: " + repeated("1,a,", 60'000) + "\n");
    exchange.subject.memory_limit = 1024 * 1024;
    CHECK(run(exchange, lines) == Verdict::Kind::Trouble);
    CHECK(exchange.subject.trouble == Trouble::Memory);
    CHECK(exchange.arena_held() < 4 * 1024 * 1024);
  }
}

TEST_CASE("a log line is printed although the rules are in trouble") {
  Rig rig("frontend fe\nlog-format \"%[capture.req.uri,hex] %ST\"\n");
  const FrontendRules rules = rig.frontend();
  Try exchange(kSlowRequest);
  rules.begin(exchange.subject);
  exchange.subject.memory_limit = 1;
  exchange.subject.log.status = 500;
  char space[100];
  CHECK(rules.log.write(exchange.subject, space) == "- 500");
}
