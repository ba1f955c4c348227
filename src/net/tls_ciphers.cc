#include "tls_ciphers.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "penstock/base/format.h"

namespace penstock {
namespace {

// Authenticated ones first; of equals the peer chooses, who knows whether it has AES in hardware. The library
// drops the key exchange of those that a certificate cannot serve.
constexpr std::string_view kForwardSecret =
    "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305|ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-"
    "POLY1305]:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA";
// What an old server may have nothing beside.
constexpr std::string_view kStaticRsa = "AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA:AES256-SHA";

std::string default_ciphers(TlsPeer peer) {
  return peer == TlsPeer::Client ? std::string(kForwardSecret) : format("{}:{}", kForwardSecret, kStaticRsa);
}

std::vector<std::string> split(std::string_view list, std::string_view separators) {
  std::vector<std::string> words;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find_first_of(separators), list.size());
    if (end != 0) words.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return words;
}

std::string join(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

// OpenSSL's ECDH means ECDHE since it dropped the static kind; BoringSSL lacks that word.
std::string translated(const std::string& selector) {
  std::vector<std::string> parts = split(selector, "+");
  for (std::string& part : parts) {
    if (part == "ECDH") part = "ECDHE";
  }
  return join(parts, "+");
}

bool library_takes(SSL_CTX* scratch, const std::string& list) {
  const bool taken = SSL_CTX_set_strict_cipher_list(scratch, list.c_str()) == 1;
  ERR_clear_error();
  return taken;
}

bool is_tls13_suite(std::string_view word) { return word.starts_with("TLS_AES_") || word.starts_with("TLS_CHACHA20_"); }

std::string left_out(const std::string& word) {
  if (is_tls13_suite(word))
    return format("cipher \"{}\" left out: the suites of TLS 1.3 are all on and cannot be chosen", word);
  if (word.starts_with("@SECLEVEL="))
    return format("\"{}\" in ciphers has no effect: BoringSSL knows no security levels", word);
  return format("cipher \"{}\" left out: BoringSSL has no such cipher", word);
}

// HIGH and ALL have it here, and nowhere else any more.
bool names_3des(std::string_view word) {
  return word.find("3DES") != std::string_view::npos || word.find("DES-CBC3") != std::string_view::npos;
}

// "DEFAULT@SECLEVEL=1" is two words, written without the colon.
std::vector<std::string> words_of(std::string_view list) {
  std::vector<std::string> words;
  for (const std::string& word : split(list, ":, ;")) {
    const std::size_t level = word.find("@SECLEVEL=");
    if (level == std::string::npos || level == 0) {
      words.push_back(word);
      continue;
    }
    words.push_back(word.substr(0, level));
    words.push_back(word.substr(level));
  }
  return words;
}

}  // namespace

Result<std::string> known_ciphers(std::string_view list, TlsPeer peer, std::vector<std::string>& warnings) {
  if (list.empty()) return default_ciphers(peer);
  bssl::UniquePtr<SSL_CTX> scratch(SSL_CTX_new(TLS_method()));
  // Groups of equal preference are BoringSSL's own; who writes them writes for it.
  if (list.find('[') != std::string_view::npos) {
    if (library_takes(scratch.get(), std::string(list))) return std::string(list);
    return Error{format("ciphers \"{}\": not understood", list)};
  }
  std::vector<std::string> kept;
  std::vector<std::string> unknown;
  bool selects = false;
  bool wants_3des = false;
  for (const std::string& word : words_of(list)) {
    const bool has_sign = word.starts_with('!') || word.starts_with('-') || word.starts_with('+');
    if (has_sign) {
      const std::string selector = translated(word.substr(1));
      if (library_takes(scratch.get(), selector)) kept.push_back(word.substr(0, 1) + selector);
      continue;
    }
    if (word == "@STRENGTH") {
      kept.push_back(word);
      continue;
    }
    std::string changed = translated(word);
    if (!library_takes(scratch.get(), changed)) {
      unknown.push_back(word);
      continue;
    }
    selects = true;
    wants_3des = wants_3des || names_3des(word);
    kept.push_back(std::move(changed));
  }
  if (!selects)
    return Error{format("ciphers: BoringSSL has none of \"{}\"", unknown.empty() ? list : join(unknown, ":"))};
  if (!wants_3des) kept.emplace_back("!3DES");
  std::string text = join(kept, ":");
  if (!library_takes(scratch.get(), text)) return Error{format("ciphers \"{}\" leave none", list)};
  for (const std::string& word : unknown) warnings.push_back(left_out(word));
  return text;
}

Result<std::string> known_curves(std::string_view list) {
  bssl::UniquePtr<SSL_CTX> scratch(SSL_CTX_new(TLS_method()));
  std::vector<std::string> curves = split(list, ":, ");
  for (std::string& curve : curves) {
    if (curve == "secp256r1") curve = "P-256";
    const bool known = SSL_CTX_set1_curves_list(scratch.get(), curve.c_str()) == 1;
    ERR_clear_error();
    if (!known) return Error{format("curve \"{}\" is unknown to BoringSSL", curve)};
  }
  if (curves.empty()) return Error{format("curves \"{}\": no curve in it", list)};
  return join(curves, ":");
}

}  // namespace penstock
