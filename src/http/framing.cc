#include "penstock/http/framing.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "bytes.h"
#include "penstock/base/text.h"

namespace penstock::framing {
namespace {

// Any number of so many digits fits, with room for sums.
constexpr std::size_t kLengthDigits = 18;
constexpr std::size_t kPortDigits = 5;
constexpr std::uint64_t kLastPort = 65535;

// What the fields say that judging needs, gathered in one pass.
struct Said {
  const Field* host = nullptr;
  const Field* length = nullptr;
  const Field* coding = nullptr;
  bool two_hosts = false;
  const char* refused = nullptr;  // A framing field came twice.
  bool close = false;
  bool keep_alive = false;
  bool connection_upgrade = false;
  bool upgrade = false;
  bool h2c = false;
  bool more_than_length = false;  // Transfer-Encoding or Upgrade, or a name that looks like them by length.
};

void take_connection(std::string_view list, Said& said) {
  while (!list.empty()) {
    const std::string_view token = trim(cut(list, ','));
    if (equal_nocase(token, "close")) said.close = true;
    if (equal_nocase(token, "keep-alive")) said.keep_alive = true;
    if (equal_nocase(token, "upgrade")) said.connection_upgrade = true;
  }
}

void take_upgrade(std::string_view list, Said& said) {
  said.upgrade = !list.empty();
  while (!list.empty()) {
    if (equal_nocase(trim(cut(list, ',')), "h2c")) said.h2c = true;
  }
}

void take_once(const Field*& slot, const Field& field, const char* twice, Said& said) {
  if (slot != nullptr) said.refused = twice;
  slot = &field;
}

// Length and first letter leave few names to compare.
void take_field(const Field& field, Said& said) {
  const std::string_view name = field.name;
  const char first = name.empty() ? '\0' : to_lower(name[0]);
  switch (name.size()) {
    case 4:
      if (first != 'h' || !equal_nocase(name, "host")) return;
      said.two_hosts = said.host != nullptr;
      said.host = &field;
      return;
    case 7:
      if (first != 'u') return;
      said.more_than_length = true;
      if (equal_nocase(name, "upgrade")) take_upgrade(field.value, said);
      return;
    case 10:
      if (first == 'c' && equal_nocase(name, "connection")) take_connection(field.value, said);
      return;
    case 14:
      if (first == 'c' && equal_nocase(name, "content-length")) {
        take_once(said.length, field, "two Content-Length fields", said);
      }
      return;
    case 17:
      if (first != 't') return;
      said.more_than_length = true;
      if (equal_nocase(name, "transfer-encoding")) take_once(said.coding, field, "two Transfer-Encoding fields", said);
      return;
    default:
      return;
  }
}

struct Authority {
  std::string_view host;
  std::string_view port;
};

// RFC 3986 section 3.2 without user information, or none if it is not one. The host may be empty.
std::optional<Authority> read_authority(std::string_view text) {
  Authority authority{text, {}};
  // Most have neither a port nor brackets.
  if (all_bytes(text, kHostByte)) return authority;
  const std::size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == std::string_view::npos) return std::nullopt;
  const std::size_t colon = text.find(':', bracket);
  if (colon != std::string_view::npos) authority = {text.substr(0, colon), text.substr(colon + 1)};
  if (authority.port.size() > kPortDigits) return std::nullopt;
  if (!authority.port.empty()) {
    const auto port = parse_unsigned(authority.port);
    if (!port || *port > kLastPort) return std::nullopt;
  }
  std::string_view name = authority.host;
  if (bracket != 0) {
    if (bracket + 1 != name.size() || bracket == 1) return std::nullopt;
    name = name.substr(1, name.size() - 2);
  }
  if (all_bytes(name, kHostByte)) return authority;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (is_byte(name[i], kHostByte) || (bracket != 0 && name[i] == ':')) continue;
    const bool escape =
        name[i] == '%' && i + 2 < name.size() && is_byte(name[i + 1], kHexByte) && is_byte(name[i + 2], kHexByte);
    if (!escape) return std::nullopt;
    i += 2;
  }
  return authority;
}

// Letters alone, as all schemes have them that lead to a server: in "http:x@there://here/" readers
// find different hosts.
bool is_scheme(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; });
}

std::string_view default_port(std::string_view scheme) {
  if (equal_nocase(scheme, "http") || equal_nocase(scheme, "ws")) return "80";
  if (equal_nocase(scheme, "https") || equal_nocase(scheme, "wss")) return "443";
  return {};
}

// RFC 9110 section 9.3.6: host and port, nothing else. Whoever routes by Host must get to the same
// place.
const char* refuse_authority_form(std::string_view target, const std::optional<Authority>& host) {
  const auto authority = read_authority(target);
  if (!authority || authority->host.empty() || authority->port.empty()) return "malformed target of CONNECT";
  if (!host) return nullptr;
  if (!equal_nocase(host->host, authority->host)) return "Host differs from target";
  if (!host->port.empty() && host->port != authority->port) return "Host differs from target";
  return nullptr;
}

// RFC 9112 section 3.2.2. A reader that follows the target and one that follows Host must not
// get to different places.
const char* refuse_absolute_form(std::string_view target, const std::optional<Authority>& host) {
  const std::size_t end = target.find("://");
  if (end == std::string_view::npos) return "malformed target";
  const std::string_view scheme = target.substr(0, end);
  if (!is_scheme(scheme)) return "malformed target";
  const std::string_view rest = target.substr(end + 3);
  const auto authority = read_authority(rest.substr(0, rest.find_first_of("/?")));
  if (!authority || authority->host.empty()) return "malformed target";
  if (!host) return nullptr;
  const auto port_of = [scheme](const Authority& a) { return a.port.empty() ? default_port(scheme) : a.port; };
  if (!equal_nocase(host->host, authority->host)) return "Host differs from target";
  return port_of(*host) == port_of(*authority) ? nullptr : "Host differs from target";
}

