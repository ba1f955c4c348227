#include "rule_compiler.h"

#include <algorithm>

#include "penstock/base/text.h"
#include "penstock/config/not_offered.h"
#include "penstock/config/rule_words.h"

namespace penstock::rules {

using config::Rule;
using config::Word;

const Word* RuleWords::take(std::string_view what) {
  if (at_ < words_.size()) return &words_[at_++];
  complain(place(), format("'{}' expects {} here", subject_, what));
  return nullptr;
}

unsigned available_to(Rule::Set set, config::Mode mode) {
  const bool http = mode == config::Mode::Http;
  switch (set) {
    case Rule::Set::TcpConnection:
      return kForConnection;
    case Rule::Set::TcpSession:
      return kForWelcomed;
    case Rule::Set::TcpContent:
    case Rule::Set::UseBackend:
    case Rule::Set::UseServer:
    case Rule::Set::Stick:
      return http ? kForRequest : kForTcpContent;
    case Rule::Set::TcpResponse:
      return http ? kForResponse : kForTcpAnswer;
    case Rule::Set::HttpRequest:
    case Rule::Set::MonitorFail:
    case Rule::Set::ForcePersist:
    case Rule::Set::IgnorePersist:
      return kForRequest;
    case Rule::Set::HttpResponse:
    case Rule::Set::HttpAfterResponse:
      return kForResponse;
  }
  return 0;
}

namespace {

std::string_view name_of(Rule::Set set) {
  switch (set) {
    case Rule::Set::TcpConnection:
      return "tcp-request connection";
    case Rule::Set::TcpContent:
      return "tcp-request content";
    case Rule::Set::TcpSession:
      return "tcp-request session";
    case Rule::Set::TcpResponse:
      return "tcp-response content";
    case Rule::Set::HttpRequest:
      return "http-request";
    case Rule::Set::HttpResponse:
      return "http-response";
    case Rule::Set::HttpAfterResponse:
      return "http-after-response";
    case Rule::Set::UseBackend:
      return "use_backend";
    case Rule::Set::UseServer:
      return "use-server";
    case Rule::Set::MonitorFail:
      return "monitor fail";
    case Rule::Set::ForcePersist:
      return "force-persist";
    case Rule::Set::IgnorePersist:
      return "ignore-persist";
    case Rule::Set::Stick:
      return "stick";
  }
  return "";
}

// What one action's compile function works with.
struct Work {
  Compiling& compiling;
  const Rule& rule;
  RuleWords& words;
  const Slots& slots;
  std::string_view argument;  // Between the parentheses of the action's word, if it has them.
  Side side;
  unsigned available;

