// Any bytes, as requests or answers: what is understood does not depend on how they were cut into
// reads, and a message that passes is read back the same after it was written again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "penstock/base/format.h"
#include "penstock/http/h1_parser.h"
#include "penstock/http/h1_writer.h"

using namespace penstock;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

// The bytes stand at the end of their memory, so that reading behind them is noticed.
Slice slice_of(std::string_view text) {
  if (text.empty()) return {};
  Block* block = Block::take(text.size());
  char* const at = block->data() + block->capacity() - text.size();
  std::memcpy(at, text.data(), text.size());
  return Slice(block, at, text.size());
}

struct Heard {
  std::string text;     // Heads, bodies, trailers, the error.
  std::string written;  // The same messages, written again up to the first that is not whole.
  bool failed = false;
};

class Reader {
 public:
  Reader(std::uint8_t side, const HeadLimits& limits) : side_(side % 4), limits_(limits), parser_(limits) { start(); }

  bool read(std::string_view bytes) {
    Slice input = slice_of(bytes);
    for (;;) {
      switch (parser_.next(input)) {
        case H1Parser::Step::More:
          check(input.empty());
          return true;
        case H1Parser::Step::Head:
          take_head();
          break;
        case H1Parser::Step::Body: {
          Slice body = parser_.take_body();
          check(!body.empty());
          body_ += body.view();
          writer_.body(out_, std::move(body));
          break;
        }
        case H1Parser::Step::End:
          take_end();
          start();
          break;
        case H1Parser::Step::Error:
          heard_.text += format("{}\nerror {}\n", body_, parser_.error().status);
          heard_.failed = true;
          return false;
      }
    }
  }
  const Heard& heard() const { return heard_; }

 private:
  void start() {
    arena_.clear();
    out_.clear();
    if (side_ == 0) return parser_.start_request(arena_);
    parser_.start_response(arena_, side_ == 2, side_ == 3);
  }
  void take_head() {
    Head& head = parser_.head();
    heard_.text +=
        format("{} {} {} {} {} {} {} {}\n", head.method, head.target, head.status, head.reason,
               static_cast<int>(head.body.kind), head.body.bytes, parser_.hop().keep_alive, parser_.hop().upgrade);
    for (const Field& field : head.fields) {
      check(!field.name.empty() && field.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
      heard_.text += format("{}:{}\n", field.name, field.value);
    }
    check(parser_.hop().wire_size <= limits_.head && head.fields.size() <= limits_.fields);
    if (side_ == 0) return writer_.request_head(out_, head, ConnectionToken::None);
    const bool no_body = side_ == 2 || head.status < 200 || head.status == 204 || head.status == 304;
    writer_.response_head(out_, head, ConnectionToken::None, no_body, true);
  }
  void take_end() {
    heard_.text += body_;
    body_.clear();
    for (const Field& field : parser_.trailers().fields) heard_.text += format("{}:{}\n", field.name, field.value);
    heard_.text += "end\n";
    writer_.end(out_, parser_.trailers());
    for (std::size_t i = 0; i < out_.slices(); ++i) heard_.written += out_.peek(i).view();
  }

  std::uint8_t side_;
  HeadLimits limits_;
  Arena arena_;
  H1Parser parser_;
  H1Writer writer_;
  Outbox out_;
  std::string body_;
  Heard heard_;
};

Heard hear(std::string_view bytes, std::uint8_t side, std::size_t portion, std::size_t limit = 512) {
  HeadLimits limits;
  limits.head = limit;
  limits.fields = static_cast<std::uint32_t>(limit / 40);
  Reader reader(side, limits);
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, portion);
    bytes.remove_prefix(part.size());
    if (!reader.read(part)) break;
  }
  return reader.heard();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::uint8_t side = data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const Heard heard = hear(bytes, side, bytes.size());
  check(hear(bytes, side, 1).text == heard.text);
  check(hear(bytes, side, 7).text == heard.text);
  // A head may have grown by a field that was needed; after that, nothing changes any more.
  const Heard again = hear(heard.written, side, heard.written.size(), 1024);
  check(!again.failed);
  check(hear(again.written, side, again.written.size(), 1024).written == again.written);
  return 0;
}
