#include "penstock/control/options.h"

#include <csignal>

#include "unit/catch.h"

using namespace penstock;

namespace {

Arguments parse(std::vector<std::string> words) {
  words.insert(words.begin(), {"-f", "x.cfg"});
  return parse_arguments(words);
}

std::string wrong(std::vector<std::string> words) {
  const Arguments arguments = parse(std::move(words));
  return arguments.wish == Arguments::Wish::Wrong ? arguments.wrong : "";
}

}  // namespace

TEST_CASE("-D goes into the background, -d, -db and -Ws stay whatever the configuration says") {
  CHECK(parse({"-D"}).options.daemon);
  CHECK_FALSE(parse({"-D"}).options.foreground);
  for (const char* word : {"-d", "-db", "-Ws"}) CHECK(parse({word}).options.foreground);
  CHECK_FALSE(parse({"-W"}).options.foreground);
}

TEST_CASE("-W and -Ws serve in a child") {
  CHECK(parse({"-W"}).options.master_worker);
  CHECK(parse({"-Ws"}).options.master_worker);
  CHECK_FALSE(parse({}).options.master_worker);
}

TEST_CASE("-sf and -st take the process ids that follow, even none") {
  const Options soft = parse({"-sf", "12", "13", "-q"}).options;
  CHECK(soft.former_pids == std::vector<int>{12, 13});
  CHECK(soft.former_signal == SIGUSR1);
  CHECK(soft.quiet);
  CHECK(parse({"-st", "12"}).options.former_signal == SIGTERM);
  CHECK(parse({"-sf"}).options.former_pids.empty());
  CHECK(wrong({"-sf", "12x"}) == "'-sf' needs process ids, not '12x'");
  CHECK(wrong({"-st", "1"}) == "'-st' needs process ids, not '1'");
  CHECK(wrong({"-st", "4294967297"}) == "'-st' needs process ids, not '4294967297'");
}

TEST_CASE("-n, -m and -p want their value") {
  CHECK(parse({"-n", "100"}).options.maxconn == 100);
  CHECK(wrong({"-n", "many"}) == "'-n' needs a number, not 'many'");
  CHECK(wrong({"-m"}) == "'-m' needs a value");
  CHECK(wrong({"-p"}) == "'-p' needs a value");
  CHECK(parse({"-p", "pid"}).options.pid_file == "pid");
}

TEST_CASE("what is taken without effect says so if somebody might count on it") {
  CHECK(parse({"-L", "name", "-dM", "-N", "20", "-V"}).warnings.empty());
  CHECK(parse({"-m", "512"}).warnings.size() == 1);
  CHECK(parse({"-S", "fd@3"}).options.master_socket == "fd@3");
  CHECK(wrong({"-S", ""}) == "'-S' needs an address");
  CHECK(wrong({"-Z"}) == "unknown option '-Z'");
}
