#include "penstock/proxy/snapshot.h"

#include <algorithm>
#include <ctime>
#include <map>
#include <set>
#include <unordered_set>
#include <utility>

#include "ground_lists.h"
#include "log_lines.h"
#include "outside.h"
#include "pattern_list.h"
#include "penstock/base/format.h"
#include "penstock/config/model.h"
#include "plan_maker.h"

namespace penstock {
namespace {

template <class Value>
Value& grown(std::vector<Value>& values, int number) {
  const auto place = static_cast<std::size_t>(number);
  if (values.size() <= place) values.resize(place + 1);
  return values[place];
}

// The lines of what rules were compiled of, always in the same order.
std::vector<Line> lines_of(const config::Proxy& proxy) {
  std::vector<Line> lines;
  const auto add = [&](const config::Place& place) {
    const Line line{place.file, place.line};
    if (lines.empty() || lines.back() != line) lines.push_back(line);
  };
  const auto add_words = [&](const std::vector<config::Word>& words) {
    for (const config::Word& word : words) add(word.place);
  };
  for (const config::Acl& acl : proxy.acls) {
    add(acl.name.place);
    add_words(acl.words);
  }
  for (const config::Rule& rule : proxy.rules) {
    add(rule.place);
    add_words(rule.words);
  }
  for (const config::Capture& capture : proxy.captures) add(capture.place);
  for (const config::ErrorReply& error : proxy.errors) {
    add(error.place);
    add_words(error.words);
  }
  for (const auto* word : {&proxy.default_backend, &proxy.unique_id_format, &proxy.log_format, &proxy.error_log_format,
                           &proxy.log_format_sd}) {
    if (*word) add((*word)->place);
  }
  add_words(proxy.balance.arguments);
  for (const config::Server& server : proxy.servers) {
    if (server.sni) add(server.sni->place);
  }
  return lines;
}

// Rules of captures and their like count in the order of the file, which values do not tell.
bool same_order(const std::vector<Line>& before, const std::vector<Line>& now) {
  std::map<Line, Line> moved;
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto [at, is_new] = moved.emplace(before[i], now[i]);
    if (!is_new && at->second != now[i]) return false;
  }
  const auto falls = [](const auto& one, const auto& next) { return one.second >= next.second; };
  return std::adjacent_find(moved.begin(), moved.end(), falls) == moved.end();
}

bool depends_on_source(const BackendPlan& plan) {
  const std::vector<ServerSpec>& servers = plan.balance.servers;
  return plan.rules->asks_client || plan.forward_for.enabled || plan.balance.balance == BalanceKind::Source ||
         std::any_of(servers.begin(), servers.end(),
                     [](const ServerSpec& server) { return server.send_proxy != ProxyVersion::None; });
}

}  // namespace

class SnapshotBuilder final {
 public:
  SnapshotBuilder(SnapshotGround& ground, Snapshot& snapshot, const Snapshot* before, const Sources& sources,
                  config::Diagnostics& diagnostics)
      : ground_(ground),
        config_(*ground.config),
        snapshot_(snapshot),
        before_(before),
        sources_(sources),
        diagnostics_(diagnostics),
        outside_(ground, sources, *files_, before == nullptr ? none_ : before->backend_by_number_),
        logs_(config_, sources, outside_, diagnostics, ground.outputs),
        maker_(config_, ground.bundle, sources, outside_, *files_, logs_, diagnostics) {
    // What all sections look at is no part of any.
    shares_ = before != nullptr && before->config.global == config_.global;
    if (before == nullptr) return;
    for (const auto& plan : before->frontends) outside_.offer_patterns(plan->making.patterns);
    for (const auto& plan : before->backends) outside_.offer_patterns(plan->making.patterns);
  }

  void run() {
    number_proxies();
    number_tables();
    snapshot_.settings = rules::compile_process_variables(config_, outside_, diagnostics_);
    ground_.logs = logs_.of(config_.global.logs, config_.global.log_tag);
    for (const config::Proxy& proxy : config_.proxies) {
      if (proxy.is_backend && (!proxy.disabled || proxy.stands_empty)) add(proxy, backends_);
    }
    for (const config::Proxy& proxy : config_.proxies) {
      if (!proxy.is_frontend || proxy.disabled) continue;
      add(proxy, frontends_);
      maker_.binds(proxy, snapshot_.binds);
    }
    snapshot_.tls_files_ = files_;
    snapshot_.index();
    snapshot_.find_followers();
    list_patterns();
    list_rings();
    ground_.peers = peer_plans(config_, outside_, ground_.bundle);
    ground_.mails = mail_plans(config_, outside_);
    for (const config::Cache& line : config_.caches) ground_.caches.push_back({outside_.cache(line.name), line});
  }

