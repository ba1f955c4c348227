#include "explanation_words.h"

#include <algorithm>

#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/config/secrets.h"

namespace penstock::explanation {
namespace {

constexpr std::string_view kHidden = "(hidden)";
constexpr std::size_t kMostShown = 300;

// Behind "acl <name>".
std::string criterion_of_acl(std::string_view line) {
  std::string text;
  const auto words = config::raw_words(line);
  for (std::size_t i = 2; i < words.size(); ++i) text += (text.empty() ? "" : " ") + std::string(words[i]);
  return text;
}

std::string criterion_in_braces(std::string_view line, std::uint32_t column) {
  // A reload may have kept what was compiled of a line that is indented otherwise now.
  if (column < 3 || column > line.size() || line[column - 3] != '{') return "{ ... }";
  const std::string_view rest = line.substr(column - 1);
  return config::without_secrets(format("{{ {} }}", trim(rest.substr(0, rest.find(" }")))));
}

std::string cut_to_show(std::string_view text) {
  return text.size() <= kMostShown ? std::string(text) : format("{}...", text.substr(0, kMostShown));
}

}  // namespace

void Words::hide(std::string_view secret) {
  constexpr std::size_t kTooShort = 3;  // To be told from other words.
  if (secret.size() >= kTooShort && secret.find(rules::kUnknownHere) == std::string_view::npos)
    secrets_.emplace_back(secret);
}

std::string Words::shown(std::string_view text) const {
  std::string out(text);
  for (const std::string& secret : secrets_) {
    for (std::size_t at = out.find(secret); at != std::string::npos; at = out.find(secret, at + kHidden.size()))
      out.replace(at, secret.size(), kHidden);
  }
  return cut_to_show(out);
}

std::string Words::shown(std::string_view name, std::string_view value) {
  if (!config::is_credential(name)) return shown(value);
  hide(value);
  return std::string(kHidden);
}

std::string Words::raw_line(const config::Place& place) const {
  const auto& lines = snapshot_.config.lines;
  if (place.line == 0 || place.file >= lines.size() || place.line > lines[place.file].size()) return "";
  return lines[place.file][place.line - 1];
}

std::string Words::place(const config::Place& place) const {
  if (place.line == 0 || place.file >= snapshot_.config.files.size()) return "";
  const std::string line = format("{}:{}", snapshot_.config.files[place.file], place.line);
  return place.column == 0 ? line : format("{}:{}", line, place.column);
}

std::string Words::place(const rules::RulePlace& place) const { return this->place(snapshot_.place_of(place)); }

std::string Words::line(const rules::RulePlace& place) const {
  return config::without_secrets(trim(raw_line(snapshot_.place_of(place))));
}

bool Words::asks_credential(const rules::RulePlace& place) const {
  return config::asks_credential(raw_line(snapshot_.place_of(place)));
}

std::string Words::test(const rules::Tested& told, const rules::RulePlace& rule) const {
  if (told.place.line == 0) return std::string(told.acl);  // It is built in.
  const config::Place at = snapshot_.place_of(told.place);
  const std::string line = raw_line(at);
  if (told.acl.empty()) return criterion_in_braces(line, at.column);
  const std::string more = told.alternatives > 1 ? format(", and {} before it", told.alternatives - 1) : "";
  const std::string where = at.file == snapshot_.place_of(rule).file ? format("line {}", at.line) : place(at);
  return format("{} ({}, {}{})", told.acl, criterion_of_acl(config::without_secrets(trim(line))), where, more);
}

std::string Words::values(const rules::Tested& told) const {
  if (told.values.empty()) return "there is none";
  if (told.place.line != 0 && asks_credential(told.place)) return std::string(kHidden);
  std::string text;
  for (const std::string& value : told.values) append_format(text, "{}\"{}\"", text.empty() ? "" : ", ", shown(value));
  return text;
}

// ---- What changes.

std::string text_of(const rules::Value& value) {
  switch (value.type) {
    case rules::Type::None:
      return "";
    case rules::Type::Bool:
      return value.integer != 0 ? "true" : "false";
    case rules::Type::Integer:
      return format("{}", value.integer);
    case rules::Type::Address: {
      char space[64];
      return std::string(value.ip.write(space));
    }
    case rules::Type::Text:
    case rules::Type::Binary:
      break;
  }
  return std::string(value.text);
}

namespace {

void add_variables(std::string_view scope, const rules::VariableSet& set,
                   std::vector<std::pair<std::string, std::string>>& out) {
  for (const rules::Variable& variable : set.items) {
    if (variable.value.type != rules::Type::None)
      out.emplace_back(format("{}.{}", scope, variable.name), text_of(variable.value));
  }
}

void add_captures(std::string_view side, std::span<const std::string_view> slots,
                  std::vector<std::pair<std::string, std::string>>& out) {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].data() != nullptr) out.emplace_back(format("{} capture {}", side, i), std::string(slots[i]));
  }
}

