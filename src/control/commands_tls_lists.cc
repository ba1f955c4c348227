// Lists of certificates, keys of session tickets, and what responders say of certificates: what is in force, and how an
// administrator changes it while the process runs.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "command.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/crt_list.h"
#include "penstock/config/model.h"
#include "penstock/control/crew.h"
#include "penstock/net/tls_credentials.h"
#include "penstock/net/tls_tickets.h"
#include "penstock/proxy/tls_uses.h"
#include "realm.h"

namespace penstock {
namespace {

using config::AccessLevel;

const Snapshot& snapshot_of(const CallRef& call) { return *call->realm().crew().snapshot(); }

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) lines.emplace_back(cut(text, '\n'));
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::vector<config::CrtListLine> entries_of(const Snapshot& snapshot, const std::string& path, std::string_view text,
                                            config::Diagnostics& diagnostics) {
  return config::read_crt_list(path, text, snapshot.config, config::Bind(), true, diagnostics);
}

void show_lists(const CallRef& call) {
  const bool numbered = call->argument(0) == "-n";
  const std::string path(call->argument(numbered ? 1 : 0));
  std::string text;
  if (path.empty()) {
    for (const std::string& list : lists_of(snapshot_of(call))) text += list + "\n";
    return call->answer(std::move(text));
  }
  const auto list = list_text(snapshot_of(call), path);
  if (!list) return call->fail("didn't find the specified filename\n");
  append_format(text, "# {}\n", path);
  config::Diagnostics unheard;
  for (const config::CrtListLine& entry : entries_of(snapshot_of(call), path, *list, unheard)) {
    text += entry.certificate;
    if (numbered) append_format(text, ":{}", entry.line);
    if (!entry.words.empty()) append_format(text, " [{}]", entry.words);
    for (const std::string& filter : entry.filters) text += " " + filter;
    text += '\n';
  }
  call->answer(std::move(text));
}

// What several commands may add up to.
void keep_step(const CallRef& call, const std::string& what) {
  Crew& crew = call->realm().crew();
  if (crew.keeps_until_reload(what)) return crew.keep_also(what, call->again());
  crew.keep_until_reload(
      what, [] {}, call->again());
}

void set_list(const CallRef& call, const std::string& path, std::string text, std::string said) {
  call->realm().amend(SetList{path, std::move(text)}, [call, path, said = std::move(said)](const std::string& why) {
    if (!why.empty()) return call->fail(format("Can't edit the crt-list: {}\n", why));
    keep_step(call, "crt-list " + path);
    call->answer(said);
  });
}

void add_to_list(const CallRef& call) {
  const std::string path(call->argument(0));
  const std::string line = call->payload().empty() ? std::string(call->argument(1)) : call->payload();
  if (path.empty() || line.empty()) return call->fail("'add ssl crtlist' expects a filename and a certificate name\n");
  const auto refuse = [&](std::string_view why) { call->fail(format("Can't edit the crt-list: {}\n", why)); };
  auto list = list_text(snapshot_of(call), path);
  if (!list) return refuse(format("crt-list '{}' does not exist!", path));
  config::Diagnostics diagnostics;
  const auto added = entries_of(snapshot_of(call), path, line, diagnostics);
  if (diagnostics.failed()) return refuse(diagnostics.complaints().front().text);
  if (added.size() != 1) return refuse("one line is expected");
  const std::string& name = added.front().certificate;
  const auto credentials = snapshot_of(call).tls_files().certificate(name);
  if (!credentials) return refuse(format("certificate '{}' does not exist!", name));
  if (!credentials->has_certificate()) return refuse(format("certificate '{}' is empty!", name));
  if (!list->empty() && !list->ends_with('\n')) *list += '\n';
  *list += line;
  if (!list->ends_with('\n')) *list += '\n';
  set_list(call, path, std::move(*list),
           format("Inserting certificate '{}' in crt-list '{}'.\nSuccess!\n", name, path));
}

void delete_from_list(const CallRef& call) {
  const std::string path(call->argument(0));
  std::string name(call->argument(1));
  if (path.empty() || name.empty()) return call->fail("'del ssl crtlist' expects a filename and a certificate name\n");
  const auto refuse = [&](std::string_view why) { call->fail(format("Can't delete the entry: {}\n", why)); };
  const auto list = list_text(snapshot_of(call), path);
  if (!list) return refuse(format("crt-list '{}' does not exist!", path));
  std::uint64_t number = 0;
  const TlsFiles& files = snapshot_of(call).tls_files();
  if (const std::size_t colon = name.rfind(':'); colon != std::string::npos && !files.certificate(name)) {
    number = parse_unsigned(std::string_view(name).substr(colon + 1)).value_or(0);
    name.resize(colon);
  }
  if (!files.certificate(name)) return refuse(format("certificate '{}' does not exist!", name));
  config::Diagnostics unheard;
  std::vector<std::uint32_t> found;
  for (const config::CrtListLine& entry : entries_of(snapshot_of(call), path, *list, unheard)) {
    if (entry.certificate == name) found.push_back(entry.line);
  }
  if (const auto wanted = std::find(found.begin(), found.end(), number); wanted != found.end()) {
    found = {*wanted};
  } else if (number != 0 && !found.empty()) {
    return refuse(format("certificate '{}' stands in line {} of it!", name, found.front()));
  }
  if (found.empty()) return refuse(format("certificate '{}' can't be found in crt-list '{}'!", name, path));
  if (found.size() > 1)
    return refuse(format("certificate '{}' is listed several times in the crt-list '{}', name its line!", name, path));
  // Numbers of other lines stay.
  std::vector<std::string> lines = lines_of(*list);
  lines[found.front() - 1].clear();
  set_list(call, path, joined(lines), format("Entry '{}' deleted in crtlist '{}'!\n", name, path));
}

// By its number, with '#' in front or not, or by its file.
TicketKeys* find_keys(const CallRef& call, std::string_view name) {
  const auto& all = snapshot_of(call).tls_files().ticket_keys;
  const auto number = name.starts_with('#') ? parse_unsigned(name.substr(1)) : std::nullopt;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].first == name || number == i) return all[i].second.get();
  }
  return nullptr;
}

