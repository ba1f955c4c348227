#include "penstock/net/proxy_header.h"

#include "../catch.h"

using namespace penstock;
using Step = ProxyHeader::Step;

namespace {

SocketAddress ip(std::string_view text, std::uint16_t port) {
  SocketAddress out;
  require(SocketAddress::from_ip(text, port, out));
  return out;
}

// What comes of `bytes`, and that no shorter piece of it says anything but "more".
Step read(const std::string& bytes, ProxyHeader& out) {
  const Step step = read_proxy_header(bytes, out);
  if (step != Step::Done) return step;
  for (std::size_t size = 0; size < out.size; ++size) {
    ProxyHeader part;
    CAPTURE(size);
    CHECK(read_proxy_header(std::string_view(bytes).substr(0, size), part) == Step::More);
  }
  return step;
}

bool is_refused(const std::string& bytes) {
  ProxyHeader out;
  return read_proxy_header(bytes, out) == Step::Error && out.error != nullptr;
}

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string binary(char command, char family, const std::string& body) {
  return kSignature + command + family + static_cast<char>(body.size() >> 8) + static_cast<char>(body.size() & 255) +
         body;
}

std::string tlv(char type, const std::string& value) {
  return type + std::string{static_cast<char>(value.size() >> 8), static_cast<char>(value.size() & 255)} + value;
}

// From 10.0.0.1:1 to 10.0.0.2:2.
std::string from_ten(const std::string& tlvs) {
  return binary('\x21', '\x11', std::string("\x0a\0\0\1\x0a\0\0\2\0\1\0\2", 12) + tlvs);
}

}  // namespace

TEST_CASE("what is written is read again, in both versions and families") {
  constexpr const char* kPairs[][2] = {{"10.0.0.1", "10.0.0.2"}, {"2001:db8::1", "::1"}};
  for (const ProxyVersion version : {ProxyVersion::One, ProxyVersion::Two}) {
    for (const auto& pair : kPairs) {
      const SocketAddress source = ip(pair[0], 1), destination = ip(pair[1], 65535);
      const std::string bytes = proxy_header(version, source, destination);
      ProxyHeader out;
      REQUIRE(read(bytes + "GET /", out) == Step::Done);
      CHECK(out.size == bytes.size());
      CHECK_FALSE(out.local);
      CHECK(out.source.text() == source.text());
      CHECK(out.destination.text() == destination.text());
    }
  }
}

