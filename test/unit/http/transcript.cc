#include "transcript.h"

#include <cstring>
#include <fstream>
#include <iterator>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "unit/catch.h"

namespace penstock::test {
namespace {

const char* name_of(BodyLength::Kind kind) {
  switch (kind) {
    case BodyLength::Kind::None:
      return "none";
    case BodyLength::Kind::Counted:
      return "counted";
    case BodyLength::Kind::Chunked:
      return "chunked";
    case BodyLength::Kind::UntilClose:
      return "until-close";
    case BodyLength::Kind::Tunnel:
      return "tunnel";
  }
  return "?";
}

void describe_fields(std::string& text, const ArenaVector<Field>& fields) {
  for (const Field& field : fields) append_format(text, " {}: {}\n", field.name, field.value);
}

// One connection's parser and what was heard of it.
class Reader {
 public:
  Reader(Side side, const HeadLimits& limits) : side_(side), parser_(limits) { start(); }

  // False once nothing more can be read.
  bool read(std::string_view bytes) {
    Slice input = slice_of(bytes);
    for (;;) {
      switch (parser_.next(input)) {
        case H1Parser::Step::More:
          REQUIRE(input.empty());
          return true;
        case H1Parser::Step::Head:
          REQUIRE(parser_.begun());
          head_ = describe(parser_.head(), parser_.hop());
          text_ += head_;
          break;
        case H1Parser::Step::Body: {
          const Slice body = parser_.take_body();
          REQUIRE_FALSE(body.empty());
          body_ += body.view();
          break;
        }
        case H1Parser::Step::End:
          end();
          start();
          break;
        case H1Parser::Step::Error:
          REQUIRE(*parser_.error().what != '\0');
          end_body();
          append_format(text_, "ERROR {}\n", parser_.error().status);
          REQUIRE(parser_.next(input) == H1Parser::Step::Error);
          return false;
      }
    }
  }

  void close() {
    const H1Parser::Step step = parser_.end_of_input();
    end_body();
    if (step == H1Parser::Step::More) REQUIRE_FALSE(parser_.begun());
    text_ += step == H1Parser::Step::More  ? "CLOSED more\n"
             : step == H1Parser::Step::End ? "CLOSED end\n"
                                           : "CLOSED error\n";
  }
  const std::string& text() const { return text_; }

 private:
  void start() {
    arena_.clear();
    if (side_ == Side::Request) {
      parser_.start_request(arena_);
    } else {
      parser_.start_response(arena_, side_ == Side::ResponseToHead, side_ == Side::ResponseToConnect);
    }
    REQUIRE_FALSE(parser_.begun());
  }
  void end_body() {
    if (!body_.empty()) append_format(text_, "BODY {} {}\n", body_.size(), body_);
    body_.clear();
  }
  void end() {
    end_body();
    REQUIRE(describe(parser_.head(), parser_.hop()) == head_);  // Nothing was moved or freed meanwhile.
    describe_fields(text_, parser_.trailers().fields);
    text_ += "END\n";
  }

  Side side_;
  Arena arena_;
  H1Parser parser_;
  std::string text_;
  std::string head_;
  std::string body_;
};

}  // namespace

std::size_t at_once(std::size_t left) { return left; }
std::size_t byte_by_byte(std::size_t) { return 1; }

Cut cut_at(std::size_t first) {
  return [first, done = false](std::size_t left) mutable {
    const std::size_t size = done || first == 0 || first > left ? left : first;
    done = true;
    return size;
  };
}

Slice slice_of(std::string_view text) {
  if (text.empty()) return {};
  Block* block = Block::take(text.size());
  char* const at = block->data() + block->capacity() - text.size();
  std::memcpy(at, text.data(), text.size());
  return Slice(block, at, text.size());
}

std::string describe(const Head& head, const Hop& hop) {
  std::string text = "HEAD ";
  const char* version = head.version == HttpVersion::Http11 ? "HTTP/1.1" : "HTTP/1.0";
  if (head.is_request()) {
    append_format(text, "{} {} {}", head.method, head.target, version);
  } else {
    append_format(text, "{} {} {}", version, head.status, head.reason);
  }
  append_format(text, " {}", name_of(head.body.kind));
  if (head.body.kind == BodyLength::Kind::Counted) append_format(text, " {}", head.body.bytes);
  if (hop.keep_alive) text += " keep";
  if (hop.upgrade) text += " upgrade";
  text += '\n';
  describe_fields(text, head.fields);
  return text;
}

std::string transcript(std::string_view bytes, Side side, const Cut& cut, const HeadLimits& limits) {
  Reader reader(side, limits);
  Cut next = cut;
  while (!bytes.empty()) {
    const std::size_t size = next(bytes.size());
    if (!reader.read(bytes.substr(0, size))) return reader.text();
    bytes.remove_prefix(size);
  }
  reader.close();
  return reader.text();
}

int status_of(std::string_view bytes, Side side, const HeadLimits& limits) {
  const std::string text = transcript(bytes, side, at_once, limits);
  CHECK(transcript(bytes, side, byte_by_byte, limits) == text);
  const std::size_t stride = bytes.size() > 4096 ? bytes.size() / 64 : 1;
  for (std::size_t first = 1; first < bytes.size(); first += stride) {
    if (transcript(bytes, side, cut_at(first), limits) != text) FAIL("differs if cut at " << first);
  }
  const std::size_t error = text.find("ERROR ");
  return error == std::string::npos ? 0 : static_cast<int>(*parse_integer(text.substr(error + 6, 3)));
}

std::string sample(std::string_view name) {
  std::ifstream file(std::string(PENSTOCK_TEST_DATA) + "/samples/" + std::string(name), std::ios::binary);
  REQUIRE(file);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

}  // namespace penstock::test
