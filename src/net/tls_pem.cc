#include "tls_pem.h"

#include <openssl/asn1.h>
#include <openssl/bytestring.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/obj.h>
#include <openssl/pem.h>
#include <openssl/pkcs8.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "tls_library.h"

namespace penstock {
namespace {

// One block between BEGIN and END, still in DER.
struct Section {
  std::string kind;  // "CERTIFICATE", "EC PRIVATE KEY", ...
  bool encrypted = false;
  bssl::UniquePtr<std::uint8_t> bytes;
  std::size_t size = 0;
};

bool is_certificate(const Section& section) {
  return section.kind == PEM_STRING_X509 || section.kind == PEM_STRING_X509_OLD ||
         section.kind == PEM_STRING_X509_TRUSTED;
}

bool is_key(const Section& section) { return section.kind.ends_with("PRIVATE KEY"); }

Error complaint(std::string_view file, std::string_view cause) { return Error{format("{}: {}", file, cause)}; }

// What is in a file that is not PEM: administrators of IIS have .pfx and .cer files at hand.
std::string_view guess_of(std::string_view text) {
  if (text.empty()) return "the file is empty";
  if (text.starts_with("\xff\xfe")) return "this is UTF-16 text; save it as ASCII";
  // A SEQUENCE with a length of more than 127 bytes.
  if (text.size() > 1 && text[0] == 0x30 && (text[1] & 0x80) != 0)
    return "this is not PEM but binary (DER); convert it to PEM first";
  return {};
}

Result<std::vector<Section>> read_sections(std::string_view file, std::string_view text) {
  std::vector<Section> sections;
  // Editors on Windows put a byte order mark in front, which would hide the first line.
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  bssl::UniquePtr<BIO> bio = reading_bio(text);
  for (;;) {
    char* kind = nullptr;
    char* header = nullptr;
    unsigned char* bytes = nullptr;
    long size = 0;
    ERR_clear_error();
    if (PEM_read_bio(bio.get(), &kind, &header, &bytes, &size) != 1) break;
    Section section;
    section.kind = kind;
    section.encrypted =
        section.kind == "ENCRYPTED PRIVATE KEY" || std::string_view(header).find("ENCRYPTED") != std::string_view::npos;
    section.bytes.reset(bytes);
    section.size = static_cast<std::size_t>(size);
    OPENSSL_free(kind);
    OPENSSL_free(header);
    sections.push_back(std::move(section));
  }
  const std::uint32_t error = ERR_peek_error();
  ERR_clear_error();
  if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE) {
    return complaint(file, format("block {} of it is damaged: {}", sections.size() + 1, library_error_words(error)));
  }
  return sections;
}

Result<bssl::UniquePtr<X509>> parse_certificate(std::string_view file, const Section& section, std::size_t number) {
  const std::uint8_t* at = section.bytes.get();
  bssl::UniquePtr<X509> certificate(d2i_X509(nullptr, &at, static_cast<long>(section.size)));
  if (certificate == nullptr) {
    return complaint(file, format("certificate {} of it cannot be read: {}", number, take_library_error()));
  }
  return certificate;
}

bssl::UniquePtr<EVP_PKEY> parse_rsa_key(CBS& bytes) {
  bssl::UniquePtr<RSA> rsa(RSA_parse_private_key(&bytes));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (rsa == nullptr || EVP_PKEY_set1_RSA(key.get(), rsa.get()) != 1) return nullptr;
  return key;
}

bssl::UniquePtr<EVP_PKEY> parse_ec_key(CBS& bytes) {
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_parse_private_key(&bytes, nullptr));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (ec == nullptr || EVP_PKEY_set1_EC_KEY(key.get(), ec.get()) != 1) return nullptr;
  return key;
}

// Whether a key that PKCS #8 wraps may by its own word be used for RSASSA-PSS alone (RFC 5756).
bool is_pss_only(const Section& section) {
  constexpr std::uint8_t kRsassaPss[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a};
  CBS bytes, key, algorithm, kind;
  CBS_init(&bytes, section.bytes.get(), section.size);
  return section.kind == "PRIVATE KEY" && CBS_get_asn1(&bytes, &key, CBS_ASN1_SEQUENCE) == 1 &&
         CBS_get_asn1(&key, nullptr, CBS_ASN1_INTEGER) == 1 && CBS_get_asn1(&key, &algorithm, CBS_ASN1_SEQUENCE) == 1 &&
         CBS_get_asn1(&algorithm, &kind, CBS_ASN1_OBJECT) == 1 &&
         CBS_mem_equal(&kind, kRsassaPss, sizeof(kRsassaPss)) == 1;
}

