// TLS words shared by bind lines, server lines and ssl-default-*-options (configuration manual
// sections 5.1 and 5.2).
#include "dump_words.h"
#include "keywords.h"

namespace penstock::config {

namespace {

constexpr std::string_view kVersions[] = {"SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"};

TlsVersion take_version(Line& line) {
  const auto choice = line.take_choice(kVersions);
  if (!choice) return TlsVersion::Unset;
  if (*choice != 0) return static_cast<TlsVersion>(*choice);
  line.warn(format("'{} SSLv3': SSLv3 is never spoken here, TLSv1.0 is the oldest version", line.subject));
  return TlsVersion::Tls10;
}

}  // namespace

void take_min_version(Line& line, Tls& tls) { tls.min_version = take_version(line); }
void take_max_version(Line& line, Tls& tls) { tls.max_version = take_version(line); }

std::string_view version_text(TlsVersion version) { return kVersions[static_cast<std::size_t>(version)]; }

void exclude_version(Line&, Tls& tls, TlsVersion version) { tls.excluded |= 1u << static_cast<unsigned>(version); }

void force_version(Line&, Tls& tls, TlsVersion version) { tls.min_version = tls.max_version = version; }

std::vector<std::string> take_alpn(Line& line) {
  const Word* word = line.take_filled("a comma separated list such as http/1.1");
  std::vector<std::string> protocols;
  if (word == nullptr) return protocols;
  std::string_view rest = word->text;
  while (!rest.empty()) {
    const std::string_view protocol = cut(rest, ',');
    if (protocol.empty() || protocol.size() > 255) {
      line.complain(word->place, format("'{}' holds an empty protocol name, or one longer than 255 bytes", word->text));
      return {};
    }
    protocols.emplace_back(protocol);
  }
  return protocols;
}

void warn_ciphersuites(Line& line) {
  line.warn(format("'{}' has no effect: BoringSSL chooses the cipher suites of TLS 1.3 itself", line.subject));
}

std::string based(std::string_view base, std::string path) {
  if (base.empty() || path.empty() || path[0] == '/' || path[0] == '@') return path;
  return format("{}{}{}", base, base.ends_with('/') ? "" : "/", path);
}

void take_based(Line& line, std::string_view base, std::string_view what, std::string& path, Place& place) {
  const Word* word = line.take_filled(what);
  if (word == nullptr) return;
  path = based(base, word->text);
  place = word->place;
}

void add_tls(std::string& words, const Tls& tls, const Tls& standard, bool is_bind) {
  add_flag(words, "ssl", tls.enabled);
  if (tls.min_version != standard.min_version) append_format(words, " ssl-min-ver {}", version_text(tls.min_version));
  if (tls.max_version != standard.max_version) append_format(words, " ssl-max-ver {}", version_text(tls.max_version));
  if (tls.tickets != standard.tickets) words += tls.tickets ? " tls-tickets" : " no-tls-tickets";
  if (tls.ciphers != standard.ciphers) add_word(words, "ciphers", tls.ciphers);
  if (tls.ciphersuites != standard.ciphersuites) add_word(words, "ciphersuites", tls.ciphersuites);
  if (is_bind && tls.curves != standard.curves) add_word(words, "curves", tls.curves);
  add_word(words, "alpn", joined(tls.alpn));
  static constexpr const char* kVerify[] = {"", " verify none", " verify optional", " verify required"};
  words += kVerify[static_cast<std::size_t>(tls.verify)];
  add_word(words, "ca-file", tls.ca_file);
  add_word(words, "ca-verify-file", tls.ca_verify_file);
  add_word(words, "crl-file", tls.crl_file);
  add_word(words, "ca-ignore-err", tls.ca_ignore_err);
  add_word(words, "crt-ignore-err", tls.crt_ignore_err);
  if (tls.ca_names != standard.ca_names) add_flag(words, "no-ca-names", !tls.ca_names);
  if (tls.resume != standard.resume) words += tls.resume ? " ssl-reuse" : " no-ssl-reuse";
}

void add_server_tls(std::string& words, const Server& server, const Tls& standard) {
  add_tls(words, server.tls, standard, false);
  if (server.sni) add_word(words, "sni", server.sni->text);
  add_word(words, "verifyhost", server.verify_host);
  add_word(words, "crt", server.certificate);
  add_word(words, "password-file", server.password_file);
}

}  // namespace penstock::config
