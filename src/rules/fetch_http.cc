// Samples about HTTP messages (manual section 7.3.6).
#include <algorithm>

#include "expression.h"
#include "hash.h"
#include "penstock/base/text.h"
#include "penstock/http/cookies.h"
#include "penstock/rules/cache_use.h"

namespace penstock::rules {

namespace {

const TargetParts& parts_of(Subject& subject) {
  const std::string_view target = subject.request->target;
  if (subject.split_data != target.data() || subject.split_size != target.size()) {
    subject.split = split_target(target);
    subject.split_data = target.data();
    subject.split_size = target.size();
  }
  return subject.split;
}

const Head* request_of(const Subject& subject) {
  return (subject.available & kNeedsRequest) != 0 ? subject.request : nullptr;
}
const Head* response_of(const Subject& subject) {
  return (subject.available & kNeedsResponse) != 0 ? subject.response : nullptr;
}

enum class Side { Request, Response, Either };

template <Side side>
const Head* head_of(const Subject& subject) {
  if (side == Side::Request) return request_of(subject);
  if (side == Side::Response) return response_of(subject);
  const Head* response = response_of(subject);
  return response != nullptr ? response : request_of(subject);
}

// The request line.

// As it came, whatever `set-method` made of it; it outlives the heads, as status does.
bool fetch_method(const Call&, Subject& subject, Cursor&, Value& out) {
  const bool is_kept = !subject.received_method.empty() || subject.request == nullptr;
  const std::string_view method = is_kept ? subject.received_method : subject.request->method;
  if (method.empty()) return false;
  out.set_text(method);
  return true;
}

bool fetch_path(const Call&, Subject& subject, Cursor&, Value& out) {
  if (request_of(subject) == nullptr) return false;
  const TargetParts& parts = parts_of(subject);
  if (parts.path.empty()) return false;
  out.set_text(parts.path);
  return true;
}

bool fetch_path_and_query(const Call&, Subject& subject, Cursor&, Value& out) {
  if (request_of(subject) == nullptr) return false;
  const TargetParts& parts = parts_of(subject);
  if (parts.path_and_query.empty()) return false;
  out.set_text(parts.path_and_query);
  return true;
}

bool fetch_query(const Call&, Subject& subject, Cursor&, Value& out) {
  if (request_of(subject) == nullptr) return false;
  const TargetParts& parts = parts_of(subject);
  if (parts.query.data() == nullptr) return false;
  out.set_text(parts.query);
  return true;
}

bool fetch_url(const Call&, Subject& subject, Cursor&, Value& out) {
  if (request_of(subject) == nullptr) return false;
  out.set_text(subject.request->target);
  return true;
}

// Host and port of an absolute URL.
std::string_view authority_of(Subject& subject) {
  const std::string_view prefix = parts_of(subject).prefix;
  const std::size_t scheme = prefix.find("://");
  if (scheme == std::string_view::npos) return {};
  const std::string_view authority = prefix.substr(scheme + 3);
  const std::size_t user = authority.rfind('@');
  return user == std::string_view::npos ? authority : authority.substr(user + 1);
}

bool fetch_url_ip(const Call&, Subject& subject, Cursor&, Value& out) {
  if (request_of(subject) == nullptr) return false;
  const std::string_view authority = authority_of(subject);
  Ip ip;
  if (!Ip::parse(authority.substr(0, authority.find(':')), ip)) return false;
  out.set_ip(ip);
  return true;
}

bool fetch_url_port(const Call&, Subject& subject, Cursor&, Value& out) {
  if (request_of(subject) == nullptr) return false;
  const std::string_view authority = authority_of(subject);
  if (authority.empty()) return false;
  const std::size_t colon = authority.rfind(':');
  out.set_integer(colon == std::string_view::npos ? 80 : leading_integer(authority.substr(colon + 1)));
  return true;
}

bool fetch_base_with(Subject& subject, std::string_view tail, Value& out) {
  const Field* host = subject.request->find("host");
  const std::string_view name = host == nullptr ? std::string_view() : host->value;
  if (name.empty() && tail.empty()) return false;
  out.set_text(name.empty() ? tail : subject.arena.concat({name, tail}));
  return true;
}

bool fetch_base(const Call&, Subject& subject, Cursor&, Value& out) {
  return request_of(subject) != nullptr && fetch_base_with(subject, parts_of(subject).path, out);
}

bool fetch_base_and_query(const Call&, Subject& subject, Cursor&, Value& out) {
  return request_of(subject) != nullptr && fetch_base_with(subject, parts_of(subject).path_and_query, out);
}

bool fetch_base32(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  if (!fetch_base(call, subject, cursor, out)) return false;
  out.set_integer(avalanche(hash_sdbm(out.text)));
  return true;
}

bool fetch_url32(const Call&, Subject& subject, Cursor&, Value& out) {
  if (request_of(subject) == nullptr || !fetch_base_with(subject, parts_of(subject).path_and_query, out)) return false;
  out.set_integer(avalanche(hash_sdbm(out.text)));
  return true;
}

// The hash and the client's address, as bytes.
template <FetchFunction hash>
bool fetch_with_source(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  Ip ip;
  if (subject.client == nullptr || subject.client->ends == nullptr || !Ip::of(subject.client->source(), ip) ||
      !hash(call, subject, cursor, out))
    return false;
  char number[4];
  for (int i = 0; i < 4; ++i) number[i] = static_cast<char>(out.integer >> (24 - 8 * i));
  out.set_binary(subject.arena.concat({{number, sizeof(number)}, ip.view()}));
  return true;
}

bool set_version(HttpVersion version, Value& out) {
  out.set_text(version == HttpVersion::Http10 ? "1.0" : "1.1");
  return true;
}

bool fetch_request_version(const Call&, Subject& subject, Cursor&, Value& out) {
  return request_of(subject) != nullptr &&
         set_version(subject.received_method.empty() ? subject.request->version : subject.received_version, out);
}

bool fetch_response_version(const Call&, Subject& subject, Cursor&, Value& out) {
  return response_of(subject) != nullptr && set_version(subject.response->version, out);
}

bool fetch_status(const Call&, Subject& subject, Cursor&, Value& out) {
  const Head* response = response_of(subject);
  const int status = response != nullptr ? response->status : subject.log.status;
  if (status < 0) return false;
  out.set_integer(status);
  return true;
}

bool fetch_body_size(const Head* head, Value& out) {
  if (head == nullptr) return false;
  out.set_integer(head->body.kind == BodyLength::Kind::Counted ? static_cast<std::int64_t>(head->body.bytes) : 0);
  return true;
}

// As far as it has come.
template <Side side>
bool fetch_body(const Call&, Subject& subject, Cursor&, Value& out) {
  return (side == Side::Request ? request_of(subject) : response_of(subject)) != nullptr &&
         (out.set_binary(subject.body), true);
}

template <Side side>
bool fetch_body_length(const Call&, Subject& subject, Cursor&, Value& out) {
  if ((side == Side::Request ? request_of(subject) : response_of(subject)) == nullptr) return false;
  out.set_integer(static_cast<std::int64_t>(subject.body.size()));
  return true;
}

bool fetch_request_body_size(const Call&, Subject& subject, Cursor&, Value& out) {
  if (!fetch_body_size(request_of(subject), out)) return false;
  // The length of a chunked one is not known before all has come; what has come is.
  if (subject.request->body.kind == BodyLength::Kind::Chunked)
    out.set_integer(static_cast<std::int64_t>(subject.held_body));
  return true;
}
bool fetch_response_body_size(const Call&, Subject& subject, Cursor&, Value& out) {
  const Head* head = response_of(subject);
  if (!fetch_body_size(head, out)) return false;
  if (head->body.kind != BodyLength::Kind::Counted) out.set_integer(static_cast<std::int64_t>(subject.body.size()));
  return true;
}

bool fetch_cache_hit(const Call&, Subject& subject, Cursor&, Value& out) {
  out.set_bool(subject.caching != nullptr && subject.caching->answers != nullptr);
  return true;
}

bool fetch_cache_name(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.caching == nullptr || subject.caching->answers == nullptr) return false;
  out.set_text(subject.caching->answers->name());
  return true;
}

bool fetch_compressed(const Call&, Subject& subject, Cursor&, Value& out) {
  out.set_bool(!subject.log.compressed_by.empty());
  return true;
}

bool fetch_compression(const Call&, Subject& subject, Cursor&, Value& out) {
  out.set_text(subject.log.compressed_by);
  return !subject.log.compressed_by.empty();
}

// Fields.

// Where the comma separated value that starts at `from` ends; commas within quotes do not separate.
std::size_t end_of_value(std::string_view list, std::size_t from) {
  bool quoted = false;
  for (std::size_t i = from; i < list.size(); ++i) {
    if (list[i] == '\\' && quoted)
      ++i;
    else if (list[i] == '"')
      quoted = !quoted;
    else if (list[i] == ',' && !quoted)
      return i;
  }
  return list.size();
}

// Values of a field by name (all fields if it is empty), one after the other; whole lines or each
// comma separated part.
class Values {
 public:
  Values(const Head& head, std::string_view name, bool split) : head_(head), name_(name), split_(split) {}

