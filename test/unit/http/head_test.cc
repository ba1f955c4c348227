#include "penstock/http/head.h"

#include "unit/catch.h"

using namespace penstock;

TEST_CASE("path and query are cut out of every form of target") {
  struct Row {
    std::string_view target, path, query;
  };
  const Row rows[] = {
      {"/", "/", ""},
      {"/owa/ev.owa2?ns=PendingRequest&ev=x", "/owa/ev.owa2", "ns=PendingRequest&ev=x"},
      {"/a?b?c", "/a", "b?c"},
      {"/a?", "/a", ""},
      {"/rpc/rpcproxy.dll?ab84efc1@contoso.com:6001", "/rpc/rpcproxy.dll", "ab84efc1@contoso.com:6001"},
      {"/to?url=http://other/path", "/to", "url=http://other/path"},
      {"/to/http://other/path", "/to/http://other/path", ""},
      {"http://mail.contoso.com/owa/?x=1", "/owa/", "x=1"},
      {"http://mail.contoso.com?x=1", "", "x=1"},
      {"http://mail.contoso.com", "", ""},
      {"https://[::1]:443/a", "/a", ""},
      {"/a#f?x", "/a", ""},
      {"/a?x#f", "/a", "x"},
      {"*", "", ""},
      {"mail.contoso.com:443", "", ""},
  };
  for (const Row& row : rows) {
    Head head;
    head.target = row.target;
    INFO(row.target);
    CHECK(head.path() == row.path);
    CHECK(head.query() == row.query);
  }
}

TEST_CASE("a field is found and dropped whatever its case") {
  Arena arena;
  Head head;
  for (std::string_view name : {"Host", "X-A", "x-a", "B"}) head.fields.push_back(arena, {name, "1"});
  REQUIRE(head.find("HOST") == &head.fields[0]);
  CHECK(head.find("X-") == nullptr);
  head.drop("X-A");
  REQUIRE(head.fields.size() == 2);
  CHECK(head.fields[1].name == "B");
}
