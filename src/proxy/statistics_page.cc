#include "penstock/proxy/statistics_page.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "form_text.h"
#include "made_text.h"
#include "penstock/base/format.h"
#include "penstock/base/text.h"
#include "penstock/config/model.h"
#include "penstock/net/digest.h"
#include "penstock/net/loop.h"
#include "penstock/proxy/statistics_text.h"
#include "statistics_assets.h"
#include "statistics_html.h"

namespace penstock::statistics_page {
namespace {

// The part of the target that says what is asked for.
std::string_view asked_of(const Head& request) { return rules::split_target(request.target).path_and_query; }

bool says(std::string_view asked, std::string_view word) { return asked.find(word) != std::string_view::npos; }

rules::Reply ask_for_password(std::string_view realm, Arena& arena) {
  rules::Reply reply = rules::Reply::of(401);
  const std::string_view value = arena.concat({"Basic realm=\"", realm, "\""});
  Field* field = static_cast<Field*>(arena.allocate(sizeof(Field) * 3, alignof(Field)));
  field[0] = {"WWW-Authenticate", value};
  field[1] = {"Cache-Control", "no-cache"};
  field[2] = {"Content-Type", "text/html"};
  reply.standard = false;
  reply.fields = {field, 3};
  reply.body = "<html><body><h1>401 Unauthorized</h1>\nThis asks for a user and a password.\n</body></html>\n";
  return reply;
}

// CSV, typed lines or JSON.
class TextService final : public Service {
 public:
  TextService(StatisticsForm form, std::uint64_t refresh_s, statistics::Walk walk)
      : form_(form),
        refresh_(refresh_s == 0 ? std::string() : format("{}", refresh_s)),
        text_(form, false, std::move(walk)) {}
  rules::Reply head(Arena& arena) override {
    rules::Reply reply;
    reply.status = 200;
    auto* fields = static_cast<Field*>(arena.allocate(sizeof(Field) * 3, alignof(Field)));
    fields[0] = {"Cache-Control", "no-cache"};
    fields[1] = {"Content-Type", form_ == StatisticsForm::Json ? "application/json" : "text/plain"};
    fields[2] = {"Refresh", refresh_};
    reply.fields = {fields, refresh_.empty() ? std::size_t{2} : std::size_t{3}};
    return reply;
  }
  Slice next(std::size_t room) override {
    while (more_ && made_.size() - given_ < room) more_ = text_.next(made_);
    return take_made(made_, given_, room);
  }
  bool ended() const override { return !more_ && made_.empty(); }