  bool next(Cursor& cursor, std::string_view& out) const {
    while (cursor.field < head_.fields.size()) {
      const Field& field = head_.fields[cursor.field];
      const bool wanted = name_.empty() || (field.name.size() == name_.size() && equal_nocase(field.name, name_));
      if (!wanted || cursor.offset > field.value.size()) {
        ++cursor.field;
        cursor.offset = 0;
        continue;
      }
      const std::size_t end = split_ ? end_of_value(field.value, cursor.offset) : field.value.size();
      out = trim(field.value.substr(cursor.offset, end - cursor.offset));
      cursor.offset = end + 1;
      return true;
    }
    return false;
  }

  // The first is 1, the last -1.
  bool at(std::int64_t occurrence, std::string_view& out) const {
    if (occurrence < 0) {
      occurrence += count() + 1;
      if (occurrence <= 0) return false;
    }
    Cursor cursor;
    for (std::int64_t i = 0; i < occurrence; ++i) {
      if (!next(cursor, out)) return false;
    }
    return true;
  }

  std::int64_t count() const {
    Cursor cursor;
    std::string_view value;
    std::int64_t number = 0;
    while (next(cursor, value)) ++number;
    return number;
  }

 private:
  const Head& head_;
  std::string_view name_;
  bool split_;
};

template <Side side, bool split>
bool fetch_field(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  const Head* head = head_of<side>(subject);
  if (head == nullptr) return false;
  const Values values(*head, call.text(0), split);
  std::string_view text;
  if (cursor.all && !call.has(1)) {
    if (!values.next(cursor, text)) return false;
    cursor.more = true;
  } else if (!values.at(call.integer(1, -1), text)) {
    return false;
  }
  out.set_text(text);
  return true;
}

// RFC 7239 section 6, as the manual's hdr_ip says: an IPv4 address may have a port, an IPv6 address
// brackets.
bool parse_forwarded_ip(std::string_view text, Ip& ip) {
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    return close != std::string_view::npos && Ip::parse(text.substr(1, close - 1), ip) && ip.is6;
  }
  if (Ip::parse(text, ip)) return true;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  const auto port = parse_unsigned(text.substr(colon + 1));
  return port && *port <= 65535 && Ip::parse(text.substr(0, colon), ip);
}