TEST_CASE("the lines and bytes are those of the specification") {
  const SocketAddress a = ip("192.168.0.1", 56324), b = ip("192.168.0.11", 443);
  CHECK(proxy_header(ProxyVersion::One, a, b) == "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
  CHECK(proxy_header(ProxyVersion::One, {}, b) == "PROXY UNKNOWN\r\n");
  CHECK(proxy_header(ProxyVersion::One, a, ip("::1", 1)) == "PROXY UNKNOWN\r\n");
  CHECK(proxy_header(ProxyVersion::Two, a, b) ==
        binary('\x21', '\x11', std::string("\xc0\xa8\x00\x01\xc0\xa8\x00\x0b\xdc\x04\x01\xbb", 12)));
  CHECK(proxy_header(ProxyVersion::Two, {}, {}) == binary('\x20', '\0', ""));
  CHECK(proxy_header(ProxyVersion::None, a, b).empty());
}

TEST_CASE("a proxy that does not know leaves the connection its own addresses") {
  ProxyHeader out;
  for (const std::string& bytes : {std::string("PROXY UNKNOWN\r\n"), std::string("PROXY UNKNOWN ffff::1 x 1 2\r\n"),
                                   binary('\x20', '\0', ""), binary('\x20', '\x11', std::string(12, 'x')),
                                   binary('\x21', '\0', "tlv"), binary('\x21', '\x31', std::string(216, '\0'))}) {
    REQUIRE(read(bytes, out) == Step::Done);
    CHECK(out.local);
    CHECK(out.size == bytes.size());
  }
}

TEST_CASE("what follows the addresses is passed over") {
  ProxyHeader out;
  REQUIRE(
      read(binary('\x21', '\x11', std::string("\x0a\0\0\1\x0a\0\0\2\0\1\0\2", 12) + tlv('\xea', std::string(37, 'x'))) +
               "rest",
           out) == Step::Done);
  CHECK(out.size == 16 + 52);
  CHECK(out.source.text() == "10.0.0.1:1");
}

TEST_CASE("a TLV ends within the header or the header is refused") {
  for (const char type : {'\1', '\2', '\4', '\5', '\x20', '\x30', '\xea'}) {
    ProxyHeader out;
    CHECK(read(from_ten(tlv(type, "") + tlv(type, "abc")), out) == Step::Done);
    CHECK(is_refused(from_ten(tlv(type, "abc") + type)));
    CHECK(is_refused(from_ten(tlv(type, "abc") + type + '\0')));
    CHECK(is_refused(from_ten(tlv(type, "abc") + type + '\0' + '\1')));
    CHECK(is_refused(from_ten(type + std::string("\0\4abc", 5)) + "next"));
    CHECK(is_refused(from_ten(type + std::string("\xff\xff") + "abc")));
  }
  CHECK(is_refused(binary('\x21', '\x21', std::string(36, 'x') + '\4')));
}

TEST_CASE("a checksum in a header is the right one or the header is refused") {
  // As HAProxy sends them (send-proxy-v2 proxy-v2-options crc32c), the latter from 2001:db8::1 to
  // 2001:db8::2.
  const std::string six("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\0\1\0\2", 36);
  ProxyHeader out;
  for (const std::string& bytes :
       {from_ten(tlv('\3', "\x38\x30\x0f\xcb")), binary('\x21', '\x21', six + tlv('\3', "\x0c\x84\x4d\x58"))}) {
    REQUIRE(read(bytes + "x", out) == Step::Done);
    for (std::size_t at = 16; at < bytes.size(); ++at) {
      if (at == bytes.size() - 7) continue;  // The TLV's type.
      std::string bent = bytes;
      bent[at] = static_cast<char>(bent[at] ^ 4);
      CAPTURE(at);
      CHECK(is_refused(bent));
    }
  }
  for (const std::size_t size : {0, 1, 3, 5, 8}) CHECK(is_refused(from_ten(tlv('\3', std::string(size, '\0')))));
  CHECK(is_refused(from_ten(tlv('\3', std::string(4, '\0')) + tlv('\3', std::string(4, '\0')))));
}

TEST_CASE("what is written with a checksum is read again") {
  ProxyTold told;
  told.wishes.checksum = told.wishes.unique_id = true;
  told.unique_id = "abc";
  ProxyHeader out;
  for (const char* address : {"10.0.0.1", "::1"}) {
    CHECK(read(proxy_header(ProxyVersion::Two, ip(address, 1), ip(address, 2), told), out) == Step::Done);
  }
}

TEST_CASE("an authority or a unique id has its longest length") {
  ProxyHeader out;
  CHECK(read(from_ten(tlv('\2', std::string(255, 'x')) + tlv('\5', std::string(128, 'x'))), out) == Step::Done);
  CHECK(is_refused(from_ten(tlv('\2', std::string(256, 'x')))));
  CHECK(is_refused(from_ten(tlv('\5', std::string(129, 'x')))));
}

TEST_CASE("of what speaks for itself no TLV is looked at") {
  ProxyHeader out;
  for (const char family : {'\0', '\x11'}) {
    REQUIRE(read(binary('\x20', family, std::string(12, 'x') + tlv('\3', "four") + '\4'), out) == Step::Done);
    CHECK(out.local);
  }
}

TEST_CASE("what is no header is refused as soon as that is known") {
  CHECK(is_refused("G"));
  CHECK(is_refused("PROXX"));
  CHECK(is_refused("proxy TCP4"));
  CHECK(is_refused(std::string("\r\n\r\n\0\r\nQUIX", 11)));
  CHECK(is_refused(binary('\x11', '\x11', std::string(12, 'x'))));
  CHECK(is_refused(binary('\x22', '\x11', std::string(12, 'x'))));
  CHECK(is_refused(binary('\x21', '\x12', std::string(12, 'x'))));
  CHECK(is_refused(binary('\x21', '\x11', std::string(11, 'x'))));
  CHECK(is_refused(binary('\x21', '\x21', std::string(35, 'x'))));
}

TEST_CASE("an address that two readers could read two ways is refused") {
  for (const char* line :
       {"TCP4 10.0.0.1 10.0.0.2 1", "TCP4 10.0.0.1 10.0.0.2 01 2", "TCP4 10.0.0.1 10.0.0.2 1 65536",
        "TCP4 10.0.0.1 10.0.0.2 +1 2", "TCP4 10.0.0.1 10.0.0.2 1 2 ", "TCP4 10.0.0.1  10.0.0.2 1 2", "TCP4 ::1 ::1 1 2",
        "TCP6 10.0.0.1 10.0.0.2 1 2", "TCP5 10.0.0.1 10.0.0.2 1 2", "TCP4 * * 1 2", ""}) {
    CAPTURE(line);
    CHECK(is_refused(std::string("PROXY ") + line + "\r\n"));
  }
}

TEST_CASE("a header has its longest length") {
  ProxyHeader out;
  const std::string longest = "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n";
  CHECK(longest.size() == 107);
  CHECK(read(longest, out) == Step::Done);
  CHECK(is_refused("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n"));
  CHECK(is_refused("PROXY UNKNOWN " + std::string(200, 'x')));
  CHECK(read(binary('\x20', '\0', std::string(kProxyHeaderLimit - 16, 'x')), out) == Step::Done);
  CHECK(is_refused(binary('\x20', '\0', std::string(kProxyHeaderLimit - 15, 'x'))));
}
