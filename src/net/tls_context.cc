#include "penstock/net/tls_context.h"

#include <openssl/err.h>
#include <openssl/nid.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <utility>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/net/tls_credentials.h"
#include "tls_ciphers.h"
#include "tls_context_parts.h"
#include "tls_library.h"
#include "tls_pem.h"
#include "tls_ticket_ring.h"

namespace penstock {
namespace {

using Parts = TlsContextParts;

using Terms = TlsTerms;

const Terms& terms_of(const SSL_CTX* context) { return *static_cast<const Terms*>(SSL_CTX_get_app_data(context)); }
const Terms& terms_of(const SSL* ssl) { return terms_of(SSL_get_SSL_CTX(ssl)); }
const Parts& parts_of(const SSL* ssl) { return *terms_of(ssl).parts; }
ClientNotes& notes_of(const SSL* ssl) { return *static_cast<ClientNotes*>(SSL_get_app_data(ssl)); }

// The library's callbacks.

int on_certificate_error(int good, X509_STORE_CTX* store);
int verify_mode(TlsPeerCheck check);

// A session has taken its terms from the first context; changing that changes nothing but the certificate and what is
// looked up there.
void agree_to(SSL* ssl, const SSL_CTX* context) {
  const Terms& terms = terms_of(context);
  SSL_set_min_proto_version(ssl, terms.min_version);
  SSL_set_max_proto_version(ssl, terms.max_version);
  SSL_set_strict_cipher_list(ssl, terms.ciphers.c_str());
  SSL_set1_curves_list(ssl, terms.curves.c_str());
  SSL_set_verify(ssl, verify_mode(terms.check), terms.passes_over ? on_certificate_error : nullptr);
  SSL_set_client_CA_list(ssl, SSL_dup_CA_list(SSL_CTX_get_client_CA_list(context)));
  SSL_set_session_id_context(ssl, terms.scope.data(), terms.scope.size());
  ERR_clear_error();
}

// With the key of the certificate that would be shown otherwise, and without what belongs to that one alone.
void show_made_up(const SSL_CLIENT_HELLO& hello, const SSL_CTX* otherwise) {
  const Parts& parts = parts_of(hello.ssl);
  const std::string name = name_in(hello);
  EVP_PKEY* key = SSL_CTX_get0_privatekey(otherwise);
  if (name.empty() || key == nullptr || parts.names.find(name)) return;
  const bssl::UniquePtr<X509> made = parts.made_up->find_or_make(name, *key);
  if (made == nullptr) return;
  SSL_clear_chain_certs(hello.ssl);
  SSL_set_ocsp_response(hello.ssl, nullptr, 0);
  SSL_set_signed_cert_timestamp_list(hello.ssl, nullptr, 0);
  notes_of(hello.ssl).sees_made_up = SSL_use_certificate(hello.ssl, made.get()) == 1;
  for (const bssl::UniquePtr<X509>& authority : parts.made_up->authorities())
    SSL_add1_chain_cert(hello.ssl, authority.get());
  ERR_clear_error();
}

ssl_select_cert_result_t on_client_hello(const SSL_CLIENT_HELLO* hello) {
  const Parts::Choice choice = parts_of(hello->ssl).choose(*hello);
  const Terms& before = terms_of(hello->ssl);
  if (choice.context != SSL_get_SSL_CTX(hello->ssl)) SSL_set_SSL_CTX(hello->ssl, choice.context);
  if (&terms_of(choice.context) != &before) agree_to(hello->ssl, choice.context);
  if (parts_of(hello->ssl).made_up != nullptr) show_made_up(*hello, choice.context);
  const std::uint32_t kept = parts_of(hello->ssl).hello_capture;
  if (choice.fits && kept == 0) return ssl_select_cert_success;
  auto notes = std::make_unique<HelloNotes>();
  if (!choice.fits) notes->suites = suites_in(*hello);
  if (kept != 0) notes->lists = std::make_unique<const HelloLists>(lists_of(*hello, kept));
  notes_of(hello->ssl).hello = std::move(notes);
  return ssl_select_cert_success;
}

// RFC 6066 section 3: a client that names nobody we know is told so.
int on_strict_name(SSL* ssl, int* alert, void*) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name != nullptr && (notes_of(ssl).sees_made_up || parts_of(ssl).names.find(lower(name))))
    return SSL_TLSEXT_ERR_OK;
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Our order decides. Without a protocol in common the handshake goes on without one, as with HAProxy.
int on_alpn(SSL* ssl, const std::uint8_t** out, std::uint8_t* out_size, const std::uint8_t* offered,
            unsigned offered_size, void*) {
  const std::string& ours = terms_of(ssl).alpn;
  std::uint8_t* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const std::uint8_t*>(ours.data()),
                                          static_cast<unsigned>(ours.size()), offered, offered_size);
  if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

int on_ticket(SSL* ssl, std::uint8_t* name, std::uint8_t* iv, EVP_CIPHER_CTX* cipher, HMAC_CTX* hmac, int encrypt) {
  const TicketRing& keys = parts_of(ssl).ticket_keys->ring();
  return encrypt != 0 ? keys.seal(name, iv, cipher, hmac) : keys.open(name, iv, cipher, hmac);
}

int on_new_session(SSL* ssl, SSL_SESSION* session) {
  static_cast<bssl::UniquePtr<SSL_SESSION>*>(SSL_get_app_data(ssl))->reset(session);
  return 1;  // The reference is ours now.
}

// Building.

struct Trust {
  std::vector<bssl::UniquePtr<X509>> authorities;
  bssl::UniquePtr<X509_STORE> store;  // Null: nobody is checked.
};

Result<Trust> read_trust(const TlsOptions& options, std::vector<std::string>& warnings) {
  Trust trust;
  if (options.check == TlsPeerCheck::None) return trust;
  if (options.ca_pem.empty()) {
    return Error{options.ca_name.empty() ? std::string("certificates cannot be verified without a CA file")
                                         : format("{}: the file is empty", options.ca_name)};
  }
  Result<std::vector<bssl::UniquePtr<X509>>> authorities =
      read_certificates(options.ca_name, options.ca_pem, options.system_ca ? &warnings : nullptr);
  if (!authorities) return authorities.error();
  trust.authorities = std::move(*authorities);
  trust.store.reset(X509_STORE_new());
  for (const bssl::UniquePtr<X509>& authority : trust.authorities)
    X509_STORE_add_cert(trust.store.get(), authority.get());
  if (!options.extra_ca_pem.empty()) {
    Result<std::vector<bssl::UniquePtr<X509>>> extra =
        read_certificates(options.extra_ca_name, options.extra_ca_pem, nullptr);
    if (!extra) return extra.error();
    for (const bssl::UniquePtr<X509>& authority : *extra) X509_STORE_add_cert(trust.store.get(), authority.get());
  }
  // A root of ours ends the chain even where the peer sends a longer, older way.
  X509_STORE_set_flags(trust.store.get(), X509_V_FLAG_TRUSTED_FIRST);
  ERR_clear_error();  // An authority given twice is no harm.
  if (options.crl_pem.empty()) return trust;
  Result<std::vector<bssl::UniquePtr<X509_CRL>>> lists = read_revocations(options.crl_name, options.crl_pem);
  if (!lists) return lists.error();
  for (const bssl::UniquePtr<X509_CRL>& list : *lists) X509_STORE_add_crl(trust.store.get(), list.get());
  X509_STORE_set_flags(trust.store.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  ERR_clear_error();
  return trust;
}

Result<void> set_versions(SSL_CTX* ctx, const TlsOptions& options) {
  const std::uint16_t min = options.min_version;
  const std::uint16_t max = options.max_version;
  const bool min_known = SSL_CTX_set_min_proto_version(ctx, min) == 1;
  const bool max_known = SSL_CTX_set_max_proto_version(ctx, max) == 1;
  ERR_clear_error();
  if (!min_known || !max_known)
    return Error{format("{} is not supported by this BoringSSL", version_name(min_known ? max : min))};
  if (min <= max) return {};
  return Error{format("no TLS version is left between {} and {}", version_name(min), version_name(max))};
}

Result<std::string> alpn_wire(const std::vector<std::string>& names) {
  std::string wire;
  for (const std::string& name : names) {
    if (name.empty() || name.size() > 255) return Error{format("ALPN protocol \"{}\" must have 1 to 255 bytes", name)};
    wire += static_cast<char>(name.size());
    wire += name;
  }
  return wire;
}

bool is_self_issued(X509* certificate) {
  const bool is = X509_check_issued(certificate, certificate) == X509_V_OK;
  ERR_clear_error();
  return is;
}

Result<void> set_credentials(SSL_CTX* ctx, const std::string& file, const Credentials& credentials,
                             bool skip_self_issued) {
  bool good = SSL_CTX_use_certificate(ctx, credentials.chain.front().get()) == 1;
  for (std::size_t i = 1; good && i < credentials.chain.size(); ++i) {
    if (skip_self_issued && is_self_issued(credentials.chain[i].get())) continue;
    good = SSL_CTX_add1_chain_cert(ctx, credentials.chain[i].get()) == 1;
  }
  const auto bytes = [](const std::string& text) { return reinterpret_cast<const std::uint8_t*>(text.data()); };
  if (!credentials.ocsp.empty()) SSL_CTX_set_ocsp_response(ctx, bytes(credentials.ocsp), credentials.ocsp.size());
  if (!credentials.timestamps.empty()) {
    SSL_CTX_set_signed_cert_timestamp_list(ctx, bytes(credentials.timestamps), credentials.timestamps.size());
  }
  if (good && SSL_CTX_use_PrivateKey(ctx, credentials.key.get()) == 1) return {};
  return Error{format("{}: {}", file, take_library_error())};
}

// `shown` is the certificate we show to servers: a session is that identity's too.
void set_scope(Terms& terms, const TlsOptions& options, const TlsCredentials* shown) {
  SHA256_CTX digest;
  SHA256_Init(&digest);
  const auto check = static_cast<std::uint8_t>(options.check);
  SHA256_Update(&digest, &check, sizeof(check));
  if (options.check != TlsPeerCheck::None) {
    mix(digest, options.ca_pem);
    mix(digest, options.crl_pem);
    mix(digest, options.extra_ca_pem);
    mix(digest, options.leaf_errors_ignored.to_string() + options.ca_errors_ignored.to_string());
  }
  for (const CertificateDetails& certificate : shown == nullptr ? std::vector<CertificateDetails>() : shown->details())
    mix(digest, certificate.sha1);
  SHA256_Final(terms.scope.data(), &digest);
}

// Ours and the peer's, best first: as the library's own lists, with Ed25519 and P-521 both ways and
// without SHA-1. Up to TLS 1.1 none of it is asked for.
constexpr std::array<std::uint16_t, 10> kSignatures = {
    SSL_SIGN_ED25519,          SSL_SIGN_ECDSA_SECP256R1_SHA256, SSL_SIGN_RSA_PSS_RSAE_SHA256,
    SSL_SIGN_RSA_PKCS1_SHA256, SSL_SIGN_ECDSA_SECP384R1_SHA384, SSL_SIGN_RSA_PSS_RSAE_SHA384,
    SSL_SIGN_RSA_PKCS1_SHA384, SSL_SIGN_ECDSA_SECP521R1_SHA512, SSL_SIGN_RSA_PSS_RSAE_SHA512,
    SSL_SIGN_RSA_PKCS1_SHA512};

// What all contexts of the same terms share.
class Recipe {
 public:
  // `terms` are filled as `options` say.
  static Result<Recipe> from(const TlsOptions& options, TlsPeer peer, Parts& parts, Terms& terms,
                             const TlsCredentials* shown) {
    Recipe recipe;
    recipe.options_ = &options;
    recipe.terms_ = &terms;
    terms.parts = &parts;
    Result<std::string> ciphers = known_ciphers(options.ciphers, peer, parts.warnings);
    if (!ciphers) return ciphers.error();
    terms.ciphers = std::move(*ciphers);
    Result<std::string> curves = known_curves(options.curves.empty() ? kDefaultCurves : options.curves);
    if (!curves) return curves.error();
    terms.curves = std::move(*curves);
    Result<std::string> alpn = alpn_wire(options.alpn);
    if (!alpn) return alpn.error();
    terms.alpn = std::move(*alpn);
    Result<Trust> trust = read_trust(options, parts.warnings);
    if (!trust) return trust.error();
    recipe.trust_ = std::move(*trust);
    terms.check = options.check;
    terms.min_version = options.min_version;
    terms.max_version = options.max_version;
    terms.leaf_errors_ignored = options.leaf_errors_ignored;
    terms.ca_errors_ignored = options.ca_errors_ignored;
    terms.passes_over = options.leaf_errors_ignored.any() || options.ca_errors_ignored.any();
    set_scope(terms, options, shown);
    return recipe;
  }

  Result<bssl::UniquePtr<SSL_CTX>> make() const {
    bssl::UniquePtr<SSL_CTX> ctx(SSL_CTX_new(TLS_method()));
    SSL_CTX_set_app_data(ctx.get(), terms_);
    Result<void> versions = set_versions(ctx.get(), *options_);
    if (!versions) return versions.error();
    SSL_CTX_set_strict_cipher_list(ctx.get(), terms_->ciphers.c_str());
    SSL_CTX_set1_curves_list(ctx.get(), terms_->curves.c_str());
    SSL_CTX_set_signing_algorithm_prefs(ctx.get(), kSignatures.data(), kSignatures.size());
    SSL_CTX_set_verify_algorithm_prefs(ctx.get(), kSignatures.data(), kSignatures.size());
    if (trust_.store != nullptr) {
      X509_STORE_up_ref(trust_.store.get());
      SSL_CTX_set_cert_store(ctx.get(), trust_.store.get());
    }
    if (!options_->tickets) SSL_CTX_set_options(ctx.get(), SSL_OP_NO_TICKET);
    ERR_clear_error();
    return ctx;
  }

  const Trust& trust() const { return trust_; }
  const TlsOptions& options() const { return *options_; }
  Terms& terms() const { return *terms_; }

 private:
  const TlsOptions* options_ = nullptr;
  Terms* terms_ = nullptr;
  Trust trust_;
};

int verify_mode(TlsPeerCheck check) {
  switch (check) {
    case TlsPeerCheck::None:
      return SSL_VERIFY_NONE;
    case TlsPeerCheck::Optional:
      return SSL_VERIFY_PEER;
    case TlsPeerCheck::Required:
      return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  }
  return SSL_VERIFY_NONE;
}

// Errors that are to be passed over are noted, each kind's first.
int on_certificate_error(int good, X509_STORE_CTX* store) {
  if (good == 1) return 1;
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const Terms& terms = terms_of(ssl);
  ClientNotes& noted = notes_of(ssl);
  const int error = X509_STORE_CTX_get_error(store);
  const int depth = X509_STORE_CTX_get_error_depth(store);
  const VerifyErrors& ignored = depth == 0 ? terms.leaf_errors_ignored : terms.ca_errors_ignored;
  if (error < 0 || static_cast<std::size_t>(error) >= ignored.size() || !ignored.test(static_cast<std::size_t>(error)))
    return 0;
  if (depth == 0 && noted.leaf == 0) noted.leaf = error;
  if (depth > 0 && noted.ca == 0) {
    noted.ca = error;
    noted.ca_depth = depth;
  }
  return 1;
}

// A ticket holds the client's whole chain. The library keeps the tickets of TLS 1.3 until the first write and
// cannot write when they come to 64 KiB: who shows this much gets none.
constexpr std::size_t kLongChain = 16384;

std::size_t size_of(const STACK_OF(X509) * chain) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < sk_X509_num(chain); ++i)
    size += static_cast<std::size_t>(std::max(i2d_X509(sk_X509_value(chain, i), nullptr), 0));
  return size;
}