void add_fields(const Head* head, std::vector<std::pair<std::string, std::string>>& out) {
  if (head == nullptr) return;
  for (const Field& field : head->fields) out.emplace_back(field.name, field.value);
}

}  // namespace

Portrait::Portrait(rules::Subject& subject) {
  if (subject.request != nullptr) {
    lines_.emplace_back("method", subject.request->method);
    lines_.emplace_back("target", subject.request->target);
  }
  if (subject.response != nullptr && subject.response->status != 0)
    lines_.emplace_back("status", format("{}", subject.response->status));
  add_fields(subject.request, request_fields_);
  add_fields(subject.response, response_fields_);
  if (subject.client != nullptr && subject.client->variables)
    add_variables("sess", *subject.client->variables, variables_);
  add_variables("txn", subject.transaction, variables_);
  add_variables("req", subject.request_variables, variables_);
  add_variables("res", subject.response_variables, variables_);
  add_captures("request", subject.request_captures, captures_);
  add_captures("response", subject.response_captures, captures_);
  const rules::Effects& effects = subject.effects;
  for (const auto& [name, ms] : {std::pair<const char*, std::int64_t>{"timeout client", effects.timeout_client_ms},
                                 {"timeout server", effects.timeout_server_ms},
                                 {"timeout tunnel", effects.timeout_tunnel_ms}}) {
    if (ms >= 0) settings_.emplace_back(name, duration_text(static_cast<std::uint64_t>(ms)));
  }
  if (effects.log == rules::Effects::LogLevel::Silent) settings_.emplace_back("log", "silent");
  if (effects.log == rules::Effects::LogLevel::Set)
    settings_.emplace_back("log level", format("{}", static_cast<int>(effects.log_level)));
  if (effects.no_l7_retry) settings_.emplace_back("retries of the request", "none");
  if (effects.expect_proxy) settings_.emplace_back("a header of the PROXY protocol", "expected");
}

std::vector<std::string> Portrait::changes_to(const Portrait& now, Words& words, bool secret) const {
  std::vector<std::string> out;
  const auto shown = [&](const auto& one) {
    if (secret) words.hide(one.second);
    return secret ? std::string(kHidden) : words.shown(one.first, one.second);
  };
  const auto less = [](const Named& some, const Named& other) {
    Named left = some;
    for (const auto& one : other) {
      const auto found = std::find(left.begin(), left.end(), one);
      if (found != left.end()) left.erase(found);
    }
    return left;
  };
  const auto compare = [&](const Named& before, const Named& after, std::string_view what, std::string_view colon) {
    Named gone = less(before, after);
    for (const auto& one : less(after, before)) {
      const auto same = [&](const auto& other) { return equal_nocase(other.first, one.first); };
      const auto old = std::find_if(gone.begin(), gone.end(), same);
      std::string text = format("{}{}{} {}", what, one.first, colon, shown(one));
      if (old != gone.end()) {
        append_format(text, " (before: {})", words.shown(old->first, old->second));
        gone.erase(old);
      }
      out.push_back(std::move(text));
    }
    for (const auto& one : gone)
      out.push_back(format("{}{} goes (before: {})", what, one.first, words.shown(one.first, one.second)));
  };
  compare(lines_, now.lines_, "", " is now");
  compare(request_fields_, now.request_fields_, "request field ", ":");
  compare(response_fields_, now.response_fields_, "answer field ", ":");
  compare(variables_, now.variables_, "variable ", " =");
  compare(captures_, now.captures_, "", ":");
  compare(settings_, now.settings_, "", ":");
  return out;
}

}  // namespace penstock::explanation
