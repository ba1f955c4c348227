#include "penstock/control/names.h"

#include <algorithm>

#include "name_texts.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/control/crew.h"

namespace penstock {
namespace {

using Status = DnsAnswer::Status;

constexpr std::array<NameserverColumn, 15> kColumns{{
    {"sent", "sent", "Sent", &NameserverCounts::sent},
    {"send_error", "snd_error", "Send error", &NameserverCounts::send_error},
    {"valid", "valid", "Valid", &NameserverCounts::valid},
    {"update", "update", "Update", &NameserverCounts::update},
    {"cname", "cname", "CNAME", &NameserverCounts::alias},
    {"cname_error", "cname_error", "CNAME error", &NameserverCounts::alias_error},
    {"any_err", "any_err", "Any errors", &NameserverCounts::empty},
    {"nx", "nx", "NX", &NameserverCounts::no_name},
    {"timeout", "timeout", "Timeout", &NameserverCounts::timeout},
    {"refused", "refused", "Refused", &NameserverCounts::refused},
    {"other", "other", "Other", &NameserverCounts::other},
    {"invalid", "invalid", "Invalid", &NameserverCounts::invalid},
    {"too_big", "too_big", "Too big", &NameserverCounts::too_big},
    {"truncated", "truncated", "Truncated", &NameserverCounts::truncated},
    {"outdated", "outdated", "Outdated", &NameserverCounts::outdated},
}};

std::uint64_t NameserverCounts::*count_of(Status status) {
  switch (status) {
    case Status::Valid:
      return &NameserverCounts::valid;
    case Status::Empty:
      return &NameserverCounts::empty;
    case Status::NoName:
      return &NameserverCounts::no_name;
    case Status::Refused:
      return &NameserverCounts::refused;
    case Status::Timeout:
      return &NameserverCounts::timeout;
    case Status::Invalid:
      return &NameserverCounts::invalid;
    case Status::Other:
      break;
  }
  return &NameserverCounts::other;
}

std::uint64_t hold_of(const config::Resolvers::Hold& hold, Status status) {
  switch (status) {
    case Status::NoName:
      return hold.nx_ms;
    case Status::Refused:
      return hold.refused_ms;
    case Status::Timeout:
      return hold.timeout_ms;
    default:
      return hold.other_ms;
  }
}

// In HAProxy's words.
std::string_view why_of(Status status) {
  switch (status) {
    case Status::NoName:
      return "DNS NX status";
    case Status::Refused:
      return "DNS refused status";
    case Status::Timeout:
      return "DNS timeout status";
    default:
      return "unspecified DNS error";
  }
}

// Of one question, so many answers' worth is remembered; beyond that only the last one's.
constexpr std::size_t kMostSeen = 1024;
// Names that rules have asked for, known or under way.
constexpr std::size_t kMostLookedUp = 4096;

// The weight of a record, which has more steps, as one of a server.
std::uint32_t weight_of(const SrvRecord& record) { return (record.weight + 255u) / 256u; }

}  // namespace

const std::array<NameserverColumn, 15>& nameserver_columns() { return kColumns; }

class Names::Clock final : public Living {
 public:
  Clock(Loop& loop, Names& names) : Living(loop), names_(names) {}
  using Living::clear_deadline;
  using Living::set_deadline;

 private:
  void on_deadline() override { names_.tick(); }
  Names& names_;
};

// To one name server.
class Names::Line final : private NameserverOwner {
 public:
  Line(Names& names, Section& section, std::size_t place, const config::Nameserver& server);
  void ask(const std::string& name, DnsType type, std::uint64_t number) {
    ++counts.sent;
    server_->ask(name, type, number);
  }
  bool is_open() const { return server_ != nullptr; }

  const std::string name;
  NameserverCounts counts;