int on_client_chain(X509_STORE_CTX* store, void*) {
  auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (size_of(X509_STORE_CTX_get0_untrusted(store)) > kLongChain) SSL_set_options(ssl, SSL_OP_NO_TICKET);
  return X509_verify_cert(store);
}

void face_clients(SSL_CTX* ctx, const Recipe& recipe, const Parts& parts) {
  const Terms& terms = recipe.terms();
  SSL_CTX_set_select_certificate_cb(ctx, on_client_hello);
  if (parts.strict_sni) SSL_CTX_set_tlsext_servername_callback(ctx, on_strict_name);
  if (!terms.alpn.empty()) SSL_CTX_set_alpn_select_cb(ctx, on_alpn, nullptr);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_tlsext_ticket_key_cb(ctx, on_ticket);
  const auto lifetime = static_cast<std::uint32_t>(std::min<std::uint64_t>(recipe.options().lifetime_s, UINT32_MAX));
  SSL_CTX_set_timeout(ctx, lifetime);
  SSL_CTX_set_session_psk_dhe_timeout(ctx, lifetime);
  SSL_CTX_set_session_id_context(ctx, terms.scope.data(), terms.scope.size());
  if (!recipe.options().prefer_client_ciphers) SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_verify(ctx, verify_mode(terms.check), terms.passes_over ? on_certificate_error : nullptr);
  SSL_CTX_set_cert_verify_callback(ctx, on_client_chain, nullptr);
  // The names we accept certificates of: clients with several choose by them.
  if (!recipe.options().names_authorities) return;
  for (const bssl::UniquePtr<X509>& authority : recipe.trust().authorities) SSL_CTX_add_client_CA(ctx, authority.get());
}