 private:
  const StatisticsForm form_;
  const std::string refresh_;
  StatisticsText text_;
  std::string made_;
  std::size_t given_ = 0;
  bool more_ = true;
};

std::int64_t now_s() { return Loop::wall_us() / 1'000'000; }

std::string_view outcome_of(std::string_view asked) {
  const std::size_t at = asked.find(";st=");
  return at == std::string_view::npos ? std::string_view() : asked.substr(at + 4, 4);
}

statistics::Filter filter_of(const Page& page, std::string_view asked) {
  statistics::Filter filter;
  filter.legends = page.line.show_legends;
  filter.up_only = says(asked, ";up");
  filter.no_maint = says(asked, ";no-maint");
  if (page.line.scope.empty()) return filter;
  filter.scope.emplace();
  for (const std::string& name : page.line.scope) filter.scope->push_back(name == "." ? std::string(page.proxy) : name);
  return filter;
}

Answer denial() {
  Answer denied;
  denied.reply = rules::Reply::of(403);
  denied.denied = true;
  return denied;
}

Answer resource(std::string_view type, std::string_view text, Arena& arena) {
  auto* fields = static_cast<Field*>(arena.allocate(sizeof(Field) * 2, alignof(Field)));
  fields[0] = {"Cache-Control", "max-age=3600"};
  fields[1] = {"Content-Type", type};
  Answer answer;
  answer.reply.status = 200;
  answer.reply.fields = {fields, 2};
  answer.reply.body = text;
  return answer;
}

// Who may not see it, or is to say first who it is.
bool refuses(const Page& page, rules::Subject& subject, Answer& out) {
  const bool known = is_known(page.line, *subject.request);
  const rules::StatsRule* rule = page.rules.find(subject);
  if (rule != nullptr && rule->kind == rules::StatsRule::Kind::Deny) return out = denial(), true;
  if (rule != nullptr && rule->kind == rules::StatsRule::Kind::Allow) return false;
  const bool asks = rule != nullptr || !page.line.users.empty();
  if (!asks || known) return false;
  out.reply = ask_for_password(rule != nullptr && !rule->realm.empty() ? rule->realm : page.line.realm, subject.arena);
  out.denied = true;
  return true;
}

// ---- Changes, as HAProxy's page and scripts send them: s=<server>&...&action=<action>&b=<backend or #number>.

std::string decoded(std::string_view text) { return decoded_form_text(text).value_or(std::string(text)); }

struct Form {
  std::vector<std::string> servers;
  std::string action, backend, token;
};

Form form_of(std::string_view body) {
  Form form;
  while (!body.empty()) {
    std::string_view value = cut(body, '&');
    const std::string_view name = cut(value, '=');
    if (name == "s") form.servers.push_back(decoded(value));
    if (name == "action") form.action = decoded(value);
    if (name == "b") form.backend = decoded(value);
    if (name == "token") form.token = decoded(value);
  }
  return form;
}

std::optional<ServerChange> change_of(std::string_view action) {
  ServerChange change;
  if (action == "ready" || action == "enable") change.administration = Administration::Ready;
  if (action == "drain") change.administration = Administration::Drain;
  if (action == "maint" || action == "disable") change.administration = Administration::Maintenance;
  if (action == "hrunn") change.operation = Operation::Up;
  if (action == "hnolb") change.operation = Operation::Drain;
  if (action == "hdown") change.operation = Operation::Down;
  if (action == "ehlth") change.checks = true;
  if (action == "dhlth") change.checks = false;
  const bool is_known = change.administration || change.operation || change.checks;
  return is_known ? std::optional(change) : std::nullopt;
}

const BackendPlan* backend_of(const Snapshot& snapshot, std::string_view name) {
  if (!name.starts_with('#')) return snapshot.backend(snapshot.backend_number(name));
  const auto number = parse_unsigned(name.substr(1));
  for (const auto& plan : snapshot.backends) {
    if (number && snapshot.backend_id(plan->number()) == *number) return plan.get();
  }
  return nullptr;
}

// ---- Where a form comes from. A browser says that: from another place it is nobody's wish, and it must have been shown
// our form, since what it says may be wrong behind others. Who says nothing is no browser.

constexpr std::int64_t kTokenLifeS = 86400;

bool is_browsers(const Head& request) {
  return request.find("sec-fetch-site") != nullptr || request.find("origin") != nullptr;
}

bool is_from_here(const Head& request) {
  const Field* site = request.find("sec-fetch-site");
  if (site != nullptr && site->value != "same-origin") return false;
  const Field* origin = request.find("origin");
  if (origin == nullptr) return true;
  std::string_view rest = origin->value;
  const std::size_t scheme = rest.find("://");
  const Field* host = request.find("host");
  return scheme != std::string_view::npos && host != nullptr && equal_nocase(rest.substr(scheme + 3), host->value);
}

// Good until that second, for the same section and the same user.
std::string token_of(const Page& page, const Head& request, const MacKey& key, std::int64_t until_s) {
  const Field* user = request.find("authorization");
  const std::string_view who = user == nullptr ? std::string_view() : user->value;
  return format("{}.{}", until_s, key.sign(format("{}\n{}\n{}", until_s, page.proxy, who)));
}

bool is_ours(const Page& page, const Head& request, const MacKey& key, std::string_view token, std::int64_t now_s) {
  std::string_view rest = token;
  const auto until_s = parse_integer(cut(rest, '.'));
  return until_s && *until_s >= now_s && is_same_secret(token, token_of(page, request, key, *until_s));
}

// Back to the page, which says how it went.
Answer sent_back(const Page& page, std::string_view how, Arena& arena) {
  auto* fields = static_cast<Field*>(arena.allocate(sizeof(Field) * 2, alignof(Field)));
  fields[0] = {"Cache-Control", "no-cache"};
  fields[1] = {"Location", arena.concat({page.line.uri, ";st=", how})};
  Answer answer;
  answer.reply.status = 303;
  answer.reply.fields = {fields, 2};
  return answer;
}

Answer change(const Page& page, const Body& body, const Snapshot& snapshot, const ProcessState& process,
              rules::Subject& subject) {
  Arena& arena = subject.arena;
  const Head& request = *subject.request;
  if (!page.rules.may_change(subject) || !is_from_here(request)) return sent_back(page, "DENY", arena);
  if (!body.whole) return sent_back(page, "EXCD", arena);
  const Form form = form_of(body.text);
  if (is_browsers(request) && !is_ours(page, request, process.page_key, form.token, now_s()))
    return sent_back(page, "AGED", arena);
  const std::optional<ServerChange> change = change_of(form.action);
  const BackendPlan* backend = backend_of(snapshot, form.backend);
  if (!change || backend == nullptr) return sent_back(page, "ERRP", arena);
  std::vector<Wanted> wanted;
  for (const std::string& name : form.servers) {
    if (snapshot.find_server(backend->balance.name, name) != nullptr)
      wanted.push_back({backend->balance.name, name, *change});
  }
  const bool all = wanted.size() == form.servers.size();
  Answer answer = sent_back(page, wanted.empty() ? "NONE" : all ? "DONE" : "PART", arena);
  answer.wanted = std::move(wanted);
  return answer;
}

}  // namespace

bool is_known(const config::StatsPage& page, const Head& request) {
  const Field* field = request.find("authorization");
  if (field == nullptr) return false;
  std::string_view value = trim(field->value);
  if (!equal_nocase(cut(value, ' '), "basic")) return false;
  value = trim(value);
  bool known = false;
  for (const auto& [user, password] : page.users)
    known = is_same_secret(value, base64_of(user + ":" + password)) || known;
  return known;
}

bool is_asked_for(const config::StatsPage& page, const Head& request) {
  const bool may = request.method == "GET" || request.method == "HEAD" || request.method == "POST";
  return may && asked_of(request).starts_with(page.uri);
}

namespace {

Visit visit_of(const Page& page, std::string_view asked, const ProcessState& process, rules::Subject& subject) {
  Visit visit;
  visit.may_change = page.rules.may_change(subject);
  if (visit.may_change) visit.token = token_of(page, *subject.request, process.page_key, now_s() + kTokenLifeS);
  visit.live = !says(asked, ";norefresh");
  visit.refresh_s = visit.live ? page.line.refresh_s : 0;
  visit.outcome = outcome_of(asked);
  return visit;
}

}  // namespace

Answer answer(const Page& page, const Body& body, std::shared_ptr<const Snapshot> snapshot, const ProcessState& process,
              std::uint64_t now_ms, rules::Subject& subject) {
  Answer out;
  if (refuses(page, subject, out)) return out;
  if (subject.request->method == "POST") return change(page, body, *snapshot, process, subject);
  const std::string_view asked = asked_of(*subject.request).substr(page.line.uri.size());
  const std::uint64_t refresh_s = says(asked, ";norefresh") ? 0 : page.line.refresh_s;
  const auto walk = [&] { return statistics::Walk(snapshot, process, now_ms, filter_of(page, asked)); };
  const auto text = [&](StatisticsForm form) { return std::make_unique<TextService>(form, refresh_s, walk()); };
  if (asked == ";css") return resource("text/css", style(), subject.arena);
  if (asked == ";js") return resource("text/javascript", script(), subject.arena);
  if (says(asked, ";csv"))
    out.service = text(StatisticsForm::Csv);
  else if (says(asked, ";json"))
    out.service = text(StatisticsForm::Json);
  else if (says(asked, ";typed"))
    out.service = text(StatisticsForm::Typed);
  else
    out.service = make_html(page.line, visit_of(page, asked, process, subject), snapshot, process, now_ms,
                            filter_of(page, asked));
  return out;
}

}  // namespace penstock::statistics_page