 private:
  void list_rings() {
    const std::string built_in(config::Ring::kBuiltIn);
    const auto used = sources_.rings.find(format("{} {}", built_in, config::Ring::kBuiltInSize));
    ground_.rings.push_back(
        {built_in, "in-memory ring buffer", used == sources_.rings.end() ? nullptr : used->second, {}});
    for (const config::Ring& ring : config_.rings) {
      RingPlan plan{ring.name, ring.description.empty() ? ring.name : ring.description, nullptr, {}};
      if (!sources_.check_only) plan.ring = logs_.ring(ring.name, ring.size);
      for (const config::RingServer& server : ring.servers) plan.servers.push_back(maker_.ring_server(ring, server));
      ground_.rings.push_back(std::move(plan));
    }
  }

  void number_proxies() {
    Numbering numbers;
    for (const config::Proxy& proxy : config_.proxies) numbers.take(proxy.id);
    // HAProxy has a section GLOBAL for its runtime sockets, and counts it.
    if (!config_.global.stats_sockets.empty()) (void)numbers.next();
    for (std::size_t i = 0; i < config_.proxies.size(); ++i) {
      const config::Proxy& proxy = config_.proxies[i];
      const std::uint32_t id = numbers.number(proxy.id);
      if (proxy.disabled && !proxy.stands_empty) continue;
      if (proxy.is_frontend && !proxy.disabled) {
        const int number = state_of(proxy.name).number;
        ground_.frontends[proxy.name] = {i, number};
        grown(ground_.frontend_sides, number) = {i, id, nullptr};
      }
      if (!proxy.is_backend) continue;
      const std::shared_ptr<BackendState>& state = states_.emplace_back(sources_.servers.backend(proxy.name));
      ground_.backends[proxy.name] = {i, state->number};
      grown(ground_.backend_sides, state->number) = {i, id, nullptr};
    }
  }

  Line line_at(const rules::RulePlace& place) const {
    const config::Place now = snapshot_.place_of(place);
    return {now.file, now.line};
  }

  void list_patterns() {
    std::vector<PatternList::Found> found;
    const auto find = [&](const auto& plans) {
      for (const auto& plan : plans) {
        for (const rules::PatternUse& use : plan->making.patterns) found.push_back({line_at(use.place), &use});
      }
    };
    find(snapshot_.frontends);
    find(snapshot_.backends);
    ground_.patterns = PatternList(config_).make(std::move(found));
  }

  FrontendState& state_of(const std::string& name) {
    auto& known = sources_.frontend_states[name];
    if (!known) known = std::make_shared<FrontendState>(name, static_cast<int>(sources_.frontend_states.size()) - 1);
    return *known;
  }

  // A table has the number that it had before; another one the lowest that is free.
  void number_tables() {
    std::vector<config::Config::TableLine> others;
    for (const config::Config::TableLine& line : config_.tables()) {
      const int known = before_ == nullptr ? -1 : table_before(line.name);
      if (known < 0)
        others.push_back(line);
      else
        add_table(line, known);
    }
    int next = 0;
    for (const config::Config::TableLine& line : others) {
      while (static_cast<std::size_t>(next) < ground_.tables.size() &&
             ground_.tables[static_cast<std::size_t>(next)].table)
        ++next;
      add_table(line, next);
    }
  }

  int table_before(const std::string& proxy) const {
    const auto same = [&](const TablePlan& table) { return table.table && table.proxy == proxy; };
    const auto found = std::find_if(before_->tables.begin(), before_->tables.end(), same);
    return found == before_->tables.end() ? -1 : static_cast<int>(found - before_->tables.begin());
  }

  // The frontend and the backend of one name share theirs.
  void add_table(const config::Config::TableLine& line, int number) {
    TablePlan& plan = grown(ground_.tables, number);
    if (plan.table) return;
    plan = {line.name, sources_.tables.table(line.name, line.table), line.table, of_servers_.contains(line.name)};
  }

