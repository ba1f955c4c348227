// Certificates, authorities and revocations: what is in force, and how an administrator changes it while the process
// runs. A change is prepared by `set`, and in force for all handshakes to come with `commit`; files are never written.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "command.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/control/crew.h"
#include "penstock/net/tls_credentials.h"
#include "penstock/proxy/tls_uses.h"
#include "realm.h"
#include "tls_drafts.h"

namespace penstock {
namespace {

using config::AccessLevel;
using Part = TlsCredentials::Part;

const Snapshot& snapshot_of(const CallRef& call) { return *call->realm().crew().snapshot(); }

void set_back_at_reload(const CallRef& call, const std::string& what) {
  call->realm().crew().keep_until_reload(
      what, [] {}, call->again());
}

// What is set in a transaction is set again in a process that comes after this one, and so is what it led to.
void keep_transaction(const CallRef& call, const std::string& what, std::function<void()> undo) {
  Crew& crew = call->realm().crew();
  if (crew.keeps_until_reload(what)) return crew.keep_also(what, call->again());
  crew.keep_until_reload(what, std::move(undo), call->again());
}

void end_transaction(const CallRef& call, const std::string& what, const std::string& result) {
  Crew& crew = call->realm().crew();
  crew.keep_also(what, call->again());
  crew.join_kept(what, result);
}

// Why a command about `name` does nothing.
std::string about_another(std::string_view begun, std::string_view verb, std::string_view name) {
  return format("The ongoing transaction is about '{}' but you are trying to {} '{}'\n", begun, verb, name);
}

// Of one that has been begun, and ends with a reload.
std::string transaction_of(std::string_view kind, std::string_view file) {
  return format("the transaction of {} {}", kind, file);
}

std::string dots(std::size_t count) { return std::string(count, '.'); }

// What is said of a certificate.
void append_details(std::string& to, const CertificateDetails& details) {
  append_format(to,
                "Serial: {}\nnotBefore: {}\nnotAfter: {}\nSubject Alternative Name: {}\nAlgorithm: {}\n"
                "SHA1 FingerPrint: {}\nSubject: {}\nIssuer: {}\n",
                details.serial, details.not_before, details.not_after, details.names, details.algorithm, details.sha1,
                details.subject, details.issuer);
}

std::string certificate_text(const std::string& name, std::string_view status, const TlsCredentials& credentials) {
  std::string text =
      format("Filename: {}\nStatus: {}\n", name, credentials.has_certificate() ? status : std::string_view("Empty"));
  if (const std::string& chain_file = credentials.chain_file(); !chain_file.empty())
    append_format(text, "Chain Filename: {}\n", chain_file);
  bool is_leaf = true;
  for (const CertificateDetails& details : credentials.details()) {
    if (std::exchange(is_leaf, false)) {
      append_details(text, details);
    } else {
      append_format(text, "Chain Subject: {}\nChain Issuer: {}\n", details.subject, details.issuer);
    }
  }
  const auto ocsp = credentials.ocsp();
  append_format(text, "OCSP Response Key: {}\n", ocsp ? std::string_view(ocsp->key) : std::string_view());
  return text;
}

void list_certificates(const CallRef& call) {
  std::string text;
  if (const auto& draft = call->realm().tls_drafts().certificate)
    append_format(text, "# transaction\n*{}\n", draft->file);
  text += "# filename\n";
  for (const auto& [name, credentials] : snapshot_of(call).tls_files().certificates) append_format(text, "{}\n", name);
  call->answer(std::move(text));
}

void show_certificates(const CallRef& call) {
  const std::string name(call->argument(0));
  if (name.empty()) return list_certificates(call);
  const auto& draft = call->realm().tls_drafts().certificate;
  if (name.starts_with('*') && draft && draft->file == name.substr(1))
    return call->answer(certificate_text(name, "Unused", *draft->credentials));
  const auto credentials = snapshot_of(call).tls_files().certificate(name);
  if (!credentials) return call->fail("Can't display the certificate: Not found or the certificate is a bundle!\n");
  const bool used = uses_of_certificate(snapshot_of(call), name) != 0;
  call->answer(certificate_text(name, used ? "Used" : "Unused", *credentials));
}

void new_certificate(const CallRef& call) {
  const std::string name(call->argument(0));
  if (name.empty()) return call->fail("'new ssl cert' expects a filename\n");
  if (snapshot_of(call).tls_files().certificate(name))
    return call->fail(format("Certificate '{}' already exists!\n", name));
  call->realm().amend(SetCertificate{name, TlsCredentials::empty()}, [call, name](const std::string& why) {
    if (!why.empty()) return call->fail(why + "\n");
    set_back_at_reload(call, "certificate " + name);
    call->say(Level::Notice, format("New empty certificate store '{}'!\n", name));
  });
}

struct Extension {
  std::string_view text;
  Part part;
};
constexpr Extension kExtensions[] = {
    {".key", Part::Key}, {".issuer", Part::Issuer}, {".ocsp", Part::Ocsp}, {".sctl", Part::Timestamps}};

// Why a text is no such part, in HAProxy's words.
std::string cannot_load(Part part, const std::string& name) {
  switch (part) {
    case Part::All:
      return format("unable to load certificate from file '{}'.\n", name);
    case Part::Key:
      return format("unable to load private key from file '{}'.\n", name);
    case Part::Issuer:
      return format("'{}' cannot be read or parsed'.\n", name);
    case Part::Ocsp:
      return "Error reading OCSP response in base64 format";
    case Part::Timestamps:
      return {};
  }
  return {};
}

void set_certificate(const CallRef& call) {
  const std::string written(call->argument(0));
  if (written.empty() || call->payload().empty())
    return call->fail("'set ssl cert expects a filename and a certificate as a payload\n");
  const auto refuse = [&](std::string_view why) { call->fail(format("{}Can't update {}!\n", why, written)); };
  std::string name = written;
  Part part = Part::All;
  const TlsFiles& files = snapshot_of(call).tls_files();
  for (const Extension& extension : kExtensions) {
    if (files.certificate(name) || !name.ends_with(extension.text)) continue;
    name.resize(name.size() - extension.text.size());
    part = extension.part;
    break;
  }
  auto& draft = call->realm().tls_drafts().certificate;
  if (draft && draft->file != name) return refuse(about_another(draft->file, "set", name));
  const auto before = draft ? draft->credentials : files.certificate(name);
  if (!before) return refuse("Can't replace a certificate which is not referenced by the configuration!\n");
  auto next = before->with(part, call->payload());
  if (!next) return refuse(cannot_load(part, name) + "Can't load the payload\n");
  call->say(Level::Notice, format("Transaction {} for certificate {}!\n", draft ? "updated" : "created", name));
  draft = TlsDrafts::CertificateDraft{name, std::move(*next)};
  keep_transaction(call, transaction_of("certificate", name),
                   [drafts = &call->realm().tls_drafts()] { drafts->certificate.reset(); });
}

void commit_certificate(const CallRef& call) {
  const std::string name(call->argument(0));
  if (name.empty()) return call->fail("'commit ssl cert expects a filename\n");
  const auto refuse = [call, name](std::string_view why) { call->fail(format("{}Can't commit {}!\n", why, name)); };
  const auto& draft = call->realm().tls_drafts().certificate;
  if (!draft) return refuse("No ongoing transaction! !\n");
  if (draft->file != name) return refuse(about_another(draft->file, "set", name));
  const TlsCredentials& credentials = *draft->credentials;
  if (!credentials.has_certificate() || !credentials.has_key())
    return refuse("The transaction must contain at least a certificate and a private key!\n");
  if (!credentials.fits())
    return refuse(format("inconsistencies between private key and certificate loaded '{}'.\n", name));
  call->realm().amend(SetCertificate{name, draft->credentials}, [call, name, refuse](const std::string& why) {
    if (!why.empty()) return refuse(why + "\n");
    call->realm().tls_drafts().certificate.reset();
    end_transaction(call, transaction_of("certificate", name), "certificate " + name);
    call->answer(format("Committing {}{}\nSuccess!\n", name, dots(uses_of_certificate(snapshot_of(call), name))));
  });
}

void abort_certificate(const CallRef& call) {
  const std::string name(call->argument(0));
  if (name.empty()) return call->fail("'abort ssl cert' expects a filename\n");
  auto& draft = call->realm().tls_drafts().certificate;
  if (!draft) return call->fail("No ongoing transaction!\n");
  if (draft->file != name) return call->fail(about_another(draft->file, "abort a transaction for", name));
  draft.reset();
  call->realm().crew().forget_until_reload(transaction_of("certificate", name));
  call->say(Level::Notice, format("Transaction aborted for certificate '{}'!\n", name));
}

void delete_certificate(const CallRef& call) {
  const std::string name(call->argument(0));
  if (name.empty()) return call->fail("'del ssl cert' expects a certificate name\n");
  const auto refuse = [&](std::string_view why) { call->fail(format("Can't remove the certificate: {}\n", why)); };
  const auto& draft = call->realm().tls_drafts().certificate;
  if (draft && draft->file == name) return refuse(format("ongoing transaction for the certificate '{}'", name));
  if (!snapshot_of(call).tls_files().certificate(name))
    return refuse(format("certificate '{}' doesn't exist!\n", name));
  if (uses_of_certificate(snapshot_of(call), name) != 0)
    return refuse(format("certificate '{}' in use, can't be deleted!\n", name));
  call->realm().amend(SetCertificate{name, nullptr}, [call, name](const std::string& why) {
    if (!why.empty()) return call->fail(why + "\n");
    call->realm().crew().forget_until_reload("certificate " + name);
    call->say(Level::Notice, format("Certificate '{}' deleted!\n", name));
  });
}

// Authorities and revocations go alike.
struct TrustKind {
  std::string_view words;    // "ca-file"
  std::string_view name;     // "CA"
  std::string_view content;  // "CAs"
  bool revokes;
  std::optional<TlsDrafts::TrustDraft> TlsDrafts::*draft;
};
constexpr TrustKind kAuthorities{"ca-file", "CA", "CAs", false, &TlsDrafts::authorities};
constexpr TrustKind kRevocations{"crl-file", "CRL", "CRLs", true, &TlsDrafts::revocations};

std::string authorities_text(const std::string& pem, std::size_t wanted) {
  std::string text;
  auto all = certificate_details("", pem);
  for (std::size_t i = 0; all && i < all->size(); ++i) {
    if (wanted != 0 && wanted != i + 1) continue;
    append_format(text, " \nCertificate #{}:\n", i + 1);
    append_details(text, (*all)[i]);
  }
  return text;
}

std::string revocations_text(const std::string& pem, std::size_t wanted) {
  std::string text;
  auto all = revocation_details("", pem);
  for (std::size_t i = 0; all && i < all->size(); ++i) {
    if (wanted != 0 && wanted != i + 1) continue;
    const RevocationDetails& list = (*all)[i];
    append_format(text,
                  " \nCertificate Revocation List #{}:\nVersion {}\nSignature Algorithm: {}\nIssuer: {}\n"
                  "Last Update: {}\nNext Update: {}\n",
                  i + 1, list.version, list.algorithm, list.issuer, list.last_update, list.next_update);
    text += list.revoked.empty() ? "No Revoked Certificates.\n" : "Revoked Certificates:\n";
    for (const RevocationDetails::Revoked& one : list.revoked)
      append_format(text, "    Serial Number: {}\n        Revocation Date: {}\n", one.serial, one.date);
  }
  return text;
}

// "ca.pem:2" names the second in it; 0: all.
std::size_t cut_number(std::string& name) {
  const std::size_t colon = name.rfind(':');
  if (colon == std::string::npos) return 0;
  const auto number = parse_unsigned(std::string_view(name).substr(colon + 1));
  if (!number || *number == 0) return 0;
  name.resize(colon);
  return static_cast<std::size_t>(*number);
}

std::string counted(const TrustKind& kind, std::string_view name, const std::string* pem) {
  if (kind.revokes) return format("{}\n", name);
  auto all = certificate_details("", pem == nullptr ? std::string_view() : std::string_view(*pem));
  return format("{} - {} certificate(s)\n", name, all ? all->size() : 0);
}

template <const TrustKind& kind>
void show_trust(const CallRef& call) {
  const auto& draft = call->realm().tls_drafts().*kind.draft;
  const auto all = trusts_of(snapshot_of(call), kind.revokes);
  std::string name(call->argument(0));
  if (name.empty()) {
    std::string text;
    if (draft) text += "# transaction\n*" + counted(kind, draft->file, draft->pem.get());
    text += "# filename\n";
    for (const auto& [file, pem] : all) text += counted(kind, file, pem);
    return call->answer(std::move(text));
  }
  const std::size_t number = all.contains(name) ? 0 : cut_number(name);
  const bool is_draft = draft && name == "*" + draft->file;
  const auto found = all.find(name);
  if (!is_draft && found == all.end()) return call->fail(format("Can't display the {} file : Not found!\n", kind.name));
  const std::string* pem = is_draft ? draft->pem.get() : found->second;
  const std::string body = pem == nullptr ? std::string()
                           : kind.revokes ? revocations_text(*pem, number)
                                          : authorities_text(*pem, number);
  const bool used = !is_draft && uses_of_trust(snapshot_of(call), name) != 0;
  const std::string_view status = pem == nullptr || pem->empty() ? "Empty" : used ? "Used" : "Unused";
  if (body.empty() && !kind.revokes) return call->done();
  call->answer(format("Filename: {}\nStatus: {}\n{}", name, status, body));
}

template <const TrustKind& kind>
void new_trust(const CallRef& call) {
  const std::string name(call->argument(0));
  if (name.empty()) return call->fail(format("'new ssl {}' expects a filename\n", kind.words));
  if (trusts_of(snapshot_of(call), kind.revokes).contains(name) || snapshot_of(call).tls_files().trust(name) != nullptr)
    return call->fail(format("{} file '{}' already exists!\n", kind.name, name));
  SetTrust wanted{name, {std::make_shared<const std::string>(), kind.revokes}};
  call->realm().amend(std::move(wanted), [call, name](const std::string& why) {
    if (!why.empty()) return call->fail(why + "\n");
    set_back_at_reload(call, format("{} {}", kind.words, name));
    call->say(Level::Notice, format("New {} file created '{}'!\n", kind.name, name));
  });
}

template <const TrustKind& kind>
void set_trust(const CallRef& call) {
  const std::string name(call->argument(0));
  if (name.empty() || call->payload().empty())
    return call->fail(format("'set ssl {} expects a filename and {} as a payload\n", kind.words, kind.content));
  const auto refuse = [&](std::string_view why) { call->fail(format("{}Can't update {}!\n", why, name)); };
  auto& draft = call->realm().tls_drafts().*kind.draft;
  if (draft && draft->file != name) return refuse(about_another(draft->file, "set", name));
  if (!trusts_of(snapshot_of(call), kind.revokes).contains(name))
    return refuse(format("Can't replace a {} file which is not referenced by the configuration!\n", kind.name));
  const bool good = kind.revokes ? static_cast<bool>(revocation_details("", call->payload()))
                                 : static_cast<bool>(certificate_details("", call->payload()));
  if (!good) return refuse("Invalid payload\n");
  call->say(Level::Notice, format("transaction {} for {} {}!\n", draft ? "updated" : "created", kind.name, name));
  draft = TlsDrafts::TrustDraft{name, std::make_shared<const std::string>(call->payload())};
  keep_transaction(call, transaction_of(kind.words, name),
                   [drafts = &call->realm().tls_drafts()] { (drafts->*kind.draft).reset(); });
}

template <const TrustKind& kind>
void commit_trust(const CallRef& call) {
  const std::string name(call->argument(0));
  if (name.empty()) return call->fail("'commit ssl ca-file expects a filename\n");
  const auto refuse = [call, name](std::string_view why) { call->fail(format("{}Can't commit {}!\n", why, name)); };
  const auto& draft = call->realm().tls_drafts().*kind.draft;
  if (!draft) return refuse("No ongoing transaction! !\n");
  if (draft->file != name) return refuse(about_another(draft->file, "set", name));
  SetTrust wanted{name, {draft->pem, kind.revokes}};
  call->realm().amend(std::move(wanted), [call, name, refuse](const std::string& why) {
    if (!why.empty()) return refuse(why + "\n");
    (call->realm().tls_drafts().*kind.draft).reset();
    end_transaction(call, transaction_of(kind.words, name), format("{} {}", kind.words, name));
    call->answer(format("Committing {}{}\nSuccess!\n", name, dots(uses_of_trust(snapshot_of(call), name))));
  });
}

template <const TrustKind& kind>
void abort_trust(const CallRef& call) {
  const std::string name(call->argument(0));
  if (name.empty()) return call->fail(format("'abort ssl {}' expects a filename\n", kind.words));
  auto& draft = call->realm().tls_drafts().*kind.draft;
  if (!draft) return call->fail("No ongoing transaction!\n");
  if (draft->file != name) return call->fail(about_another(draft->file, "abort a transaction for", name));
  draft.reset();
  call->realm().crew().forget_until_reload(transaction_of(kind.words, name));
  call->say(Level::Notice, format("Transaction aborted for certificate '{}'!\n", name));
}

template <const TrustKind& kind>
void delete_trust(const CallRef& call) {
  const std::string name(call->argument(0));
  if (name.empty()) return call->fail(format("'del ssl {}' expects a {} file name\n", kind.words, kind.name));
  const auto refuse = [&](std::string_view why) {
    call->fail(format("Can't remove the {} file: {}\n", kind.name, why));
  };
  const auto& draft = call->realm().tls_drafts().*kind.draft;
  if (draft && draft->file == name) return refuse(format("ongoing transaction for the {} file '{}'", kind.name, name));
  if (!trusts_of(snapshot_of(call), kind.revokes).contains(name))
    return refuse(format("{} file '{}' doesn't exist!\n", kind.name, name));
  if (uses_of_trust(snapshot_of(call), name) != 0)
    return refuse(format("{} file '{}' in use, can't be deleted!\n", kind.name, name));
  call->realm().amend(SetTrust{name, {}}, [call, name](const std::string& why) {
    if (!why.empty()) return call->fail(why + "\n");
    call->realm().crew().forget_until_reload(format("{} {}", kind.words, name));
    call->say(Level::Notice, format("{} file '{}' deleted!\n", kind.name, name));
  });
}

constexpr Command kCommands[] = {
    {"abort ssl ca-file", "<cafile>", AccessLevel::Admin, "what was set of authorities is not to be",
     abort_trust<kAuthorities>},
    {"abort ssl cert", "<certfile>", AccessLevel::Admin, "what was set of a certificate is not to be",
     abort_certificate},
    {"abort ssl crl-file", "<crlfile>", AccessLevel::Admin, "what was set of revocations is not to be",
     abort_trust<kRevocations>},
    {"commit ssl ca-file", "<cafile>", AccessLevel::Admin, "the authorities that were set are in force",
     commit_trust<kAuthorities>},
    {"commit ssl cert", "<certfile>", AccessLevel::Admin, "the certificate that was set is shown to clients to come",
     commit_certificate},
    {"commit ssl crl-file", "<crlfile>", AccessLevel::Admin, "the revocations that were set are in force",
     commit_trust<kRevocations>},
    {"del ssl ca-file", "<cafile>", AccessLevel::Admin, "forgets authorities that nobody uses",
     delete_trust<kAuthorities>},
    {"del ssl cert", "<certfile>", AccessLevel::Admin, "forgets a certificate that nobody uses", delete_certificate},
    {"del ssl crl-file", "<crlfile>", AccessLevel::Admin, "forgets revocations that nobody uses",
     delete_trust<kRevocations>},
    {"new ssl ca-file", "<cafile>", AccessLevel::Admin, "a name for authorities to come", new_trust<kAuthorities>},
    {"new ssl cert", "<certfile>", AccessLevel::Admin, "a name for a certificate to come", new_certificate},
    {"new ssl crl-file", "<crlfile>", AccessLevel::Admin, "a name for revocations to come", new_trust<kRevocations>},
    {"set ssl ca-file", "<cafile> <payload>", AccessLevel::Admin, "other authorities, with 'commit'",
     set_trust<kAuthorities>},
    {"set ssl cert", "<certfile> <payload>", AccessLevel::Admin, "another certificate and key, with 'commit'",
     set_certificate},
    {"set ssl crl-file", "<crlfile> <payload>", AccessLevel::Admin, "other revocations, with 'commit'",
     set_trust<kRevocations>},
    {"show ssl ca-file", "[<cafile>[:<index>]]", AccessLevel::Operator, "authorities in use, or what they are",
     show_trust<kAuthorities>},
    {"show ssl cert", "[<certfile>]", AccessLevel::Operator, "certificates in use, or what one says",
     show_certificates},
    {"show ssl crl-file", "[<crlfile[:<index>>]]", AccessLevel::Operator, "revocations in use, or whose they are",
     show_trust<kRevocations>},
};

}  // namespace

std::span<const Command> tls_commands() { return kCommands; }

}  // namespace penstock
