#include "penstock/rules/compile.h"

#include <algorithm>
#include <set>

#include "acl.h"
#include "action.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/config/rule_words.h"
#include "penstock/rules/key_files.h"
#include "rule_compiler.h"
#include "rule_index.h"
#include "rule_reply.h"
#include "track.h"
#include "use_backend.h"

namespace penstock::rules {

using config::Rule;
using config::Word;

namespace {

// Fewer rules are asked one by one in the time that finding them takes.
constexpr std::size_t kScannedAsFast = 16;

// Programs of one proxy, rule by rule.
class SetCompiler {
 public:
  SetCompiler(Compiling& compiling, const Slots& slots) : compiling_(compiling), slots_(slots) {}

  Program compile(Rule::Set set) {
    std::vector<Step> steps;
    for (const Rule& rule : compiling_.proxy->rules) {
      if (rule.set != set) continue;
      if (auto step = compile_rule(compiling_, rule, slots_)) steps.push_back(std::move(*step));
    }
    return Program(std::move(steps), compiling_.acls, available_to(set, compiling_.proxy->mode));
  }

 private:
  Compiling& compiling_;
  const Slots& slots_;
};

// The words behind the first `skip`, as a condition; an empty one holds always. False after a complaint.
bool compile_condition_of(Compiling& compiling, const Rule& rule, std::size_t skip, unsigned available,
                          Condition& out) {
  const std::span<const Word> words = std::span<const Word>(rule.words).subspan(std::min(skip, rule.words.size()));
  if (words.empty()) {
    out = Condition(nullptr, compiling.acls, available, {rule.place, compiling.part()});
    return true;
  }
  if (words[0].text != "if" && words[0].text != "unless") {
    compiling.diagnostics.add(
        words[0].place,
        format("'{}' is not understood here: 'if', 'unless' or the end of the line was expected", words[0].text));
    return false;
  }
  std::unique_ptr<ConditionCode> code = compile_condition(compiling, words, available);
  if (code == nullptr) return false;
  out = Condition(std::move(code), compiling.acls, available, {rule.place, compiling.part()});
  return true;
}

bool compile_condition_of(Compiling& compiling, const Rule& rule, std::size_t skip, Condition& out) {
  return compile_condition_of(compiling, rule, skip, available_to(rule.set, compiling.proxy->mode), out);
}

StatsRules compile_stats(Compiling& compiling) {
  StatsRules stats;
  for (const Rule& rule : compiling.proxy->rules) {
    Condition condition;
    if (rule.set == Rule::Set::StatsAdmin && compile_condition_of(compiling, rule, 0, condition))
      stats.admin.push_back(std::move(condition));
    if (rule.set != Rule::Set::StatsRequest) continue;
    StatsRule out;
    const std::string& action = rule.words[0].text;
    std::size_t at = 1;
    out.kind = action == "allow"  ? StatsRule::Kind::Allow
               : action == "deny" ? StatsRule::Kind::Deny
                                  : StatsRule::Kind::Ask;
    if (out.kind == StatsRule::Kind::Ask && rule.words.size() > 2 && rule.words[1].text == "realm") {
      out.realm = rule.words[2].text;
      at = 3;
    }
    if (compile_condition_of(compiling, rule, at, out.condition)) stats.request.push_back(std::move(out));
  }
  return stats;
}

// `errorloc`
ReplyTemplate reply_to_go(const config::ErrorReply& error) {
  ReplyTemplate reply;
  reply.status = static_cast<std::uint16_t>(error.location_status);
  reply.reason = std::string(reason_of(reply.status));
  reply.headers.push_back({"Cache-Control", plain_format("no-cache")});
  reply.headers.push_back({"Location", plain_format(error.location)});
  return reply;
}

ErrorReplies compile_errors(Compiling& compiling) {
  ErrorReplies replies;
  for (const config::ErrorReply& error : compiling.proxy->errors) {
    const auto status = static_cast<std::uint16_t>(error.status);
    if (!error.location.empty()) {
      replies.insert_or_assign(status, reply_to_go(error));
      continue;
    }
    auto reply = error.file.empty() ? compile_error_reply(compiling, error.place, status, error.words)
                                    : parse_error_file(compiling, error.file, error.place, status);
    // `default-errorfiles`: the built-in one.
    if (reply && !reply->standard) replies.insert_or_assign(status, std::move(*reply));
  }
  return replies;
}

AddressSet compile_networks(Compiling& compiling, const config::ForwardFor& forward, std::string_view option) {
  AddressSet set;
  for (const std::string& network : forward.except) {
    if (!set.add(network))
      compiling.diagnostics.add(compiling.proxy->place,
                                format("option {} except '{}': this is no IP network", option, network));
  }
  set.finish();
  return set;
}

}  // namespace

// FrontendRules.

class FrontendCompiler {
 public:
  FrontendCompiler(const config::Config& config, const config::Proxy& proxy, const Environment& environment,
                   config::Diagnostics& diagnostics)
      : compiling_{&config,
                   &proxy,
                   environment,
                   diagnostics,
                   environment.frontend_index(proxy.name),
                   proxy.is_backend ? environment.backend_index(proxy.name) : -1,
                   nullptr},
        proxy_(proxy) {}