  static std::set<std::string, std::less<>> tables_of_servers(const config::Config& config) {
    std::set<std::string, std::less<>> names;
    for (const config::Proxy& proxy : config.proxies) {
      for (const config::Rule& rule : proxy.rules) {
        if (rule.set != config::Rule::Set::Stick) continue;
        const bool named = rule.words.size() > 3 && rule.words[2].text == "table";
        names.insert(named ? rule.words[3].text : proxy.name);
      }
    }
    return names;
  }

  // Whether what was made of `was` is what would be made of `proxy`.
  bool stays(const config::Proxy& was, const config::Proxy& proxy, const Making& making,
             const std::vector<Line>& lines) {
    return making.quiet && !making.amended && was == proxy && making.lines.size() == lines.size() &&
           same_order(making.lines, lines) && outside_.patterns_stay(making.patterns) &&
           outside_.answers_as_before(proxy, making.questions);
  }

  // Where the plans of one side of sections lie, and how one is made.
  template <class Plan>
  struct Kind {
    std::vector<std::shared_ptr<const Plan>> Snapshot::*plans;
    SnapshotGround::Names SnapshotGround::*names;
    std::vector<SnapshotGround::Side> SnapshotGround::*sides;
    std::shared_ptr<Plan> (PlanMaker::*make)(const config::Proxy& proxy);
    std::vector<std::size_t> places{};  // In the snapshot before, by number.
  };

  template <class Plan>
  void add(const config::Proxy& proxy, Kind<Plan>& kind) {
    const std::vector<Line> lines = lines_of(proxy);
    std::shared_ptr<const Plan> plan;
    if (shares_) plan = plan_before(proxy, kind, lines);
    if (!plan) plan = made(lines, [&] { return (maker_.*kind.make)(proxy); });
    (snapshot_.*kind.plans).push_back(std::move(plan));
  }

  // The plan of before, if it will do.
  template <class Plan>
  std::shared_ptr<const Plan> plan_before(const config::Proxy& proxy, Kind<Plan>& kind,
                                          const std::vector<Line>& lines) {
    const SnapshotGround& before = *before_->ground_;
    const auto named = (before.*kind.names).find(proxy.name);
    if (named == (before.*kind.names).end()) return nullptr;
    const auto& plans = before_->*kind.plans;
    if (kind.places.empty()) kind.places = places_of(plans);
    const std::shared_ptr<const Plan>& plan = plans[kind.places[static_cast<std::size_t>(named->second.number)]];
    if (!stays(before_->config.proxies[named->second.proxy], proxy, plan->making, lines)) return nullptr;
    if (plan->making.lines != lines) {
      SnapshotGround::Side& side = grown(ground_.*kind.sides, (ground_.*kind.names)[proxy.name].number);
      side.lines = std::make_shared<const std::vector<Line>>(lines);
    }
    logs_.keep(plan->logs, before_->outputs);
    return plan;
  }

  template <class Plan>
  static std::vector<std::size_t> places_of(const std::vector<std::shared_ptr<const Plan>>& plans) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < plans.size(); ++i) grown(places, number_of(*plans[i])) = i;
    return places;
  }
  static int number_of(const FrontendPlan& plan) { return plan.number; }
  static int number_of(const BackendPlan& plan) { return plan.number(); }

  template <class Make>
  auto made(const std::vector<Line>& lines, Make make) {
    Making making;
    const std::size_t said = diagnostics_.complaints().size();
    outside_.keep_in(&making);
    auto plan = make();
    outside_.keep_in(nullptr);
    making.quiet = making.quiet && diagnostics_.complaints().size() == said;
    making.lines = lines;
    plan->making = std::move(making);
    return plan;
  }

  SnapshotGround& ground_;
  const config::Config& config_;
  Snapshot& snapshot_;
  const Snapshot* before_;
  const Sources& sources_;
  config::Diagnostics& diagnostics_;
  const Outside::PlansBefore none_;
  const std::shared_ptr<TlsFiles> files_ = std::make_shared<TlsFiles>();
  Outside outside_;
  LogLines logs_;
  PlanMaker maker_;
  bool shares_ = false;
  const std::set<std::string, std::less<>> of_servers_ = tables_of_servers(config_);
  std::vector<std::shared_ptr<BackendState>> states_;  // So that none goes before its plan is there.
  Kind<BackendPlan> backends_{&Snapshot::backends, &SnapshotGround::backends, &SnapshotGround::backend_sides,
                              &PlanMaker::backend};
  Kind<FrontendPlan> frontends_{&Snapshot::frontends, &SnapshotGround::frontends, &SnapshotGround::frontend_sides,
                                &PlanMaker::frontend};
};