constexpr std::string_view kKinds = "RSA, P-256, P-384, P-521 or Ed25519 are needed";

Result<bssl::UniquePtr<EVP_PKEY>> parse_key(std::string_view file, const Section& section) {
  if (section.encrypted) {
    return complaint(file,
                     "the private key in it is encrypted; nobody can type a password at start, store it in clear");
  }
  CBS bytes;
  CBS_init(&bytes, section.bytes.get(), section.size);
  bssl::UniquePtr<EVP_PKEY> key;
  if (section.kind == "RSA PRIVATE KEY") {
    key = parse_rsa_key(bytes);
  } else if (section.kind == "EC PRIVATE KEY") {
    key = parse_ec_key(bytes);
  } else if (section.kind == "PRIVATE KEY") {
    key.reset(EVP_parse_private_key(&bytes));
  } else {
    return complaint(file, format("a key of kind \"{}\" is not supported", section.kind));
  }
  if (key != nullptr) return key;
  const std::string why = take_library_error();
  if (is_pss_only(section)) {
    return complaint(file,
                     "its key is for RSA-PSS alone, which the TLS library does not know; take a certificate of an "
                     "ordinary RSA key, which signs with PSS in TLS as well, or of a P-256 one");
  }
  return complaint(file, format("the private key in it cannot be read: {} ({})", why, kKinds));
}

// The first key of the file, which `password` opens.
Result<bssl::UniquePtr<EVP_PKEY>> parse_encrypted_key(const PemFile& file) {
  const bssl::UniquePtr<BIO> bio = reading_bio(file.text.view());
  WipedText password(file.password.view());
  bssl::UniquePtr<EVP_PKEY> key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, const_cast<char*>(password.c_str())));
  const std::string why = take_library_error();
  if (key != nullptr) return key;
  return complaint(file.name, format("the private key in it cannot be opened with the password given: {}", why));
}

bool belongs(X509& certificate, const EVP_PKEY& key) {
  const bool fits = X509_check_private_key(&certificate, const_cast<EVP_PKEY*>(&key)) == 1;
  ERR_clear_error();
  return fits;
}

// The key of the leaf among all keys of the file, or what an administrator mixed up.
Result<bssl::UniquePtr<EVP_PKEY>> choose_key(const PemFile& file, std::vector<bssl::UniquePtr<EVP_PKEY>>& keys,
                                             const std::vector<bssl::UniquePtr<X509>>& chain) {
  if (keys.empty()) return complaint(file.name, "no private key in it");
  for (bssl::UniquePtr<EVP_PKEY>& key : keys) {
    if (belongs(*chain.front(), *key)) return std::move(key);
  }
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (!belongs(*chain[i], *keys.front())) continue;
    return complaint(file.name, format("the key belongs to certificate {} of it; that one must come first", i + 1));
  }
  if (bssl::UniquePtr<EVP_PKEY>(X509_get_pubkey(chain.front().get())) == nullptr) {
    return complaint(file.name, format("the certificate's key is of a kind that the TLS library does not know: {} ({})",
                                       take_library_error(), kKinds));
  }
  return complaint(file.name, "the key does not belong to the certificate");
}

Result<std::vector<bssl::UniquePtr<X509>>> certificates_of(std::string_view file, std::string_view text,
                                                           const std::vector<Section>& sections,
                                                           std::vector<std::string>* skipped = nullptr) {
  std::vector<bssl::UniquePtr<X509>> certificates;
  std::size_t number = 0;
  for (const Section& section : sections) {
    if (!is_certificate(section)) continue;
    Result<bssl::UniquePtr<X509>> certificate = parse_certificate(file, section, ++number);
    if (certificate) {
      certificates.push_back(std::move(*certificate));
    } else if (skipped != nullptr) {
      skipped->push_back(certificate.error().text);
    } else {
      return certificate.error();
    }
  }
  if (!certificates.empty()) return certificates;
  const std::string_view guess = sections.empty() ? guess_of(text) : std::string_view();
  return complaint(file, guess.empty() ? "no certificate in it" : guess);
}