OwnAbilities abilities_of(SSL_CTX* ctx) {
  OwnAbilities own;
  own.max_version = SSL_CTX_get_max_proto_version(ctx);
  const STACK_OF(SSL_CIPHER)* ciphers = SSL_CTX_get_ciphers(ctx);
  for (std::size_t i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(ciphers, i);
    const auto number = static_cast<std::uint16_t>(SSL_CIPHER_get_id(cipher));
    const int key = SSL_CIPHER_get_auth_nid(cipher);
    if (key == NID_auth_ecdsa) own.ecdsa_suites.push_back(number);
    if (key == NID_auth_rsa) own.rsa_suites.push_back(number);
  }
  return own;
}

void add_names(Parts& parts, const TlsOffer& offer, const CertificateFacts& facts, KeyKind kind) {
  const std::size_t number = parts.contexts.size();
  if (offer.filters.empty()) {
    for (const std::string& name : facts.names) parts.names.add(name, number, kind);
  }
  for (const std::string_view filter : offer.filters) {
    if (!filter.starts_with('!')) {
      parts.names.add(filter, number, kind);
    } else if (filter != "!*") {
      parts.names.exclude(filter.substr(1), number);
    }
  }
}

Result<void> add_certificate(Parts& parts, const Recipe& recipe, const TlsOffer& offer) {
  const Credentials& credentials = offer.credentials->inside();
  KeyNeeds needs;
  const std::string trouble = offer.credentials->trouble();
  if (!trouble.empty()) return Error{format("{}: {}", offer.file, trouble)};
  needs_of(*credentials.key, needs);
  Result<bssl::UniquePtr<SSL_CTX>> ctx = recipe.make();
  if (!ctx) return ctx.error();
  Result<void> set = set_credentials(ctx->get(), offer.file, credentials, recipe.options().skip_self_issued);
  if (!set) return set.error();
  face_clients(ctx->get(), recipe, parts);
  if (recipe.terms().own.max_version == 0) recipe.terms().own = abilities_of(ctx->get());
  CertificateFacts facts = facts_of(offer.file, *credentials.chain.front());
  add_names(parts, offer, facts, needs.kind);
  parts.contexts.push_back(std::move(*ctx));
  parts.needs.push_back(needs);
  parts.facts.push_back(std::move(facts));
  return {};
}