  FrontendRules compile() {
    rules_.acls_ = std::make_unique<AclTable>();
    compiling_.acls = rules_.acls_.get();
    compile_acls(compiling_, proxy_.acls);
    count_slots();
    SetCompiler sets(compiling_, slots_);
    rules_.tcp_connection = sets.compile(Rule::Set::TcpConnection);
    rules_.tcp_session = sets.compile(Rule::Set::TcpSession);
    rules_.tcp_content = sets.compile(Rule::Set::TcpContent);
    rules_.inspect_delay_ms = proxy_.tcp_request_inspect_delay_ms;
    rules_.use_proxy_header = proxy_.use_proxy_header;
    rules_.http_request = sets.compile(Rule::Set::HttpRequest);
    rules_.http_response = sets.compile(Rule::Set::HttpResponse);
    rules_.http_after_response = sets.compile(Rule::Set::HttpAfterResponse);
    rules_.stats = compile_stats(compiling_);
    compile_choices();
    compile_formats();
    rules_.errors_ = compile_errors(compiling_);
    rules_.forward_for_except = compile_networks(compiling_, proxy_.forward_for, "forwardfor");
    rules_.original_to_except = compile_networks(compiling_, proxy_.original_to, "originalto");
    rules_.asks_client = compiling_.asks_client;
    return std::move(rules_);
  }

 private:
  // Slots are numbered in order of the file, whoever makes them.
  void count_slots() {
    slots_.is_frontend = true;
    rules_.captures = proxy_.captures;
    rules_.cookie_capture = proxy_.cookie_capture;
    if (rules_.cookie_capture) {
      std::uint32_t& length = rules_.cookie_capture->length;
      length = std::min(length, compiling_.config->global.cookie_length);
    }
    std::set<SlotPlace> makers;
    for (const config::Capture& capture : proxy_.captures) {
      if (capture.side == config::Capture::Side::Request)
        makers.insert(slot_place(capture.place));
      else
        slots_.by_place[slot_place(capture.place)] = slots_.response++;
    }
    for (const Rule& rule : proxy_.rules) {
      if (makes_slot(rule)) makers.insert(slot_place(rule.place));
    }
    for (const SlotPlace& place : makers) slots_.by_place[place] = slots_.request++;
    for (const config::Capture& capture : proxy_.captures)
      rules_.capture_slots_.push_back(slots_.by_place[slot_place(capture.place)]);
    rules_.request_lengths_.resize(slots_.request);
    rules_.response_lengths_.resize(slots_.response);
    for (std::size_t i = 0; i < proxy_.captures.size(); ++i) {
      const bool of_request = proxy_.captures[i].side == config::Capture::Side::Request;
      (of_request ? rules_.request_lengths_ : rules_.response_lengths_)[rules_.capture_slots_[i]] =
          proxy_.captures[i].length;
    }
    for (const Rule& rule : proxy_.rules) {
      if (makes_slot(rule)) rules_.request_lengths_[slots_.by_place[slot_place(rule.place)]] = length_of_slot(rule);
    }
  }

  void compile_choices() {
    for (const Rule& rule : proxy_.rules) {
      if (rule.set == Rule::Set::UseBackend) compile_use_backend(rule);
      if (rule.set != Rule::Set::MonitorFail) continue;
      Condition condition;
      if (compile_condition_of(compiling_, rule, 0, condition)) rules_.monitor_fail_.push_back(std::move(condition));
    }
    index_choices();
    rules_.default_backend_ = compiling_.own_backend;
    if (!proxy_.default_backend) return;
    rules_.default_backend_ = find_backend(*proxy_.default_backend);
  }

