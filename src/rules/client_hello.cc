#include "penstock/rules/client_hello.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace penstock::rules {

namespace {

constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kClientHello = 1;
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kMessageHeader = 4;
constexpr std::size_t kLongestRecord = 16384 + 256;
// RFC 8446 section 4.1.2 sets no limit; hellos with post-quantum shares stay below 4 KiB.
constexpr std::size_t kLongestHello = 16384;

std::uint8_t byte_at(std::string_view bytes, std::size_t at) { return static_cast<std::uint8_t>(bytes[at]); }
std::size_t two_at(std::string_view bytes, std::size_t at) {
  return (std::size_t{byte_at(bytes, at)} << 8) | byte_at(bytes, at + 1);
}

// Takes vectors from the front of a message; once something did not fit, all that follows is empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool good() const { return good_; }
  bool empty() const { return bytes_.empty(); }
  std::string_view take(std::size_t size) {
    if (size > bytes_.size()) {
      good_ = false;
      bytes_ = {};
      return {};
    }
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  std::size_t number(std::size_t bytes) {
    std::size_t value = 0;
    for (const char c : take(bytes)) value = (value << 8) | static_cast<std::uint8_t>(c);
    return value;
  }
  // A vector behind its length, which takes `length_bytes`.
  std::string_view vector(std::size_t length_bytes) { return take(number(length_bytes)); }

 private:
  std::string_view bytes_;
  bool good_ = true;
};

// The handshake message in one piece, from one record or put together from several.
struct Joined {
  ClientHello::State state = ClientHello::State::NotTls;
  std::string_view message;
};

Joined join_records(std::string_view bytes, char* scratch, std::size_t scratch_size) {
  using State = ClientHello::State;
  std::size_t joined = 0;
  std::size_t wanted = 0;
  for (bool first = true;; first = false) {
    if (bytes.empty()) return {State::Incomplete, {}};
    if (byte_at(bytes, 0) != kHandshake) return {State::NotTls, {}};
    if (bytes.size() >= 2 && byte_at(bytes, 1) != 3) return {State::NotTls, {}};
    if (bytes.size() < kRecordHeader) return {State::Incomplete, {}};
    const std::size_t size = two_at(bytes, 3);
    if (size == 0 || size > kLongestRecord) return {State::NotTls, {}};
    const std::string_view part = bytes.substr(kRecordHeader, size);
    if (first && !part.empty() && byte_at(part, 0) != kClientHello) return {State::NotTls, {}};
    if (first && part.size() >= kMessageHeader) {
      wanted = kMessageHeader + (std::size_t{byte_at(part, 1)} << 16) + two_at(part, 2);
      if (wanted > kLongestHello) return {State::NotTls, {}};
      if (part.size() >= wanted) return {State::Complete, part.substr(0, wanted)};
    }
    if (part.size() < size) return {State::Incomplete, {}};
    // A first record too short to say the message's length is nobody's honest hello.
    if (wanted == 0) return {State::NotTls, {}};
    const std::size_t taken = std::min(part.size(), wanted - joined);
    if (joined + taken > scratch_size) return {State::NotTls, {}};
    std::memcpy(scratch + joined, part.data(), taken);
    joined += taken;
    if (joined == wanted) return {State::Complete, {scratch, wanted}};
    bytes.remove_prefix(kRecordHeader + size);
  }
}

std::string_view host_name(std::string_view extension) {
  Reader names(Reader(extension).vector(2));
  while (!names.empty()) {
    const std::size_t type = names.number(1);
    const std::string_view name = names.vector(2);
    if (type == 0 && names.good()) return name;
  }
  return {};
}

void read_extensions(std::string_view extensions, ClientHello& hello) {
  Reader reader(extensions);
  while (!reader.empty()) {
    const std::size_t type = reader.number(2);
    const std::string_view extension = reader.vector(2);
    if (!reader.good()) return;
    switch (type) {
      case 0:
        hello.sni = host_name(extension);
        break;
      case 10:
        hello.has_supported_groups = true;
        break;
      case 16:
        hello.alpn = Reader(extension).vector(2);
        break;
      case 35:
        hello.session_ticket = extension.empty() ? 1 : 2;
        break;
      default:
        break;
    }
  }
}

}  // namespace

ClientHello parse_client_hello(std::string_view bytes, char* scratch, std::size_t scratch_size) {
  ClientHello hello;
  const Joined joined = join_records(bytes, scratch, scratch_size);
  hello.state = joined.state;
  if (joined.state != ClientHello::State::Complete) return hello;
  Reader reader(joined.message.substr(kMessageHeader));
  hello.version = static_cast<std::uint16_t>(reader.number(2));
  reader.take(32);
  reader.vector(1);  // Session id.
  reader.vector(2);  // Cipher suites.
  reader.vector(1);  // Compression methods.
  if (!reader.good() || hello.version < 0x0300) {
    hello.state = ClientHello::State::NotTls;
    return hello;
  }
  hello.message_type = kClientHello;
  if (!reader.empty()) read_extensions(reader.vector(2), hello);
  return hello;
}

}  // namespace penstock::rules