// With terms of its own.
Result<void> add_certificate(Parts& parts, const TlsOffer& offer) {
  Terms& terms = *parts.others.emplace_back(std::make_unique<Terms>());
  Result<Recipe> recipe = Recipe::from(*offer.options, TlsPeer::Client, parts, terms, nullptr);
  if (!recipe) return recipe.error();
  return add_certificate(parts, *recipe, offer);
}

// ECDSA first: a signature costs a tenth of RSA's. What comes last is what a client that can use none gets; RSA is the
// more likely to please it after all.
constexpr KeyKind kByPreference[] = {KeyKind::Ecdsa, KeyKind::Ed25519, KeyKind::Rsa};

// The first certificate, and its sibling of another kind of key where one has the same name.
void set_fallback(Parts& parts) {
  parts.fallback.fill(NameIndex::kNone);
  if (parts.facts.empty()) return;
  parts.fallback[static_cast<std::size_t>(parts.needs.front().kind)] = 0;
  if (parts.facts.front().names.empty()) return;
  const auto group = parts.names.find(parts.facts.front().names.front());
  if (!group || std::find(group->begin(), group->end(), 0) == group->end()) return;
  parts.fallback = *group;
}

}  // namespace

void keep_notes_in(SSL* ssl, ClientNotes& notes) { SSL_set_app_data(ssl, &notes); }