  int find_backend(const Word& name) {
    const int index = compiling_.environment.backend_index(name.text);
    if (index >= 0) return index;
    std::vector<std::string_view> names;
    for (const config::Proxy& other : compiling_.config->proxies) {
      if (other.is_backend) names.push_back(other.name);
    }
    compiling_.diagnostics.add(name.place, format("there is no backend '{}'{}", name.text, hint(name.text, names)));
    return -1;
  }

  void index_choices() {
    if (rules_.use_backend_.size() < kScannedAsFast) return;
    std::vector<const ConditionCode*> conditions;
    for (const UseBackend& use : rules_.use_backend_) conditions.push_back(use.condition.code());
    rules_.use_backend_index_ =
        std::make_unique<RuleIndex>(conditions, rules_.acls_.get(), available_to(Rule::Set::UseBackend, proxy_.mode));
  }

  void compile_use_backend(const Rule& rule) {
    if (rule.words.empty())
      return compiling_.diagnostics.add(rule.place, "'use_backend' expects the name of a backend");
    UseBackend use;
    const Word& name = rule.words[0];
    if (name.text.find('%') != std::string::npos) {
      auto format =
          compile_format(compiling_, name.text, name.place, FormatUse::Http, available_to(rule.set, proxy_.mode));
      if (!format) return;
      use.name = std::move(*format);
    } else {
      use.backend = find_backend(name);
      if (use.backend < 0) return;
    }
    if (compile_condition_of(compiling_, rule, 1, use.condition)) rules_.use_backend_.push_back(std::move(use));
  }

  // Where there is a log each client's address is known; without one no format of it asks.
  void compile_log_format(std::string_view text, config::Place place, Format& out) {
    const bool asked_before = compiling_.asks_client;
    if (auto format = compile_format(compiling_, text, place, FormatUse::Log, kForLog)) out = std::move(*format);
    compiling_.asks_client = asked_before;
  }

  void compile_formats() {
    // Of a request that was never parsed too: a format about HTTP prints what there is.
    std::string_view text;
    config::Place place = proxy_.place;
    switch (proxy_.log_style) {
      case config::Proxy::LogStyle::None:
        break;
      case config::Proxy::LogStyle::Default:
        text = proxy_.mode == config::Mode::Http ? kDefaultLogFormatHttp : kDefaultLogFormatTcp;
        break;
      case config::Proxy::LogStyle::Tcp:
        text = kTcpLogFormat;
        break;
      case config::Proxy::LogStyle::Json:
        rules_.log_as_json = !proxy_.log_format;
        [[fallthrough]];
      case config::Proxy::LogStyle::Http:
        text = kHttpLogFormat;
        break;
      case config::Proxy::LogStyle::Https:
        text = kHttpsLogFormat;
        break;
      case config::Proxy::LogStyle::Clf:
        text = kClfLogFormat;
        break;
    }
    if (proxy_.log_format) {
      text = proxy_.log_format->text;
      place = proxy_.log_format->place;
    }
    compile_log_format(text, place, rules_.log);
    compile_log_format(kRefusalFormat, place, rules_.refusal);
    if (const auto& word = proxy_.error_log_format) compile_log_format(word->text, word->place, rules_.error_log);
    const bool is_default = proxy_.log_style == config::Proxy::LogStyle::Default && !proxy_.log_format;
    if (const auto& word = proxy_.log_format_sd; word && !is_default)
      compile_log_format(word->text, word->place, rules_.log_sd);
    if (!proxy_.unique_id_format) return;
    const unsigned available = proxy_.mode == config::Mode::Http ? kForRequest : kForWelcomed;
    auto format = compile_format(compiling_, proxy_.unique_id_format->text, proxy_.unique_id_format->place,
                                 FormatUse::UniqueId, available);
    if (format) rules_.unique_id = std::move(*format);
  }

  Compiling compiling_;
  const config::Proxy& proxy_;
  Slots slots_;
  FrontendRules rules_;
};

FrontendRules::FrontendRules() = default;
FrontendRules::FrontendRules(FrontendRules&&) noexcept = default;
FrontendRules& FrontendRules::operator=(FrontendRules&&) noexcept = default;
FrontendRules::~FrontendRules() = default;

// BackendRules.

class BackendCompiler {
 public:
  BackendCompiler(const config::Config& config, const config::Proxy& proxy, const Environment& environment,
                  config::Diagnostics& diagnostics)
      : compiling_{&config, &proxy, environment, diagnostics, -1, environment.backend_index(proxy.name), nullptr},
        proxy_(proxy) {}