  std::nullptr_t complain(config::Place place, std::string text) const {
    return words.complain(place, std::move(text));
  }
  // A `redirect` line of its own, not behind http-request: its texts are no formats (manual section 4.2).
  bool is_redirect_line() const {
    const config::Place first = rule.words[0].place;
    return first.file == rule.place.file && first.line == rule.place.line && first.column == rule.place.column;
  }
  std::optional<Format> take_format(std::string_view what) const {
    const Word* word = words.take(what);
    if (word == nullptr) return std::nullopt;
    return compile_format(compiling, word->text, word->place, FormatUse::Http, available);
  }
  std::unique_ptr<Expression> take_expression(std::string_view what = "a sample") const {
    const Word* word = words.take(what);
    return word == nullptr ? nullptr : parse_whole_expression(compiling, word->text, word->place, available);
  }
  std::unique_ptr<Regex> take_regex() const {
    const Word* word = words.take("a regular expression");
    if (word == nullptr) return nullptr;
    std::string error;
    std::unique_ptr<Regex> regex = Regex::compile(word->text, false, error);
    if (regex == nullptr) complain(word->place, format("'{}' is no regular expression: {}", word->text, error));
    return regex;
  }
  // The name of a field that rules may change.
  const Word* take_field_name() const {
    const Word* word = words.take("the name of a header field");
    if (word == nullptr) return nullptr;
    if (!is_token(word->text)) return complain(word->place, format("'{}' is no name of a header field", word->text));
    if (!equal_nocase(word->text, "content-length") && !equal_nocase(word->text, "transfer-encoding")) return word;
    return complain(word->place,
                    format("'{}' says where the message ends and cannot be changed by a rule", word->text));
  }
  std::optional<std::uint16_t> take_status(unsigned low, unsigned high) const {
    const Word* word = words.take("a status");
    if (word == nullptr) return std::nullopt;
    const auto status = parse_unsigned(word->text);
    if (status && *status >= low && *status <= high) return static_cast<std::uint16_t>(*status);
    complain(word->place, format("'{}' is no status from {} to {}", word->text, low, high));
    return std::nullopt;
  }
};

using Compile = std::unique_ptr<Action> (*)(Work&);

// Message fields.

std::unique_ptr<Action> compile_field(Work& work, bool keep_others) {
  const Word* name = work.take_field_name();
  if (name == nullptr) return nullptr;
  auto value = work.take_format("the field's value");
  if (!value) return nullptr;
  if (value->constant() && !is_field_value(*value->constant()))
    return work.complain(name->place, format("the value of '{}' holds a line end", name->text));
  return make_set_field(work.side, name->text, std::move(*value), keep_others);
}

std::unique_ptr<Action> compile_set_header(Work& work) { return compile_field(work, false); }
std::unique_ptr<Action> compile_add_header(Work& work) { return compile_field(work, true); }

std::unique_ptr<Action> compile_del_header(Work& work) {
  const Word* name = work.words.take("the name of a header field");
  if (name == nullptr) return nullptr;
  Match match = Match::Str;
  if (work.words.accept("-m")) {
    const Word* method = work.words.take("str, beg, end, sub or reg");
    if (method == nullptr) return nullptr;
    if (method->text == "beg")
      match = Match::Beg;
    else if (method->text == "end")
      match = Match::End;
    else if (method->text == "sub")
      match = Match::Sub;
    else if (method->text == "reg")
      match = Match::Reg;
    else if (method->text != "str")
      return work.complain(
          method->place,
          format("'{}' is no way to match a field's name: str, beg, end, sub or reg was expected", method->text));
  }
  std::unique_ptr<Regex> regex;
  if (match == Match::Reg) {
    std::string error;
    regex = Regex::compile(name->text, true, error);
    if (regex == nullptr)
      return work.complain(name->place, format("'{}' is no regular expression: {}", name->text, error));
  } else if (match == Match::Str) {
    if (!is_token(name->text))
      return work.complain(name->place, format("'{}' is no name of a header field", name->text));
    if (equal_nocase(name->text, "content-length") || equal_nocase(name->text, "transfer-encoding")) {
      return work.complain(name->place,
                           format("'{}' says where the message ends and cannot be changed by a rule", name->text));
    }
  }
  return make_delete_field(work.side, match, name->text, std::move(regex));
}

std::unique_ptr<Action> compile_replace(Work& work, bool each_value) {
  const Word* name = work.take_field_name();
  if (name == nullptr) return nullptr;
  std::unique_ptr<Regex> regex = work.take_regex();
  if (regex == nullptr) return nullptr;
  auto replacement = work.take_format("the replacement");
  if (!replacement) return nullptr;
  if (replacement->constant() && !is_field_value(*replacement->constant()))
    return work.complain(name->place, "the replacement holds a line end");
  return make_replace_field(work.side, name->text, std::move(regex), std::move(*replacement), each_value);
}

std::unique_ptr<Action> compile_replace_header(Work& work) { return compile_replace(work, false); }
std::unique_ptr<Action> compile_replace_value(Work& work) { return compile_replace(work, true); }

// The request line and the status line.

template <TargetPart part>
std::unique_ptr<Action> compile_set_target(Work& work) {
  auto value = work.take_format("the new text");
  return value ? make_set_target(part, std::move(*value)) : nullptr;
}

template <TargetPart part>
std::unique_ptr<Action> compile_replace_target(Work& work) {
  std::unique_ptr<Regex> regex = work.take_regex();
  if (regex == nullptr) return nullptr;
  auto replacement = work.take_format("the replacement");
  return replacement ? make_replace_target(part, std::move(regex), std::move(*replacement)) : nullptr;
}

std::unique_ptr<Action> compile_set_method(Work& work) {
  const config::Place place = work.words.place();
  auto value = work.take_format("the method");
  if (!value) return nullptr;
  if (value->constant() && !is_token(*value->constant()))
    return work.complain(place, format("'{}' is no method", *value->constant()));
  return make_set_method(std::move(*value));
}

std::unique_ptr<Action> compile_set_status(Work& work) {
  const auto status = work.take_status(100, 999);
  if (!status) return nullptr;
  std::string reason(reason_of(*status));
  if (work.words.accept("reason")) {
    const Word* word = work.words.take("the reason");
    if (word == nullptr) return nullptr;
    if (!is_field_value(word->text)) return work.complain(word->place, "the reason holds a line end");
    reason = word->text;
  }
  return make_set_status(*status, std::move(reason));
}

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

// Replies.

// What `deny_status` may name (manual, "errorfile"): a page is built in or can be configured.
bool has_page(std::uint16_t status) {
  constexpr std::uint16_t kWithPage[] = {200, 400, 401, 403, 404, 405, 407, 408, 410, 413,
                                         421, 422, 425, 429, 431, 500, 501, 502, 503, 504};
  return std::find(std::begin(kWithPage), std::end(kWithPage), status) != std::end(kWithPage);
}

class ReplyCompiler {
 public:
  ReplyCompiler(Compiling& compiling, RuleWords& words, unsigned available)
      : compiling_(compiling), words_(words), available_(available) {}