template <Side side>
bool fetch_field_ip(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  do {
    Value value;
    if (!fetch_field<side, true>(call, subject, cursor, value)) return false;
    Ip ip;
    if (!parse_forwarded_ip(value.text, ip)) continue;
    out.set_ip(ip);
    return true;
  } while (cursor.more);
  return false;
}

template <Side side>
bool fetch_field_integer(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  if (!fetch_field<side, true>(call, subject, cursor, out)) return false;
  out.set_integer(leading_integer(out.text));
  return true;
}

template <Side side, bool split>
bool fetch_field_count(const Call& call, Subject& subject, Cursor&, Value& out) {
  const Head* head = head_of<side>(subject);
  if (head == nullptr) return false;
  out.set_integer(Values(*head, call.text(0), split).count());
  return true;
}

// As HTTP/2 writes names: in lower case.
template <Side side>
bool fetch_field_names(const Call& call, Subject& subject, Cursor&, Value& out) {
  const Head* head = head_of<side>(subject);
  if (head == nullptr) return false;
  const char delimiter = call.text(0).empty() ? ',' : call.text(0)[0];
  std::size_t size = 0;
  for (const Field& field : head->fields) size += field.name.size() + 1;
  char* names = static_cast<char*>(subject.arena.allocate(size + 1, 1));
  std::size_t at = 0;
  for (const Field& field : head->fields) {
    if (at != 0) names[at++] = delimiter;
    at = static_cast<std::size_t>(std::transform(field.name.begin(), field.name.end(), names + at, to_lower) - names);
  }
  out.set_text({names, at});
  return true;
}