std::string text_of(const ASN1_STRING* string) {
  unsigned char* bytes = nullptr;
  const int size = ASN1_STRING_to_UTF8(&bytes, string);
  if (size < 0) {
    ERR_clear_error();
    return {};
  }
  bssl::UniquePtr<std::uint8_t> owned(bytes);
  std::string text(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  // A name with NUL in it is an attack on those who read C strings.
  return text.find('\0') == std::string::npos ? text : std::string();
}

std::vector<std::string> dns_names(X509& certificate) {
  std::vector<std::string> names;
  bssl::UniquePtr<GENERAL_NAMES> alternatives(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  for (std::size_t i = 0; alternatives != nullptr && i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type != GEN_DNS) continue;
    std::string text = lower(text_of(name->d.dNSName));
    if (!text.empty()) names.push_back(std::move(text));
  }
  return names;
}

std::vector<std::string> common_names(X509& certificate) {
  std::vector<std::string> names;
  X509_NAME* subject = X509_get_subject_name(&certificate);
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) {
    std::string name = lower(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
    if (!name.empty()) names.push_back(std::move(name));
  }
  return names;
}

Result<std::vector<bssl::UniquePtr<EVP_PKEY>>> keys_of(const PemFile& file, const std::vector<Section>& sections) {
  std::vector<bssl::UniquePtr<EVP_PKEY>> keys;
  for (const Section& section : sections) {
    if (!is_key(section)) continue;
    Result<bssl::UniquePtr<EVP_PKEY>> key =
        section.encrypted && !file.password.empty() ? parse_encrypted_key(file) : parse_key(file.name, section);
    if (!key) return key.error();
    keys.push_back(std::move(*key));
  }
  return keys;
}

// PKCS #12 (RFC 7292 section 4): a SEQUENCE that begins with the number 3.
bool is_pfx(std::string_view text) {
  if (text.size() < 2 || text[0] != 0x30) return false;
  const auto length = static_cast<unsigned char>(text[1]);
  return text.substr(std::min<std::size_t>(text.size(), length < 0x80 ? 2 : 2 + (length & 0x7f)))
      .starts_with(std::string_view("\x02\x01\x03", 3));
}

// What Windows exports: the certificates lie in no certain order, the leaf is the one that the key belongs to.
Result<Credentials> read_pfx(const PemFile& file) {
  const WipedText password(file.password.view());
  CBS bytes;
  CBS_init(&bytes, reinterpret_cast<const std::uint8_t*>(file.text.view().data()), file.text.view().size());
  bssl::UniquePtr<STACK_OF(X509)> certificates(sk_X509_new_null());
  EVP_PKEY* found = nullptr;
  ERR_clear_error();
  const bool good = PKCS12_get_key_and_certs(&found, certificates.get(), &bytes, password.c_str()) == 1;
  Credentials credentials;
  credentials.key.reset(found);
  if (!good) {
    const std::uint32_t code = take_library_error_code();
    if (ERR_GET_LIB(code) == ERR_LIB_PKCS8 && ERR_GET_REASON(code) == PKCS8_R_INCORRECT_PASSWORD) {
      return complaint(file.name, file.password.empty() ? "this PFX has a password: name a file that it stands in with "
                                                          "'password-file'"
                                                        : "the password of 'password-file' does not open it");
    }
    return complaint(file.name, format("it cannot be read as PFX (PKCS #12): {}", library_error_words(code)));
  }
  if (credentials.key == nullptr) return complaint(file.name, "no private key in it");
  std::size_t leaf = 0;
  const std::size_t count = sk_X509_num(certificates.get());
  while (leaf < count && !belongs(*sk_X509_value(certificates.get(), leaf), *credentials.key)) ++leaf;
  if (leaf == count) return complaint(file.name, "its key belongs to no certificate in it");
  // Each is followed by who issued it, as far as that one is there.
  X509* last = sk_X509_value(certificates.get(), leaf);
  while (last != nullptr && credentials.chain.size() < count) {
    X509* next = nullptr;
    credentials.chain.push_back(bssl::UpRef(last));
    for (std::size_t i = 0; i < count && next == nullptr; ++i) {
      X509* other = sk_X509_value(certificates.get(), i);
      if (other != last && X509_check_issued(other, last) == X509_V_OK && X509_check_issued(last, last) != X509_V_OK)
        next = other;
    }
    last = next;
  }
  ERR_clear_error();
  return credentials;
}

Result<void> read_beside(const PemFile& file, Credentials& credentials) {
  credentials.ocsp = file.ocsp;
  credentials.timestamps = file.timestamps;
  if (file.issuer.empty()) return {};
  Result<std::vector<bssl::UniquePtr<X509>>> issuer = read_certificates(file.name + ".issuer", file.issuer, nullptr);
  if (!issuer) return issuer.error();
  credentials.issuer = std::move(issuer->front());
  return {};
}

Result<Credentials> read_pem(const PemFile& file, bool fits) {
  Result<std::vector<Section>> sections = read_sections(file.name, file.text.view());
  if (!sections) return sections.error();
  Result<std::vector<bssl::UniquePtr<X509>>> chain = certificates_of(file.name, file.text.view(), *sections);
  if (!chain) return chain.error();
  Credentials credentials;
  credentials.chain = std::move(*chain);
  Result<std::vector<bssl::UniquePtr<EVP_PKEY>>> keys = keys_of(file, *sections);
  if (!keys) return keys.error();
  Result<bssl::UniquePtr<EVP_PKEY>> key = choose_key(file, *keys, credentials.chain);
  if (key) {
    credentials.key = std::move(*key);
  } else if (fits) {
    return key.error();
  } else if (!keys->empty()) {
    credentials.key = std::move(keys->front());
  }
  return credentials;
}

Result<Credentials> read_all_credentials(const PemFile& file) {
  Result<Credentials> credentials = is_pfx(file.text.view()) ? read_pfx(file) : read_pem(file, true);
  if (!credentials) return credentials;
  const Result<void> beside = read_beside(file, *credentials);
  if (!beside) return beside.error();
  return credentials;
}

}  // namespace