  // `fixed_status`: an http-error's, which its words do not say again.
  std::optional<ReplyTemplate> compile(std::uint16_t status, bool standard_by_default, bool fixed_status) {
    reply_.status = status;
    while (words_.more()) {
      const Word& word = words_.pop();
      if (!take_keyword(word, fixed_status)) return std::nullopt;
    }
    reply_.standard =
        payload_ == "default-errorfiles" || (payload_.empty() && reply_.headers.empty() && standard_by_default);
    if (reply_.reason.empty()) reply_.reason = std::string(reason_of(reply_.status));
    const bool has_body = reply_.body_format.has_value() || !reply_.body.empty();
    if (has_body && payload_ != "errorfile" && (reply_.status == 204 || reply_.status == 304)) {
      words_.complain(payload_place_,
                      format("an answer of status {} has no content: take '{}' away", reply_.status, payload_));
      return std::nullopt;
    }
    if (reply_.standard && deny_status_ != nullptr && !has_page(reply_.status)) {
      words_.complain(deny_status_->place,
                      format("there is no page for status {}: write 'status {}', or give it a content", reply_.status,
                             reply_.status));
      return std::nullopt;
    }
    if (reply_.content_type.empty() && has_body && payload_ != "errorfile") {
      words_.complain(payload_place_, format("'{}' needs a 'content-type' for its text", payload_));
      return std::nullopt;
    }
    return std::move(reply_);
  }

 private:
  bool take_keyword(const Word& word, bool fixed_status) {
    if ((word.text == "status" || word.text == "deny_status") && !fixed_status) {
      deny_status_ = word.text == "deny_status" ? &word : nullptr;
      return take_status();
    }
    if (word.text == "content-type") return take_content_type();
    if (word.text == "hdr") return take_header();
    constexpr std::string_view kPayloads[] = {
        "default-errorfiles", "errorfile", "errorfiles", "file", "lf-file", "string", "lf-string"};
    if (std::find(std::begin(kPayloads), std::end(kPayloads), word.text) == std::end(kPayloads)) {
      constexpr std::string_view kKnown[] = {
          "status",     "deny_status", "content-type", "hdr",    "default-errorfiles", "errorfile",
          "errorfiles", "file",        "lf-file",      "string", "lf-string"};
      return complain(word.place,
                      format("'{}' is not understood in '{}'{}", word.text, words_.subject(), hint(word.text, kKnown)));
    }
    if (!payload_.empty())
      return complain(word.place, format("'{}' after '{}': an answer has one content", word.text, payload_));
    payload_ = word.text;
    payload_place_ = word.place;
    return take_payload();
  }