  BackendRules compile() {
    rules_.acls_ = std::make_unique<AclTable>();
    compiling_.acls = rules_.acls_.get();
    compile_acls(compiling_, proxy_.acls);
    count_slots();
    SetCompiler sets(compiling_, slots_);
    rules_.tcp_content = sets.compile(Rule::Set::TcpContent);
    rules_.tcp_response = sets.compile(Rule::Set::TcpResponse);
    rules_.inspect_delay_ms = proxy_.tcp_request_inspect_delay_ms;
    rules_.response_inspect_delay_ms = proxy_.tcp_response_inspect_delay_ms;
    rules_.http_request = sets.compile(Rule::Set::HttpRequest);
    rules_.http_response = sets.compile(Rule::Set::HttpResponse);
    rules_.http_after_response = sets.compile(Rule::Set::HttpAfterResponse);
    for (const Rule& rule : proxy_.rules) {
      if (rule.set == Rule::Set::UseServer) compile_use_server(rule);
      if (rule.set == Rule::Set::ForcePersist) compile_persist(rule, Persistence::Forced);
      if (rule.set == Rule::Set::IgnorePersist) compile_persist(rule, Persistence::Ignored);
      if (rule.set == Rule::Set::Stick) compile_stick(rule);
    }
    if (!proxy_.is_frontend) rules_.stats = compile_stats(compiling_);
    compile_samples();
    rules_.errors_ = compile_errors(compiling_);
    rules_.forward_for_except = compile_networks(compiling_, proxy_.forward_for, "forwardfor");
    rules_.original_to_except = compile_networks(compiling_, proxy_.original_to, "originalto");
    rules_.asks_client = compiling_.asks_client;
    return std::move(rules_);
  }

 private:
  // A `listen` has slots of its own, which its rules number as they do when it is entered.
  void count_slots() {
    slots_.is_frontend = proxy_.is_frontend;
    if (!proxy_.is_frontend) return;
    std::set<SlotPlace> makers;
    for (const config::Capture& capture : proxy_.captures) {
      if (capture.side == config::Capture::Side::Request)
        makers.insert(slot_place(capture.place));
      else
        ++slots_.response;
    }
    for (const Rule& rule : proxy_.rules) {
      if (makes_slot(rule)) makers.insert(slot_place(rule.place));
    }
    for (const SlotPlace& place : makers) slots_.by_place[place] = slots_.request++;
  }

  void compile_use_server(const Rule& rule) {
    if (rule.words.empty()) return compiling_.diagnostics.add(rule.place, "'use-server' expects the name of a server");
    const Word& name = rule.words[0];
    UseServer use;
    if (name.text.find('%') != std::string::npos) {
      return compiling_.diagnostics.add(name.place,
                                        "'use-server' by a format is not offered yet: write the server's name");
    }
    use.server = compiling_.environment.server_index(compiling_.own_backend, name.text);
    if (use.server < 0)
      return compiling_.diagnostics.add(name.place, format("backend '{}' has no server '{}'", proxy_.name, name.text));
    if (compile_condition_of(compiling_, rule, 1, use.condition)) rules_.use_server_.push_back(std::move(use));
  }

  void compile_persist(const Rule& rule, Persistence persistence) {
    PersistRule persist{persistence, {}};
    if (compile_condition_of(compiling_, rule, 0, persist.condition)) rules_.persist_.push_back(std::move(persist));
  }

