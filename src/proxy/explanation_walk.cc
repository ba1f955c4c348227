#include "explanation_walk.h"

#include <algorithm>
#include <climits>

#include "penstock/balance/policy.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/config/secrets.h"
#include "penstock/http/cookies.h"
#include "penstock/net/loop.h"
#include "penstock/proxy/forwarding.h"
#include "penstock/proxy/own_answer.h"
#include "penstock/proxy/reply.h"
#include "penstock/proxy/statistics_page.h"

namespace penstock::explanation {
namespace {

using Kind = Event::Kind;

// A first message of TLS as a client would send it, with nothing in it but the name.
std::string client_hello(std::string_view name) {
  const auto number = [](std::size_t value, int bytes) {
    std::string out;
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
    return out;
  };
  const auto behind_length = [&](std::string_view text, int bytes) {
    return number(text.size(), bytes) + std::string(text);
  };
  std::string extensions;
  if (!name.empty()) {
    const std::string entry = number(0, 1) + behind_length(name, 2);
    extensions += number(0, 2) + behind_length(behind_length(entry, 2), 2);
  }
  extensions += number(10, 2) + behind_length(behind_length(number(0x1d, 2), 2), 2);  // X25519
  const std::string body = number(0x0303, 2) + std::string(32, 'x') + behind_length("", 1) +
                           behind_length(number(0x1301, 2), 2) + behind_length(number(0, 1), 1) +
                           behind_length(extensions, 2);
  return number(22, 1) + number(0x0301, 2) + behind_length(number(1, 1) + behind_length(body, 3), 2);
}

bool is_ip(std::string_view host) {
  SocketAddress address;
  return SocketAddress::from_ip(host, 0, address);
}

std::string address_of(const BindSpec& bind) {
  return bind.bound->address.empty() ? "an inherited socket" : bind.bound->address.text();
}

std::string joined(const std::vector<std::string>& all, std::string_view separator) {
  std::string text;
  for (const std::string& one : all) text += (text.empty() ? "" : std::string(separator)) + one;
  return text;
}

}  // namespace

// Those of the process that serves, to be looked at and not to be changed; where none does, all that is known is names.
class Walk::SeenNumbers final : public rules::Numbers {
 public:
  SeenNumbers(const Snapshot& snapshot, const rules::Numbers* running) : snapshot_(snapshot), running_(running) {}
  std::int64_t backend(rules::BackendNumber number, int backend) const override {
    const BackendPlan* plan = snapshot_.backend(backend);
    if (plan != nullptr && number == rules::BackendNumber::ServerTimeoutMs)
      return static_cast<std::int64_t>(plan->server_ms);
    if (plan != nullptr && number == rules::BackendNumber::TunnelTimeoutMs)
      return static_cast<std::int64_t>(plan->tunnel_ms);
    return running_ == nullptr ? -1 : running_->backend(number, backend);
  }
  std::int64_t frontend(rules::FrontendNumber number, int frontend) const override {
    const FrontendPlan* plan = snapshot_.frontend(frontend);
    if (plan != nullptr && number == rules::FrontendNumber::ClientTimeoutMs)
      return static_cast<std::int64_t>(plan->client_ms);
    return running_ == nullptr ? -1 : running_->frontend(number, frontend);
  }
  std::int64_t server(rules::ServerNumber number, int backend, int server) const override {
    return running_ == nullptr ? -1 : running_->server(number, backend, server);
  }
  bool stopping() const override { return running_ != nullptr && running_->stopping(); }
  int backend_named(std::string_view name) const override { return snapshot_.backend_number(name); }
  int server_named(int backend, std::string_view name) const override {
    return running_ == nullptr ? -1 : running_->server_named(backend, name);
  }
  std::string_view default_backend(int frontend) const override { return snapshot_.default_backend(frontend); }
  std::pair<std::string_view, std::uint32_t> place_of(const rules::RulePlace& place) const override {
    return snapshot_.file_and_line(place);
  }
  // To be looked at: nothing is tracked for an explanation.
  const std::shared_ptr<StickTable>* table(int number) const override {
    return running_ == nullptr ? nullptr : running_->table(number);
  }
  std::uint64_t now_ms() const override { return running_ == nullptr ? 0 : running_->now_ms(); }