  bool complain(config::Place place, std::string text) {
    words_.complain(place, std::move(text));
    return false;
  }

  bool take_status() {
    const Word* word = words_.take("a status");
    if (word == nullptr) return false;
    const auto status = parse_unsigned(word->text);
    if (!status || *status < 200 || *status > 599)
      return complain(word->place, format("'{}' is no status from 200 to 599", word->text));
    reply_.status = static_cast<std::uint16_t>(*status);
    return true;
  }

  bool take_content_type() {
    const Word* word = words_.take("a media type such as text/plain");
    if (word == nullptr) return false;
    if (!is_field_value(word->text)) return complain(word->place, "a media type cannot hold a line end");
    reply_.content_type = word->text;
    return true;
  }

  bool take_header() {
    const Word* name = words_.take("the name of a header field");
    if (name == nullptr) return false;
    if (!is_token(name->text)) return complain(name->place, format("'{}' is no name of a header field", name->text));
    if (equal_nocase(name->text, "content-length") || equal_nocase(name->text, "transfer-encoding") ||
        equal_nocase(name->text, "connection")) {
      return complain(name->place,
                      format("'{}' of an answer of ours follows from its content and cannot be set", name->text));
    }
    const Word* value = words_.take("the field's value");
    if (value == nullptr) return false;
    auto compiled = compile_format(compiling_, value->text, value->place, FormatUse::Http, available_);
    if (!compiled) return false;
    if (compiled->constant() && !is_field_value(*compiled->constant()))
      return complain(value->place, format("the value of '{}' holds a line end", name->text));
    reply_.headers.push_back({name->text, std::move(*compiled)});
    return true;
  }

  bool take_payload() {
    if (payload_ == "default-errorfiles") return true;
    const Word* word = words_.take(payload_.ends_with("string") ? "a text" : "a name");
    if (word == nullptr) return false;
    if (payload_ == "errorfiles")
      return complain(word->place, "'errorfiles' is not offered in a rule: name the file by 'errorfile'");
    if (payload_ == "errorfile") return take_error_file(*word);
    const std::string* text = &word->text;
    if (payload_.ends_with("file")) {
      text = compiling_.environment.content(word->text);
      if (text == nullptr) return complain(word->place, format("the file '{}' could not be read", word->text));
    }
    if (payload_.starts_with("lf-")) {
      reply_.body_format = compile_format(compiling_, *text, word->place, FormatUse::Http, available_);
      return reply_.body_format.has_value();
    }
    reply_.body = *text;
    return true;
  }

  bool take_error_file(const Word& word) {
    auto file = parse_error_file(compiling_, word.text, word.place, 0);
    if (!file) return false;
    // The rule's own status, if it says one, stays; the file's otherwise. Fields of the rule are ignored
    // as the manual says.
    file->status = file->status != 0 ? file->status : reply_.status;
    reply_ = std::move(*file);
    return true;
  }

