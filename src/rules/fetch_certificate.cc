// Samples about the certificate that a client has shown (manual section 7.3.4, ssl_c_*). It is read
// where it is asked for: most configurations never ask.
#include <optional>

#include "expression.h"
#include "penstock/net/certificate.h"

namespace penstock::rules {

namespace {

const TlsFacts* tls_of(const Subject& subject) {
  return subject.client == nullptr ? nullptr : subject.client->tls.facts();
}

// What `ask` makes of the client's certificate; nothing if it has shown none.
template <class Ask>
bool ask_certificate(Subject& subject, Ask ask) {
  const TlsFacts* tls = tls_of(subject);
  if (tls == nullptr || tls->peer_certificate.empty()) return false;
  const Certificate certificate(tls->peer_certificate);
  return certificate && ask(certificate);
}

bool take_text(Subject& subject, std::string_view text, Value& out) {
  if (text.empty()) return false;
  out.set_text(subject.arena.copy(text));
  return true;
}

template <Certificate::Name which>
bool fetch_name(const Call& call, Subject& subject, Cursor&, Value& out) {
  return ask_certificate(subject, [&](const Certificate& certificate) {
    const std::string_view entry = call.text(0);
    return take_text(subject,
                     entry.empty() ? certificate.name(which, call.text(2) == "rfc2253")
                                   : certificate.name_entry(which, entry, call.integer(1, 1)),
                     out);
  });
}

template <Certificate::Date which>
bool fetch_date(const Call&, Subject& subject, Cursor&, Value& out) {
  return ask_certificate(
      subject, [&](const Certificate& certificate) { return take_text(subject, certificate.date(which), out); });
}

template <std::string (Certificate::*bytes)() const>
bool fetch_bytes(const Call&, Subject& subject, Cursor&, Value& out) {
  return ask_certificate(subject, [&](const Certificate& certificate) {
    out.set_binary(subject.arena.copy((certificate.*bytes)()));
    return true;
  });
}

template <std::string_view (Certificate::*name)() const>
bool fetch_algorithm(const Call&, Subject& subject, Cursor&, Value& out) {
  return ask_certificate(
      subject, [&](const Certificate& certificate) { return take_text(subject, (certificate.*name)(), out); });
}

bool fetch_version(const Call&, Subject& subject, Cursor&, Value& out) {
  return ask_certificate(subject, [&](const Certificate& certificate) {
    out.set_integer(certificate.version());
    return true;
  });
}

bool fetch_der(const Call&, Subject& subject, Cursor&, Value& out) {
  const TlsFacts* tls = tls_of(subject);
  if (tls == nullptr || tls->peer_certificate.empty()) return false;
  out.set_binary(tls->peer_certificate);
  return true;
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
    {"ssl_c_der", Type::Binary, "", kNeedsHandshake, kOnNothing, fetch_der},
    {"ssl_c_err", Type::Integer, "", kNeedsHandshake, kOnNothing, fetch_error<&TlsFacts::leaf_error>},
    {"ssl_c_i_dn", Type::Text, "|tit", kNeedsHandshake, kOnNothing, fetch_name<Certificate::Name::Issuer>},
    {"ssl_c_key_alg", Type::Text, "", kNeedsHandshake, kOnNothing, fetch_algorithm<&Certificate::key_algorithm>},
    {"ssl_c_notafter", Type::Text, "", kNeedsHandshake, kOnNothing, fetch_date<Certificate::Date::NotAfter>},
    {"ssl_c_notbefore", Type::Text, "", kNeedsHandshake, kOnNothing, fetch_date<Certificate::Date::NotBefore>},
    {"ssl_c_s_dn", Type::Text, "|tit", kNeedsHandshake, kOnNothing, fetch_name<Certificate::Name::Subject>},
    {"ssl_c_serial", Type::Binary, "", kNeedsHandshake, kOnNothing, fetch_bytes<&Certificate::serial>},
    {"ssl_c_sha1", Type::Binary, "", kNeedsHandshake, kOnNothing, fetch_bytes<&Certificate::sha1>},
    {"ssl_c_sig_alg", Type::Text, "", kNeedsHandshake, kOnNothing, fetch_algorithm<&Certificate::signature_algorithm>},
    {"ssl_c_used", Type::Bool, "", kNeedsHandshake, kOnNothing, fetch_used},
    {"ssl_c_verify", Type::Integer, "", kNeedsHandshake, kOnNothing, fetch_error<&TlsFacts::verify_result>},
    {"ssl_c_version", Type::Integer, "", kNeedsHandshake, kOnNothing, fetch_version},
    {"ssl_fc_has_crt", Type::Bool, "", kNeedsHandshake, kOnNothing, fetch_shown_now},
};

}  // namespace

std::span<const Fetch> certificate_fetches() { return kFetches; }

}  // namespace penstock::rules