 private:
  void on_answer(std::uint64_t number, DnsAnswer answer) override {
    names_.on_answer(section_, place_, number, std::move(answer));
  }
  Names& names_;
  Section& section_;
  const std::size_t place_;
  Owned<Nameserver> server_;
};

struct Names::Section {
  config::Resolvers config;  // With the system's servers.
  std::vector<std::unique_ptr<Line>> lines;
};

// One name, asked for whoever wants to know it.
struct Names::Question {
  Key key;
  std::vector<Client*> clients;
  std::uint64_t due_ms = 0;       // 0: is under way, or nobody asks.
  std::uint64_t begun_ms = 0;     // The last time.
  std::uint64_t valid_at_ms = 0;  // 0: never was.
  std::uint64_t round = 0;        // 0: nothing is under way.
  std::size_t unanswered = 0;     // Of this round.
  std::uint32_t tries = 0;
  bool other_family = false;
  template <class Value>
  struct Seen {
    Value value;
    std::uint64_t at_ms = 0;
  };
  std::vector<Seen<SocketAddress>> addresses;
  std::vector<Seen<SrvRecord>> services;
  std::vector<Found> inquirers;  // Rules that wait.
  bool looked_up = false;        // A rule has asked.

  const std::string& name() const { return key.first.second; }
  DnsType type() const {
    if (key.second == Kind::Srv) return DnsType::Srv;
    return (key.second == Kind::Ip4First) != other_family ? DnsType::A : DnsType::Aaaa;
  }
};

// A server that is found by its name.
struct Names::Client {
  std::string backend;
  config::Server server;
  std::vector<Network> networks;
  std::uint64_t named = 0;
  std::string host;             // What it is asked by now; of one of a service: its target.
  SocketAddress given;          // Empty: none.
  Question* service = nullptr;  // That has SRV records.
  Question* question = nullptr;
  std::optional<SrvRecord> record;
};

Names::Line::Line(Names& names, Section& section, std::size_t place, const config::Nameserver& server)
    : name(server.name), names_(names), section_(section), place_(place) {
  NameserverOptions options;
  SocketAddress::from_ip(server.address.host, server.address.port_low, options.address);
  options.tcp = server.tcp;
  options.timeout_ms = section.config.retry_ms;
  options.payload = section.config.payload;
  if (!options.address.empty()) server_ = Nameserver::open(names.loop_, options, *this);
}

Names::Names(Loop& loop, Crew& crew) : loop_(loop), crew_(crew), clock_(new Clock(loop, *this)) {}

Names::~Names() = default;

void Names::adopt() {
  adopt_sections();
  adopt_clients();
  drop_idle();
  arm();
  for (Early& early : std::exchange(early_, {}))
    look_up(early.section, early.name, early.ip4_first, std::move(early.done));
}

// A section that says what it said goes on, with all that its name servers were asked.
void Names::adopt_sections() {
  const Snapshot& snapshot = *crew_.snapshot();
  std::map<std::string, std::unique_ptr<Section>, std::less<>> before = std::exchange(sections_, {});
  order_.clear();
  for (config::Resolvers section : snapshot.config.resolvers) {
    const std::string* text =
        section.system_servers ? snapshot.bundle.content(config::Resolvers::kSystemFile) : nullptr;
    if (text != nullptr) add_system_servers(*text, section.servers);
    order_.push_back(section.name);
    auto& entry = sections_[section.name];
    const auto known = before.find(section.name);
    if (known != before.end() && known->second->config == section) {
      entry = std::move(known->second);
      continue;
    }
    entry = std::make_unique<Section>();
    entry->config = section;
    for (const config::Nameserver& server : section.servers) {
      auto line = std::make_unique<Line>(*this, *entry, entry->lines.size(), server);
      if (line->is_open()) entry->lines.push_back(std::move(line));
    }
    // What the old ones were asked will never be answered.
    std::erase_if(pending_, [&](const auto& each) { return each.second.question.first.first == section.name; });
    for (auto& [key, question] : questions_) {
      if (key.first.first == section.name && question->round != 0) ask(*question, loop_.now());
    }
  }
}

void Names::adopt_clients() {
  const Snapshot& snapshot = *crew_.snapshot();
  auto before = std::exchange(clients_, {});
  for (auto& [key, question] : questions_) question->clients.clear();
  for (const config::Proxy& proxy : snapshot.config.proxies) {
    if (!proxy.is_backend || proxy.disabled) continue;
    for (const config::Server& server : proxy.servers) {
      if (!server.is_resolved()) continue;
      const ServerSpec* spec = snapshot.find_server(proxy.name, server.name);
      if (spec == nullptr || spec->named == 0) continue;
      const std::pair name(proxy.name, server.name);
      const auto known = before.find(name);
      auto client = std::make_unique<Client>();
      if (known != before.end() && known->second->named == spec->named && known->second->server == server)
        client = std::move(known->second);
      const bool is_new = client->named == 0;
      client->backend = proxy.name;
      client->server = server;
      client->networks = networks_of(server.resolve_net);
      client->named = spec->named;
      if (is_new) {
        const auto moved = spec->state->moved();
        if (moved && moved->to.name == spec->named) client->given = moved->to.address;
        client->host = server.is_srv() ? std::string() : server.address.host;
      }
      const auto renamed = renamed_.find(name);
      if (renamed != renamed_.end() && !server.is_srv()) client->host = renamed->second;
      Client& kept = *(clients_[name] = std::move(client));
      kept.question = nullptr;
      if (server.is_srv()) {
        kept.service = &question(server.resolvers.text, server.address.host, Kind::Srv);
        kept.service->clients.push_back(&kept);
      }
      if (!kept.host.empty())
        attach(kept, &question(server.resolvers.text, kept.host, server.prefer_ip4 ? Kind::Ip4First : Kind::Ip6First));
    }
  }
}

// By servers, by rules that wait, or by those that may ask again while an answer is good.
bool Names::is_wanted(const Question& question) const {
  if (!sections_.contains(question.key.first.first)) return false;
  return !question.clients.empty() || !question.inquirers.empty() ||
         (question.looked_up && question.due_ms > loop_.now());
}

void Names::forget(Question& question) {
  const std::vector<Found> inquirers = std::exchange(question.inquirers, {});
  if (question.looked_up) --looked_up_;
  due_.erase({question.due_ms, question.key});
  questions_.erase(questions_.find(question.key));
  for (const Found& done : inquirers) done({});
}

// Nobody wants to know them any more.
void Names::drop_idle() {
  for (auto at = questions_.begin(); at != questions_.end();) {
    Question& question = *at->second;
    ++at;
    if (!is_wanted(question)) forget(question);
  }
  std::erase_if(pending_, [this](const auto& entry) { return !questions_.contains(entry.second.question); });
}

Names::Question& Names::question(const std::string& section, const std::string& name, Kind kind) {
  const Key key{{section, name}, kind};
  auto& entry = questions_[key];
  if (entry) return *entry;
  entry = std::make_unique<Question>();
  entry->key = key;
  ask(*entry, loop_.now());
  return *entry;
}

// What the name is known to have it has at once.
void Names::attach(Client& client, Question* question) {
  if (client.question != nullptr) std::erase(client.question->clients, &client);
  client.question = question;
  if (question == nullptr) return;
  question->clients.push_back(&client);
  // An address that a server begins with counts as one that was found.
  if (question->valid_at_ms == 0 && !client.given.empty()) question->valid_at_ms = loop_.now();
}

void Names::ask(Question& question, std::uint64_t due_ms) {
  due_.erase({question.due_ms, question.key});
  question.round = 0;
  question.due_ms = std::max<std::uint64_t>(1, due_ms);
  due_.insert({question.due_ms, question.key});
}

void Names::arm() {
  if (due_.empty()) return clock_->clear_deadline();
  const std::uint64_t now = loop_.now(), due = due_.begin()->first;
  clock_->set_deadline(due > now ? due - now : 1);
}

void Names::look_up(const std::string& section, std::string_view text, bool ip4_first, Found done) {
  const std::string name = host_name(text);
  const auto known = sections_.find(section);
  if (known == sections_.end() && crew_.adopting())
    return early_.push_back({section, std::string(text), ip4_first, std::move(done)});
  const auto asked = questions_.find({{section, name}, ip4_first ? Kind::Ip4First : Kind::Ip6First});
  const bool is_new = asked == questions_.end() || !asked->second->looked_up;
  if (name.empty() || known == sections_.end() || (is_new && looked_up_ == kMostLookedUp)) {
    crew_.process().failed_names.fetch_add(1, std::memory_order_relaxed);
    return done({});
  }
  Question& question = this->question(section, name, ip4_first ? Kind::Ip4First : Kind::Ip6First);
  looked_up_ += is_new ? 1 : 0;
  question.looked_up = true;
  const std::uint64_t now = loop_.now();
  const auto at = std::find_if(question.addresses.begin(), question.addresses.end(),
                               [&](const auto& seen) { return seen.at_ms == question.valid_at_ms; });
  if (at != question.addresses.end() && now - at->at_ms < known->second->config.hold.valid_ms) return done(at->value);
  question.inquirers.push_back(std::move(done));
  if (question.round == 0) begin(question);
  arm();
}

// What came of it, for rules.
void Names::tell(Question& question, const SocketAddress& address) {
  for (const Found& done : std::exchange(question.inquirers, {})) done(address);
}

void Names::tick() {
  std::vector<Key> now;
  for (const auto& [due, key] : due_) {
    if (due > loop_.now()) break;
    now.push_back(key);
  }
  for (const Key& key : now) {
    Question& question = *questions_.at(key);
    is_wanted(question) ? begin(question) : forget(question);
  }
  arm();
}

void Names::begin(Question& question) {
  due_.erase({question.due_ms, question.key});
  question.due_ms = 0;
  question.begun_ms = loop_.now();
  question.tries = 1;
  question.other_family = false;
  send(question);
}

void Names::send(Question& question) {
  const auto section = sections_.find(question.key.first.first);
  if (section == sections_.end()) return;
  Section& asked = *section->second;
  question.round = next_number_;
  question.unanswered = asked.lines.size();
  for (auto& line : asked.lines) {
    const std::uint64_t number = next_number_++;
    pending_[number] = {question.key, question.round};
    line->ask(question.name(), question.type(), number);
  }
  if (!asked.lines.empty()) return;
  // Nobody can be asked.
  ask_again(question, asked);
  tell(question, {});
}

void Names::on_answer(Section& section, std::size_t server, std::uint64_t number, DnsAnswer answer) {
  const auto known = pending_.extract(number);
  Line& line = *section.lines[server];
  const auto asked = known.empty() ? questions_.end() : questions_.find(known.mapped().question);
  const bool is_late = asked == questions_.end() || asked->second->round != known.mapped().round;
  if (is_late && answer.status != Status::Timeout) {
    ++line.counts.outdated;
    return;
  }
  ++(line.counts.*count_of(answer.status));
  if (is_late) return;
  Question& question = *asked->second;
  if (answer.status == Status::Valid) {
    ask_again(question, section);
    question.valid_at_ms = loop_.now();
    const std::string by = section.config.name + "/" + line.name;
    found(question, answer, by);
  } else if (--question.unanswered == 0) {
    next_try(question, answer.status);
  }
  arm();
}

// For servers. What only rules want is asked when one wants it, and kept as long as it is good.
void Names::ask_again(Question& question, const Section& section) {
  const std::uint64_t now = loop_.now();
  if (question.clients.empty()) return ask(question, now + std::max<std::uint64_t>(1, section.config.hold.valid_ms));
  ask(question, std::max(now + 1, question.begun_ms + section.config.resolve_ms));
}

void Names::next_try(Question& question, Status status) {
  const Section& section = *sections_.at(question.key.first.first);
  if (question.key.second != Kind::Srv && !question.other_family && status != Status::Timeout) {
    question.other_family = true;
    return send(question);
  }
  // A name that is not there will not be there a moment later.
  const bool is_certain = status == Status::NoName || status == Status::Empty;
  if (!is_certain && question.tries < section.config.retries) {
    ++question.tries;
    question.other_family = false;
    return send(question);
  }
  ask_again(question, section);
  not_found(question, status);
}

namespace {

template <class Seen, class Value>
void note(std::vector<Seen>& seen, const std::vector<Value>& values, std::uint64_t now_ms, std::uint64_t keep_ms) {
  for (const Value& value : values) {
    const auto at = std::find_if(seen.begin(), seen.end(), [&](const Seen& one) { return one.value == value; });
    if (at == seen.end())
      seen.push_back({value, now_ms});
    else
      at->at_ms = now_ms;
  }
  const std::uint64_t keep_now_ms = seen.size() > kMostSeen ? 0 : keep_ms;
  std::erase_if(seen, [&](const Seen& one) { return one.at_ms != now_ms && now_ms - one.at_ms >= keep_now_ms; });
}

}  // namespace

void Names::found(Question& question, const DnsAnswer& answer, const std::string& by) {
  Section& section = *sections_.at(question.key.first.first);
  const std::uint64_t now = loop_.now(), keep_ms = section.config.hold.obsolete_ms;
  note(question.addresses, answer.addresses, now, keep_ms);
  note(question.services, answer.services, now, keep_ms);
  if (!answer.addresses.empty()) tell(question, answer.addresses.front());
  if (question.key.second == Kind::Srv) return give_services(question);
  if (!give_addresses(question, by)) return;
  for (auto& line : section.lines) {
    if (by == section.config.name + "/" + line->name) ++line->counts.update;
  }
}

void Names::not_found(Question& question, Status status) {
  const Section& section = *sections_.at(question.key.first.first);
  const std::uint64_t hold_ms = hold_of(section.config.hold, status);
  tell(question, {});
  if (question.valid_at_ms != 0 && loop_.now() - question.valid_at_ms < hold_ms) return;
  question.addresses.clear();
  question.services.clear();
  const std::vector<Client*> clients = question.clients;
  for (Client* client : clients) {
    if (question.key.second == Kind::Srv) {
      client->record.reset();
      client->host.clear();
      attach(*client, nullptr);
    }
    take_away(*client, why_of(status));
  }
}

// Who has an address that is still there keeps it; the others get one that no server of the backend with that name has.
bool Names::give_addresses(Question& question, const std::string& by) {
  const auto has = [&](const SocketAddress& address) {
    return std::any_of(question.addresses.begin(), question.addresses.end(),
                       [&](const auto& seen) { return seen.value.ip_bytes() == address.ip_bytes(); });
  };
  const auto is_taken = [&](const Client& by_other, const SocketAddress& address) {
    return std::any_of(question.clients.begin(), question.clients.end(), [&](const Client* other) {
      return other != &by_other && other->backend == by_other.backend &&
             other->given.ip_bytes() == address.ip_bytes() && has(other->given);
    });
  };
  bool changed = false;
  const std::vector<Client*> clients = question.clients;
  std::string source = by;
  for (Client* client : clients) {
    const std::string from = std::exchange(source, "DNS cache");
    if (!client->given.empty() && has(client->given) &&
        (client->server.allow_dup_ip || !is_taken(*client, client->given))) {
      // Its port may be another.
      changed = give(*client, client->given, from) || changed;
      continue;
    }
    const SocketAddress* best = nullptr;
    int best_rank = 0;
    for (const auto& seen : question.addresses) {
      const bool taken = is_taken(*client, seen.value);
      if (taken && !client->server.allow_dup_ip) continue;
      const bool is_near = std::any_of(client->networks.begin(), client->networks.end(),
                                       [&](const Network& network) { return network.has(seen.value); });
      const int rank = 1 + (is_near ? 2 : 0) + (taken ? 0 : 1);
      if (rank <= best_rank) continue;
      best = &seen.value;
      best_rank = rank;
    }
    if (best != nullptr)
      changed = give(*client, *best, from) || changed;
    else
      take_away(*client, "No IP for server ");
  }
  return changed;
}

// Who has a record that is still there keeps it; the others get one that nobody of the backend has.
void Names::give_services(Question& question) {
  const auto find = [&](const SrvRecord& record) -> const SrvRecord* {
    for (const auto& seen : question.services) {
      if (seen.value.target == record.target && seen.value.port == record.port) return &seen.value;
    }
    return nullptr;
  };
  const std::vector<Client*> clients = question.clients;
  for (Client* client : clients) {
    if (!client->record) continue;
    const SrvRecord* now = find(*client->record);
    if (now == nullptr) {
      client->record.reset();
      client->host.clear();
      attach(*client, nullptr);
      take_away(*client, "entry removed from SRV record");
      continue;
    }
    client->record = *now;
  }
  for (const auto& seen : question.services) {
    std::set<std::string_view> served;
    for (Client* client : clients) {
      if (client->record && client->record->target == seen.value.target && client->record->port == seen.value.port)
        served.insert(client->backend);
    }
    for (Client* client : clients) {
      if (client->record || !served.insert(client->backend).second) continue;
      client->record = seen.value;
      client->host = seen.value.target;
      const BackendPlan* plan = crew_.snapshot()->backend(crew_.snapshot()->backend_number(client->backend));
      const std::string line = format("{}/{} changed its FQDN from (null) to {} by 'SRV record'", client->backend,
                                      client->server.name, client->host);
      if (plan != nullptr) {
        for (LogOutput* output : plan->logs) output->write(Level::Notice, line);
      }
      const Kind kind = client->server.prefer_ip4 ? Kind::Ip4First : Kind::Ip6First;
      attach(*client, &this->question(question.key.first.first, client->host, kind));
    }
  }
  for (Client* client : clients) {
    if (!client->record) continue;
    if (client->question != nullptr && !client->question->addresses.empty())
      give_addresses(*client->question, "DNS cache");
    if (client->server.ignore_weight) continue;
    ServerChange change;
    change.weight = weight_of(*client->record);
    const ServerSpec* spec = crew_.snapshot()->find_server(client->backend, client->server.name);
    if (spec != nullptr && spec->state->weight.load(std::memory_order_relaxed) != *change.weight)
      crew_.change(client->backend, client->server.name, change, [] {});
  }
}

// True if it is another one.
bool Names::give(Client& client, const SocketAddress& address, const std::string& by) {
  SocketAddress whole = address;
  whole.set_port(client.record ? client.record->port : client.server.address.port_low);
  if (client.given == whole) return false;
  client.given = whole;
  const ServerSpec* spec = crew_.snapshot()->find_server(client.backend, client.server.name);
  if (spec == nullptr) return false;
  ServerChange change;
  change.address = ServerAddress{whole, spec->port_from_client && !client.record, spec->port_offset, client.named};
  change.host = client.host;
  change.by = by;
  crew_.change(client.backend, client.server.name, change, [] {});
  return true;
}

void Names::take_away(Client& client, std::string_view why) {
  if (client.given.empty()) return;
  client.given = SocketAddress();
  const ServerSpec* spec = crew_.snapshot()->find_server(client.backend, client.server.name);
  if (spec == nullptr) return;
  ServerChange change;
  change.address = spec->values().address;
  change.host = client.host;
  change.why = why;
  crew_.change(client.backend, client.server.name, change, [] {});
}

void Names::for_each_nameserver(const Show& show) const {
  for (const std::string& name : order_) {
    for (const auto& line : sections_.find(name)->second->lines) show(name, line->name, line->counts);
  }
}

void Names::clear_counts() {
  for (auto& [name, section] : sections_) {
    for (auto& line : section->lines) line->counts = {};
  }
}

std::optional<Names::Asked> Names::asked(const std::string& backend, const std::string& server) const {
  const auto found = clients_.find({backend, server});
  if (found == clients_.end()) return std::nullopt;
  const Client& client = *found->second;
  return Asked{client.host, client.server.is_srv() ? client.server.address.host : std::string(),
               renamed_.contains({backend, server})};
}

void Names::rename(const std::string& backend, const std::string& server, std::string name) {
  const auto found = clients_.find({backend, server});
  if (name.empty())
    renamed_.erase({backend, server});
  else
    renamed_[{backend, server}] = name;
  if (found == clients_.end()) return;
  Client& client = *found->second;
  client.host = name.empty() ? client.server.address.host : std::move(name);
  const Kind kind = client.server.prefer_ip4 ? Kind::Ip4First : Kind::Ip6First;
  attach(client, &question(client.server.resolvers.text, client.host, kind));
  drop_idle();
  arm();
}

}  // namespace penstock