  Compiling& compiling_;
  RuleWords& words_;
  unsigned available_;
  ReplyTemplate reply_;
  std::string payload_;
  config::Place payload_place_;
  const Word* deny_status_ = nullptr;
};

std::unique_ptr<Action> compile_reply(Work& work, Verdict::Kind kind, std::uint16_t status, bool standard_by_default) {
  auto reply = ReplyCompiler(work.compiling, work.words, work.available).compile(status, standard_by_default, false);
  return reply ? make_reply(kind, std::move(*reply)) : nullptr;
}

std::unique_ptr<Action> compile_deny(Work& work) {
  return compile_reply(work, Verdict::Kind::Deny, work.side == Side::Request ? 403 : 502, true);
}
std::unique_ptr<Action> compile_tarpit(Work& work) { return compile_reply(work, Verdict::Kind::Tarpit, 500, true); }
std::unique_ptr<Action> compile_return(Work& work) { return compile_reply(work, Verdict::Kind::Reply, 200, false); }

// redirect

class RedirectCompiler {
 public:
  explicit RedirectCompiler(Work& work) : work_(work) {}

  std::unique_ptr<Action> compile() {
    while (work_.words.more()) {
      if (!take_word(work_.words.pop())) return nullptr;
    }
    if (!has_kind_)
      return work_.complain(work_.words.place(), "'redirect' expects 'location', 'prefix' or 'scheme' and its text");
    if (work_.side == Side::Response && plan_.kind != RedirectPlan::Kind::Location) {
      return work_.complain(kind_place_, "a response can be redirected by 'location' only");
    }
    return make_redirect(std::move(plan_));
  }

 private:
  bool complain(config::Place place, std::string text) {
    work_.complain(place, std::move(text));
    return false;
  }

  bool take_word(const Word& word) {
    if (word.text == "location") return take_kind(RedirectPlan::Kind::Location, word.place);
    if (word.text == "prefix") return take_kind(RedirectPlan::Kind::Prefix, word.place);
    if (word.text == "scheme") return take_kind(RedirectPlan::Kind::Scheme, word.place);
    if (word.text == "code") return take_code();
    if (word.text == "drop-query") return plan_.drop_query = true;
    if (word.text == "append-slash") return plan_.append_slash = true;
    if (word.text == "ignore-empty") return plan_.ignore_empty = true;
    if (word.text == "set-cookie") return take_cookie("; path=/;");
    if (word.text == "clear-cookie") return take_cookie("; path=/; Max-Age=0;");
    constexpr std::string_view kKnown[] = {"location",     "prefix",       "scheme",       "code",
                                           "drop-query",   "append-slash", "ignore-empty", "set-cookie",
                                           "clear-cookie", "if",           "unless"};
    return complain(word.place, format("'{}' is not understood in 'redirect'{}", word.text, hint(word.text, kKnown)));
  }

  bool take_kind(RedirectPlan::Kind kind, config::Place place) {
    if (has_kind_) return complain(place, "'redirect' goes one way: location, prefix or scheme was given before");
    const Word* text = work_.words.take("a text");
    if (text == nullptr) return false;
    plan_.kind = kind;
    kind_place_ = place;
    has_kind_ = true;
    if (!is_field_value(text->text)) return complain(text->place, "a redirect cannot hold a line end");
    if (work_.is_redirect_line()) {
      plan_.text = plain_format(text->text);
      return true;
    }
    auto compiled = compile_format(work_.compiling, text->text, text->place, FormatUse::Http, work_.available);
    if (compiled) plan_.text = std::move(*compiled);
    return compiled.has_value();
  }

  bool take_code() {
    const Word* word = work_.words.take("301, 302, 303, 307 or 308");
    if (word == nullptr) return false;
    for (const std::uint16_t code : {301, 302, 303, 307, 308}) {
      if (word->text == format("{}", code)) return plan_.code = code, true;
    }
    return complain(word->place,
                    format("'{}' is no code of a redirect: 301, 302, 303, 307 or 308 was expected", word->text));
  }

  bool take_cookie(std::string_view attributes) {
    const Word* word = work_.words.take("a cookie");
    if (word == nullptr) return false;
    if (!is_field_value(word->text)) return complain(word->place, "a cookie cannot hold a line end");
    plan_.cookie = word->text + std::string(attributes);
    return true;
  }

