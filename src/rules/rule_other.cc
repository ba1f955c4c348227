#include "action_row.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"

namespace penstock::rules {

using config::Word;

namespace {

// Ends.

template <Verdict::Kind kind>
std::unique_ptr<Action> compile_end(Work&) {
  return make_end(kind);
}

std::unique_ptr<Action> compile_switch_mode(Work& work) {
  const Word* mode = work.words.take("'http'");
  if (mode == nullptr) return nullptr;
  if (mode->text != "http") return work.complain(mode->place, "the only mode to switch to is 'http'");
  if (work.words.more() && work.words.peek().text == "proto")
    return work.complain(work.words.peek().place, "'proto' is not offered here: the protocol is found by its bytes");
  return make_end(Verdict::Kind::SwitchToHttp);
}
// Variables, captures, effects.

bool read_variable(Work& work, VariableName& name, unsigned& conditions) {
  std::string_view rest = work.argument;
  const std::string_view text = cut(rest, ',');
  const config::Place place = work.rule.words[0].place;
  if (!parse_variable_name(work.compiling, text, place, name)) return false;
  const bool closed = name.scope == (work.side == Side::Request ? Scope::Response : Scope::Request);
  if (closed) {
    work.compiling.diagnostics.warn(
        place, format("'{}' is not set here: variables of {}; those of 'txn.' last over both", text,
                      work.side == Side::Request ? "the response begin with it" : "the request end with it"));
  }
  while (!rest.empty()) {
    const unsigned condition = parse_set_var_condition(work.compiling, cut(rest, ','), place);
    if (condition == 0) return false;
    conditions |= condition;
  }
  return true;
}

std::unique_ptr<Action> compile_set_var(Work& work) {
  VariableName name;
  unsigned conditions = 0;
  if (!read_variable(work, name, conditions)) return nullptr;
  std::unique_ptr<Expression> expression = work.take_expression();
  return expression == nullptr ? nullptr
                               : make_set_variable(std::move(name), std::move(expression), Format(), conditions);
}

std::unique_ptr<Action> compile_set_var_fmt(Work& work) {
  VariableName name;
  unsigned conditions = 0;
  if (!read_variable(work, name, conditions)) return nullptr;
  auto value = work.take_format("a format", FormatUse::Variable);
  return value ? make_set_variable(std::move(name), nullptr, std::move(*value), conditions) : nullptr;
}

std::unique_ptr<Action> compile_unset_var(Work& work) {
  VariableName name;
  if (!parse_variable_name(work.compiling, work.argument, work.rule.words[0].place, name)) return nullptr;
  return make_unset_variable(std::move(name));
}

std::unique_ptr<Action> compile_capture(Work& work) {
  std::unique_ptr<Expression> expression = work.take_expression();
  if (expression == nullptr) return nullptr;
  const Word* kind = work.words.take("'len' or 'id'");
  if (kind == nullptr) return nullptr;
  const Word* number = work.words.take("a number");
  if (number == nullptr) return nullptr;
  const auto value = parse_unsigned(number->text);
  if (!value || *value > 65535)
    return work.complain(number->place, format("'{}' is no number from 0 to 65535", number->text));
  if (kind->text == "len") {
    if (work.side == Side::Response)
      return work.complain(kind->place, "a response is captured into a slot named by 'id'");
    if (!work.slots.is_frontend)
      return work.complain(kind->place, "a backend has no slots of its own: name one of the frontend's by 'id'");
    if (*value == 0) return work.complain(number->place, "a capture of no length keeps nothing");
    const std::size_t slot = work.slots.by_place.at(slot_place(work.rule.place));
    return make_capture(Side::Request, std::move(expression), slot);
  }
  if (kind->text != "id")
    return work.complain(kind->place,
                         format("'{}' is not understood in 'capture': 'len' or 'id' was expected", kind->text));
  const std::size_t count = work.side == Side::Request ? work.slots.request : work.slots.response;
  if (work.slots.is_frontend && *value >= count)
    return work.complain(number->place, format("there is no capture slot {}: the section has {}", *value, count));
  return make_capture(work.side, std::move(expression), static_cast<std::size_t>(*value));
}

std::unique_ptr<Action> compile_set_log_level(Work& work) {
  const Word* word = work.words.take("a level");
  if (word == nullptr) return nullptr;
  if (word->text == "silent") return make_set_log_level(Effects::LogLevel::Silent, Level::Info);
  constexpr std::string_view kLevels[] = {"emerg",  "alert", "crit",  "err",   "warning",
                                          "notice", "info",  "debug", "silent"};
  for (int i = 0; i < 8; ++i) {
    if (kLevels[i] == word->text) return make_set_log_level(Effects::LogLevel::Set, static_cast<Level>(i));
  }
  return work.complain(word->place, format("'{}' is no level of the log{}", word->text, hint(word->text, kLevels)));
}

std::unique_ptr<Action> compile_set_timeout(Work& work) {
  const Word* which = work.words.take("'client', 'server' or 'tunnel'");
  if (which == nullptr) return nullptr;
  const bool known = which->text == "client" || which->text == "server" || which->text == "tunnel";
  if (!known)
    return work.complain(
        which->place,
        format("'{}' is no timeout that a rule can set: client, server or tunnel was expected", which->text));
  const Timeout timeout = which->text == "client"   ? Timeout::Client
                          : which->text == "server" ? Timeout::Server
                                                    : Timeout::Tunnel;
  const Word* value = work.words.take("a time such as 10s, or a sample");
  if (value == nullptr) return nullptr;
  if (const auto ms = parse_duration_ms(value->text)) {
    if (*ms == 0) return work.complain(value->place, "the timeout must not be zero");
    constexpr std::uint64_t kLongest = 2147483647;
    if (*ms > kLongest)
      return work.complain(value->place, format("'{}' is too long a time: 24d is the most", value->text));
    return make_set_timeout(timeout, static_cast<std::int64_t>(*ms), nullptr);
  }
  std::unique_ptr<Expression> expression =
      parse_whole_expression(work.compiling, value->text, value->place, work.available);
  return expression == nullptr ? nullptr : make_set_timeout(timeout, 0, std::move(expression));
}

std::unique_ptr<Action> compile_no_l7_retry(Work&) { return make_no_l7_retry(); }

std::unique_ptr<Action> compile_expect_proxy(Work& work) {
  const Word* word = work.words.take("'layer4'");
  if (word == nullptr) return nullptr;
  if (word->text != "layer4")
    return work.complain(word->place, format("'{}' is not 'layer4', the only layer of the PROXY protocol", word->text));
  return make_expect_proxy();
}

std::unique_ptr<Action> compile_strict_mode(Work& work) {
  const Word* word = work.words.take("'on' or 'off'");
  if (word == nullptr) return nullptr;
  const bool on = equal_nocase(word->text, "on");
  if (!on && !equal_nocase(word->text, "off"))
    return work.complain(word->place, format("'{}' is neither 'on' nor 'off'", word->text));
  return make_strict_mode(on);
}

std::unique_ptr<Action> compile_service(Work& work) {
  const Word* service = work.words.take("the name of a service");
  if (service == nullptr) return nullptr;
  if (service->text != "prometheus-exporter")
    return work.complain(service->place, format("there is no service '{}'", service->text));
  return make_end(Verdict::Kind::Serve);
}

// Maps and ACLs.

// The set of the file between the parentheses. It is read because a map or an ACL names it.
std::shared_ptr<PatternSet> take_patterns(Work& work, bool is_map) {
  const config::Place place = work.rule.words[0].place;
  const std::string path(work.argument);
  const std::string* content = work.compiling.environment.content(path);
  if (content == nullptr) {
    work.compiling.diagnostics.warn(place,
                                    format("no {} reads the file '{}': what this rule changes is looked at by nobody",
                                           is_map ? "map" : "ACL", path));
    return nullptr;
  }
  PatternBook* book = work.compiling.environment.patterns();
  std::shared_ptr<PatternSet> set = book == nullptr ? nullptr : book->find(path);
  if (set == nullptr) set = patterns_of_file(work.compiling, path, *content, is_map);
  PatternUse use{set, {}, 0, -1, false, {}, false};
  static_cast<config::Place&>(use.place) = place;
  use.place.part = work.compiling.part();
  work.compiling.environment.note_patterns(use);
  return set;
}

template <PatternAct act, bool is_map>
std::unique_ptr<Action> compile_change_patterns(Work& work) {
  std::shared_ptr<PatternSet> set = take_patterns(work, is_map);
  if (set == nullptr) return nullptr;
  auto key = work.take_format("a key");
  if (!key) return nullptr;
  std::optional<Format> value;
  if (is_map && act == PatternAct::Put) {
    value = work.take_format("a value");
    if (!value) return nullptr;
  }
  return make_change_patterns(act, std::move(set), std::move(*key), std::move(value));
}

constexpr ActionRow kActions[] = {
    {"accept", kTcp, compile_end<Verdict::Kind::Continue>},
    {"add-acl", kRequest | kResponse, compile_change_patterns<PatternAct::Put, false>, kFile},
    {"allow", kHttp, compile_end<Verdict::Kind::Continue>},
    {"capture", kHttp | kContent, compile_capture},
    {"close", kTcpResponse, compile_end<Verdict::Kind::Close>},
    {"del-acl", kRequest | kResponse, compile_change_patterns<PatternAct::Remove, false>, kFile},
    {"del-map", kRequest | kResponse, compile_change_patterns<PatternAct::Remove, true>, kFile},
    {"disable-l7-retry", kRequest, compile_no_l7_retry},
    {"expect-proxy", kConnection, compile_expect_proxy},
    {"reject", kTcp | kRequest, compile_end<Verdict::Kind::Reject>},
    {"set-log-level", kContent | kTcpResponse | kRequest | kResponse, compile_set_log_level},
    {"set-map", kRequest | kResponse, compile_change_patterns<PatternAct::Put, true>, kFile},
    {"set-timeout", kRequest, compile_set_timeout},
    {"set-var", kTcp | kHttp, compile_set_var, kVariable},
    {"set-var-fmt", kTcp | kHttp, compile_set_var_fmt, kVariable},
    {"silent-drop", kTcp | kRequest | kResponse, compile_end<Verdict::Kind::SilentDrop>},
    {"strict-mode", kHttp, compile_strict_mode},
    {"switch-mode", kContent, compile_switch_mode},
    {"unset-var", kTcp | kHttp, compile_unset_var, kVariable},
    {"use-service", kRequest, compile_service},
};

}  // namespace

std::span<const ActionRow> other_actions() { return kActions; }

}  // namespace penstock::rules
