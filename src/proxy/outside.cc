#include "outside.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "penstock/base/format.h"
#include "penstock/base/xxhash.h"

namespace penstock {
namespace {

using Kind = Question::Kind;

// What a frontend is taken to admit where nothing says how many: nothing is served then.
constexpr std::uint32_t kUsualMaxconn = 2000;
// Of servers that track servers; a longer one goes in a circle, which was complained about.
constexpr std::size_t kLongestChain = 10000;

std::uint64_t as_answer(int number) { return static_cast<std::uint64_t>(static_cast<std::int64_t>(number)); }

config::Address named_address(const std::string& host, int family) {
  config::Address address;
  address.kind = config::Address::Kind::Name;
  address.host = host;
  address.family = family;
  return address;
}

std::uint64_t answer_of(const SocketAddress& address) { return address.empty() ? 0 : xxh64(address.text()); }

std::uint64_t answer_of(const std::optional<Leader>& leader) {
  if (!leader) return 0;
  return xxh64(format("{} {}", leader->name, static_cast<const void*>(leader->state.get())));
}

int table_of(const SnapshotGround& ground, const std::string& proxy) {
  const std::vector<TablePlan>& tables = ground.tables;
  const auto found =
      std::find_if(tables.begin(), tables.end(), [&](const TablePlan& table) { return table.proxy == proxy; });
  return found == tables.end() ? -1 : static_cast<int>(found - tables.begin());
}

const config::Server* find_server(const config::Proxy& proxy, std::string_view name) {
  for (const config::Server& server : proxy.servers) {
    if (server.name == name) return &server;
  }
  return nullptr;
}

}  // namespace

Outside::Outside(const SnapshotGround& ground, const Sources& sources, const TlsFiles& files, const PlansBefore& before)
    : ground_(ground),
      bundle_(ground.bundle),
      sources_(sources),
      files_(files),
      before_(before),
      patterns_(sources.taken_out) {}

const std::string* Outside::text_of(const std::string& path) const {
  const std::string* set = files_.trust(path);
  return set != nullptr ? set : bundle_.content(path);
}

void Outside::note_patterns(const rules::PatternUse& use) const {
  if (making_ != nullptr) making_->patterns.push_back(use);
}

void Outside::offer_patterns(const std::vector<rules::PatternUse>& uses) {
  for (const rules::PatternUse& use : uses) patterns_.offer(use.set, bundle_.content(use.set->file()));
}

bool Outside::patterns_stay(const std::vector<rules::PatternUse>& uses) const {
  return std::all_of(uses.begin(), uses.end(), [&](const auto& use) { return patterns_.stays(*use.set); });
}

// The same question often comes again at once, from one server line after the other.
void Outside::keep(Kind kind, std::string_view about, std::uint64_t answer) const {
  if (making_ == nullptr) return;
  std::vector<Question>& all = making_->questions;
  const std::size_t looked_at = std::min<std::size_t>(all.size(), 8);
  const auto same = [&](const Question& question) { return question.kind == kind && question.about == about; };
  if (std::any_of(all.end() - static_cast<std::ptrdiff_t>(looked_at), all.end(), same)) return;
  all.push_back({kind, std::string(about), answer});
}

std::uint64_t Outside::digest_of(const std::string& path) const {
  const std::string* text = text_of(path);
  if (text == nullptr) return 0;
  const auto [at, is_new] = digests_.try_emplace(path);
  if (is_new) at->second = xxh64(*text, 1);
  return at->second;
}

std::uint64_t Outside::digest_of_credentials(const std::string& path) const {
  const auto [at, is_new] = credential_digests_.try_emplace(path);
  if (is_new) at->second = xxh64(bundle_.credentials(path).text.view(), 1);
  return at->second;
}

const std::string* Outside::content(const std::string& path) const {
  keep(Kind::Text, path, digest_of(path));
  return text_of(path);
}

PemFile Outside::credentials(const std::string& path) const {
  if (!path.empty()) keep(Kind::Credentials, path, digest_of_credentials(path));
  return bundle_.credentials(path);
}

int Outside::frontend_index(const std::string& name) const {
  const auto found = ground_.frontends.find(name);
  const int number = found == ground_.frontends.end() ? -1 : found->second.number;
  keep(Kind::Frontend, name, as_answer(number));
  return number;
}

int Outside::backend_index(const std::string& name) const {
  const auto found = ground_.backends.find(name);
  const int number = found == ground_.backends.end() ? -1 : found->second.number;
  keep(Kind::Backend, name, as_answer(number));
  return number;
}

int Outside::server_index(int backend, const std::string& name) const {
  const config::Proxy* proxy = ground_.backend(backend);
  if (proxy == nullptr) return -1;
  const int key = key_of(*proxy, name);
  keep(Kind::Server, proxy->name + "\n" + name, as_answer(key));
  return key;
}

// One that is known keeps its limits until the configuration is put to work.
std::shared_ptr<Cache> Outside::cache(const std::string& name) const {
  for (const config::Cache& line : ground_.config->caches) {
    if (line.name != name) continue;
    std::shared_ptr<Cache>& known = (*sources_.caches)[name];
    if (known == nullptr) known = std::make_shared<Cache>(line);
    return known;
  }
  return nullptr;
}

int Outside::table_index(const std::string& proxy) const {
  const int number = table_of(ground_, proxy);
  keep(Kind::Table, proxy, digest_of_table(proxy));
  return number;
}

// One whose keys are made in another way is another table.
std::uint64_t Outside::digest_of_table(const std::string& proxy) const {
  const int number = table_of(ground_, proxy);
  if (number < 0) return 0;
  return xxh64(
      format("{} {}", number, static_cast<const void*>(ground_.tables[static_cast<std::size_t>(number)].table.get())));
}

std::optional<std::string> Outside::address_of(const std::string& name) const {
  const SocketAddress found = bundle_.resolved(named_address(name, 4));
  keep(Kind::Host, name, answer_of(found));
  return found.empty() ? std::nullopt : std::optional(found.ip_text());
}

// One that is written in numbers is what the section says.
SocketAddress Outside::resolved(const config::Address& address) const {
  const SocketAddress found = bundle_.resolved(address);
  if (address.kind == config::Address::Kind::Name) {
    const SocketAddress alone = bundle_.resolved(named_address(address.host, address.family));
    keep(Kind::Address, format("{} {}", address.family, address.host), answer_of(alone));
  }
  return found;
}

// Unless given, a tenth of what the frontends that may lead here admit (manual, "fullconn").
std::uint64_t Outside::fullconn(const config::Proxy& proxy) const {
  if (proxy.fullconn != 0) return proxy.fullconn;
  if (!admitted_) admitted_ = sum_admitted();
  const auto led = admitted_->find(proxy.name), anywhere = admitted_->find("");
  const std::uint64_t sum =
      (led == admitted_->end() ? 0 : led->second) + (anywhere == admitted_->end() ? 0 : anywhere->second);
  const auto fullconn = std::clamp<std::uint64_t>(sum / 10, 1, std::numeric_limits<std::uint32_t>::max());
  keep(Kind::Fullconn, "", fullconn);
  return fullconn;
}

// What frontends admit, by the names of the backends they may lead to; those that may lead anywhere under no name.
Outside::Admitted Outside::sum_admitted() const {
  Admitted sums;
  const std::uint32_t process = sources_.process.hard_maxconn;
  const std::uint32_t all = process != 0 ? process : std::max(ground_.config->global.maxconn, kUsualMaxconn);
  for (const auto& [name, named] : ground_.frontends) {
    const config::Proxy& frontend = ground_.config->proxies[named.proxy];
    std::set<std::string> where;
    if (frontend.is_backend) where.insert(frontend.name);
    if (frontend.default_backend) where.insert(frontend.default_backend->text);
    for (const config::Rule& rule : frontend.rules) {
      if (rule.set == config::Rule::Set::UseBackend) where.insert(rule.words[0].text);
    }
    const auto unknown = [](const std::string& backend) { return backend.find('%') != std::string::npos; };
    if (std::any_of(where.begin(), where.end(), unknown)) where = {""};
    const std::uint64_t admits = frontend.maxconn != 0 ? frontend.maxconn : all;
    for (const std::string& backend : where) sums[backend] += admits;
  }
  return sums;
}

// A server that tracks one that tracks another follows that one, if there is one at the end that tracks none.
std::optional<Leader> Outside::leader_of(const config::Proxy& proxy, const config::Server& server) const {
  if (!server.track) return std::nullopt;
  const config::Proxy* backend = &proxy;
  const config::Server* at = &server;
  std::optional<Leader> leader, found;
  for (std::size_t steps = 0; at != nullptr && at->track && steps <= kLongestChain; ++steps) {
    std::string_view name = at->track->text;
    if (const std::size_t slash = name.find('/'); slash != std::string_view::npos) {
      backend = ground_.backend(std::string(name.substr(0, slash)));
      name.remove_prefix(slash + 1);
    }
    at = backend == nullptr ? nullptr : find_server(*backend, name);  // Null: disabled, or complained about.
    if (at == nullptr) break;
    if (!leader)
      leader = Leader{format("{}/{}", backend->name, name), sources_.servers.server(backend->name, at->name)};
    if (!at->track) found = leader;
  }
  keep(Kind::Leader, server.name, answer_of(found));
  return found;
}

std::vector<int> Outside::make_keys(const config::Proxy& proxy) const {
  const auto known = ground_.backends.find(proxy.name);
  const auto number = static_cast<std::size_t>(known == ground_.backends.end() ? 0 : known->second.number);
  const BackendPlan* before = known != ground_.backends.end() && number < before_.size() ? before_[number] : nullptr;
  std::map<std::string_view, int> keys_before;
  std::set<int> taken;
  if (before != nullptr) {
    for (const ServerSpec& server : before->balance.servers) {
      keys_before.emplace(server.name, server.key);
      taken.insert(server.key);
    }
  }
  std::vector<int> keys;
  int next = 0;
  for (const config::Server& server : proxy.servers) {
    const auto same = keys_before.find(server.name);
    if (same != keys_before.end()) {
      keys.push_back(same->second);
      continue;
    }
    while (taken.contains(next)) ++next;
    keys.push_back(next++);
  }
  return keys;
}

int Outside::key_of(const config::Proxy& proxy, const std::string& server) const {
  const config::Server* line = find_server(proxy, server);
  if (line == nullptr) return -1;
  return keys_of(proxy)[static_cast<std::size_t>(line - proxy.servers.data())];
}

const std::vector<int>& Outside::keys_of(const config::Proxy& proxy) const {
  const auto [at, is_new] = keys_.try_emplace(&proxy);
  if (is_new) at->second = make_keys(proxy);
  return at->second;
}

void Outside::note_files(const config::Tls& tls, const std::string& certificate) const {
  for (const std::string* path : {&tls.ca_file, &tls.crl_file, &tls.ca_verify_file}) {
    if (!path->empty()) keep(Kind::Text, *path, digest_of(*path));
  }
  if (!certificate.empty()) keep(Kind::Credentials, certificate, digest_of_credentials(certificate));
}

std::uint64_t Outside::answer_to(const config::Proxy& proxy, const Question& question) const {
  const std::string& about = question.about;
  const auto none = as_answer(-1);
  switch (question.kind) {
    case Kind::Text:
      return digest_of(about);
    case Kind::Credentials:
      return digest_of_credentials(about);
    case Kind::Address:
      return answer_of(bundle_.resolved(named_address(about.substr(2), about[0] - '0')));
    case Kind::Host:
      return answer_of(bundle_.resolved(named_address(about, 4)));
    case Kind::Frontend:
      return as_answer(frontend_index(about));
    case Kind::Backend:
      return as_answer(backend_index(about));
    case Kind::Server: {
      const std::size_t end = about.find('\n');
      const config::Proxy* backend = ground_.backend(about.substr(0, end));
      return backend == nullptr ? none : as_answer(key_of(*backend, about.substr(end + 1)));
    }
    case Kind::Table:
      return digest_of_table(about);
    case Kind::Fullconn:
      return fullconn(proxy);
    case Kind::Leader: {
      const config::Server* server = find_server(proxy, about);
      return server == nullptr ? 0 : answer_of(leader_of(proxy, *server));
    }
  }
  return 0;
}

bool Outside::answers_as_before(const config::Proxy& proxy, const std::vector<Question>& questions) {
  making_ = nullptr;
  return std::all_of(questions.begin(), questions.end(),
                     [&](const Question& question) { return answer_to(proxy, question) == question.answer; });
}

}  // namespace penstock