void keep_sessions_in(SSL* ssl, bssl::UniquePtr<SSL_SESSION>& newest) { SSL_set_app_data(ssl, &newest); }

TlsContextParts::Choice TlsContextParts::choose(const SSL_CLIENT_HELLO& hello) const {
  const NameIndex::Group group = names.find(name_in(hello)).value_or(fallback);
  SSL_CTX* any = nullptr;
  for (const KeyKind kind : kByPreference) {
    const std::size_t certificate = group[static_cast<std::size_t>(kind)];
    if (certificate == NameIndex::kNone) continue;
    any = contexts[certificate].get();
    if (client_can_use(hello, needs[certificate], terms_of(any).own)) return {any, true};
  }
  return {any == nullptr ? first() : any, false};
}

TlsContext::TlsContext(std::shared_ptr<const TlsContextParts> parts) : parts_(std::move(parts)) {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<const TlsContext>> TlsContext::for_clients(const TlsOptions& options,
                                                                  const std::vector<TlsOffer>& certificates,
                                                                  bool strict_sni, TicketKeys& keys) {
  if (certificates.empty() && !strict_sni) return Error{"no certificate was given"};
  auto parts = std::make_shared<TlsContextParts>();
  parts->strict_sni = strict_sni;
  parts->own_ticket_keys = options.ticket_keys;
  parts->ticket_keys = options.ticket_keys ? options.ticket_keys.get() : &keys;
  parts->hello_capture = options.hello_capture;
  if (options.signer != nullptr)
    parts->made_up = std::make_unique<MadeUpCertificates>(options.signer, options.made_up_kept);
  parts->counts = options.counts;
  parts->bio_method = make_bio_method();
  Result<Recipe> recipe = Recipe::from(options, TlsPeer::Client, *parts, parts->terms, nullptr);
  if (!recipe) return recipe.error();
  for (const TlsOffer& offer : certificates) {
    Result<void> added = offer.options ? add_certificate(*parts, offer) : add_certificate(*parts, *recipe, offer);
    if (!added) return added.error();
  }
  if (parts->contexts.empty()) {
    Result<bssl::UniquePtr<SSL_CTX>> ctx = recipe->make();
    if (!ctx) return ctx.error();
    face_clients(ctx->get(), *recipe, *parts);
    parts->contexts.push_back(std::move(*ctx));
  }
  set_fallback(*parts);
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(parts)));
}