 private:
  const Snapshot& snapshot_;
  const rules::Numbers* running_;
};

Walk::Walk(const Snapshot& snapshot, const rules::Numbers* running, const Supposed& supposed,
           const std::vector<bool>& assumed)
    : snapshot_(snapshot),
      is_running_(running != nullptr),
      supposed_(supposed),
      assumed_(assumed),
      words_(snapshot),
      numbers_(std::make_unique<SeenNumbers>(snapshot, running)),
      subject_(arena_) {
  explained_.numbers = is_running_;
  explained_.source = !supposed_.source.empty();
  explained_.source_port = explained_.source && supposed_.source.port() != 0;
  for (const auto& [name, value] : supposed_.fields) {
    if (config::is_credential(name)) words_.hide(value);
  }
}

Walk::~Walk() = default;

std::uint64_t Walk::numbers_now() const { return numbers_->now_ms(); }

// ---- What is heard, and said.

void Walk::say(Kind kind, std::string text, std::string place) {
  if (assumed_so_far_ == assumed_.size() && !unknown_) events_.push_back({kind, std::move(place), std::move(text), {}});
}

// False: nothing follows.
bool Walk::end(std::string text, Facts facts) {
  say(Kind::End, std::move(text));
  if (!events_.empty() && events_.back().kind == Kind::End && !unknown_) events_.back().facts = std::move(facts);
  return false;
}

void Walk::on_rule(const rules::RulePlace& place) {
  rule_ = place;
  say(Kind::Rule, words_.line(place), words_.place(place));
}

void Walk::on_test(const rules::Tested& told) {
  const std::string test = words_.test(told, rule_);
  if (told.unknown && std::exchange(just_assumed_, false)) return;
  if (told.unknown)
    return say(Kind::Test, after_server_ ? format("unknown here: {}", test)
                                         : format("{}: assumed to {}hold", test, told.matches ? "" : "not "));
  say(Kind::Test, format("{} {}: {}", told.matches ? "yes:" : "no: ", test, words_.values(told)));
}

bool Walk::assume(const void* what, const rules::Tested& told) {
  if (after_server_) return false;
  if (const auto known = known_.find(what); what != nullptr && known != known_.end()) return known->second;
  if (assumed_so_far_ == assumed_.size()) {
    if (!unknown_) unknown_ = words_.test(told, rule_);
    return false;
  }
  const bool holds = assumed_[assumed_so_far_++];
  just_assumed_ = true;
  if (what != nullptr) known_[what] = holds;
  return holds;
}

void Walk::on_judged(bool holds) {
  held_ = holds;
  if (holds) before_ = Portrait(*asked_);
}

void Walk::on_done(bool failed) {
  if (failed) return say(Kind::Effect, "what it would write cannot stand there");
  tell_changes(before_, words_.asks_credential(rule_));
}

void Walk::tell_changes(const Portrait& before, bool secret) {
  for (std::string& change : before.changes_to(Portrait(*asked_), words_, secret)) say(Kind::Effect, std::move(change));
}

std::vector<Event> Walk::go() {
  const std::string port = supposed_.source.port() != 0 ? supposed_.source.text() : supposed_.source.ip_text();
  say(Kind::Heading,
      format("{} {}://{}{} from {}", supposed_.method, supposed_.tls ? "https" : "http", supposed_.authority,
             words_.shown(supposed_.target), explained_.source ? port : "an address that is unknown here"));
  if (choose_door()) walk_connection();
  return std::move(events_);
}

// ---- The door: connection and TLS, as greeter.cc has them.

bool Walk::choose_door() {
  const auto is_meant = [&](const BindSpec& bind) {
    const std::string address = bind.bound->address.text();
    const std::string& door = supposed_.door;
    const std::string port = format(":{}", bind.bound->address.port());
    return door == snapshot_.frontend(bind.frontend)->name || door == bind.entrance->name || door == address ||
           (!bind.bound->is_unix && door == port);
  };
  // A frontend in mode tcp lets TLS through.
  const auto speaks = [&](const BindSpec& bind) {
    const bool passes = snapshot_.frontend(bind.frontend)->mode == config::Mode::Tcp && supposed_.tls;
    return bind.entrance->tls == supposed_.tls || (passes && !bind.entrance->tls);
  };
  const auto rank = [&](const BindSpec& bind) {
    const SocketAddress& address = bind.bound->address;
    const bool at_host = !bind.bound->is_unix && address.ip_text() == supposed_.host;
    const bool elsewhere = is_ip(supposed_.host) && !at_host && !address.is_any();
    return (!bind.bound->is_unix && address.port() == supposed_.port ? 8 : 0) + (speaks(bind) ? 4 : 0) +
           (at_host ? 2 : 0) - (elsewhere ? 1 : 0);
  };
  std::vector<const BindSpec*> all, best;
  for (const BindSpec& bind : snapshot_.binds) {
    if (supposed_.door.empty() || is_meant(bind)) all.push_back(&bind);
  }
  if (all.empty()) {
    const std::string why = supposed_.door.empty() ? std::string("there is no bind line")
                                                   : format("no frontend or bind line is called '{}'", supposed_.door);
    return end(format("nobody takes it: {}", why), {{"outcome", "nobody"}});
  }
  int most = INT_MIN;
  for (const BindSpec* bind : all) most = std::max(most, rank(*bind));
  for (const BindSpec* bind : all) {
    if (rank(*bind) == most) best.push_back(bind);
  }
  bind_ = best.front();
  frontend_ = snapshot_.frontend(bind_->frontend);
  best.erase(best.begin());
  std::string why;
  if (!supposed_.door.empty())
    why = format("named '{}'", supposed_.door);
  else if (bind_->bound->address.empty())
    why = "its socket is inherited: where it listens is unknown here";
  else if ((most & 8) == 0)
    why = format("NOTHING LISTENS AT PORT {}; it is taken as if it came here", supposed_.port);
  tell_door(std::move(why), best);
  if (speaks(*bind_)) return true;
  return end(supposed_.tls ? "the client speaks TLS, and this bind line does not: 400, or nothing"
                           : "the client speaks no TLS, and this bind line wants it: the connection ends",
             {{"outcome", "reject"}});
}

void Walk::tell_door(std::string why, const std::vector<const BindSpec*>& others) {
  const std::string& name = bind_->entrance->name;
  say(Kind::Heading,
      format("frontend {} (mode {}), at {}{}", frontend_->name, is_http() ? "http" : "tcp", address_of(*bind_),
             name.empty() ? "" : format(" '{}'", name)),
      words_.place(bind_->place));
  if (!why.empty()) say(Kind::Fact, std::move(why));
  if (!others.empty()) {
    std::vector<std::string> names;
    for (const BindSpec* bind : others)
      names.push_back(format("{} at {}", snapshot_.frontend(bind->frontend)->name, address_of(*bind)));
    say(Kind::Fact, format("the first of several that fit as well: {}; '--to' names another", joined(names, ", ")));
  }
  if (bind_->accept_proxy)
    say(Kind::Fact, "a header of the PROXY protocol comes first; the client's address is that in it");
  destination_ = bind_->bound->address;
  SocketAddress host;
  if (destination_.is_any() && SocketAddress::from_ip(supposed_.host, destination_.port(), host)) destination_ = host;
  explained_.destination = !destination_.is_unix() && !destination_.empty() && !destination_.is_any();
}

// False: the handshake fails.
bool Walk::tell_certificate() {
  const std::string_view name = is_ip(supposed_.host) ? std::string_view() : std::string_view(supposed_.host);
  const auto chosen = bind_->tls->certificates_for(name);
  if (chosen.empty())
    return end(format("no certificate is for '{}', and 'strict-sni' turns others away: the handshake fails", name),
               {{"outcome", "reject"}});
  std::vector<std::string> files;
  for (const CertificateFacts* facts : chosen)
    files.push_back(format("{} ({}; until {})", facts->file, joined(facts->names, ", "), date_text(facts->not_after)));
  const bool is_first = chosen.front() == bind_->tls->certificates().data();
  say(Kind::Fact,
      format("certificate by SNI '{}': {}{}", name, joined(files, " or "),
             is_first && bind_->tls->certificates().size() > 1 ? ", the first of the line or the one named so" : ""));
  return true;
}

void Walk::equip(rules::Subject& subject) {
  subject.memory_limit = static_cast<std::size_t>(snapshot_.config.global.txn_memory);
  subject.frontend = frontend_->name;
  subject.frontend_index = frontend_->number;
  subject.frontend_id = snapshot_.frontend_id(frontend_->number);
  subject.numbers = numbers_.get();
  subject.client = &facts_;
  subject.explained = &explained_;
  asked_ = &subject;
}

// As Greeter::let_in().
bool Walk::pass_door(const rules::Program& rules, std::string_view name) {
  if (rules.empty()) return true;
  Arena arena;
  rules::Subject subject(arena);
  equip(subject);
  say(Kind::Heading, format("frontend {}: {}", frontend_->name, name));
  using Verdict = rules::Verdict::Kind;
  switch (rules.run(subject, *this).kind) {
    case Verdict::Reject:
      return end("the connection is closed by a rule", {{"outcome", "reject"}});
    case Verdict::SilentDrop:
      return end("the connection vanishes by a rule", {{"outcome", "drop"}});
    case Verdict::Trouble:
      return end("a rule cannot be asked: the connection is closed", {{"outcome", "reject"}});
    default:
      return true;
  }
}

void Walk::walk_connection() {
  facts_.ends = this;
  facts_.bind = bind_->entrance.get();
  facts_.accepted_us = Loop::wall_us();
  facts_.proxied = bind_->accept_proxy;
  if (!pass_door(frontend_->rules.tcp_connection, "tcp-request connection")) return;
  if (bind_->tls) {
    if (!tell_certificate()) return;
    TlsFacts& tls = facts_.tls.supposed();
    if (!is_ip(supposed_.host)) tls.sni = supposed_.host;
  }
  if (!pass_door(frontend_->rules.tcp_session, "tcp-request session")) return;
  equip(subject_);
  if (is_http() && !read_request()) return;
  if (!is_http()) {
    message_ = supposed_.tls && !bind_->tls ? client_hello(is_ip(supposed_.host) ? std::string() : supposed_.host)
                                            : std::string();
    if (message_.empty()) read_request();
    subject_.request = nullptr;
    subject_.buffer = message_;
    frontend_->rules.begin(subject_);
  }
  walk_request();
}

// ---- The request, as transaction.cc and tunnel.cc have it.

// As the codec reads it. False: it is refused.
bool Walk::read_request() {
  message_ = format("{} {} HTTP/1.1\r\n", supposed_.method, supposed_.target);
  const auto is_host = [](const auto& field) { return equal_nocase(field.first, "host"); };
  if (std::none_of(supposed_.fields.begin(), supposed_.fields.end(), is_host))
    message_ += format("Host: {}\r\n", supposed_.authority);
  for (const auto& [name, value] : supposed_.fields) message_ += format("{}: {}\r\n", name, value);
  message_ += "\r\n";
  if (!is_http()) return true;
  parser_.emplace(frontend_->http.limits);
  Slice bytes = Slice::literal(message_);
  parser_->start_request(arena_);
  if (parser_->next(bytes) != H1Parser::Step::Head) {
    const H1Error& error = parser_->error();
    return end(format("refused before any rule is asked: {} ({})", error.status, error.what),
               {{"outcome", "deny"}, {"status", format("{}", error.status)}});
  }
  Head& head = parser_->head();
  for (const Field& field : head.fields) {
    cookies::Cookie cookie;
    if (!equal_nocase(field.name, "cookie")) continue;
    for (std::size_t at = 0; cookies::next(field.value, at, cookie);) words_.hide(cookie.value);
  }
  subject_.request = &head;
  frontend_->rules.begin(subject_, snapshot_.config.global.log_uri_length);
  forwarding::drop_hop_fields(head, parser_->hop().upgrade);
  if (parser_->hop().upgrade) head.fields.push_back(arena_, {"Connection", "Upgrade"});
  return true;
}

void Walk::walk_request() {
  const rules::FrontendRules& rules = frontend_->rules;
  if (is_http()) {
    if (asks_monitor_uri()) return;
    if (!frontend_->unique_id_header.empty() || !rules.unique_id.empty()) subject_.unique_id = rules::kUnknownHere;
  }
  if (!run(rules.tcp_content, "tcp-request content")) return;
  if (is_http() && !run(rules.http_request, "http-request")) return;
  if (is_http() && shows_statistics(frontend_->stats, frontend_->rules.stats)) return;
  if (!choose_backend()) return;
  if (!is_listen()) {
    if (!run(backend_->rules->tcp_content, "tcp-request content")) return;
    if (is_http() && !run(backend_->rules->http_request, "http-request")) return;
    if (is_http() && shows_statistics(backend_->stats, backend_->rules->stats)) return;
  }
  prepare_request();
  choose_server();
  tell_timeouts();
  walk_answer();
  finish();
}

bool Walk::run(const rules::Program& rules, std::string_view name) {
  if (rules.empty()) return true;
  const bool of_backend = backend_ != nullptr && &rules != &frontend_->rules.http_response &&
                          &rules != &frontend_->rules.http_after_response;
  say(Kind::Heading, of_backend ? format("backend {}: {}", backend_->balance.name, name)
                                : format("frontend {}: {}", frontend_->name, name));
  return obey(rules.run(subject_, *this), name);
}

bool Walk::obey(const rules::Verdict& verdict, std::string_view name) {
  using Verdict = rules::Verdict::Kind;
  switch (verdict.kind) {
    case Verdict::Continue:
    case Verdict::Wait:
    case Verdict::SwitchToHttp:
      if (verdict.final) say(Kind::Effect, format("no more of '{}' is asked", name));
      return true;
    case Verdict::Close:
    case Verdict::Body:
    case Verdict::Cache:
    case Verdict::Password:
    case Verdict::Name:
      return true;
    case Verdict::Serve:
      return end("answered here: metrics", {{"outcome", "serve"}});
    case Verdict::Deny:
    case Verdict::Reply:
    case Verdict::Tarpit:
    case Verdict::Error:
      return answer(verdict);
    case Verdict::Reject:
      return end("the connection is closed by a rule", {{"outcome", "reject"}});
    case Verdict::SilentDrop:
      return end("the connection vanishes by a rule", {{"outcome", "drop"}});
    case Verdict::Trouble:
      return end("a rule cannot be asked: nothing passes", {{"outcome", "trouble"}});
  }
  return true;
}

bool Walk::answer(const rules::Verdict& verdict) {
  using Verdict = rules::Verdict::Kind;
  switch (verdict.kind) {
    case Verdict::Deny:
      return answer(verdict.reply, "deny", "denied by a rule");
    case Verdict::Tarpit: {
      const std::uint64_t ms = backend_ != nullptr && !is_listen() ? backend_->tarpit_ms : frontend_->tarpit_ms;
      return answer(verdict.reply, "tarpit", format("kept waiting for {}, then denied", duration_text(ms)));
    }
    case Verdict::Error:
      return answer(rules::Reply::of(500), "error", "a rule failed to write what it is to write");
    default:
      return answer(verdict.reply, "reply", "answered by a rule");
  }
}

// With the rules about answers, as OwnAnswer has it.
bool Walk::answer(const rules::Reply& made, std::string_view outcome, std::string_view why) {
  if (!is_http()) return end(std::string(why), {{"outcome", std::string(outcome)}});
  const rules::Reply reply = made.standard ? reply::page_of(made.status, *frontend_, backend_, subject_) : made;
  Facts facts{{"outcome", std::string(outcome)}, {"status", format("{}", reply.status)}};
  if (reply.silent) return end(format("{}: closed without an answer (an empty errorfile)", why), std::move(facts));
  subject_.response = reply::head_of(reply, arena_);
  subject_.memory = {};
  after_server_ = true;
  const auto run_after = [&](const rules::Program& rules, std::string_view side) {
    if (rules.empty()) return;
    say(Kind::Heading, format("{}: http-after-response", side));
    rules.run(subject_, *this);
  };
  if (backend_ != nullptr && !is_listen())
    run_after(backend_->rules->http_after_response, "backend " + backend_->balance.name);
  run_after(frontend_->rules.http_after_response, "frontend " + frontend_->name);
  const Head& head = *subject_.response;
  facts[1].second = format("{}", head.status);
  std::string text = format("{}: {} {}", why, head.status, head.reason);
  if (const Field* location = head.find("location")) {
    text += format(", to {}", words_.shown(location->value));
    facts.emplace_back("location", words_.shown(location->value));
  }
  return end(std::move(text), std::move(facts));
}

bool Walk::asks_monitor_uri() {
  if (!asks_monitor(*frontend_, subject_.request->target)) return false;
  say(Kind::Heading, format("frontend {}: monitor-uri {}", frontend_->name, frontend_->monitor_uri));
  const bool fails = frontend_->rules.monitor_fails(subject_, *this);
  answer(rules::Reply::of(fails ? 503 : 200), "monitor", "answered here, for a monitor");
  return true;
}

// As statistics_page.cc decides who may see it.
bool Walk::shows_statistics(const std::optional<config::StatsPage>& page, const rules::StatsRules& rules) {
  if (!page || !statistics_page::is_asked_for(*page, *subject_.request)) return false;
  say(Kind::Heading, format("the page of statistics: {}", page->uri));
  using RuleKind = rules::StatsRule::Kind;
  const rules::StatsRule* rule = rules.find(subject_, *this);
  const bool asks = rule != nullptr ? rule->kind == RuleKind::Ask : !page->users.empty();
  if (rule != nullptr && rule->kind == RuleKind::Deny)
    return !end("denied by a rule of the page: 403 Forbidden", {{"outcome", "deny"}, {"status", "403"}});
  if (asks && !statistics_page::is_known(*page, *subject_.request))
    return !end("asked for a user and a password: 401 Unauthorized", {{"outcome", "deny"}, {"status", "401"}});
  return !end("answered here: the page of statistics", {{"outcome", "statistics"}});
}

bool Walk::choose_backend() {
  say(Kind::Heading, format("frontend {}: which backend", frontend_->name));
  held_ = false;
  const int index = frontend_->rules.choose_backend(subject_, *this);
  if (subject_.in_trouble()) return end("a rule cannot be asked: nothing passes", {{"outcome", "trouble"}});
  if (index < 0) return answer(rules::Reply::of(503), "none", "no backend is chosen for it");
  backend_ = snapshot_.backend(index);
  subject_.backend = backend_->balance.name;
  subject_.backend_index = index;
  subject_.backend_id = snapshot_.backend_id(index);
  if (held_)
    say(Kind::Effect, format("goes to backend {}", backend_->balance.name));
  else
    say(Kind::Fact, format("by default: backend {}", backend_->balance.name));
  return true;
}

// What the server gets beyond what the rules made of it.
void Walk::prepare_request() {
  const config::Proxy* proxy = snapshot_.config.find_backend(backend_->balance.name);
  say(Kind::Heading, format("backend {}", backend_->balance.name), proxy == nullptr ? "" : words_.place(proxy->place));
  if (!is_http()) return;
  auto& fields = subject_.request->fields;
  const std::size_t before = fields.size();
  forwarding::prepare(*frontend_, *backend_, parser_->hop().upgrade, subject_);
  const auto hide = [&](const config::ForwardFor& front, const config::ForwardFor& back) {
    const std::string& name = back.enabled ? back.header : front.header;
    for (std::size_t i = before; (front.enabled || back.enabled) && i < fields.size(); ++i) {
      if (fields[i].name == name) fields[i].value = rules::kUnknownHere;
    }
  };
  if (!explained_.source) hide(frontend_->forward_for, backend_->forward_for);
  if (!explained_.destination) hide(frontend_->original_to, backend_->original_to);
}

void Walk::tell_request() {
  const Head& head = *subject_.request;
  say(Kind::Fact, format("the server gets: {} {}", head.method, words_.shown(head.target)));
  for (const Field& field : head.fields)
    say(Kind::Effect, format("{}: {}", field.name, words_.shown(field.name, field.value)));
}

void Walk::tell_timeouts() {
  const rules::Effects& effects = subject_.effects;
  std::vector<std::string> all;
  const auto add = [&](std::string_view name, std::uint64_t ms, std::int64_t by_rule = -1) {
    if (by_rule >= 0)
      all.push_back(format("{} {} (by a rule)", name, duration_text(static_cast<std::uint64_t>(by_rule))));
    else if (ms != 0)
      all.push_back(format("{} {}", name, duration_text(ms)));
  };
  add("client", frontend_->client_ms, effects.timeout_client_ms);
  if (is_http()) add("http-request", frontend_->http.head_ms);
  if (is_http()) add("http-keep-alive", frontend_->http.keep_alive_ms);
  add("queue", backend_->queue_ms);
  add("connect", backend_->connect_ms);
  add("server", backend_->server_ms, effects.timeout_server_ms);
  add("tunnel", forwarding::tunnel_ms(*frontend_, *backend_, subject_));
  say(Kind::Fact, format("timeouts: {}", all.empty() ? "none" : joined(all, ", ")));
}

// Rules about an answer that is not there: what they ask of it is unknown, and what the others do is told.
void Walk::walk_answer() {
  if (!is_http()) return;
  tell_request();
  after_server_ = true;
  answer_.status = 200;
  subject_.response = &answer_;
  const rules::BackendRules& rules = *backend_->rules;
  const auto tell = [&](const rules::Program& program, std::string_view name) {
    if (program.empty()) return;
    say(Kind::Heading, std::string(name));
    program.run(subject_, *this);
  };
  const std::string of_backend = format("backend {}: ", backend_->balance.name);
  const std::string of_frontend = format("frontend {}: ", frontend_->name);
  if (!is_listen()) tell(rules.http_response, of_backend + "http-response");
  tell(frontend_->rules.http_response, of_frontend + "http-response");
  if (!is_listen()) tell(rules.http_after_response, of_backend + "http-after-response");
  tell(frontend_->rules.http_after_response, of_frontend + "http-after-response");
}

void Walk::finish() {
  Facts facts{{"outcome", "pool"}, {"pool", backend_->balance.name}};
  if (server_ != nullptr) facts.emplace_back("server", server_->name);
  end(where_it_goes(), std::move(facts));
}

}  // namespace penstock::explanation