class AmendmentMaker final {
 public:
  // `after` is a copy of `before`, to be changed.
  AmendmentMaker(const Snapshot& before, Snapshot& after, const Sources& sources, config::Diagnostics& diagnostics)
      : before_(before),
        diagnostics_(diagnostics),
        after_(after),
        files_(std::make_shared<TlsFiles>(before.tls_files())),
        outside_(*before.ground_, sources, *files_, before.backend_by_number_),
        logs_(before.config, sources, outside_, diagnostics, outputs_),
        maker_(before.config, before.bundle, sources, outside_, *files_, logs_, diagnostics) {}

  // One server more.
  void make(const AddServer& wanted) {
    const BackendPlan* plan = plan_of(wanted.backend);
    if (plan == nullptr || !may_be_added(*plan, *wanted.line)) return;
    const config::Proxy& proxy = *before_.ground_->backend(plan->number());
    auto next = std::make_shared<BackendPlan>(*plan);
    next->making.amended = true;
    outside_.keep_in(&next->making);
    next->balance.servers.push_back(maker_.server(proxy, *plan, *wanted.line));
    after_.replace(next);
    after_.changed_lines_[{wanted.backend, wanted.line->name}] = wanted.line;
  }

  void make(const DeleteServer& wanted) {
    const BackendPlan* plan = plan_of(wanted.backend);
    if (plan == nullptr) return;
    auto next = std::make_shared<BackendPlan>(*plan);
    next->making.amended = true;
    std::vector<ServerSpec>& servers = next->balance.servers;
    const auto server =
        std::find_if(servers.begin(), servers.end(), [&](const auto& it) { return it.name == wanted.server; });
    if (server == servers.end())
      return refuse(format("the backend '{}' has no server '{}'", wanted.backend, wanted.server));
    if (before_.followers_.contains(server->state.get()))
      return refuse(format("another server tracks {}/{}", wanted.backend, wanted.server));
    if (is_named(wanted)) return refuse(format("a rule names {}/{}", wanted.backend, wanted.server));
    servers.erase(server);
    after_.replace(next);
    after_.changed_lines_.erase({wanted.backend, wanted.server});
  }

  void make(const SetServerTls& wanted) {
    std::shared_ptr<config::Server> line;
    before_.for_each_server_line([&](const std::string& backend, const config::Server& server) {
      if (backend == wanted.backend && server.name == wanted.server) line = std::make_shared<config::Server>(server);
    });
    if (!line) return refuse(format("there is no server '{}/{}'", wanted.backend, wanted.server));
    line->tls.enabled = wanted.on;
    if (line->tls.verify == config::Tls::Verify::Unset) {
      line->tls.verify =
          before_.config.global.server_verify_none ? config::Tls::Verify::None : config::Tls::Verify::Required;
    }
    if (wanted.on && line->tls.verify == config::Tls::Verify::Required && line->tls.ca_file.empty())
      return refuse("it is to be verified, and has no 'ca-file'");
    renew_servers(wanted.backend, {line.get()});
    after_.changed_lines_[{wanted.backend, wanted.server}] = std::move(line);
  }

  void make(const SetCertificate& wanted) {
    if (wanted.credentials) {
      files_->certificates[wanted.file] = wanted.credentials;
    } else {
      files_->certificates.erase(wanted.file);
    }
    renew_tls([&](const config::Bind& bind, bool is_http) { return shows(uses_of(bind, is_http), wanted.file); },
              [&](const config::Server& server) { return server.certificate == wanted.file; });
  }

  void make(const SetTrust& wanted) {
    if (wanted.trust.pem) {
      files_->trusts[wanted.file] = wanted.trust;
    } else {
      files_->trusts.erase(wanted.file);
    }
    const auto trusts_it = [&](const CertificateUse& use) { return names(use.tls, wanted.file); };
    renew_tls(
        [&](const config::Bind& bind, bool is_http) {
          const std::vector<CertificateUse> uses = uses_of(bind, is_http);
          return names(bind.tls, wanted.file) || std::any_of(uses.begin(), uses.end(), trusts_it);
        },
        [&](const config::Server& server) { return names(server.tls, wanted.file); });
  }

