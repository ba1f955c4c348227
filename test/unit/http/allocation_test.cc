// What a warm worker may not do for a message: ask the heap for memory.
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>

#include "penstock/http/h1_parser.h"
#include "penstock/http/h1_writer.h"
#include "transcript.h"
#include "unit/catch.h"

namespace {

std::size_t g_allocations = 0;  // Of the whole test program, which has one thread.

}  // namespace

// All forms, since a sanitizer has its own of each and wants them to match.
void* operator new(std::size_t size) {
  ++g_allocations;
  void* const memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return operator new(size); }
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

using namespace penstock;
using namespace penstock::test;

TEST_CASE("a warm parser and writer take nothing from the heap") {
  const std::string_view request =
      "POST /mapi/emsmdb/ HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: "
      "chunked\r\n\r\n"
      "5\r\nhello\r\n6\r\n again\r\n0\r\nX-Sum: 1\r\n\r\n";
  Arena arena;
  Outbox out;
  H1Parser parser{HeadLimits{}};
  H1Writer writer;
  const auto serve = [&](std::size_t portion) {
    arena.clear();
    parser.start_request(arena);
    for (std::size_t at = 0; at < request.size(); at += portion) {
      Slice input = slice_of(request.substr(at, portion));
      H1Parser::Step step = parser.next(input);
      for (; step != H1Parser::Step::More && step != H1Parser::Step::End; step = parser.next(input)) {
        if (step == H1Parser::Step::Error) return false;
        if (step == H1Parser::Step::Head) writer.request_head(out, parser.head(), ConnectionToken::None);
        if (step == H1Parser::Step::Body) writer.body(out, parser.take_body());
      }
      if (step == H1Parser::Step::End) writer.end(out, parser.trailers());
    }
    out.clear();
    return true;
  };
  for (std::size_t portion : {request.size(), std::size_t{7}}) {
    bool served = serve(portion);
    const std::size_t before = g_allocations;
    for (int i = 0; i < 10; ++i) served = serve(portion) && served;
    const std::size_t after = g_allocations;
    CHECK(served);
    CHECK(after == before);
  }
  const std::size_t before = g_allocations;
  ::operator delete(::operator new(1));
  const std::size_t after = g_allocations;
  CHECK(after == before + 1);  // They are counted.
}
