// Samples about the client's connection, its TLS, and its raw bytes (manual sections 7.3.3 to 7.3.5).
#include <algorithm>

#include "expression.h"
#include "penstock/rules/client_hello.h"

namespace penstock::rules {

namespace {

bool knows_ends(const Subject& subject) { return subject.client != nullptr && subject.client->ends != nullptr; }

bool fetch_source(const Call&, Subject& subject, Cursor&, Value& out) {
  Ip ip;
  if (!knows_ends(subject) || !Ip::of(subject.source(), ip)) return false;
  out.set_ip(ip);
  return true;
}

bool fetch_destination(const Call&, Subject& subject, Cursor&, Value& out) {
  Ip ip;
  if (!knows_ends(subject) || !Ip::of(subject.destination(), ip)) return false;
  out.set_ip(ip);
  return true;
}

template <SocketAddress (Endpoints::*end)()>
bool fetch_wire_address(const Call&, Subject& subject, Cursor&, Value& out) {
  Ip ip;
  if (!knows_ends(subject) || !Ip::of((subject.client->ends->*end)(), ip)) return false;
  out.set_ip(ip);
  return true;
}

// A header of the PROXY protocol may leave the port 0: it is none.
bool set_port(const SocketAddress& address, Value& out) {
  if (address.ip_bytes().empty() || address.port() == 0) return false;
  out.set_integer(address.port());
  return true;
}

template <SocketAddress (Endpoints::*end)()>
bool fetch_wire_port(const Call&, Subject& subject, Cursor&, Value& out) {
  return knows_ends(subject) && set_port((subject.client->ends->*end)(), out);
}

bool fetch_source_port(const Call&, Subject& subject, Cursor&, Value& out) {
  return knows_ends(subject) && set_port(subject.source(), out);
}

bool fetch_destination_port(const Call&, Subject& subject, Cursor&, Value& out) {
  return knows_ends(subject) && set_port(subject.destination(), out);
}

// Ours alone: NTLM or Negotiate was spoken on this connection.
bool fetch_pinned(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.client == nullptr) return false;
  out.set_bool(subject.client->pinned);
  return true;
}

bool fetch_proxied(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.client == nullptr) return false;
  out.set_bool(subject.client->proxied);
  return true;
}

bool fetch_bind_name(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.client == nullptr || subject.client->bind->name.empty()) return false;
  out.set_text(subject.client->bind->name);
  return true;
}

bool fetch_bind_id(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.client == nullptr) return false;
  out.set_integer(subject.client->bind->id);
  return true;
}

// A connection that failed never reaches a rule or an access log line.
bool fetch_no_error(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.client == nullptr) return false;
  out.set_integer(0);
  return true;
}

bool fetch_http_major(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.request == nullptr && subject.received_method.empty()) return false;
  out.set_integer(1);
  return true;
}

bool fetch_first_request(const Call&, Subject& subject, Cursor&, Value& out) {
  return out.set_bool(subject.first_request), true;
}

const TlsFacts* tls_of(const Subject& subject) {
  return subject.client == nullptr ? nullptr : subject.client->tls.facts();
}

bool fetch_is_tls(const Call&, Subject& subject, Cursor&, Value& out) {
  if (subject.client == nullptr) return false;
  out.set_bool(static_cast<bool>(subject.client->tls));
  return true;
}

template <std::string_view TlsFacts::*fact>
bool fetch_tls_text(const Call&, Subject& subject, Cursor&, Value& out) {
  const TlsFacts* tls = tls_of(subject);
  if (tls == nullptr || (tls->*fact).empty()) return false;
  out.set_text(tls->*fact);
  return true;
}

template <bool TlsFacts::*fact>
bool fetch_tls_bool(const Call&, Subject& subject, Cursor&, Value& out) {
  const TlsFacts* tls = tls_of(subject);
  if (tls == nullptr) return false;
  out.set_bool(tls->*fact);
  return true;
}

bool fetch_resumption_id(const Call&, Subject& subject, Cursor&, Value& out) {
  const TlsFacts* tls = tls_of(subject);
  if (tls == nullptr || tls->resumption_id.empty()) return false;
  out.set_binary(tls->resumption_id);
  return true;
}

bool fetch_has_sni(const Call&, Subject& subject, Cursor&, Value& out) {
  const TlsFacts* tls = tls_of(subject);
  if (tls == nullptr) return false;
  out.set_bool(!tls->sni.empty());
  return true;
}