  void make(const SetList& wanted) {
    files_->lists[wanted.path] = wanted.text;
    const auto names_it = [&](const config::CertificateSource& source) { return source.path == wanted.path; };
    renew_tls([&](const config::Bind& bind,
                  bool) { return std::any_of(bind.certificates.begin(), bind.certificates.end(), names_it); },
              [](const config::Server&) { return false; });
  }

 private:
  void refuse(std::string why) { diagnostics_.add(config::Place{}, std::move(why)); }

  std::vector<CertificateUse> uses_of(const config::Bind& bind, bool is_http) const {
    config::Diagnostics unheard;
    return penstock::uses_of(before_.config, before_.bundle, before_.tls_files(), bind, is_http, unheard);
  }

  // All lines that are concerned are made anew, of what the files are now.
  template <class ConcernsBind, class ConcernsServer>
  void renew_tls(ConcernsBind concerns_bind, ConcernsServer concerns_server) {
    for (const config::Proxy& proxy : before_.config.proxies) {
      const auto is_concerned = [&](const config::Bind& bind) {
        return bind.tls.enabled && concerns_bind(bind, proxy.mode == config::Mode::Http);
      };
      if (!proxy.disabled && std::any_of(proxy.binds.begin(), proxy.binds.end(), is_concerned)) renew_binds(proxy);
    }
    std::map<std::string, std::vector<const config::Server*>> servers;
    before_.for_each_server_line([&](const std::string& backend, const config::Server& server) {
      if (concerns_server(server)) servers[backend].push_back(&server);
    });
    for (const auto& [backend, lines] : servers) renew_servers(backend, lines);
    after_.tls_files_ = files_;
  }

  void renew_binds(const config::Proxy& proxy) {
    std::vector<BindSpec> renewed;
    maker_.binds(proxy, renewed);
    for (BindSpec& bind : renewed) {
      const auto same = [&](const BindSpec& other) { return other.key == bind.key; };
      const auto at = std::find_if(after_.binds.begin(), after_.binds.end(), same);
      if (at != after_.binds.end() && at->frontend == bind.frontend) *at = std::move(bind);
    }
  }

  void renew_servers(const std::string& backend, const std::vector<const config::Server*>& lines) {
    const BackendPlan* plan = plan_of(backend);
    if (plan == nullptr) return;
    const config::Proxy& proxy = *before_.ground_->backend(plan->number());
    auto next = std::make_shared<BackendPlan>(*plan);
    next->making.amended = true;
    outside_.keep_in(&next->making);
    for (const config::Server* line : lines) {
      for (ServerSpec& server : next->balance.servers) {
        if (server.name == line->name) maker_.set_tls(proxy, *line, server);
      }
    }
    outside_.keep_in(nullptr);
    after_.replace(next);
  }

  const BackendPlan* plan_of(const std::string& backend) {
    const BackendPlan* plan = before_.backend(before_.backend_number(backend));
    if (plan == nullptr) refuse(format("there is no backend '{}'", backend));
    return plan;
  }

  bool may_be_added(const BackendPlan& plan, const config::Server& line) {
    using Kind = config::Address::Kind;
    const std::vector<ServerSpec>& servers = plan.balance.servers;
    const auto same = [&](const ServerSpec& server) { return server.name == line.name; };
    if (std::any_of(servers.begin(), servers.end(), same))
      return refuse(format("{} has a server '{}' already", plan.balance.name, line.name)), false;
    if (line.address.kind == Kind::Name || (line.check.address && line.check.address->kind == Kind::Name) ||
        (line.agent.address && line.agent.address->kind == Kind::Name) ||
        (line.source && line.source->kind == Kind::Name))
      return refuse(format("names are resolved when the configuration is read: '{}' needs an address", line.name)),
             false;
    if (!line.certificate.empty() && !files_->certificate(line.certificate))
      return refuse(format("the file '{}' was not read with the configuration", line.certificate)), false;
    for (const std::string* path : {&line.tls.ca_file, &line.tls.crl_file}) {
      if (!path->empty() && files_->trust(*path) == nullptr && before_.bundle.content(*path) == nullptr)
        return refuse(format("the file '{}' was not read with the configuration", *path)), false;
    }
    return true;
  }