void show_ticket_keys(const CallRef& call) {
  const auto& all = snapshot_of(call).tls_files().ticket_keys;
  const std::string_view name = call->argument(0);
  const TicketKeys* wanted = name.empty() || name == "*" ? nullptr : find_keys(call, name);
  if (!name.empty() && name != "*" && wanted == nullptr)
    return call->fail("'show tls-keys' unable to locate referenced filename\n");
  std::string text = name.empty() ? "# id (file)\n" : "# id secret\n";
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (wanted != nullptr && all[i].second.get() != wanted) continue;
    append_format(text, "{}{} ({})\n", name.empty() ? "" : "# ", i, all[i].first);
    if (name.empty()) continue;
    const std::vector<std::string> keys = all[i].second->texts();
    for (std::size_t key = 0; key < keys.size(); ++key) append_format(text, "{}.{} {}\n", i, key, keys[key]);
  }
  call->answer(std::move(text));
}

void set_ticket_key(const CallRef& call) {
  const std::string name(call->argument(0));
  const std::string_view key = call->argument(1);
  if (name.empty() || key.empty())
    return call->fail("'set ssl tls-key' expects a filename and the new TLS key in base64 encoding.\n");
  TicketKeys* keys = find_keys(call, name);
  if (keys == nullptr) return call->fail("'set ssl tls-key' unable to locate referenced filename\n");
  switch (keys->append(key)) {
    case TicketKeys::Appended::NotBase64:
      return call->fail("'set ssl tls-key' received invalid base64 encoded TLS key.\n");
    case TicketKeys::Appended::WrongSize:
      return call->fail("'set ssl tls-key' received a key of wrong size.\n");
    case TicketKeys::Appended::Yes:
      break;
  }
  keep_step(call, "keys of tickets of " + name);
  call->say(Level::Info, "TLS ticket key updated!\n");
}

std::string id_text(const OcspDetails& details) {
  return format("   Issuer Name Hash: {}\n   Issuer Key Hash: {}\n   Serial Number: {}\n", details.name_hash,
                details.key_hash, details.serial);
}