bool fetch_key_size(const Call&, Subject& subject, Cursor&, Value& out) {
  const TlsFacts* tls = tls_of(subject);
  if (tls == nullptr) return false;
  out.set_integer(tls->cipher_bits);
  return true;
}

// Handshakes that failed never come here, and of a verified certificate nothing is ignored.
bool fetch_tls_no_error(const Call&, Subject& subject, Cursor&, Value& out) {
  if (tls_of(subject) == nullptr) return false;
  out.set_integer(0);
  return true;
}

// A failed handshake has no rules, and nobody speaks NPN any more.
bool fetch_nothing(const Call&, Subject&, Cursor&, Value&) { return false; }

// Early data is not taken.
bool fetch_has_early(const Call&, Subject& subject, Cursor&, Value& out) {
  return tls_of(subject) != nullptr && (out.set_bool(false), true);
}

// Raw bytes.

bool fetch_wait_end(const Call&, Subject& subject, Cursor& cursor, Value& out) {
  cursor.undecided = !subject.buffer_final;
  if (!subject.buffer_final) return false;
  out.set_bool(true);
  return true;
}

bool fetch_length(const Call&, Subject& subject, Cursor& cursor, Value& out) {
  if ((subject.available & (kNeedsBuffer | kNeedsAnswer)) == 0) return false;
  cursor.undecided = !subject.buffer_final;
  out.set_integer(static_cast<std::int64_t>(subject.buffer.size()));
  return true;
}

bool fetch_payload(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  const std::int64_t offset = call.arguments[0].integer, length = call.arguments[1].integer;
  if (offset < 0 || length < 0) return false;
  const auto begin = static_cast<std::size_t>(offset), size = static_cast<std::size_t>(length);
  cursor.undecided = !subject.buffer_final;
  if (begin >= subject.buffer.size() || size > subject.buffer.size() - begin) return false;
  // A block of fixed place and size does not change any more.
  if (size != 0) cursor.undecided = false;
  out.set_binary(subject.buffer.substr(begin, size == 0 ? std::string_view::npos : size));
  return true;
}

std::size_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::size_t number = 0;
  for (const char byte : bytes.substr(at, size)) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

// A block whose length stands in front of it, or elsewhere: "+2" and "-2" count from behind the length.
bool fetch_payload_of_length(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  const std::int64_t place = call.arguments[0].integer, length = call.arguments[1].integer;
  const auto held = static_cast<std::int64_t>(subject.buffer.size());
  if (place < 0 || length < 1 || length > 4) return false;
  cursor.undecided = !subject.buffer_final;
  if (length > held || place > held - length) return false;
  const std::string_view shift = call.text(2);
  const bool relative = shift.empty() || shift[0] == '+' || shift[0] == '-';
  const std::int64_t begin = (relative ? place + length : 0) + call.integer(2, 0);
  const auto size = static_cast<std::int64_t>(
      number_at(subject.buffer, static_cast<std::size_t>(place), static_cast<std::size_t>(length)));
  if (begin < 0 || size == 0) return cursor.undecided = false;
  if (begin > held || size > held - begin) return false;
  cursor.undecided = false;
  out.set_binary(subject.buffer.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(size)));
  return true;
}

// RFC 8446 section 5.1: a record of the handshake, and in it the whole of a server's first message.
bool fetch_server_hello_type(const Call&, Subject& subject, Cursor& cursor, Value& out) {
  constexpr std::size_t kRecordHead = 5, kMessageHead = 4;
  const std::string_view bytes = subject.buffer;
  if (!bytes.empty() && bytes[0] != 0x16) return false;
  cursor.undecided = !subject.buffer_final;
  if (bytes.size() < kRecordHead + kMessageHead) return false;
  const std::size_t record = number_at(bytes, 3, 2), message = kMessageHead + number_at(bytes, kRecordHead + 1, 3);
  if (bytes.size() - kRecordHead < std::min(record, message)) return false;
  cursor.undecided = false;
  out.set_integer(static_cast<unsigned char>(bytes[kRecordHead]));
  return true;
}