  // <kind> <sample> [table <proxy>] [if|unless <condition>]
  void compile_stick(const Rule& rule) {
    const std::span<const Word> words = rule.words;
    const std::string& kind = words[0].text;
    const bool of_answer = kind == "store-response";
    const bool named = words.size() > 2 && words[2].text == "table";
    if (named && words.size() == 3)
      return compiling_.diagnostics.add(words[2].place, "'table' expects the name of a proxy with a stick-table");
    StickRule stick;
    stick.matches = kind == "on" || kind == "match";
    stick.stores = kind != "match";
    const config::StickTable* line = nullptr;
    stick.table = find_table(compiling_, named ? words[3].text : "", named ? words[3].place : rule.place, &line);
    if (stick.table < 0) return;
    stick.line = *line;
    const unsigned available = available_to(of_answer ? Rule::Set::TcpResponse : Rule::Set::TcpContent, proxy_.mode);
    auto sample = parse_whole_expression(compiling_, words[1].text, words[1].place, available);
    if (sample == nullptr) return;
    if (!castable(sample->type, type_of_keys(stick.line))) {
      return compiling_.diagnostics.add(words[1].place, format("'{}' cannot be a key of this table", words[1].text));
    }
    stick.sample = Sample(std::move(sample));
    if (!compile_condition_of(compiling_, rule, named ? 4 : 2, available, stick.condition)) return;
    (of_answer ? rules_.stick_response : rules_.stick_request).push_back(std::move(stick));
  }

  void compile_samples() {
    const unsigned available = proxy_.mode == config::Mode::Http ? kForRequest : kForTcpContent;
    const Word& cookie = proxy_.rdp_cookie;
    if (!cookie.text.empty())
      rules_.rdp_cookie =
          Sample(parse_whole_expression(compiling_, "req.rdp_cookie(" + cookie.text + ")", cookie.place, available));
    BalanceKey& key = rules_.hash_key;
    key.function = static_cast<BalanceKey::Function>(proxy_.balance.function);
    key.avalanche = proxy_.balance.avalanche;
    key.empty_counts = proxy_.balance.kind == config::Balance::Kind::Hash;
    if (proxy_.balance.kind == config::Balance::Kind::Uri) return take_uri_parts(key);
    if (proxy_.balance.kind == config::Balance::Kind::UrlParam) return take_parameter(key);
    const std::string text = hash_key();
    if (text.empty()) return;
    const std::vector<Word>& words = proxy_.balance.arguments;
    const config::Place place = words.empty() ? proxy_.balance.place : words[0].place;
    key.sample = Sample(parse_whole_expression(compiling_, text, place, available));
    const bool has_option = words.size() > 1;
    if (has_option && proxy_.balance.kind == config::Balance::Kind::Header) key.part = BalanceKey::Part::Domain;
  }

  void take_parameter(BalanceKey& key) const {
    const std::vector<Word>& words = proxy_.balance.arguments;
    if (words.empty()) return;
    key.part = BalanceKey::Part::Parameter;
    key.parameter = words[0].text;
    key.in_body = words.size() > 1;
  }

  void take_uri_parts(BalanceKey& key) const {
    key.part = BalanceKey::Part::Uri;
    const std::vector<Word>& words = proxy_.balance.arguments;
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i].text == "whole") key.whole = true;
      if (words[i].text == "path-only") key.path_only = true;
      const bool is_length = words[i].text == "len";
      if (!is_length && words[i].text != "depth") continue;
      (is_length ? key.length : key.depth) = static_cast<std::uint32_t>(*parse_unsigned(words[++i].text));
    }
  }

  std::string hash_key() const {
    using Kind = config::Balance::Kind;
    const std::vector<Word>& words = proxy_.balance.arguments;
    const std::string first = words.empty() ? "" : words[0].text;
    switch (proxy_.balance.kind) {
      case Kind::Header:
        return "req.hdr(" + first + ",1)";
      case Kind::RdpCookie:
        return "req.rdp_cookie(" + first + ")";
      case Kind::Hash:
        return first;
      case Kind::Uri:
      case Kind::UrlParam:
      case Kind::Unset:
      case Kind::RoundRobin:
      case Kind::StaticRoundRobin:
      case Kind::LeastConn:
      case Kind::First:
      case Kind::Source:
      case Kind::Random:
        return {};
    }
    return {};
  }

  Compiling compiling_;
  const config::Proxy& proxy_;
  Slots slots_;
  BackendRules rules_;
};

BackendRules::BackendRules() = default;
BackendRules::BackendRules(BackendRules&&) noexcept = default;
BackendRules& BackendRules::operator=(BackendRules&&) noexcept = default;
BackendRules::~BackendRules() = default;

// Faces.

FrontendRules compile_frontend(const config::Config& config, const config::Proxy& proxy, const Environment& environment,
                               config::Diagnostics& diagnostics) {
  return FrontendCompiler(config, proxy, environment, diagnostics).compile();
}

