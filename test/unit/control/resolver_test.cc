#include "penstock/control/resolver.h"

#include <poll.h>

#include "penstock/base/format.h"
#include "unit/catch.h"

using namespace penstock;

namespace {

NameAnswers answers_to(const std::set<Name>& names) {
  auto resolver = Resolver::start(names);
  REQUIRE(resolver);
  while (true) {
    if (auto answers = (*resolver)->take()) return *answers;
    pollfd wait{(*resolver)->fd(), POLLIN, 0};
    ::poll(&wait, 1, -1);
  }
}

}  // namespace

TEST_CASE("another process asks the resolver; what it says comes back, errors too") {
  const std::string too_long(300, 'x');  // No server is asked about it.
  const NameAnswers answers = answers_to({{"127.0.0.1", 0}, {"::1", 6}, {too_long, 4}});
  REQUIRE(answers.size() == 3);
  CHECK((*answers.at({"127.0.0.1", 0})).text() == "127.0.0.1:0");
  CHECK((*answers.at({"::1", 6})).text() == "[::1]:0");
  CHECK(answers.at({too_long, 4}).error().text.starts_with("cannot resolve 'xxx"));
}

TEST_CASE("more answers than a pipe holds come whole") {
  std::set<Name> names;
  for (int i = 0; i < 4000; ++i) names.emplace(format("127.0.{}.{}", i / 250, i % 250), 4);
  CHECK(answers_to(names).size() == 4000);
}