template <Side side>
bool fetch_all_fields(const Call&, Subject& subject, Cursor&, Value& out) {
  const Head* head = head_of<side>(subject);
  if (head == nullptr) return false;
  std::size_t size = 2;
  for (const Field& field : head->fields) size += field.name.size() + field.value.size() + 4;
  char* text = static_cast<char*>(subject.arena.allocate(size, 1));
  char* at = text;
  const auto put = [&](std::string_view part) {
    std::memcpy(at, part.data(), part.size());
    at += part.size();
  };
  for (const Field& field : head->fields) {
    at = std::transform(field.name.begin(), field.name.end(), at, to_lower);
    put(": ");
    if (!field.value.empty()) put(field.value);
    put("\r\n");
  }
  put("\r\n");
  out.set_text({text, size});
  return true;
}

// Cookies (RFC 6265 sections 4.1.1 and 4.2.1). Names are compared with case.

bool next_cookie(const Head& head, std::string_view name, bool of_response, Cursor& cursor, std::string_view& out) {
  const std::string_view field_name = of_response ? "set-cookie" : "cookie";
  while (cursor.field < head.fields.size()) {
    const Field& field = head.fields[cursor.field];
    if (!equal_nocase(field.name, field_name) || cursor.offset >= field.value.size()) {
      ++cursor.field;
      cursor.offset = 0;
      continue;
    }
    cookies::Cookie cookie;
    if (of_response) {
      // Only the first pair of a Set-Cookie line is the cookie.
      cookie = cookies::set_by(field.value).value_or(cookie);
      cursor.offset = field.value.size();
    } else {
      cookies::next(field.value, cursor.offset, cookie);
    }
    if (!cookie.is_pair || (!name.empty() && cookie.name != name)) continue;
    out = cookie.value;
    return true;
  }
  return false;
}

template <Side side>
bool fetch_cookie(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  const Head* head = head_of<side>(subject);
  if (head == nullptr) return false;
  const bool of_response = head == response_of(subject);
  const std::string_view name = call.text(0);
  std::string_view text;
  if (cursor.all) {
    if (!next_cookie(*head, name, of_response, cursor, text)) return false;
    cursor.more = true;
    return out.set_text(text), true;
  }
  Cursor walk;
  bool found = false;
  while (next_cookie(*head, name, of_response, walk, text)) {
    found = true;
    out.set_text(text);
    // Without a name the first, with one the last.
    if (name.empty()) break;
  }
  return found;
}

template <Side side>
bool fetch_cookie_integer(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  if (!fetch_cookie<side>(call, subject, cursor, out)) return false;
  out.set_integer(leading_integer(out.text));
  return true;
}

template <Side side>
bool fetch_cookie_count(const Call& call, Subject& subject, Cursor&, Value& out) {
  const Head* head = head_of<side>(subject);
  if (head == nullptr) return false;
  Cursor walk;
  std::string_view text;
  std::int64_t count = 0;
  while (next_cookie(*head, call.text(0), head == response_of(subject), walk, text)) ++count;
  out.set_integer(count);
  return true;
}

// Parameters of the URL, from '?' or another delimiter on.
bool next_parameter(std::string_view list, char delimiter, std::string_view name, Cursor& cursor,
                    std::string_view& out) {
  while (cursor.offset < list.size()) {
    std::size_t end = cursor.offset;
    while (end < list.size() && list[end] != '&' && list[end] != ';' && list[end] != delimiter) ++end;
    const std::string_view pair = list.substr(cursor.offset, end - cursor.offset);
    cursor.offset = end + 1;
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    if (!name.empty() && pair.substr(0, equals) != name) continue;
    out = pair.substr(equals + 1);
    return true;
  }
  return false;
}