Result<std::shared_ptr<const TlsContext>> TlsContext::for_servers(const TlsOptions& options,
                                                                  const TlsCredentials* certificate) {
  auto parts = std::make_shared<TlsContextParts>();
  parts->counts = options.counts;
  parts->bio_method = make_bio_method();
  Result<Recipe> recipe = Recipe::from(options, TlsPeer::Server, *parts, parts->terms, certificate);
  if (!recipe) return recipe.error();
  Result<bssl::UniquePtr<SSL_CTX>> ctx = recipe->make();
  if (!ctx) return ctx.error();
  if (certificate != nullptr) {
    Result<void> set = set_credentials(ctx->get(), "its certificate", certificate->inside(), options.skip_self_issued);
    if (!set) return set.error();
  }
  if (!parts->terms.alpn.empty()) {
    SSL_CTX_set_alpn_protos(ctx->get(), reinterpret_cast<const std::uint8_t*>(parts->terms.alpn.data()),
                            static_cast<unsigned>(parts->terms.alpn.size()));
  }
  SSL_CTX_set_verify(ctx->get(), parts->terms.check == TlsPeerCheck::None ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(
      ctx->get(), options.resume ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL : SSL_SESS_CACHE_OFF);
  if (options.resume) SSL_CTX_sess_set_new_cb(ctx->get(), on_new_session);
  parts->contexts.push_back(std::move(*ctx));
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(parts)));
}

std::vector<const CertificateFacts*> TlsContext::certificates_for(std::string_view name) const {
  std::vector<const CertificateFacts*> out;
  const auto group = parts_->names.find(lower(name));
  if (!group && parts_->strict_sni) return out;
  for (const KeyKind kind : kByPreference) {
    const std::size_t certificate = group.value_or(parts_->fallback)[static_cast<std::size_t>(kind)];
    if (certificate != NameIndex::kNone) out.push_back(&parts_->facts[certificate]);
  }
  return out;
}

std::span<const CertificateFacts> TlsContext::certificates() const { return parts_->facts; }
std::span<const std::string> TlsContext::warnings() const { return parts_->warnings; }

}  // namespace penstock