// The library wipes what it gives back; of what it had on the stack some lines are left.

Result<Credentials> read_credentials(const PemFile& file) {
  Result<Credentials> credentials = read_all_credentials(file);
  wipe_stack();
  return credentials;
}

Result<Credentials> read_loose_credentials(const PemFile& file) {
  Result<Credentials> credentials = read_pem(file, false);
  wipe_stack();
  return credentials;
}

Result<bssl::UniquePtr<EVP_PKEY>> read_key(const PemFile& file) {
  Result<std::vector<Section>> sections = read_sections(file.name, file.text.view());
  if (!sections) return sections.error();
  Result<std::vector<bssl::UniquePtr<EVP_PKEY>>> keys = keys_of(file, *sections);
  wipe_stack();
  if (!keys) return keys.error();
  if (keys->empty()) return complaint(file.name, "no private key in it");
  return std::move(keys->front());
}

Result<std::vector<bssl::UniquePtr<X509>>> read_certificates(std::string_view name, std::string_view text,
                                                             std::vector<std::string>* skipped) {
  Result<std::vector<Section>> sections = read_sections(name, text);
  if (!sections) return sections.error();
  return certificates_of(name, text, *sections, skipped);
}

Result<std::vector<bssl::UniquePtr<X509_CRL>>> read_revocations(std::string_view name, std::string_view text) {
  Result<std::vector<Section>> sections = read_sections(name, text);
  if (!sections) return sections.error();
  std::vector<bssl::UniquePtr<X509_CRL>> lists;
  for (const Section& section : *sections) {
    if (section.kind != PEM_STRING_X509_CRL) continue;
    const std::uint8_t* at = section.bytes.get();
    bssl::UniquePtr<X509_CRL> list(d2i_X509_CRL(nullptr, &at, static_cast<long>(section.size)));
    if (list == nullptr) {
      return complaint(name,
                       format("revocation list {} of it cannot be read: {}", lists.size() + 1, take_library_error()));
    }
    lists.push_back(std::move(list));
  }
  if (lists.empty()) return complaint(name, "no revocation list in it");
  return lists;
}

std::vector<std::string> names_of(X509& certificate) {
  std::vector<std::string> names = dns_names(certificate);
  return names.empty() ? common_names(certificate) : names;
}

CertificateFacts facts_of(const std::string& file, X509& certificate) {
  CertificateFacts facts;
  facts.file = file;
  facts.names = dns_names(certificate);
  for (std::string& name : common_names(certificate)) {
    if (std::find(facts.names.begin(), facts.names.end(), name) == facts.names.end())
      facts.names.push_back(std::move(name));
  }
  facts.not_before = unix_time(X509_get0_notBefore(&certificate));
  facts.not_after = unix_time(X509_get0_notAfter(&certificate));
  bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(&certificate));
  ERR_clear_error();
  facts.ecdsa = key != nullptr && EVP_PKEY_id(key.get()) == EVP_PKEY_EC;
  return facts;
}

}  // namespace penstock