const char* refuse_target(const Head& head, const std::optional<Authority>& host) {
  const std::string_view target = head.target;
  if (target.empty()) return "no target";
  if (head.method == "CONNECT") return refuse_authority_form(target, host);
  if (target[0] == '/') return nullptr;
  if (target == "*") return head.method == "OPTIONS" ? nullptr : "asterisk as target of another method than OPTIONS";
  return refuse_absolute_form(target, host);
}

const char* refuse_route(const Head& head, const Said& said) {
  std::optional<Authority> host;
  if (said.two_hosts) return "two Host fields";
  if (said.host != nullptr) {
    host = read_authority(said.host->value);
    if (!host) return "malformed Host";
  } else if (head.version == HttpVersion::Http11) {
    return "no Host";
  }
  return refuse_target(head, host);
}

// Digits and nothing else; "010" is eight to some readers.
std::optional<std::uint64_t> read_length(std::string_view text) {
  if (text.empty() || text.size() > kLengthDigits) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  std::uint64_t length = 0;
  for (const char c : text) {
    const auto digit = static_cast<unsigned char>(c - '0');
    if (digit > 9) return std::nullopt;
    length = length * 10 + digit;
  }
  return length;
}

// Who sent both may have meant one for us and one for the next reader.
const char* refuse_framing_fields(const Head& head, const Said& said) {
  if (said.coding == nullptr) return nullptr;
  if (said.length != nullptr) return "Content-Length and Transfer-Encoding";
  if (head.version == HttpVersion::Http10) return "Transfer-Encoding in HTTP/1.0";
  return equal_nocase(said.coding->value, "chunked") ? nullptr : "Transfer-Encoding other than chunked";
}

BodyLength length_of(std::uint64_t bytes) {
  if (bytes == 0) return {};
  return {BodyLength::Kind::Counted, bytes};
}

// RFC 9112 section 6.3, items 6 and 7.
void judge_request_body(const Head& head, const Said& said, std::uint64_t bytes, Judgement& judgement) {
  const bool has_body = said.coding != nullptr || bytes != 0;
  if (head.method == "CONNECT" && has_body) {
    judgement.refused = "CONNECT with a body";
    return;
  }
  judgement.body = said.coding != nullptr ? BodyLength{BodyLength::Kind::Chunked, 0} : length_of(bytes);
}

// RFC 9112 section 6.3, items 1 to 8; RFC 9110 sections 8.6 and 9.3.6.
void judge_response_body(const Head& head, const Said& said, std::uint64_t bytes, Kind kind, Judgement& judgement) {
  const bool tunnel = head.status == 101 || (kind == Kind::ResponseToConnect && head.status / 100 == 2);
  if (tunnel || head.status / 100 == 1) {
    if (said.coding != nullptr || bytes != 0) judgement.refused = "body length in an answer that cannot have a body";
    if (tunnel) judgement.body.kind = BodyLength::Kind::Tunnel;
    return;
  }
  // Some servers send Transfer-Encoding with 204; all readers know that no body follows. With a
  // length not all do.
  if (head.status == 204 && bytes != 0) judgement.refused = "body length in an answer that cannot have a body";
  if (kind == Kind::ResponseToHead || head.status == 204 || head.status == 304) return;
  if (said.coding != nullptr) {
    judgement.body.kind = BodyLength::Kind::Chunked;
  } else if (said.length != nullptr) {
    judgement.body = length_of(bytes);
  } else {
    judgement.body.kind = BodyLength::Kind::UntilClose;
    judgement.keep_alive = false;
  }
}

}  // namespace

Judgement judge(const Head& head, Kind kind) {
  Said said;
  for (const Field& field : head.fields) take_field(field, said);
  Judgement judgement;
  const bool is_request = kind == Kind::Request;
  judgement.refused = said.refused;
  if (judgement.refused == nullptr) judgement.refused = refuse_framing_fields(head, said);
  if (judgement.refused == nullptr && is_request) judgement.refused = refuse_route(head, said);
  if (judgement.refused != nullptr) return judgement;
  std::uint64_t bytes = 0;
  if (said.length != nullptr) {
    const auto length = read_length(said.length->value);
    if (!length) {
      judgement.refused = "malformed Content-Length";
      return judgement;
    }
    bytes = *length;
  }
  const bool http11 = head.version == HttpVersion::Http11;
  judgement.plain = !said.more_than_length && head.method != "CONNECT";
  judgement.keep_alive = !said.close && (http11 || said.keep_alive);
  judgement.upgrade = http11 && said.connection_upgrade && said.upgrade;
  if (is_request) {
    judge_request_body(head, said, bytes, judgement);
    // Where the request ends and the other protocol begins must be beyond doubt, so one with a body is
    // not upgraded; nor is any to HTTP/2, whose requests would pass the rules by.
    if (said.h2c || judgement.body.kind != BodyLength::Kind::None) judgement.upgrade = false;
  } else {
    judge_response_body(head, said, bytes, kind, judgement);
  }
  return judgement;
}

const char* judge_trailers(const Trailers& trailers) {
  constexpr std::string_view kForbidden[] = {
      "connection",
      "content-encoding",
      "content-length",
      "content-range",
      "content-type",
      "expect",
      "host",
      "keep-alive",
      "max-forwards",
      "proxy-connection",
      "te",
      "trailer",
      "transfer-encoding",
      "upgrade",
  };
  for (const Field& field : trailers.fields) {
    for (std::string_view name : kForbidden) {
      if (equal_nocase(field.name, name)) return "field in trailers that must not be there";
    }
  }
  return nullptr;
}

}  // namespace penstock::framing
