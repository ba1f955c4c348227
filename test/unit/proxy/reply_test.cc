#include "penstock/proxy/reply.h"

#include <string>

#include "unit/catch.h"

using namespace penstock;

TEST_CASE("our own answers are short and complete, and not to be cached") {
  Arena arena;
  for (std::uint16_t status : {400, 403, 408, 431, 500, 502, 503, 504}) {
    INFO(status);
    const rules::Reply answer = reply::built_in(status);
    CHECK(answer.body.find(std::to_string(status)) != std::string_view::npos);
    CHECK(answer.body.size() < 200);
    const Head& head = *reply::head_of(answer, arena);
    CHECK(head.status == status);
    CHECK_FALSE(head.reason.empty());
    REQUIRE(head.find("content-length") != nullptr);
    CHECK(head.find("content-length")->value == std::to_string(answer.body.size()));
    CHECK(head.body.bytes == answer.body.size());
    REQUIRE(head.find("cache-control") != nullptr);
    CHECK(head.find("cache-control")->value == "no-cache");
  }
}

TEST_CASE("a status without a page of ours is answered without a body") {
  Arena arena;
  const Head& head = *reply::head_of(reply::built_in(599), arena);
  CHECK(head.body.kind == BodyLength::Kind::None);
  CHECK(head.find("content-length")->value == "0");
  CHECK(head.find("content-type") == nullptr);
}

TEST_CASE("an answer that can have no body says no length") {
  Arena arena;
  for (std::uint16_t status : {204, 304}) {
    rules::Reply answer;
    answer.status = status;
    answer.body = "forgotten";
    const Head& head = *reply::head_of(answer, arena);
    CHECK(head.find("content-length") == nullptr);
    CHECK(head.body.kind == BodyLength::Kind::None);
  }
}
