#include "tls_plans.h"

#include <cstdint>
#include <ctime>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/proxy/plan.h"

namespace penstock {
namespace {

constexpr std::int64_t kNearEndSeconds = 14 * 86400;

std::uint16_t wire_version(config::TlsVersion version) {
  switch (version) {
    case config::TlsVersion::Unset:
      return 0;
    case config::TlsVersion::Tls10:
      return 0x0301;
    case config::TlsVersion::Tls11:
      return 0x0302;
    case config::TlsVersion::Tls12:
      return 0x0303;
    case config::TlsVersion::Tls13:
      return 0x0304;
  }
  return 0;
}

VerifyErrors errors_of(std::string_view list) {
  VerifyErrors errors;
  if (list == "all") return errors.set();
  while (!list.empty()) errors.set(static_cast<std::size_t>(*parse_unsigned(cut(list, ','))));
  return errors;
}

std::string key_of_words(const config::Tls& tls) {
  std::string key = format("{} {} {} {} {} {} {} {} {}", static_cast<int>(tls.min_version),
                           static_cast<int>(tls.max_version), tls.ciphers, tls.curves, tls.tickets,
                           static_cast<int>(tls.verify), tls.ca_file, tls.crl_file, tls.alpn.size());
  key += format(" {} {} {}", tls.ca_verify_file, tls.ca_ignore_err, tls.crt_ignore_err);
  for (const std::string& protocol : tls.alpn) key += " " + protocol;
  return key;
}

// Of a complaint about TLS settings: that of the file which it is about, if it is about one.
config::Place place_meant(const config::Tls& tls, std::string_view text, config::Place otherwise) {
  const auto is_about = [&](const std::string& path) { return !path.empty() && text.starts_with(path); };
  if (is_about(tls.ca_file)) return tls.ca_place;
  if (is_about(tls.crl_file)) return tls.crl_place;
  return is_about(tls.ca_verify_file) ? tls.ca_verify_place : otherwise;
}

}  // namespace

TlsOptions TlsPlans::options_of(const config::Tls& tls) {
  TlsOptions options;
  if (tls.min_version != config::TlsVersion::Unset) options.min_version = wire_version(tls.min_version);
  if (tls.max_version != config::TlsVersion::Unset) options.max_version = wire_version(tls.max_version);
  options.ciphers = tls.ciphers;
  options.curves = tls.curves;
  options.alpn = tls.alpn;
  options.tickets = tls.tickets;
  options.lifetime_s = config_.global.ssl_lifetime_s;
  if (tls.verify == config::Tls::Verify::Optional) options.check = TlsPeerCheck::Optional;
  if (tls.verify == config::Tls::Verify::Required) options.check = TlsPeerCheck::Required;
  options.ca_name = tls.ca_file;
  options.crl_name = tls.crl_file;
  options.system_ca = tls.ca_file == kSystemCa;
  if (const std::string* text = outside_.content(tls.ca_file)) options.ca_pem = *text;
  if (const std::string* text = outside_.content(tls.crl_file)) options.crl_pem = *text;
  options.extra_ca_name = tls.ca_verify_file;
  if (const std::string* text = outside_.content(tls.ca_verify_file)) options.extra_ca_pem = *text;
  options.ca_errors_ignored = errors_of(tls.ca_ignore_err);
  options.leaf_errors_ignored = errors_of(tls.crt_ignore_err);
  return options;
}

std::shared_ptr<const TlsContext> TlsPlans::for_bind(const config::Bind& bind) {
  std::string key =
      key_of_words(bind.tls) + (bind.strict_sni ? " strict" : "") + (bind.prefer_client_ciphers ? " client" : "");
  for (const config::CertificateSource& source : bind.certificates) key += "\n" + source.path;
  auto& known = for_binds_[key];
  if (known) return known;
  std::vector<TlsOffer> certificates;
  for (const config::CertificateSource& source : bind.certificates) {
    for (const PemFile& file : bundle_.certificates(source.path)) {
      auto credentials = credentials_of(file, source.place);
      if (!credentials) continue;
      judge_dates(*credentials, file.name, source.place);
      certificates.push_back({file.name, std::move(credentials), {}, nullptr});
    }
  }
  if (certificates.empty() || diagnostics_.failed()) return nullptr;
  TlsOptions options = options_of(bind.tls);
  options.prefer_client_ciphers = bind.prefer_client_ciphers;
  auto made = TlsContext::for_clients(options, certificates, bind.strict_sni, tickets_);
  if (!made) {
    const std::string& text = made.error().text;
    diagnostics_.add(place_meant(bind.tls, text, bind.tls.place), text);
    return nullptr;
  }
  for (const std::string& text : (*made)->warnings()) diagnostics_.warn(bind.tls.place, text);
  return known = *made;
}

// A certificate that cannot be used is an error, and null; one that soon cannot, a warning.
std::shared_ptr<const TlsCredentials> TlsPlans::credentials_of(const PemFile& file, config::Place place) {
  if (auto known = files_.certificate(file.name)) return known;
  const auto read = TlsCredentials::read(file);
  if (!read) {
    if (judged_.insert(file.name).second) diagnostics_.add(place, read.error().text);
    return nullptr;
  }
  files_.certificates[file.name] = *read;
  return *read;
}

void TlsPlans::judge_dates(const TlsCredentials& credentials, const std::string& file, config::Place place) {
  if (!judged_.insert(file).second) return;
  const std::int64_t now = std::time(nullptr);
  for (const CertificateFacts& facts : credentials.facts(file)) {
    const std::string who = facts.names.empty() ? file : format("{} ({})", file, facts.names.front());
    if (facts.not_after <= now) {
      diagnostics_.warn(
          place, format("the certificate {} ended on {}: clients will refuse it", who, date_text(facts.not_after)));
    } else if (facts.not_after - now < kNearEndSeconds) {
      diagnostics_.warn(place, format("the certificate {} ends on {}", who, date_text(facts.not_after)));
    } else if (facts.not_before > now) {
      diagnostics_.warn(place, format("the certificate {} is not valid before {}", who, date_text(facts.not_before)));
    }
  }
}

std::string TlsPlans::identity_of(const std::string& file) const {
  std::string identity;
  if (const auto credentials = files_.certificate(file)) {
    for (const CertificateDetails& certificate : credentials->details()) identity += certificate.sha1;
  }
  return identity;
}

std::string TlsPlans::key_of(const config::Server& server, const config::Tls& tls) {
  return key_of_words(tls) + "\n" + server.certificate;
}

std::shared_ptr<const TlsContext> TlsPlans::for_server(const config::Server& server, const config::Tls& tls) {
  // That a CA is lacking was said where the line was judged.
  if (tls.verify == config::Tls::Verify::Required && tls.ca_file.empty()) return nullptr;
  outside_.note_files(tls, server.certificate);
  auto& known = for_servers_[key_of(server, tls)];
  if (known && !known->warnings().empty()) outside_.must_be_said_again();
  if (known) return known;
  std::shared_ptr<const TlsCredentials> certificate;
  if (!server.certificate.empty()) {
    certificate = credentials_of(outside_.credentials(server.certificate), server.certificate_place);
    if (!certificate) return nullptr;
  }
  auto made = TlsContext::for_servers(options_of(tls), certificate.get());
  if (!made) {
    const std::string& text = made.error().text;
    const config::Place otherwise = server.tls.place.line != 0 ? server.tls.place : server.place;
    diagnostics_.add(place_meant(tls, text, otherwise), text);
    return nullptr;
  }
  for (const std::string& text : (*made)->warnings()) diagnostics_.warn(server.tls.place, text);
  return known = *made;
}

}  // namespace penstock