BackendRules compile_backend(const config::Config& config, const config::Proxy& proxy, const Environment& environment,
                             config::Diagnostics& diagnostics) {
  if (!proxy.is_frontend) return BackendCompiler(config, proxy, environment, diagnostics).compile();
  // What a `listen` shares with its frontend side was complained about there; what only its backend
  // side has is said here.
  config::Diagnostics as_frontend, as_backend;
  FrontendCompiler(config, proxy, environment, as_frontend).compile();
  BackendRules rules = BackendCompiler(config, proxy, environment, as_backend).compile();
  for (const config::Complaint& complaint : as_backend.complaints()) {
    const auto same = [&](const config::Complaint& other) {
      return other.text == complaint.text && slot_place(other.place) == slot_place(complaint.place);
    };
    const std::vector<config::Complaint>& said = as_frontend.complaints();
    if (std::none_of(said.begin(), said.end(), same))
      diagnostics.add(complaint.severity, complaint.place, complaint.text);
  }
  return rules;
}

Sample compile_sni(const config::Config& config, const config::Proxy& proxy, const Word& expression,
                   const Environment& environment, config::Diagnostics& diagnostics) {
  Compiling compiling{&config, &proxy, environment, diagnostics, -1, environment.backend_index(proxy.name), nullptr};
  const unsigned available = proxy.mode == config::Mode::Http ? kForRequest : kForTcpContent;
  return Sample(parse_whole_expression(compiling, expression.text, expression.place, available));
}

Sample compile_sample(const std::string& text, config::Place place, const Environment& environment,
                      config::Diagnostics& diagnostics) {
  Compiling compiling{nullptr, nullptr, environment, diagnostics, -1, -1, nullptr};
  return Sample(parse_whole_expression(compiling, text, place, kForRequest));
}

namespace {

unsigned offered_by(CheckAnswer answer) {
  return answer == CheckAnswer::Http ? kNeedsResponse | kNeedsKeptResponse : kNeedsAnswer | kNeedsBytes;
}

class SetCheckVariable final : public CheckVariable {
 public:
  explicit SetCheckVariable(std::unique_ptr<Action> action) : action_(std::move(action)) {}
  void run(Subject& subject) const override {
    Verdict verdict;
    action_->run(subject, verdict);
  }

 private:
  std::unique_ptr<Action> action_;
};

}  // namespace

std::optional<Format> compile_check_format(const std::string& text, config::Place place, CheckAnswer answer,
                                           const Environment& environment, config::Diagnostics& diagnostics) {
  Compiling compiling{nullptr, nullptr, environment, diagnostics, -1, -1, nullptr};
  return compile_format(compiling, text, place, FormatUse::Http, offered_by(answer));
}

Sample compile_check_sample(const std::string& text, config::Place place, CheckAnswer answer,
                            const Environment& environment, config::Diagnostics& diagnostics) {
  Compiling compiling{nullptr, nullptr, environment, diagnostics, -1, -1, nullptr};
  return Sample(parse_whole_expression(compiling, text, place, offered_by(answer)));
}

std::unique_ptr<CheckVariable> compile_check_variable(const CheckVariableWords& words, config::Place place,
                                                      CheckAnswer answer, const Environment& environment,
                                                      config::Diagnostics& diagnostics) {
  Compiling compiling{nullptr, nullptr, environment, diagnostics, -1, -1, nullptr};
  std::string_view rest = words.name;
  const std::string_view text = cut(rest, ',');
  VariableName name;
  if (!parse_variable_name(compiling, text, place, name)) return nullptr;
  if (!text.starts_with("check.") && name.scope != Scope::Process) {
    diagnostics.add(place, format("'{}': a check has variables check.<name> and proc.<name>", text));
    return nullptr;
  }
  unsigned conditions = 0;
  while (!rest.empty()) {
    const unsigned condition = parse_set_var_condition(compiling, cut(rest, ','), place);
    if (condition == 0) return nullptr;
    conditions |= condition;
  }
  if (!words.value) return std::make_unique<SetCheckVariable>(make_unset_variable(std::move(name)));
  std::unique_ptr<Expression> expression;
  std::optional<Format> made;
  if (words.formatted)
    made = compile_format(compiling, *words.value, place, FormatUse::Variable, offered_by(answer));
  else
    expression = parse_whole_expression(compiling, *words.value, place, offered_by(answer));
  if (!made && expression == nullptr) return nullptr;
  return std::make_unique<SetCheckVariable>(
      make_set_variable(std::move(name), std::move(expression), made ? std::move(*made) : Format(), conditions));
}