void show_ocsp(const CallRef& call) {
  const std::string_view wanted = call->argument(0);
  std::string text = wanted.empty() ? "# Certificate IDs\n" : "";
  bool any = false;
  for (const auto& [file, credentials] : snapshot_of(call).tls_files().certificates) {
    const auto details = credentials->ocsp();
    if (!details || (!wanted.empty() && details->key != wanted)) continue;
    any = true;
    if (wanted.empty()) {
      append_format(text, "Certificate ID key : {}\n Certificate ID:\n{}", details->key, id_text(*details));
      continue;
    }
    append_format(
        text,
        "OCSP Response Data:\n    OCSP Response Status: successful (0x0)\n"
        "    Response Type: Basic OCSP Response\n    Produced At: {}\n    Responses:\n    Certificate ID:\n"
        "      Issuer Name Hash: {}\n      Issuer Key Hash: {}\n      Serial Number: {}\n    Cert Status: {}\n"
        "    This Update: {}\n",
        details->produced_at, details->name_hash, details->key_hash, details->serial, details->status,
        details->this_update);
    if (!details->next_update.empty()) append_format(text, "    Next Update: {}\n", details->next_update);
    break;
  }
  if (any) return call->answer(std::move(text));
  if (wanted.empty()) return call->done();
  call->fail("Certificate ID does not match any certificate.\n");
}

// One amendment after the other, for each certificate that the answer is about.
void set_ocsp_of(const CallRef& call, const std::string& base64, std::vector<std::string> files) {
  if (files.empty()) return call->say(Level::Info, "OCSP Response updated!\n");
  const std::string file = std::move(files.back());
  files.pop_back();
  auto next = snapshot_of(call).tls_files().certificate(file)->with(TlsCredentials::Part::Ocsp, base64);
  if (!next) return call->fail(next.error().text + "\n");
  if (const std::string trouble = (*next)->ocsp_trouble(); !trouble.empty())
    return call->fail(format("OCSP single response: {}.\n", trouble));
  call->realm().amend(SetCertificate{file, std::move(*next)},
                      [call, base64, file, files = std::move(files)](const std::string& why) {
                        if (!why.empty()) return call->fail(why + "\n");
                        call->realm().crew().keep_until_reload(
                            "OCSP response of " + file, [] {}, call->again());
                        set_ocsp_of(call, base64, files);
                      });
}

void set_ocsp(const CallRef& call) {
  const std::string base64 = call->payload().empty() ? std::string(call->argument(0)) : call->payload();
  if (base64.empty()) return call->fail("'set ssl ocsp-response' expects response in base64 encoding.\n");
  const auto bytes = from_base64(base64);
  if (!bytes) return call->fail("'set ssl ocsp-response' received invalid base64 encoded response.\n");
  auto details = ocsp_details(*bytes);
  if (!details) return call->fail("Unable to parse OCSP response.\n");
  std::vector<std::string> files;
  for (const auto& [file, credentials] : snapshot_of(call).tls_files().certificates) {
    std::string key;
    for (const char c : credentials->ocsp_id()) append_format(key, "{:02x}", static_cast<unsigned char>(c));
    if (key == details->key) files.push_back(file);
  }
  if (files.empty())
    return call->fail("OCSP single response: Certificate ID does not match any certificate or issuer.\n");
  set_ocsp_of(call, base64, std::move(files));
}

constexpr Command kCommands[] = {
    {"add ssl crt-list", "<list> <cert> [opts]*", AccessLevel::Admin, "a line more in a list of certificates",
     add_to_list},
    {"del ssl crt-list", "<list> <cert[:line]>", AccessLevel::Admin, "a line less in a list of certificates",
     delete_from_list},
    {"set ssl ocsp-response", "<resp|payload>", AccessLevel::Admin, "what is stapled to a certificate", set_ocsp},
    {"set ssl tls-key", "[id|file] <key>", AccessLevel::Admin, "one more key for session tickets", set_ticket_key},
    {"show ssl crt-list", "[-n] [<list>]", AccessLevel::Operator, "lists of certificates, or what stands in one",
     show_lists},
    {"show ssl ocsp-response", "[id]", AccessLevel::Operator, "what is stapled to certificates", show_ocsp},
    {"show tls-keys", "[id|*]", AccessLevel::Admin, "files of keys for session tickets, or the keys", show_ticket_keys},
};

}  // namespace

std::span<const Command> tls_list_commands() { return kCommands; }

}  // namespace penstock