bool fetch_parameter(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  if (request_of(subject) == nullptr) return false;
  const char delimiter = call.text(1).empty() ? '?' : call.text(1)[0];
  const std::string_view target = subject.request->target;
  const std::size_t begin = target.find(delimiter);
  if (begin == std::string_view::npos) return false;
  Cursor first;
  Cursor& walk = cursor.all ? cursor : first;
  std::string_view text;
  if (!next_parameter(target.substr(begin + 1), delimiter, call.text(0), walk, text)) return false;
  cursor.more = cursor.all;
  out.set_text(text);
  return true;
}

bool fetch_parameter_integer(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  if (!fetch_parameter(call, subject, cursor, out)) return false;
  out.set_integer(leading_integer(out.text));
  return true;
}

// Of a form, as far as it has come.
bool fetch_body_parameter(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  if (request_of(subject) == nullptr) return false;
  Cursor first;
  std::string_view text;
  if (!next_parameter(subject.body, '&', call.text(0), cursor.all ? cursor : first, text)) return false;
  cursor.more = cursor.all;
  out.set_text(text);
  return true;
}

// RFC 6750 section 2.1.
bool fetch_bearer(const Call& call, Subject& subject, Cursor&, Value& out) {
  if (request_of(subject) == nullptr) return false;
  const Field* field = subject.request->find(call.has(0) ? call.text(0) : "authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (field == nullptr || !starts_with_nocase(field->value, kScheme)) return false;
  out.set_text(trim(field->value.substr(kScheme.size())));
  return true;
}

// What was kept.

bool fetch_slot(std::span<std::string_view> slots, std::int64_t index, Value& out) {
  if (index < 0 || static_cast<std::size_t>(index) >= slots.size()) return false;
  const std::string_view text = slots[static_cast<std::size_t>(index)];
  if (text.data() == nullptr) return false;
  out.set_text(text);
  return true;
}

bool fetch_request_capture(const Call& call, Subject& subject, Cursor&, Value& out) {
  return fetch_slot(subject.request_captures, call.arguments[0].integer, out);
}

bool fetch_response_capture(const Call& call, Subject& subject, Cursor&, Value& out) {
  return fetch_slot(subject.response_captures, call.arguments[0].integer, out);
}

bool fetch_kept_method(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.received_method.empty()) return false;
  out.set_text(subject.received_method);
  return true;
}

bool fetch_kept_target(const Call&, Subject& subject, Cursor&, Value& out) {
  const TargetParts parts = split_target(subject.received_target);
  if (parts.path_and_query.empty()) return false;
  out.set_text(parts.path_and_query);
  return true;
}

bool fetch_kept_version(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.received_method.empty()) return false;
  out.set_text(subject.received_version == HttpVersion::Http10 ? "HTTP/1.0" : "HTTP/1.1");
  return true;
}

bool fetch_kept_response_version(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.response == nullptr) return false;
  out.set_text(subject.response->version == HttpVersion::Http10 ? "HTTP/1.0" : "HTTP/1.1");
  return true;
}

constexpr unsigned kAnywhere = kOnTarget | kOnFields;

