#include "../../../src/http/scan.h"

#include <string>

#include "../../../src/http/bytes.h"
#include "unit/catch.h"

using namespace penstock;

namespace {

// Texts long enough for any number of bytes to be looked at at once.
constexpr std::size_t kLongest = 40;

std::size_t token_of(std::string_view text) {
  return static_cast<std::size_t>(token_end(text.data(), text.data() + text.size()) - text.data());
}

std::size_t head_of(std::string_view bytes) {
  HeadScan scan = HeadScan::of_head();
  const std::size_t taken = scan.take(bytes);
  return scan.ended() ? taken : 0;
}

}  // namespace

TEST_CASE("a token ends at the first byte that is none, wherever that stands") {
  for (std::size_t at = 0; at < kLongest; ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text(kLongest, 'x');
      text[at] = static_cast<char>(byte);
      INFO("byte " << byte << " at " << at);
      REQUIRE(token_of(text) == (is_byte(text[at], kTokenByte) ? kLongest : at));
    }
  }
}

TEST_CASE("a target has no byte that may not stand in it, wherever that is") {
  CHECK(!is_target(""));
  for (std::size_t size = 1; size < kLongest; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, '/');
        text[at] = static_cast<char>(byte);
        INFO("byte " << byte << " at " << at << " of " << size);
        REQUIRE(is_target(text) == is_byte(text[at], kTargetByte));
      }
    }
  }
}

TEST_CASE("the end of a head is found with anything behind it and nothing before its last line") {
  for (std::size_t length = 1; length < kLongest; ++length) {
    for (std::size_t behind = 0; behind < kLongest; ++behind) {
      const std::string head = "GET / HTTP/1.1\r\nA: " + std::string(length, 'b') + "\r\n\r\n";
      INFO(length << " bytes, " << behind << " behind");
      REQUIRE(head_of(head + std::string(behind, '\0')) == head.size());
    }
  }
}

TEST_CASE("a control byte is found wherever it stands in a line") {
  for (std::size_t at = 0; at < kLongest; ++at) {
    std::string line(kLongest, 'x');
    line[at] = '\x01';
    HeadScan scan = HeadScan::of_head();
    INFO(at);
    REQUIRE(scan.take(line) == at);
    REQUIRE(scan.refused() != nullptr);
  }
}
