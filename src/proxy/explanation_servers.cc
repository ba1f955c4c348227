// The last part of a walk: who of the backend's servers would serve, as approach.cc has it.
#include <algorithm>

#include "explanation_walk.h"
#include "penstock/balance/policy.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/net/loop.h"
#include "penstock/proxy/persistence.h"
#include "penstock/proxy/sticking.h"

namespace penstock::explanation {
namespace {

using Kind = Event::Kind;

std::string_view name_of(BalanceKind kind) {
  switch (kind) {
    case BalanceKind::RoundRobin:
      return "each in turn (roundrobin)";
    case BalanceKind::LeastConn:
      return "the one with the fewest connections (leastconn)";
    case BalanceKind::First:
      return "the first that has room (first)";
    case BalanceKind::Source:
      return "by a hash of the client's address (source)";
    case BalanceKind::Random:
      return "by chance (random)";
    case BalanceKind::Hash:
      return "by a hash of the request";
  }
  return "";
}

}  // namespace

bool Walk::is_in_service(const ServerSpec& server) const {
  return is_running_ ? server.state->keeps_traffic() : !server.disabled;
}

// Those that may be chosen by balancing. Where nothing runs, all are taken to be up.
std::vector<Candidate> Walk::candidates() const {
  if (is_running_) return usable_servers(backend_->balance);
  std::vector<Candidate> active, backup;
  for (std::uint32_t i = 0; i < backend_->balance.servers.size(); ++i) {
    const ServerSpec& server = backend_->balance.servers[i];
    if (!server.disabled && server.weight != 0)
      (server.backup ? backup : active).push_back({&server, i, server.weight * 256});
  }
  if (!active.empty()) return active;
  if (!backup.empty() && !backend_->balance.all_backups) backup.resize(1);
  return backup;
}

std::string Walk::words_of(const ServerSpec& server) {
  std::string text = format("server {}: {}", server.name,
                            server.address.is_any()   ? "where the client came to"
                            : server.port_from_client ? server.address.ip_text() + ", at the port the client came to"
                                                      : server.address.text());
  if (server.weight != 1) append_format(text, ", weight {}", server.weight);
  if (server.backup) text += ", backup";
  if (!is_running_ && server.disabled) text += ", in maintenance";
  if (is_running_) {
    const Standing standing = server.state->standing.load(std::memory_order_relaxed);
    text += !standing.in_service()                  ? ", in maintenance"
            : standing.operation == Operation::Down ? ", DOWN"
            : standing.takes_traffic()              ? ", up"
                                                    : ", draining";
  }
  if (server.tls) {
    const std::string_view name = backend_->sni_of(server, subject_);
    text += name.empty() ? std::string(", TLS without a name") : format(", TLS for '{}'", words_.shown(name));
  }
  if (server.maxconn != 0) append_format(text, ", maxconn {}", server.maxconn);
  return text;
}

void Walk::tell_servers() {
  if (backend_->balance.servers.empty()) return say(Kind::Fact, "it has no server");
  for (const ServerSpec& server : backend_->balance.servers) say(Kind::Fact, words_of(server));
}

// As Approach::ask_persistence() and choose().
void Walk::choose_server() {
  tell_servers();
  const bool ignored = ask_rules_about_server();
  if (is_http() && backend_->cookie.in_use() && !ignored) ask_cookie();
  if (!backend_->rules->stick_request.empty()) ask_tables();
  if (server_ == nullptr) balance();
}

// True: what the client brings does not count (ignore-persist).
bool Walk::ask_rules_about_server() {
  const rules::Persistence persistence = backend_->rules->persistence(subject_, *this);
  const int named = backend_->rules->choose_server(subject_, *this);
  const int place = named < 0 ? -1 : backend_->balance.place_of(named);
  if (place >= 0) {
    const ServerSpec& server = backend_->balance.servers[static_cast<std::size_t>(place)];
    if (is_in_service(server) || persistence == rules::Persistence::Forced || backend_->persist) {
      server_ = &server;
      chosen_by_ = "by use-server";
      say(Kind::Effect, format("it is to be server {}", server.name));
    } else {
      say(Kind::Effect, format("server {} is not in service: use-server is passed over", server.name));
    }
  }
  if (persistence == rules::Persistence::Ignored) say(Kind::Effect, "cookies choose no server (ignore-persist)");
  if (persistence == rules::Persistence::Forced) say(Kind::Effect, "even a server that is down (force-persist)");
  return persistence == rules::Persistence::Ignored;
}

void Walk::ask_cookie() {
  using persistence::Power;
  const std::string& name = backend_->cookie.line.name;
  const Power power = server_ != nullptr ? Power::None : backend_->persist ? Power::Anyhow : Power::Usual;
  const std::int64_t now_s = Loop::wall_us() / 1'000'000;
  const persistence::Claim claim =
      persistence::read(*subject_.request, backend_->cookie, backend_->balance.servers, power, now_s, arena_);
  const ServerSpec* server =
      claim.server < 0 ? nullptr : &backend_->balance.servers[static_cast<std::size_t>(claim.server)];
  if (server == nullptr || !is_in_service(*server))
    return say(Kind::Fact, format("cookie {}: the request brings none that names a server", name));
  server_ = server;
  chosen_by_ = format("by cookie {}", name);
}

void Walk::ask_tables() {
  for (const rules::StickRule& rule : backend_->rules->stick_request) {
    if (!rule.condition.holds(subject_, *this)) continue;
    rules::Value value;
    const bool found = rule.key(subject_, value).has_value();
    const std::string& table = snapshot_.tables[static_cast<std::size_t>(rule.table)].proxy;
    if (!found) {
      say(Kind::Effect, "the request has no key");
    } else if (rule.matches && server_ == nullptr && is_running_) {
      look_up(rule, table, value);
    } else if (rule.matches && server_ == nullptr) {
      say(Kind::Effect, format("the server that table {} has for \"{}\", if it has one: unknown here", table,
                               words_.shown(text_of(value))));
      chosen_by_ = format("if stick table {} does not know the client, ", table);
    } else {
      say(Kind::Effect, format("key of table {}: \"{}\"", table, words_.shown(text_of(value))));
    }
  }
}

void Walk::look_up(const rules::StickRule& rule, const std::string& name, const rules::Value& value) {
  const std::optional<std::string_view> key = rule.key(subject_);
  const std::shared_ptr<StickTable>& table = snapshot_.tables[static_cast<std::size_t>(rule.table)].table;
  const std::string shown = words_.shown(text_of(value));
  int place = -1;
  if (key && table) {
    const StickTable::Hold hold = table->look(*key, numbers_now());
    if (hold && hold.mark() != nullptr) place = place_of(*table, *hold.mark(), backend_->balance);
  }
  if (place < 0) return say(Kind::Effect, format("table {} knows no server for \"{}\"", name, shown));
  const ServerSpec& server = backend_->balance.servers[static_cast<std::size_t>(place)];
  say(Kind::Effect, format("table {} has server {} for \"{}\"", name, server.name, shown));
  if (!is_in_service(server)) return say(Kind::Fact, format("server {} is out of service", server.name));
  server_ = &server;
  chosen_by_ = format("by stick table {}", name);
}

// The hash of what is balanced by, if that is known.
std::optional<std::uint32_t> Walk::key() {
  if (backend_->balance.balance == BalanceKind::Source) {
    if (!explained_.source) return std::nullopt;
    return backend_->rules->hash_key.spread(address_hash(supposed_.source.ip_bytes()));
  }
  const auto key = backend_->rules->hash_key.bytes(subject_);
  if (!key || key->empty() || key->find(rules::kUnknownHere) != std::string_view::npos) return std::nullopt;
  return backend_->rules->hash_key.hash(*key);
}

void Walk::balance() {
  const std::vector<Candidate> able = candidates();
  const BackendSpec& spec = backend_->balance;
  const bool hashes = spec.balance == BalanceKind::Source || spec.balance == BalanceKind::Hash;
  const std::string before = chosen_by_;
  chosen_by_ = before + std::string(name_of(spec.balance));
  if (able.empty()) return;
  if (able.size() == 1) chosen_by_ = before + "the only one that takes requests";
  const std::optional<std::uint32_t> hash = hashes ? key() : std::nullopt;
  const Candidate* chosen = nullptr;
  if (able.size() == 1) chosen = &able.front();
  if (able.size() > 1 && hash)
    chosen = spec.consistent ? by_rating(able, *hash) : by_hash(able, weighted_map(able), *hash);
  if (chosen != nullptr && before.empty()) server_ = chosen->spec;
}

std::string Walk::where_it_goes() const {
  const std::string& pool = backend_->balance.name;
  if (server_ != nullptr) {
    const bool is_sure = is_running_ || chosen_by_.starts_with("by use-server");
    return format("backend {}, server {}, {}{}", pool, server_->name, chosen_by_, is_sure ? "" : " (while all are up)");
  }
  if (backend_->balance.servers.empty()) return format("backend {} has no server: 503", pool);
  if (is_running_ && candidates().empty()) return format("backend {}: no server takes requests now: 503", pool);
  return format("backend {}, {}", pool, chosen_by_);
}

}  // namespace penstock::explanation
