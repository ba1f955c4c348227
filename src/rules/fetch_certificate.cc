// Samples about certificates: that which a client has shown, a server's, our own (manual section 7.3.4, ssl_c_*, ssl_s_*,
// ssl_f_*). They are read where they are asked for: most configurations never ask.
#include <optional>

#include "expression.h"
#include "penstock/net/certificate.h"
#include "penstock/net/tls_inquiry.h"

namespace penstock::rules {

namespace {

const TlsFacts* tls_of(const Subject& subject) {
  return subject.client == nullptr ? nullptr : subject.client->tls.facts();
}

TlsSession* session_of(Endpoints* ends) { return ends == nullptr ? nullptr : ends->tls_session(); }

// Whose certificate it is. In DER; empty: there is none.
using Whose = std::string_view (*)(Subject&);

std::string_view of_client(Subject& subject) {
  const TlsFacts* tls = tls_of(subject);
  return tls == nullptr ? std::string_view() : tls->peer_certificate;
}

std::string_view of_server(Subject& subject) {
  const TlsSession* session = session_of(subject.back);
  return session == nullptr ? std::string_view() : session->facts().peer_certificate;
}

std::string_view of_ours(Subject& subject) {
  TlsSession* const session = tls_of(subject) == nullptr ? nullptr : session_of(subject.client->ends);
  return session == nullptr ? std::string_view() : subject.arena.copy(TlsInquiry(*session).own_certificate());
}

// What `ask` makes of that certificate.
template <Whose whose, class Ask>
bool ask_certificate(Subject& subject, Ask ask) {
  const std::string_view der = whose(subject);
  if (der.empty()) return false;
  const Certificate certificate(der);
  return certificate && ask(certificate);
}

bool take_text(Subject& subject, std::string_view text, Value& out) {
  if (text.empty()) return false;
  out.set_text(subject.arena.copy(text));
  return true;
}

template <Whose whose, Certificate::Name which>
bool fetch_name(const Call& call, Subject& subject, Cursor&, Value& out) {
  return ask_certificate<whose>(subject, [&](const Certificate& certificate) {
    const std::string_view entry = call.text(0);
    return take_text(subject,
                     entry.empty() ? certificate.name(which, call.text(2) == "rfc2253")
                                   : certificate.name_entry(which, entry, call.integer(1, 1)),
                     out);
  });
}

template <Whose whose, Certificate::Date which>
bool fetch_date(const Call&, Subject& subject, Cursor&, Value& out) {
  return ask_certificate<whose>(
      subject, [&](const Certificate& certificate) { return take_text(subject, certificate.date(which), out); });
}

template <Whose whose, std::string (Certificate::*bytes)() const>
bool fetch_bytes(const Call&, Subject& subject, Cursor&, Value& out) {
  return ask_certificate<whose>(subject, [&](const Certificate& certificate) {
    out.set_binary(subject.arena.copy((certificate.*bytes)()));
    return true;
  });
}

template <Whose whose, std::string_view (Certificate::*name)() const>
bool fetch_algorithm(const Call&, Subject& subject, Cursor&, Value& out) {
  return ask_certificate<whose>(
      subject, [&](const Certificate& certificate) { return take_text(subject, (certificate.*name)(), out); });
}

template <Whose whose>
bool fetch_version(const Call&, Subject& subject, Cursor&, Value& out) {
  return ask_certificate<whose>(subject, [&](const Certificate& certificate) {
    out.set_integer(certificate.version());
    return true;
  });
}

template <Whose whose>
bool fetch_der(const Call&, Subject& subject, Cursor&, Value& out) {
  const std::string_view der = whose(subject);
  return !der.empty() && (out.set_binary(der), true);
}

// Those that the peer has shown: of a client, as HAProxy has it, without its own.
bool fetch_chain(Endpoints* ends, bool with_own, Subject& subject, Value& out) {
  TlsSession* const session = session_of(ends);
  const std::string chain = session == nullptr ? std::string() : TlsInquiry(*session).peer_chain(with_own);
  return !chain.empty() && (out.set_binary(subject.arena.copy(chain)), true);
}

bool fetch_client_chain(const Call&, Subject& subject, Cursor&, Value& out) {
  return tls_of(subject) != nullptr && fetch_chain(subject.client->ends, false, subject, out);
}

bool fetch_server_chain(const Call&, Subject& subject, Cursor&, Value& out) {
  return fetch_chain(subject.back, true, subject, out);
}

bool fetch_used(const Call&, Subject& subject, Cursor&, Value& out) {
  const TlsFacts* tls = tls_of(subject);
  if (tls == nullptr) return false;
  out.set_bool(!tls->peer_certificate.empty());
  return true;
}

// In this handshake, and not in the one that is resumed.
bool fetch_shown_now(const Call&, Subject& subject, Cursor&, Value& out) {
  const TlsFacts* tls = tls_of(subject);
  if (tls == nullptr) return false;
  out.set_bool(!tls->peer_certificate.empty() && !tls->resumed);
  return true;
}

template <int TlsFacts::*error>
bool fetch_error(const Call&, Subject& subject, Cursor&, Value& out) {
  const TlsFacts* tls = tls_of(subject);
  if (tls == nullptr) return false;
  out.set_integer(tls->*error);
  return true;
}

constexpr Fetch kFetches[] = {
    {"ssl_c_ca_err", Type::Integer, "", kNeedsHandshake, kOnNothing, fetch_error<&TlsFacts::ca_error>},
    {"ssl_c_ca_err_depth", Type::Integer, "", kNeedsHandshake, kOnNothing, fetch_error<&TlsFacts::ca_error_depth>},
    {"ssl_c_chain_der", Type::Binary, "", kNeedsHandshake, kOnNothing, fetch_client_chain},
    {"ssl_c_der", Type::Binary, "", kNeedsHandshake, kOnNothing, fetch_der<of_client>},
    {"ssl_c_err", Type::Integer, "", kNeedsHandshake, kOnNothing, fetch_error<&TlsFacts::leaf_error>},
    {"ssl_c_i_dn", Type::Text, "|tit", kNeedsHandshake, kOnNothing, fetch_name<of_client, Certificate::Name::Issuer>},
    {"ssl_c_key_alg", Type::Text, "", kNeedsHandshake, kOnNothing,
     fetch_algorithm<of_client, &Certificate::key_algorithm>},
    {"ssl_c_notafter", Type::Text, "", kNeedsHandshake, kOnNothing, fetch_date<of_client, Certificate::Date::NotAfter>},
    {"ssl_c_notbefore", Type::Text, "", kNeedsHandshake, kOnNothing,
     fetch_date<of_client, Certificate::Date::NotBefore>},
    {"ssl_c_s_dn", Type::Text, "|tit", kNeedsHandshake, kOnNothing, fetch_name<of_client, Certificate::Name::Subject>},
    {"ssl_c_serial", Type::Binary, "", kNeedsHandshake, kOnNothing, fetch_bytes<of_client, &Certificate::serial>},
    {"ssl_c_sha1", Type::Binary, "", kNeedsHandshake, kOnNothing, fetch_bytes<of_client, &Certificate::sha1>},
    {"ssl_c_sig_alg", Type::Text, "", kNeedsHandshake, kOnNothing,
     fetch_algorithm<of_client, &Certificate::signature_algorithm>},
    {"ssl_c_used", Type::Bool, "", kNeedsHandshake, kOnNothing, fetch_used},
    {"ssl_c_verify", Type::Integer, "", kNeedsHandshake, kOnNothing, fetch_error<&TlsFacts::verify_result>},
    {"ssl_c_version", Type::Integer, "", kNeedsHandshake, kOnNothing, fetch_version<of_client>},
    {"ssl_f_der", Type::Binary, "", kNeedsHandshake, kOnNothing, fetch_der<of_ours>},
    {"ssl_f_i_dn", Type::Text, "|tit", kNeedsHandshake, kOnNothing, fetch_name<of_ours, Certificate::Name::Issuer>},
    {"ssl_f_key_alg", Type::Text, "", kNeedsHandshake, kOnNothing,
     fetch_algorithm<of_ours, &Certificate::key_algorithm>},
    {"ssl_f_notafter", Type::Text, "", kNeedsHandshake, kOnNothing, fetch_date<of_ours, Certificate::Date::NotAfter>},
    {"ssl_f_notbefore", Type::Text, "", kNeedsHandshake, kOnNothing, fetch_date<of_ours, Certificate::Date::NotBefore>},
    {"ssl_f_s_dn", Type::Text, "|tit", kNeedsHandshake, kOnNothing, fetch_name<of_ours, Certificate::Name::Subject>},
    {"ssl_f_serial", Type::Binary, "", kNeedsHandshake, kOnNothing, fetch_bytes<of_ours, &Certificate::serial>},
    {"ssl_f_sha1", Type::Binary, "", kNeedsHandshake, kOnNothing, fetch_bytes<of_ours, &Certificate::sha1>},
    {"ssl_f_sig_alg", Type::Text, "", kNeedsHandshake, kOnNothing,
     fetch_algorithm<of_ours, &Certificate::signature_algorithm>},
    {"ssl_f_version", Type::Integer, "", kNeedsHandshake, kOnNothing, fetch_version<of_ours>},
    {"ssl_fc_has_crt", Type::Bool, "", kNeedsHandshake, kOnNothing, fetch_shown_now},
    {"ssl_s_chain_der", Type::Binary, "", kNeedsResponse, kOnMoment, fetch_server_chain},
    {"ssl_s_der", Type::Binary, "", kNeedsResponse, kOnMoment, fetch_der<of_server>},
    {"ssl_s_i_dn", Type::Text, "|tit", kNeedsResponse, kOnMoment, fetch_name<of_server, Certificate::Name::Issuer>},
    {"ssl_s_key_alg", Type::Text, "", kNeedsResponse, kOnMoment,
     fetch_algorithm<of_server, &Certificate::key_algorithm>},
    {"ssl_s_notafter", Type::Text, "", kNeedsResponse, kOnMoment, fetch_date<of_server, Certificate::Date::NotAfter>},
    {"ssl_s_notbefore", Type::Text, "", kNeedsResponse, kOnMoment, fetch_date<of_server, Certificate::Date::NotBefore>},
    {"ssl_s_s_dn", Type::Text, "|tit", kNeedsResponse, kOnMoment, fetch_name<of_server, Certificate::Name::Subject>},
    {"ssl_s_serial", Type::Binary, "", kNeedsResponse, kOnMoment, fetch_bytes<of_server, &Certificate::serial>},
    {"ssl_s_sha1", Type::Binary, "", kNeedsResponse, kOnMoment, fetch_bytes<of_server, &Certificate::sha1>},
    {"ssl_s_sig_alg", Type::Text, "", kNeedsResponse, kOnMoment,
     fetch_algorithm<of_server, &Certificate::signature_algorithm>},
    {"ssl_s_version", Type::Integer, "", kNeedsResponse, kOnMoment, fetch_version<of_server>},
};

}  // namespace

std::span<const Fetch> certificate_fetches() { return kFetches; }

}  // namespace penstock::rules