  bool is_named(const DeleteServer& wanted) const {
    const std::string about = wanted.backend + "\n" + wanted.server;
    const auto names_it = [&](const Question& question) {
      return question.kind == Question::Kind::Server && question.about == about;
    };
    const auto does = [&](const auto& plan) {
      return std::any_of(plan->making.questions.begin(), plan->making.questions.end(), names_it);
    };
    return std::any_of(before_.frontends.begin(), before_.frontends.end(), does) ||
           std::any_of(before_.backends.begin(), before_.backends.end(), does);
  }

  const Snapshot& before_;
  config::Diagnostics& diagnostics_;
  Snapshot& after_;
  const std::shared_ptr<TlsFiles> files_;
  Outside outside_;
  std::vector<LogUse> outputs_;  // A server line asks for none.
  LogLines logs_;
  PlanMaker maker_;
};

Snapshot::Snapshot(std::shared_ptr<const SnapshotGround> ground)
    : config(*ground->config),
      bundle(ground->bundle),
      tables(ground->tables),
      logs(ground->logs),
      outputs(ground->outputs),
      patterns(ground->patterns),
      rings(ground->rings),
      peers(ground->peers),
      mails(ground->mails),
      caches(ground->caches),
      ground_(std::move(ground)) {}

void Snapshot::index() {
  for (const auto& plan : frontends) {
    grown(frontend_by_number_, plan->number) = plan.get();
    if (plan->rules.asks_client) asks_source_ = true;
  }
  for (const auto& plan : backends) {
    grown(backend_by_number_, plan->number()) = plan.get();
    if (depends_on_source(*plan)) asks_source_ = true;
    const std::vector<ServerSpec>& servers = plan->balance.servers;
    if (std::any_of(servers.begin(), servers.end(),
                    [](const ServerSpec& server) { return bool(server.tracked_state); }))
      with_trackers_.push_back(plan->number());
  }
}

void Snapshot::find_followers() {
  followers_.clear();
  for (const int number : with_trackers_) {
    const BackendSpec& backend = backend_by_number_[static_cast<std::size_t>(number)]->balance;
    for (const ServerSpec& server : backend.servers) {
      if (server.tracked_state) followers_[server.tracked_state.get()].push_back({&backend, &server});
    }
  }
}

void Snapshot::replace(const std::shared_ptr<const BackendPlan>& plan) {
  const BackendPlan*& known = backend_by_number_[static_cast<std::size_t>(plan->number())];
  *std::find_if(backends.begin(), backends.end(), [&](const auto& other) { return other.get() == known; }) = plan;
  known = plan.get();
  if (depends_on_source(*plan)) asks_source_ = true;
  const std::vector<ServerSpec>& servers = plan->balance.servers;
  std::erase(with_trackers_, plan->number());
  if (std::any_of(servers.begin(), servers.end(), [](const ServerSpec& server) { return bool(server.tracked_state); }))
    with_trackers_.push_back(plan->number());
  find_followers();
}

void Snapshot::for_each_server_line(const std::function<void(const std::string&, const config::Server&)>& each) const {
  for (const auto& plan : backends) {
    const config::Proxy& proxy = *ground_->backend(plan->number());
    std::unordered_set<std::string_view> present;
    for (const ServerSpec& server : plan->balance.servers) present.insert(server.name);
    for (const config::Server& server : proxy.servers) {
      if (present.contains(server.name) && !changed_lines_.contains({proxy.name, server.name}))
        each(proxy.name, server);
    }
  }
  for (const auto& [name, line] : changed_lines_) each(name.first, *line);
}

int Snapshot::backend_number(std::string_view name) const {
  const auto found = ground_->backends.find(name);
  return found == ground_->backends.end() ? -1 : found->second.number;
}

std::string_view Snapshot::default_backend(int number) const {
  const FrontendPlan* plan = frontend(number);
  if (plan == nullptr) return {};
  for (const config::Proxy& proxy : config.proxies) {
    if (proxy.is_frontend && proxy.name == plan->name && proxy.default_backend) return proxy.default_backend->text;
  }
  return {};
}

std::vector<Follower> Snapshot::followers_of(const Server& server) const {
  const auto found = followers_.find(&server);
  return found == followers_.end() ? std::vector<Follower>() : found->second;
}

const ServerSpec* Snapshot::find_server(std::string_view backend_name, std::string_view name) const {
  const BackendPlan* plan = backend(backend_number(backend_name));
  if (plan == nullptr) return nullptr;
  const std::vector<ServerSpec>& servers = plan->balance.servers;
  const auto found = std::find_if(servers.begin(), servers.end(), [&](const auto& spec) { return spec.name == name; });
  return found == servers.end() ? nullptr : &*found;
}