// False: there is no complete hello; the cursor knows whether one may still come.
bool hello_of(Subject& subject, Cursor& cursor, ClientHello& hello) {
  constexpr std::size_t kScratchSize = 16384;
  // Only a hello spread over several records needs room: one record's size says so.
  const std::string_view bytes = subject.buffer;
  const bool one_record =
      bytes.size() < 9 || (((static_cast<unsigned char>(bytes[3]) << 8) | static_cast<unsigned char>(bytes[4])) >=
                           4 + ((static_cast<unsigned char>(bytes[7]) << 8) | static_cast<unsigned char>(bytes[8])));
  // Asked again with more bytes it is filled with the same and more.
  if (!one_record && subject.hello_space == nullptr)
    subject.hello_space = static_cast<char*>(subject.arena.allocate(kScratchSize, 1));
  hello = parse_client_hello(bytes, subject.hello_space, one_record ? 0 : kScratchSize);
  if (hello.state == ClientHello::State::Incomplete) cursor.undecided = !subject.buffer_final;
  return hello.state == ClientHello::State::Complete;
}

bool fetch_hello_type(const Call&, Subject& subject, Cursor& cursor, Value& out) {
  ClientHello hello;
  if (!hello_of(subject, cursor, hello)) return false;
  out.set_integer(hello.message_type);
  return true;
}

bool fetch_hello_sni(const Call&, Subject& subject, Cursor& cursor, Value& out) {
  ClientHello hello;
  if (!hello_of(subject, cursor, hello) || hello.sni.data() == nullptr) return false;
  out.set_text(hello.sni);
  return true;
}

bool fetch_hello_version(const Call&, Subject& subject, Cursor& cursor, Value& out) {
  ClientHello hello;
  if (!hello_of(subject, cursor, hello)) return false;
  out.set_integer((std::int64_t{hello.version} >> 8 << 16) | (hello.version & 0xff));
  return true;
}

bool fetch_hello_alpn(const Call&, Subject& subject, Cursor& cursor, Value& out) {
  ClientHello hello;
  if (!hello_of(subject, cursor, hello) || hello.alpn.empty()) return false;
  // A length byte before each name becomes a comma between them.
  char* list = static_cast<char*>(subject.arena.allocate(hello.alpn.size(), 1));
  std::size_t size = 0;
  for (std::string_view rest = hello.alpn; !rest.empty();) {
    const std::size_t length = static_cast<unsigned char>(rest[0]);
    if (length + 1 > rest.size()) return false;
    if (size != 0) list[size++] = ',';
    std::memcpy(list + size, rest.data() + 1, length);
    size += length;
    rest.remove_prefix(length + 1);
  }
  out.set_text({list, size});
  return true;
}

bool fetch_hello_groups(const Call&, Subject& subject, Cursor& cursor, Value& out) {
  ClientHello hello;
  if (!hello_of(subject, cursor, hello)) return false;
  out.set_bool(hello.has_supported_groups);
  return true;
}

bool fetch_hello_ticket(const Call&, Subject& subject, Cursor& cursor, Value& out) {
  ClientHello hello;
  if (!hello_of(subject, cursor, hello)) return false;
  out.set_integer(hello.session_ticket);
  return true;
}

