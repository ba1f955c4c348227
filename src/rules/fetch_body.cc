// Samples about bytes: heads as such (manual section 7.3.6), and of messages of others (7.3.5).
#include <algorithm>

#include "expression.h"
#include "hex.h"
#include "penstock/base/text.h"
#include "penstock/base/token.h"

namespace penstock::rules {

namespace {

// A number as SPOP writes it: one byte below 240, else four bits, then seven at a time.
char* put_varint(std::uint64_t number, char* to) {
  if (number < 240) return *to++ = static_cast<char>(number), to;
  *to++ = static_cast<char>(number | 240);
  for (number = (number - 240) >> 4; number >= 128; number = (number - 128) >> 7)
    *to++ = static_cast<char>(number | 128);
  *to++ = static_cast<char>(number);
  return to;
}

// Each name and value behind its length; two empty ones at the end.
template <unsigned side>
bool fetch_fields(const Call&, Subject& subject, Cursor&, Value& out) {
  constexpr std::size_t kMostVarint = 10;
  const Head* head = (subject.available & side) == 0 ? nullptr
                     : side == kNeedsRequest         ? subject.request
                                                     : subject.response;
  if (head == nullptr) return false;
  std::size_t space = 2;
  for (const Field& field : head->fields) space += field.name.size() + field.value.size() + 2 * kMostVarint;
  if (!subject.has_room(space)) return false;
  char* const begin = static_cast<char*>(subject.arena.allocate(space, 1));
  char* at = begin;
  for (const Field& field : head->fields) {
    at = put_varint(field.name.size(), at);
    for (const char c : field.name) *at++ = to_lower(c);
    at = put_varint(field.value.size(), at);
    at = std::copy(field.value.begin(), field.value.end(), at);
  }
  *at++ = 0;
  *at++ = 0;
  out.set_binary({begin, static_cast<std::size_t>(at - begin)});
  return true;
}

// Raw bytes of a client. What may still come makes a question undecided.

enum class Seen : std::uint8_t { Yes, No, Unfinished };

// RDP: TPKT, then a connection request of X.224, and in it a line "Cookie: name=value".
Seen find_rdp_cookie(std::string_view bytes, std::string_view name, std::string_view& value) {
  constexpr std::size_t kHead = 11;
  constexpr std::string_view kBegin = "cookie:";
  const auto wrong = [&](std::size_t at, char wanted) { return at < bytes.size() && bytes[at] != wanted; };
  if (bytes.size() < kHead + kBegin.size()) return Seen::Unfinished;
  if (wrong(0, 3) || wrong(1, 0) || wrong(5, '\xe0')) return Seen::No;
  std::string_view rest = bytes.substr(kHead);
  if (!starts_with_nocase(rest, kBegin)) return Seen::No;
  rest.remove_prefix(kBegin.size());
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  const std::size_t end = rest.find("\r\n");
  if (end == std::string_view::npos) return Seen::Unfinished;
  rest = rest.substr(0, end);
  const std::size_t equals = rest.find('=');
  if (equals == std::string_view::npos) return Seen::No;
  if (!name.empty() && !equal_nocase(rest.substr(0, equals), name)) return Seen::No;
  value = rest.substr(equals + 1);
  return Seen::Yes;
}

bool fetch_rdp_cookie(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  std::string_view value;
  const Seen seen = find_rdp_cookie(subject.buffer, call.text(0), value);
  cursor.undecided = seen == Seen::Unfinished && !subject.buffer_final;
  return seen == Seen::Yes && (out.set_text(value), true);
}

bool fetch_rdp_cookie_count(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  std::string_view value;
  const Seen seen = find_rdp_cookie(subject.buffer, call.text(0), value);
  cursor.undecided = seen == Seen::Unfinished && !subject.buffer_final;
  return seen != Seen::Unfinished && (out.set_integer(seen == Seen::Yes ? 1 : 0), true);
}

// distcc: four letters, a number in eight digits, and behind some of them so many bytes. `wanted`: which of that name.
struct Chunk {
  std::uint64_t number = 0;
  std::string_view body;
};
Seen find_chunk(std::string_view bytes, std::string_view name, std::int64_t wanted, Chunk& out) {
  constexpr std::size_t kName = 4, kHead = 12;
  constexpr std::string_view kWithBody[] = {"ARGV", "CDIR", "DOTD", "DOTI", "DOTO",
                                            "FILE", "LINK", "NAME", "SERR", "SOUT"};
  while (bytes.size() >= kHead) {
    const std::string_view found = bytes.substr(0, kName);
    out.number = 0;
    for (const char c : bytes.substr(kName, kHead - kName)) {
      const int digit = hex_digit(c);
      if (digit < 0) return Seen::No;
      out.number = out.number << 4 | static_cast<std::uint64_t>(digit);
    }
    bytes.remove_prefix(kHead);
    const bool has_body = std::find(std::begin(kWithBody), std::end(kWithBody), found) != std::end(kWithBody);
    const std::uint64_t size = has_body ? out.number : 0;
    out.body = bytes.substr(0, size);
    if (found == name && --wanted == 0) return Seen::Yes;
    if (size > bytes.size()) return Seen::Unfinished;
    bytes.remove_prefix(size);
  }
  return Seen::Unfinished;
}

bool fetch_distcc_number(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  Chunk chunk;
  const Seen seen = find_chunk(subject.buffer, call.text(0), call.integer(1, 1), chunk);
  cursor.undecided = seen == Seen::Unfinished && !subject.buffer_final;
  return seen == Seen::Yes && (out.set_integer(static_cast<std::int64_t>(chunk.number)), true);
}

bool fetch_distcc_body(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  Chunk chunk;
  const Seen seen = find_chunk(subject.buffer, call.text(0), call.integer(1, 1), chunk);
  const bool whole = seen == Seen::Yes && chunk.body.size() == chunk.number;
  cursor.undecided = seen != Seen::No && !whole && !subject.buffer_final;
  if (whole) out.set_binary(chunk.body);
  return whole;
}

bool is_request_line(std::string_view line) {
  const std::string_view method = cut(line, ' ');
  const std::size_t blank = line.rfind(' ');
  const std::string_view target = line.substr(0, blank);
  if (!is_token(method) || target.empty()) return false;
  // Before HTTP/1.0 there was no more than that.
  if (blank == std::string_view::npos) return method == "GET" && target[0] == '/';
  const std::string_view version = line.substr(blank + 1);
  return version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.';
}

// Whether a head of HTTP stands at the front, all of it.
Seen find_head(std::string_view bytes) {
  while (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
  for (bool first = true;; first = false) {
    const std::size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return Seen::Unfinished;
    std::string_view line = bytes.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    bytes.remove_prefix(end + 1);
    if (!first && line.empty()) return Seen::Yes;
    const std::size_t colon = line.find(':');
    const bool fits =
        first ? is_request_line(line) : colon != std::string_view::npos && is_token(line.substr(0, colon));
    if (!fits) return Seen::No;
  }
}

bool fetch_is_http(const Call&, Subject& subject, Cursor& cursor, Value& out) {
  out.set_bool(true);
  if (subject.request != nullptr || !subject.received_method.empty()) return true;
  if ((subject.available & kNeedsBuffer) == 0) return false;
  const Seen seen = find_head(subject.buffer);
  cursor.undecided = seen == Seen::Unfinished && !subject.buffer_final;
  return seen == Seen::Yes;
}

constexpr Fetch kFetches[] = {
    {"distcc_body", Type::Binary, "t|i", kNeedsBuffer, kOnMoment, fetch_distcc_body},
    {"distcc_param", Type::Integer, "t|i", kNeedsBuffer, kOnMoment, fetch_distcc_number},
    {"rdp_cookie", Type::Text, "|t", kNeedsBuffer, kOnMoment, fetch_rdp_cookie},
    {"rdp_cookie_cnt", Type::Integer, "|t", kNeedsBuffer, kOnMoment, fetch_rdp_cookie_count},
    {"req.hdrs_bin", Type::Binary, "", kNeedsRequest, kOnFields, fetch_fields<kNeedsRequest>},
    {"req.proto_http", Type::Bool, "", kNeedsNothing, kOnMoment, fetch_is_http},
    {"req.rdp_cookie", Type::Text, "|t", kNeedsBuffer, kOnMoment, fetch_rdp_cookie},
    {"req.rdp_cookie_cnt", Type::Integer, "|t", kNeedsBuffer, kOnMoment, fetch_rdp_cookie_count},
    {"req_proto_http", Type::Bool, "", kNeedsNothing, kOnMoment, fetch_is_http},
    {"req_rdp_cookie", Type::Text, "|t", kNeedsBuffer, kOnMoment, fetch_rdp_cookie},
    {"req_rdp_cookie_cnt", Type::Integer, "|t", kNeedsBuffer, kOnMoment, fetch_rdp_cookie_count},
    {"res.hdrs_bin", Type::Binary, "", kNeedsResponse, kOnFields, fetch_fields<kNeedsResponse>},
};

}  // namespace

std::span<const Fetch> body_fetches() { return kFetches; }

}  // namespace penstock::rules
