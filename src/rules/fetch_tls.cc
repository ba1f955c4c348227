// Samples about TLS: of the connection to the server (manual section 7.3.4, ssl_bc*), and of the client's what is asked of
// the conversation while it lasts.
#include "expression.h"
#include "penstock/base/format.h"
#include "penstock/net/tls_inquiry.h"

namespace penstock::rules {

namespace {

// Whose connection. Null: there is none, or it is in clear text.
using Whose = TlsSession* (*)(const Subject&);

TlsSession* of_client(const Subject& subject) {
  if (subject.client == nullptr || !subject.client->tls || subject.client->ends == nullptr) return nullptr;
  return subject.client->ends->tls_session();
}

TlsSession* of_server(const Subject& subject) {
  return subject.back == nullptr ? nullptr : subject.back->tls_session();
}

bool some_bytes(Subject& subject, const std::string& bytes, Value& out) {
  return !bytes.empty() && (out.set_binary(subject.arena.copy(bytes)), true);
}

bool fetch_back_is_tls(const Call&, Subject& subject, Cursor&, Value& out) {
  return subject.back != nullptr && (out.set_bool(of_server(subject) != nullptr), true);
}

template <std::string_view TlsFacts::*fact>
bool fetch_back_text(const Call&, Subject& subject, Cursor&, Value& out) {
  const TlsSession* session = of_server(subject);
  const std::string_view text = session == nullptr ? std::string_view() : session->facts().*fact;
  return !text.empty() && (out.set_text(text), true);
}

bool fetch_back_session_id(const Call&, Subject& subject, Cursor&, Value& out) {
  const TlsSession* session = of_server(subject);
  const std::string_view id = session == nullptr ? std::string_view() : session->facts().resumption_id;
  return !id.empty() && (out.set_binary(subject.arena.copy(id)), true);
}

bool fetch_back_key_size(const Call&, Subject& subject, Cursor&, Value& out) {
  const TlsSession* session = of_server(subject);
  return session != nullptr && (out.set_integer(session->facts().cipher_bits), true);
}

bool fetch_back_is_resumed(const Call&, Subject& subject, Cursor&, Value& out) {
  const TlsSession* session = of_server(subject);
  return subject.back != nullptr && (out.set_bool(session != nullptr && session->facts().resumed), true);
}

// Of a connection that failed no rule is asked.
bool fetch_back_no_error(const Call&, Subject& subject, Cursor&, Value& out) {
  return of_server(subject) != nullptr && (out.set_integer(0), true);
}

bool fetch_nothing(const Call&, Subject&, Cursor&, Value&) { return false; }

template <Whose whose, std::string (TlsInquiry::*bytes)() const>
bool fetch_bytes(const Call&, Subject& subject, Cursor&, Value& out) {
  TlsSession* const session = whose(subject);
  return session != nullptr && some_bytes(subject, (TlsInquiry(*session).*bytes)(), out);
}

// The client's first message.

const HelloLists* hello_of(const Subject& subject) {
  TlsSession* const session = of_client(subject);
  return session == nullptr ? nullptr : TlsInquiry(*session).hello();
}

bool fetch_hello_version(const Call&, Subject& subject, Cursor&, Value& out) {
  const HelloLists* hello = hello_of(subject);
  return hello != nullptr && (out.set_integer(hello->version), true);
}

std::uint16_t number_at(std::string_view numbers, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(numbers[at]) << 8 |
                                    static_cast<unsigned char>(numbers[at + 1]));
}

// RFC 8701: numbers that stand for nothing.
bool is_grease(std::uint16_t number) { return (number & 0x0f0f) == 0x0a0a && number >> 8 == (number & 0xff); }

// A list of numbers of 16 bits, without those that stand for nothing if the argument says 1.
std::string numbers_of(const Call& call, std::string_view all) {
  if (call.integer(0, 0) != 1) return std::string(all);
  std::string kept;
  for (std::size_t at = 0; at + 1 < all.size(); at += 2) {
    if (!is_grease(number_at(all, at))) kept += all.substr(at, 2);
  }
  return kept;
}

template <std::string HelloLists::*list>
bool fetch_numbers(const Call& call, Subject& subject, Cursor&, Value& out) {
  const HelloLists* hello = hello_of(subject);
  return hello != nullptr && some_bytes(subject, numbers_of(call, hello->*list), out);
}

bool fetch_suites_hex(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  if (!fetch_numbers<&HelloLists::suites>(call, subject, cursor, out)) return false;
  std::string text;
  for (const char byte : out.text) append_format(text, "{:02X}", static_cast<unsigned char>(byte));
  return out.set_text(subject.arena.copy(text)), true;
}

bool fetch_suites_text(const Call& call, Subject& subject, Cursor& cursor, Value& out) {
  if (!fetch_numbers<&HelloLists::suites>(call, subject, cursor, out)) return false;
  std::string text;
  for (std::size_t at = 0; at + 1 < out.text.size(); at += 2)
    text += (text.empty() ? "" : ",") + tls_suite_name(number_at(out.text, at));
  return out.set_text(subject.arena.copy(text)), true;
}

bool fetch_suites_hash(const Call&, Subject& subject, Cursor&, Value& out) {
  const HelloLists* hello = hello_of(subject);
  return hello != nullptr && (out.set_integer(static_cast<std::int64_t>(hello->suites_hash)), true);
}

constexpr Fetch kFetches[] = {
    {"ssl_bc", Type::Bool, "", kNeedsResponse, kOnMoment, fetch_back_is_tls},
    {"ssl_bc_alg_keysize", Type::Integer, "", kNeedsResponse, kOnMoment, fetch_back_key_size},
    {"ssl_bc_alpn", Type::Text, "", kNeedsResponse, kOnMoment, fetch_back_text<&TlsFacts::alpn>},
    {"ssl_bc_cipher", Type::Text, "", kNeedsResponse, kOnMoment, fetch_back_text<&TlsFacts::cipher>},
    {"ssl_bc_client_random", Type::Binary, "", kNeedsResponse, kOnMoment,
     fetch_bytes<of_server, &TlsInquiry::client_random>},
    {"ssl_bc_err", Type::Integer, "", kNeedsResponse, kOnMoment, fetch_back_no_error},
    {"ssl_bc_err_str", Type::Text, "", kNeedsResponse, kOnMoment, fetch_nothing},
    {"ssl_bc_is_resumed", Type::Bool, "", kNeedsResponse, kOnMoment, fetch_back_is_resumed},
    {"ssl_bc_npn", Type::Text, "", kNeedsResponse, kOnMoment, fetch_nothing},
    {"ssl_bc_protocol", Type::Text, "", kNeedsResponse, kOnMoment, fetch_back_text<&TlsFacts::version>},
    {"ssl_bc_server_random", Type::Binary, "", kNeedsResponse, kOnMoment,
     fetch_bytes<of_server, &TlsInquiry::server_random>},
    {"ssl_bc_session_id", Type::Binary, "", kNeedsResponse, kOnMoment, fetch_back_session_id},
    {"ssl_bc_unique_id", Type::Binary, "", kNeedsResponse, kOnMoment, fetch_bytes<of_server, &TlsInquiry::unique_id>},
    {"ssl_bc_use_keysize", Type::Integer, "", kNeedsResponse, kOnMoment, fetch_back_key_size},
    {"ssl_fc_cipherlist_bin", Type::Binary, "|i", kNeedsHandshake, kOnNothing, fetch_numbers<&HelloLists::suites>},
    {"ssl_fc_cipherlist_hex", Type::Text, "|i", kNeedsHandshake, kOnNothing, fetch_suites_hex},
    {"ssl_fc_cipherlist_str", Type::Text, "|i", kNeedsHandshake, kOnNothing, fetch_suites_text},
    {"ssl_fc_cipherlist_xxh", Type::Integer, "", kNeedsHandshake, kOnNothing, fetch_suites_hash},
    {"ssl_fc_client_random", Type::Binary, "", kNeedsHandshake, kOnNothing,
     fetch_bytes<of_client, &TlsInquiry::client_random>},
    {"ssl_fc_ecformats_bin", Type::Binary, "", kNeedsHandshake, kOnNothing, fetch_numbers<&HelloLists::point_formats>},
    {"ssl_fc_eclist_bin", Type::Binary, "|i", kNeedsHandshake, kOnNothing, fetch_numbers<&HelloLists::groups>},
    {"ssl_fc_extlist_bin", Type::Binary, "|i", kNeedsHandshake, kOnNothing, fetch_numbers<&HelloLists::extensions>},
    {"ssl_fc_protocol_hello_id", Type::Integer, "", kNeedsHandshake, kOnNothing, fetch_hello_version},
    {"ssl_fc_server_random", Type::Binary, "", kNeedsHandshake, kOnNothing,
     fetch_bytes<of_client, &TlsInquiry::server_random>},
    {"ssl_fc_unique_id", Type::Binary, "", kNeedsHandshake, kOnNothing, fetch_bytes<of_client, &TlsInquiry::unique_id>},
};

}  // namespace

std::span<const Fetch> tls_fetches() { return kFetches; }

}  // namespace penstock::rules