constexpr Fetch kFetches[] = {
    {"dst", Type::Address, "", kNeedsClient, kOnNothing, fetch_destination},
    {"dst_port", Type::Integer, "", kNeedsClient, kOnNothing, fetch_destination_port},
    {"fc_dst", Type::Address, "", kNeedsClient, kOnNothing, fetch_wire_address<&Endpoints::wire_local>},
    {"fc_dst_port", Type::Integer, "", kNeedsClient, kOnNothing, fetch_wire_port<&Endpoints::wire_local>},
    {"fc_err", Type::Integer, "", kNeedsClient, kOnNothing, fetch_no_error},
    {"fc_http_major", Type::Integer, "", kNeedsKeptRequest, kOnNothing, fetch_http_major},
    {"fc_pinned", Type::Bool, "", kNeedsClient, kOnNothing, fetch_pinned},
    {"fc_rcvd_proxy", Type::Bool, "", kNeedsClient, kOnNothing, fetch_proxied},
    {"fc_src", Type::Address, "", kNeedsClient, kOnNothing, fetch_wire_address<&Endpoints::wire_peer>},
    {"fc_src_port", Type::Integer, "", kNeedsClient, kOnNothing, fetch_wire_port<&Endpoints::wire_peer>},
    {"http_first_req", Type::Bool, "", kNeedsKeptRequest, kOnNothing, fetch_first_request},
    {"payload", Type::Binary, "ii", kNeedsBytes, kOnMoment, fetch_payload},
    {"payload_lv", Type::Binary, "ii|t", kNeedsBytes, kOnMoment, fetch_payload_of_length},
    {"rep_ssl_hello_type", Type::Integer, "", kNeedsAnswer, kOnMoment, fetch_server_hello_type},
    {"req.len", Type::Integer, "", kNeedsBuffer, kOnMoment, fetch_length},
    {"req.payload", Type::Binary, "ii", kNeedsBuffer, kOnMoment, fetch_payload},
    {"req.payload_lv", Type::Binary, "ii|t", kNeedsBuffer, kOnMoment, fetch_payload_of_length},
    {"req.ssl_alpn", Type::Text, "", kNeedsBuffer, kOnMoment, fetch_hello_alpn},
    {"req.ssl_ec_ext", Type::Bool, "", kNeedsBuffer, kOnMoment, fetch_hello_groups},
    {"req.ssl_hello_type", Type::Integer, "", kNeedsBuffer, kOnMoment, fetch_hello_type},
    {"req.ssl_sni", Type::Text, "", kNeedsBuffer, kOnMoment, fetch_hello_sni},
    {"req.ssl_st_ext", Type::Integer, "", kNeedsBuffer, kOnMoment, fetch_hello_ticket},
    {"req.ssl_ver", Type::Integer, "", kNeedsBuffer, kOnMoment, fetch_hello_version},
    {"req_len", Type::Integer, "", kNeedsBuffer, kOnMoment, fetch_length},
    {"req_ssl_hello_type", Type::Integer, "", kNeedsBuffer, kOnMoment, fetch_hello_type},
    {"req_ssl_sni", Type::Text, "", kNeedsBuffer, kOnMoment, fetch_hello_sni},
    {"req_ssl_ver", Type::Integer, "", kNeedsBuffer, kOnMoment, fetch_hello_version},
    {"res.len", Type::Integer, "", kNeedsAnswer, kOnMoment, fetch_length},
    {"res.payload", Type::Binary, "ii", kNeedsAnswer, kOnMoment, fetch_payload},
    {"res.payload_lv", Type::Binary, "ii|t", kNeedsAnswer, kOnMoment, fetch_payload_of_length},
    {"res.ssl_hello_type", Type::Integer, "", kNeedsAnswer, kOnMoment, fetch_server_hello_type},
    {"so_id", Type::Integer, "", kNeedsClient, kOnNothing, fetch_bind_id},
    {"so_name", Type::Text, "", kNeedsClient, kOnNothing, fetch_bind_name},
    {"src", Type::Address, "", kNeedsClient, kOnNothing, fetch_source},
    {"src_port", Type::Integer, "", kNeedsClient, kOnNothing, fetch_source_port},
    {"ssl_fc", Type::Bool, "", kNeedsHandshake, kOnNothing, fetch_is_tls},
    {"ssl_fc_alg_keysize", Type::Integer, "", kNeedsHandshake, kOnNothing, fetch_key_size},
    {"ssl_fc_alpn", Type::Text, "", kNeedsHandshake, kOnNothing, fetch_tls_text<&TlsFacts::alpn>},
    {"ssl_fc_cipher", Type::Text, "", kNeedsHandshake, kOnNothing, fetch_tls_text<&TlsFacts::cipher>},
    {"ssl_fc_err", Type::Integer, "", kNeedsHandshake, kOnNothing, fetch_tls_no_error},
    {"ssl_fc_err_str", Type::Text, "", kNeedsHandshake, kOnNothing, fetch_nothing},
    {"ssl_fc_has_early", Type::Bool, "", kNeedsHandshake, kOnNothing, fetch_has_early},
    {"ssl_fc_has_sni", Type::Bool, "", kNeedsHandshake, kOnNothing, fetch_has_sni},
    {"ssl_fc_is_resumed", Type::Bool, "", kNeedsHandshake, kOnNothing, fetch_tls_bool<&TlsFacts::resumed>},
    {"ssl_fc_npn", Type::Text, "", kNeedsHandshake, kOnNothing, fetch_nothing},
    {"ssl_fc_protocol", Type::Text, "", kNeedsHandshake, kOnNothing, fetch_tls_text<&TlsFacts::version>},
    {"ssl_fc_session_id", Type::Binary, "", kNeedsHandshake, kOnNothing, fetch_resumption_id},
    {"ssl_fc_sni", Type::Text, "", kNeedsHandshake, kOnNothing, fetch_tls_text<&TlsFacts::sni>},
    {"ssl_fc_use_keysize", Type::Integer, "", kNeedsHandshake, kOnNothing, fetch_key_size},
    {"wait_end", Type::Bool, "", kNeedsNothing, kOnMoment, fetch_wait_end},
};

}  // namespace

std::span<const Fetch> connection_fetches() { return kFetches; }

}  // namespace penstock::rules