constexpr Fetch kFetches[] = {
    {"base", Type::Text, "", kNeedsRequest, kAnywhere, fetch_base},
    {"base32", Type::Integer, "", kNeedsRequest, kAnywhere, fetch_base32},
    {"base32+src", Type::Binary, "", kNeedsRequest | kNeedsClient, kAnywhere, fetch_with_source<fetch_base32>},
    {"baseq", Type::Text, "", kNeedsRequest, kAnywhere, fetch_base_and_query},
    {"capture.req.hdr", Type::Text, "i", kNeedsKeptRequest, kOnMoment, fetch_request_capture},
    {"capture.req.method", Type::Text, "", kNeedsKeptRequest, kOnNothing, fetch_kept_method},
    {"capture.req.uri", Type::Text, "", kNeedsKeptRequest, kOnNothing, fetch_kept_target},
    {"capture.req.ver", Type::Text, "", kNeedsKeptRequest, kOnNothing, fetch_kept_version},
    {"capture.res.hdr", Type::Text, "i", kNeedsKeptResponse, kOnMoment, fetch_response_capture},
    {"capture.res.ver", Type::Text, "", kNeedsKeptRequest, kOnMoment, fetch_kept_response_version},
    {"cook", Type::Text, "|t", kNeedsRequest, kOnFields, fetch_cookie<Side::Request>},
    {"cook_cnt", Type::Integer, "|t", kNeedsRequest, kOnFields, fetch_cookie_count<Side::Request>},
    {"cook_val", Type::Integer, "|t", kNeedsRequest, kOnFields, fetch_cookie_integer<Side::Request>},
    {"cookie", Type::Text, "|t", kNeedsMessage, kOnFields, fetch_cookie<Side::Either>},
    {"hdr", Type::Text, "|ti", kNeedsMessage, kOnFields, fetch_field<Side::Either, true>},
    {"hdr_cnt", Type::Integer, "|t", kNeedsRequest, kOnFields, fetch_field_count<Side::Request, true>},
    {"hdr_ip", Type::Address, "|ti", kNeedsRequest, kOnFields, fetch_field_ip<Side::Request>},
    {"hdr_val", Type::Integer, "|ti", kNeedsRequest, kOnFields, fetch_field_integer<Side::Request>},
    {"http_auth_bearer", Type::Text, "|t", kNeedsRequest, kOnFields, fetch_bearer},
    {"method", Type::Text, "", kNeedsKeptRequest, kOnTarget, fetch_method},
    {"path", Type::Text, "", kNeedsRequest, kOnTarget, fetch_path},
    {"pathq", Type::Text, "", kNeedsRequest, kOnTarget, fetch_path_and_query},
    {"query", Type::Text, "", kNeedsRequest, kOnTarget, fetch_query},
    {"req.body", Type::Binary, "", kNeedsRequest, kOnMoment, fetch_body<Side::Request>},
    {"req.body_len", Type::Integer, "", kNeedsRequest, kOnMoment, fetch_body_length<Side::Request>},
    {"req.body_param", Type::Text, "|t", kNeedsRequest, kOnMoment, fetch_body_parameter},
    {"req.body_size", Type::Integer, "", kNeedsRequest, kOnMoment, fetch_request_body_size},
    {"req.cook", Type::Text, "|t", kNeedsRequest, kOnFields, fetch_cookie<Side::Request>},
    {"req.cook_cnt", Type::Integer, "|t", kNeedsRequest, kOnFields, fetch_cookie_count<Side::Request>},
    {"req.cook_val", Type::Integer, "|t", kNeedsRequest, kOnFields, fetch_cookie_integer<Side::Request>},
    {"req.fhdr", Type::Text, "|ti", kNeedsRequest, kOnFields, fetch_field<Side::Request, false>},
    {"req.fhdr_cnt", Type::Integer, "|t", kNeedsRequest, kOnFields, fetch_field_count<Side::Request, false>},
    {"req.hdr", Type::Text, "|ti", kNeedsRequest, kOnFields, fetch_field<Side::Request, true>},
    {"req.hdr_cnt", Type::Integer, "|t", kNeedsRequest, kOnFields, fetch_field_count<Side::Request, true>},
    {"req.hdr_ip", Type::Address, "|ti", kNeedsRequest, kOnFields, fetch_field_ip<Side::Request>},
    {"req.hdr_names", Type::Text, "|t", kNeedsRequest, kOnFields, fetch_field_names<Side::Request>},
    {"req.hdr_val", Type::Integer, "|ti", kNeedsRequest, kOnFields, fetch_field_integer<Side::Request>},
    {"req.hdrs", Type::Text, "", kNeedsRequest, kOnFields, fetch_all_fields<Side::Request>},
    {"req.ver", Type::Text, "", kNeedsRequest, kOnNothing, fetch_request_version},
    {"req_ver", Type::Text, "", kNeedsRequest, kOnNothing, fetch_request_version},
    {"res.body", Type::Binary, "", kNeedsResponse, kOnMoment, fetch_body<Side::Response>},
    {"res.body_len", Type::Integer, "", kNeedsResponse, kOnMoment, fetch_body_length<Side::Response>},
    {"res.body_size", Type::Integer, "", kNeedsResponse, kOnMoment, fetch_response_body_size},
    {"res.cache_hit", Type::Bool, "", kNeedsKeptResponse, kOnMoment, fetch_cache_hit},
    {"res.cache_name", Type::Text, "", kNeedsKeptResponse, kOnMoment, fetch_cache_name},
    {"res.comp", Type::Bool, "", kNeedsKeptResponse, kOnMoment, fetch_compressed},
    {"res.comp_algo", Type::Text, "", kNeedsKeptResponse, kOnMoment, fetch_compression},
    {"res.cook", Type::Text, "|t", kNeedsResponse, kOnFields, fetch_cookie<Side::Response>},
    {"res.cook_cnt", Type::Integer, "|t", kNeedsResponse, kOnFields, fetch_cookie_count<Side::Response>},
    {"res.cook_val", Type::Integer, "|t", kNeedsResponse, kOnFields, fetch_cookie_integer<Side::Response>},
    {"res.fhdr", Type::Text, "|ti", kNeedsResponse, kOnFields, fetch_field<Side::Response, false>},
    {"res.fhdr_cnt", Type::Integer, "|t", kNeedsResponse, kOnFields, fetch_field_count<Side::Response, false>},
    {"res.hdr", Type::Text, "|ti", kNeedsResponse, kOnFields, fetch_field<Side::Response, true>},
    {"res.hdr_cnt", Type::Integer, "|t", kNeedsResponse, kOnFields, fetch_field_count<Side::Response, true>},
    {"res.hdr_ip", Type::Address, "|ti", kNeedsResponse, kOnFields, fetch_field_ip<Side::Response>},
    {"res.hdr_names", Type::Text, "|t", kNeedsResponse, kOnFields, fetch_field_names<Side::Response>},
    {"res.hdr_val", Type::Integer, "|ti", kNeedsResponse, kOnFields, fetch_field_integer<Side::Response>},
    {"res.hdrs", Type::Text, "", kNeedsResponse, kOnFields, fetch_all_fields<Side::Response>},
    {"res.ver", Type::Text, "", kNeedsResponse, kOnNothing, fetch_response_version},
    {"resp_ver", Type::Text, "", kNeedsResponse, kOnNothing, fetch_response_version},
    {"scook", Type::Text, "|t", kNeedsResponse, kOnFields, fetch_cookie<Side::Response>},
    {"scook_cnt", Type::Integer, "|t", kNeedsResponse, kOnFields, fetch_cookie_count<Side::Response>},
    {"scook_val", Type::Integer, "|t", kNeedsResponse, kOnFields, fetch_cookie_integer<Side::Response>},
    {"set-cookie", Type::Text, "|t", kNeedsResponse, kOnFields, fetch_cookie<Side::Response>},
    {"shdr", Type::Text, "|ti", kNeedsResponse, kOnFields, fetch_field<Side::Response, true>},
    {"shdr_cnt", Type::Integer, "|t", kNeedsResponse, kOnFields, fetch_field_count<Side::Response, true>},
    {"shdr_ip", Type::Address, "|ti", kNeedsResponse, kOnFields, fetch_field_ip<Side::Response>},
    {"shdr_val", Type::Integer, "|ti", kNeedsResponse, kOnFields, fetch_field_integer<Side::Response>},
    {"status", Type::Integer, "", kNeedsKeptResponse, kOnMoment, fetch_status},
    {"url", Type::Text, "", kNeedsRequest, kOnTarget, fetch_url},
    {"url32", Type::Integer, "", kNeedsRequest, kAnywhere, fetch_url32},
    {"url32+src", Type::Binary, "", kNeedsRequest | kNeedsClient, kAnywhere, fetch_with_source<fetch_url32>},
    {"url_ip", Type::Address, "", kNeedsRequest, kOnTarget, fetch_url_ip},
    {"url_param", Type::Text, "|tt", kNeedsRequest, kOnTarget, fetch_parameter},
    {"url_port", Type::Integer, "", kNeedsRequest, kOnTarget, fetch_url_port},
    {"urlp", Type::Text, "|tt", kNeedsRequest, kOnTarget, fetch_parameter},
    {"urlp_val", Type::Integer, "|tt", kNeedsRequest, kOnTarget, fetch_parameter_integer},
};

}  // namespace

std::span<const Fetch> http_fetches() { return kFetches; }

}  // namespace penstock::rules