const ServerSpec* Snapshot::spec_of(const Server& server) const {
  const ServerSpec* spec = find_server(server.backend_name, server.name);
  return spec != nullptr && spec->state.get() == &server ? spec : nullptr;
}

const Making* Snapshot::making_of(std::int32_t part) const {
  const int number = part / 2;
  if (part < 0) return nullptr;
  if (part % 2 != 0) {
    const BackendPlan* plan = backend(number);
    return plan == nullptr ? nullptr : &plan->making;
  }
  const FrontendPlan* plan = frontend(number);
  return plan == nullptr ? nullptr : &plan->making;
}

config::Place Snapshot::place_of(const rules::RulePlace& place) const {
  Line line{place.file, place.line};
  if (const Making* making = making_of(place.part)) {
    const auto number = static_cast<std::size_t>(place.part / 2);
    const bool of_backend = place.part % 2 != 0;
    const SnapshotGround::Side& side = (of_backend ? ground_->backend_sides : ground_->frontend_sides)[number];
    if (!side.lines) return place;
    const auto known = std::find(making->lines.begin(), making->lines.end(), line);
    if (known != making->lines.end()) line = (*side.lines)[static_cast<std::size_t>(known - making->lines.begin())];
  }
  return {line.file, line.line, place.column};
}

std::string Snapshot::place_text(const rules::RulePlace* place) const {
  if (place == nullptr) return "";
  const auto [file, line] = file_and_line(*place);
  return file.empty() ? "" : format("{}:{}", file, line);
}

std::pair<std::string_view, std::uint32_t> Snapshot::file_and_line(const rules::RulePlace& place) const {
  if (place.line == 0) return {};
  const config::Place now = place_of(place);
  if (now.file >= config.files.size()) return {};
  return {config.files[now.file], now.line};
}

std::shared_ptr<const Snapshot> Snapshot::build(config::Config config, Bundle bundle, const Snapshot* before,
                                                const Sources& sources, config::Diagnostics& diagnostics) {
  auto ground =
      std::make_shared<SnapshotGround>(std::make_shared<const config::Config>(std::move(config)), std::move(bundle));
  auto snapshot = std::make_shared<Snapshot>(ground);
  diagnostics.set_source(ground->config.get());  // Where it is now.
  SnapshotBuilder(*ground, *snapshot, before, sources, diagnostics).run();
  diagnostics.set_source(nullptr);
  if (diagnostics.failed()) return nullptr;
  ground->bundle.forget_keys();
  return snapshot;
}

std::shared_ptr<const Snapshot> Snapshot::amended(const Snapshot& before, const Amendment& amendment,
                                                  const Sources& sources, config::Diagnostics& diagnostics) {
  auto snapshot = std::make_shared<Snapshot>(before);
  AmendmentMaker maker(before, *snapshot, sources, diagnostics);
  std::visit([&](const auto& wanted) { maker.make(wanted); }, amendment);
  if (diagnostics.failed()) return nullptr;
  return snapshot;
}

Difference::Difference(const Snapshot* before, const Snapshot& now) {
  const std::size_t end = std::max(before == nullptr ? 0 : before->backend_numbers(), now.backend_numbers());
  for (int number = 0; static_cast<std::size_t>(number) < end; ++number) {
    const BackendPlan* was = before == nullptr ? nullptr : before->backend(number);
    const BackendPlan* is = now.backend(number);
    if (was == is) continue;
    numbers.push_back(number);
    if (was != nullptr) gone.push_back(was);
    if (is != nullptr) come.push_back(is);
  }
  if (before == nullptr) return;
  const auto look_at = [&](const Snapshot& one, const Snapshot& other) {
    for (const auto& [leader, followers] : one.followers()) {
      if (other.followers_of(*leader) == followers) continue;
      const int number = now.backend_number(leader->backend_name);
      const BackendPlan* plan = now.backend(number);
      if (plan == nullptr || before->backend(number) != plan) continue;
      if (std::find(led_anew.begin(), led_anew.end(), plan) == led_anew.end()) led_anew.push_back(plan);
    }
  };
  look_at(*before, now);
  look_at(now, *before);
}

}  // namespace penstock