void prepare_for_check(Subject& subject, CheckAnswer answer) { subject.available = offered_by(answer); }

std::vector<ProcessSetting> compile_process_variables(const config::Config& config, const Environment& environment,
                                                      config::Diagnostics& diagnostics) {
  std::vector<ProcessSetting> settings;
  Compiling compiling{&config, nullptr, environment, diagnostics, -1, -1, nullptr};
  for (const config::ProcessVariable& line : config.global.variables) {
    VariableName name;
    if (!parse_variable_name(compiling, line.name.text, line.name.place, name)) continue;
    if (name.scope != Scope::Process) {
      diagnostics.add(line.name.place,
                      format("'{}': here only variables of the process can be set: proc.<name>", line.name.text));
      continue;
    }
    std::optional<Format> text;
    std::unique_ptr<Expression> expression;
    if (line.formatted)
      text = compile_format(compiling, line.value.text, line.value.place, FormatUse::Variable, kNeedsNothing);
    else
      expression = parse_whole_expression(compiling, line.value.text, line.value.place, kNeedsNothing);
    if (!text && expression == nullptr) continue;
    Arena arena;
    Subject subject(arena);
    subject.available = kNeedsNothing;
    Value value;
    Cursor cursor;
    if (text)
      value.set_text(text->expand(subject));
    else if (!evaluate(*expression, subject, cursor, value))
      continue;
    settings.push_back({name.of_process, value, std::string(value.text)});
  }
  return settings;
}

std::vector<Word> collect_hosts(const config::Config& config) {
  std::vector<Word> hosts;
  for (const config::Proxy& proxy : config.proxies) {
    for (const config::Acl& acl : proxy.acls) collect_acl_hosts(acl.words, hosts);
    for (const Rule& rule : proxy.rules) {
      const auto condition = std::span<const Word>(rule.words).subspan(config::parts_of(rule).condition);
      for (const config::ConditionTerm& term : config::terms_of(condition)) collect_acl_hosts(term.test, hosts);
    }
  }
  return hosts;
}

std::vector<KeyFile> collect_key_files(const config::Config& config) {
  std::vector<KeyFile> files;
  const auto collect = [&files](const Word& word) { collect_key_files(word, files); };
  for (const config::Proxy& proxy : config.proxies) {
    for (const config::Acl& acl : proxy.acls) {
      if (!acl.words.empty()) collect(acl.words[0]);
    }
    for (const Rule& rule : proxy.rules) std::for_each(rule.words.begin(), rule.words.end(), collect);
    for (const config::ErrorReply& error : proxy.errors) std::for_each(error.words.begin(), error.words.end(), collect);
    for (const auto* word :
         {&proxy.log_format, &proxy.error_log_format, &proxy.log_format_sd, &proxy.unique_id_format}) {
      if (*word) collect(**word);
    }
    for (const config::Server& server : proxy.servers) {
      if (server.sni) collect(*server.sni);
    }
    std::for_each(proxy.balance.arguments.begin(), proxy.balance.arguments.end(), collect);
  }
  return files;
}

std::vector<NamedFile> collect_files(const config::Config& config) {
  std::vector<NamedFile> all;
  for (const config::Proxy& proxy : config.proxies) {
    for (const config::Acl& acl : proxy.acls) {
      collect_acl_files(acl.words, all);
      if (!acl.words.empty()) collect_map_files(acl.words[0], all);
    }
    for (const Rule& rule : proxy.rules) collect_rule_files(rule, all);
    for (const config::ErrorReply& error : proxy.errors) {
      if (!error.file.empty()) all.push_back({error.file, error.place});
      collect_reply_files(error.words, all);
    }
    for (const auto* word :
         {&proxy.log_format, &proxy.error_log_format, &proxy.log_format_sd, &proxy.unique_id_format}) {
      if (*word) collect_map_files(**word, all);
    }
    for (const config::Server& server : proxy.servers) {
      if (server.sni) collect_map_files(*server.sni, all);
    }
    for (const Word& argument : proxy.balance.arguments) collect_map_files(argument, all);
  }
  std::vector<NamedFile> files;
  std::set<std::string> seen;
  for (NamedFile& file : all) {
    if (seen.insert(file.path).second) files.push_back(std::move(file));
  }
  return files;
}

}  // namespace penstock::rules