  Work& work_;
  RedirectPlan plan_;
  config::Place kind_place_;
  bool has_kind_ = false;
};

std::unique_ptr<Action> compile_redirect(Work& work) { return RedirectCompiler(work).compile(); }

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
  auto value = work.take_format("a format");
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
  if (word->text != "on" && word->text != "off")
    return work.complain(word->place, format("'{}' is neither 'on' nor 'off'", word->text));
  return make_strict_mode(word->text == "on");
}

constexpr unsigned in(Rule::Set set) { return 1u << static_cast<unsigned>(set); }
constexpr unsigned kConnection = in(Rule::Set::TcpConnection), kWelcomed = in(Rule::Set::TcpSession),
                   kContent = in(Rule::Set::TcpContent);
constexpr unsigned kTcpResponse = in(Rule::Set::TcpResponse), kRequest = in(Rule::Set::HttpRequest),
                   kResponse = in(Rule::Set::HttpResponse);
constexpr unsigned kAfter = in(Rule::Set::HttpAfterResponse);
constexpr unsigned kTcp = kConnection | kWelcomed | kContent | kTcpResponse;
constexpr unsigned kHttp = kRequest | kResponse | kAfter;

struct ActionRow {
  std::string_view name;
  unsigned sets;
  Compile compile;
};

constexpr ActionRow kActions[] = {
    {"accept", kTcp, compile_end<Verdict::Kind::Continue>},
    {"add-header", kHttp, compile_add_header},
    {"allow", kHttp, compile_end<Verdict::Kind::Continue>},
    {"capture", kHttp | kContent, compile_capture},
    {"close", kTcpResponse, compile_end<Verdict::Kind::Close>},
    {"del-header", kHttp, compile_del_header},
    {"deny", kRequest | kResponse, compile_deny},
    {"disable-l7-retry", kRequest, compile_no_l7_retry},
    {"expect-proxy", kConnection, compile_expect_proxy},
    {"redirect", kRequest | kResponse, compile_redirect},
    {"reject", kTcp | kRequest, compile_end<Verdict::Kind::Reject>},
    {"replace-header", kHttp, compile_replace_header},
    {"replace-path", kRequest, compile_replace_target<TargetPart::Path>},
    {"replace-pathq", kRequest, compile_replace_target<TargetPart::PathAndQuery>},
    {"replace-uri", kRequest, compile_replace_target<TargetPart::Uri>},
    {"replace-value", kHttp, compile_replace_value},
    {"return", kRequest | kResponse, compile_return},
    {"set-header", kHttp, compile_set_header},
    {"set-log-level", kContent | kTcpResponse | kRequest | kResponse, compile_set_log_level},
    {"set-method", kRequest, compile_set_method},
    {"set-path", kRequest, compile_set_target<TargetPart::Path>},
    {"set-pathq", kRequest, compile_set_target<TargetPart::PathAndQuery>},
    {"set-query", kRequest, compile_set_target<TargetPart::Query>},
    {"set-status", kResponse | kAfter, compile_set_status},
    {"set-timeout", kRequest, compile_set_timeout},
    {"set-uri", kRequest, compile_set_target<TargetPart::Uri>},
    {"set-var", kTcp | kHttp, compile_set_var},
    {"set-var-fmt", kTcp | kHttp, compile_set_var_fmt},
    {"silent-drop", kTcp | kRequest | kResponse, compile_end<Verdict::Kind::SilentDrop>},
    {"strict-mode", kHttp, compile_strict_mode},
    {"switch-mode", kContent, compile_switch_mode},
    {"tarpit", kRequest, compile_tarpit},
    {"unset-var", kTcp | kHttp, compile_unset_var},
};

const ActionRow* find_action(std::string_view name) {
  for (const ActionRow& row : kActions) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

class RuleCompiler {
 public:
  RuleCompiler(Compiling& compiling, const Rule& rule, const Slots& slots)
      : compiling_(compiling), rule_(rule), slots_(slots) {}

  std::optional<Step> compile() {
    if (rule_.words.empty()) return complain(rule_.place, format("'{}' expects an action", name_of(rule_.set)));
    const Word& word = rule_.words[0];
    std::string_view name = word.text;
    std::string_view argument;
    if (const std::size_t open = name.find('('); open != std::string_view::npos) {
      if (!name.ends_with(')')) return complain(word.place, format("the parenthesis of '{}' is not closed", name));
      argument = name.substr(open + 1, name.size() - open - 2);
      name = name.substr(0, open);
    }
    if (name == "use-service") return warn_about_service();
    const ActionRow* row = find_action(name);
    if (row == nullptr || (row->sets & in(rule_.set)) == 0) return complain_about(name, row, word.place);
    const bool takes_argument = name.ends_with("-var") || name == "set-var-fmt";
    if (takes_argument != !argument.empty()) {
      return complain(word.place, takes_argument
                                      ? format("'{}' expects a variable in parentheses: {}(txn.name)", name, name)
                                      : format("'{}' takes no parentheses", name));
    }
    return compile_action(*row, argument);
  }

 private:
  std::nullopt_t complain(config::Place place, std::string text) {
    compiling_.diagnostics.add(place, std::move(text));
    return std::nullopt;
  }

  std::optional<Step> compile_action(const ActionRow& row, std::string_view argument) {
    const bool on_response = (in(rule_.set) & (kResponse | kAfter | kTcpResponse)) != 0;
    const std::size_t end = config::parts_of(rule_).condition;
    RuleWords words(compiling_, std::span<const Word>(rule_.words).subspan(1, end - 1), std::string(row.name));
    Work work{compiling_,
              rule_,
              words,
              slots_,
              argument,
              on_response ? Side::Response : Side::Request,
              available_to(rule_.set, compiling_.proxy->mode)};
    Step step;
    step.place = rule_.place;
    step.action = row.compile(work);
    if (step.action == nullptr) return std::nullopt;
    if (words.more()) {
      const Word& more = words.peek();
      constexpr std::string_view kConditions[] = {"if", "unless"};
      return complain(more.place,
                      format("'{}' is not understood behind '{}': 'if', 'unless' or the end of the line was expected{}",
                             more.text, row.name, hint(more.text, kConditions)));
    }
    const std::span<const Word> condition = std::span<const Word>(rule_.words).subspan(end);
    if (condition.empty()) return step;
    step.condition = compile_condition(compiling_, condition, work.available);
    if (step.condition == nullptr) return std::nullopt;
    return step;
  }

  std::optional<Step> complain_about(std::string_view name, const ActionRow* row, config::Place place) {
    const std::string_view set = name_of(rule_.set);
    if (row != nullptr) return complain(place, format("'{}' is no action of '{}'", name, set));
    if (const auto said = config::not_offered(config::NotOffered::Kind::Action, name))
      return complain(place, format("the action '{}' {}", name, *said));
    std::vector<std::string_view> names;
    for (const ActionRow& known : kActions) {
      if ((known.sets & in(rule_.set)) != 0) names.push_back(known.name);
    }
    return complain(place, format("'{}' is no action of '{}'{}", name, set, hint(name, names)));
  }

  std::optional<Step> warn_about_service() {
    const std::size_t end = config::parts_of(rule_).condition;
    RuleWords words(compiling_, std::span<const Word>(rule_.words).subspan(1, end - 1), "use-service");
    const Word* service = words.take("the name of a service");
    if (service == nullptr) return std::nullopt;
    if (service->text != "prometheus-exporter")
      return complain(service->place, format("there is no service '{}'", service->text));
    // What stands behind is checked all the same.
    if (words.more())
      return complain(words.peek().place,
                      format("'{}' is not understood behind the service's name", words.peek().text));
    const std::span<const Word> condition = std::span<const Word>(rule_.words).subspan(end);
    if (!condition.empty() &&
        compile_condition(compiling_, condition, available_to(rule_.set, compiling_.proxy->mode)) == nullptr)
      return std::nullopt;
    compiling_.diagnostics.warn(rule_.words[0].place,
                                "the service 'prometheus-exporter' is not offered yet: the rule has no effect");
    return std::nullopt;
  }

  Compiling& compiling_;
  const Rule& rule_;
  const Slots& slots_;
};

// Fields of an error file that the sender adds itself.
bool is_senders(std::string_view name) {
  return equal_nocase(name, "content-length") || equal_nocase(name, "connection") ||
         equal_nocase(name, "transfer-encoding") || equal_nocase(name, "date") || equal_nocase(name, "keep-alive");
}

std::string_view take_line(std::string_view& text) {
  std::string_view line = cut(text, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

std::optional<Step> compile_rule(Compiling& compiling, const Rule& rule, const Slots& slots) {
  return RuleCompiler(compiling, rule, slots).compile();
}

bool makes_slot(const Rule& rule) {
  if (rule.words.empty() || rule.words[0].text != "capture") return false;
  const bool for_request = rule.set == Rule::Set::HttpRequest || rule.set == Rule::Set::TcpContent;
  return for_request && rule.words.size() > 2 && rule.words[2].text == "len";
}

std::uint32_t length_of_slot(const Rule& rule) {
  const auto length = rule.words.size() > 3 ? parse_unsigned(rule.words[3].text) : std::nullopt;
  return length && *length <= 65535 ? static_cast<std::uint32_t>(*length) : 0;  // Another was complained about.
}

std::optional<ReplyTemplate> compile_error_reply(Compiling& compiling, std::uint16_t status,
                                                 std::span<const Word> words) {
  RuleWords cursor(compiling, words, "http-error");
  auto reply = ReplyCompiler(compiling, cursor, kForError).compile(status, false, true);
  if (reply) reply->available = kForError;
  return reply;
}

std::optional<ReplyTemplate> parse_error_file(Compiling& compiling, const std::string& path, config::Place place,
                                              std::uint16_t status) {
  const auto complain = [&](std::string text) {
    compiling.diagnostics.add(place, format("the error file '{}' {}", path, text));
    return std::nullopt;
  };
  const std::string* content = compiling.environment.content(path);
  if (content == nullptr) return complain("could not be read");
  ReplyTemplate reply;
  reply.status = status;
  if (content->empty()) {
    reply.silent = true;
    return reply;
  }
  std::string_view rest = *content;
  std::string_view reason = take_line(rest);
  const std::string_view version = cut(reason, ' ');
  const auto code = parse_unsigned(cut(reason, ' '));
  if (!version.starts_with("HTTP/1.") || !code || *code < 200 || *code > 599)
    return complain("does not begin with a status line such as 'HTTP/1.0 503 Service Unavailable'");
  reply.status = static_cast<std::uint16_t>(*code);
  reply.reason = std::string(reason);
  for (;;) {
    if (rest.empty()) return complain("has no empty line behind its header fields");
    const std::string_view line = take_line(rest);
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)) || !is_field_value(line))
      return complain(format("has a line that is no header field: '{}'", line));
    const std::string_view name = line.substr(0, colon);
    if (is_senders(name)) continue;
    reply.headers.push_back({std::string(name), plain_format(trim(line.substr(colon + 1)))});
  }
  reply.body = std::string(rest);
  return reply;
}

void collect_rule_files(const Rule& rule, std::vector<NamedFile>& files) {
  const config::RuleParts parts = config::parts_of(rule);
  for (const Word* file : parts.files) files.push_back({file->text, file->place});
  for (const Word& word : rule.words) collect_map_files(word, files);
  for (const config::ConditionTerm& term : config::terms_of(std::span(rule.words).subspan(parts.condition)))
    collect_acl_files(term.test, files);
}

void collect_reply_files(std::span<const Word> words, std::vector<NamedFile>& files) {
  for (const Word* file : config::files_of_reply(words)) files.push_back({file->text, file->place});
  for (const Word& word : words) collect_map_files(word, files);
}

}  // namespace penstock::rules
