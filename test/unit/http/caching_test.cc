#include "penstock/http/caching.h"

#include <initializer_list>

#include "unit/catch.h"

using namespace penstock;

namespace {

constexpr std::int64_t kNow = 1606553645;  // Sat, 28 Nov 2020 08:54:05 GMT

struct Message {
  Message(std::initializer_list<Field> fields, std::uint16_t status = 0) {
    head.status = status;
    if (status == 0) head.method = "GET";
    for (const Field& field : fields) head.fields.push_back(arena, field);
  }
  Arena arena;
  Head head;
};

std::uint64_t seconds(std::initializer_list<Field> fields, std::uint64_t most_s = 60) {
  const Message answer(fields, 200);
  const auto keeping = caching::judge(answer.head, {}, most_s, false, kNow);
  return keeping ? keeping->seconds : 0;
}

bool is_for(std::initializer_list<Field> answer, const char* first, const char* second) {
  const auto asked = [](const char* codings) {
    return codings == nullptr ? caching::asked_by(Message({}).head)
                              : caching::asked_by(Message({{"Accept-Encoding", codings}}).head);
  };
  const auto keeping = caching::judge(Message(answer, 200).head, asked(first), 60, true, kNow);
  return keeping && keeping->variant.fits(asked(second));
}

}  // namespace

TEST_CASE("dates are read in all three forms") {
  for (const char* text :
       {"Sat, 28 Nov 2020 08:54:05 GMT", "Saturday, 28-Nov-20 08:54:05 GMT", "Sat Nov 28 08:54:05 2020"})
    CHECK(caching::parse_date(text) == kNow);
  for (const char* text : {"", "0", "28 Nov 2020", "Sat, 28 Nov 2020 08:54:05", "Sat, 28 Nov 2020 08:54:05 GMT x",
                           "Sat, 28 Nov 2020 08:54:05 GMT and much more of it"})
    CHECK_FALSE(caching::parse_date(text));
}

TEST_CASE("an answer is fresh for as long as it says, less its age") {
  CHECK(seconds({{"Cache-Control", "max-age=40"}}) == 40);
  CHECK(seconds({{"Cache-Control", "max-age=400"}}) == 60);
  CHECK(seconds({{"Cache-Control", "max-age=40, s-maxage=20"}}) == 20);
  CHECK(seconds({{"Cache-Control", "max-age=40"}, {"Age", "15"}}) == 25);
  CHECK(seconds({{"Cache-Control", "max-age=40"}, {"Age", "40"}}) == 0);
  CHECK(seconds({{"Cache-Control", "max-age=40"}, {"Expires", "0"}}) == 40);
  CHECK(seconds({{"Cache-Control", "max-age=99999999999999999999"}}, 3000000000) == 2147483648);
  CHECK(seconds({{"Expires", "Sat, 28 Nov 2020 08:54:25 GMT"}}) == 20);
  CHECK(seconds({{"Expires", "Sat, 28 Nov 2020 08:54:05 GMT"}}) == 0);
  CHECK(seconds({{"ETag", "\"a\""}}) == 60);
  CHECK(seconds({}) == 0);
}

TEST_CASE("what is for one client alone, or for nobody again, is not kept") {
  for (const char* control : {"no-store", "private", "no-cache", "private=\"a, b\", max-age=3", "max-age=3, max-age=0",
                              "max-age", "max-age=", "max-age=-1", "max-age=3x", "s-maxage=0, max-age=3"})
    CHECK(seconds({{"Cache-Control", control}, {"ETag", "\"a\""}}) == 0);
  CHECK(seconds({{"Cache-Control", "x=\"private, no-store\", max-age=3"}}) == 3);
  CHECK(seconds({{"ETag", "\"a\""}, {"Set-Cookie", "a=b"}}) == 0);
  CHECK(seconds({{"ETag", "\"a\""}, {"Set-Cookie", "a=b"}, {"Cache-Control", "public"}}) == 60);
  CHECK(seconds({{"ETag", "\"a\""}, {"Content-Range", "bytes 0-1/2"}}) == 0);
  CHECK(seconds({{"ETag", "\"a\""}, {"Vary", "accept-encoding"}}) == 0);
}

TEST_CASE("who reads a coding gets what has it") {
  const Field vary{"Vary", "Accept-Encoding"}, fresh{"Cache-Control", "max-age=9"}, gzip{"Content-Encoding", "gzip"};
  CHECK(is_for({vary, fresh}, "gzip", "br"));
  CHECK(is_for({vary, fresh}, nullptr, "gzip"));
  CHECK(is_for({vary, fresh}, "gzip", nullptr));
  CHECK_FALSE(is_for({vary, fresh}, "gzip", "identity;q=0"));
  CHECK_FALSE(is_for({vary, fresh}, "gzip", "*;q=0.0"));
  CHECK(is_for({vary, fresh, gzip}, "gzip", "br, gzip;q=0.1"));
  CHECK(is_for({vary, fresh, gzip}, "gzip", "*"));
  CHECK_FALSE(is_for({vary, fresh, gzip}, "gzip", "gzip;q=0, *"));
  CHECK_FALSE(is_for({vary, fresh, gzip}, "gzip", "br"));
  CHECK_FALSE(is_for({vary, fresh, gzip}, "gzip", nullptr));
  CHECK(is_for({vary, fresh, gzip}, nullptr, nullptr));
  CHECK_FALSE(is_for({vary, fresh, gzip}, nullptr, "gzip"));
  CHECK_FALSE(is_for({vary, fresh, {"Content-Encoding", "own"}}, "own", "own"));
}

TEST_CASE("requests that name somebody, or have a body, neither ask nor store") {
  CHECK(caching::judge(Message({}).head).asks);
  CHECK_FALSE(caching::judge(Message({{"Authorization", "x"}}).head).asks);
  CHECK_FALSE(caching::judge(Message({{"Authorization", "x"}}).head).stores);
  Message body({});
  body.head.body = {BodyLength::Kind::Counted, 3};
  CHECK_FALSE(caching::judge(body.head).stores);
  Message post({});
  post.head.method = "POST";
  CHECK(caching::judge(post.head).changes);
  CHECK_FALSE(caching::judge(post.head).asks);
}
