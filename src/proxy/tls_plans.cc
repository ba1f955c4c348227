#include "tls_plans.h"

#include <cstdint>
#include <ctime>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/net/tls_credentials.h"
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
  key += format(" {} {} {} {} {}", tls.ca_verify_file, tls.ca_ignore_err, tls.crt_ignore_err, tls.ca_names, tls.resume);
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
  options.names_authorities = tls.ca_names;
  options.resume = tls.resume;
  options.skip_self_issued = config_.global.skip_self_issued_ca;
  options.hello_capture = config_.global.hello_capture;
  options.counts = &sources_.process.tls;
  if (const std::string* text = outside_.content(tls.ca_file)) options.ca_pem = *text;
  if (const std::string* text = outside_.content(tls.crl_file)) options.crl_pem = *text;
  options.extra_ca_name = tls.ca_verify_file;
  if (const std::string* text = outside_.content(tls.ca_verify_file)) options.extra_ca_pem = *text;
  options.ca_errors_ignored = errors_of(tls.ca_ignore_err);
  options.leaf_errors_ignored = errors_of(tls.crt_ignore_err);
  return options;
}

std::shared_ptr<const TlsContext> TlsPlans::for_bind(const config::Bind& bind, bool is_http) {
  std::string key = key_of_words(bind.tls) + (bind.strict_sni ? " strict" : "") +
                    (bind.prefer_client_ciphers ? " client" : "") + (is_http ? " http" : "");
  for (const config::CertificateSource& source : bind.certificates) key += "\n" + source.path;
  key += "\n" + bind.password_file + "\n" + bind.ticket_keys;
  if (bind.generate_certificates) key += "\n" + bind.ca_sign_file + "\n" + bind.ca_sign_pass;
  auto& known = for_binds_[key];
  if (known) return known;
  const std::vector<TlsOffer> offers = offers_of(bind, is_http);
  std::shared_ptr<const TicketKeys> tickets = ticket_keys_of(bind);
  std::shared_ptr<const TlsCredentials> signer = signer_of(bind);
  if (offers.empty() && !bind.strict_sni && !diagnostics_.failed())
    diagnostics_.add(bind.tls.place, "no certificate is left for this line");
  if (diagnostics_.failed()) return nullptr;
  TlsOptions options = options_of(bind.tls);
  options.prefer_client_ciphers = bind.prefer_client_ciphers;
  options.ticket_keys = std::move(tickets);
  options.signer = std::move(signer);
  options.made_up_kept = config_.global.made_up_kept;
  auto made = TlsContext::for_clients(options, offers, bind.strict_sni, sources_.tickets);
  if (!made) {
    const std::string& text = made.error().text;
    diagnostics_.add(place_meant(bind.tls, text, bind.tls.place), text);
    return nullptr;
  }
  for (const std::string& text : (*made)->warnings()) diagnostics_.warn(bind.tls.place, text);
  return known = *made;
}

std::vector<TlsOffer> TlsPlans::offers_of(const config::Bind& bind, bool is_http) {
  std::vector<TlsOffer> offers;
  for (const CertificateUse& use : uses_of(config_, bundle_, files_, bind, is_http, diagnostics_)) {
    auto credentials = credentials_of(bundle_.credentials(use.file), bind.password_file, use.place);
    if (!credentials) continue;
    judge_dates(*credentials, use.file, use.place);
    std::shared_ptr<TlsOptions> own;
    if (use.is_own) {
      own = std::make_shared<TlsOptions>(options_of(use.tls));
      own->prefer_client_ciphers = bind.prefer_client_ciphers;
    }
    offers.push_back({use.file, std::move(credentials), use.filters, std::move(own)});
  }
  return offers;
}

std::shared_ptr<const TlsCredentials> TlsPlans::signer_of(const config::Bind& bind) {
  if (!bind.generate_certificates || bind.ca_sign_file.empty()) return nullptr;
  PemFile file = bundle_.credentials(bind.ca_sign_file);
  file.password = Secret(bind.ca_sign_pass);
  const auto read = TlsCredentials::read(file);
  if (read) return *read;
  diagnostics_.add(bind.ca_sign_place, read.error().text);
  return nullptr;
}

std::shared_ptr<const TicketKeys> TlsPlans::ticket_keys_of(const config::Bind& bind) {
  if (bind.ticket_keys.empty()) return nullptr;
  for (const auto& [path, keys] : files_.ticket_keys) {
    if (path == bind.ticket_keys) return keys;
  }
  auto keys = TicketKeys::of_file(bundle_.secret(bind.ticket_keys).view());
  if (!keys) {
    diagnostics_.add(bind.ticket_keys_place, format("'{}': {}", bind.ticket_keys, keys.error().text));
    return nullptr;
  }
  return files_.ticket_keys.emplace_back(bind.ticket_keys, std::move(*keys)).second;
}

// A certificate that cannot be used is an error, and null; one that soon cannot, a warning.
std::shared_ptr<const TlsCredentials> TlsPlans::credentials_of(PemFile file, const std::string& password,
                                                               config::Place place) {
  if (auto known = files_.certificate(file.name)) return known;
  if (!password.empty()) {
    const Secret secret = bundle_.secret(password);
    std::string_view text = secret.view();
    file.password = Secret(text.substr(0, text.find_first_of("\r\n")));
  }
  const auto read = TlsCredentials::read(file);
  if (!read) {
    if (judged_.insert(file.name).second) diagnostics_.add(place, read.error().text);
    return nullptr;
  }
  return files_.certificates[file.name] = finished(*read, file.name, place);
}

// With a chain of issuers-chain-path, where it has none, and without an answer of a responder that is not good.
std::shared_ptr<const TlsCredentials> TlsPlans::finished(std::shared_ptr<const TlsCredentials> credentials,
                                                         const std::string& file, config::Place place) {
  read_issuers();
  for (const auto& [name, issuers] : files_.issuers) {
    if (auto completed = credentials->completed_by(*issuers, name)) {
      credentials = std::move(completed);
      break;
    }
  }
  const std::string trouble = credentials->ocsp_trouble();
  if (trouble.empty()) return credentials;
  diagnostics_.warn(place, format("what '{}.ocsp' says is not stapled: {}", file, trouble));
  return credentials->without_ocsp();
}

void TlsPlans::read_issuers() {
  const config::Global& global = config_.global;
  if (global.issuers_chain_path.empty() || !files_.issuers.empty()) return;
  for (const PemFile& file : bundle_.certificates(global.issuers_chain_path)) {
    auto chain = TlsCredentials::empty()->with(TlsCredentials::Part::All, file.text.view());
    if (chain) {
      files_.issuers[file.name] = std::move(*chain);
    } else {
      diagnostics_.warn(global.issuers_chain_place, format("'{}': {}", file.name, chain.error().text));
    }
  }
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
    certificate =
        credentials_of(outside_.credentials(server.certificate), server.password_file, server.certificate_place);
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
