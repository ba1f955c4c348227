// What rules are asked beside their programs: which backend, which server, what is captured, which page answers.
#include <algorithm>

#include "acl.h"
#include "penstock/base/text.h"
#include "penstock/config/settings.h"
#include "penstock/http/cookies.h"
#include "penstock/rules/compile.h"
#include "rule_index.h"
#include "use_backend.h"

namespace penstock::rules {

namespace {

const ReplyTemplate* find_error(const ErrorReplies& errors, std::uint16_t status) {
  const auto at = errors.find(status);
  return at == errors.end() ? nullptr : &at->second;
}

std::span<std::string_view> make_slots(Arena& arena, std::size_t count) {
  if (count == 0) return {};
  auto* slots =
      static_cast<std::string_view*>(arena.allocate(count * sizeof(std::string_view), alignof(std::string_view)));
  for (std::size_t i = 0; i < count; ++i) new (&slots[i]) std::string_view();
  return {slots, count};
}

// The last field of that name, whole but for its length.
void capture_field(Subject& subject, const Head& head, const config::Capture& capture, std::string_view& slot) {
  for (std::size_t i = head.fields.size(); i-- > 0;) {
    const Field& field = head.fields[i];
    if (!equal_nocase(field.name, capture.header)) continue;
    const std::string_view value = field.value.substr(0, capture.length);
    slot = value.empty() ? std::string_view("") : subject.arena.copy(value);
    return;
  }
}

// The first cookie that begins as the capture says, as "name=value".
void capture_cookie(Subject& subject, const cookies::Cookie& cookie, const config::Capture& capture,
                    std::string_view& out) {
  const std::string_view wanted = capture.header;
  if (!out.empty() || !cookie.is_pair || (!cookie.name.starts_with(wanted) && !wanted.starts_with(cookie.name))) return;
  const std::string_view text = subject.arena.concat({cookie.name, "=", cookie.value});
  if (text.starts_with(wanted)) out = text.substr(0, capture.length);
}

}  // namespace

const StatsRule* StatsRules::find(Subject& subject) const {
  const auto found = std::find_if(request.begin(), request.end(),
                                  [&](const StatsRule& rule) { return rule.condition.holds(subject); });
  return found == request.end() ? nullptr : &*found;
}

const StatsRule* StatsRules::find(Subject& subject, Witness& witness) const {
  const auto found = std::find_if(request.begin(), request.end(),
                                  [&](const StatsRule& rule) { return rule.condition.holds(subject, witness); });
  return found == request.end() ? nullptr : &*found;
}

bool StatsRules::may_change(Subject& subject) const {
  return std::any_of(admin.begin(), admin.end(), [&](const Condition& condition) { return condition.holds(subject); });
}

bool FrontendRules::asks_back_address() const {
  return log.asks_back_address() || error_log.asks_back_address() || log_sd.asks_back_address();
}
bool FrontendRules::asks_log_counter() const {
  return log.asks_log_counter() || error_log.asks_log_counter() || log_sd.asks_log_counter();
}

void FrontendRules::begin(Subject& subject, std::size_t uri_limit) const {
  subject.request_captures = make_slots(subject.arena, request_lengths_.size());
  subject.response_captures = make_slots(subject.arena, response_lengths_.size());
  subject.request_capture_lengths = request_lengths_;
  subject.response_capture_lengths = response_lengths_;
  if (subject.request == nullptr) return;
  const char first = subject.request->target.empty() ? '/' : subject.request->target[0];
  subject.to_proxy = use_proxy_header && first != '/' && first != '*';
  remember_request_line(subject, uri_limit);
  for (std::size_t i = 0; i < captures.size(); ++i) {
    if (captures[i].side != config::Capture::Side::Request) continue;
    capture_field(subject, *subject.request, captures[i], subject.request_captures[capture_slots_[i]]);
  }
  if (!cookie_capture) return;
  for (const Field& field : subject.request->fields) {
    if (!equal_nocase(field.name, "cookie")) continue;
    cookies::Cookie cookie;
    for (std::size_t at = 0; cookies::next(field.value, at, cookie);) {
      capture_cookie(subject, cookie, *cookie_capture, subject.log.request_cookie);
    }
  }
}

void FrontendRules::capture_response(Subject& subject) const {
  if (subject.response == nullptr) return;
  for (std::size_t i = 0; i < captures.size(); ++i) {
    if (captures[i].side != config::Capture::Side::Response || capture_slots_[i] >= subject.response_captures.size())
      continue;
    capture_field(subject, *subject.response, captures[i], subject.response_captures[capture_slots_[i]]);
  }
  if (!cookie_capture) return;
  for (const Field& field : subject.response->fields) {
    if (!equal_nocase(field.name, "set-cookie")) continue;
    const auto cookie = cookies::set_by(field.value);
    if (cookie) capture_cookie(subject, *cookie, *cookie_capture, subject.log.response_cookie);
  }
}

void FrontendRules::make_unique_id(Subject& subject) const {
  if (unique_id.empty()) return;
  prepare(subject, acls_.get(), kForRequest);
  subject.unique_id = unique_id.expand(subject);
}

int FrontendRules::backend_of(const UseBackend& use, Subject& subject) const {
  if (use.backend >= 0) return use.backend;
  const std::string_view name = use.name.expand(subject);
  const int named = subject.numbers == nullptr ? -1 : subject.numbers->backend_named(name);
  // The manual: a name that is no backend's ends the choice, and default_backend applies.
  return named < 0 ? default_backend_ : named;
}

int FrontendRules::choose_backend(Subject& subject) const {
  if (use_backend_index_ == nullptr || use_backend_index_->stale()) {
    for (const UseBackend& use : use_backend_) {
      if (use.condition.holds(subject)) return backend_of(use, subject);
    }
    return default_backend_;
  }
  RuleIndex::Walk walk = use_backend_index_->may_hold(subject);
  for (std::uint32_t rule = 0; walk.next(rule);) {
    if (use_backend_[rule].condition.holds(subject)) return backend_of(use_backend_[rule], subject);
  }
  return default_backend_;
}

int FrontendRules::choose_backend(Subject& subject, Witness& witness) const {
  for (const UseBackend& use : use_backend_) {
    if (!use.condition.holds(subject, witness)) continue;
    const int chosen = backend_of(use, subject);
    witness.on_done(false);
    return chosen;
  }
  return default_backend_;
}

bool FrontendRules::monitor_fails(Subject& subject) const {
  return std::any_of(monitor_fail_.begin(), monitor_fail_.end(),
                     [&](const Condition& condition) { return condition.holds(subject); });
}

bool FrontendRules::monitor_fails(Subject& subject, Witness& witness) const {
  return std::any_of(monitor_fail_.begin(), monitor_fail_.end(),
                     [&](const Condition& condition) { return condition.holds(subject, witness); });
}

const ReplyTemplate* FrontendRules::error(std::uint16_t status) const { return find_error(errors_, status); }

int BackendRules::choose_server(Subject& subject) const {
  for (const UseServer& use : use_server_) {
    if (use.condition.holds(subject)) return use.server;
  }
  return -1;
}

int BackendRules::choose_server(Subject& subject, Witness& witness) const {
  for (const UseServer& use : use_server_) {
    if (use.condition.holds(subject, witness)) return use.server;
  }
  return -1;
}

Persistence BackendRules::persistence(Subject& subject) const {
  for (const PersistRule& rule : persist_) {
    if (rule.condition.holds(subject)) return rule.persistence;
  }
  return Persistence::Usual;
}

Persistence BackendRules::persistence(Subject& subject, Witness& witness) const {
  for (const PersistRule& rule : persist_) {
    if (rule.condition.holds(subject, witness)) return rule.persistence;
  }
  return Persistence::Usual;
}

const ReplyTemplate* BackendRules::error(std::uint16_t status) const { return find_error(errors_, status); }

}  // namespace penstock::rules
